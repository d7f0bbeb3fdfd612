"""Writes tests/golden/fixtures/training: a tiny CLIP of open_clip, its embeddings, raw gradients, and its weights after ten
steps of gradient descent and of torch.optim.AdamW.

Made with python 3.11, torch 2.15.0, open_clip_torch 3.3.0, safetensors 0.8.0. Run: python tests/golden/make_training.py

What the C tests rely on:
  batches.safetensors     pixels [10, 6, 3, 8, 8] F32, ids [10, 6, 8] I32, lengths [10, 6] I32
  embeddings.safetensors  image, text [6, 8]: unit rows of batch 0 at the initial weights
  gradients.safetensors   of batch 0 at the initial weights, by parameter, and "loss"
  sgd.safetensors         weights after 10 steps of p -= SGD_RATE * gradient, and "losses" [10]
  adamw.safetensors       weights after 10 steps as below, "losses", "norms" and "rates" [10]
"""

import json
import math
from pathlib import Path

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file

STEPS, BATCH, WARMUP = 10, 6, 3
SGD_RATE = 0.01
RATE, DECAY, BETAS, EPSILON, CLIP_NORM = 3e-3, 0.1, (0.9, 0.98), 1e-6, 1.0
CONTEXT, VOCABULARY, EOS, SIDE = 8, 40, 39, 8

out = Path(__file__).parent / "fixtures" / "training"
config = {
    "model_type": "twinlens",
    "embed_dim": 8,
    "activation": "gelu",
    "vision_cfg": {"image_size": SIDE, "patch_size": 4, "width": 16, "layers": 2, "head_width": 8, "mlp_ratio": 2.0, "pool_type": "tok"},
    "text_cfg": {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 12, "heads": 2, "layers": 2, "mlp_ratio": 2.0,
                 "no_causal_mask": False, "pool_type": "eos", "eos_id": EOS, "pad_id": 0},
}
recipe = {"size": SIDE, "mode": "RGB", "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
          "interpolation": "bicubic", "resize_mode": "longest", "fill_color": [255, 255, 255]}


def make_model():
    torch.manual_seed(20240917)
    model = CLIP(config["embed_dim"], CLIPVisionCfg(**config["vision_cfg"]), CLIPTextCfg(**config["text_cfg"]))
    with torch.no_grad():
        # Biases and norms away from their neutral starting values, or half of the backward pass would multiply by 0 or 1.
        for name, parameter in model.named_parameters():
            if name == "logit_scale":
                continue
            if parameter.ndim < 2 and "class_embedding" not in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
            else:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model.train()


def make_batches():
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randn(STEPS, BATCH, 3, SIDE, SIDE, generator=generator)
    lengths = torch.randint(3, CONTEXT + 1, (STEPS, BATCH), generator=generator)
    lengths[0, 0] = CONTEXT
    ids = torch.zeros(STEPS, BATCH, CONTEXT, dtype=torch.long)
    for step in range(STEPS):
        for item in range(BATCH):
            length = int(lengths[step, item])
            ids[step, item, 0] = 1
            ids[step, item, 1 : length - 1] = torch.randint(2, EOS, (length - 2,), generator=generator)
            ids[step, item, length - 1] = EOS
    return pixels, ids, lengths


def loss_of(model, pixels, ids):
    image = model.encode_image(pixels, normalize=True)
    text = model.encode_text(ids, normalize=True)
    logits = model.logit_scale.exp() * image @ text.T
    labels = torch.arange(len(pixels))
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2


def clamp(model):
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(100))


def rate_at(step):
    if step < WARMUP:
        return RATE * (step + 1) / WARMUP
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def weights(model):
    return {name: value.detach().clone().contiguous() for name, value in model.state_dict().items()}


def save(tensors, name):
    save_file(tensors, str(out / name), metadata={"format": "pt"})


def main():
    torch.set_num_threads(1)
    (out / "model").mkdir(parents=True, exist_ok=True)
    pixels, ids, lengths = make_batches()
    save({"pixels": pixels, "ids": ids.int(), "lengths": lengths.int()}, "batches.safetensors")

    model = make_model()
    (out / "model" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "model" / "preprocessor_config.json").write_text(json.dumps(recipe, indent=2) + "\n")
    save(weights(model), "model/model.safetensors")
    with torch.no_grad():
        save({"image": model.encode_image(pixels[0], normalize=True), "text": model.encode_text(ids[0], normalize=True)},
             "embeddings.safetensors")

    loss = loss_of(model, pixels[0], ids[0])
    loss.backward()
    gradients = {name: parameter.grad.clone().contiguous() for name, parameter in model.named_parameters()}
    save({**gradients, "loss": loss.detach().reshape(1)}, "gradients.safetensors")

    model, losses = make_model(), []
    for step in range(STEPS):
        model.zero_grad()
        loss = loss_of(model, pixels[step], ids[step])
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(SGD_RATE * parameter.grad)
        clamp(model)
        losses.append(float(loss.detach()))
    save({**weights(model), "losses": torch.tensor(losses)}, "sgd.safetensors")

    model, losses, norms, rates = make_model(), [], [], []
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}],
                                  lr=RATE, betas=BETAS, eps=EPSILON)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step)
        optimizer.zero_grad()
        loss = loss_of(model, pixels[step], ids[step])
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)))
        optimizer.step()
        clamp(model)
        losses.append(float(loss.detach()))
        rates.append(rate_at(step))
    save({**weights(model), "losses": torch.tensor(losses), "norms": torch.tensor(norms), "rates": torch.tensor(rates)}, "adamw.safetensors")
    print("losses", losses, "norms", norms)


main()
