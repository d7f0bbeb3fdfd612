"""The ten best rows of each of the first thousand queries by FAISS flat, part by part: TRUTH.npy, int32.
usage: truth.py ROWS.npy QUERIES.npy TRUTH.npy [STEP]     only every STEPth row counts, others are taken as deleted"""
import sys

import faiss
import numpy

rows = numpy.load(sys.argv[1], mmap_mode="r")
queries = numpy.load(sys.argv[2]).astype(numpy.float32)[:1000]
kept = numpy.arange(0, len(rows), int(sys.argv[4]) if len(sys.argv) > 4 else 1)
scores, found = numpy.empty((len(queries), 0), numpy.float32), numpy.empty((len(queries), 0), numpy.int64)
for part in numpy.array_split(kept, max(1, len(kept) // 100000)):
    flat = faiss.IndexFlatIP(rows.shape[1])
    flat.add(numpy.asarray(rows[part], dtype=numpy.float32))
    more, places = flat.search(queries, 10)
    scores, found = numpy.concatenate([scores, more], 1), numpy.concatenate([found, part[places]], 1)
    best = numpy.argsort(-scores, axis=1, kind="stable")[:, :10]
    scores, found = numpy.take_along_axis(scores, best, 1), numpy.take_along_axis(found, best, 1)
numpy.save(sys.argv[3], found.astype(numpy.int32))
