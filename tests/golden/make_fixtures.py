"""Reference models and their golden values, built, run and saved by the frameworks themselves.

Pinned: torch 2.15, open_clip_torch 3.3.0, transformers 5.24.0, timm 1.0.31, safetensors 0.8.0, pillow 13.0.0, numpy 2.4.6.

usage: make_fixtures.py tiny OUT                      the small committed models (tests/golden/fixtures/models)
       make_fixtures.py configs OUT [--check PROGRAM] [--only TEXT] [--list] [--keep]
                                                      every open_clip config of tiers T1 and T2 (and ResNets and PE-Core), cut to two layers
       make_fixtures.py full OUT NAME                 a full-size model: vit_b_32 vit_l_14 siglip_b_16 siglip2_b_16 rn50

Each model is a folder MODEL and a file MODEL.golden (a safetensors file, all f32) beside it:
  ids [B, T], lengths [B], pooled_rows [B]            texts, and which token of each is pooled
  picture_pixels [3, S, S]                            the framework's own preprocessing of `picture`
  <stage>@<width>/<stride> [rows, K + 1]              every stride-th row: K = min(6, width) columns floor(i * width / K), then its length
  visual.block.<last>.pooled@<width>/1 [B, K + 1]     the row of each picture that is pooled, where pooling reads one
  image [B, D], text [B, D], logits [B, B]            unit rows, and logits per image

Pictures are not stored: both sides make `pixels` [B, 3, S, S] and `picture` [17, 26, 3] by the same integer rule (see `hashed`).

Weights are random, but not tame. A framework's own initialisation makes attention nearly uniform, activations nearly linear and blocks
nearly the identity, so that swapped q and k, the wrong GELU or the wrong epsilon would hardly show. Here the scores of attention have a
spread of about two, the inputs of activations about one and a half, norms have uneven gains and biases, residual branches weigh as much as
the stream, and embeddings are as small as trained ones are (0.02), where the epsilon of the first norm counts. One channel of the stream
is far from the others, as in trained models.
"""
import argparse, contextlib, copy, glob, json, logging, math, os, shutil, subprocess, sys, tempfile
import numpy as np
import torch
import open_clip, transformers
from open_clip import pretrained as tags
from open_clip.push_to_hf_hub import save_for_hf
from open_clip.transform import image_transform_v2, PreprocessCfg
from PIL import Image
from safetensors.torch import save_file
from tiny_values import hashed

BATCH = 3
COLUMNS = 6
MOST_ROWS = 48


# ---- weights

