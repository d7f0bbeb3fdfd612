"""The virtual table beside sqlite-vec, through apsw, one query a call, k = 10: inserts, exact and divided searches, searches under a
condition that half, 5 %, 0.5 % and 0.05 % of the rows fulfil (recall against a full sort of those). Databases in the working folder.
usage: sql.py twinlens_sqlite.so ROWS.npy QUERIES.npy [QUERIES]     needs numpy and apsw; sqlite-vec where it is there. JSON lines"""
import json, os, sys, time
import apsw, numpy as np

extension, rows_path, queries_path = sys.argv[1:4]
rows, queries = np.load(rows_path), np.load(queries_path).astype(np.float32)[: int(sys.argv[4]) if len(sys.argv) > 4 else 300]
rows /= np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True).astype(rows.dtype)
exact = rows.astype(np.float32)
count, dim = rows.shape
buckets = np.random.default_rng(5).permutation(count) % 2000


def say(**what):
    print(json.dumps({"bench": "sql", "rows": count, "dim": dim, **what}), flush=True)


def truth(query, mask=None):
    scores = exact @ query
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return set(np.argsort(-scores, kind="stable")[:10].tolist())


def measure(name, connection, sql, mask=None, arguments=()):
    cursor = connection.cursor()
    blobs = [query.tobytes() for query in queries]
    for blob in blobs[:5]:
        cursor.execute(sql, (blob, *arguments)).fetchall()
    start, found = time.perf_counter(), []
    for blob in blobs:
        found.append({row[0] for row in cursor.execute(sql, (blob, *arguments))})
    seconds = time.perf_counter() - start
    wanted = [truth(query, mask) for query in queries[:100]]
    recall = np.mean([len(a & b) / len(b) for a, b in zip(found, wanted)])
    say(what=name, qps=round(len(blobs) / seconds, 1), recall=round(float(recall), 4), results=min(len(f) for f in found))


def fill(connection, sql, extra):
    cursor = connection.cursor()
    start = time.perf_counter()
    cursor.execute("BEGIN")
    cursor.executemany(sql, ((i, exact[i].tobytes(), *extra(i)) for i in range(count)))
    cursor.execute("COMMIT")
    return round(count / (time.perf_counter() - start))


def database(path):
    for ending in ("", "-wal", "-shm", "-journal"):
        if os.path.exists(path + ending):
            os.remove(path + ending)
    connection = apsw.Connection(path)
    connection.execute("PRAGMA page_size=16384; PRAGMA journal_mode=wal; PRAGMA mmap_size=2147418112")
    connection.enable_load_extension(True)
    return connection


connection = database("twinlens.db")
connection.load_extension(extension)
connection.execute(f"CREATE VIRTUAL TABLE v USING twinlens(dim={dim}, ann=manual, bucket INTEGER INDEXED)")
say(what="twinlens insert", rows_per_s=fill(connection, "INSERT INTO v(rowid, embedding, bucket) VALUES(?, ?, ?)", lambda i: (int(buckets[i]),)))
search = "SELECT rowid FROM v WHERE embedding MATCH ? AND k = 10"
measure("twinlens undivided", connection, search)
for part in (1000, 100, 10, 1):
    measure(f"twinlens undivided, {part / 20} %", connection, search + " AND bucket < ?", buckets < part, (part,))
start = time.perf_counter()
connection.execute("INSERT INTO v(v) VALUES('build')")
say(what="twinlens build", seconds=round(time.perf_counter() - start, 2))
measure("twinlens exact", connection, search + " AND exact = 1")
for probes in (0, 16, 48):
    measure(f"twinlens probes {probes}", connection, search + f" AND probes = {probes}")
for part in (1000, 100, 10, 1):
    measure(f"twinlens divided, {part / 20} %", connection, search + " AND bucket < ?", buckets < part, (part,))
try:
    import sqlite_vec
except ImportError:
    sys.exit()
connection = database("sqlite-vec.db")
sqlite_vec.load(connection)
connection.execute(f"CREATE VIRTUAL TABLE v USING vec0(embedding float[{dim}] distance_metric=cosine, bucket INTEGER)")
say(what="sqlite-vec insert", rows_per_s=fill(connection, "INSERT INTO v(rowid, embedding, bucket) VALUES(?, ?, ?)", lambda i: (int(buckets[i]),)))
queries = queries[:30]
measure("sqlite-vec", connection, search)
for part in (1000, 1):
    measure(f"sqlite-vec, {part / 20} %", connection, search + " AND bucket < ?", buckets < part, (part,))
