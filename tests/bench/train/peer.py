"""open_clip's training steps at the sizes of bench_train.c, one JSON line: pairs a second (best of three steps after one) and the
process's peak memory. usage: peer.py THREADS f32|bf16 [BATCH [IDS]]    IDS: the file that bench_train writes; random without"""

import json
import resource
import sys
import time

import numpy as np
import open_clip
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

threads, precision = int(sys.argv[1]), sys.argv[2]
batch = int(sys.argv[3]) if len(sys.argv) > 3 else 128
torch.set_num_threads(threads)
torch.manual_seed(0)
model = CLIP(256, CLIPVisionCfg(layers=6, width=256, head_width=64, patch_size=16, image_size=128),
             CLIPTextCfg(context_length=32, vocab_size=8192, width=256, heads=4, layers=4)).train()
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
loss = open_clip.ClipLoss()
pixels = torch.randn(batch, 3, 128, 128)
if len(sys.argv) > 4:
    ids = torch.from_numpy(np.fromfile(sys.argv[4], dtype=np.int32).reshape(-1, batch, 32)).long()
else:
    ids = torch.randint(1, 8000, (4, batch, 32))
best = float("inf")
for step in range(4):
    start = time.perf_counter()
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        value = loss(*model(pixels, ids[step]))
    value.backward()
    optimizer.step()
    if step > 0:
        best = min(best, time.perf_counter() - start)
print(json.dumps({"what": "open_clip training", "precision": precision, "threads": threads, "batch": batch,
                  "pairs_per_second": round(batch / best, 2), "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
