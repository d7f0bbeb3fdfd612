# Import, training and search on the real pictures that any Debian machine can install.
. "$(dirname "$0")/support.bash"
export TWINLENS_MODEL=m TWINLENS_INDEX=i.db
stamps=/usr/share/tuxpaint/stamps
if [ ! -d $stamps ]; then
    echo "skipped: no pictures in $stamps (package tuxpaint-stamps-default)"
    exit 77
fi

# Beside the 796 pictures there may be links to what only other packages bring; those are skipped, and told of by the exit code.
broken=$(find -L $stamps -type l | wc -l)
expect $((broken > 0 ? 3 : 0)) "$TWINLENS" import $stamps -o d --hold-out 0.1
expect_output "^d: 796 samples in 1 shards .* $broken skipped"
expect 0 "$TWINLENS" train d -o m --size tiny --batch 64 --steps 100 --learning-rate 0.002
# 64 pairs by chance: ln 64 = 4.16 nats. Two towers that learn together are well below it after nine epochs.
loss=$(tail -n 10 m/training.jsonl | sed 's/.*"loss":\([0-9.]*\).*/\1/' | awk '{ s += $1 } END { print s / NR }')
[ "$(echo "$loss" | awk '{ print ($1 < 3.85) }')" = 1 ] || fail "expected a loss below 3.85 after 100 steps, found $loss"
expect 0 "$TWINLENS" index d
expect_output '796 added'
expect 0 "$TWINLENS" search 'a red apple' -k 5
[ "$(wc -l <out.txt)" -eq 5 ] || fail "expected 5 hits"
expect 0 "$TWINLENS" evaluate retrieval d --json
recall=$(sed 's/.*"text_to_image_recall_at_10":\([0-9.]*\).*/\1/' out.txt)
[ "$(echo "$recall" | awk '{ print ($1 > 0.05) }')" = 1 ] || fail "expected recall@10 above 0.05 (chance 0.013) on what was trained, found $recall"
finish
