"""Golden values of image towers with rotary positions: tests/golden/fixtures/rotary/{tables,<variant>}.{txt,bin}.

Made with torch 2.15 and timm 1.0.31: the registered models themselves (vit_pe_core_*, eva02_*_clip_*), cut to two blocks by create_model's
overrides, in double precision over timm's own f32 tables. Parameters and pictures are not stored: both sides make them by the integer rule of
tiny_values.py, streams named by our tensor names. <variant>.txt lists "name count" in the order of the values (f32) in
<variant>.bin. `tables` holds, of the full-size models' grids, the sines and cosines of the patches (i, side - 1 - i).
usage: make_rotary.py OUTPUT_FOLDER
"""
import os, re, sys
import numpy as np, timm, torch
from timm.layers import create_rope_embed
from tiny_values import hashed, name_stream

BATCH, EMBED = 3, 7
VARIANTS = {
    # PE-Core: class token, columns first, offset 1.
    'perception': ('vit_pe_core_tiny_patch16_384', 'map', dict(img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=3, ref_feat_shape=4)),
    # Its largest: no class token, no offset, a pooling of its own MLP width (the wider one here), a head of 12, a stretched grid.
    'gigantic': ('vit_pe_core_gigantic_patch14_448', 'map',
                 dict(img_size=21, patch_size=6, embed_dim=24, depth=2, num_heads=2, mlp_ratio=1.5, attn_pool_mlp_ratio=9., ref_feat_shape=5)),
    # EVA-02: rows first, a stretched grid, a gated MLP, inner norms, no key bias, read at the class token.
    'eva02': ('eva02_base_patch16_clip_224', 'token', dict(img_size=24, patch_size=8, embed_dim=32, depth=2, num_heads=4, mlp_ratio=2.2)),
    # EVA-01: its biases beside a joint projection.
    'eva01': ('eva_giant_patch14_224', 'token', dict(img_size=16, patch_size=8, embed_dim=24, depth=2, num_heads=2, mlp_ratio=2.5)),
    # EVA-02's largest: norms last.
    'enormous': ('eva02_enormous_patch14_clip_224', 'token', dict(img_size=16, patch_size=8, embed_dim=24, depth=3, num_heads=2, mlp_ratio=0.5)),
    # Rows first and read at the class token, so that the last block computes one query.
    'token': ('vit_pe_core_tiny_patch16_384', 'token',
              dict(img_size=24, patch_size=8, embed_dim=32, depth=2, num_heads=4, ref_feat_shape=16, rope_grid_offset=0., rope_grid_indexing='ij')),
}
TABLES = {  # name: head_dim, side, xy, offset, reference side
    'pe_core_T_S': (64, 24, 'xy', 1., 24), 'pe_core_B': (64, 14, 'xy', 1., 14), 'pe_core_bigG': (96, 32, 'xy', 0., 32),
    'eva02_B': (64, 14, 'ij', 0., 16), 'eva02_L_336': (64, 24, 'ij', 0., 16),
}

BLOCK = {'norm1': 'ln_1', 'norm2': 'ln_2', 'attn.proj': 'attn.out_proj', 'attn.norm': 'attn.ln', 'mlp.norm': 'mlp.ln', 'mlp.fc1': 'mlp.c_fc',
         'mlp.fc2': 'mlp.c_proj'}
PARTS = {'qkv.': ('attn.in_proj_', 3, 0), 'q_': ('attn.in_proj_', 3, 0), 'k_': ('attn.in_proj_', 3, 1), 'v_': ('attn.in_proj_', 3, 2),
         'fc1_g.': ('mlp.c_fc.', 2, 0), 'fc1_x.': ('mlp.c_fc.', 2, 1)}  # theirs: ours, of how many parts, which
TRUNK = {'patch_embed.proj': 'conv1', 'norm_pre': 'ln_pre', 'norm': 'ln_post', 'attn_pool.proj': 'attn_pool.attn.out_proj',
         'attn_pool.norm': 'attn_pool.ln', 'attn_pool.mlp.fc1': 'attn_pool.mlp.c_fc', 'attn_pool.mlp.fc2': 'attn_pool.mlp.c_proj'}
