# Ctrl-C and kill -9 in the middle of training: --resume ends with the same bits as an unbroken run.
. "$(dirname "$0")/support.bash"

pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o whole $small_training --steps 80
[ ! -e whole/checkpoint.new ] || fail "expected no leftover of a checkpoint"

# interrupt SIGNAL MODEL: starts a run, sends the signal once some steps are in the log, waits.
interrupt() {
    "$TWINLENS" train d -o "$2" $small_training --steps 80 --checkpoint-seconds 0.05 >out.txt 2>err.txt &
    local pid=$!
    await 30 [ -e "$2/checkpoint" ]
    kill "-$1" $pid
    interrupted=0
    wait $pid 2>/dev/null || interrupted=$?
}

interrupt INT stopped
if [ "$interrupted" -eq 1 ]; then
    grep -q 'stopped after step .* --resume goes on' err.txt || fail "expected word of the stop, found $(cat err.txt)"
elif [ "$interrupted" -ne 0 ]; then
    fail "expected exit code 1 after Ctrl-C, found $interrupted"
fi
expect 0 "$TWINLENS" train d -o stopped --resume
cmp whole/model.safetensors stopped/model.safetensors || fail "stopped and resumed: other bits"

interrupt KILL killed
expect 0 "$TWINLENS" train d -o killed --resume
cmp whole/model.safetensors killed/model.safetensors || fail "killed and resumed: other bits"
[ "$(wc -l <killed/training.jsonl)" -eq 80 ] || fail "expected every step once in training.jsonl, found $(wc -l <killed/training.jsonl)"

expect 0 "$TWINLENS" train d -o killed --resume
expect_output 'all 80 steps were done already'
expect_error 1 'holds a training run already' "$TWINLENS" train d -o whole $small_training --steps 80
expect_error 1 "cannot resume 'nowhere'" "$TWINLENS" train d -o nowhere --resume
mkdir q && cp p/red-* p/blue-* q
expect 0 "$TWINLENS" import q -o e
expect_error 1 'the datasets are not those' "$TWINLENS" train e -o killed --resume

# With all the state that options bring: a moving average, parts and chunks, several captions, colours and blends, a constant rate
# with its cooldown, the sigmoid's bias, measurements and the best model.
rich="$small_training --steps 60 --loss sigmoid --average 0.9 --accumulate 2 --chunk 4 --captions 2 --jitter 0.3 --blur 0.3 --mix 0.3
    --schedule constant --cooldown 20 --validate d --validate-every 15"
expect 0 "$TWINLENS" train d -o rich $rich
for round in 1 2; do
    rm -rf broken
    train_and_kill broken $((15 * round)) $rich
    expect 0 "$TWINLENS" train -o broken --resume
    for file in model.safetensors best/model.safetensors checkpoint/average.safetensors checkpoint/moments.safetensors; do
        cmp rich/$file broken/$file || fail "killed and resumed with every option: other bits in $file"
    done
    [ "$(grep -c validation_score broken/training.jsonl)" -eq 4 ] || fail "expected four measurements"
    [ "$(wc -l <broken/training.jsonl)" -eq 64 ] || fail "expected every step and measurement once"
done

# A cooldown longer than the warm-up, with the chunk left to choose.
expect 0 "$TWINLENS" train d -o cooled $small_training --steps 6 --warmup 1 --schedule constant --cooldown 4

# A run that is validated shows what its captions find.
grep -q '<h2>Validation: pictures found' rich/report.html || fail "expected examples in the report"
pictures_shown=$(grep -o 'data:image/jpeg;base64,/9j/' rich/report.html | wc -l)
[ "$pictures_shown" -eq 30 ] || fail "expected 6 captions of 5 pictures in the report, found $pictures_shown"
cmp rich/examples.json broken/examples.json || fail "killed and resumed: other examples"
grep -q 'data:image' whole/report.html && fail "expected no examples without validation"

# What is printed back into MODEL makes the same run again, and an option given comes before it.
expect 0 "$TWINLENS" train d -o again --config rich/train.json
cmp rich/model.safetensors again/model.safetensors || fail "the same settings from a file: other bits"
expect 0 "$TWINLENS" train d -o other --config rich/train.json --seed 4 --steps 25
grep -q '"seed": 4' other/train.json || fail "expected the seed given, found $(grep seed other/train.json)"
expect_error 1 "'no_such' is no setting" "$TWINLENS" train d -o third --config <(echo '{"no_such": 1}')

# Patience: a rate of next to nothing finds no better model.
expect 0 "$TWINLENS" train d -o bored $small_training --steps 60 --learning-rate 1e-9 --validate d --validate-every 5 --patience 2
expect_output 'stopped after step (15|20|25|30)'
expect 0 "$TWINLENS" train -o bored --resume
expect_output 'steps were done already'

# Fine-tuning: from a model of ours, one tower frozen.
expect 0 "$TWINLENS" train d -o tuned --init whole --freeze text --steps 5 --batch 9 --learning-rate 1e-4
cmp -s whole/model.safetensors tuned/model.safetensors && fail "expected other weights after fine-tuning"
expect 0 "$TWINLENS" evaluate retrieval d --model tuned
expect_error 1 'expected one of the towers' "$TWINLENS" train d -o none --init whole --freeze text --image-lr 0

# Mixing and converting: shares of 0 and 1 are one of the two to the bit, a half is between.
for share in 0 0.5 1; do
    expect 0 "$TWINLENS" model mix whole tuned -o mixed-$share --weight $share
done
cmp whole/model.safetensors mixed-0/model.safetensors || fail "a share of 0: other bits than the first"
cmp tuned/model.safetensors mixed-1/model.safetensors || fail "a share of 1: other bits than the second"
cmp -s whole/model.safetensors mixed-0.5/model.safetensors && fail "a share of a half: the first's bits"
expect 0 "$TWINLENS" evaluate retrieval d --model mixed-0.5
expect_error 1 'holds a config.json already' "$TWINLENS" model mix whole tuned -o mixed-1
expect_error 1 'expected' "$TWINLENS" model mix whole rich -o mixed-none # rich has a logit bias
expect 0 "$TWINLENS" model convert whole -o theirs --to open_clip
grep -q '"model_cfg"' theirs/open_clip_config.json || fail "expected open_clip's configuration"
expect_error 2 'expected -o MODEL' "$TWINLENS" model convert whole
expect_error 1 'CLIPModel has no place for average pooling' "$TWINLENS" model convert whole -o refused --to transformers
[ ! -e refused ] && [ ! -e refused.partial ] || [ -z "$(ls -A refused)" ] || fail "a refused conversion left files behind"
mkdir refused.partial && touch refused.partial/of_a_kill
expect 0 "$TWINLENS" model convert whole -o refused --dtype f16
[ ! -e refused.partial ] || fail "an earlier try's folder is still there"
expect 0 "$TWINLENS" evaluate retrieval d --model refused
[ "$(wc -c <refused/model.safetensors)" -lt $(($(wc -c <whole/model.safetensors) * 6 / 10)) ] || fail "f16: not half the size"
expect 0 "$TWINLENS" model convert whole -o same
cmp whole/model.safetensors same/model.safetensors || fail "converted to itself: other bits"
expect_error 1 'holds a config.json already' "$TWINLENS" model convert whole -o same

# The same seed on another number of threads: the same bits.
TWINLENS_THREADS=1 expect 0 "$TWINLENS" train d -o one $small_training --steps 80
cmp whole/model.safetensors one/model.safetensors || fail "one thread: other bits"
finish
