# The length of a run: a time that is planned anew on the way, and a change that was told.
. "$(dirname "$0")/support.bash"

pictures p
expect 0 "$TWINLENS" import p -o d

# A time instead of a length: what was planned on the way is in train.json, which makes the same run again; and a run that changes
# its length is resumed on both sides of the change.
expect 0 "$TWINLENS" train d -o timed $small_training --minutes 0.03
expect 0 "$TWINLENS" train d -o again --config timed/train.json
cmp timed/model.safetensors again/model.safetensors || fail "the same plan: other bits"
longer="$small_training --steps 40 --replans 20:90,70:80"
expect 0 "$TWINLENS" train d -o longer $longer
[ "$(wc -l <longer/training.jsonl)" -eq 80 ] || fail "expected 80 steps, found $(wc -l <longer/training.jsonl)"
train_and_kill cut 30 $longer
expect 0 "$TWINLENS" train -o cut --resume
cmp longer/model.safetensors cut/model.safetensors || fail "killed and resumed behind a change of length: other bits"
expect_error 1 'replans' "$TWINLENS" train d -o no $small_training --steps 40 --replans 50:60
expect_error 1 'minutes or replans' "$TWINLENS" train d -o no $small_training --minutes 1 --replans 5:60
finish
