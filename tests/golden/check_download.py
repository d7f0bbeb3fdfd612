"""check_download.py TWINLENS SCRATCH: a downloaded dataset as img2dataset's users read theirs.

Shards by the webdataset package and tables by pyarrow: keys of shard and place, members and columns of img2dataset's names, pictures to the
byte, failed rows in the table only. The server is Python's own, in this process.
"""
import hashlib, json, pathlib, shutil, struct, subprocess, sys, zlib
import pyarrow.parquet
import webdataset
from picture_server import serve

twinlens, scratch = sys.argv[1], pathlib.Path(sys.argv[2]) / "download"
shutil.rmtree(scratch, ignore_errors=True)
scratch.mkdir(parents=True)
ROWS, SHARD = 57, 10


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def picture(number):
    width, height = 20 + number % 7, 12 + number % 5
    rows = b"".join(b"\0" + bytes((number + x * y) & 255 for x in range(3 * width)) for y in range(height))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def answer(path):
    number = int(path.strip("/"))
    return None if number % 9 == 4 else picture(number)


site = serve(answer)
rows = [
    {"url": f"{site}/{n}", "caption": f"caption {n} \u72d0 \"q\" \\ \u00fc", "similarity": n / 64, "rank": n, "lang": "xx" if n % 2 else None}
    for n in range(ROWS)
]
(scratch / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
code = subprocess.run(
    [twinlens, "import", scratch / "list.jsonl", "-o", scratch / "dataset", "--shard-size", str(SHARD), "--table", "parquet", "--keep", "*",
     "--allow-private", "--host-rate", "0"],
    env={"PATH": "/usr/bin:/bin"},
).returncode
assert code == 3, code  # some rows are gone

good = [n for n in range(ROWS) if n % 9 != 4]
shards = sorted((scratch / "dataset").glob("*.tar"))
assert [s.name for s in shards] == [f"{i:05d}.tar" for i in range(6)]
samples = list(webdataset.WebDataset([str(s) for s in shards], shardshuffle=False, empty_check=False))
assert [s["__key__"] for s in samples] == [f"{n // SHARD:05d}{n % SHARD:01d}" for n in good]
for number, sample in zip(good, samples):
    about = json.loads(sample["json"])
    body = picture(number)
    width, height = struct.unpack(">II", body[16:24])
    assert sample["png"] == body and sample["txt"].decode() == rows[number]["caption"]
    for name, value in {**rows[number], "key": sample["__key__"], "status": "success", "error_message": None, "width": width, "height": height,
                        "original_width": width, "original_height": height, "sha256": hashlib.sha256(body).hexdigest()}.items():
        assert about.get(name) == value, (name, about.get(name), value)
    assert json.loads(about["exif"]) == {}

table = pyarrow.concat_tables(
    [pyarrow.parquet.read_table(path) for path in sorted((scratch / "dataset").glob("*.parquet"))], promote_options="default"
)
read = table.to_pylist()
assert len(read) == ROWS
for number, row in enumerate(read):
    failed = number % 9 == 4
    assert row["url"] == rows[number]["url"] and row["caption"] == rows[number]["caption"] and row["rank"] == number
    assert row["similarity"] == rows[number]["similarity"] and row["lang"] == rows[number]["lang"]
    assert row["status"] == ("failed_to_download" if failed else "success")
    assert row["error_message"] == ("status 404" if failed else None)
    assert (row["width"] is None) == failed and (row["sha256"] is None) == failed
for name, kind in {"width": "int64", "original_height": "int64", "key": "string", "rank": "int64", "similarity": "double"}.items():
    assert str(table.schema.field(name).type) == kind, (name, table.schema.field(name).type)
print(f"{len(samples)} samples in {len(shards)} shards and {len(read)} rows of tables are the same to webdataset, pyarrow and us")
