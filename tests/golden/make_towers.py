"""Golden values of both towers and the loss: tests/golden/fixtures/towers/<variant>.{txt,bin}.

Made with torch 2.15 and open_clip 3.3 (the class CLIP itself, in double precision). Parameters and inputs are not stored: both sides make
them by the same integer rule (tiny_values.py). Stored are activations stage by stage, the loss and the
raw gradient of every tensor, as float32. 'stem' is that class with a stem of plain torch layers in place of its first convolution; its tensors are
stored with channels last, as ours are. <variant>.txt lists "name count" in the order of the values in <variant>.bin.
usage: make_towers.py OUTPUT_FOLDER
"""
import sys, os
import numpy as np, torch
from open_clip.model import CLIP, CLIPVisionCfg, CLIPTextCfg
from open_clip.loss import ClipLoss
from tiny_values import hashed, name_stream

BATCH = 3
VARIANTS = {
    'tok': dict(embed=12, vision=dict(width=16, layers=2, head_width=8, mlp_ratio=3.0, patch_size=8, image_size=16),
                text=dict(width=16, layers=2, heads=2, mlp_ratio=3.0, context_length=8, vocab_size=50, pool_type='eos', eos_id=3)),
    'avg': dict(embed=12, quick=True, vision=dict(width=16, layers=2, head_width=4, mlp_ratio=2.0, patch_size=4, image_size=12, pool_type='avg'),
                text=dict(width=16, layers=2, heads=4, mlp_ratio=4.0, context_length=8, vocab_size=50, pool_type='argmax')),
    'full': dict(embed=12, tanh=True, vision=dict(width=16, layers=1, head_width=16, mlp_ratio=3.0, patch_size=8, image_size=16),
                 text=dict(width=16, layers=2, heads=2, mlp_ratio=3.0, context_length=8, vocab_size=50, no_causal_mask=True, pool_type='eos', eos_id=3)),
    'odd': dict(embed=7, vision=dict(width=10, layers=2, head_width=5, mlp_ratio=3.0, patch_size=3, image_size=9),
                text=dict(width=18, layers=1, heads=3, mlp_ratio=2.0, context_length=11, vocab_size=23, pool_type='last')),
    'stem': dict(embed=12, vision=dict(width=16, layers=1, head_width=8, mlp_ratio=2.0, patch_size=8, image_size=24, pool_type='avg'),
                 text=dict(width=16, layers=1, heads=2, mlp_ratio=3.0, context_length=8, vocab_size=50, pool_type='eos', eos_id=3),
                 stem=[dict(patch=2, width=6, layers=2, mlp=18), dict(patch=2, width=10, layers=1, mlp=20)], kernel=5),
}

