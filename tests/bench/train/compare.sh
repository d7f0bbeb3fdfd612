#!/bin/sh
# Training beside open_clip on this machine: the same architecture, batch and threads, taken in turn, and the ratio of the best of
# each: random tokens of full length, and flickr8k's captions, as both towers get them from one vocabulary of ours (open_clip pads
# each to 32 tokens, as its tokenizers do). usage: compare.sh BENCH_TRAIN PYTHON FLICKR8K [THREADS [ROUNDS]]
# PYTHON has torch and open_clip (docs/BENCHMARKS.md); FLICKR8K is the folder of its train shards (.tar or .tar.gz with
# KEY.json).
set -eu
bench=$1 python=$2 captions_of=$3 threads=${4:-2} rounds=${5:-2}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
results=$scratch/results captions=$scratch/captions.txt
set -- "$captions_of"/*train*.tar*
if [ -e "$1" ]; then
    "$python" "$here/captions.py" "$@" >"$captions"
else
    echo "skipped: '$captions_of' has no train shards: flickr8k's captions are left out" >&2
fi
measure() { # NAME COMMAND...
    name=$1
    shift
    "$@" | sed "s/^/$name /" | tee -a "$results"
}
for round in $(seq "$rounds"); do
    for precision in f32 bf16; do
        measure "ours_full_$precision" "$bench" "$threads" 32 128 0 "$precision"
        measure "theirs_full_$precision" "$python" "$here/peer.py" "$threads" "$precision"
        [ -s "$captions" ] || continue
        measure "ours_real_$precision" "$bench" "$threads" "$captions" 128 0 "$precision" "$scratch/ids"
        measure "theirs_real_$precision" "$python" "$here/peer.py" "$threads" "$precision" 128 "$scratch/ids"
    done
done
awk '{
    match($0, /"pairs_per_second": [0-9.]+/); rate = substr($0, RSTART + 20, RLENGTH - 20) + 0
    match($0, /"peak_mib": [0-9]+/); peak[$1] = substr($0, RSTART + 12, RLENGTH - 12) + 0
    if (rate > best[$1]) best[$1] = rate
} END {
    split("f32 bf16", precisions)
    split("full real", captions); words["full"] = "32 random tokens"; words["real"] = "captions of flickr8k"
    for (i = 1; i <= 2; i++)
        for (j = 1; j <= 2; j++) {
            with = captions[j] "_" precisions[i]
            if (("ours_" with) in best)
                printf "%s beside open_clip in %s: %.2f x (%.1f of %.1f pairs/s), memory %.2f of it (%d of %d MiB)\n", words[captions[j]],
                    precisions[i], best["ours_" with] / best["theirs_" with], best["ours_" with], best["theirs_" with],
                    peak["ours_" with] / peak["theirs_" with], peak["ours_" with], peak["theirs_" with]
        }
}' "$results"
