"""check_pixels.py DRIVER: every Tux Paint stamp decoded and framed, against Pillow: sizes and all pixels equal."""
import pathlib
import subprocess
import sys
import zlib

from PIL import Image, ImageOps

STAMPS = pathlib.Path("/usr/share/tuxpaint/stamps")
SIDE = 64


def over_white(image):
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def frame(image):
    scale = SIDE / max(image.size)
    small = image.resize([max(1, round(s * scale)) for s in image.size], Image.BICUBIC)
    white = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    white.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return white


paths = sorted(STAMPS.rglob("*.png"))
if not paths:
    print(f"skipped: no pictures in {STAMPS} (package tuxpaint-stamps-default)")
    sys.exit(77)
lines = subprocess.run([sys.argv[1]], input="\n".join(map(str, paths)) + "\n", capture_output=True, text=True, check=True).stdout.split("\n")
wrong = 0
for path, line in zip(paths, lines):
    image = over_white(ImageOps.exif_transpose(Image.open(path)))
    expected = f"{image.width} {image.height} {zlib.adler32(image.tobytes())} {zlib.adler32(frame(image).tobytes())}"
    if line != expected:
        wrong += 1
        print(f"{path}: expected {expected}, found {line}")
print(f"{len(paths)} pictures compared, {wrong} differ")
sys.exit(1 if wrong else 0)
