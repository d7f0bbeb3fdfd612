#!/bin/sh
# Training beside open_clip on this machine: the same architecture, batch and threads, taken in turn, and the ratio of the best of
# each. usage: compare.sh BENCH_TRAIN PYTHON [THREADS [ROUNDS]]     PYTHON has torch and open_clip (docs/BENCHMARKS.md)
set -eu
bench=$1 python=$2 threads=${3:-2} rounds=${4:-2}
here=$(cd "$(dirname "$0")" && pwd)
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for round in $(seq "$rounds"); do
    "$bench" "$threads" 32 | sed 's/^/ours_full /' | tee -a "$results"
    "$bench" "$threads" 13 | sed 's/^/ours_short /' | tee -a "$results"
    "$python" "$here/peer.py" "$threads" f32 | sed 's/^/theirs_f32 /' | tee -a "$results"
    "$python" "$here/peer.py" "$threads" bf16 | sed 's/^/theirs_bf16 /' | tee -a "$results"
done
awk '{
    match($0, /"pairs_per_second": [0-9.]+/); rate = substr($0, RSTART + 20, RLENGTH - 20) + 0
    match($0, /"peak_mib": [0-9]+/); peak[$1] = substr($0, RSTART + 12, RLENGTH - 12) + 0
    if (rate > best[$1]) best[$1] = rate
} END {
    printf "full length: %.2f x open_clip f32, %.2f x bf16; short captions: %.2f x f32, %.2f x bf16; memory %.2f of f32\n",
        best["ours_full"] / best["theirs_f32"], best["ours_full"] / best["theirs_bf16"],
        best["ours_short"] / best["theirs_f32"], best["ours_short"] / best["theirs_bf16"], peak["ours_full"] / peak["theirs_f32"]
}' "$results"