WHOLE = {'cls_token': 'class_embedding', 'pos_embed': 'positional_embedding', 'attn_pool.latent': 'attn_pool.probe'}

def our_values(name, shape):
    """Our tensor `name` by the rule, a norm's gain around 1."""
    gain = 1.0 if re.search(r'ln_\w+\.weight$', name) else 0.0
    return (np.float32(gain) + np.float32(0.25) * hashed(name_stream('visual.' + name), int(np.prod(shape)))).reshape(shape).astype(np.float64)

def value_of(theirs, shape, width):
    """timm's tensor, made from ours."""
    if theirs in WHOLE:
        return our_values(WHOLE[theirs], shape)
    if theirs == 'head.weight':
        return our_values('proj', (shape[1], shape[0])).T
    if theirs == 'head.bias':
        return our_values('proj_bias', shape)
    for part, first in (('attn_pool.q.', 0), ('attn_pool.kv.', width)):
        if theirs.startswith(part):
            kind = theirs[len(part):]
            whole = our_values('attn_pool.attn.in_proj_' + kind, (3 * width,) + tuple(shape[1:]))
            return whole[first:first + shape[0]]
    stem, kind = theirs.rsplit('.', 1)
    found = re.match(r'blocks\.(\d+)\.(.*)', theirs)
    if found:
        block, name = 'transformer.resblocks.%s.' % found.group(1), found.group(2)
        part = re.match(r'(?:attn|mlp)\.(qkv\.|[qkv]_|fc1_[gx]\.)', name)
        if part:
            ours, count, number = PARTS[part.group(1)]
            rows = shape[0] if part.group(1) == 'qkv.' else count * shape[0]
            whole = our_values(block + ours + re.search('(weight|bias)$', name).group(1), (rows,) + tuple(shape[1:]))
            return whole[number * shape[0]:][:shape[0]]
        return our_values('%s%s.%s' % (block, BLOCK[name.rsplit('.', 1)[0]], kind), shape)
    return our_values('%s.%s' % (TRUNK[stem], kind), shape)

def write(folder, name, entries):
    with open(os.path.join(folder, name + '.txt'), 'w') as listing, open(os.path.join(folder, name + '.bin'), 'wb') as values:
        for entry, array in entries:
            listing.write('%s %d\n' % (entry, array.size))
            values.write(np.ascontiguousarray(array, dtype='<f4').tobytes())

def tables():
    entries = []
    for name, (dim, side, indexing, offset, reference) in TABLES.items():
        rope = create_rope_embed('cat', dim=dim, num_heads=1, feat_shape=(side, side), temperature=10000., grid_indexing=indexing, rotate_half=False,
                                 in_pixels=False, grid_offset=offset, ref_feat_shape=(reference, reference))
        embed = rope.get_embed().reshape(side, side, 2 * dim).numpy()
        entries.append((name, np.stack([embed[i, side - 1 - i] for i in range(side)])))
    return entries

def stages(model_name, pool, overrides):
    model = timm.create_model(model_name, pretrained=False, num_classes=EMBED, global_pool=pool, **overrides).eval().double()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.from_numpy(np.ascontiguousarray(value_of(name, tuple(p.shape), model.embed_dim))))
    side = overrides['img_size']
    pixels = torch.from_numpy(hashed(1, BATCH * 3 * side * side).astype(np.float64)).reshape(BATCH, 3, side, side)
    kept = []
    keep = lambda name: lambda module, args, out: kept.append((name, out.detach().numpy()))
    model.norm_pre.register_forward_hook(keep('visual.embedding.0'))
    for i, block in enumerate(model.blocks):
        block.register_forward_hook(keep('visual.block.%d' % i))
    model.fc_norm.register_forward_hook(keep('visual.pooled.0'))
    with torch.no_grad():
        out = model(pixels)
    return kept + [('visual.projected.0', out.numpy())]

def main(folder):
    os.makedirs(folder, exist_ok=True)
    write(folder, 'tables', tables())
    for name, arguments in VARIANTS.items():
        write(folder, name, stages(*arguments))

main(sys.argv[1])
