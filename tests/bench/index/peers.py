"""One peer on the rows and queries of bench_index_curve: k = 10, one thread, one query a call; queries a second of the thread's
processor time and of the clock, recall@10 against TRUTH.npy, processor seconds of the build, its memory and what it writes to disk.
usage: peers.py ROWS.npy QUERIES.npy TRUTH.npy flat|ivfsq8|ivfflat|hnsw|hnswlib|usearch-f16|usearch-i8|sqlite-vec
needs numpy and the peer; files in the working folder. JSON lines."""
import json
import os
import sys
import time

import numpy

rows = numpy.ascontiguousarray(numpy.load(sys.argv[1]), dtype=numpy.float32)
queries = numpy.load(sys.argv[2]).astype(numpy.float32)[:1000]
truth, name = numpy.load(sys.argv[3]), sys.argv[4]
k, (count, dim) = 10, rows.shape
build_s, memory, size = 0.0, 0.0, 0


def own_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


def measure(setting, search, few=None):
    asked = queries[:few]
    search(asked[0])
    for _ in range(1 if few else 2):
        cpu, wall = time.thread_time(), time.perf_counter()
        found = [search(query) for query in asked]
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    recall = sum(len(set(map(int, a)) & set(b)) for a, b in zip(found, truth.tolist())) / (k * len(asked))
    print(json.dumps(dict(engine=name, rows=count, dim=dim, setting=setting, recall=round(recall, 4), qps_cpu=round(len(asked) / cpu, 1), qps_wall=round(len(asked) / wall, 1),
                          build_cpu_s=build_s, memory_mib=round(memory, 1), bytes=size)), flush=True)


def build(work):
    global build_s, memory
    before, cpu = own_memory(), time.process_time()
    made = work()
    build_s, memory = round(time.process_time() - cpu, 2), own_memory() - before
    return made


def filled(index):
    index.add(rows)
    return index


def with_faiss():
    global size
    import faiss

    faiss.omp_set_num_threads(1)
    if name == "flat":
        index, settings = build(lambda: filled(faiss.IndexFlatIP(dim))), [None]
    elif name == "hnsw":
        index = faiss.IndexHNSWFlat(dim, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 100
        build(lambda: filled(index))
        settings = [16, 32, 64, 128, 256, 512]
    else:
        index = faiss.index_factory(dim, f"IVF{int(4 * count**0.5)},{'SQ8' if name == 'ivfsq8' else 'Flat'}", faiss.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid = 5
        build(lambda: (index.train(rows), index.add(rows)))
        settings = [1, 4, 8, 12, 16, 32, 64, 128]
    faiss.write_index(index, "peer.faiss")
    size = os.path.getsize("peer.faiss")
    for setting in settings:
        if name == "hnsw":
            index.hnsw.efSearch = setting
        elif setting:
            faiss.extract_index_ivf(index).nprobe = setting
        measure(setting, lambda query: index.search(query[None], k)[1][0], None if setting else 100)


def with_hnswlib():
    global size
    import hnswlib

    index = hnswlib.Index("ip", dim)
    index.init_index(count, ef_construction=100, M=16)
    index.set_num_threads(1)
    build(lambda: index.add_items(rows, numpy.arange(count)))
    index.save_index("peer.hnswlib")
    size = os.path.getsize("peer.hnswlib")
    for setting in (16, 32, 64, 128, 256, 512):
        index.set_ef(setting)
        measure(setting, lambda query: index.knn_query(query, k)[0][0])


def with_usearch():
    global size
    from usearch.index import Index

    index = Index(ndim=dim, metric="cos", dtype=name[8:], connectivity=16, expansion_add=100)
    build(lambda: index.add(numpy.arange(count), rows, threads=1))
    index.save("peer.usearch")
    size = os.path.getsize("peer.usearch")
    for setting in (32, 64, 128, 256, 512):
        index.expansion_search = setting
        measure(setting, lambda query: index.search(query, k, threads=1).keys)


def with_sqlite_vec():
    global size
    import apsw
    import sqlite_vec

    if os.path.exists("peer.db"):
        os.remove("peer.db")
    database = apsw.Connection("peer.db")
    database.enable_load_extension(True)
    database.load_extension(sqlite_vec.loadable_path())
    database.execute(f"CREATE VIRTUAL TABLE v USING vec0(e float[{dim}] distance_metric=cosine)")
    build(lambda: [database.execute("BEGIN"), database.executemany("INSERT INTO v(rowid, e) VALUES(?, ?)", ((i, row.tobytes()) for i, row in enumerate(rows))), database.execute("COMMIT")])
    size = os.path.getsize("peer.db")
    measure(None, lambda query: [row[0] for row in database.execute("SELECT rowid FROM v WHERE e MATCH ? AND k = 10 ORDER BY distance", (query.tobytes(),))], 30)


{"hnswlib": with_hnswlib, "usearch-f16": with_usearch, "usearch-i8": with_usearch, "sqlite-vec": with_sqlite_vec}.get(name, with_faiss)()
