"""check_preprocess.py DRIVER SCRATCH PHOTOS: 200 photos of all shapes, turns, colour modes and formats under published recipes.

Expected frames come from Pillow by the two frameworks' own formulas, written down below; where the frameworks themselves can be
imported (transformers' slow processors, open_clip's transforms), from these as well. Every pixel within 1 level, every level's
normalised value within 1e-6. The reference picture is exif_transpose, alpha over white, 16-bit grey by its high byte, then RGB.
The printed shares of equal values are all 100 % with the versions named in make_preprocess.py.
With TL_SOAK=1 all photos are taken instead of 200.
"""
import collections
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile

import numpy as np
from PIL import Image, ImageOps

try:
    import transformers
    from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
    from torchvision.transforms import Compose
    HAS_FRAMEWORKS = True
except ImportError:
    HAS_FRAMEWORKS = False

HALF = [0.5, 0.5, 0.5]
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def clip(side, **more):
    return {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": side}, "resample": 3, "do_center_crop": True,
            "crop_size": {"height": side, "width": side}, "image_mean": CLIP_MEAN, "image_std": CLIP_STD, **more}


def siglip(side, **more):
    return {"image_processor_type": "SiglipImageProcessor", "size": {"height": side, "width": side}, "resample": 3,
            "image_mean": HALF, "image_std": HALF, **more}


RECIPES = {
    "clip 224": ("transformers", clip(224)),
    "clip 336": ("transformers", clip(336)),
    "clip 224 of 256, bilinear": ("transformers", clip(224, size={"shortest_edge": 256}, resample=2)),
    "clip 225, lanczos": ("transformers", clip(225, resample=1)),
    "clip 224, not resized": ("transformers", clip(224, do_resize=False)),
    "siglip 256": ("transformers", siglip(256)),
    "siglip2 224, bilinear": ("transformers", siglip(224, resample=2)),
    "openai 224": ("open_clip", {"size": 224, "mean": CLIP_MEAN, "std": CLIP_STD}),
    "openai 225": ("open_clip", {"size": 225, "interpolation": "random", "mean": CLIP_MEAN, "std": CLIP_STD}),
    "siglip 224 of open_clip": ("open_clip", {"size": 224, "mean": HALF, "std": HALF, "interpolation": "bicubic", "resize_mode": "squash"}),
    "clipa 224": ("open_clip", {"size": 224, "mean": CLIP_MEAN, "std": CLIP_STD, "interpolation": "bilinear", "resize_mode": "squash"}),
    "mobileclip 256": ("open_clip", {"size": 256, "mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear", "resize_mode": "shortest"}),
    "longest 224": ("open_clip", {"size": 224, "mean": HALF, "std": HALF, "resize_mode": "longest", "fill_color": 127}),
}


