"""Writes tests/golden/fixtures/objectives: losses and gradients of open_clip's ClipLoss and SigLipLoss, and of both with equal
captions left out or taken as positives, written out in torch (double precision).

Made with python 3.11, torch 2.15.0, open_clip_torch 3.3.0, safetensors 0.8.0. Run: python tests/golden/make_objectives.py

What the C tests rely on: inputs.safetensors has images [9, 5], texts [9, 5], many_images [70, 5], many_texts [70, 5], keys [9],
many_keys [70]; CASE.safetensors has loss [1], images, texts, scale [1], bias [1].
"""

from pathlib import Path

import torch
from open_clip.loss import ClipLoss, SigLipLoss
from safetensors.torch import save_file

out = Path(__file__).parent / "fixtures" / "objectives"
SCALE, BIAS = 1.9, -1.3


def make(count, generator):
    return (torch.randn(count, 5, generator=generator, dtype=torch.double) for _ in range(2))


def contrastive(images, texts, scale, bias, keys, positives):
    if keys is None:
        return ClipLoss()(images, texts, scale)
    logits = scale * images @ texts.T
    same = keys[:, None] == keys[None, :]
    own = torch.eye(len(keys), dtype=torch.bool)
    if positives:
        target = same.double() / same.double().sum(1, keepdim=True)
        return -((target * logits.log_softmax(1)).sum(1).mean() + (target * logits.T.log_softmax(1)).sum(1).mean()) / 2
    logits = logits.masked_fill(same & ~own, float("-inf"))
    labels = torch.arange(len(keys))
    return (torch.nn.functional.cross_entropy(logits, labels) + torch.nn.functional.cross_entropy(logits.T, labels)) / 2


def sigmoid(images, texts, scale, bias, keys, positives):
    if keys is None:
        return SigLipLoss()(images, texts, scale, bias)
    logits = scale * images @ texts.T + bias
    same = keys[:, None] == keys[None, :]
    own = torch.eye(len(keys), dtype=torch.bool)
    sign = torch.where(same if positives else own, 1.0, -1.0)
    counts = torch.ones_like(logits) if positives else (own | ~same).double()
    return -(counts * torch.nn.functional.logsigmoid(sign * logits)).sum() / len(keys)


def main():
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(3)
    images, texts = make(9, generator)
    many_images, many_texts = make(70, generator)
    keys = torch.tensor([1, 2, 3, 1, 4, 5, 2, 1, 6])
    many_keys = torch.arange(70) % 61
    rounded = [x.float().double() for x in (images, texts, many_images, many_texts)]
    save_file({"images": rounded[0].float(), "texts": rounded[1].float(), "many_images": rounded[2].float(),
               "many_texts": rounded[3].float(), "keys": keys.int(), "many_keys": many_keys.int()}, str(out / "inputs.safetensors"))
    for size, (x, y, k) in {"few": (rounded[0], rounded[1], keys), "many": (rounded[2], rounded[3], many_keys)}.items():
        for name, loss in {"contrastive": contrastive, "sigmoid": sigmoid}.items():
            for case, chosen, positives in (("plain", None, False), ("left_out", k, False), ("positives", k, True)):
                a, b = x.clone().requires_grad_(), y.clone().requires_grad_()
                scale, bias = torch.tensor(SCALE, dtype=torch.float32).double().requires_grad_(), torch.tensor(BIAS, dtype=torch.float32).double().requires_grad_()
                unit = torch.nn.functional.normalize
                value = loss(unit(a, dim=1), unit(b, dim=1), scale.exp(), bias, chosen, positives)
                value.backward()
                by_bias = bias.grad if bias.grad is not None else torch.zeros(())
                save_file({"loss": value.detach().reshape(1).float(), "images": a.grad.float(), "texts": b.grad.float(),
                           "scale": scale.grad.reshape(1).float(), "bias": by_bias.reshape(1).float()},
                          str(out / f"{name}_{case}_{size}.safetensors"))


main()