def spread(model, seed, depth):
    """Fills every parameter with random numbers of a spread that makes mistakes visible; the same for every dialect."""
    draw = torch.Generator().manual_seed(seed)
    normal = lambda p, std, mean=0.0: p.copy_(mean + std * torch.randn(p.shape, generator=draw))
    with torch.no_grad():
        for name, p in model.named_parameters():
            leaf = name.split('.')[-1]
            norm = any(s in name for s in ('ln_', 'norm', 'layrnorm', '.bn', 'downsample.1'))
            if 'logit_scale' in name:
                p.fill_(4.75 if getattr(model, 'logit_bias', None) is not None else math.log(100.0))
            elif 'logit_bias' in name:
                p.fill_(-12.5)
            elif norm and leaf == 'weight':
                normal(p, 0.15, 0.5) if '.bn3' in name else normal(p, 0.25, 1.0)
            elif norm:
                normal(p, 0.2)
            elif leaf in ('bias', 'in_proj_bias', 'q_bias', 'k_bias', 'v_bias'):
                normal(p, 0.15)
                if name.endswith(('blocks.0.mlp.c_proj.bias', 'blocks.0.mlp.fc2.bias', 'layers.0.mlp.fc2.bias')):
                    p[p.numel() // 3] += 0.15 * math.sqrt(p.numel())
            elif leaf in ('latent', 'probe'):
                normal(p, 1.0)
            elif 'embed' in name and 'patch' not in name or leaf == 'cls_token':
                normal(p, 0.02 if 'attnpool' not in name else 0.5)
            elif leaf in ('proj', 'text_projection') and p.ndim == 2:
                normal(p, p.shape[0] ** -0.5)
            else:
                fan = p[0].numel()
                gain = 1.0
                if 'conv1' in name and 'layer' not in name and p.ndim == 4 and p.shape[-1] == p.shape[-2] > 3 or 'patch_embed' in name:
                    gain = 0.02
                elif p.ndim == 4:
                    gain = 1.4
                elif any(s in name for s in ('in_proj', 'qkv', 'q_proj', 'k_proj', 'attn_pool.q', 'attn_pool.kv', 'v_proj')):
                    gain = 1.5
                elif any(s in name for s in ('c_fc', 'fc1')):
                    gain = 1.5
                elif any(s in name for s in ('out_proj', 'c_proj', 'fc2', 'attn.proj')) and 'attnpool' not in name:
                    gain = 1.4 / math.sqrt(depth)
                normal(p, gain / math.sqrt(fan))
        for name, b in model.named_buffers():
            if name.endswith('running_mean'):
                normal(b, 0.3)
            elif name.endswith('running_var'):
                b.copy_(0.5 + 1.5 * torch.rand(b.shape, generator=draw))
    return model.eval()


def round_to(model, dtype):
    """Weights as they will be stored, widened again: the reference runs in f32 on what the file holds."""
    with torch.no_grad():
        for t in list(model.parameters()) + list(model.buffers()):
            if t.dtype == torch.float32:
                t.copy_(t.to(dtype).float())


# ---- inputs

def texts(kind, vocab, context, eos, seed):
    """ids [B, T], lengths [B]: a short one, a middle one and one that fills the context, as the family's tokenizer lays them out."""
    rng = np.random.default_rng(seed)
    ids, lengths = np.zeros((BATCH, context), np.int64), []
    for b, length in enumerate((3, (context + 3) // 2, context)):
        words = rng.integers(8, vocab - 8, length)
        if kind == 'clip':        # <start> words <end>, then zeros
            row, pad = [vocab - 2, *words[2:], vocab - 1], 0
        elif kind == 'clip_pad':  # transformers pads with <end>
            row, pad = [vocab - 2, *words[2:], vocab - 1], vocab - 1
        elif kind == 'xlm':       # <s> words </s>, <pad>
            row, pad = [0, *words[2:], eos], 1
        elif kind == 't5':        # words </s>, padded with </s>
            row, pad = [*words[1:], 1], 1
        elif kind == 'gemma':     # words <eos>, <pad>
            row, pad = [*words[1:], 1], 0
        elif kind == 'bert':      # [CLS] words, the [SEP] stripped to 0
            row, pad = [5, *words[1:]], 0
        ids[b] = row[:length] + [pad] * (context - length)
        lengths.append(length)
    return torch.from_numpy(ids), torch.tensor(lengths)


def pixels_of(side):
    """[B, 3, S, S]: like pictures, of different contrast and colour, with 8 x 8 coarse areas."""
    grain = hashed(1, BATCH * 3 * side * side).reshape(BATCH, 3, side, side)
    colour, coarse = hashed(2, BATCH * 3).reshape(BATCH, 3, 1, 1), hashed(3, BATCH * 3 * 64).reshape(BATCH, 3, 8, 8)
    at = np.arange(side) * 8 // side
    contrast = np.array([0.25, 1.0, 1.75], np.float32).reshape(BATCH, 1, 1, 1)
    return torch.from_numpy(contrast * grain + np.float32(1.5) * colour + coarse[:, :, at][:, :, :, at])


def picture():
    """uint8 [17, 26, 3], gradients and noise, wider than high, so that every resize mode gives something else."""
    y, x, c = np.mgrid[0:17, 0:26, 0:3]
    noise = (np.float32(30) * hashed(4, 17 * 26 * 3)).astype(np.int32).reshape(17, 26, 3)
    return np.clip(x * (9 - 3 * c) + y * (2 + 5 * c) + noise, 0, 255).astype(np.uint8)


# ---- running a model

def rows_of(t):
    """[rows, K + 1] of an activation [B, N, W], [B, W] or [B, C, H, W]."""
    t = t.detach().float()
    if t.ndim == 4:
        t = t.permute(0, 2, 3, 1)
    t = t.reshape(-1, t.shape[-1])
    width = t.shape[1]
    count = min(COLUMNS, width)
    columns = [i * width // count for i in range(count)]
    return width, torch.cat([t[:, columns], t.norm(dim=1, keepdim=True)], 1)


class Stages:
    def __init__(self):
        self.rows, self.hooks, self.normal_text = {}, [], None

    def keep(self, name, t):
        t = t[0] if isinstance(t, tuple) else t
        width, rows = rows_of(t)
        stride = -(-len(rows) // MOST_ROWS) if name.startswith('visual') else 1
        self.rows['%s@%d/%d' % (name, width, stride)] = rows[::stride]

    def into(self, module, name):
        def hook(_, args, kwargs):
            self.keep(name, args[0] if args else kwargs['hidden_states'])
        self.hooks.append(module.register_forward_pre_hook(hook, with_kwargs=True))

    def pooled_row(self, blocks):
        """The class token as it leaves the last block."""
        name = 'visual.block.%d.pooled' % (len(blocks) - 1)
        self.hooks.append(blocks[-1].register_forward_hook(lambda _, args, out: self.keep(name, (out[0] if isinstance(out, tuple) else out)[:, 0])))

    def out_of(self, module, name):
        self.hooks.append(module.register_forward_hook(lambda _, args, out: self.keep(name, out)))

    def transformer(self, blocks, tower):
        self.into(blocks[0], tower + '.embedding')
        for i, block in enumerate(blocks):
            self.out_of(block, '%s.block.%d' % (tower, i))

    def final_norm_of_text(self, module):
        def hook(_, args, out):
            self.normal_text = out.detach()
        self.hooks.append(module.register_forward_hook(hook))


def pooled_rows(rule, ids, eos):
    if rule == 'last':
        return torch.full((ids.shape[0],), ids.shape[1] - 1)
    return (ids == eos).int().argmax(-1) if rule == 'eos' else ids.argmax(-1)


def golden(path, stages, rule, eos, ids, lengths, image, text, logits, picture_pixels):
    at = pooled_rows(rule, ids, eos)
    if stages.normal_text is not None:
        stages.keep('text.pooled', stages.normal_text[torch.arange(len(at)), at])
    tensors = {'ids': ids, 'lengths': lengths, 'pooled_rows': at, 'image': image, 'text': text, 'logits': logits,
               **stages.rows}
    if picture_pixels is not None:
        tensors['picture_pixels'] = picture_pixels
    for name, t in tensors.items():
        assert torch.isfinite(t.float()).all(), name
    assert image.norm(dim=-1).sub(1).abs().max() < 1e-5
    save_file({k: v.detach().float().contiguous().clone() for k, v in tensors.items()}, path)
    for hook in stages.hooks:
        hook.remove()


def report(name, folder, image, logits):
    size = sum(os.path.getsize(f) for f in glob.glob(folder + '/*')) + os.path.getsize(folder + '.golden')
    cosine = image @ image.T
    print('%-34s %8.1f KB, cosine between pictures %+.3f %+.3f, logits %.2f to %.2f' %
          (name, size / 1024, cosine[0, 1], cosine[0, 2], logits.min(), logits.max()), flush=True)


# ---- open_clip

@contextlib.contextmanager
def timm_sizes(vision):
    """timm knows a model by its name; what a cut config says beside the name (see `cut`) overrides it."""
    import open_clip.timm_model as module
    real = module.timm.create_model
    extra = {}
    if 'timm_model_name' in vision and 'layers' in vision:
        extra['depth'], extra['img_size'] = vision['layers'], vision['image_size']
        if 'width' in vision:
            extra.update(embed_dim=vision['width'], num_heads=vision['width'] // vision['head_width'], mlp_ratio=vision['mlp_ratio'],
                         patch_size=vision['patch_size'])
        if '_pe_' in vision['timm_model_name']:
            grid = vision['image_size'] // vision.get('patch_size', 14 if 'patch14' in vision['timm_model_name'] else 16)
            extra['ref_feat_shape'] = (grid, grid)  # as in every published one: the grid it was trained on
    class Patched:
        def __getattr__(self, name):
            return getattr(real_timm, name)
        @staticmethod
        def create_model(*args, **kwargs):
            return real(*args, **{**kwargs, **extra})
    real_timm = module.timm
    module.timm = Patched()
    try:
        yield
    finally:
        module.timm = real_timm


def make_native(folder):
    """The same model as a folder of our own format: open_clip's names and words, another wrapping (docs/FORMATS.md)."""
    with open(folder + '/open_clip_config.json') as f:
        config = json.load(f)
    model, preprocess = config['model_cfg'], config['preprocess_cfg']
    activation = 'quick_gelu' if model.pop('quick_gelu', False) else 'gelu'
    os.remove(folder + '/open_clip_config.json')
    os.rename(folder + '/open_clip_model.safetensors', folder + '/model.safetensors')
    with open(folder + '/config.json', 'w') as f:
        json.dump({'model_type': 'twinlens', 'activation': activation, **model}, f, indent=2)
    with open(folder + '/preprocessor_config.json', 'w') as f:
        json.dump({'size': model['vision_cfg']['image_size'], 'mode': 'RGB', **preprocess}, f, indent=2)


class NoTokenizer:
    def save_pretrained(self, folder):
        pass


def open_clip_model(config, preprocess):
    with tempfile.TemporaryDirectory() as scratch, timm_sizes(config['vision_cfg']):
        with open(scratch + '/open_clip_config.json', 'w') as f:
            json.dump({'model_cfg': config, 'preprocess_cfg': preprocess}, f)
        return open_clip.create_model('local-dir:' + scratch, load_weights=False)


def text_kind(text):
    tokenizer = text.get('hf_tokenizer_name', '')
    if 'SigLIP2' in tokenizer:
        return 'gemma'
    if 'SigLIP' in tokenizer:
        return 't5'
    return 'bert' if 'bert' in tokenizer else 'xlm' if tokenizer else 'clip'


def write_open_clip(folder, config, preprocess, seed, dtype=None, tokenizer=None, with_picture=True):
    model = open_clip_model(copy.deepcopy(config), preprocess)
    vision, text = config['vision_cfg'], config['text_cfg']
    layers = vision.get('layers', 12)
    spread(model, seed, 4 if isinstance(layers, list) else layers)
    if dtype is not None:
        round_to(model, dtype)
    os.makedirs(folder, exist_ok=True)
    stored = model if dtype is None else copy.deepcopy(model).to(dtype)
    stored.visual.image_mean, stored.visual.image_std = model.visual.image_mean, model.visual.image_std
    save_for_hf(stored, tokenizer or NoTokenizer(), config, folder, safe_serialization=True)
    stages, visual = Stages(), model.visual
    if hasattr(visual, 'trunk'):
        stages.transformer(visual.trunk.blocks, 'visual')
        stages.into(visual.trunk.head, 'visual.pooled')
        if vision['timm_pool'] == 'token':
            stages.pooled_row(visual.trunk.blocks)
    elif hasattr(visual, 'layer1'):
        for i, part in enumerate((visual.avgpool, visual.layer1, visual.layer2, visual.layer3, visual.layer4)):
            stages.out_of(part, 'visual.block.%d' % i)
    else:
        stages.transformer(visual.transformer.resblocks, 'visual')
        if vision.get('pool_type', 'tok') == 'tok':
            stages.pooled_row(visual.transformer.resblocks)
        pool = visual._pool
        def kept(x):
            out = pool(x)
            stages.keep('visual.pooled', out[0])
            return out
        visual._pool = kept
    tower = getattr(model, 'text', model)
    stages.transformer(tower.transformer.resblocks, 'text')
    stages.final_norm_of_text(tower.ln_final)
    pixels = pixels_of(vision['image_size'])
    rule, eos = text.get('pool_type', 'argmax'), text.get('eos_id', 2)
    ids, lengths = texts(text_kind(text), text['vocab_size'], text['context_length'], eos, seed)
    with torch.no_grad():
        projected_image, projected_text = model.encode_image(pixels), model.encode_text(ids)
        stages.keep('visual.projected', projected_image)
        stages.keep('text.projected', projected_text)
        for hook in stages.hooks:
            hook.remove()
        image, text_rows = model.encode_image(pixels, normalize=True), model.encode_text(ids, normalize=True)
        logits = model.get_logits(pixels, ids)[0]
    picture_pixels = None if not with_picture else image_transform_v2(PreprocessCfg(**visual.preprocess_cfg), is_train=False)(Image.fromarray(picture()))
    golden(folder + '.golden', stages, rule, eos, ids, lengths, image, text_rows, logits, picture_pixels)
    report(os.path.basename(folder), folder, image, logits)


# ---- transformers

def write_transformers(folder, config, processor, kind, seed, dtype=None, shard=None, tokenizer=None):
    """config: CLIPConfig, SiglipConfig or MetaClip2Config."""
    classes = {'clip': transformers.CLIPModel, 'siglip': transformers.SiglipModel, 'metaclip_2': transformers.MetaClip2Model}
    model = classes[config.model_type](config)
    spread(model, seed, config.vision_config.num_hidden_layers)
    if dtype is not None:
        round_to(model, dtype)
    os.makedirs(folder, exist_ok=True)
    stored = model if dtype is None else copy.deepcopy(model).to(dtype)
    stored.save_pretrained(folder, **({'max_shard_size': shard} if shard else {}))
    processor.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    stages = Stages()
    stages.transformer(model.vision_model.encoder.layers, 'visual')
    stages.transformer(model.text_model.encoder.layers, 'text')
    stages.final_norm_of_text(model.text_model.final_layer_norm)
    if config.model_type == 'siglip':
        stages.out_of(model.vision_model.head, 'visual.pooled')
        stages.out_of(model.vision_model.head, 'visual.projected')
        stages.out_of(model.text_model.head, 'text.projected')
        rule = 'last'
    else:
        stages.pooled_row(model.vision_model.encoder.layers)
        stages.out_of(model.vision_model.post_layernorm, 'visual.pooled')
        stages.out_of(model.visual_projection, 'visual.projected')
        stages.out_of(model.text_projection, 'text.projected')
        rule = 'argmax' if config.model_type == 'clip' and config.text_config.eos_token_id == 2 else 'eos'
    pixels = pixels_of(config.vision_config.image_size)
    text = config.text_config
    ids, lengths = texts(kind, text.vocab_size, text.max_position_embeddings, text.eos_token_id, seed)
    with torch.no_grad():
        out = model(input_ids=ids, pixel_values=pixels)
    picture_pixels = torch.from_numpy(np.asarray(processor(images=Image.fromarray(picture()), return_tensors='np')['pixel_values'][0]))
    golden(folder + '.golden', stages, rule, text.eos_token_id, ids, lengths, out.image_embeds, out.text_embeds, out.logits_per_image,
           picture_pixels)
    report(os.path.basename(folder), folder, out.image_embeds, out.logits_per_image)


def pil_processor(name, **options):
    module = getattr(transformers, name + 'Pil', None) or getattr(transformers, name)
    return module(**options)


def clip_processor(side):
    return pil_processor('CLIPImageProcessor', size={'shortest_edge': side}, crop_size={'height': side, 'width': side})


def siglip_processor(side):
    return pil_processor('SiglipImageProcessor', size={'height': side, 'width': side}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3)


OPENAI = {}
SIGLIP = dict(mean=[0.5] * 3, std=[0.5] * 3, interpolation='bicubic', resize_mode='squash')
CLIPA = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], interpolation='bilinear', resize_mode='squash')
PE = dict(mean=[0.5] * 3, std=[0.5] * 3, interpolation='bilinear', resize_mode='squash')
BILINEAR = dict(interpolation='bilinear', resize_mode='shortest')


# ---- tiny

def tiny(out):
    vision = dict(image_size=12, layers=2, width=12, head_width=6, mlp_ratio=2.0, patch_size=4)
    text = dict(context_length=10, vocab_size=64, width=8, heads=2, layers=2, mlp_ratio=2.0)
    def config(embed_dim=10, vision_more={}, text_more={}, **more):
        return dict(embed_dim=embed_dim, **more, vision_cfg={**vision, **vision_more}, text_cfg={**text, **text_more})
    def timm(name, **more):
        return dict(timm_model_name=name, timm_model_pretrained=False, **more)
    siglip_text = dict(hf_tokenizer_name='timm/ViT-B-16-SigLIP', tokenizer_kwargs={'clean': 'canonicalize'}, no_causal_mask=True,
                       proj_bias=True, pool_type='last', norm_kwargs={'eps': 1e-6})
    siglip2_text = {**siglip_text, 'hf_tokenizer_name': 'timm/ViT-B-16-SigLIP2', 'act_kwargs': {'approximate': 'tanh'}}
    mapped = dict(timm_pool='map', timm_proj='none')
    siglip = dict(init_logit_bias=-10, custom_text=True)
    worldwide = dict(hf_tokenizer_name='facebook/xlm-v-base', pool_type='eos', eos_id=2)
    token = dict(timm_pool='token', timm_proj=None, timm_drop=0.0, timm_drop_path=0.1)
    pe = dict(timm_pool='map', timm_proj=None, width=16, head_width=8, mlp_ratio=4.0)  # that of the pool, which timm fixes
    models = {
        'oc_vit': (config(), OPENAI),
        'oc_vit_quickgelu': (config(quick_gelu=True), OPENAI),
        'oc_vit_bf16': (config(), OPENAI, torch.bfloat16),
        'oc_vit_ratio': (config(vision_more=dict(width=18, head_width=9, mlp_ratio=2.3637), text_more=dict(mlp_ratio=3.0)), OPENAI),
        'oc_siglip': (config(12, timm('vit_base_patch16_siglip_224', **mapped), siglip_text, **siglip), SIGLIP),
        'oc_siglip_i18n': (config(12, timm('vit_so400m_patch16_siglip_256', **mapped),
                                  {**siglip_text, 'width': 12, 'proj_bias': False, 'proj_type': 'none'}, **siglip), SIGLIP),
        'oc_siglip2': (config(12, timm('vit_base_patch16_siglip_224', **mapped), siglip2_text, **siglip), SIGLIP),
        'oc_siglip2_tanh': (config(12, timm('vit_base_patch32_siglip_256', **mapped), siglip2_text, **siglip), SIGLIP),
        'oc_siglip2_gopt': (config(18, {**timm('vit_giantopt_patch16_siglip_256', **mapped), 'width': 18},
                                   siglip2_text, **siglip), SIGLIP),
        'oc_clipa': (config(vision_more=dict(no_ln_pre=True, pool_type='avg', final_ln_after_pool=True),
                            text_more=dict(hf_tokenizer_name='bert-base-uncased', tokenizer_kwargs={'strip_sep_token': True},
                                           pool_type='last', no_causal_mask=True)), CLIPA),
        'oc_metaclip2': (config(text_more=worldwide), OPENAI),
        'oc_metaclip2_quickgelu': (config(text_more=worldwide, quick_gelu=True), OPENAI),
        'oc_mobileclip2_l': (config(vision_more=timm('vit_large_patch14_clip_224', **token), text_more=dict(no_causal_mask=True),
                                    custom_text=True), BILINEAR),
        'oc_pe_core': (config(vision_more=timm('vit_pe_core_base_patch16_224', **pe), custom_text=True), PE),
        'oc_pe_core_g': (config(vision_more=timm('vit_pe_core_gigantic_patch14_448', **pe), custom_text=True), PE),
        'tl_vit': (config(), OPENAI),
        'tl_vit_quickgelu': (config(text_more=dict(no_causal_mask=True, pool_type='last'), quick_gelu=True), OPENAI),
        'oc_resnet': (dict(embed_dim=12, quick_gelu=True, vision_cfg=dict(image_size=64, layers=[1, 2, 1, 1], width=2, head_width=16,
                                                                         patch_size=None), text_cfg=text), OPENAI, torch.float16),
    }
    for i, (name, spec) in enumerate(models.items()):
        write_open_clip(os.path.join(out, name), *spec[:2], seed=100 + i, dtype=spec[2] if len(spec) > 2 else None,
                        with_picture=name != 'oc_resnet')
        if name.startswith('tl_'):
            make_native(os.path.join(out, name))
    hf_vision = dict(hidden_size=12, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=12, patch_size=4)
    hf_text = dict(vocab_size=64, hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=10)
    def clip(eos=63, act='gelu', vision_more={}, text_more={}, dim=10):
        return transformers.CLIPConfig(
            text_config=dict(hf_text, hidden_act=act, projection_dim=dim, bos_token_id=62 if eos != 2 else 0, eos_token_id=eos, pad_token_id=1, **text_more),
            vision_config=dict(hf_vision, hidden_act=act, projection_dim=dim, **vision_more), projection_dim=dim)
    unequal = dict(vision_more=dict(hidden_size=20, intermediate_size=28), dim=18)
    def siglip_config(vocab=64, pad=1, **vision_more):
        return transformers.SiglipConfig(
            text_config=dict(hf_text, vocab_size=vocab, pad_token_id=pad, bos_token_id=0 if pad else 2,
                             eos_token_id=1, projection_size=12), vision_config={**hf_vision, **vision_more})
    metaclip2 = transformers.MetaClip2Config(
        text_config=dict(hf_text, hidden_act='quick_gelu', projection_dim=12, bos_token_id=0, eos_token_id=2, pad_token_id=1),
        vision_config=dict(hf_vision, hidden_act='quick_gelu', projection_dim=12), projection_dim=12)
    models = {
        'hf_vit_quickgelu': (clip(2, 'quick_gelu'), clip_processor(12), 'clip_pad', {}),  # eos_token_id 2: the old files, pooled by argmax
        'hf_vit': (clip(), clip_processor(12), 'clip_pad', {}),
        'hf_vit_f16': (clip(2, 'quick_gelu'), clip_processor(12), 'clip_pad', dict(dtype=torch.float16)),
        'hf_vit_sharded': (clip(), clip_processor(12), 'clip_pad', dict(shard='20KB')),
        'hf_tinyclip': (clip(2, 'quick_gelu', **unequal), clip_processor(12), 'clip_pad', {}),
        'hf_siglip': (siglip_config(), siglip_processor(12), 't5', {}),
        'hf_siglip2': (siglip_config(80, 0), siglip_processor(12), 'gemma', {}),
        'hf_siglip2_heads': (siglip_config(80, 0, num_attention_heads=4), siglip_processor(12), 'gemma', {}),
        'hf_metaclip2': (metaclip2, clip_processor(12), 'xlm', {}),
    }
    for i, (name, (made, processor, kind, more)) in enumerate(models.items()):
        write_transformers(os.path.join(out, name), made, processor, kind, seed=200 + i, **more)


# ---- configs

def tier(config):
    """T1, T2, T3 or RN of a config by the pieces it asks for; None when it needs others. See the table of tiers in the issue."""
    vision, text = config['vision_cfg'], config['text_cfg']
    if 'multimodal_cfg' in config or 'hf_model_name' in text or 'audio_cfg' in config:
        return None
    plain_text = {'context_length', 'vocab_size', 'width', 'heads', 'layers', 'mlp_ratio'}
    late_text = {'hf_tokenizer_name', 'tokenizer_kwargs', 'no_causal_mask', 'proj_bias', 'proj_type', 'pool_type', 'eos_id', 'norm_kwargs', 'act_kwargs'}
    name = vision.get('timm_model_name')
    if name == 'vit_large_patch14_clip_224':
        return 'T1'
    if name is not None:
        return 'T2' if '_siglip_' in name else 'T3' if 'vit_pe_core' in name else None
    if isinstance(vision.get('layers'), list):
        return 'RN' if set(text) <= plain_text else None
    plain = {'image_size', 'layers', 'width', 'head_width', 'mlp_ratio', 'patch_size'}
    if set(vision) <= plain and set(text) <= plain_text:
        return 'T1'
    if set(vision) <= plain | {'no_ln_pre', 'pool_type', 'final_ln_after_pool'} and set(text) <= plain_text | late_text:
        return 'T2'
    return None


def cut(config):
    """Two layers a tower, 512 words, a grid of three patches. Widths, heads, ratios, activations, epsilons and pooling stay. A timm trunk
    is known by its name, so `layers` and `image_size` beside the name say what was cut; published configs have no `layers` there."""
    made = copy.deepcopy(config)
    vision, text = made['vision_cfg'], made['text_cfg']
    name = vision.get('timm_model_name', '')
    if isinstance(vision.get('layers'), list):
        vision['layers'], vision['image_size'] = [2, 2, 1, 1], 96
    else:
        patch = vision.get('patch_size') or int(name.split('patch')[1].split('_')[0])
        vision['layers'], vision['image_size'] = 2, 3 * patch
    text['layers'], text['vocab_size'] = 2, 512
    return made


def configs(args):
    folder = os.path.join(os.path.dirname(open_clip.__file__), 'model_configs')
    all_configs = {os.path.basename(f)[:-5]: json.load(open(f)) for f in sorted(glob.glob(folder + '/*.json'))}
    chosen = {name: (tier(c), c) for name, c in all_configs.items() if tier(c)}
    counts, listed = {}, []
    for name, (t, c) in chosen.items():
        if name.endswith('-quickgelu'):
            base = name[:-len('-quickgelu')]
            own = [] if base in chosen else tags.list_pretrained_tags_by_model(name)
        else:
            own = tags.list_pretrained_tags_by_model(name)
        counts[t] = counts.get(t, 0) + len(own)
        # A tag runs on the config whose activation is the tag's own.
        for tag in own:
            quick = bool(tags.get_pretrained_cfg(name, tag).get('quick_gelu'))
            runs = name + '-quickgelu' if quick and name + '-quickgelu' in chosen else name
            listed.append((t, name, tag, runs))
            assert bool(chosen[runs][1].get('quick_gelu', False)) == quick, (name, tag)
    if args.list:
        for row in listed:
            print('%s  config %-34s tag %-32s checked as %s' % row)
    print('configs: ' + ', '.join('%s %d (%d tags)' % (t, sum(1 for x in chosen.values() if x[0] == t), counts.get(t, 0)) for t in ('T1', 'T2', 'T3', 'RN')))
    print('tags of T1 and T2: %d' % (counts['T1'] + counts['T2']), flush=True)
    if args.list and not args.check and not args.keep:
        return 0
    os.makedirs(args.out, exist_ok=True)
    failed, done = [], 0
    for i, (name, (t, c)) in enumerate(chosen.items()):
        if args.only and args.only not in name:
            continue
        made = os.path.join(args.out, name)
        own = [tag for tag in tags.list_pretrained_tags_by_model(name)
               if bool(tags.get_pretrained_cfg(name, tag).get('quick_gelu')) == bool(c.get('quick_gelu', False))]
        preprocess = {k: list(v) if isinstance(v, tuple) else v for k, v in (tags.get_pretrained_cfg(name, own[0]) if own else {}).items()
                      if k in ('mean', 'std', 'interpolation', 'resize_mode')}
        write_open_clip(made, cut(c), preprocess, seed=1000 + i)
        done += 1
        if args.check:
            ran = subprocess.run([*args.check.split(), made, made + '.golden'], capture_output=True, text=True)
            print(ran.stdout.strip().splitlines()[-1] if ran.stdout.strip() else '(no output)', ran.stderr.strip(), flush=True)
            if ran.returncode != 0:
                drift = [line for line in ran.stdout.splitlines() if line.startswith('first drift')]
                failed.append((t, name, ran.stderr.strip() or (drift[0] if drift else 'exit status %d' % ran.returncode)))
            if not args.keep:
                shutil.rmtree(made)
                os.remove(made + '.golden')
    print('%d configs checked, %d failed' % (done, len(failed)))
    for t, name, why in failed:
        print('FAILED %s %s: %s' % (t, name, why))
    return 1 if failed else 0


# ---- full

def clip_tokenizer():
    """transformers' CLIPTokenizer over the merges that travel in open_clip's wheel."""
    import gzip
    with gzip.open(os.path.join(os.path.dirname(open_clip.__file__), 'bpe_simple_vocab_16e6.txt.gz'), 'rt', encoding='utf-8') as f:
        merges = f.read().split('\n')[1:49152 - 256 - 2 + 1]
    vocabulary = open_clip.tokenizer.SimpleTokenizer().encoder
    words = {('<|startoftext|>' if k == '<start_of_text>' else '<|endoftext|>' if k == '<end_of_text>' else k): v for k, v in vocabulary.items()}
    with tempfile.TemporaryDirectory() as scratch:
        json.dump(words, open(scratch + '/vocab.json', 'w'))
        with open(scratch + '/merges.txt', 'w') as f:
            f.write('#version: 0.2\n' + '\n'.join(merges) + '\n')
        return transformers.CLIPTokenizer.from_pretrained(scratch)


def full(out, name):
    os.makedirs(out, exist_ok=True)
    known = {'vit_b_32': ('ViT-B-32-quickgelu', OPENAI), 'vit_l_14': ('ViT-L-14-quickgelu', OPENAI), 'siglip_b_16': ('ViT-B-16-SigLIP', SIGLIP),
             'siglip2_b_16': ('ViT-B-16-SigLIP2', SIGLIP), 'rn50': ('RN50-quickgelu', OPENAI)}
    config_name, preprocess = known[name]
    tokenizer = None if 'siglip' in name else clip_tokenizer()
    write_open_clip(os.path.join(out, name + '_open_clip'), open_clip.get_model_config(config_name), preprocess, seed=7, tokenizer=tokenizer)
    hf = os.path.join(out, name + '_transformers')
    if name == 'vit_b_32':
        made = transformers.CLIPConfig(text_config=dict(eos_token_id=2, bos_token_id=0), vision_config={})
        write_transformers(hf, made, clip_processor(224), 'clip_pad', seed=8, tokenizer=tokenizer)
    elif name == 'vit_l_14':
        made = transformers.CLIPConfig(
            text_config=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768, eos_token_id=2, bos_token_id=0),
            vision_config=dict(hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=24, patch_size=14,
                               projection_dim=768), projection_dim=768)
        write_transformers(hf, made, clip_processor(224), 'clip_pad', seed=8, tokenizer=tokenizer)
    elif name.startswith('siglip'):
        second = name.startswith('siglip2')
        text = dict(vocab_size=256000, pad_token_id=0, bos_token_id=2) if second else {}
        made = transformers.SiglipConfig(text_config=dict(text, eos_token_id=1), vision_config={})
        write_transformers(hf, made, siglip_processor(224), 'gemma' if second else 't5', seed=8)


def quiet():
    torch.set_num_threads(2)
    logging.disable(logging.WARNING)
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest='command', required=True)
    one = commands.add_parser('tiny'); one.add_argument('out')
    one = commands.add_parser('configs'); one.add_argument('out')
    one.add_argument('--check'); one.add_argument('--only'); one.add_argument('--list', action='store_true'); one.add_argument('--keep', action='store_true')
    one = commands.add_parser('full'); one.add_argument('out'); one.add_argument('name')
    args = parser.parse_args()
    quiet()
    if args.command == 'tiny':
        os.makedirs(args.out, exist_ok=True)
        tiny(args.out)
    elif args.command == 'configs':
        sys.exit(configs(args))
    else:
        full(args.out, args.name)
