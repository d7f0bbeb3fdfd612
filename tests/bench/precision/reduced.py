"""What decoding large JPEGs at a reduced size (DCT scaling) changes in a model's answers.

usage: reduced.py TWINLENS MODEL DATASET [--size WIDTHxHEIGHT] [--count N]

The first N pictures of DATASET, enlarged and with noise added so that there are fine details, are embedded as JPEG (quality 90), which
twinlens decodes at the size its rule gives, and as the exact pixels of that JPEG (PPM). Prints the cosine after the mean embedding is
subtracted, its mean and least, and recall@10 text to image of both among the N. Status 1 when a cosine is below 0.995 or recall
more than half a point lower. Needs numpy and Pillow; some 40 MB a picture of 12 megapixels for twenty at a time.
"""
import argparse, glob, io, os, subprocess, sys, tarfile, tempfile

import numpy
from PIL import Image

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument('twinlens')
parser.add_argument('model')
parser.add_argument('dataset')
parser.add_argument('--size', default='4000x3000')
parser.add_argument('--count', type=int, default=200)
given = parser.parse_args()
size = tuple(map(int, given.size.split('x')))
random = numpy.random.default_rng(0)
noise = (random.normal(size=(size[1], size[0], 3)) * 5).astype(numpy.int8)


def samples():
    for path in sorted(glob.glob(os.path.join(given.dataset, '*.tar'))):
        with tarfile.open(path) as shard:
            parts = {}
            for member in shard:
                key, kind = member.name.split('.', 1)
                parts.setdefault(key, {})[kind] = shard.extractfile(member).read()
            yield from ((part['jpg'], part['txt'].decode('utf-8').split('\n')[0].strip()) for part in parts.values())


def large(jpeg):
    pixels = numpy.asarray(Image.open(io.BytesIO(jpeg)).convert('RGB').resize(size, Image.BICUBIC)).astype(numpy.int16)
    pixels = pixels + numpy.roll(noise, (int(random.integers(size[1])), int(random.integers(size[0]))), (0, 1))
    return Image.fromarray(numpy.clip(pixels, 0, 255).astype(numpy.uint8))


def embed(arguments, text=None):
    done = subprocess.run([given.twinlens, 'embed', '--model', given.model, *arguments], input=text, stdout=subprocess.PIPE, text=True, check=True)
    return [line.split('\t')[1:] for line in done.stdout.splitlines()]


chosen = [sample for sample, _ in zip(samples(), range(given.count))]
rows = {'jpg': [], 'ppm': []}
for first in range(0, len(chosen), 20):
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, '%02d' % i) for i in range(len(chosen[first:first + 20]))]
        for name, (jpeg, _) in zip(names, chosen[first:first + 20]):
            large(jpeg).save(name + '.jpg', quality=90)
            Image.open(name + '.jpg').convert('RGB').save(name + '.ppm')
        for kind in rows:
            rows[kind] += embed(['--images', *(name + '.' + kind for name in names)])
reduced, exact = numpy.array(rows['jpg'], float), numpy.array(rows['ppm'], float)
captions = numpy.array([text for _, text in chosen])
queries = numpy.array(embed([], '\n'.join(captions) + '\n'), float)


def recall(pictures):
    best = numpy.argsort(-(queries @ pictures.T), 1)[:, :10]
    return numpy.mean([(captions[best[i]] == captions[i]).any() for i in range(len(captions))])


a, b = reduced - exact.mean(0), exact - exact.mean(0)
cosines = (a * b).sum(1) / (numpy.linalg.norm(a, axis=1) * numpy.linalg.norm(b, axis=1))
print('%d pictures of %s: cosine mean %.6f, least %.6f; recall@10 exact %.4f, reduced %.4f' % (
    len(chosen), given.size, cosines.mean(), cosines.min(), recall(exact), recall(reduced)))
sys.exit(0 if cosines.min() >= 0.995 and recall(reduced) >= recall(exact) - 0.005 else 1)
