"""Folders that `twinlens model convert` writes, loaded by open_clip and transformers: the embeddings of random pixels and ids against
those of the folder it started from, loaded by its own framework. Needs no tokenizer.
usage: check_convert.py TWINLENS MODELS SCRATCH    (MODELS: tests/golden/fixtures/models)"""

import json
import os
import subprocess
import sys

import numpy as np
import open_clip
import torch
import transformers
from safetensors.torch import load_file

program, models, scratch = sys.argv[1:]
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def load(folder):
    """(embed pixels, embed ids, size, context, vocabulary, end of text) of a folder of either framework, in f32."""
    if os.path.exists(folder + "/open_clip_config.json"):
        model = open_clip.create_model("local-dir:" + folder).float().eval()
        config = json.load(open(folder + "/open_clip_config.json"))["model_cfg"]
        text = config["text_cfg"]
        size = config["vision_cfg"].get("image_size") or model.visual.image_size[0]
        return model.encode_image, model.encode_text, size, text["context_length"], text["vocab_size"], text.get("eos_id")
    model, report = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(report.get(key) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    model.eval()
    config = model.config

    def rows(call):
        def embed(x):
            out = call(x)
            return out if isinstance(out, torch.Tensor) else out.pooler_output
        return embed

    text = config.text_config
    return (rows(lambda x: model.get_image_features(pixel_values=x)), rows(lambda x: model.get_text_features(input_ids=x)),
            config.vision_config.image_size, text.max_position_embeddings, text.vocab_size, text.eos_token_id)


def unit(x):
    return (x / x.norm(dim=-1, keepdim=True)).detach().numpy()


def inputs(loaded):
    _, _, size, context, vocabulary, eos = loaded
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randn(3, 3, size, size, generator=generator)
    # The largest id ends a text, which is what every kind of pooling reads as the end where it is asked to look for one.
    end = eos if eos is not None and 2 < eos < vocabulary else vocabulary - 1
    ids = torch.randint(3, end, (3, context), generator=generator)
    ids[0, context // 2] = ids[1, context - 1] = ids[2, 2] = end
    return pixels, ids


def embed(folder, pixels, ids):
    image, text, *_ = load(folder)
    with torch.no_grad():
        return unit(image(pixels)), unit(text(ids))


def convert(name, to, dtype=None):
    folder = os.path.join(scratch, f"{os.path.basename(name)}-{to}-{dtype}")
    subprocess.run([program, "model", "convert", os.path.join(models, name), "-o", folder]
                   + (["--to", to] if to else []) + (["--dtype", dtype] if dtype else []), check=True, stdout=subprocess.DEVNULL)
    return folder


def apart(name, folder, reference=None):
    source = reference or os.path.join(models, name)
    pixels, ids = inputs(load(source))
    return max(float(np.abs(a - b).max()) for a, b in zip(embed(source, pixels, ids), embed(folder, pixels, ids)))


failures = 0
# Of ours no framework loads the source: what open_clip makes of it is held to golden values elsewhere, and is the reference here.
ours = {name: convert(name, "open_clip") for name in ("tl_vit",)}
cases = [("hf_vit", "open_clip"), ("hf_vit_quickgelu", "open_clip"), ("hf_vit_f16", "open_clip"), ("hf_vit_sharded", "open_clip"),
         ("hf_metaclip2", "open_clip"), ("oc_vit", "transformers"), ("oc_vit_quickgelu", "transformers"),
         ("oc_vit_bf16", "transformers"), ("hf_siglip", "transformers"), ("hf_siglip2", "transformers"),
         ("tl_vit", "transformers")]
for name, to in cases:
    source = convert(name, "twinlens") if name.startswith("hf_siglip") else name  # there and back: else it would be a copy
    found = apart(name, convert(source, to), ours.get(name))
    ok = found < 2e-6
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {name} -> {to}: largest difference {found:.1e}")
for name, dtype, most in (("hf_vit", "f16", 2e-3), ("hf_siglip", "bf16", 2e-2), ("oc_vit", "bf16", 2e-2)):
    found = apart(name, convert(name, None, dtype))
    ok = 0 < found < most
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {name} as {dtype}: largest difference {found:.1e}")
for name, file, to in (("hf_vit_f16", "model.safetensors", None), ("oc_vit_bf16", "open_clip_model.safetensors", None)):
    before, after = load_file(f"{models}/{name}/{file}"), load_file(convert(name, to) + "/" + file)
    ok = before.keys() == after.keys() and all(before[k].dtype == after[k].dtype and torch.equal(before[k], after[k]) for k in before)
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {name}: the same tensors, bit for bit")
sys.exit(failures != 0)
