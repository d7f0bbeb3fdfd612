"""Prints the rows of encoders/families/known_activations.c: the repositories of open_clip's pretrained.py whose towers are open_clip's own
(timm trunks have their activation by name), and which activation their tag has. Pinned: open_clip_torch 3.3.0."""
from open_clip import pretrained
from open_clip.factory import get_model_config

rows = {}
for name, tags in pretrained._PRETRAINED.items():
    config = get_model_config(name)
    if config is None or 'multimodal_cfg' in config or 'hf_model_name' in config.get('text_cfg', {}) or 'timm_model_name' in config.get('vision_cfg', {}):
        continue
    for tag in tags.values():
        repository = '/'.join(tag.get('hf_hub', '').rstrip('/').split('/')[:2])
        if repository:
            rows.setdefault(repository, set()).add(bool(tag.get('quick_gelu')))
for size in ('base-patch32', 'base-patch16', 'large-patch14', 'large-patch14-336'):
    rows['openai/clip-vit-' + size] = {True}  # the same weights as the tags "openai"
for repository in sorted(rows):
    (is_quick,) = rows[repository]
    print('    {"%s", %s},' % (repository, 'TL_QUICK_GELU' if is_quick else 'TL_GELU'))
