"""Zero-shot order of 500 classes on 500 photos: open_clip against `twinlens classify`, on the same model folder.

usage: check_zero_shot.py TWINLENS PHOTOS SCRATCH [--model vit_b_32|trained]... [--seconds N]

PHOTOS is a gzip-compressed tar of KEY.jpg and KEY.txt. Two models: a full-size ViT-B/32 with random weights (make_fixtures.py), whose
scores lie close together, and a small one that open_clip trains here for N seconds on the photos, whose scores mean something. Wherever
open_clip's scores of two classes are more than 1e-4 apart (as cosines), twinlens must put them in the same order; both read the JPEG
files themselves, so decoding, resizing and the tokenizer are under test too.
"""
import argparse, csv, gzip, io, json, os, subprocess, sys, tarfile, time
import numpy as np, torch, open_clip
from PIL import Image
from open_clip.transform import image_transform_v2, PreprocessCfg
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_fixtures

GAP = 1e-4
TEMPLATE = 'a photo of a {}.'


def read_photos(path, folder):
    os.makedirs(folder, exist_ok=True)
    labels, files = {}, {}
    with tarfile.open(path, 'r:gz') as tar:
        for member in tar:
            key, _, extension = os.path.basename(member.name).partition('.')
            data = tar.extractfile(member).read()
            if extension == 'txt':
                labels[key] = data.decode().strip()
            elif extension == 'jpg':
                files[key] = os.path.join(folder, key + '.jpg')
                with open(files[key], 'wb') as f:
                    f.write(data)
    # Each photo's caption is a class; a caption that comes twice is told apart by its first word's repetition.
    keys = sorted(files)
    names, seen = [], set()
    for key in keys:
        name = labels[key].split(',')[0].strip()
        while name in seen:
            name += ' (another)'
        seen.add(name)
        names.append(name)
    return [files[k] for k in keys], names


def pictures_of(paths, transform):
    return torch.stack([transform(Image.open(p)) for p in paths])


def ids_of(model, names):
    return open_clip.tokenizer.SimpleTokenizer(context_length=model.context_length)([TEMPLATE.format(n) for n in names])


def train(folder, paths, names, seconds):
    """A small CLIP trained on the photos themselves, so that its scores are far apart; saved as open_clip saves."""
    config = dict(embed_dim=128, vision_cfg=dict(image_size=48, layers=3, width=128, head_width=32, patch_size=8),
                  text_cfg=dict(context_length=24, vocab_size=49408, width=128, heads=4, layers=2))
    torch.manual_seed(1)
    torch.set_num_threads(1)  # steps this small lose more than they gain by two
    model = make_fixtures.open_clip_model(config, {})
    transform = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    pixels, ids = pictures_of(paths, transform), ids_of(model, names)
    optimizer, loss_of = torch.optim.AdamW(model.parameters(), 5e-4, weight_decay=0.05), open_clip.ClipLoss()
    start, steps = time.time(), 0
    model.train()
    while time.time() - start < seconds:
        at = torch.randperm(len(paths))[:64]
        loss = loss_of(*model(pixels[at], ids[at]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    print('trained %d steps of 64, loss %.3f' % (steps, loss.item()), flush=True)
    make_fixtures.save_for_hf(model.eval(), make_fixtures.clip_tokenizer(), config, folder, safe_serialization=True)


def reference_scores(folder, paths, names):
    model = open_clip.create_model('local-dir:' + folder).eval()
    transform = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    ids = ids_of(model, names)
    with torch.no_grad():
        classes = torch.cat([model.encode_text(ids[i:i + 50], normalize=True) for i in range(0, len(ids), 50)])
        images = torch.cat([model.encode_image(pictures_of(paths[i:i + 50], transform), normalize=True) for i in range(0, len(paths), 50)])
        return (images.double() @ classes.double().T).numpy(), model.logit_scale.exp().item()


def our_scores(program, folder, paths, names, scale, scratch):
    with open(scratch + '/labels.txt', 'w') as f:
        f.write('\n'.join(names) + '\n')
    ran = subprocess.run([program, 'classify', '--json', '-k', str(len(names)), '--labels-file', scratch + '/labels.txt', '--template', TEMPLATE,
                          '--model', folder, *paths], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit('twinlens classify: status %d: %s' % (ran.returncode, ran.stderr.strip()))
    at = {name: i for i, name in enumerate(names)}
    scores = {}
    for line in ran.stdout.splitlines():
        row = json.loads(line)
        one = np.full(len(names), -np.inf)
        for label in row['labels']:
            one[at[label['label']]] = np.log(max(label['probability'], 1e-300)) / scale
        scores[row['path']] = one
    return np.stack([scores[p] for p in paths])


def inversions(reference, ours, gap):
    """Pictures with two classes in another order although the reference's gap is larger, and the largest such gap."""
    count, worst = 0, 0.0
    for r, o in zip(reference, ours):
        ordered = r[np.argsort(-o, kind='stable')]
        best_after = np.maximum.accumulate(ordered[::-1])[::-1]
        inverted = (best_after - ordered).max()
        worst = max(worst, inverted)
        count += inverted > gap
    return count, worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('twinlens'); parser.add_argument('photos'); parser.add_argument('scratch')
    parser.add_argument('--model', action='append', choices=['vit_b_32', 'trained']); parser.add_argument('--seconds', type=int, default=100)
    args = parser.parse_args()
    make_fixtures.quiet()
    os.makedirs(args.scratch, exist_ok=True)
    paths, names = read_photos(args.photos, args.scratch + '/photos')
    failed = 0
    for name in args.model or ['trained', 'vit_b_32']:
        if name == 'trained':
            folder = args.scratch + '/trained'
            train(folder, paths, names, args.seconds)
        else:
            make_fixtures.full(args.scratch, 'vit_b_32')
            folder = args.scratch + '/vit_b_32_open_clip'
        reference, scale = reference_scores(folder, paths, names)
        ours = our_scores(args.twinlens, folder, paths, names, scale, args.scratch)
        count, worst = inversions(reference, ours, GAP)
        first = (reference.argmax(1) == ours.argmax(1)).sum()
        right = (reference.argmax(1) == np.arange(len(names))).mean()
        spread = np.sort(reference, 1)
        shifted = ours - ours.mean(1, keepdims=True) - (reference - reference.mean(1, keepdims=True))
        print('%s: %d photos x %d classes, right %.1f%%; median gap between neighbours %.1e; scores within %.1e; first class the same for %d; '
              'inverted beyond %g: %d photos; largest gap inverted %.1e' %
              (name, len(paths), len(names), 100 * right, np.median(np.diff(spread, axis=1)), abs(shifted).max(), first, GAP, count, worst), flush=True)
        failed += count
        # The check itself: one class moved by ten gaps must be noticed.
        moved = ours.copy()
        moved[:, 7] += 10 * GAP
        if inversions(reference, moved, GAP)[0] == 0:
            print('a class moved by %g was not noticed' % (10 * GAP))
            failed += 1
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
