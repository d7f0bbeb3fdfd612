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
    for _ in $(seq 600); do
        [ -e "$2/checkpoint" ] && break
        sleep 0.05
    done
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

# The same seed on another number of threads: the same bits.
TWINLENS_THREADS=1 expect 0 "$TWINLENS" train d -o one $small_training --steps 80
cmp whole/model.safetensors one/model.safetensors || fail "one thread: other bits"
finish
