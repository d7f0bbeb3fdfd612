# What changed and nothing else: added, updated, removed, moved, touched; libraries that move; two models in one file.
. "$(dirname "$0")/support.bash"
export TWINLENS_MODEL=m TWINLENS_INDEX=i.db

pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o m $small_training --steps 10
expect 0 "$TWINLENS" index p
expect_output '18 added, 0 updated, 0 moved, 0 unchanged, 0 removed, 0 skipped'
expect 0 "$TWINLENS" index p
expect_output '0 added, 0 updated, 0 moved, 18 unchanged, 0 removed'

picture p/red-disc.ppm 10 200 200 disc 30
rm p/blue-square.ppm p/blue-square.txt
mkdir p/sub "p/ordner äöü 写真"
mv p/black-disc.ppm p/sub/night.ppm
cp p/green-disc.ppm "p/ordner äöü 写真/grün.ppm"
touch p/yellow-disc.ppm
echo 'another text' >p/purple-disc.txt
expect 0 "$TWINLENS" index p --json
expect_json_lines
expect_output '"added":1,'
expect_output '"updated":2,'
expect_output '"moved":1,'
expect_output '"removed":1,'
expect_output '"embedded":2,'
expect 0 "$TWINLENS" search 'green' -k 100
expect_output 'ordner äöü 写真/grün.ppm'
expect_output 'another text'
expect_output 'sub/night.ppm'
expect 0 "$TWINLENS" search 'green' -k 3 --where "path LIKE '%yellow%' AND width < 100"
[ "$(grep -c yellow out.txt)" -eq 3 ] && [ "$(wc -l <out.txt)" -eq 3 ] || fail "expected 3 yellow pictures, found $(cat out.txt)"
expect 0 "$TWINLENS" search 'green' --target caption --where "caption LIKE 'a yellow%'"
[ "$(wc -l <out.txt)" -ge 2 ] || fail "expected captions that are yellow, found $(cat out.txt)"
# Duplicates: a copy of a file is one by both measures, other pictures only where the threshold is low.
expect 0 "$TWINLENS" dedup --threshold 0.99999
[ "$(cut -f 1 out.txt | sort | uniq -c | grep -c ' 2 ')" -ge 1 ] || fail "expected a pair, found $(cat out.txt)"
grep -q 'green-disc.ppm' out.txt && grep -q 'grün.ppm' out.txt || fail "expected the copy, found $(cat out.txt)"
expect 0 "$TWINLENS" dedup --threshold -1
[ "$(cut -f 1 out.txt | sort -u)" = 1 ] && [ "$(wc -l <out.txt)" -eq 18 ] || fail "expected one group of all, found $(cat out.txt)"
expect 0 "$TWINLENS" dedup --by hash --bits 0 --json
expect_json_lines
grep -q '"first":true.*green-disc.ppm\|green-disc.ppm.*"first":true' out.txt || fail "expected the older file first, found $(cat out.txt)"
[ "$(wc -l <out.txt)" -eq 2 ] || fail "expected the copy and no other colour, found $(cat out.txt)"
mv p/green-disc.ppm hidden.ppm
expect 3 "$TWINLENS" dedup --by hash --bits 0
grep -q 'grün.ppm' out.txt && fail "a file that is not there has a copy"
mv hidden.ppm p/green-disc.ppm
expect_error 2 'embedding|hash' "$TWINLENS" dedup --by name
# Mixes: a picture alone is nearest to itself; adding it and taking it off again leaves the words' order.
expect 0 "$TWINLENS" search --like p/sub/night.ppm -k 1
expect_output 'sub/night.ppm'
expect 0 "$TWINLENS" search 'a green square' -k 100
cut -f 2 out.txt >plain.txt
expect 0 "$TWINLENS" search 'a green square' --like p/sub/night.ppm --not p/sub/night.ppm -k 100
cut -f 2 out.txt | diff -q - plain.txt >/dev/null || fail "adding and taking off changes the order"
expect 0 "$TWINLENS" search 'a green square' --like p/sub/night.ppm --like p/red-disc.ppm --not 'a yellow disc' -k 100
cut -f 2 out.txt | diff -q - plain.txt >/dev/null && fail "a mix of four finds what the words alone do"
expect_error 1 'cancel out' "$TWINLENS" search --like p/red-disc.ppm --not p/red-disc.ppm
# Weights: 0 leaves a part out, equal ones change nothing, and of two pictures the one that counts more is found first.
expect 0 "$TWINLENS" search 'a green square' --like p/sub/night.ppm --weights 1,0 -k 100
cut -f 2 out.txt | diff -q - plain.txt >/dev/null || fail "a part of weight 0 changes the order"
expect 0 "$TWINLENS" search 'a green square' --weights 0.5 -k 100
cut -f 2 out.txt | diff -q - plain.txt >/dev/null || fail "a lone weight changes the order"
for weights in 1,0.1:red-disc.ppm 0.1,1:sub/night.ppm; do
    expect 0 "$TWINLENS" search --like p/red-disc.ppm --like p/sub/night.ppm --weights "${weights%:*}" -k 1
    expect_output "${weights#*:}"
