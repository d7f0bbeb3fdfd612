"""What the tests of downloads need beside a shell.

make FOLDER COUNT          PNG pictures 0.png, 1.png, ... of different sizes and colours
settled DATASET            the URLs of rows that have settled: in finished shards and tables, and whole in spools
asked ACCESS_LOG SKIP      the paths asked for after the first SKIP lines, one a line
kill DATASET MOMENT SECONDS COMMAND...
                           runs and kills it: after the seconds (time), or when a shard is being written (writing) or just
                           stands (standing); prints what was left, exits as the command did
lying FOLDER               pictures that lie about themselves, and bombs
"""
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, rows, level=6):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, level)) + chunk(b"IEND", b"")


def make(folder, count):
    os.makedirs(folder, exist_ok=True)
    for number in range(count):
        width, height = 40 + number % 37, 30 + number % 23
        state = number * 2654435761 + 1
        rows = bytearray()
        for y in range(height):
            rows.append(0)
            for x in range(width):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                rows += bytes((x * 6 & 255, (y * 8 + number) & 255, state >> 23))
        with open(f"{folder}/{number}.png", "wb") as file:
            file.write(png(width, height, bytes(rows)))


def spooled(path):
    """Whole records of a spool (crawler-import/download/spool.c)."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while len(data) - at >= 72:
        sizes = struct.unpack_from("<8I", data, at + 8)
        end = at + 72 + sum(sizes)
        if data[at : at + 4] != b"TlSp" or end > len(data):
            return
        start = at + 72 + sum(sizes[:3])
        yield json.loads(data[start : start + sizes[3]])["url"]
        at = end


def settled(dataset):
    for name in sorted(os.listdir(dataset)):
        path = f"{dataset}/{name}"
        if name.endswith(".tar"):
            with tarfile.open(path) as shard:
                for member in shard:
                    if member.name.endswith(".json"):
                        yield json.load(shard.extractfile(member))["url"]
        elif name.endswith(".jsonl"):
            with open(path, encoding="utf-8") as lines:
                yield from (json.loads(line)["url"] for line in lines)
        elif name.startswith(".spool"):
            for spool in sorted(os.listdir(path)):
                if spool.endswith(".spool"):
                    yield from spooled(f"{path}/{spool}")


def shards_of(dataset, ending):
    return {name for name in os.listdir(dataset) if name.endswith(ending) and ".tar" in name} if os.path.isdir(dataset) else set()


def kill(dataset, moment, seconds, command):
    """kill -9 after so many seconds, or once a shard is being written or stands under its name; says what that left behind."""
    before = shards_of(dataset, ".tar")
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + seconds
    while run.poll() is None:
        is_time = moment == "time" and time.monotonic() >= until
        is_writing = moment == "writing" and shards_of(dataset, ".tmp")
        is_standing = moment == "standing" and shards_of(dataset, ".tar") - before
        if is_time or is_writing or is_standing:
            run.kill()
    if run.wait() >= 0:
        return run.returncode
    print(left_by(dataset))
    return 128 - run.returncode


def left_by(dataset):
    stand = shards_of(dataset, ".tar")
    if shards_of(dataset, ".tmp"):
        return "a shard half written"
    known = 0
    if os.path.exists(f"{dataset}/ledger.db"):
        with tempfile.TemporaryDirectory() as folder:  # a copy, for a look would change its log
            for name in ("ledger.db", "ledger.db-wal"):
                if os.path.exists(f"{dataset}/{name}"):
                    shutil.copy(f"{dataset}/{name}", folder)
            ledger = sqlite3.connect(f"{folder}/ledger.db")
            if ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'shards'").fetchone():
                known = ledger.execute("SELECT count(*) FROM shards").fetchone()[0]
            ledger.close()
    if len(stand) > known:
        return "a shard that the ledger does not know"
    return "some shards" if stand else "rows" if os.path.isdir(dataset) else "nothing"


def lying(folder):
    os.makedirs(folder, exist_ok=True)
    files = {
        # 50,000 x 50,000 pixels in a kilobyte, and in what deflate makes of nothing.
        "huge.png": png(50000, 50000, b"\0" * 700),
        "wide.png": png(1 << 30, 1, b"\0" * 100),
        "bomb.png": png(12000, 12000, b"\0" * (12000 * 36001), 9),
        "cut.png": png(60, 60, bytes(60 * 181))[:-40],
        "empty.png": b"",
        "page.png": b"<!DOCTYPE html><html><body>not here</body></html>",
        "noise.png": bytes((i * 7919 >> 3) & 255 for i in range(3000)),
        "gif.png": b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(40),
    }
    for name, data in files.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(data)


def main():
    command = sys.argv[1]
    if command == "make":
        make(sys.argv[2], int(sys.argv[3]))
    elif command == "lying":
        lying(sys.argv[2])
    elif command == "kill":
        sys.exit(kill(sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5:]))
    elif command == "settled":
        print("\n".join(sorted(set(settled(sys.argv[2])))))
    elif command == "asked":
        with open(sys.argv[2], encoding="utf-8") as log:
            lines = log.read().split("\n")[int(sys.argv[3]) :]
        print("\n".join(sorted({line.split(" ")[1] for line in lines if " " in line})))


main()
