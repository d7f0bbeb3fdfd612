# One line each, naming the thing, nothing lost.
. "$(dirname "$0")/support.bash"
export TWINLENS_MODEL=m TWINLENS_INDEX=i.db

pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o m $small_training --steps 3
expect 0 "$TWINLENS" index p

expect_error 1 "'nowhere'" "$TWINLENS" import nowhere -o x
expect_error 1 "'nowhere'" "$TWINLENS" index nowhere
expect_error 1 'nowhere' "$TWINLENS" train nowhere -o x --steps 1
expect_error 1 'nowhere' "$TWINLENS" classify nowhere --labels a,b
expect_error 1 'nowhere' "$TWINLENS" search --like nowhere
expect_error 1 'nowhere' "$TWINLENS" search fox --index nowhere
[ ! -e nowhere ] || fail "expected a search not to make an index"
expect_error 1 "model 'nowhere': expected a model folder, found nothing" "$TWINLENS" search fox --model nowhere
expect_error 1 "model 'p/red-disc.txt'" "$TWINLENS" search fox --model p/red-disc.txt
expect_error 1 'nowhere' "$TWINLENS" evaluate retrieval nowhere

mkdir empty
expect_error 1 "'[^']*empty': expected pictures, found none" "$TWINLENS" import empty -o x
expect_error 1 "'[^']*empty': expected pictures, found none" "$TWINLENS" index empty
: >zero.png
echo text >text.jpg
head -c 700 p/red-disc.ppm >cut.ppm
for bad in zero.png text.jpg cut.ppm; do
    expect_error 1 "'$bad'" "$TWINLENS" search --like "$bad"
    expect_error 1 "'$bad'" "$TWINLENS" classify "$bad" --labels a,b
done

printf 'picture,words\nred-disc.ppm,a red disc\n' >p/odd.csv
expect_error 1 "odd.csv.*expected a column.*found.*picture" "$TWINLENS" import p/odd.csv -o x
expect 0 "$TWINLENS" import p/odd.csv -o x --image-column picture --caption-column words
mkdir bare && cp p/red-disc.ppm bare
expect_error 1 'captioned pictures' "$TWINLENS" train bare -o y --steps 1
expect 0 "$TWINLENS" import bare -o named --caption-from name

# Models that are not.
cp -r m broken && echo '{}' >broken/config.json
expect_error 1 "broken/config.json" "$TWINLENS" search fox --model broken
cp -r m broken2 && head -c 1000 m/model.safetensors >broken2/model.safetensors
expect_error 1 "broken2/model.safetensors" "$TWINLENS" search fox --model broken2
cp -r m broken3 && head -c 1000 m/tokenizer.model >broken3/tokenizer.model
expect_error 1 "broken3/tokenizer.model" "$TWINLENS" search fox --model broken3

# Index files that are not.
echo 'this is no database' >text.db
expect_error 1 "text.db'" "$TWINLENS" search fox --index text.db
expect_error 1 "text.db'" "$TWINLENS" index p --index text.db
grep -q 'this is no database' text.db || fail "expected the foreign file untouched"
if command -v sqlite3 >/dev/null; then
    sqlite3 foreign.db 'create table t(x); insert into t values(1)'
    expect_error 1 "foreign.db'" "$TWINLENS" index p --index foreign.db
    [ "$(sqlite3 foreign.db 'select count(*) from sqlite_master')" -eq 1 ] || fail "expected the foreign database untouched"
    cp i.db newer.db
    sqlite3 newer.db 'pragma user_version = 99'
    expect_error 1 "newer.db'.*newer|newer.db'.*99" "$TWINLENS" search fox --index newer.db
fi
head -c 9000 i.db >cut.db
expect_error 1 "cut.db" "$TWINLENS" index --check --index cut.db

expect_error 1 'valid utf-8' "$TWINLENS" search "$(printf 'fox \377')"
expect_error 1 'valid utf-8' "$TWINLENS" embed "$(printf 'fox \377')"
expect_error 2 'label .*: expected once, found twice' "$TWINLENS" classify p/red-disc.ppm --labels a,b,a
expect_error 2 'expected a text, found nothing' "$TWINLENS" classify p/red-disc.ppm --labels a,,b
expect_error 2 '\{\}' "$TWINLENS" classify p/red-disc.ppm --labels a,b --template nothing
expect_error 1 'held-back' "$TWINLENS" evaluate retrieval d --split held-back

