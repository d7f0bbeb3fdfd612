"""A model trained here, converted, loaded by open_clip: vectors of a text and of a picture against those that the program prints.
usage: check_export.py TWINLENS MODEL CONVERTED PICTURE.png    (both folders of `twinlens model convert MODEL -o CONVERTED --to open_clip`)"""

import json
import subprocess
import sys

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import load_file  # noqa: F401 (says early that it is missing)

program, model, converted, picture = sys.argv[1:]


def run(*arguments):
    return subprocess.run([program, *arguments, "--model", model], check=True, capture_output=True, text=True).stdout


text = "a red apple"
theirs, _, preprocess = open_clip.create_model_and_transforms("local-dir:" + converted)
theirs.eval()
config = json.load(open(converted + "/open_clip_config.json"))["model_cfg"]["text_cfg"]
ids = [2] + [int(piece.split(":")[0]) for piece in run("tokenize", text).split()] + [config["eos_id"]]
row = torch.zeros(1, config["context_length"], dtype=torch.long)
row[0, : len(ids)] = torch.tensor(ids)
with torch.no_grad():
    of_text = theirs.encode_text(row, normalize=True)[0].numpy()
    opened = Image.open(picture).convert("RGBA")  # what shines through is white, as in the program
    on_white = Image.alpha_composite(Image.new("RGBA", opened.size, (255, 255, 255, 255)), opened).convert("RGB")
    of_picture = theirs.encode_image(preprocess(on_white)[None], normalize=True)[0].numpy()
ours_text = np.array(run("embed", text).split("\t")[1:], dtype=np.float64)
ours_picture = np.array(run("embed", "--images", picture).split("\t")[1:], dtype=np.float64)
apart = [float(np.abs(of_text - ours_text).max()), float(np.abs(of_picture - ours_picture).max())]
print("largest difference: text %.2e, picture %.2e" % tuple(apart))
assert apart[0] < 1e-5 and apart[1] < 1e-3, apart
