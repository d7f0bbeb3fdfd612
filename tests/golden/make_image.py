"""Writes fixtures/image: small synthetic pictures in every format and what Pillow and open_clip make of them.

Made with Pillow 13.0.0 (libjpeg-turbo 3.2.0, libwebp 1.6.0), open_clip 3.3, torch 2.15, numpy.
index.txt has one line per case:
    decode  FILE WIDTH HEIGHT MIN_SIDE            expected pixels in FILE.rgb (FILE.sN.rgb with a MIN_SIDE of N)
    resize  WIDTH HEIGHT LEFT TOP RIGHT BOTTOM FILTER OUT   source.rgb (61 x 47) -> OUT
    recipe  MODE FILTER SIZE SOURCE_WIDTH SOURCE_HEIGHT SOURCE OUT [FLOATS]
Everything is generated: no picture of the world is in it.
"""
import os
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps

warnings.filterwarnings("ignore")
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "image")
os.makedirs(HERE, exist_ok=True)
for name in os.listdir(HERE):
    os.remove(os.path.join(HERE, name))
index = []


def path(name):
    return os.path.join(HERE, name)


def picture(width, height, seed=1):
    """Gradients, waves and noise, so that every filter and predictor has something to do."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 255 * x / max(1, width - 1)
    green = 127 + 120 * np.sin(x / 3.0) * np.cos(y / 5.0)
    blue = 255 * (((x // 7 + y // 5) % 2) > 0)
    noise = rng.randint(-25, 26, (height, width, 3))
    return np.clip(np.stack([red, green, blue], -1) + noise, 0, 255).astype(np.uint8)


def over_white(image):
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def expect(name, pixels, min_side=0):
    pixels = np.asarray(pixels)
    assert pixels.dtype == np.uint8 and pixels.ndim == 3
    suffix = ".rgb" if min_side == 0 else ".s%d.rgb" % min_side
    pixels.tofile(path(name + suffix))
    index.append("decode %s %d %d %d" % (name, pixels.shape[1], pixels.shape[0], min_side))


def expect_from_pillow(name):
    with Image.open(path(name)) as image:
        image.load()
        expect(name, over_white(ImageOps.exif_transpose(image)))


def save(name, image, **options):
    image.save(path(name), **options)
    expect_from_pillow(name)


# JPEG
base = Image.fromarray(picture(35, 21))
save("444.jpg", base, quality=90, subsampling=0)
save("422.jpg", base, quality=90, subsampling=1)
save("420.jpg", base, quality=80, subsampling=2)
save("progressive.jpg", base, quality=80, progressive=True)
save("restart.jpg", base, quality=80, restart_marker_blocks=2)
save("optimized_odd.jpg", Image.fromarray(picture(1, 5)), quality=80, optimize=True)
save("grey.jpg", base.convert("L"), quality=85)
save("rgb.jpg", base, quality=85, keep_rgb=True)
save("cmyk.jpg", base.convert("CMYK"), quality=85)
cmyk = open(path("cmyk.jpg"), "rb").read()
at = cmyk.index(b"Adobe") + 11
assert cmyk[at] == 0
with open(path("ycck.jpg"), "wb") as file:
    file.write(cmyk[:at] + b"\x02" + cmyk[at + 1:])
expect_from_pillow("ycck.jpg")
large = Image.fromarray(picture(68, 52, 5))
large.save(path("scaled.jpg"), quality=80, subsampling=2)
for min_side, scale in ((0, 1), (53, 1), (26, 2), (13, 4), (7, 8), (1, 8)):
    with Image.open(path("scaled.jpg")) as image:
        if scale > 1:
            image.draft("RGB", (68 // scale, 52 // scale))
            assert image.size == (-(-68 // scale), -(-52 // scale)), (image.size, scale)
        if min_side != 53:
            expect("scaled.jpg", image.convert("RGB"), min_side)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save("orientation_%d.jpg" % orientation, Image.fromarray(picture(21, 13, 2)), quality=90, exif=exif)



def many_scans(name, scan_count):
    """A valid progressive file of 8 x 8 grey pixels, one scan for each bit of each coefficient: none needs so many."""
    def segment(marker, data):
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    dc_table = b"\0" + bytes([1] + [0] * 15) + b"\0"
    ac_table = b"\x10" + bytes([1] + [0] * 15) + b"\0"
    out = b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64)) + segment(0xC2, b"\x08\0\x08\0\x08\1\1\x11\0")
    out += segment(0xC4, dc_table) + segment(0xC4, ac_table) + segment(0xDA, b"\1\1\0\0\0\0") + b"\x7f"
    scans = [(k, 0, 3) for k in range(1, 64)] + [(k, low + 1, low) for low in (2, 1, 0) for k in range(1, 64)]
    for k, high, low in scans[: scan_count - 1]:
        out += segment(0xDA, bytes([1, 1, 0, k, k, high << 4 | low])) + b"\x7f"
    with open(path(name), "wb") as file:
        file.write(out + b"\xff\xd9")


many_scans("scans_100.jpg", 100)
many_scans("scans_101.jpg", 101)
expect_from_pillow("scans_100.jpg")

# Exif fields
exif = Image.Exif()
exif[0x0112] = 6
exif[0x010F] = "Maker"
exif[0x0110] = b"M\xc3\xb6del \xff\x01 7  "
exif[0x0132] = "2020:01:02 03:04:05"
exif.get_ifd(0x8769)[0x9003] = "2024:05:17 09:30:00"
gps = exif.get_ifd(0x8825)
gps[1], gps[2] = "S", (33.0, 51.0, 24.5)
gps[3], gps[4] = "E", (151.0, 12.0, 30.0)
save("exif.jpg", Image.fromarray(picture(19, 11, 3)), quality=85, exif=exif)
save("exif.png", Image.fromarray(picture(19, 11, 3)), exif=exif)
save("exif.webp", Image.fromarray(picture(19, 11, 3)), lossless=True, exif=exif)

# PNG, by hand where Pillow cannot write the kind
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png_rows(samples, depth):
    """[H, W, C] samples -> filtered rows, with all five filters in turn."""
    height, width, channels = samples.shape
    if depth == 16:
        rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    elif depth == 8:
        rows = samples.astype(np.uint8).reshape(height, -1)
    else:
        flat = samples.reshape(height, -1)
        bits = ((flat[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).reshape(height, -1)
        rows = np.packbits(bits, axis=1)
    step = max(1, channels * depth // 8)
    out = b""
    before = np.zeros(rows.shape[1], np.int32)
    for number, row in enumerate(rows.astype(np.int32)):
        kind = number % 5
        left = np.concatenate([np.zeros(step, np.int32), row])[: len(row)]
        corner = np.concatenate([np.zeros(step, np.int32), before])[: len(row)]
        guess = left + before - corner
        distance = [abs(guess - left), abs(guess - before), abs(guess - corner)]
        paeth = np.where((distance[0] <= distance[1]) & (distance[0] <= distance[2]), left,
                         np.where(distance[1] <= distance[2], before, corner))
        predicted = [0, left, before, (left + before) // 2, paeth][kind]
        out += bytes([kind]) + ((row - predicted) & 255).astype(np.uint8).tobytes()
        before = row
    return out


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_png(name, samples, depth, color, extra=b"", interlaced=False):
    height, width = samples.shape[:2]
    samples = samples.reshape(height, width, -1)
    if interlaced:
        raw = b""
        for x0, y0, dx, dy in ADAM7:
            part = samples[y0::dy, x0::dx]
            if part.size:
                raw += png_rows(part, depth)
    else:
        raw = png_rows(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    with open(path(name), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


rgb = picture(23, 17, 4)
alpha = ((np.mgrid[0:17, 0:23][1] * 11 + np.mgrid[0:17, 0:23][0] * 3) % 256).astype(np.uint8)
rng = np.random.RandomState(7)
for depth in (1, 2, 4):
    write_png("grey_%d.png" % depth, rng.randint(0, 1 << depth, (17, 23)), depth, 0)
    expect_from_pillow("grey_%d.png" % depth)
    palette = chunk(b"PLTE", rng.randint(0, 256, 3 << depth).astype(np.uint8).tobytes())
    write_png("palette_%d.png" % depth, rng.randint(0, 1 << depth, (17, 23)), depth, 3, palette)
    expect_from_pillow("palette_%d.png" % depth)
palette = chunk(b"PLTE", rng.randint(0, 256, 3 * 200).astype(np.uint8).tobytes())
write_png("palette_alpha.png", rng.randint(0, 200, (17, 23)), 8, 3, palette + chunk(b"tRNS", bytes(range(0, 250, 5))))
expect_from_pillow("palette_alpha.png")
write_png("rgb.png", rgb, 8, 2)
expect_from_pillow("rgb.png")
write_png("rgb_interlaced.png", rgb, 8, 2, interlaced=True)
expect_from_pillow("rgb_interlaced.png")
write_png("palette_interlaced.png", np.random.RandomState(8).randint(0, 4, (17, 23)), 2, 3, chunk(b"PLTE", bytes(range(7, 127, 10))), interlaced=True)
expect_from_pillow("palette_interlaced.png")
write_png("key_color.png", rgb, 8, 2, chunk(b"tRNS", struct.pack(">HHH", *[int(v) for v in rgb[3, 5]])))
expect_from_pillow("key_color.png")
write_png("rgba.png", np.dstack([rgb, alpha]), 8, 6)
expect_from_pillow("rgba.png")
write_png("grey_8.png", rgb[:, :, 1], 8, 0)
expect_from_pillow("grey_8.png")
write_png("grey_alpha.png", np.dstack([rgb[:, :, 1], alpha]), 8, 4, interlaced=True)
expect_from_pillow("grey_alpha.png")
wide = rgb.astype(np.uint32) * 256 + 199
write_png("rgb_16.png", wide, 16, 2)
expect("rgb_16.png", rgb)
write_png("grey_16.png", wide[:, :, 0], 16, 0)
expect("grey_16.png", np.repeat(rgb[:, :, :1], 3, 2))
write_png("rgba_16.png", np.dstack([wide, alpha.astype(np.uint32) * 257]), 16, 6)
expect_from_pillow("rgba_16.png")

# GIF
quantized = Image.fromarray(rgb).quantize(60, dither=Image.Dither.NONE)
save("plain.gif", quantized, interlace=0)
save("interlaced.gif", quantized, interlace=1)
save("transparent.gif", quantized, transparency=int(np.asarray(quantized)[4, 4]))
other = Image.fromarray(picture(23, 17, 9)).quantize(60, dither=Image.Dither.NONE)
save("animated.gif", quantized, save_all=True, append_images=[other], duration=50)


def gif_codes(values):
    """LZW codes without compression: a clear code so often that codes stay 3 bits wide. values < 4."""
    bits, count = 0, 0
    for number, value in enumerate(values):
        if number % 2 == 0:
            bits |= 4 << count
            count += 3
        bits |= int(value) << count
        count += 3
    bits |= 5 << count
    count += 3
    return bits.to_bytes((count + 7) // 8, "little")


# A frame smaller than the screen, background colour 1 (red): the rest is transparent, that is white.
inner = rng.randint(0, 4, (3, 4))
colors = np.array([[0, 0, 0], [255, 0, 0], [0, 200, 0], [10, 20, 255]], np.uint8)
data = gif_codes(inner.ravel())
with open(path("small_frame.gif"), "wb") as file:
    file.write(b"GIF89a" + struct.pack("<HHBBB", 9, 6, 0x91, 1, 0) + colors.tobytes() + b"," + struct.pack("<HHHHB", 2, 1, 4, 3, 0)
               + b"\x02" + bytes([len(data)]) + data + b"\x00;")
canvas = np.full((6, 9, 3), 255, np.uint8)
canvas[1:4, 2:6] = colors[inner]
expect("small_frame.gif", canvas)

# WebP
save("lossy.webp", base, quality=80)
save("lossless.webp", base, lossless=True)
rgba = Image.fromarray(np.dstack([rgb, alpha]))
save("lossy_alpha.webp", rgba, quality=80)
save("lossless_alpha.webp", rgba, lossless=True)
save("animated.webp", rgba, lossless=True, save_all=True, append_images=[Image.fromarray(np.dstack([picture(23, 17, 9), alpha]))], duration=50)
save("animated_lossy.webp", rgba, quality=75, save_all=True, append_images=[Image.fromarray(np.dstack([picture(23, 17, 9), alpha]))],
     duration=50, allow_mixed=False)

# BMP, TGA, PNM
save("rgb.bmp", Image.fromarray(rgb))
save("palette.bmp", quantized)
save("bitmap.bmp", Image.fromarray(rgb).convert("1"))
bmp = bytearray(open(path("rgb.bmp"), "rb").read())
bmp[22:26] = struct.pack("<i", -17)
with open(path("top_down.bmp"), "wb") as file:
    file.write(bmp)
expect("top_down.bmp", rgb[::-1])
save("rgb.tga", Image.fromarray(rgb))
save("rgba.tga", Image.fromarray(np.dstack([rgb, alpha])))
save("packed.tga", Image.fromarray(np.repeat(rgb[:, :6], 4, 1)), compression="tga_rle")
save("grey.tga", Image.fromarray(rgb[:, :, 0]))
save("palette.tga", quantized)
save("rgb.ppm", Image.fromarray(rgb))
save("grey.pgm", Image.fromarray(rgb[:, :, 0]))
save("bitmap.pbm", Image.fromarray(rgb).convert("1"))
small = rng.randint(0, 16, (5, 7, 3))
with open(path("fifteen.ppm"), "wb") as file:
    file.write(b"P6 # of 15\n7 5\n15\n" + small.astype(np.uint8).tobytes())
expect("fifteen.ppm", (small * 17).astype(np.uint8))
with open(path("wide.ppm"), "wb") as file:
    file.write(b"P6\n7 5 65535\n" + (small * 4369).astype(">u2").tobytes())
expect("wide.ppm", (small * 17).astype(np.uint8))
with open(path("text.ppm"), "w") as file:
    file.write("P3\n# remark\n7 5\n15\n" + " ".join(str(v) for v in small.ravel()) + "\n")
expect("text.ppm", (small * 17).astype(np.uint8))
with open(path("text.pbm"), "w") as file:
    file.write("P1\n7 5\n" + "\n".join("".join(str(v & 1) for v in row) for row in small[:, :, 0]) + "\n")
expect("text.pbm", np.repeat((1 - (small[:, :, :1] & 1)) * 255, 3, 2).astype(np.uint8))


def packbits(row):
    out = b""
    for start in range(0, len(row), 100):
        part = bytes(row[start:start + 100])
        out += bytes([len(part) - 1]) + part
    return out


header = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 17, 23, 8, 3) + bytes(12)
planes = rgb.transpose(2, 0, 1)
with open(path("raw.psd"), "wb") as file:
    file.write(header + b"\0\0" + planes.tobytes())
expect("raw.psd", rgb)
rows = [packbits(row) for plane in planes for row in plane]
with open(path("packed.psd"), "wb") as file:
    file.write(header + b"\0\1" + b"".join(struct.pack(">H", len(row)) for row in rows) + b"".join(rows))
expect("packed.psd", rgb)

# Resampling
source = Image.fromarray(picture(61, 47, 11))
np.asarray(source).tofile(path("source.rgb"))
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
boxes = [(0, 0, 61, 47), (3.25, 7.5, 40.125, 46.75), (10, 11, 29, 21)]
number = 0
for width, height in ((23, 17), (61, 14), (19, 47), (61, 47), (71, 23), (7, 5), (1, 1), (3, 40)):
    for box in boxes:
        for name, kind in FILTERS.items():
            if width > 60 and (box == boxes[2] or name == "bilinear" and box == boxes[1]):
                continue
            out = "resize_%02d.rgb" % number
            number += 1
            np.asarray(source.resize((width, height), kind, box=box)).tofile(path(out))
            index.append("resize %d %d %r %r %r %r %s %s" % ((width, height) + tuple(float(v) for v in box) + (name, out)))

# Recipes
from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: E402
from torchvision.transforms import Compose  # noqa: E402

number = 0
for width, height in ((51, 37), (30, 63), (11, 7), (24, 24), (90, 3)):
    np.asarray(Image.fromarray(picture(width, height, width))).tofile(path("shape_%dx%d.rgb" % (width, height)))
    for mode in ("shortest", "longest", "squash"):
        for interpolation in FILTERS:
            if interpolation == "bilinear" and (width, height) not in ((51, 37), (30, 63)):
                continue
            for size in (24, 17):
                if size == 17 and interpolation == "bilinear":
                    continue
                image = Image.fromarray(picture(width, height, width))
                cfg = PreprocessCfg(size=size, interpolation=interpolation, resize_mode=mode, fill_color=(255, 10, 77))
                transform = image_transform_v2(cfg, is_train=False)
                frame = np.asarray(Compose(transform.transforms[:-2])(image))
                assert frame.shape == (size, size, 3), frame.shape
                out = "recipe_%02d.rgb" % number
                frame.tofile(path(out))
                line = "recipe %s %s %d %d %d shape_%dx%d.rgb %s" % (mode, interpolation, size, width, height, width, height, out)
                if number in (0, 8):
                    transform(image).numpy().astype("<f4").tofile(path("recipe_%02d.f32" % number))
                    line += " recipe_%02d.f32" % number
                index.append(line)
                number += 1

with open(path("index.txt"), "w") as file:
    file.write("\n".join(index) + "\n")
print(len(index), "cases,", sum(os.path.getsize(path(name)) for name in os.listdir(HERE)), "bytes")
