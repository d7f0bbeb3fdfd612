"""What bf16 and int8 change in the answers of a trained model: embeddings and recall against those of f32, for every set of kernels.

usage: compare.py TWINLENS MODEL DATASET... [--cpu NAME]... [--precision P]... [--threads N]

DATASET: an imported dataset whose captions are the queries. MODEL must be trained: random weights have no outliers and show nothing. For
each set of kernels that this processor has (TWINLENS_CPU) and each precision, one line: mean, 1st percentile and minimum of the cosine
to f32 on the same kernels, after the mean embedding is subtracted from both, of pictures and of captions, and recall@10 text to image
(`twinlens evaluate`). Status 1 when a goal is missed: mean cosine at least 0.999 (bf16) or 0.99 (int8), recall at most half a point lower.
Needs numpy.
"""
import argparse, glob, json, os, subprocess, sys, tarfile

import numpy

CPUS = ['amx', 'avx512_bf16', 'avx512_vnni', 'avx512', 'avx_vnni', 'avx2']
COSINE_GOALS = {'f32': 0.999999, 'bf16': 0.999, 'int8': 0.99}
MOST_RECALL_LOST = 0.005
parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument('twinlens')
parser.add_argument('model')
parser.add_argument('datasets', nargs='+')
parser.add_argument('--cpu', action='append', choices=CPUS)
parser.add_argument('--precision', action='append', choices=list(COSINE_GOALS))
parser.add_argument('--threads', default='1')
given = parser.parse_args()


def captions(dataset):
    """The first caption of each sample, as one line."""
    texts = []
    for path in sorted(glob.glob(os.path.join(dataset, '*.tar'))):
        with tarfile.open(path) as shard:
            texts += [shard.extractfile(member).read().decode('utf-8').split('\n')[0].strip() for member in shard if member.name.endswith('.txt')]
    return texts


def run(cpu, precision, arguments, text=None):
    command = [given.twinlens, *arguments, '--model', given.model, '--precision', precision, '--threads', given.threads]
    done = subprocess.run(command, env=dict(os.environ, TWINLENS_CPU=cpu), input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError('%s: %s' % (cpu, done.stderr.strip()))
    return done.stdout


def rows(printed):
    return numpy.array([line.split('\t')[1:] for line in printed.splitlines()], dtype=numpy.float64)


def measure(cpu, precision, dataset, texts):
    scores = json.loads(run(cpu, precision, ['evaluate', 'retrieval', dataset, '--json']))
    return {'pictures': rows(run(cpu, precision, ['embed', '--images', dataset])),
            'captions': rows(run(cpu, precision, ['embed'], '\n'.join(texts) + '\n')),
            'recall': scores['text_to_image_recall_at_10']}


def cosines(found, expected):
    """Without what all embeddings share, which would hide any error."""
    a, b = found - expected.mean(0), expected - expected.mean(0)
    return (a * b).sum(1) / (numpy.linalg.norm(a, axis=1) * numpy.linalg.norm(b, axis=1))


missed = 0
print('%-12s %-5s %-20s %-27s %-27s %-16s' % ('kernels', '', 'dataset', 'pictures: mean, 1 %, least', 'captions: mean, 1 %, least', 'recall@10'))
for dataset in given.datasets:
    texts = captions(dataset)
    for cpu in given.cpu or CPUS:
        try:
            plain = measure(cpu, 'f32', dataset, texts)
        except RuntimeError as error:
            if given.cpu or 'lacks' not in str(error):
                raise
            print('%-12s not of this processor' % cpu)
            continue
        for precision in given.precision or COSINE_GOALS:
            found = plain if precision == 'f32' else measure(cpu, precision, dataset, texts)
            notes, columns = [], []
            for what in ('pictures', 'captions'):
                all_of = cosines(found[what], plain[what])
                columns.append('%.6f %.6f %.6f' % (all_of.mean(), numpy.percentile(all_of, 1), all_of.min()))
                if all_of.mean() < COSINE_GOALS[precision]:
                    notes.append(what)
            if found['recall'] < plain['recall'] - MOST_RECALL_LOST:
                notes.append('recall')
            missed += len(notes)
            print('%-12s %-5s %-20s %-27s %-27s %.4f (%+.4f) %s' % (
                cpu, precision, os.path.basename(os.path.normpath(dataset))[:20], *columns, found['recall'], found['recall'] - plain['recall'],
                'MISSED: ' + ', '.join(notes) if notes else ''), flush=True)
sys.exit(1 if missed else 0)
