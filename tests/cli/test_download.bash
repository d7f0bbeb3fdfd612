# A list of URLs from a real server: what is stored and how, what is dropped and why, retrying, newer lists, parts, reports.
. "$(dirname "$0")/support.bash"
. "$(dirname "$0")/download.bash"

helper make www 30
helper lying www/lying
serve_pictures
list() { # list FROM TO PLACE: rows
    printf 'url\tcaption\tscore\n'
    for row in $(seq "$1" "$2"); do printf '%s%s/%d.png\tpicture %d\t0.%d\n' "$site" "${3:-}" "$row" "$row" "$row"; done
}
members() { tar tf "$1" | tr '\n' ' '; }
part_of() { tar xOf "$1" "$2"; }

# Kept as they came: the bytes are those of the server; keys and names are img2dataset's.
list 0 24 >plain.tsv
expect 0 import_list plain.tsv plain --shard-size 10 --keep score
expect_output 'plain: 25 samples in 3 shards .*, 0 skipped'
[ "$(ls plain | tr '\n' ' ')" = "00000.tar 00001.tar 00002.tar ledger.db " ] || fail "expected three shards, found $(ls -a plain)"
case $(members plain/00001.tar) in
"000010.png 000010.txt 000010.json 000011.png "*) ;;
*) fail "expected keys of shard and place, found $(members plain/00001.tar)" ;;
esac
part_of plain/00002.tar 000024.png | cmp - www/24.png || fail "a picture that need not change has changed"
[ "$(part_of plain/00002.tar 000024.txt)" = "picture 24" ] || fail "expected its caption"
part_of plain/00002.tar 000024.json >sample.json
hash=$(sha256sum www/24.png | cut -d' ' -f1)
for member in '"score":"?0.24"?' '"status":"success"' '"error_message":null' '"original_width":64' '"original_height":31' \
    '"width":64' '"height":31' '"key":"000024"' '"caption":"picture 24"' "\"url\":\"$site/24.png\"" '"origin":"plain.tsv:26"' \
    "\"sha256\":\"$hash\""; do
    grep -q -E -- "$member" sample.json || fail "expected $member, found $(cat sample.json)"
done

# The command again asks nobody anything, and another setting is refused.
lines=$(wc -l <access.log)
expect 0 import_list plain.tsv plain --shard-size 10 --keep score
[ "$(wc -l <access.log)" -eq "$lines" ] || fail "a finished list was asked for again"
expect_error 1 'other settings: shard-size was 10, is 20' import_list plain.tsv plain --shard-size 20 --keep score
expect_error 1 'other settings: resize was not set, is "crop"' import_list plain.tsv plain --shard-size 10 --keep score --resize crop --size 9

# What is read back: training and indexing see the samples.
expect 0 "$TWINLENS" import plain -o again
expect_output 'again: 25 samples'

# Sizes. 0.png is 40 x 30.
size_of() { part_of "$1/00000.tar" "$2.json" | grep -o '"width":[0-9]*,"height":[0-9]*'; }
list 0 0 >one.tsv
while read -r mode size more wanted; do
    rm -rf sized
    [ "$more" = - ] && more=
    expect 0 import_list one.tsv sized --resize "$mode" --size "$size" $more --encode jpg
    [ "$(size_of sized 000000000)" = "$wanted" ] || fail "$mode $size $more: expected $wanted, found $(size_of sized 000000000)"
    members sized/00000.tar | grep -q '000000000.jpg' || fail "$mode: expected a JPEG, found $(members sized/00000.tar)"
done <<'END'
shortest 15 - "width":20,"height":15
longest 20 - "width":20,"height":15
squash 10 - "width":10,"height":10
crop 12 - "width":12,"height":12
crop 60 - "width":60,"height":60
crop 60 --only-if-bigger "width":40,"height":30
shortest 30 --only-if-bigger "width":40,"height":30
longest 400 - "width":400,"height":300
END
for format in webp png jpg; do
    rm -rf sized
    expect 0 import_list one.tsv sized --encode $format --resize shortest --size 20 --quality 5
    members sized/00000.tar | grep -q "000000000.$format" || fail "expected $format, found $(members sized/00000.tar)"
done
expect_error 1 'expected a size' import_list one.tsv nowhere --resize crop
[ ! -e nowhere ] || fail "a wrong option left a folder"

