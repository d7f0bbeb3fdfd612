# Vectors out and in again: npy, Parquet, JSON lines, a backup beside a writer.
. "$(dirname "$0")/support.bash"
export TWINLENS_MODEL=m TWINLENS_INDEX=i.db

pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o m $small_training --steps 10
expect 0 "$TWINLENS" index p
expect 0 "$TWINLENS" search 'a red disc' -k 18
cut -f 1 out.txt >scores
sed 's|^[^\t]*\t.*/||; s|\t.*||' out.txt >names

expect 0 "$TWINLENS" export -o e
expect_output 'e: 18 vectors'
[ -s e/img_emb/img_emb_0.npy ] && [ -s e/metadata/metadata_0.parquet ] || fail "expected clip-retrieval's folder, found $(find e)"
expect 0 "$TWINLENS" export -o e --target caption
[ -s e/text_emb/text_emb_0.npy ] || fail "expected vectors of captions, found $(find e)"
expect 0 "$TWINLENS" export --to parquet -o e.parquet
expect 0 "$TWINLENS" export --to jsonl -o e.jsonl
cp e.jsonl out.txt
expect_json_lines
[ "$(wc -l <e.jsonl)" -eq 18 ] || fail "expected 18 lines, found $(wc -l <e.jsonl)"
expect_error 2 'found nothing' "$TWINLENS" export
expect_error 1 'no such picture index' "$TWINLENS" export -o x --index empty.db

# In again, under other names: the same answers.
sed 's|.*"image_path":"[^"]*/||; s|".*||' e.jsonl >keys
expect 0 "$TWINLENS" index --import-npy e/img_emb/img_emb_0.npy --keys keys --root imported --index other.db
expect_output '18 vectors taken'
expect 0 "$TWINLENS" index --check --index other.db
expect 0 "$TWINLENS" search 'a red disc' -k 18 --index other.db
cut -f 1 out.txt | diff -q - scores >/dev/null || fail "the imported vectors score otherwise"
sed 's|^[^\t]*\t.*/||; s|\t.*||' out.txt | diff -q - names >/dev/null || fail "the imported vectors have other names"
expect 0 "$TWINLENS" index --forget imported --index other.db
expect_output '18 removed'
# Vectors of pictures that are there take nothing from them, however their folder is written.
expect 0 "$TWINLENS" index --import-npy e/img_emb/img_emb_0.npy --keys keys --root ./p/
expect 0 "$TWINLENS" index --stats
expect_output '18 pictures, 18 captions, 1 folder,'
expect 0 "$TWINLENS" index p
expect_output '0 added, 0 updated, 0 moved, 18 unchanged'
head -n 17 keys >few
expect_error 1 'as many keys' "$TWINLENS" index --import-npy e/img_emb/img_emb_0.npy --keys few --index third.db
expect_error 1 'expected a .npy file' "$TWINLENS" index --import-npy keys --keys keys --index third.db
expect_error 2 'together' "$TWINLENS" index --import-npy keys --index third.db

if "${TL_TEST_PYTHON:-python3}" -c 'import numpy' 2>/dev/null; then
    "${TL_TEST_PYTHON:-python3}" - <<'PY' || fail "numpy reads other vectors"
import json, numpy
rows = numpy.load("e/img_emb/img_emb_0.npy")
lines = [json.loads(line)["embedding"] for line in open("e.jsonl")]
assert rows.dtype == numpy.float16 and rows.shape == (18, len(lines[0])), (rows.dtype, rows.shape)
assert numpy.array_equal(rows.astype(numpy.float32), numpy.array(lines, numpy.float32))
numpy.save("single.npy", rows.astype(numpy.float32) * 3)
numpy.save("bad.npy", numpy.asfortranarray(rows))
PY
    expect 0 "$TWINLENS" index --import-npy single.npy --keys keys --index single.db
    expect 0 "$TWINLENS" search 'a red disc' -k 18 --index single.db
    cut -f 1 out.txt | diff -q - scores >/dev/null || fail "vectors of f32 and length 3 score otherwise"
    expect_error 1 'C order' "$TWINLENS" index --import-npy bad.npy --keys keys --index third.db
fi

# A copy of a file that is in use.
expect 0 "$TWINLENS" index --backup copy.db
expect 0 "$TWINLENS" index --check --index copy.db
expect 0 "$TWINLENS" search 'a red disc' -k 18 --index copy.db
cut -f 1 out.txt | diff -q - scores >/dev/null || fail "the copy scores otherwise"
expect_error 1 'no file of that name' "$TWINLENS" index --backup copy.db
expect_error 1 "'none/copy.db': cannot make a copy there" "$TWINLENS" index --backup none/copy.db
finish
