"""check_training.py DRIVER FIXTURES SCRATCH: what our trainer writes, the safetensors package reads, bit for bit.

The driver takes the weights of a file of the package and writes them again as a model and as a checkpoint. Where open_clip is
installed as well, its class CLIP must accept the model under the configuration we wrote.
"""
import json, pathlib, struct, subprocess, sys
import numpy
from safetensors import safe_open
from safetensors.numpy import load_file

driver, fixtures, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
subprocess.run([driver, str(fixtures), str(scratch)], check=True)
expected = load_file(fixtures / "model" / "model.safetensors")


def compare(path, found, prefix, value_of):
    names = {name for name in found if name.startswith(prefix)}
    if names != {prefix + name for name in expected}:
        sys.exit(f"{path}: expected the names of the fixture, found {sorted(names)}")
    for name, value in expected.items():
        ours, wanted = found[prefix + name], value_of(value)
        if ours.dtype != numpy.float32 or ours.shape != wanted.shape or ours.tobytes() != wanted.tobytes():
            sys.exit(f"{path}: {prefix}{name} differs")


weights = scratch / "model" / "model.safetensors"
compare(weights, load_file(weights), "", lambda value: value)
compare("parameters", load_file(scratch / "run" / "parameters.safetensors"), "", lambda value: value)
moments = load_file(scratch / "run" / "moments.safetensors")
compare("moments", moments, "exp_avg.", numpy.zeros_like)
compare("moments", moments, "exp_avg_sq.", numpy.zeros_like)
with safe_open(weights, "np") as file:
    if file.metadata() != {"format": "pt"}:
        sys.exit(f"metadata: {file.metadata()}")
header_size = struct.unpack("<Q", weights.read_bytes()[:8])[0]
if (8 + header_size) % 64 != 0:
    sys.exit(f"header: expected the values at a multiple of 64 bytes, found {8 + header_size}")
for path in (scratch / "model" / "config.json", scratch / "model" / "preprocessor_config.json", scratch / "run" / "state.json"):
    json.loads(path.read_text())
print(f"{len(expected)} tensors agree, as a model and as a checkpoint")

try:
    import torch
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
except ImportError:
    print("left out: open_clip is not installed")
    sys.exit(0)
config = json.loads((scratch / "model" / "config.json").read_text())
model = CLIP(config["embed_dim"], CLIPVisionCfg(**config["vision_cfg"]), CLIPTextCfg(**config["text_cfg"]))
model.load_state_dict({name: torch.from_numpy(value) for name, value in load_file(weights).items()}, strict=True)
print("open_clip accepts the model")
