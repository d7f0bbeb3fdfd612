"""The rows of encoders/families/timm_models.c, taken from timm's own models (timm 1.0.31, open_clip 3.3; built without memory on the meta
device): every timm_model_name of open_clip's configs whose trunk our transformer can compute, with open_clip's own pooling and projection.
What the record cannot say is asserted, so that a new timm that computes something else fails here rather than silently.
usage: print_timm_models.py
"""
import glob, json, os
import open_clip, timm, torch
from torch import nn
from timm.models.eva import Eva, EvaBlock, EvaBlockPostNorm
from timm.models.vision_transformer import VisionTransformer

PREFIXES = ('vit_pe_core_', 'vit_base_patch16_siglip_', 'vit_base_patch32_siglip_', 'vit_large_patch16_siglip_', 'vit_so400m_', 'vit_giantopt_',
            'vit_large_patch14_clip_224', 'eva_giant_patch14_224', 'eva02_')

def wanted():
    names = {}
    for path in sorted(glob.glob(os.path.join(os.path.dirname(open_clip.__file__), 'model_configs', '*.json'))):
        vision = json.load(open(path)).get('vision_cfg', {})
        name = vision.get('timm_model_name')
        if name and name.startswith(PREFIXES):
            words = (vision['timm_pool'], vision['timm_proj'], vision['image_size'])
            assert names.setdefault(name, words) == words, name
    return names

def activation(module):
    assert type(module) is nn.GELU or type(module).__name__ == 'GELUTanh', module
    return 'TL_GELU_TANH' if getattr(module, 'approximate', 'tanh') == 'tanh' else 'TL_GELU'

def is_identity(module):
    return module is None or isinstance(module, nn.Identity)

def is_gated(block):
    return hasattr(block.mlp, 'fc1_g')

def check_block(block, first):
    assert is_identity(block.attn.q_norm) and is_identity(block.attn.k_norm)
    assert is_identity(getattr(block, 'ls1', None)) and is_identity(getattr(block, 'ls2', None))
    assert getattr(block, 'gamma_1', None) is None and getattr(block, 'gamma_2', None) is None
    attn, mlp = block.attn, block.mlp
    # Which tensors hold the three biases; a key bias that is left out is a buffer of zeros, or not there.
    fused = attn.qkv is not None and attn.qkv.bias is not None and getattr(attn, 'q_bias', None) is None
    apart = attn.qkv is not None and attn.qkv.bias is None and attn.q_bias is not None and attn.v_bias is not None and not attn.qkv_bias_separate
    split = attn.qkv is None and attn.q_proj.bias is not None and attn.k_proj.bias is None and attn.v_proj.bias is not None
    assert fused + apart + split == 1 and attn.proj.bias is not None and getattr(attn, 'gate', None) is None
    assert abs(block.attn.scale - block.attn.head_dim ** -0.5) < 1e-12
    assert type(mlp).__name__ == ('SwiGLU' if is_gated(block) else 'Mlp') and is_identity(attn.norm) == is_identity(mlp.norm)
    assert not is_gated(block) or (type(mlp.act) is nn.SiLU and mlp.fc1_g.bias is not None and mlp.fc1_x.bias is not None)
    assert is_identity(attn.norm) or attn.norm.eps == mlp.norm.eps == block.norm1.eps
    shapes = lambda b: {k: tuple(v.shape) for k, v in b.state_dict().items()}
    assert shapes(block) == shapes(first) and type(block) is type(first) and (is_gated(block) or activation(mlp.act) == activation(first.mlp.act))
    assert block.norm1.eps == block.norm2.eps == first.norm1.eps

def row(name, pool, proj, image_size):
    with torch.device('meta'):
        model = timm.create_model(name, pretrained=False, num_classes=0 if proj == 'none' else 8, global_pool=pool)
    assert type(model) in (Eva, VisionTransformer)
    width, block = model.embed_dim, model.blocks[0]
    assert type(block) in (EvaBlock, EvaBlockPostNorm) or type(block).__name__ == 'Block'
    for other in model.blocks:
        check_block(other, block)
    patch, grid = model.patch_embed.patch_size, model.patch_embed.grid_size
    assert patch[0] == patch[1] and grid[0] == grid[1] and model.patch_embed.img_size == (image_size, image_size)
    assert is_identity(model.patch_embed.norm) and is_identity(model.fc_norm) and model.reg_token is None and not model.no_embed_class
    has_class = model.cls_token is not None
    assert tuple(model.pos_embed.shape) == (1, grid[0] * grid[1] + has_class, width)
    norms = [model.norm] + ([] if is_identity(model.norm_pre) else [model.norm_pre])
    out = ['.image_size = %d' % image_size, '.patch_size = %d' % patch[0], '.width = %d' % width, '.layers = %d' % len(model.blocks),
           '.heads = %d' % block.attn.num_heads, '.mlp_width = %d' % block.mlp.fc2.in_features,
           '.pooling = %s' % {'map': 'TL_POOL_ATTENTION', 'token': 'TL_POOL_CLASS_TOKEN'}[pool],
           '.activation = %s' % ('TL_GELU' if is_gated(block) else activation(block.mlp.act)), '.layer_norm_epsilon = %rF' % block.norm1.eps,
           '.projection = %s' % ('TL_PROJECTION_NONE' if proj == 'none' else 'TL_PROJECTION_LINEAR')]
    assert proj == 'none' or (proj is None and isinstance(model.head, nn.Linear) and model.head.bias is not None)
    assert block.attn.num_heads * block.attn.head_dim == width
    if not has_class:
        out.append('.without_class_token = true')
    if is_identity(model.norm_pre):
        out.append('.without_pre_norm = true')
    if model.patch_embed.proj.bias is not None:
        out.append('.with_patch_bias = true')
    if pool == 'map':
        head = model.attn_pool
        assert head.latent_len == 1 and head.pool == 'token' and head.pos_embed is None and is_identity(head.q_norm) and is_identity(head.k_norm)
        assert head.q.bias is not None and head.kv.bias is not None and activation(head.mlp.act) == activation(block.mlp.act)
        norms.append(head.norm)
        out += ['.pool_heads = %d' % head.num_heads, '.pool_mlp_width = %d' % head.mlp.fc1.out_features]
    assert all(isinstance(n, nn.LayerNorm) and n.eps == block.norm1.eps for n in norms)
    rope = getattr(model, 'rope', None)
    if rope is not None:
        assert type(rope).__name__ == 'RotaryEmbeddingCat' and not rope.rotate_half and not rope.in_pixels and rope.grid_type == 'index'
        assert rope.dim == block.attn.head_dim and tuple(rope.feat_shape) == grid and rope.ref_feat_shape[0] == rope.ref_feat_shape[1]
        assert block.attn.num_prefix_tokens == has_class
        words = ['true', {'xy': 'true', 'ij': 'false'}[rope.grid_indexing], '%.1fF' % rope.temperature, '%.1fF' % rope.grid_offset,
                 '%d' % rope.ref_feat_shape[0]]
        out.append('.rotary = {%s}' % ', '.join(words))
    out += ['.%s = true' % word for word, holds in (('with_gated_mlp', is_gated(block)), ('with_inner_norms', not is_identity(block.attn.norm)),
                                                    ('norms_last', type(block) is EvaBlockPostNorm)) if holds]
    return '    {"%s", {%s}},' % (name, ', '.join(out))

for name, words in sorted(wanted().items()):
    print(row(name, *words))
