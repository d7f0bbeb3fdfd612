#!/bin/sh
# load_model.sh BENCH_LOAD MODEL: loads an open_clip folder with our library and with open_clip, by turns, three times each, in fresh
# processes, and prints a JSON line for each: load time, first picture and text, resident memory. Files are warm in the cache.
# TL_REFERENCE_PYTHON names a Python with open_clip; tests/golden/make_fixtures.py full OUT vit_b_32 makes a MODEL.
set -eu
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
cat "$2"/* >/dev/null
for turn in 1 2 3; do
    "$1" "$2"
    "$python" - "$2" <<'PYTHON'
import json, logging, sys, time
start = time.perf_counter()
import torch, open_clip
logging.disable(logging.WARNING)
imported = time.perf_counter()
def resident():
    rows = dict(line.split(':') for line in open('/proc/self/status') if line.startswith('Rss'))
    return [int(rows[k].split()[0]) / 1024 for k in ('RssAnon', 'RssFile')]
torch.set_num_threads(1)
before = resident()
model = open_clip.create_model('local-dir:' + sys.argv[1]).eval()
opened, loaded = time.perf_counter(), resident()
with torch.no_grad():
    model.encode_image(torch.zeros(1, 3, *open_clip.model.to_2tuple(model.visual.image_size)))
    picture = time.perf_counter()
    model.encode_text(torch.tensor([[300] * 9 + [49407] + [0] * (model.context_length - 10)]))
text, after = time.perf_counter(), resident()
print(json.dumps({'bench': 'load', 'family': 'open_clip in Python', 'import_ms': round((imported - start) * 1e3, 1),
                  'open_ms': round((opened - imported) * 1e3, 1), 'first_picture_ms': round((picture - opened) * 1e3, 1),
                  'first_text_ms': round((text - picture) * 1e3, 1), 'anonymous_mib': [round(x[0], 1) for x in (before, loaded, after)],
                  'file_mib': [round(x[1], 1) for x in (before, loaded, after)]}))
PYTHON
done
