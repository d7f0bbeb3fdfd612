"""FAISS on the rows and queries of bench_index_curve, k = 10, one thread, one query a call: queries a second of the thread's processor
time (so that other work on the machine counts little) and of the clock, recall@10 against its exact search.
usage: peers.py ROWS.npy QUERIES.npy [QUERIES [flat,ivfsq8,ivfflat,hnsw]]     needs numpy, faiss-cpu"""
import json
import sys
import time

import faiss
import numpy

faiss.omp_set_num_threads(1)
rows = numpy.ascontiguousarray(numpy.load(sys.argv[1]), dtype=numpy.float32)
queries = numpy.ascontiguousarray(numpy.load(sys.argv[2]), dtype=numpy.float32)
queries = queries[: int(sys.argv[3]) if len(sys.argv) > 3 else 1000]
wanted = sys.argv[4].split(",") if len(sys.argv) > 4 else ["flat", "ivfsq8", "ivfflat", "hnsw"]
k, (count, dim) = 10, rows.shape
flat = faiss.IndexFlatIP(dim)
flat.add(rows)
truth = numpy.concatenate([flat.search(queries[i : i + 100], k)[1] for i in range(0, len(queries), 100)])


def measure(index, what, few=None, **more):
    asked = queries[:few]
    index.search(asked[:1], k)
    cpu, wall = time.thread_time(), time.perf_counter()
    found = [index.search(query[None], k)[1][0] for query in asked]
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    recall = numpy.mean([len(set(a) & set(b)) / k for a, b in zip(found, truth)])
    print(json.dumps(dict(peer=what, recall=round(float(recall), 4), qps_cpu=round(len(asked) / cpu, 1), qps_wall=round(len(asked) / wall, 1), **more)), flush=True)


def build(work):
    cpu = time.process_time()
    work()
    return round(time.process_time() - cpu, 2)


if "flat" in wanted:
    measure(flat, "faiss flat", 100)
lists = int(4 * count**0.5)
for name, kind in (("ivfsq8", "SQ8"), ("ivfflat", "Flat")):
    if name in wanted:
        index = faiss.index_factory(dim, f"IVF{lists},{kind}", faiss.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid = 5
        cpu = build(lambda: (index.train(rows), index.add(rows)))
        for probes in (1, 4, 8, 12, 16, 32, 64):
            faiss.extract_index_ivf(index).nprobe = probes
            measure(index, f"faiss ivf{lists},{kind.lower()} nprobe{probes}", build_cpu_s=cpu)
if "hnsw" in wanted:
    index = faiss.IndexHNSWFlat(dim, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 100
    cpu = build(lambda: index.add(rows))
    for ef in (16, 32, 64, 128, 256, 512):
        index.hnsw.efSearch = ef
        measure(index, f"faiss hnsw16 ef{ef}", build_cpu_s=cpu)
