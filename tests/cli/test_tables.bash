# Local datasets that are tables: CSV, JSON, JSONL, COCO captions, a Karpathy split, packed ones; imported, indexed, trained on.
. "$(dirname "$0")/support.bash"
export TWINLENS_MODEL=m TWINLENS_INDEX=i.db XDG_DATA_HOME=$PWD/home

pictures p # 18 pictures and their captions
mkdir -p coco/annotations coco/val2017 karpathy/images/val2014 flat
names=$(cd p && ls | sed -n 's/\.ppm$//p')
number=0
for name in $names; do
    number=$((number + 1))
    cp "p/$name.ppm" coco/val2017/
    cp "p/$name.ppm" karpathy/images/val2014/
    caption=$(head -n 1 "p/$name.txt")
    images="${images-}${images:+, }{\"id\": $number, \"file_name\": \"$name.ppm\", \"coco_url\": \"http://no.host/$name.ppm\"}"
    annotations="{\"image_id\": $number, \"caption\": \"$caption\"}, {\"image_id\": $number, \"caption\": \"again $caption\"}${annotations+, $annotations}"
    karpathy="${karpathy-}${karpathy:+, }{\"filepath\": \"val2014\", \"filename\": \"$name.ppm\", \"split\": \"test\", \"sentences\": [{\"raw\": \"$caption\"}, {\"raw\": \"again $caption\"}]}"
    printf '{"image": "../p/%s.ppm", "caption": "%s", "number": %d}\n' "$name" "$caption" "$number" >>flat/rows.jsonl
    printf '%s,%s\n' "$name.ppm" "$caption" >>flat/rows.csv
done
printf '{"info": {}, "licenses": [{"url": "x"}], "images": [%s], "annotations": [%s]}' "$images" "$annotations" \
    >coco/annotations/captions_val2017.json
printf '{"images": [%s], "dataset": "made"}' "$karpathy" >karpathy/dataset_made.json
sed -i '1i file,text' flat/rows.csv
(echo '['; sed '$!s/$/,/' flat/rows.jsonl; echo ']') >flat/rows.json
gzip -k flat/rows.jsonl flat/rows.csv

# check_dataset DATASET [MEMBER]: 18 samples, every caption where it belongs, and a member of the metadata that travelled along.
check_dataset() {
    rm -rf unpacked && mkdir unpacked
    tar -xf "$1/00000.tar" -C unpacked
    [ "$(find unpacked -name '*.p?m' | wc -l)" -eq 18 ] || fail "$1: expected 18 pictures"
    local name found
    for name in $names; do
        found=$(find unpacked -name "$name.txt")
        [ "$(cat "$found")" = "$(head -n 1 "p/$name.txt")" ] || fail "$1: another caption for $name"
        cmp -s "p/$name.ppm" "${found%.txt}".p?m || fail "$1: another picture for $name"
        [ -z "${2-}" ] || grep -q "$2" "${found%.txt}.json" || fail "$1: expected $2 in $(cat "${found%.txt}.json")"
    done
}

expect 0 "$TWINLENS" import coco/annotations/captions_val2017.json -o coco.d
expect_output '^coco.d: 18 samples in 1 shards .* 0 skipped'
check_dataset coco.d '"again '
expect 0 "$TWINLENS" import karpathy/dataset_made.json -o karpathy.d
check_dataset karpathy.d '"split":"test"'
for table in rows.jsonl rows.json rows.jsonl.gz; do
    expect 0 "$TWINLENS" import "flat/$table" -o "$table.d"
    check_dataset "$table.d" '"number":'
done
# What only a list of URLs can be asked for is told of, not passed over.
for option in '--to-index' '--resize crop' '--size 20' "--where x" '--keep a' '--min-side 3' '--host-rate 5' '--threads 2'; do
    expect_error 2 "^twinlens import: ${option%% *}: expected a list of URLs to import, found pictures that lie here .'p'" \
        "$TWINLENS" import p -o unheard.d $option
done
[ ! -e unheard.d ] || fail "expected no dataset after an option that says nothing of it"
# --images says where, whatever the table's folder.
expect 0 "$TWINLENS" import flat/rows.csv.gz --images p -o csv.d
check_dataset csv.d
expect 3 "$TWINLENS" import flat/rows.csv -o missing.d
grep -q '18.*missing file' err.txt || fail "expected 18 missing files: $(cat err.txt)"
expect_error 1 "no-folder" "$TWINLENS" import flat/rows.csv --images no-folder -o missing.d
# Where the pictures are not, COCO's URLs are meant.
cp coco/annotations/captions_val2017.json away.json
expect 3 "$TWINLENS" import away.json --allow-private -o away.d --attempts 1
grep -q 'missing file' err.txt && fail "expected downloads to be tried: $(cat err.txt)"
expect_error 1 "rows.csv': expected a column words, found the columns: file, text" \
    "$TWINLENS" import flat/rows.csv --caption-column words -o missing.d
printf '{"images": [{"id": 1, "file_name": "a.ppm"}]}' >broken.json
expect_error 1 "'.*broken.json': expected a member 'annotations', found none" "$TWINLENS" import broken.json -o missing.d

# What imports also trains, indexes and is found, straight from the table.
expect 0 "$TWINLENS" train coco/annotations/captions_val2017.json -o m $small_training --steps 20
expect_output 'm: 18 pairs'
expect 0 "$TWINLENS" index coco/annotations/captions_val2017.json
expect_output '18 added, 0 updated'
expect 0 "$TWINLENS" index coco/annotations/captions_val2017.json
expect_output '0 added, 0 updated'
expect 0 "$TWINLENS" index flat/rows.json karpathy/dataset_made.json
expect_output '36 added'
expect 0 "$TWINLENS" search --like p/blue-square.ppm -k 3
[ "$(grep -c '/blue-square.ppm' out.txt)" -eq 3 ] || fail "expected the picture of each of the three tables: $(cat out.txt)"
finish
