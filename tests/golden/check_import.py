"""check_import.py DRIVER SCRATCH: shards that we write, read by the webdataset package, by tarfile and by tar.

Synthetic pictures with names and captions that are hard on a tar: not ASCII, long, with spaces, in folders. Every reader must find the same
samples in the same order, the pictures' bytes must be those of the files, and a second import must give the same bytes.
"""
import io, json, pathlib, shutil, subprocess, sys, tarfile
import numpy
import webdataset
from PIL import Image

driver, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(scratch / "import", ignore_errors=True)
pictures, dataset = scratch / "import" / "pictures", scratch / "import" / "dataset"
names = ["plain", "two words/a fox", "\u72d0\u72f8/\u8d64\u3044\u72d0", "v1.0/fox.small", "d" * 120 + "/" + "n" * 90, "n" * 200, "\u00fc" * 90, "-dash", "a'b\"c#d"]
forms = ["PNG", "JPEG", "WEBP", "BMP", "GIF"]
written = []
for i, name in enumerate(names + [f"many/{i:04d}" for i in range(60)]):
    pixels = numpy.random.default_rng(i).integers(0, 256, (3 + i % 5, 4, 3), dtype=numpy.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, forms[i % 5])
    path = pictures / f"{name}.{forms[i % 5].lower()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stream.getvalue())
    caption = f"caption {i} \u72d0 \"q\" \\ / \u00fc"
    path.with_name(path.name.rsplit(".", 1)[0] + ".txt").write_text(caption + "\n", encoding="utf-8")
    if i % 3 == 0:
        path.with_name(path.name.rsplit(".", 1)[0] + ".cls").write_text(str(i))
    written.append((stream.getvalue(), caption, i if i % 3 == 0 else -1))


def run(out):
    return subprocess.run([driver, out, "16", "0.25", pictures], check=True, capture_output=True, text=True, encoding="utf-8").stdout


ours = [json.loads(line) for line in run(dataset).splitlines()]
shards = sorted(dataset.glob("*.tar"))
assert len(ours) == len(written) and len(shards) == 5, (len(ours), len(shards))
assert sorted(str(p) for p in dataset.iterdir()) == sorted([*map(str, shards), str(dataset / "ledger.db")])

theirs = list(webdataset.WebDataset([str(s) for s in shards], shardshuffle=False, empty_check=False))
assert [s["__key__"] for s in theirs] == [o["key"] for o in ours]
by_picture = {w[0]: w for w in written}
splits = set()
for sample, known in zip(theirs, ours):
    extension = next(e for e in ("png", "jpg", "webp", "bmp", "gif") if e in sample)
    picture, caption, label = by_picture.pop(sample[extension])
    about = json.loads(sample["json"])
    assert sample["txt"].decode() == about["caption"] == about["captions"][0] == known["caption"] == caption
    assert int(sample.get("cls", b"-1")) == about.get("label", -1) == known["label"] == label
    assert about["key"] == known["key"] and about["split"] == known["split"] and about["xxh128"] == known["hash"]
    with Image.open(io.BytesIO(picture)) as image:
        assert (about["width"], about["height"]) == image.size
        assert {"jpg": "JPEG"}.get(extension, extension.upper()) == image.format
    splits.add(about["split"])
assert not by_picture and splits == {"train", "held-out"}, splits

for shard in shards:
    with tarfile.open(shard) as tar:
        members = tar.getmembers()
    for member in members:
        assert member.isfile() and (member.uid, member.gid, member.mtime, member.mode) == (0, 0, 0, 0o644) and not member.pax_headers
    listed = subprocess.run(["tar", "--quoting-style=literal", "-tf", shard], check=True, capture_output=True)
    assert listed.stderr == b"" and listed.stdout.decode().splitlines() == [m.name for m in members]

run(scratch / "import" / "again")
for shard in shards:
    assert shard.read_bytes() == (scratch / "import" / "again" / shard.name).read_bytes()
print(f"{len(theirs)} samples in {len(shards)} shards are the same to webdataset, tarfile, tar and us")
