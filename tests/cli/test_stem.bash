# A model with a convolutional stem from training to search: every command that opens a model takes it, other frameworks' formats
# refuse it by name, and a run that was killed goes on with the same bits.
. "$(dirname "$0")/support.bash"
export TWINLENS_MODEL=m TWINLENS_INDEX=i.db

stem_training="$small_training --stem 16x1,24x1 --stem-kernel 3 --stem-ratio 2 --image-layers 1"
pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o m $stem_training --steps 60
grep -q '"stem":' m/config.json || fail "expected a stem in config.json, found $(cat m/config.json)"
expect 0 "$TWINLENS" model inspect m
expect_output 'its stem: stages of 2 px by 2, width 16, 1 blocks; 2 px by 2, width 24, 1 blocks; convolutions of 3 by 3'

expect 0 "$TWINLENS" index p
for precision in f32 bf16 int8; do
    expect 0 "$TWINLENS" search 'a red disc' -k 3 --precision $precision
    expect_output 'red'
done
expect 0 "$TWINLENS" embed --images p/red-disc.ppm --threads 1
cp out.txt one
expect 0 "$TWINLENS" embed --images p/red-disc.ppm --threads 2
cmp -s out.txt one || fail "two threads: another vector"
expect 0 "$TWINLENS" classify p/red-disc.ppm --labels 'a red disc,a blue disc'
expect 0 "$TWINLENS" bench m --only images --batch 2 --seconds 0.05

train_and_kill killed 0 $stem_training --steps 60
expect 0 "$TWINLENS" train -o killed --resume
cmp m/model.safetensors killed/model.safetensors || fail "killed and resumed: other bits"

expect_error 1 'no place for a convolutional stem' "$TWINLENS" model convert m -o x --to open_clip
expect_error 1 'no place for a convolutional stem' "$TWINLENS" model convert m -o x --to transformers
expect 0 "$TWINLENS" model convert m -o half --dtype f16
expect 0 "$TWINLENS" search 'a red disc' -k 3 --model m
# It starts another run, and its towers are frozen like any.
expect 0 "$TWINLENS" train d -o tuned --init m --steps 2 --batch 9
expect 0 "$TWINLENS" train d -o lit --init m --freeze image --steps 2 --batch 9

for wrong in 16 x2 16x0 16x1, 0:16x1 16x1,16x1,16x1,16x1,16x1 16x1y; do
    expect_error 1 'stem: expected' "$TWINLENS" train d -o z $small_training --stem $wrong --steps 1
done
expect_error 1 'stem: expected stages whose patch sizes' "$TWINLENS" train d -o z $small_training --stem 3:16x1 --steps 1
expect_error 1 "stem: 'kernel" "$TWINLENS" train d -o z $small_training --stem 16x1 --stem-kernel 4 --steps 1
[ ! -e z ] || fail "expected no folder after wrong settings"
finish