class Block(torch.nn.Module):
    def __init__(self, width, mlp, kernel):
        super().__init__()
        self.depthwise = torch.nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.ln_mlp = torch.nn.LayerNorm(width)
        self.mlp = torch.nn.ModuleDict(dict(c_fc=torch.nn.Linear(width, mlp), c_proj=torch.nn.Linear(mlp, width)))
    def forward(self, x):
        y = self.ln_mlp(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.mlp.c_proj(torch.nn.functional.gelu(self.mlp.c_fc(y))).permute(0, 3, 1, 2)

class Stage(torch.nn.Module):
    def __init__(self, channels, patch, width, layers, mlp, kernel):
        super().__init__()
        self.patch = torch.nn.Conv2d(channels, width, patch, patch)
        self.ln_patch = torch.nn.LayerNorm(width)
        self.blocks = torch.nn.ModuleList([Block(width, mlp, kernel) for _ in range(layers)])
    def forward(self, x):
        x = self.ln_patch(self.patch(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x)
        return x

def add_stem(model, v):
    channels, patch, stages = 3, v['vision']['patch_size'], []
    for s in v['stem']:
        stages.append(Stage(channels, s['patch'], s['width'], s['layers'], s['mlp'], v['kernel']))
        channels, patch = s['width'], patch // s['patch']
    stem, conv1 = torch.nn.Sequential(*stages), torch.nn.Conv2d(channels, v['vision']['width'], patch, patch, bias=False)
    model.visual.stem, model.visual.conv1 = stem.double(), conv1.double()
    model.visual.conv1.register_forward_pre_hook(lambda module, args: (stem(args[0]),))

def axes(name, tensor, has_stem):
    """The order of torch's axes in our layout: channels last, except where pixels come in as planes."""
    if tensor.dim() != 4 or not has_stem or name == 'visual.stem.0.patch.weight':
        return list(range(tensor.dim()))
    return [2, 3, 0, 1] if 'depthwise' in name else [0, 2, 3, 1]

def main(folder):
    os.makedirs(folder, exist_ok=True)
    for variant, v in VARIANTS.items():
        extra = {'act_kwargs': {'approximate': 'tanh'}} if v.get('tanh') else {}
        model = CLIP(v['embed'], CLIPVisionCfg(**v['vision'], **extra), CLIPTextCfg(**v['text'], **extra), quick_gelu=v.get('quick', False)).double()
        if 'stem' in v:
            add_stem(model, v)
        with torch.no_grad():
            for name, p in model.named_parameters():
                if name == 'logit_scale':
                    p.fill_(float(np.float32(1.5)))
                    continue
                base = 1.0 if 'ln_' in name and name.endswith('weight') else 0.0
                values = np.float32(base) + np.float32(0.25) * hashed(name_stream(name), p.numel())
                order = axes(name, p, 'stem' in v)
                ours = torch.from_numpy(values.astype(np.float64)).reshape([p.shape[i] for i in order])
                p.copy_(ours.permute([order.index(i) for i in range(p.dim())]))
        side, context, vocab = v['vision']['image_size'], v['text']['context_length'], v['text']['vocab_size']
        pixels = torch.from_numpy(hashed(1, BATCH * 3 * side * side).astype(np.float64)).reshape(BATCH, 3, side, side)
        # Lengths 3, 6 and T; ids 4.. then one 3 (end of text), then zeros.
        ids = np.zeros((BATCH, context), np.int64)
        for b, length in enumerate((3, 6, context)):
            for t in range(length - 1):
                ids[b, t] = 4 + (b * 7 + t * t * 3 + t) % (vocab - 4)
            ids[b, length - 1] = 3
        ids = torch.from_numpy(ids)
        stages = []
        keep = lambda name: lambda module, args, out: stages.append((name, out.detach()))
        model.visual.ln_pre.register_forward_pre_hook(lambda module, args: stages.append(('vision.embedded', args[0].detach())))
        model.visual.transformer.register_forward_pre_hook(lambda module, args: stages.append(('vision.stage.0', args[0].detach())))
        model.transformer.register_forward_pre_hook(lambda module, args: stages.append(('text.stage.0', args[0].detach())))
        for i, block in enumerate(model.visual.transformer.resblocks):
            block.register_forward_hook(keep('vision.stage.%d' % (i + 1)))
        for i, block in enumerate(model.transformer.resblocks):
            block.register_forward_hook(keep('text.stage.%d' % (i + 1)))
        image, text = model.encode_image(pixels), model.encode_text(ids)
        stages += [('vision.out', image.detach()), ('text.out', text.detach())]
        normal = torch.nn.functional.normalize
        loss = ClipLoss()(normal(image, dim=-1), normal(text, dim=-1), model.logit_scale.exp())
        loss.backward()
        entries = [(n, t.numpy()) for n, t in stages] + [('loss', np.array([loss.item()]))]
        entries += [('gradient.' + n, p.grad.permute(axes(n, p, 'stem' in v)).numpy()) for n, p in model.named_parameters()]
        with open(os.path.join(folder, variant + '.txt'), 'w') as listing, open(os.path.join(folder, variant + '.bin'), 'wb') as values:
            for name, array in entries:
                listing.write('%s %d\n' % (name, array.size))
                values.write(np.ascontiguousarray(array, dtype='<f4').tobytes())

main(sys.argv[1])