done
expect 0 "$TWINLENS" search 'a green square' --not p/red-disc.ppm --weights 1,0 -k 100
cut -f 2 out.txt | diff -q - plain.txt >/dev/null || fail "a --not of weight 0 changes the order"
for wrong in 1 1,2,3 1,-1 1,x 1,nan '1;2' ''; do
    expect_error 1 'weights: expected 2 numbers' "$TWINLENS" search 'a green square' --like p/red-disc.ppm --weights "$wrong"
done
expect_error 1 'cancel out' "$TWINLENS" search 'a green square' --weights 0
expect_error 1 'where: no such column: colour' "$TWINLENS" search 'green' --where "colour = 'red'"
expect_error 1 'more after' "$TWINLENS" search 'green' --where "1); DROP TABLE items; --"
! grep -q 'blue-square' out.txt || fail "expected the removed picture to be gone"

expect 0 "$TWINLENS" search green --in "p/ordner äöü 写真"
[ "$(wc -l <out.txt)" -eq 1 ] || fail "expected one picture in the folder"

# One bad picture never stops a run.
: >p/empty.png
echo 'this is no picture' >p/text.jpg
head -c 700 p/red-square.ppm >p/cut.ppm
expect 3 "$TWINLENS" index p
expect_output '0 added, 0 updated, 0 moved, 18 unchanged, 0 removed, 3 skipped'
grep -q '^skipped 1: ' err.txt || fail "expected the skipped ones by reason"
rm p/empty.png p/text.jpg p/cut.ppm

# Nor does it stay when no other picture is left; links that lead nowhere are a disk that is away, and take nothing with them.
mkdir last && cp p/red-square.ppm last/a.ppm
expect 0 "$TWINLENS" index last
ln -s nowhere.ppm last/b.ppm && mv last/a.ppm away.ppm
expect 3 "$TWINLENS" index last
expect_output '0 unchanged, 0 removed, 1 skipped'
: >last/a.ppm
expect 3 "$TWINLENS" index last
expect_output '0 unchanged, 1 removed, 2 skipped'
rm -r last

# A library that moved.
mv p moved
expect 0 "$TWINLENS" index --moved "$PWD/p" moved
expect 0 "$TWINLENS" index moved
expect_output '0 added, 0 updated, 0 moved, 18 unchanged, 0 removed'
expect 0 "$TWINLENS" search green -k 1
expect_output "$PWD/moved/"

# Another model adds vectors beside the first; without a set for it, searching is refused by name.
expect 0 "$TWINLENS" train d -o m2 $small_training --steps 5 --seed 8
expect_error 1 "expected image vectors of model .* found 18 image vectors of 'm'" "$TWINLENS" search green --model m2
expect 0 "$TWINLENS" index moved --model m2
expect 0 "$TWINLENS" search green --model m2 -k 1
expect 0 "$TWINLENS" search green -k 1
expect 0 "$TWINLENS" index --stats
expect_output '18 image vectors of model m2'
expect_output '18 image vectors of model m '
expect 0 "$TWINLENS" index --stats --json
expect_json_lines
expect 0 "$TWINLENS" index --check
expect_output 'sound'

# A table or one shard speaks only for its own: the rest of the folder stays, and nothing is embedded twice.
printf 'image,caption\nred-square.ppm,a red square\n' >moved/some.csv
expect 0 "$TWINLENS" index moved/some.csv --json
expect_output '"removed":0,"embedded":0'
expect 0 "$TWINLENS" index d
expect_output '18 added'
expect 0 "$TWINLENS" index d/00000.tar --json
expect_output '"unchanged":18,"removed":0,"embedded":0'
rm moved/some.csv

# A shard is one in capitals too, and speaks for its own.
mkdir upper && cp d/00000.tar upper/A.TAR
expect 0 "$TWINLENS" index upper
expect_output '18 added'
tar cf upper/A.TAR -C moved red-square.ppm red-square.txt
expect 0 "$TWINLENS" index upper
expect_output '1[78] removed'
expect 0 "$TWINLENS" index --forget ./upper

# A folder that is gone is found by the path by which it came, through a link or around a corner too; a link that took the place
# of a library that moved is not followed.
mkdir -p far/away && ln -s far near && cp moved/red-square.ppm far/away/a.ppm
for gone in near/away moved/../far/away far//away/; do
    mkdir -p far/away && cp moved/red-square.ppm far/away/a.ppm
    expect 0 "$TWINLENS" index $gone
    rm -r far/away
    expect 0 "$TWINLENS" index --forget $gone
    expect_output '1 removed'