# EXIF orientation is applied, and metadata goes when asked.
cp "$here"/../golden/fixtures/image/*.jpg www/ 2>/dev/null
turned=$(ls www | grep -m1 -E 'orient.*6.*\.jpg' || true)
if [ -n "$turned" ]; then
    printf '%s/%s\n' "$site" "$turned" >turned.txt
    expect 0 import_list turned.txt turned
    part_of turned/00000.tar 000000000.jpg | grep -q -a 'Exif' && fail "expected a turned picture to be written again"
fi

# Drops, each with its reason and its count.
{
    list 0 9
    list 3 4 | tail -n +2
    printf '%s/gone.png\tnot there\t1\n%s/refused/1.png\trefused\t1\n%s/busy/1.png\tbusy server\t1\n' "$site" "$site" "$site"
    printf 'ftp://example.org/1.png\tother scheme\t1\n%s/5.png?again\tthe same bytes\t1\n' "$site"
    printf '%s/6.png?q\t\t1\n%s/7.png?q\tkort\t1\n%s/8.png?q\tпо-русски написано\t1\n' "$site" "$site" "$site"
    for name in huge wide bomb cut empty page noise gif; do printf '%s/lying/%s.png\tlying %s\t1\n' "$site" $name $name; done
} >mixed.tsv
expect 3 import_list mixed.tsv mixed --unique both --needs-caption --min-caption 5 --script latin --table jsonl --json
expect_json_lines
for reason in 'duplicate url:2' 'status 404:1' 'refused by x-robots-tag:1' 'status 5xx:1' 'duplicate picture:1' 'no caption:1' \
    'caption too short:1' 'other script:1' 'picture too large:4' 'not a picture:[12]'; do
    grep -q -E "\"${reason%:*}\":${reason##*:}" out.txt || fail "expected $reason, found $(cat out.txt)"
done
[ "$(grep -c . mixed/00000.jsonl)" -eq 28 ] || fail "expected a line a row, found $(grep -c . mixed/00000.jsonl)"
expect 0 "$TWINLENS" import --list-skipped mixed
grep -q 'mixed.tsv:14.*status 404' out.txt || fail "expected the row that is gone, found $(cat out.txt)"
expect 0 "$TWINLENS" import --report mixed
expect_output 'rows in 1 shards of 1 lists'
expect_output "127.0.0.1:$port"
expect 0 "$TWINLENS" import --report mixed --json
expect_json_lines
expect_output '"rows":28,"stored":10,"failed":18'
expect_error 1 'no ledger.db' "$TWINLENS" import --report www

# Small, long and large pictures.
expect 3 import_list plain.tsv small --min-side 40 --json
expect_output '"picture too small":'
expect 3 import_list plain.tsv long --max-aspect 1.4 --json
expect_output '"picture too long":'
expect 3 import_list plain.tsv large --most-megabytes 0.001 --json
expect_output '"too large":'

# A digest that the list states.
{
    printf 'url\tcaption\tsha256\n%s/24.png\tright\t%s\n' "$site" "$hash"
    printf '%s/23.png\twrong\t%s\n' "$site" "$hash"
} >digest.tsv
expect 3 import_list digest.tsv digest --json
expect_output '"imported":1,.*"digest differs":1'

# Tried again: rows that failed and may pass come into the shards that they were missing from, as if they had never failed.
list 0 24 /later >later.tsv
mkdir later
cp www/[0-9].png www/1[0-9].png later
expect 3 import_list later.tsv later.dataset --shard-size 10 --table jsonl
expect_output '20 samples'
lines=$(wc -l <access.log)
expect 3 import_list later.tsv later.dataset --shard-size 10 --table jsonl
[ "$(wc -l <access.log)" -eq "$lines" ] || fail "failed rows were asked for without being told to"
cp www/*.png later
expect 0 import_list later.tsv later.dataset --shard-size 10 --table jsonl --retry-failed
expect_output '25 samples in 3 shards'
helper asked access.log "$lines" >asked.txt
[ "$(wc -l <asked.txt)" -eq 5 ] || fail "expected five rows to be asked for again, found $(wc -l <asked.txt)"
expect 0 import_list later.tsv unbroken --shard-size 10 --table jsonl
for file in unbroken/*.tar unbroken/*.jsonl; do
    cmp "$file" "later.dataset/$(basename "$file")" || fail "tried again: other bytes than if it had never failed"
done

# Killed where one folder has been renamed away and the new one has not taken its place, the same command goes on.
rm later/*.png
cp www/[0-9].png www/1[0-9].png later
expect 3 import_list later.tsv folders --shard-size 10 --store folder
cp www/*.png later
cp -r folders whole && expect 0 import_list later.tsv whole --shard-size 10 --store folder --retry-failed
mv folders/00002 folders/.00002.old
expect 0 import_list later.tsv folders --shard-size 10 --store folder --retry-failed
expect_output '25 samples in 3 shards'
rm -f whole/ledger.db folders/ledger.db
diff -r whole folders || fail "a folder that was renamed away: other files than without the kill"

# A newer list brings what it has more.
list 5 29 >newer.tsv
lines=$(wc -l <access.log)
expect 0 import_list newer.tsv plain --shard-size 10 --keep score --incremental
helper asked access.log "$lines" >asked.txt
[ "$(tr '\n' ' ' <asked.txt)" = "/25.png /26.png /27.png /28.png /29.png " ] || fail "expected the new rows, found $(cat asked.txt)"
[ "$(members plain/00003.tar | tr ' ' '\n' | grep -c png)" -eq 5 ] || fail "expected a shard of five, found $(ls plain)"

# Divided over three machines, and merged by copying: the same files.
mkdir merged
for part in 0 1 2; do
    expect 0 import_list plain.tsv part-$part --shard-size 4 --shard $part/3 --table jsonl
    cp part-$part/* merged
done
expect 0 import_list plain.tsv undivided --shard-size 4 --table jsonl
for file in undivided/*.tar undivided/*.jsonl; do
    cmp "$file" "merged/$(basename "$file")" || fail "parts: other bytes than the undivided run's"
done
expect 0 "$TWINLENS" import --report merged --json
expect_output '"rows":25,"stored":25'
expect_error 1 'expected a part such as 0/8' import_list plain.tsv nowhere --shard 3/3

# Plain files, a path in another script, a folder that cannot be written, a disk that is full.
expect 0 import_list plain.tsv 'ordner ü 文' --store folder --shard-size 10
[ "$(ls 'ordner ü 文/00001' | head -n 3 | tr '\n' ' ')" = "000010.json 000010.png 000010.txt " ] || fail "found $(ls 'ordner ü 文/00001')"
cmp 'ordner ü 文/00002/000024.png' www/24.png || fail "folder: other bytes"
expect 0 "$TWINLENS" import 'ordner ü 文' -o once.more
expect_output 'once.more: 25 samples in 1 shards'
if [ "$(id -u)" -ne 0 ]; then
    mkdir -m 555 fixed
    expect_error 1 'Permission denied' import_list plain.tsv fixed
fi
(
    ulimit -f 800 # blocks of 512 or 1024 bytes: room for the ledger, not for the pictures
    trap '' XFSZ
    import_list plain.tsv full --shard-size 25 --resize longest --size 400 >out.txt 2>err.txt
) && fail "expected a file that is too large to be an error"
grep -q -i "file too large" err.txt || fail "expected the reason, found $(cat err.txt)"
[ "$(wc -l <err.txt)" -eq 1 ] || fail "expected one line, found $(cat err.txt)"
lines=$(wc -l <access.log)
expect 0 import_list plain.tsv full --shard-size 25 --resize longest --size 400

# Ctrl-C ends with a sentence and leaves what the next run goes on with.
list 0 29 /slow >slow.tsv
"$TWINLENS" import slow.tsv -o slow "${here_options[@]}" --host-connections 2 >out.txt 2>err.txt &
run=$!
await 60 test -d slow/.spool || fail "the download has not begun" # its answer to the signal is set up by then
kill -INT $run
code=0
wait $run || code=$?
[ "$code" -eq 1 ] || fail "expected exit code 1 after Ctrl-C, found $code"
grep -q 'stopped by the user' err.txt || fail "expected a sentence, found $(cat err.txt)"
expect_error 1 'the download of .*slow.tsv.* is not finished' import_list one.tsv slow
expect 0 import_list slow.tsv slow --host-connections 30
expect_output '30 samples in 1 shards'

# Fetched, embedded and stored in one pass: searchable at once, and known to a later pass over the dataset.
expect 0 "$TWINLENS" train plain -o model $small_training --steps 3
expect 0 import_list plain.tsv found --shard-size 10 --to-index --index found.db --model model
expect 0 "$TWINLENS" search 'picture 7' --index found.db --model model -k 3 --json
expect_json_lines
expect_output "$site/"
expect 0 "$TWINLENS" index found --index found.db --model model
expect_output '0 added, 0 updated, 0 moved, 25 unchanged, 0 removed'
expect 0 "$TWINLENS" index --check --index found.db
expect 0 import_list plain.tsv plainfound --shard-size 10 --store folder --to-index --index plain.db --model model
expect 0 "$TWINLENS" index plainfound --index plain.db --model model
expect_output '0 added, 0 updated, 0 moved, 25 unchanged, 0 removed'
expect 0 import_list plain.tsv onlyfound --store nothing --to-index --index only.db --model model
[ "$(ls onlyfound)" = ledger.db ] || fail "expected nothing but the ledger, found $(ls onlyfound)"
expect 0 "$TWINLENS" index --stats --index only.db
expect_output '25 pictures, 25 captions'
expect_error 1 'nothing is stored' import_list plain.tsv nowhere --store nothing
expect_error 2 'expected --to-index' import_list plain.tsv nowhere --model model

# A column of captions that is no such thing travels along, and no caption comes of what is no text in it.
printf '[{"url": "%s/1.png", "captions": [1, null, "kept"], "text": ""}, {"url": "%s/2.png", "captions": ["x"], "text": "y"}]' \
    "$site" "$site" >columns.json
expect 0 import_list columns.json columns --keep captions --caption-column text --to-index --index columns.db --model model
expect 0 "$TWINLENS" index --stats --index columns.db
expect_output '2 pictures, 2 captions'

# What is stored but no picture to the model is told of.
head -c 300 www/1.png >www/cut.png
printf 'url\tcaption\n%s/cut.png\tcut off\n' "$site" >cut.tsv
expect 3 import_list cut.tsv cut --only-headers --to-index --index only.db --model model
expect_output '1 samples in 1 shards'
grep -q '^skipped 1: broken picture' err.txt || fail "expected a broken picture to be told of, found $(cat err.txt)"

# Pictures and lists at once.
mkdir pictures && cp www/1.png pictures && echo "a picture" >pictures/1.txt
expect_error 1 'import them by two commands' "$TWINLENS" import pictures plain.tsv -o nowhere
finish
