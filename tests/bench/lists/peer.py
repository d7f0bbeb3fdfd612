"""The same list through pyarrow's and pandas' CSV readers, one thread: peer.py LIST.tsv pyarrow|pandas. Prints a line of JSON.

A reader does less than bench_list: it splits and converts; it checks no URL, cleans no caption and says of no row why it is bad.
Filtered: similarity > 0.3 and punsafe < 0.5.
"""
import json
import resource
import sys
import time

path = sys.argv[1]
which = sys.argv[2]
begin = time.perf_counter()
rows = kept = 0
if which == "pyarrow":
    import pyarrow
    import pyarrow.compute as compute
    import pyarrow.csv

    pyarrow.set_cpu_count(1)
    options = pyarrow.csv.ParseOptions(delimiter="\t")
    with pyarrow.csv.open_csv(path, pyarrow.csv.ReadOptions(use_threads=False, block_size=1 << 20), options) as reader:
        for batch in reader:
            rows += batch.num_rows
            mask = compute.and_(compute.greater(batch["similarity"], 0.3), compute.less(batch["punsafe"], 0.5))
            kept += batch.filter(mask).num_rows
else:
    import pandas

    for frame in pandas.read_csv(path, sep="\t", chunksize=100_000):
        rows += len(frame)
        kept += len(frame[(frame.similarity > 0.3) & (frame.punsafe < 0.5)])
seconds = time.perf_counter() - begin
print(json.dumps({"reader": which, "rows": rows, "kept": kept, "seconds": round(seconds, 3), "rows_per_second": round(rows / seconds),
                  "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