# Texts and labels from files of other systems: a mark and CRLF go, a byte of 0 does not end a text unseen.
printf '\357\273\277red disc\r\n\r\nblue square\r\n' >marked.txt
expect 0 "$TWINLENS" classify p/red-disc.ppm --labels-file marked.txt --json
expect_json_lines
grep -q '"label":"red disc"' out.txt && grep -q '"label":"blue square"' out.txt || fail "expected the labels alone, found $(cat out.txt)"
printf 'red disc\n\nblue\0square\n' >zero.txt
expect_error 1 "'zero.txt': line 3: label 2: expected valid utf-8.*at byte 5" "$TWINLENS" classify p/red-disc.ppm --labels-file zero.txt
printf 'red\n\nred\n' >twice.txt
expect_error 1 "'twice.txt': line 3: label 'red': expected once" "$TWINLENS" classify p/red-disc.ppm --labels-file twice.txt
printf 'a disc\r\nred\rdisc\r\n\nend' >lines.txt
expect 0 "$TWINLENS" embed --json <lines.txt
grep -c . out.txt | grep -q '^4$' && grep -q '"text":"a disc"' out.txt && grep -q '"text":"red\\rdisc"' out.txt ||
    fail "expected four whole lines, found $(cut -c 1-40 out.txt)"
expect_error 1 'line 3: expected text, found a byte of 0 at 5' "$TWINLENS" embed <zero.txt

# Nothing is read or trained before a wrong size is told, and no model is written over.
expect_error 1 'patch' "$TWINLENS" train d -o z --image-size 60 --patch-size 8
[ ! -e z ] || fail "expected no folder after wrong settings"
expect_error 1 'nowhere.*expected a tokenizer.model' "$TWINLENS" train d -o z --tokenizer nowhere
mkdir bought && cp m/model.safetensors bought
expect_error 1 'holds a model.safetensors already' "$TWINLENS" train d -o bought --steps 1
cmp -s m/model.safetensors bought/model.safetensors || fail "expected the model untouched"
expect_error 2 'steps: expected 1 to' "$TWINLENS" train d -o z --steps 0

# Words from outside do not reach the terminal as commands.
mkdir escape && cp p/red-disc.ppm escape/a.ppm && printf 'red \033]0;owned\007 disc\n' >escape/a.txt
expect 0 "$TWINLENS" index escape
expect 0 "$TWINLENS" search 'red' -k 100
! grep -q "$(printf '\033')" out.txt || fail "expected no escape sequence in the output"
: >"$(printf 'escape/\302\2331m.png')"
expect 3 "$TWINLENS" import escape -o escape.d
expect 0 "$TWINLENS" import --list-skipped escape.d
grep -q 'empty file' out.txt && ! grep -q -a "$(printf '\302\233')" out.txt || fail "expected no control character, found $(cat out.txt)"

# A place that cannot be written.
expect_error 1 '/proc/nowhere' "$TWINLENS" import p -o /proc/nowhere
expect_error 1 '/proc/nowhere' "$TWINLENS" train d -o /proc/nowhere --steps 1
expect_error 1 '/proc/nowhere' "$TWINLENS" index p --index /proc/nowhere/i.db

# A full disk: a limit on file size gives the same failure of write(). What was there stays sound.
small_disk() {
    (
        ulimit -f "$1"
        shift
        exec "$@"
    )
}
expect 1 small_disk 8 "$TWINLENS" import p -o full
[ "$(wc -l <err.txt)" -eq 1 ] || fail "expected one line for a full disk, found: $(cat err.txt)"
[ ! -e full/00000.tar ] || fail "expected no half shard under a final name"
expect 1 small_disk 100 "$TWINLENS" train d -o fulltrain $small_training --steps 3
[ ! -e fulltrain/model.safetensors ] || fail "expected no half model"
cp -r p more && for i in 1 2 3 4 5 6 7 8 9; do for f in p/*.ppm; do cp "$f" "more/$i-$(basename "$f")"; printf x >>"more/$i-$(basename "$f")"; done; done
expect 1 small_disk 150 "$TWINLENS" index more
[ "$(wc -l <err.txt)" -eq 1 ] || fail "expected one line for a full disk, found: $(cat err.txt)"
expect 0 "$TWINLENS" index --check
expect 0 "$TWINLENS" search 'a red disc' -k 1
if [ -e /dev/full ]; then
    code=0
    "$TWINLENS" search 'a red disc' >/dev/full 2>err.txt || code=$?
    [ "$code" -eq 1 ] || fail "expected exit code 1 when the output cannot be written, found $code"
fi
finish