done
mkdir old && cp moved/red-square.ppm old/a.ppm
expect 0 "$TWINLENS" index old
mv old far/new && ln -s far/new old
expect 0 "$TWINLENS" index --moved old far/new
expect 0 "$TWINLENS" index far/new
expect_output '0 added, 0 updated, 0 moved, 1 unchanged'
expect 0 "$TWINLENS" index --forget far/new
expect_error 1 'empty text' "$TWINLENS" index --forget ''
rm -r far near old

# An archive at the top of a library makes no dataset of it; a broken sidecar takes nothing from the index.
mkdir lib && cp -r moved/sub lib/sub && tar cf lib/backup.tar -C moved red-square.ppm red-square.txt
expect 0 "$TWINLENS" index lib
expect_output '1 added, 0 updated, 0 moved, 0 unchanged, 0 removed'
echo '{' >lib/sub/night.json
expect 3 "$TWINLENS" index lib
expect_output '0 added, 0 updated, 0 moved, 0 unchanged, 0 removed, 1 skipped'
expect 0 "$TWINLENS" index --forget ./lib
expect_output '1 removed'
expect_error 1 "expected pictures of folder '.*/lib', found none" "$TWINLENS" index --forget lib

# A '#' in a name is no shard.
mkdir 'c#s' && cp moved/red-square.ppm 'c#s/b.ppm'
expect 0 "$TWINLENS" index 'c#s'
cp 'c#s/b.ppm' 'c#s/a.ppm'
expect 0 "$TWINLENS" index 'c#s'
expect_output '1 added, 0 updated, 0 moved, 1 unchanged'

# Split and url follow the dataset while pictures stay.
expect 0 "$TWINLENS" index d
expect 3 "$TWINLENS" import moved -o split --hold-out 0.4
cp split/*.tar d/
expect 0 "$TWINLENS" index d
expect 0 "$TWINLENS" search red -k 100 --in d
expect_output 'held-out'

# A damaged index whose vectors have another length than the model's is refused.
if command -v sqlite3 >/dev/null; then
    cp i.db hurt.db
    sqlite3 hurt.db 'update vector_sets set dim = 1'
    expect_error 1 'hurt.db.*expected' "$TWINLENS" search red --index hurt.db
fi

# Paths need not be UTF-8.
cp moved/red-square.ppm "$(printf 'moved/\377odd.ppm')"
expect 0 "$TWINLENS" index moved
expect_output '1 added'
expect 0 "$TWINLENS" search red -k 100 --json
expect_json_lines

# Divided into lists, an exact search finds what a scan found; rows that come later are found as well.
expect 0 "$TWINLENS" search red -k 3 --exact
cp out.txt scanned.txt
expect 0 "$TWINLENS" index --build
expect_output 'divided into lists'
expect 0 "$TWINLENS" search red -k 3 --exact
cmp -s out.txt scanned.txt || fail "expected the same hits from a divided index, found others"
expect 0 "$TWINLENS" search red -k 3 --probes 1000
cmp -s out.txt scanned.txt || fail "expected the same hits when every list is probed, found others"
mkdir later && cp moved/red-square.ppm later/late.ppm
expect 0 "$TWINLENS" index later
expect 0 "$TWINLENS" search red -k 100
expect_output 'late.ppm'
expect 0 "$TWINLENS" index --compact
expect 0 "$TWINLENS" index --check
expect 0 "$TWINLENS" index --stats
expect_output 'lists'
expect 0 "$TWINLENS" search red -k 100
expect_output 'late.ppm'
expect_error 2 'probes' "$TWINLENS" search red --probes -1

# Words of captions count beside vectors; scores are then those of places.
expect 0 "$TWINLENS" search 'red disc' -k 3 --hybrid
grep -q '^0.03' out.txt || fail "expected scores of at most 2/61 first, found $(cat out.txt)"
expect 0 "$TWINLENS" search 'red disc' -k 3 --hybrid --target caption --where "caption LIKE '%red%'" --json
expect_json_lines
expect_error 2 'whose words --hybrid' "$TWINLENS" search --like moved/red-square.ppm --hybrid

# Ctrl-C keeps what is done.
"$TWINLENS" index d >out.txt 2>err.txt &
pid=$!
sleep 0.3
kill -INT $pid 2>/dev/null
code=0
wait $pid || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 1 ] || fail "expected exit code 0 or 1 after Ctrl-C, found $code"
expect 0 "$TWINLENS" index --check
expect 0 "$TWINLENS" index d
finish
