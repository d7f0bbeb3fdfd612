# Lists as well-known datasets publish theirs: which columns are meant without being told, which travel along; Parquet tables with pictures
# that lie here; captions with every oddity that Unicode has.
. "$(dirname "$0")/support.bash"
. "$(dirname "$0")/download.bash"
helper make www 8
helper make local 3
serve_pictures

# check FORMAT FILE [OPTION...]: two samples, with captions "a red fox" and "two foxes", whether the format is named or not.
check() {
    local format=$1 file=$2
    shift 2
    for options in "--format $format" ""; do
        rm -rf found
        expect 0 import_list "$file" found $options "$@"
        expect_output 'found: 2 samples'
        [ "$(tar xOf found/00000.tar 000000000.txt)" = "a red fox" ] || fail "$format: $(tar xOf found/00000.tar 000000000.txt)"
        [ "$(tar xOf found/00000.tar 000000001.txt)" = "two foxes" ] || fail "$format: $(tar xOf found/00000.tar 000000001.txt)"
    done
}
printf 'a red fox\t%s/0.png\ntwo foxes\t%s/1.png\n' "$site" "$site" >cc3m.tsv
check cc3m cc3m.tsv
printf '%s/0.png\ta red fox\n%s/1.png\ttwo foxes\n' "$site" "$site" >cc12m.tsv
check cc12m cc12m.tsv
printf '{"image_urls": ["%s/0.png", "%s/1.png"], "captions": ["a red fox", "two foxes"], "user_ids": ["x", "y"]}' "$site" "$site" >sbu.json
check sbu sbu.json
cat >redcaps.json <<END
{"info": {"version": "v1.0"}, "annotations": [
 {"image_id": "a", "author": "b", "url": "$site/0.png", "raw_caption": "A red fox!", "caption": "a red fox", "subreddit": 3, "score": 7},
 {"image_id": "c", "author": "d", "url": "$site/1.png", "raw_caption": "Two foxes.", "caption": "two foxes", "subreddit": 3, "score": 8}]}
END
check redcaps redcaps.json
# LAION, COYO and DataComp come as Parquet; that reads as these rows do (unit_crawler_import_list_golden).
printf '{"URL": "%s/%d.png", "TEXT": "%s", "WIDTH": 9, "HEIGHT": 9, "similarity": %s, "NSFW": "UNLIKELY"}\n' \
    "$site" 0 "a red fox" 0.31 "$site" 1 "two foxes" 0.29 >laion.jsonl
check laion laion.jsonl
printf '{"id": %d, "url": "%s/%d.png", "text": "%s", "width": 9, "height": 9, "image_phash": "e", "num_tokens": 3}\n' \
    1 "$site" 0 "a red fox" 2 "$site" 1 "two foxes" >coyo.jsonl
check coyo coyo.jsonl
for row in 0 1; do
    caption=("a red fox" "two foxes")
    printf '{"uid": "%s", "url": "%s/%d.png", "text": "%s", "clip_b32_similarity_score": 0.2, "sha256": "%s"}\n' "$row" "$site" $row \
        "${caption[row]}" "$(sha256sum www/$row.png | cut -d' ' -f1)"
done >datacomp.jsonl
check datacomp datacomp.jsonl
sed -i 's/"sha256": ".../"sha256": "000/' datacomp.jsonl
rm -rf found
expect 3 import_list datacomp.jsonl found --format datacomp --json
expect_output '"digest differs":2'
rm -rf found
expect 0 import_list laion.jsonl found --format laion --where 'similarity > 0.3' --keep similarity,NSFW
expect_output 'found: 1 samples'
tar xOf found/00000.tar 000000000.json | grep -q '"NSFW":"UNLIKELY"' || fail "expected columns to travel along"
expect_error 1 'expected a column' import_list coyo.jsonl nowhere --format sbu --url-column link

# A Parquet table of pictures that lie here.
for row in 0 1 2; do
    printf '{"url": "%s/%d.png", "caption": "local %d", "file": "%d.png"}\n' "$site" $row $row $row
done >local.jsonl
expect 0 import_list local.jsonl made --keep '*' --table parquet
expect 0 "$TWINLENS" import made/00000.parquet --image-column file --images local -o local.d
expect_output 'local.d: 3 samples'
tar xOf local.d/00000.tar --wildcards '*.txt' >captions.txt
grep -q 'local 0.*local 1.*local 2' <(tr '\n' ' ' <captions.txt) || fail "expected three captions, found $(cat captions.txt)"
expect 3 "$TWINLENS" import made/00000.parquet --image-column file --images made -o missing.d
grep -q '3.*missing file' err.txt || fail "expected three missing files, found $(cat err.txt)"

# Oddities: overlong and cut UTF-8, surrogates, controls, bidirectional marks, a thousand combining marks, NUL escaped, a byte order mark.
{
    printf 'url\tcaption\n'
    row=0
    for text in 'a\xc0\xafb fox' 'cut \xf0\x9f\xa6' 'sur\xed\xa0\x80rogate fox' 'bell\x07 and esc\x1b[2J fox' '\xe2\x80\xaefox\xe2\x80\xac' \
        "$(printf 'e%.0s\\xcc\\x81' $(seq 1000))" '\xef\xbb\xbfmark fox' '\xf4\x90\x80\x80 beyond fox'; do
        printf "%s/%d.png\t$text\n" "$site" $row
        row=$((row + 1))
    done
} >odd.tsv
rm -rf found
code=0
import_list odd.tsv found --table jsonl >out.txt 2>err.txt || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 3 ] || fail "expected odd captions to be rows, found exit code $code: $(cat err.txt)"
[ "$(grep -c . found/00000.jsonl)" -eq 8 ] || fail "expected a line a row, found $(cat found/00000.jsonl)"
python3 -c 'import json, sys; [json.loads(line) for line in open("found/00000.jsonl", encoding="utf-8", errors="strict")]' ||
    fail "expected valid UTF-8 and JSON"
LC_ALL=C grep -q "$(printf '[\007\033]')" found/00000.jsonl && fail "expected no control characters"
finish