def reference_picture(image):
    """RGB, see the top."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")
    return image.convert("RGB")


def shortest(image, side, filter):
    width, height = image.size
    size = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    return image.resize(size, filter)


def laid(image, side, left, top, fill=(0, 0, 0)):
    """The side x side pixels from (left, top) on; what lies outside is fill."""
    frame = Image.new("RGB", (side, side), fill)
    frame.paste(image, (-left, -top))
    return np.asarray(frame)


def pillow_transformers(recipe, image):
    side = recipe["crop_size"]["height"] if recipe.get("do_center_crop") else recipe["size"]["height"]
    if "shortest_edge" in recipe["size"]:
        if recipe.get("do_resize", True):
            image = shortest(image, recipe["size"]["shortest_edge"], recipe["resample"])
    else:
        image = image.resize((side, side), recipe["resample"])
    return laid(image, side, (image.width - side) // 2, (image.height - side) // 2)


def pillow_open_clip(recipe, image):
    side, mode = recipe["size"], recipe.get("resize_mode", "shortest")
    filter = Image.BILINEAR if recipe.get("interpolation") == "bilinear" else Image.BICUBIC
    if mode == "squash":
        image = image.resize((side, side), filter)
    elif mode == "shortest":
        image = shortest(image, side, filter)
    else:
        ratio = max(image.size) / side
        image = image.resize([max(1, round(s / ratio)) for s in image.size], filter)
    offset = [round((s - side) / 2) if s >= side else -((side - s) // 2) for s in image.size]
    return laid(image, side, offset[0], offset[1], (recipe.get("fill_color", 0),) * 3)


def framework_of(dialect, recipe):
    """A function from a reference picture to (frame, planes)."""
    if dialect == "transformers":
        processor = getattr(transformers, recipe["image_processor_type"] + "Pil")(**recipe)

        def run(image):
            frame = processor(image, do_rescale=False, do_normalize=False, return_tensors="np").pixel_values[0]
            return frame.transpose(1, 2, 0), lambda: processor(image, return_tensors="np").pixel_values[0]
    else:
        transform = image_transform_v2(PreprocessCfg(**merge_preprocess_dict(PreprocessCfg(), recipe)), is_train=False)

        def run(image):
            return np.asarray(Compose(transform.transforms[:-2])(image)), lambda: transform(image).numpy()
    return run


def levels_of(recipe):
    mean, std = (np.float32(recipe.get("image_" + name, recipe.get(name))) for name in ("mean", "std"))
    return ((np.arange(256, dtype=np.float32) / np.float32(255))[None] - mean[:, None]) / std[:, None]


def cut(image, width, height):
    """A random part; sides beyond the picture's are the picture's."""
    width, height = min(width, image.width), min(height, image.height)
    left, top = random.randrange(image.width - width + 1), random.randrange(image.height - height + 1)
    return image.crop((left, top, left + width, top + height))


def veil(image):
    """Alpha of all levels."""
    return Image.fromarray(np.add.outer(np.arange(image.height), np.arange(image.width)).astype(np.uint8))


def turned(orientation):
    def save(image, path):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(path + ".jpg", quality=90, exif=exif)
    return save


def saved(extension, change=lambda image: image, **options):
    return lambda image, path: change(image).save(path + extension, **options)


def with_alpha(image):
    image = image.convert("RGB")
    image.putalpha(veil(image))
    return image


KINDS = {
    "as it is": None,
    "wide strip": saved(".png", lambda i: cut(i, 9999, random.randint(2, 9))),
    "tall strip": saved(".png", lambda i: cut(i, random.randint(2, 9), 9999)),
    "1 x N": saved(".png", lambda i: cut(i, 1, random.randint(1, 300))),
    "N x 1": saved(".png", lambda i: cut(i, random.randint(1, 300), 1)),
    "tiny": saved(".png", lambda i: cut(i, random.randint(1, 30), random.randint(1, 30))),
    "some part": saved(".png", lambda i: cut(i, random.randint(30, 500), random.randint(30, 500))),
    "grey jpeg": saved(".jpg", lambda i: i.convert("L"), quality=85),
    "grey + alpha": saved(".png", lambda i: with_alpha(i).convert("LA")),
    "palette": saved(".png", lambda i: i.quantize(200)),
    "bitmap": saved(".png", lambda i: i.convert("1")),
    "rgba": saved(".png", with_alpha),
    "cmyk": saved(".jpg", lambda i: i.convert("CMYK"), quality=85),
    "16-bit grey": saved(".png", lambda i: Image.fromarray(np.asarray(i.convert("L")).astype(np.uint16) * 257)),
    **{"exif %d" % n: turned(n) for n in range(1, 9)},
    "progressive": saved(".jpg", quality=80, progressive=True),
    "4:4:4": saved(".jpg", quality=95, subsampling=0),
    "4:2:2": saved(".jpg", quality=80, subsampling=1),
    "webp": saved(".webp", quality=80),
    "webp + alpha": saved(".webp", with_alpha, quality=80),
    "gif": saved(".gif"),
    "bmp": saved(".bmp"),
    "enlarged": saved(".jpg", lambda i: i.resize((i.width * 3, i.height * 3)), quality=80),
}


def make_pictures(photos, folder):
    """A file a photo: every third as it is, the others of each kind in turn."""
    random.seed(5)
    kinds = [name for name in KINDS if KINDS[name] is not None]
    paths = []
    for number, data in enumerate(photos):
        stem = str(folder / ("%04d" % number))
        kind = "as it is" if number % 3 == 0 else kinds[(number - number // 3 - 1) % len(kinds)]
        if KINDS[kind] is None:
            pathlib.Path(stem + ".jpg").write_bytes(data)
        else:
            KINDS[kind](Image.open(io.BytesIO(data)).convert("RGB"), stem)
        paths.append((kind, next(folder.glob("%04d.*" % number))))
    return paths


def read_photos(folder, count):
    photos = []
    for shard in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(shard) as tar:
            for member in tar:
                if member.name.endswith(".jpg"):
                    photos.append(tar.extractfile(member).read())
                    if len(photos) == count:
                        return photos
    return photos


class Tally:
    def __init__(self):
        self.values = self.equal = self.largest = 0

    def add(self, found, expected):
        difference = np.abs(found.astype(np.int16) - expected)
        self.values += difference.size
        self.equal += int((difference == 0).sum())
        largest = int(difference.max())
        self.largest = max(self.largest, largest)
        return largest

    def __str__(self):
        return "%9.5f %% of values equal, largest difference %d" % (100 * self.equal / max(1, self.values), self.largest)


def main(driver, scratch, photo_folder):
    photos = read_photos(pathlib.Path(photo_folder), None if os.environ.get("TL_SOAK") else 200)
    if not photos:
        print("skipped: no photos in shared/data/photos beside the checkout")
        return 77
    folder = pathlib.Path(scratch) / "pictures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = make_pictures(photos, folder)
    arguments = []
    for number, (dialect, recipe) in enumerate(RECIPES.values()):
        recipe_path = folder / ("recipe_%d.json" % number)
        recipe_path.write_text(json.dumps(recipe))
        arguments.append("%s:%s" % (dialect, recipe_path))
    (folder / "list").write_text("".join("%s\n" % path for _, path in paths))
    process = subprocess.Popen([driver, *arguments], stdin=open(folder / "list"), stdout=subprocess.PIPE)
    sizes, levels, failures = [], [], 0
    frameworks = [framework_of(*recipe) if HAS_FRAMEWORKS else None for recipe in RECIPES.values()]
    for name, (_, recipe) in RECIPES.items():
        sizes.append(int(np.frombuffer(process.stdout.read(4), np.uint32)[0]))
        levels.append(np.frombuffer(process.stdout.read(3 * 256 * 4), np.float32).reshape(3, 256))
        error = float(np.abs(levels[-1] - levels_of(recipe)).max())
        if not error <= 1e-6:
            failures += 1
            print("%s: a level's value differs by %g" % (name, error))
    by_recipe = collections.defaultdict(lambda: (Tally(), Tally()))
    by_kind = collections.defaultdict(Tally)
    largest_float = 0.0
    for number, (kind, path) in enumerate(paths):
        if process.stdout.read(4) != b"\1\0\0\0":
            print("%s (%s) was not decoded" % (path.name, kind))
            failures += 1
            continue
        unconverted = ImageOps.exif_transpose(Image.open(path))
        image = reference_picture(unconverted)
        # transformers converts by itself, but clips 16-bit grey; open_clip would resample palettes and ink.
        given = {"transformers": image if unconverted.mode.startswith("I") else unconverted,
                 "open_clip": unconverted if unconverted.mode == "L" else image}
        for index, (name, (dialect, recipe)) in enumerate(RECIPES.items()):
            side = sizes[index]
            found = np.frombuffer(process.stdout.read(side * side * 3), np.uint8).reshape(side, side, 3)
            expected = (pillow_transformers if dialect == "transformers" else pillow_open_clip)(recipe, image)
            largest = by_recipe[name][0].add(found, expected)
            by_kind[kind].add(found, expected)
            if HAS_FRAMEWORKS and not (name.startswith("longest") and min(image.size) * side * 2 <= max(image.size)):
                frame, planes = frameworks[index](given[dialect])
                largest = max(largest, by_recipe[name][1].add(found, frame))
                if number % 8 == 0:
                    own = np.stack([levels[index][c][found[:, :, c]] for c in range(3)])
                    largest_float = max(largest_float, float(np.abs(own - planes()).max()) if largest == 0 else 0.0)
            if largest > 1:
                failures += 1
                print("%s (%s, %d x %d), %s: differs by %d levels" % (path.name, kind, image.width, image.height, name, largest))
    process.stdout.close()
    if process.wait() != 0 or not largest_float <= 2e-6:
        print("the driver ended with %s; normalised values differ by up to %g" % (process.returncode, largest_float))
        failures += 1
    print("%d pictures under %d recipes" % (len(paths), len(RECIPES)))
    for name, (pillow, framework) in by_recipe.items():
        print("  %-28s Pillow: %s" % (name, pillow) + ("; %s: %s" % (RECIPES[name][0], framework) if HAS_FRAMEWORKS else ""))
    for kind, tally in by_kind.items():
        print("  %-28s %s" % (kind, tally))
    if HAS_FRAMEWORKS:
        print("normalised values, where the frames are equal: largest difference %g" % largest_float)
    shutil.rmtree(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
