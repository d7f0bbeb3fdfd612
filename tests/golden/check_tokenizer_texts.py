"""Captions that the checks of tokenizers compare: Tux Paint's stamps in all languages, and the shared data beside the checkout."""
import glob, json, pathlib, tarfile

STAMPS = "/usr/share/tuxpaint/stamps"
SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
SETS = ("fashion/fashion-train-00000", "fashion/fashion-val-00000", "flickr8k/flickr8k-val-00000", "coco-mini/coco-mini-val-00000",
        "emoji/emoji-train-00000", "emoji/emoji-val-00000")


def stamp_captions():
    for path in sorted(glob.glob(STAMPS + "/**/*.txt", recursive=True)):
        for line in open(path, encoding="utf-8", errors="ignore"):
            language, equals, text = line.rstrip("\n").partition(".utf8=")
            yield text if equals else language


def texts_within(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_within(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_within(inner)


def shard_captions(sets=SETS):
    for name in sets:
        path = SHARED / (name + ".tar.gz")
        if not path.exists():
            print(f"left out: shared data {name} is not here")
            continue
        with tarfile.open(path) as shard:
            for member in shard:
                if member.name.endswith(".txt"):
                    yield shard.extractfile(member).read().decode("utf-8", "ignore")
                elif member.name.endswith(".json"):
                    yield from texts_within(json.load(shard.extractfile(member)))
