"""Copies of pictures, changed as people and websites change them, and how well `twinlens dedup` finds them: precision (of the members
that join a group, those whose first shows the same picture) and recall (of the copies, those in their original's group) for
thresholds of both ways. usage: dedup.py TWINLENS MODEL FOLDER SCRATCH [PICTURES]     needs Pillow. Prints a table"""
import json, pathlib, random, subprocess, sys
from PIL import Image, ImageEnhance

twinlens, model, folder, scratch = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
most = int(sys.argv[5]) if len(sys.argv) > 5 else 400


def scaled(image, factor):
    return image.resize((max(8, round(image.width * factor)), max(8, round(image.height * factor))), Image.LANCZOS)


def cropped(image, part):
    x, y = round(image.width * part / 2), round(image.height * part / 2)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES = {
    "quality 75": (lambda image: image, 75), "quality 30": (lambda image: image, 30), "half size": (lambda image: scaled(image, 0.5), 85),
    "double size": (lambda image: scaled(image, 2), 85), "5 % cropped": (lambda image: cropped(image, 0.05), 90),
    "15 % cropped": (lambda image: cropped(image, 0.15), 90), "brighter": (lambda image: ImageEnhance.Brightness(image).enhance(1.15), 90),
    "grey": (lambda image: image.convert("L").convert("RGB"), 90),
}


def make():
    pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    random.Random(7).shuffle(pictures)
    (scratch / "pictures").mkdir(parents=True)
    for number, path in enumerate(pictures[:most]):
        image = Image.open(path).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        image.save(scratch / "pictures" / f"{number:05d}.png")
        for name, (change, quality) in CHANGES.items():
            change(image).save(scratch / "pictures" / f"{number:05d} {name}.jpg", quality=quality)
    return len(pictures[:most])


def groups(*options):
    out = subprocess.run([twinlens, "dedup", "--json", "--index", scratch / "index.db", *options], check=True, capture_output=True, text=True)
    found = {}
    for line in out.stdout.splitlines():
        member = json.loads(line)
        found.setdefault(member["group"], []).append(pathlib.Path(member["path"]).stem)
    return found.values()


def measure(way, *options):
    right = joined = 0
    together = {name: 0 for name in CHANGES}
    for names in groups(*options):
        first = names[0][:5]
        joined += len(names) - 1
        right += sum(name[:5] == first for name in names[1:])
        for name in names:
            if name[:5] in names and len(name) > 5:
                together[name[6:]] += 1
    recall = sum(together.values()) / (count * len(CHANGES))
    parts = " | ".join(f"{together[name] / count:.2f}" for name in CHANGES)
    print(f"| {way} | {right / max(1, joined):.4f} | {recall:.3f} | {parts} |", flush=True)


count = make()
subprocess.run([twinlens, "index", scratch / "pictures", "--model", model, "--index", scratch / "index.db"], check=True, capture_output=True)
print(f"{count} pictures of {folder.name}, {len(CHANGES)} copies each")
print("| threshold | precision | recall | " + " | ".join(CHANGES) + " |")
print("| --- " * (3 + len(CHANGES)) + "|")
for bits in (2, 4, 8, 12, 16, 24, 32, 48):
    measure(f"hash {bits}", "--by", "hash", "--bits", str(bits))
for cosine in (0.995, 0.99, 0.98, 0.97, 0.96, 0.95, 0.93, 0.9, 0.85):
    measure(f"cosine {cosine}", "--threshold", str(cosine))
