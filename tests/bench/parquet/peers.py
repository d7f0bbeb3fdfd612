"""peers.py write ROWS | read FILE: a list as web datasets have it under several codecs and encodings; pyarrow's speed on it."""
import json
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TRIES = 5


def table_of(rows):
    rng = np.random.default_rng(7)
    words = np.array(['a', 'photo', 'of', 'the', 'red', 'fox', 'in', 'snow', 'old', 'house', 'by', 'sea', 'two', 'people', 'walking', 'dog'])
    picked = rng.integers(0, len(words), (rows, 12))
    lengths = rng.integers(4, 12, rows)
    captions = [' '.join(words[picked[i, :lengths[i]]]) for i in range(rows)]
    captions = [None if i % 50 == 0 else caption for i, caption in enumerate(captions)]
    urls = [f'https://images{n % 97}.example.org/{n:08x}/{i}.jpg' for i, n in enumerate(rng.integers(0, 2 ** 31, rows))]
    return pa.table({'url': urls, 'caption': captions, 'licence': np.array(['cc-by', 'cc0', 'unknown', '?'])[rng.integers(0, 4, rows)],
                     'width': pa.array(rng.integers(64, 4000, rows), pa.int64()),
                     'similarity': pa.array(rng.random(rows), pa.float64()), 'punsafe': pa.array(rng.random(rows), pa.float32()),
                     'aesthetic': pa.array(np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)), pa.float32(), from_pandas=True)})


def write(rows):
    table = table_of(rows)
    for codec in ('none', 'snappy', 'zstd'):
        pq.write_table(table, f'{codec}_dictionary.parquet', compression=codec)
        pq.write_table(table, f'{codec}_plain.parquet', compression=codec, use_dictionary=False)


def whole(path):
    return pq.read_table(path, use_threads=False).num_rows


def batches(path):
    return sum(batch.num_rows for batch in pq.ParquetFile(path).iter_batches(use_threads=False))


def read(path):
    pa.set_cpu_count(1)
    best = {}
    for _ in range(TRIES):
        for name, function in (('read_table', whole), ('iter_batches', batches)):
            start = time.process_time()
            rows = function(path)
            best[name] = max(best.get(name, 0), rows / (time.process_time() - start))
    for name, speed in best.items():
        print(json.dumps({'bench': 'parquet', 'reader': f'pyarrow {pa.__version__} {name}', 'file': path, 'rows_per_second': round(speed)}))


if sys.argv[1] == 'write':
    write(int(sys.argv[2]))
else:
    read(sys.argv[2])
