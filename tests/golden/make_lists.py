"""Lists written by other people's writers, and the rows that are in them: fixtures/lists.

Needs pandas, pyarrow and zstandard (tests/golden/MANIFEST has the versions). Made-up rows only. What is expected comes from the
rows that were written, never from reading the files again; captions are " ".join(text.split()).
"""
import csv
import gzip
import io
import json
import pathlib
import random

import pandas
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import zstandard

OUT = pathlib.Path(__file__).parent / "fixtures" / "lists"
OUT.mkdir(parents=True, exist_ok=True)
rng = random.Random(3)
PIECES = ["a fox", "the \"red\" house", "tab\there", "two\nlines", "naïve café", "東京タワー", "comma, inside", "semi;colon", "'quoted'",
          "100% | pipe", "back\\slash", "emoji 🦊", "{\"json\": 1}", "[list]", "trailing ", " leading", "5\" nail", "a\u00a0b", "\"start"]


def caption():
    return " ".join(rng.choices(PIECES, k=rng.randint(1, 3)))


def rows(count, make_caption=caption):
    return [{"url": f"https://example.org/{i}/é,{i}.jpg?x=1&y=%20" if i % 7 == 0 else f"http://img{i % 3}.example.com/{i}.png",
             "caption": make_caption(), "similarity": round(rng.uniform(0.1, 0.5), 6), "width": rng.randint(1, 4000),
             "nsfw": rng.choice(["UNLIKELY", "UNSURE", None])} for i in range(count)]


def clean(text):
    return " ".join(text.split())


expected = []


def expect(name, items, keep="", where="", **options):
    """items: (url, [captions], kept or None)"""
    expected.append({"file": name, "options": dict(options), "keep": keep, "where": where,
                     "rows": [{"url": u, "captions": [clean(c) for c in cs], "kept": k} for u, cs, k in items]})


def plain(items, names=()):
    return [(r["url"], [r["caption"]], {n: r[n] for n in names} if names else None) for r in items]


# csv module
items = rows(12)
for name, dialect in (("excel.csv", "excel"), ("unix.csv", "unix"), ("excel.tsv", "excel-tab")):
    with open(OUT / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(items[0]), dialect=dialect)
        writer.writeheader()
        writer.writerows(items)
    expect(name, plain(items))
items = rows(9)
with open(OUT / "bom.csv", "w", newline="", encoding="utf-8-sig") as file:
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["Alt", "URL", "similarity"])
    writer.writerows([r["caption"], r["url"], r["similarity"]] for r in items)
expect("bom.csv", plain(items, ["similarity"]), keep="similarity")
expect("bom.csv", [r for r in plain(items, ["similarity"]) if r[2]["similarity"] > 0.3], keep="similarity",
       where="similarity > 0.3")

# headerless, as CC3M and CC12M are: nothing is quoted, so captions hold no tab and no line end
items = rows(10, lambda: clean(caption()))
(OUT / "cc3m.tsv").write_text("".join(f"{r['caption']}\t{r['url']}\n" for r in items), encoding="utf-8")
expect("cc3m.tsv", plain(items))
expect("cc3m.tsv", plain(items), format="cc3m")
(OUT / "cc12m.tsv").write_text("".join(f"{r['url']}\t{r['caption']}\n" for r in items), encoding="utf-8")
expect("cc12m.tsv", plain(items), format="cc12m")
(OUT / "cc12m.data").write_bytes(gzip.compress((OUT / "cc12m.tsv").read_bytes(), mtime=0))  # the name tells nothing
expect("cc12m.data", plain(items))
(OUT / "urls.txt").write_text("".join(r["url"] + "\r\n" for r in items), encoding="utf-8")
expect("urls.txt", [(r["url"], [], None) for r in items])

# pandas
items = rows(11)
frame = pandas.DataFrame(items)
numbers = ["similarity", "width"]
frame.to_csv(OUT / "pandas.csv", index=False)
expect("pandas.csv", plain(items, numbers), keep="similarity, width")
frame.to_csv(OUT / "pandas.tsv.gz", sep="\t", index=True, compression={"method": "gzip", "mtime": 0})
expect("pandas.tsv.gz", plain(items, numbers), keep="similarity,width")
frame.to_json(OUT / "pandas_records.json", orient="records")
frame.to_json(OUT / "pandas_lines.jsonl", orient="records", lines=True)
frame.to_json(OUT / "pandas_columns.json")
frame.to_csv(OUT / "pandas.csv.zst", index=False, compression="zstd")
expect("pandas.csv.zst", plain(items, numbers), keep="similarity,width")
for name in ("pandas_records.json", "pandas_lines.jsonl", "pandas_columns.json"):
    expect(name, plain(items, ["similarity", "width", "nsfw"]), keep="*")
    expect(name, [r for r in plain(items, ["width"]) if r[2]["width"] % 2 == 1], keep="width", where="width % 2 = 1")
    expect(name, [r for r, i in zip(plain(items), items) if i["nsfw"] == "UNLIKELY"], where="NSFW = 'UNLIKELY'")

# pyarrow
table = pyarrow.Table.from_pylist([{"URL": r["url"], "TEXT": r["caption"], "HEIGHT": r["width"], "NSFW": r["nsfw"],
                                    "similarity": r["similarity"]} for r in items])
pyarrow.parquet.write_table(table, OUT / "laion.parquet", compression="snappy", row_group_size=4)
expect("laion.parquet", plain(items), format="laion")
expect("laion.parquet", [(r["url"], [r["caption"]], {"similarity": r["similarity"], "NSFW": r["nsfw"]}) for r in items],
       keep="similarity,NSFW")
