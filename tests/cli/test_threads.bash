# The same bytes for any number of threads; what a stream needs does not grow with it; the machine's own table.
. "$(dirname "$0")/support.bash"
export XDG_DATA_HOME=$PWD/home
unset TWINLENS_MODEL TWINLENS_INDEX TWINLENS_THREADS

pictures p
expect 0 "$TWINLENS" import p -o d
for threads in 1 2 5; do
    mkdir "t$threads"
    expect 0 "$TWINLENS" train d -o "t$threads/m" $small_training --steps 12 --threads $threads
    mv "t$threads/m/model.safetensors" "t$threads/weights"
    cp t1/weights "t$threads/m/model.safetensors" # the same fingerprint from here on, whatever training did
done
yes 'a red disc
a very long caption of a blue square beside something green and round that nobody has ever seen
fox' | head -n 100 >lines
for threads in 1 2 5; do
    cd "t$threads" || exit 1
    expect 0 "$TWINLENS" index ../d --model m --index i.db --threads $threads
    for precision in f32 bf16 int8; do
        options="--model m --threads $threads --precision $precision"
        "$TWINLENS" embed $options <../lines >"texts.$precision" || fail "embed $options"
        [ "$(wc -l <"texts.$precision")" -eq 100 ] || fail "expected 100 vectors"
        "$TWINLENS" embed $options --images ../d >"images.$precision" || fail "embed --images $options"
        "$TWINLENS" search 'a red disc' $options --index i.db -k 18 >"search.$precision" || fail "search $options"
        "$TWINLENS" classify ../p $options --labels red,green --json >"classify.$precision" || fail "classify $options"
        "$TWINLENS" evaluate retrieval ../d $options --json >"evaluate.$precision" || fail "evaluate $options"
    done
    rm -rf m out.txt err.txt
    cd .. || exit 1
done
for threads in 2 5; do
    for file in $(ls t1); do
        cmp "t1/$file" "t$threads/$file" || fail "expected the same bytes of $file with 1 and $threads threads"
    done
done
cmp -s t1/texts.f32 t1/texts.int8 && fail "expected other numbers in another precision"
[ "$(ls t1 | wc -l)" -ge 17 ] || fail "expected the files of 5 commands, found: $(ls t1)"
expect_error 2 'threads: expected 0 to 256' "$TWINLENS" search fox --threads 1000

# Memory of a stream: as much after thousands of lines as after hundreds.
expect 0 "$TWINLENS" train d -o m $small_training --steps 2
mkfifo stream
ASAN_OPTIONS=quarantine_size_mb=1:$(printf %s "${ASAN_OPTIONS:-}") "$TWINLENS" embed --model m --threads 2 <stream >vectors &
program=$!
exec 3>stream
resident() {
    await 60 has_lines "$1" vectors || fail "expected $1 vectors, found $(wc -l <vectors)"
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$program/status"
}
yes 'a red disc and a few more words' | head -n 400 >&3
before=$(resident 350)
yes 'a red disc and a few more words' | head -n 2400 >&3
after=$(resident 2700)
exec 3>&-
wait $program || fail "embed ended with $?"
[ "$(wc -l <vectors)" -eq 2800 ] || fail "expected 2800 vectors, found $(wc -l <vectors)"
[ "$after" -lt $((before + 4096)) ] || fail "expected flat memory, found $before KiB, then $after KiB"

expect 0 "$TWINLENS" bench m --seconds 0.01 --threads 2 --only texts --captions lines --json
expect_json_lines
[ "$(wc -l <out.txt)" -eq 6 ] || fail "expected 3 precisions of 2 batches"
for part in images texts decoding; do
    expect 0 "$TWINLENS" bench m --seconds 0.01 --threads 1 --only $part --precision int8 --batch 3
    expect_output '^kernels: '
    expect_output "^$part"
done
expect 0 "$TWINLENS" bench --seconds 0.01 --threads 1 --only machine --precision f32
expect_output '^products, GFLOP/s +f32 +1 +[0-9.]+$'
expect_error 1 "expected a model folder" "$TWINLENS" bench nothing-here
expect_error 1 'expected lines of text, found none' "$TWINLENS" bench m --captions /dev/null
finish
