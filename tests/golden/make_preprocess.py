"""Writes fixtures/preprocess: model recipes in both published dialects and what their own frameworks make of small pictures.

Made with transformers 5.24 (the PIL backend, "slow"), open_clip 3.3, torch 2.15, torchvision 0.29, Pillow 13.0.0, numpy.
recipes.json maps NAME to the recipe's JSON; index.txt has one line per case:
    DIALECT NAME SIZE SOURCE_WIDTH SOURCE_HEIGHT SOURCE_OFFSET FRAME_OFFSET FLOATS_OFFSET
with offsets in bytes into shapes.rgb (RGB8), frames.rgb (RGB8 [SIZE, SIZE, 3], before rescaling) and floats.f32 (float32
[3, SIZE], the first row of the normalised planes).
Everything is generated: no picture of the world is in it.
"""
import json
import os
import warnings

import numpy as np
import transformers
from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
from PIL import Image
from torchvision.transforms import Compose

warnings.filterwarnings("ignore")
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "preprocess")
os.makedirs(HERE, exist_ok=True)
for name in os.listdir(HERE):
    os.remove(os.path.join(HERE, name))
index = []

HALF = [0.5, 0.5, 0.5]
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
TRANSFORMERS = {
    "clip": {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": 20}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": 20, "width": 20}, "do_rescale": True, "rescale_factor": 0.00392156862745098,
        "do_normalize": True, "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "do_convert_rgb": True},
    "clip_odd": {"image_processor_type": "CLIPImageProcessorFast", "size": {"shortest_edge": 17}, "crop_size": {"height": 17, "width": 17}},
    "clip_old": {
        "feature_extractor_type": "CLIPFeatureExtractor", "do_resize": True, "size": 19, "resample": 3, "do_center_crop": True,
        "crop_size": 19, "do_normalize": True, "image_mean": CLIP_MEAN, "image_std": CLIP_STD},
    "clip_inner": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 18}, "crop_size": {"height": 13, "width": 13}, "resample": 1},
    "clip_padded": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 12}, "crop_size": {"height": 19, "width": 19}, "resample": 2},
    "clip_whole": {"image_processor_type": "CLIPImageProcessor", "do_resize": False, "crop_size": 20},
    "siglip": {
        "image_processor_type": "SiglipImageProcessor", "size": {"height": 20, "width": 20}, "resample": 3, "do_resize": True,
        "do_rescale": True, "rescale_factor": 0.00392156862745098, "do_normalize": True, "image_mean": HALF, "image_std": HALF},
    "siglip_bilinear": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 17, "width": 17}, "resample": 2},
    "vit_old": {"feature_extractor_type": "ViTFeatureExtractor", "size": 18},
    "vit_box": {"image_processor_type": "ViTImageProcessor", "size": {"height": 18, "width": 18}, "resample": 4},
    "deit_hamming": {"image_processor_type": "DeiTImageProcessor", "size": 22, "crop_size": 17, "resample": 5},
    "levels": {"image_processor_type": "CLIPImageProcessor", "size": 16, "crop_size": 16, "do_rescale": False, "image_mean": [120, 110.5, 100], "image_std": [60, 61, 62.5]},
    "scaled": {"image_processor_type": "SiglipImageProcessor", "size": [16, 16], "rescale_factor": 0.00784313725490196, "image_mean": 1.0, "image_std": 1.0},
    "raw": {"image_processor_type": "SiglipImageProcessor", "size": [16, 16], "do_normalize": False},
}
OPEN_CLIP = {
    "standard": {"size": 20},
    "odd": {"size": 17, "mode": "RGB", "interpolation": "random", "fill_color": 0},
    "mobile": {"size": [18, 18], "mode": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear", "resize_mode": "shortest"},
    "clipa": {"size": 20, "mode": "RGB", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "interpolation": "bilinear", "resize_mode": "squash"},
    "siglip": {"size": 18, "mean": HALF, "std": HALF, "interpolation": "bicubic", "resize_mode": "squash", "unknown": 7, "fill_color": None},
    "longest": {"size": 17, "resize_mode": "longest", "fill_color": [255, 10, 77]},
    "longest_grey": {"size": 20, "interpolation": "bilinear", "resize_mode": "longest", "fill_color": 128},
}
SHAPES = ((51, 37), (30, 63), (11, 8), (20, 20), (90, 5))


def path(name):
    return os.path.join(HERE, name)


def picture(width, height):
    """Gradients, waves, hard edges and noise."""
    rng = np.random.RandomState(width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 255 * x / max(1, width - 1)
    green = 127 + 120 * np.sin(x / 3.0) * np.cos(y / 5.0)
    blue = 255 * (((x // 7 + y // 5) % 2) > 0)
    noise = rng.randint(-25, 26, (height, width, 3))
    return np.clip(np.stack([red, green, blue], -1) + noise, 0, 255).astype(np.uint8)


def slow_processor(config):
    kind = config.get("image_processor_type", config.get("feature_extractor_type"))
    for ending in ("ImageProcessorFast", "ImageProcessor", "FeatureExtractor"):
        if kind.endswith(ending):
            kind = kind[: -len(ending)]
            break
    return getattr(transformers, kind + "ImageProcessorPil")(**config)


def transformers_case(config, image):
    processor = slow_processor(config)
    frame = processor(image, do_rescale=False, do_normalize=False, return_tensors="np").pixel_values[0]
    return frame.transpose(1, 2, 0), processor(image, return_tensors="np").pixel_values[0]


def open_clip_case(config, image):
    transform = image_transform_v2(PreprocessCfg(**merge_preprocess_dict(PreprocessCfg(), config)), is_train=False)
    return np.asarray(Compose(transform.transforms[:-2])(image)), transform(image).numpy()


sources, offsets, frames, floats, recipes = b"", {}, b"", b"", {}
for shape in SHAPES:
    offsets[shape] = len(sources)
    sources += picture(*shape).tobytes()
for dialect, configs, run in (("transformers", TRANSFORMERS, transformers_case), ("open_clip", OPEN_CLIP, open_clip_case)):
    for key, config in configs.items():
        name = dialect + "_" + key
        recipes[name] = config
        for shape in SHAPES:
            frame, planes = run(config, Image.fromarray(picture(*shape)))
            assert frame.dtype == np.uint8 and frame.shape[0] == frame.shape[1] and frame.shape[2] == 3, (name, frame.shape)
            index.append("%s %s %d %d %d %d %d %d" % ((dialect, name, len(frame)) + shape + (offsets[shape], len(frames), len(floats))))
            frames += frame.tobytes()
            floats += planes[:, 0].astype("<f4").tobytes()
for name, data in (("shapes.rgb", sources), ("frames.rgb", frames), ("floats.f32", floats)):
    with open(path(name), "wb") as file:
        file.write(data)
with open(path("recipes.json"), "w") as file:
    file.write("{\n" + ",\n".join("  %s: %s" % (json.dumps(name), json.dumps(config)) for name, config in recipes.items()) + "\n}\n")
with open(path("index.txt"), "w") as file:
    file.write("\n".join(index) + "\n")
print(len(index), "cases,", sum(os.path.getsize(path(name)) for name in os.listdir(HERE)), "bytes")
