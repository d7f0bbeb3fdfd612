"""Golden values of CLIP's ResNet: tests/golden/fixtures/resnet/<variant>.{txt,bin}.

Made with torch 2.15 and open_clip 3.3 (the class ModifiedResNet, in double precision). Parameters and pixels are not stored: both sides
make them by the integer rule of tiny_values.py. The running statistics of the batch norms are not: a few batches pass in training mode
first, so that they are those of real activations, and are stored. Stored as well are activations stage by stage, of the last item only,
pixel by pixel with all channels of one together, and the outputs of all items.
<variant>.txt lists "name count" in the order of the values (float32) in <variant>.bin.
usage: make_resnet.py OUTPUT_FOLDER
"""
import sys, os
import numpy as np, torch
from open_clip.modified_resnet import ModifiedResNet
from tiny_values import hashed, name_stream

BATCH = 3
VARIANTS = {
    'plain': dict(layers=[1, 1, 2, 1], width=8, heads=4, image_size=64, output_dim=12),
    'odd': dict(layers=[2, 1, 1, 1], width=6, heads=3, image_size=38, output_dim=7),
}

def is_gain(name):
    return name.endswith('weight') and ('bn' in name or 'downsample.1' in name)

def pixels_of(stream, side):
    return torch.from_numpy(hashed(stream, BATCH * 3 * side * side).astype(np.float64)).reshape(BATCH, 3, side, side)

def rows(t):
    return t[-1].permute(1, 2, 0) if t.dim() == 4 else t

def main(folder):
    os.makedirs(folder, exist_ok=True)
    for variant, v in VARIANTS.items():
        model = ModifiedResNet(**v).double()
        with torch.no_grad():
            for name, p in model.named_parameters():
                values = np.float32(1.0 if is_gain(name) else 0.0) + np.float32(0.25) * hashed(name_stream('visual.' + name), p.numel())
                p.copy_(torch.from_numpy(values.astype(np.float64)).reshape(p.shape))
            model.train()
            for stream in (2, 3, 4, 5):
                model(pixels_of(stream, v['image_size']))
            model.eval()
            statistics = []
            for name, b in model.named_buffers():
                if not name.endswith('num_batches_tracked'):
                    b.copy_(b.float().double())
                    statistics.append(('visual.' + name, b))
            stages = []
            keep = lambda name: lambda module, args, out: stages.append((name, out))
            model.avgpool.register_forward_hook(keep('block.0'))
            for i in range(1, 5):
                getattr(model, 'layer%d' % i).register_forward_hook(keep('block.%d' % i))
            # The pool calls the projection as a function, so what enters it is found with another one in its place.
            out = model(pixels_of(1, v['image_size']))
            projection = model.attnpool.c_proj
            kept = projection.weight, projection.bias
            width = projection.in_features
            projection.weight, projection.bias = torch.nn.Parameter(torch.eye(width).double()), torch.nn.Parameter(torch.zeros(width).double())
            pooled = model.attnpool(stages[4][1])
            projection.weight, projection.bias = kept
        entries = statistics + stages + [('pooled', pooled), ('projected', out)]
        with open(os.path.join(folder, variant + '.txt'), 'w') as listing, open(os.path.join(folder, variant + '.bin'), 'wb') as values:
            for name, t in entries:
                array = np.ascontiguousarray(rows(t).numpy(), dtype='<f4')
                listing.write('%s %d\n' % (name, array.size))
                values.write(array.tobytes())

main(sys.argv[1])
