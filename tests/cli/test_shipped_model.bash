# The model that comes with the program: found by a fresh program, given up for any that is chosen, and good for something.
. "$(dirname "$0")/support.bash"
export XDG_DATA_HOME=$PWD/home TWINLENS_INDEX=i.db
unset TWINLENS_MODEL

folder=$(dirname "$TWINLENS")/models/twinlens-small
for file in LICENSE README.md config.json model.safetensors preprocessor_config.json tokenizer.model; do
    [ -s "$folder/$file" ] || fail "expected $file in $folder"
done
[ "$(du -sk --apparent-size --exclude='*.packed' "$folder" | cut -f1)" -le 12288 ] || fail "expected at most 12 MiB of model"

# Nothing is set: it indexes, searches and classifies.
pictures p
expect 0 "$TWINLENS" index p
expect 0 "$TWINLENS" search 'a red disc' -k 3
[ "$(wc -l <out.txt)" -eq 3 ] || fail "expected three pictures, found $(wc -l <out.txt)"
expect 0 "$TWINLENS" search --json 'a red disc' -k 1
expect_json_lines
expect 0 "$TWINLENS" classify p --labels red,blue
expect_output '^path,label_1,probability_1,label_2,probability_2$'
expect 0 "$TWINLENS" model inspect
expect_output '^twinlens-small: family twinlens'
expect 0 "$TWINLENS" model list
expect_output '^\* twinlens-small  comes with the program$'
expect 0 "$TWINLENS" model list --json
expect_json_lines
grep -q '"name":"twinlens-small","state":"shipped","default":true' out.txt || fail "expected the model in JSON"

# It gives way to an option, the environment and 'model use', and comes back by its name.
expect 0 "$TWINLENS" train p -o m --size tiny --image-size 16 --text-layers 1 --image-layers 1 --vocabulary 300 --batch 8 --steps 2
expect 0 "$TWINLENS" model inspect m
expect_output '^m: '
TWINLENS_MODEL=m expect 0 "$TWINLENS" model inspect
expect_output '^m: '
expect 0 "$TWINLENS" model use m
expect 0 "$TWINLENS" model inspect
expect_output '^m: '
expect 0 "$TWINLENS" model list
expect_output '^  twinlens-small  comes with the program$'
expect_output "^\* $PWD/m  \(a folder\)$"
expect 0 "$TWINLENS" model inspect twinlens-small
expect_output '^twinlens-small: '
expect 0 "$TWINLENS" model use twinlens-small
expect 0 "$TWINLENS" model list
expect_output '^\* twinlens-small  comes with the program$'
! grep -q 'a folder' out.txt || fail "expected the default once"

# A folder of that name in the working folder comes first, as for any name.
cp -r m twinlens-small
expect 0 "$TWINLENS" model inspect twinlens-small
expect_output 'image tower: 16 px'
rm -r twinlens-small

# A program alone has no model and says what to do; so it is, unless this machine has one where this build would install it.
mkdir alone
cp "$TWINLENS" alone/twinlens
rm -r home
if [ ! -e "$TWINLENS_SHIPPED" ]; then
    expect_error 1 'no model: give --model' alone/twinlens search fox
    expect 0 alone/twinlens model list
    ! grep -q 'twinlens-small' out.txt || fail "expected no model beside a lone program"
    expect_error 1 "'twinlens-small': expected a model folder, found nothing" alone/twinlens model inspect twinlens-small
fi

# What it has not seen it finds more often than chance: at 10, one caption of sixty.
stamps=/usr/share/tuxpaint/stamps
if [ -d "$stamps" ]; then
    expect 0 "$TWINLENS" import "$stamps" -o stamps.dataset --hold-out 0.1
    expect 0 "$TWINLENS" evaluate retrieval stamps.dataset --split held-out --json
    awk -F'"text_to_image_recall_at_10":' '{ exit !($2 + 0 > 0.1) }' out.txt || fail "expected recall above 0.1, found $(cat out.txt)"
fi
finish
