"""make_import.py: golden values for crawler-import, into fixtures/import/.

Made with Python 3.11.7 (csv module, str.split), webdataset 1.0.2, pillow 13.0.0, numpy 2.4.6. All pictures are synthetic.
  white_space.json   texts and " ".join(text.split())
  tables.json        table texts, and the rows that Python's csv module reads in them, with the line each row begins on
  written.tar        samples written by webdataset.TarWriter; written.tar.gz the same through gzip
  written.json       what is in them: key, hex of the picture's bytes, captions, label, split
"""
import csv, gzip, io, json, pathlib, random
import numpy
import webdataset
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parent / "fixtures" / "import"
OUT.mkdir(parents=True, exist_ok=True)


def write_json(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, indent=0) + "\n")


# White space: every character that Unicode or anyone else takes for it, alone and in runs.
spaces = [9, 10, 11, 12, 13, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200D), 0x2028, 0x2029, 0x202F, 0x205F,
          0x2060, 0x3000, 0xFEFF, 0x180E, 0x1D, 0x7F]
texts = [f"{chr(s)}a{chr(s)}{chr(s)} b {chr(s)}" for s in spaces]
rng = random.Random(7)
texts += ["".join(rng.choice([chr(rng.choice(spaces)), "a", "\u00fc", "\u72d0", "\U0001f98a"]) for _ in range(30)) for _ in range(40)]
write_json("white_space.json", [[t, " ".join(t.split())] for t in texts])


def rows_of(text, delimiter):
    """Python's rows, blank ones left out, fields without surrounding blanks, with the line each begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, before = [], 0
    for fields in reader:
        if fields and not (len(fields) == 1 and not fields[0].strip(" \t")):
            rows.append({"line": before + 1, "fields": [f.strip(" \t") for f in fields]})
        before = reader.line_num
    return rows


tables = [
    (",", "image,caption\na.png,a fox\n"),
    (",", "image,caption\r\na.png,a fox\r\nb.png,\"two\r\nlines\"\r\nc.png,after\r\n"),
    (",", "image,caption\ra.png,old mac\rb.png,x\r"),
    (",", "image,caption\na.png,\"a \"\"quoted\"\" fox\"\nb.png,\"comma, inside\"\n"),
    (",", "image,caption\n\n\na.png,blank lines before\n   \nb.png,and between\n\n"),
    (",", "image,caption\na.png,no newline at the end"),
    (",", "image,caption\na.png,\n,\n\"\",\"\"\n"),
    (",", "image,caption\na.png\nb.png,x,y\nc.png,z\n"),
    (",", "image,caption\na.png,5\" nail\nb.png,it's \"so\"\n"),
    (",", "image,caption\na.png,\"open\nto the end\nof it"),
    (",", "image,caption\na.png,\"\"\"\"\nb.png,\"a\n\nb\"\nc.png,line count\n"),
    ("\t", "image\tcaption\na.png\ta, fox\nb.png\t\"tab\there\"\nc.png\t\n"),
    (";", "image;caption\na.png;a, fox\nb.png;\"semi;colon\"\n"),
    ("|", "image|caption\na.png|a;b,c\n"),
    (",", "image,caption\n\u00fc.png,\u72d0\u72f8 \U0001f98a\n"),
]
pieces = ["a", "b c", ",", ";", "\t", "\"", "\"\"", "\n", "\r\n", "\r", "\u00fc", "\u72d0", "x", "'"]
for seed in range(60):
    rng = random.Random(seed)
    delimiter = rng.choice(",;\t|")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=rng.choice(["\n", "\r\n"]), quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    for _ in range(rng.randint(1, 8)):
        writer.writerow(["x" + "".join(rng.choice(pieces) for _ in range(rng.randint(0, 6))) + "x" for _ in range(rng.randint(1, 4))])
    tables.append((delimiter, stream.getvalue()))
write_json("tables.json", [{"delimiter": d, "text": t, "rows": rows_of(t, d)} for d, t in tables])


def picture(seed, form):
    pixels = numpy.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=numpy.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


samples = [
    {"__key__": "0001", "jpg": picture(1, "JPEG"), "txt": "a plain caption"},
    {"__key__": "folder/0002", "png": picture(2, "PNG"), "txt": "in a folder", "cls": 7},
    {"__key__": "0003", "webp": picture(3, "WEBP"), "json": {"captions": ["first", "second"], "split": "test", "label": 3}},
    {"__key__": "0004", "gif": picture(4, "GIF"), "json": {"caption": "from json", "url": "http://example.org/4.gif"}, "cls": 2},
    {"__key__": "\u72d0\u72f8", "bmp": picture(5, "BMP"), "txt": "\u8d64\u3044\u72d0"},
    {"__key__": "l" * 120 + "/" + "k" * 130, "png": picture(6, "PNG"), "txt": "a name too long for ustar"},
    {"__key__": "0007", "txt": "no picture here"},
    {"__key__": "0008", "png": picture(8, "PNG")},
]
stream = io.BytesIO()
with webdataset.TarWriter(stream, mtime=0, user="nobody", group="nobody") as writer:
    for sample in samples:
        writer.write(sample)
(OUT / "written.tar").write_bytes(stream.getvalue())
(OUT / "written.tar.gz").write_bytes(gzip.compress(stream.getvalue(), mtime=0))

expected = []
for sample in samples:
    form = next((f for f in ("jpg", "png", "webp", "gif", "bmp") if f in sample), None)
    about = sample.get("json", {})
    captions = [sample["txt"]] if "txt" in sample else about.get("captions") or ([about["caption"]] if "caption" in about else [])
    expected.append({
        "key": sample["__key__"],
        "picture": sample[form].hex() if form else "",
        "captions": captions,
        "label": sample.get("cls", about.get("label", -1)),
        "split": about.get("split", ""),
        "url": about.get("url", ""),
        "reason": "no picture" if form is None else "" if captions else "no caption",
    })
write_json("written.json", expected)
print({p.name: p.stat().st_size for p in sorted(OUT.iterdir())})
