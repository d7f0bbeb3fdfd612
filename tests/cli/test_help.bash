# Every command explains itself with an example; wrong usage is told in a line and exit code 2.
. "$(dirname "$0")/support.bash"

expect 0 "$TWINLENS" help
for command in import train index search classify evaluate embed tokenize model bench; do
    expect_output() { grep -q -E -- "$1" out.txt || fail "$command -h: expected '$1'"; }
    expect 0 "$TWINLENS" help
    expect_output "^  $command "
    for help in "$command -h" "$command --help" "help $command"; do
        expect 0 "$TWINLENS" $help
        expect_output "^usage: twinlens $command"
        expect_output '^example:'
        expect_output "^  twinlens $command"
        expect_output 'exit codes: 0 done'
    done
    expect_error 2 "unknown option '--nonsense'" "$TWINLENS" "$command" --nonsense
done
expect 2 "$TWINLENS"
expect_error 2 "unknown command 'fly'" "$TWINLENS" fly
expect 0 "$TWINLENS" --version
expect_error 2 'expected SOURCE' "$TWINLENS" import -o x
expect_error 2 'expected -o DATASET' "$TWINLENS" import x
expect_error 2 'expected -o MODEL' "$TWINLENS" train x
expect_error 2 'hold-out: expected 0 to 0.9' "$TWINLENS" import x -o y --hold-out 2
expect_error 2 'count: expected 1 to' "$TWINLENS" search fox -k 0
expect_error 2 "count: expected a whole number, found 'ten'" "$TWINLENS" search fox -k ten
expect_error 2 'expected words, found an empty text' "$TWINLENS" search ''
expect_error 2 'expected words, found an empty text' "$TWINLENS" search '   '
expect_error 2 'expected "TEXT" or --like FILE, found neither' "$TWINLENS" search
expect_error 2 'found neither' "$TWINLENS" search --not fox.png
expect_error 2 'target: expected image\|caption' "$TWINLENS" search fox --target sound
expect_error 2 'expected --labels' "$TWINLENS" classify x.png
expect_error 2 'expected one of --epochs' "$TWINLENS" train x -o y --epochs 1 --steps 2
expect_error 2 "expected retrieval or zero-shot, found 'beauty'" "$TWINLENS" evaluate beauty x
expect_error 2 'after it, found nothing' "$TWINLENS" import x -o
expect_error 2 'takes no value' "$TWINLENS" search fox --json=yes
finish
