# The whole path on pictures made here: import, train, index, search, classify, evaluate, embed, tokenize, model.
. "$(dirname "$0")/support.bash"
export TWINLENS_MODEL=m TWINLENS_INDEX=i.db XDG_DATA_HOME=$PWD/home

pictures p
expect 0 "$TWINLENS" import p -o d --hold-out 0.4
expect_output '^d: 18 samples in 1 shards .* 0 skipped'
[ "$(tar tf d/00000.tar | grep -c '\.txt$')" -eq 18 ] || fail "expected 18 captions in the shard as tar sees it"
expect 0 "$TWINLENS" import p -o d --hold-out 0.4 --json
expect_json_lines
expect 0 "$TWINLENS" import p -o all

expect 0 "$TWINLENS" train all -o m $small_training --steps 60
expect_output 'm: 18 pairs'
for file in config.json model.safetensors tokenizer.model preprocessor_config.json training.jsonl; do
    [ -s "m/$file" ] || fail "expected m/$file"
done
[ "$(wc -l <m/training.jsonl)" -eq 60 ] || fail "expected 60 lines in training.jsonl"
grep -q '<figcaption>Loss</figcaption>' m/report.html || fail "expected the loss in report.html"
cp m/report.html report.html && rm m/report.html
expect 0 "$TWINLENS" train -o m --report
cmp m/report.html report.html || fail "--report writes another page than the run did"
expect_error 2 'without DATASET' "$TWINLENS" train all -o m --report
head -n 2 m/training.jsonl >out.txt
expect_json_lines
expect_output '"mutual_information_nats"'

expect 0 "$TWINLENS" index all
expect_output '18 added, 0 updated'
expect 0 "$TWINLENS" search 'a red disc' -k 3
[ "$(wc -l <out.txt)" -eq 3 ] || fail "expected 3 hits"
grep -q -E '/all/00000.tar#red-disc' out.txt || fail "expected the red disc among the first 3 of 18: $(cat out.txt)"
expect 0 "$TWINLENS" search 'a red disc' -k 100000000
[ "$(wc -l <out.txt)" -eq 18 ] || fail "expected all 18 hits"
cut -f1 out.txt | sort -c -g -r || fail "expected hits ordered by score"
expect 0 "$TWINLENS" search --like p/blue-square.ppm -k 1
expect_output '#blue-square'
expect 0 "$TWINLENS" search --image all/00000.tar#blue-square -k 1
expect_output '#blue-square'
expect 0 "$TWINLENS" search --like p/blue-square.ppm -k 2 --target caption
expect_output 'a blue '
expect 0 "$TWINLENS" search 'a red disc' --json -k 2
expect_json_lines
expect_output '"caption":'

expect 0 "$TWINLENS" classify p/green-disc.ppm --labels 'red disc,green disc,blue square' --template 'a {}' -k 1
expect_output '^p/green-disc.ppm,green disc,[01]\.[0-9]+'
expect 0 "$TWINLENS" classify p --labels red,green --json
expect_json_lines
[ "$(wc -l <out.txt)" -eq 18 ] || fail "expected one row a picture"

expect 0 "$TWINLENS" evaluate retrieval all --json
expect_json_lines
expect_output '"text_to_image_recall_at_10":'
expect_output '"text_to_image_recall_at_10_chance":0.5555'
expect 0 "$TWINLENS" evaluate retrieval d --split held-out
expect_output 'text to image, [0-9]+ queries against 18'

mkdir labelled
for colour in red green; do
    cp "p/$colour-disc.ppm" "labelled/$colour.ppm"
    echo "a $colour disc" >"labelled/$colour.txt"
done
echo 0 >labelled/red.cls
echo 1 >labelled/green.cls
printf 'red disc\ngreen disc\n' >names.txt
expect 0 "$TWINLENS" evaluate zero-shot labelled --labels-file names.txt --template 'a {}' --json --per-class
expect_json_lines
expect_output '"top_1":1.0,'

expect 0 "$TWINLENS" embed 'a red disc' 'a blue square'
[ "$(wc -l <out.txt)" -eq 2 ] || fail "expected two vectors"
[ "$(awk -F'\t' 'NR == 1 { for (i = 2; i <= NF; i++) s += $i * $i; print (s > 0.9999 && s < 1.0001) }' out.txt)" = 1 ] || fail "expected a unit vector"
echo 'a red disc' | expect 0 "$TWINLENS" embed --json
expect_json_lines
expect 0 "$TWINLENS" embed --images p --json
expect_json_lines

expect 0 "$TWINLENS" tokenize 'a red disc'
ids=$(sed 's/:[^ ]*//g' out.txt)
expect 0 "$TWINLENS" tokenize --decode $ids
expect_output '^a red disc$'
expect 0 "$TWINLENS" tokenize --json 'a red disc'
expect_json_lines

expect 0 "$TWINLENS" model inspect
expect_output 'image tower: 16 px, patch 8'
expect 0 "$TWINLENS" model inspect m --json
expect_json_lines
unset TWINLENS_MODEL TWINLENS_INDEX
expect 0 "$TWINLENS" model use m
expect 0 "$TWINLENS" index p
[ -s home/twinlens/index.db ] || fail "expected the index in the data home"
expect 0 "$TWINLENS" search 'a red disc' -k 1
finish
