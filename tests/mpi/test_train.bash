# Training by several ranks: the run of one rank within rounding, resumed by other numbers of ranks, and ends that all share.
. "$(dirname "$0")/../cli/support.bash"

export TWINLENS_THREADS=1
start="$MPIRUN --oversubscribe --allow-run-as-root -n"
ranks() { # COUNT COMMAND...
    $start "$@"
}

# same_course A B: the same steps, with nearly the same losses.
same_course() {
    local apart
    apart=$(paste <(sed 's/.*"loss":\([^,]*\).*/\1/' "$1/training.jsonl") <(sed 's/.*"loss":\([^,]*\).*/\1/' "$2/training.jsonl") |
        awk 'NF != 2 { bad = 1 } { d = $1 - $2; if (d < 0) d = -d; if (d > worst) worst = d } END { print (bad || NR == 0) ? "other steps" : worst }')
    awk -v apart="$apart" 'BEGIN { exit !(apart ~ /^[0-9.e-]+$/ && apart < 5e-3) }' || fail "losses of $1 and $2: $apart apart"
}

# same_vectors A B: a text's vector by either model.
same_vectors() {
    local cosine
    cosine=$(paste <("$TWINLENS" embed 'a red disc' --model "$1" | tr '\t' '\n' | tail -n +2) <("$TWINLENS" embed 'a red disc' --model "$2" | tr '\t' '\n' | tail -n +2) |
        awk '{ dot += $1 * $2; a += $1 * $1; b += $2 * $2 } END { print NR == 0 ? 0 : dot / sqrt(a * b) }')
    awk -v cosine="$cosine" 'BEGIN { exit !(cosine > 0.9995) }' || fail "vectors of $1 and $2: cosine $cosine"
}

steps=20
pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o one $small_training --steps $steps

for count in 2 3; do
    expect 0 ranks $count "$TWINLENS" train d -o $count $small_training --steps $steps
    [ "$(grep -c 'steps of' out.txt)" -eq 1 ] || fail "expected one report of $count ranks, found $(cat out.txt)"
    [ "$(wc -l <$count/training.jsonl)" -eq $steps ] || fail "$count ranks: expected every step once in training.jsonl"
    same_course one $count
    same_vectors one $count
done
cmp -s one/model.safetensors 2/model.safetensors && fail "expected two ranks to add up in another order than one"
expect 0 ranks 2 "$TWINLENS" train d -o again $small_training --steps $steps
cmp 2/model.safetensors again/model.safetensors || fail "two ranks twice: other bits"

# A length by time: the first rank's clock plans it, anew as the time goes by, and all keep to that.
expect 0 ranks 2 "$TWINLENS" train d -o timed $small_training --minutes 0.05
expect 0 ranks 2 "$TWINLENS" train d -o timed-again --config timed/train.json
cmp timed/model.safetensors timed-again/model.safetensors || fail "two ranks by the same plan: other bits"
expect 0 "$TWINLENS" train d -o planned $small_training --steps 9 --replans 4:20,12:16
expect 0 ranks 2 "$TWINLENS" train d -o planned-2 $small_training --steps 9 --replans 4:20,12:16
[ "$(wc -l <planned-2/training.jsonl)" -eq 16 ] || fail "expected 16 steps by two ranks, found $(wc -l <planned-2/training.jsonl)"
same_course planned planned-2

# With all the state that options bring.
rich="$small_training --steps 24 --loss sigmoid --average 0.9 --accumulate 2 --chunk 3 --captions 2 --mix 0.3 --validate d
    --validate-every 6 --patience 9"
expect 0 "$TWINLENS" train d -o rich $rich
expect 0 ranks 2 "$TWINLENS" train d -o rich-2 $rich
[ "$(grep -c validation_score rich-2/training.jsonl)" -eq 4 ] || fail "expected four measurements by two ranks"
same_vectors rich rich-2
same_vectors rich/best rich-2/best

# A rank that is killed takes the job with it, and leaves a checkpoint that any number of ranks goes on from.
killed_amid=0
for left in 1 3; do
    rm -rf killed
    $start 2 "$TWINLENS" train d -o killed $small_training --steps $steps --checkpoint-seconds 0.02 >out.txt 2>err.txt &
    mpirun=$!
    await 60 [ -e killed/checkpoint/state.json ]
    children=$(cat "/proc/$mpirun/task/$mpirun/children" 2>/dev/null)
    victim=$(echo $children | awk '{ print $NF }')
    [ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null
    code=0
    wait $mpirun || code=$?
    [ "$code" -eq 0 ] || killed_amid=$((killed_amid + 1))
    [ "$code" -eq 0 ] || grep -q 'exited on signal 9' err.txt || fail "expected word of the killed rank, found $(cat err.txt)"
    expect 0 ranks $left "$TWINLENS" train -o killed --resume
    [ "$(wc -l <killed/training.jsonl)" -eq $steps ] || fail "resumed by $left: expected every step once in training.jsonl"
    same_course one killed
    same_vectors one killed
done
[ "$killed_amid" -ge 1 ] || fail "both runs were over before a rank could be killed"

# Ctrl-C saves, where mpirun leaves the time for it.
OMPI_MCA_odls_base_sigkill_timeout=5 $start 2 "$TWINLENS" train d -o stopped $small_training --steps 5000 --checkpoint-seconds 0.02 >out.txt 2>err.txt &
mpirun=$!
await 60 [ -e stopped/checkpoint/state.json ]
kill -INT $mpirun
code=0
wait $mpirun || code=$?
[ "$code" -ne 0 ] && [ "$(grep -c 'stopped after step .* --resume goes on' err.txt)" -eq 1 ] || fail "expected word of the stop, found $(cat err.txt)"

# What is wrong is said once, whoever found it.
said_once() { # PATTERN COMMAND...
    local pattern=$1 code=0
    shift
    "$@" >out.txt 2>err.txt || code=$?
    [ "$code" -ne 0 ] || fail "expected a failure: $*"
    [ "$(grep -c '^twinlens train: ' err.txt)" -eq 1 ] || fail "expected one error, found $(cat err.txt)"
    grep -q -E "^twinlens train: .*$pattern" err.txt || fail "expected '$pattern', found $(cat err.txt)"
}
said_once 'at least a pair a rank' ranks 3 "$TWINLENS" train d -o few $small_training --batch 2 --steps 3
said_once 'holds a training run already' ranks 2 "$TWINLENS" train d -o one $small_training --steps $steps
# Datasets that differ: each rank reads the folder of its number.
cp -R d d-0 && mkdir q && cp p/red-* p/blue-* q && expect 0 "$TWINLENS" import q -o d-1
said_once 'rank 1: expected the same datasets as rank 0' ranks 2 sh -c \
    'exec "$0" train "d-$OMPI_COMM_WORLD_RANK" -o differ "$@"' "$TWINLENS" $small_training --batch 4 --steps 3

if [ -n "$WITHOUT_MPI" ]; then
    ldd "$WITHOUT_MPI" | grep -q libmpi && fail "expected no libmpi in a plain build"
    OMPI_COMM_WORLD_SIZE=2 expect_error 1 'built with MPI' "$WITHOUT_MPI" train d -o plain $small_training
    OMPI_COMM_WORLD_SIZE=1 expect 0 "$WITHOUT_MPI" train d -o plain $small_training --steps 3
fi
finish