expect("laion.parquet", [r for r, i in zip(plain(items), items) if i["similarity"] < 0.25 or i["nsfw"] is None],
       where="similarity < 0.25 OR NSFW IS NULL")
pyarrow.csv.write_csv(table, OUT / "arrow.csv")
expect("arrow.csv", plain(items))
several = [[caption() for _ in range(rng.randint(1, 4))] for _ in items]
digests = ["%064x" % rng.getrandbits(256) for _ in items]
table = pyarrow.Table.from_pylist([{"uid": i, "url": r["url"], "captions": c, "sha256": d}
                                   for i, (r, c, d) in enumerate(zip(items, several, digests))])
pyarrow.parquet.write_table(table, OUT / "several.parquet", compression="zstd")
expect("several.parquet", [(r["url"], c, {"uid": i}) for i, (r, c) in enumerate(zip(items, several))], keep="uid")
expected[-1]["digests"] = digests

# json module
redcaps = {"info": {"version": "1.0", "subreddits": ["foxes"]}, "licenses": [{"url": "http://no.picture/", "id": 1}],
           "annotations": [{"image_id": f"x{i}", "author": "somebody", "url": r["url"], "raw_caption": r["caption"].upper(),
                            "caption": r["caption"], "subreddit": ["foxes", "animals"], "score": r["width"],
                            "created_utc": 1500000000 + i} for i, r in enumerate(items)]}
(OUT / "redcaps.json").write_text(json.dumps(redcaps), encoding="utf-8")
expect("redcaps.json", [(r["url"], [r["caption"]], {"score": r["width"], "subreddit": ["foxes", "animals"]}) for r in items],
       keep="score,subreddit", format="redcaps")
(OUT / "sbu.json.zst").write_bytes(zstandard.compress(json.dumps({"image_urls": [r["url"] for r in items],
                                                                  "user_ids": [f"{i}@N0" for i in range(len(items))],
                                                                  "captions": [r["caption"] for r in items]}).encode()))
expect("sbu.json.zst", [(r["url"], [r["caption"]], {"user_ids": f"{i}@N0"}) for i, r in enumerate(items)], keep="*", format="sbu")
with gzip.GzipFile(OUT / "lines.jsonl.gz", "wb", mtime=0) as file:
    for r in items:
        file.write((json.dumps(r, ensure_ascii=False) + "\n").encode())
expect("lines.jsonl.gz", plain(items, ["nsfw"]), keep="nsfw")

# COCO: annotations in an order of their own, a picture without any, and both orders of the members
images = [{"license": 4, "file_name": f"{i:012d}.jpg", "coco_url": f"http://images.cocodataset.org/val2017/{i:012d}.jpg",
           "height": 480, "width": 640, "id": i * 7} for i in range(6)]
annotations = [{"image_id": i * 7, "id": 100 + 5 * i + k, "caption": caption() + "\n"} for i in range(5) for k in range(i)]
rng.shuffle(annotations)
texts = {i["id"]: [a["caption"] for a in annotations if a["image_id"] == i["id"]] for i in images}
coco_rows = [(i["coco_url"], texts[i["id"]], {"height": 480}) for i in images]
head = {"info": {"description": "made up", "url": "http://cocodataset.org"}, "licenses": [{"url": "http://l", "id": 1, "name": "l"}]}
(OUT / "captions_val2017.json").write_text(json.dumps({**head, "images": images, "annotations": annotations}), encoding="utf-8")
(OUT / "coco_turned.json").write_text(json.dumps({"annotations": annotations, **head, "images": images}, indent=1), encoding="utf-8")
for name in ("captions_val2017.json", "coco_turned.json"):
    expect(name, coco_rows, keep="height", format="coco")
    expect(name, [r for r in coco_rows if len(r[1]) >= 2], keep="height", where="json_array_length(captions) >= 2")

# Karpathy
images = [{"filepath": "val2014", "sentids": [i], "filename": f"COCO_val2014_{i:012d}.jpg", "imgid": i,
           "split": rng.choice(["train", "test"]), "cocoid": i,
           "sentences": [{"tokens": ["a"], "raw": caption(), "imgid": i, "sentid": k} for k in range(5)]} for i in range(5)]
(OUT / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}), encoding="utf-8")
karpathy = [(f"http://images.cocodataset.org/val2014/{i['filename']}", [s["raw"] for s in i["sentences"]], {"split": i["split"]})
            for i in images]
expect("dataset_coco.json", karpathy, keep="split", format="karpathy")
expect("dataset_coco.json", [r for r in karpathy if r[2]["split"] == "train"], keep="split", where="split = 'train'")

# for test_byte_stream.c: files to be cut short, several members and frames, and 256 MiB in one row
many = [f"http://a/{i}\tcaption {i % 97}\n".encode() for i in range(20000)]
half = len(many) // 2
(OUT / "many.tsv.gz").write_bytes(b"".join(gzip.compress(b"".join(part), mtime=0) for part in (many[:half], many[half:])))
(OUT / "many.tsv.zst").write_bytes(b"".join(zstandard.compress(b"".join(part)) for part in (many[:half], many[half:])))
compressor = zstandard.ZstdCompressor(level=19).compressobj()
bomb = compressor.compress(b"http://a/1\tbefore\nhttp://a/2\t")
for _ in range(256):
    bomb += compressor.compress(b"x" * (1 << 20))
(OUT / "bomb.tsv.zst").write_bytes(bomb + compressor.compress(b"\nhttp://a/3\tafter\n") + compressor.flush())

(OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
print(len(expected), "lists,", sum(p.stat().st_size for p in OUT.iterdir()), "bytes")
