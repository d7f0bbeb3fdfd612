#!/bin/sh
# Training beside open_clip on this machine: the same architecture, batch and threads, taken in turn, and the ratio of the best of
# each. usage: compare.sh BENCH_TRAIN PYTHON [THREADS [ROUNDS]]     PYTHON has torch and open_clip (docs/BENCHMARKS.md)
set -eu
bench=$1 python=$2 threads=${3:-2} rounds=${4:-2}
here=$(cd "$(dirname "$0")" && pwd)
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for round in $(seq "$rounds"); do
    for precision in f32 bf16; do
        "$bench" "$threads" 32 128 0 "$precision" | sed "s/^/ours_full_$precision /" | tee -a "$results"
        "$bench" "$threads" 13 128 0 "$precision" | sed "s/^/ours_short_$precision /" | tee -a "$results"
        "$python" "$here/peer.py" "$threads" "$precision" | sed "s/^/theirs_$precision /" | tee -a "$results"
    done
done
awk '{
    match($0, /"pairs_per_second": [0-9.]+/); rate = substr($0, RSTART + 20, RLENGTH - 20) + 0
    match($0, /"peak_mib": [0-9]+/); peak[$1] = substr($0, RSTART + 12, RLENGTH - 12) + 0
    if (rate > best[$1]) best[$1] = rate
} END {
    split("f32 bf16", precisions)
    for (i = 1; i <= 2; i++) {
        p = precisions[i]
        printf "%s beside open_clip in %s: full length %.2f x, short captions %.2f x, memory %.2f of it\n", p, p,
            best["ours_full_" p] / best["theirs_" p], best["ours_short_" p] / best["theirs_" p],
            peak["ours_full_" p] / peak["theirs_" p]
    }
}' "$results"
