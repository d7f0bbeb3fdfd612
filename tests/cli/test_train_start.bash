# What a run is asked for at its start: settings that would be passed over are refused, a start that fails leaves nothing in the
# way of the next, and a validation set of labels needs no captions.
. "$(dirname "$0")/support.bash"

pictures p
expect 0 "$TWINLENS" import p -o d

# Labels without captions: the measure is accuracy, and the report has no captions to show.
mkdir labelled
for file in p/*.ppm; do
    name=$(basename "$file" .ppm)
    cp "$file" labelled
    case "$name" in *disc) echo 0 ;; *square) echo 1 ;; *) echo 2 ;; esac >"labelled/$name.cls"
done
printf 'disc\nsquare\ntriangle\n' >names
expect 0 "$TWINLENS" train d -o m $small_training --steps 4 --validate labelled --validate-labels names --validate-every 2
grep -q validation_zero_shot_top_1 m/training.jsonl || fail "expected a measurement, found none"
[ -s m/report.html ] || fail "expected a report, found none"
grep -q 'data:image' m/report.html && fail "expected no examples without captions"

expect_error 1 "cannot find 'nothing', which the run" "$TWINLENS" train d -o no $small_training --steps 4 --validate nothing
expect_error 1 "cannot find 'none', which" "$TWINLENS" train d -o no $small_training --steps 4 --validate d --validate-labels none
expect_error 1 'expected --validate beside' "$TWINLENS" train d -o no $small_training --steps 4 --patience 3
expect_error 1 'expected --schedule constant beside --cooldown' "$TWINLENS" train d -o no $small_training --steps 4 --cooldown 2

# A resumed run has its settings: the same again are fine, others are told.
expect 0 "$TWINLENS" train d -o m $small_training --steps 4 --validate labelled --validate-labels names --validate-every 2 --resume
expect 0 "$TWINLENS" train -o m --batch 64 --resume --json
expect_error 1 "--steps: expected what the run in 'm' was started with" "$TWINLENS" train -o m --resume --steps 8
expect_error 1 '--learning-rate: expected what' "$TWINLENS" train -o m --resume --learning-rate 0.1
expect_error 1 '--template: expected what' "$TWINLENS" train -o m --resume --template '{}'
expect_error 1 '--tokenizer: expected what' "$TWINLENS" train -o m --resume --tokenizer m/tokenizer.model

# From a model, by its name as well; what its sizes are is not to be said, and what went wrong can be tried again.
export XDG_DATA_HOME="$PWD/data"
mkdir -p data/twinlens/models
cp -r m data/twinlens/models/some--model
from="--init some/model --batch 9 --steps 2"
expect_error 1 '--vocabulary: expected none beside --init' "$TWINLENS" train d -o tuned $from --vocabulary 400
expect_error 1 '--size: expected none beside --init' "$TWINLENS" train d -o tuned $from --size tiny
expect_error 1 "cannot find 'nothing'" "$TWINLENS" train nothing -o tuned $from
expect_error 1 'expected one of the towers' "$TWINLENS" train d -o tuned $from --freeze text --image-lr 0
expect 0 "$TWINLENS" train d -o tuned $from
expect 0 "$TWINLENS" train d -o tuned $from --resume # though that vocabulary has fewer pieces than --vocabulary may ask for
expect 0 "$TWINLENS" evaluate retrieval d --model tuned
expect_error 1 'some/other' "$TWINLENS" train d -o other --init some/other --steps 2

# What only one of the two evaluations reads.
expect_error 2 'with zero-shot only' "$TWINLENS" evaluate retrieval d --model m --template '{}'
expect_error 2 'with zero-shot only' "$TWINLENS" evaluate retrieval d --model m --labels-file names
expect_error 2 'with zero-shot only' "$TWINLENS" evaluate retrieval d --model m --per-class

# A weight of 0 leaves a set out: what is left must be two pictures.
mkdir q && cp p/red-disc.* q
expect 0 "$TWINLENS" import q -o e
weighed="$small_training --weights 0,1 --steps 2"
expect_error 1 'expected at least 2 captioned pictures to contrast, found 1' "$TWINLENS" train d e -o none $weighed
finish
