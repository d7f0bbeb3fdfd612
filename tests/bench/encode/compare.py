"""Encoding beside PyTorch, ONNX Runtime and OpenVINO: by precision, batch and threads, all engines in turn, several rounds.

usage: compare.py TWINLENS --clip MODEL [--siglip MODEL] [--captions FILE] [--cache FOLDER] [--rounds N] [--isa NAME]
                  [--tower T]... [--precision P]... [--batch N]... [--threads N]... [--engine E]...

MODEL: a full-size ViT-B/32 and a ViT-B/16 SigLIP (tests/golden/make_fixtures.py full). Towers: image, text (captions of natural length;
the peers compute the whole context), siglip (the whole context). Captions: lines, or a WebDataset shard, whose .txt members count.
--isa caps what engines may use: amx (all there is), avx512_bf16, avx512, avx2; ONNX Runtime cannot be capped. JSON lines, then a table.
"""
import argparse, json, os, subprocess, sys, tarfile, tempfile

CAPS = {'amx': (None, 'auto'), 'avx512_bf16': ('AVX512_CORE_BF16', 'avx512_bf16'), 'avx512': ('AVX512_CORE', 'avx512'),
        'avx2': ('AVX2', 'avx2')}
here = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument('twinlens')
parser.add_argument('--clip', required=True)
parser.add_argument('--siglip')
parser.add_argument('--captions')
parser.add_argument('--cache')
parser.add_argument('--rounds', type=int, default=2)
parser.add_argument('--isa', choices=list(CAPS), default='amx')
parser.add_argument('--tower', action='append')
parser.add_argument('--precision', action='append')
parser.add_argument('--batch', action='append', type=int)
parser.add_argument('--threads', action='append', type=int)
parser.add_argument('--engine', action='append')
given = parser.parse_args()
towers = given.tower or ['image', 'text'] + (['siglip'] if given.siglip else [])
engines = given.engine or ['torch', 'onnxruntime', 'openvino']
scratch = tempfile.TemporaryDirectory()
cache = given.cache or scratch.name
os.makedirs(cache, exist_ok=True)
environment = dict(os.environ, TWINLENS_CPU=CAPS[given.isa][1])
if CAPS[given.isa][0]:
    environment['ONEDNN_MAX_CPU_ISA'] = CAPS[given.isa][0]


def captions():
    """A file of lines."""
    if not given.captions or not tarfile.is_tarfile(given.captions):
        return given.captions
    path = os.path.join(scratch.name, 'captions.txt')
    with tarfile.open(given.captions) as shard, open(path, 'w', encoding='utf-8') as out:
        for member in shard:
            if member.name.endswith('.txt'):
                out.write(shard.extractfile(member).read().decode('utf-8').splitlines()[0] + '\n')
    return path


def last_json(command):
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')]
    if not rows:
        sys.exit('compare.py: %s\n%s' % (' '.join(command), done.stderr[-2000:]))
    return rows[-1]


def ours(tower, precision, batch, threads):
    command = [given.twinlens, 'bench', given.siglip if tower == 'siglip' else given.clip, '--only', 'images' if tower == 'image' else 'texts',
               '--precision', precision, '--batch', str(batch), '--threads', str(threads), '--json']
    if lines and tower != 'image':
        command += ['--captions', lines]
    return last_json(command)


lines = captions()
best, share, tokens = {}, {}, {}
cells = [(t, p, b, n) for t in towers for p in given.precision or ['f32', 'bf16', 'int8'] for b in given.batch or [1, 32]
         for n in given.threads or [1, 2]]
for turn in range(given.rounds):
    for cell in cells:
        for engine in ['twinlens'] + engines:
            if best.get(cell + (engine,)) == 0:
                continue
            tower, precision, batch, threads = cell
            row = (ours(*cell) if engine == 'twinlens' else
                   last_json([sys.executable, os.path.join(here, 'peers.py'), engine, tower, precision, str(batch), str(threads), cache]))
            print(json.dumps(dict(row, engine=engine, tower=tower, isa=given.isa, turn=turn)), flush=True)
            best[cell + (engine,)] = max(best.get(cell + (engine,), 0), row.get('value', 0))
            if engine == 'twinlens':
                share[cell] = max(share.get(cell, 0), row.get('share_of_products', 0))

print('\n%-8s %-5s %5s %7s | %10s %6s | %s | %s' % ('tower', '', 'batch', 'threads', 'twinlens', 'share', ' '.join('%11s' % e for e in engines),
                                                   'ratio to the best of them'))
for cell in cells:
    peers = [best.get(cell + (e,), 0) for e in engines]
    mine = best[cell + ('twinlens',)]
    print('%-8s %-5s %5d %7d | %10.1f %6.2f | %s | %s' % (cell + (mine, share[cell], ' '.join('%11.1f' % v if v else '%11s' % '-' for v in peers),
                                                                 '%.2f' % (mine / max(peers)) if max(peers, default=0) else '-')))
