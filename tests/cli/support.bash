# Shared by the command-line tests. TWINLENS is the program under test; the working folder is empty and the test's own.
set -u
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# expect CODE COMMAND...: runs it, keeps stdout in out.txt and stderr in err.txt, compares the exit code.
expect() {
    local wanted=$1
    shift
    local code=0
    "$@" >out.txt 2>err.txt || code=$?
    if [ "$code" -ne "$wanted" ]; then
        fail "expected exit code $wanted, found $code: $*"
        cat err.txt >&2
    fi
    # Whatever happens, no sanitizer speaks and no bug of ours is asserted.
    if grep -q -E 'Sanitizer|runtime error|twinlens: bug' err.txt; then
        fail "sanitizer or assertion: $*"
        cat err.txt >&2
    fi
}

# expect_error CODE PATTERN COMMAND...: fails with this code and one line on stderr that matches; stdout stays empty.
expect_error() {
    local wanted=$1 pattern=$2
    shift 2
    expect "$wanted" "$@"
    grep -q -E -- "$pattern" err.txt || {
        fail "expected an error like '$pattern', found '$(head -n 3 err.txt)': $*"
    }
    local lines
    lines=$(grep -c -v "^see 'twinlens" err.txt)
    [ "$lines" -eq 1 ] || fail "expected a one-line error, found $lines lines: $*"
    [ ! -s out.txt ] || fail "expected nothing on stdout with an error: $*"
}

expect_output() {
    grep -q -E -- "$1" out.txt || fail "expected '$1' on stdout, found '$(head -n 5 out.txt)'"
}

# Every line of out.txt is one JSON value, read by another program.
expect_json_lines() {
    [ -s out.txt ] || fail "expected JSON, found nothing"
    command -v sqlite3 >/dev/null || return 0
    while IFS= read -r line; do
        [ "$(sqlite3 :memory: "select json_valid('$(printf %s "$line" | sed "s/'/''/g")')")" = 1 ] || fail "not JSON: $line"
    done <out.txt
}

# picture FILE RED GREEN BLUE SHAPE [SIDE]: a picture of one coloured shape on white, as plain PPM.
picture() {
    awk -v r="$2" -v g="$3" -v b="$4" -v shape="$5" -v side="${6:-24}" 'BEGIN {
        printf "P3\n%d %d\n255\n", side, side
        for (y = 0; y < side; y++)
            for (x = 0; x < side; x++) {
                dx = x - side / 2 + 0.5; dy = y - side / 2 + 0.5; q = side / 3
                inside = shape == "disc" ? dx * dx + dy * dy < q * q : shape == "square" ? dx * dx < q * q * 0.6 && dy * dy < q * q * 0.6 : \
                         dy < q && dy > -q && (dx < 0 ? -dx : dx) < (dy + q) / 2
                if (inside) printf "%d %d %d\n", r, g, b; else printf "255 255 255\n"
            }
    }' >"$1.ascii"
    # Binary PPM, which is what the decoder reads: the same numbers as bytes.
    awk 'NR == 1 { printf "P6\n"; next } NR <= 3 { print; next } { for (i = 1; i <= NF; i++) printf "\\%03o", $i }' "$1.ascii" |
        { for _ in 1 2 3; do IFS= read -r line && printf '%s\n' "$line"; done; IFS= read -r bytes; printf "$bytes"; } >"$1"
    rm "$1.ascii"
}

# pictures FOLDER: 18 captioned pictures, six colours by three shapes.
pictures() {
    mkdir -p "$1"
    while read -r colour r g b; do
        for shape in disc square triangle; do
            picture "$1/$colour-$shape.ppm" "$r" "$g" "$b" "$shape"
            echo "a $colour $shape" >"$1/$colour-$shape.txt"
        done
    done <<'END'
red 220 20 20
green 20 160 20
blue 30 30 220
black 0 0 0
yellow 240 220 0
purple 150 20 170
END
}

# A model that is trained in seconds, also under sanitizers.
small_training="--size tiny --image-size 16 --patch-size 8 --vocabulary 300 --context 12 --batch 9 --crop 1 --flip 0 --seed 3"

# await SECONDS COMMAND...: until the command succeeds, so long at most; false: it never did.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}

has_lines() { # COUNT FILE: or more
    [ "$(wc -l <"$2")" -ge "$1" ]
}

# train_and_kill MODEL STEPS OPTION...: trains on d, killed once there are a checkpoint and so many steps in the log.
train_and_kill() {
    local model=$1 steps=$2 pid
    shift 2
    "$TWINLENS" train d -o "$model" "$@" --checkpoint-seconds 0.05 >out.txt 2>err.txt &
    pid=$!
    await 60 [ -e "$model/checkpoint" ] && await 60 has_lines "$steps" "$model/training.jsonl"
    kill -KILL $pid
    wait $pid 2>/dev/null
}

finish() {
    if [ "$failures" -ne 0 ]; then
        echo "$failures failures" >&2
        exit 1
    fi
    exit 0
}
