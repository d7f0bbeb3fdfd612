#!/usr/bin/env bash
# Makes this model again, from the packs and two Debian packages. See usage below.
set -eu

usage() {
    cat <<'END'
usage: models/twinlens-small/train.sh PACKS WORK [TRAIN-OPTION...]

PACKS holds fashion/, flickr8k/, tiny-imagenet/, emoji/ and imagenette-mini/ with their shards (*-train-*.tar.gz to train on,
*-val-*.tar.gz and cifar10/ to measure); the packages tuxpaint-stamps-default, openclipart-png, openclipart-svg and
wordnet-base (version 3.0) are installed.
Everything made lies in WORK: datasets, the runs (WORK/first, WORK/run, which go on with --resume when this is started again), the model
(WORK/twinlens-small) and its scores. Options behind are given to 'twinlens train' at its start (--seed 1, --threads 1).
TWINLENS names the program, else it is 'twinlens'.
END
}

[ $# -ge 2 ] || { usage >&2; exit 2; }
packs=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
shift 2
twinlens=${TWINLENS:-twinlens}
stamps=/usr/share/tuxpaint/stamps clipart=/usr/share/openclipart wordnet=/usr/share/wordnet
here=$(cd "$(dirname "$0")" && pwd)
cd "$work"
for needed in "$stamps" "$clipart/png" "$clipart/svg" "$wordnet/cntlist.rev"; do
    [ -r "$needed" ] || { echo "train.sh: expected $needed, found none: see train.sh's usage for its package" >&2; exit 1; }
done

# Exit code 3, "done with skipped items", is no failure.
run() { "$twinlens" "$@" || [ $? -eq 3 ]; }

# Rows "png TAB caption" from the metadata of the SVG files: a drawing's title, and the title with its keywords.
clipart_rows() {
    printf 'file\tcaption\n'
    (cd "$clipart/png" && find . -type f -name '*.png') | LC_ALL=C sort | sed "s#^\.#$clipart/svg#; s#png\$#svg#" |
        while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done | xargs -d '\n' awk '
            BEGIN { RS = "<"; FS = ">" }
            function tidy(text) {
                gsub(/[ \t\r\n_]+/, " ", text)
                gsub(/^[ ,]+|[ ,.]+$/, "", text)
                return text ~ /&|^hash$|[Cc]lip ?[Aa]rt|Part of the|theme$/ ? "" : text
            }
            function print_rows(   png) {
                png = file
                sub(/\/svg\//, "/png/", png)
                sub(/\.svg$/, ".png", png)
                if (title == "") {
                    title = keywords
                    keywords = ""
                }
                if (title != "") printf "%s\t%s\n", png, title
                if (keywords != "") printf "%s\t%s, %s\n", png, title, keywords
            }
            FILENAME != file { print_rows(); file = FILENAME; title = keywords = ""; titled = 0 }
            $1 == "dc:title" && !titled { title = tidy($2); titled = 1 }
            $1 ~ /^rdf:li/ && length(keywords) < 60 {
                word = tidy($2)
                if (word != "" && tolower(word) != tolower(title)) keywords = keywords (keywords != "" ? ", " : "") word
            }
            END { print_rows() }'
}

# Rows "picture TAB caption" of shards, but for what is held out, with the names of things and kinds that WordNet has for them.
rows_of() {
    local shard folder
    for shard in "${@:2}"; do
        folder=unpacked/$1
        # Shard after shard, as it was done: another order of the pictures would be another run.
        [ "$1" != tiny ] || folder=$folder/$(basename "$shard")
        mkdir -p "$folder"
        tar xf "$shard" -C "$folder"
    done
    {
        printf 'file\tcaption\n'
        find "unpacked/$1" -name '*.jpg' -o -name '*.png' | LC_ALL=C sort | awk -f "$here/captions.awk"
    } | with_kinds
}

with_kinds() {
    awk -v wordnet="$wordnet" -f "$here/kinds.awk"
}

if [ ! -e data.done ]; then
    rm -rf unpacked ./*.dataset
    run import "$stamps" -o stamps.dataset --hold-out 0.1
    rows_of stamps stamps.dataset/*.tar >stamps.tsv
    rows_of flickr8k "$packs"/flickr8k/flickr8k-train-*.tar.gz >flickr8k.tsv
    rows_of emoji "$packs"/emoji/emoji-train-*.tar.gz >emoji.tsv
    rows_of tiny "$packs"/tiny-imagenet/tiny-imagenet-train-*.tar.gz >tiny.tsv
    for set in stamps flickr8k emoji tiny; do run import $set.tsv -o $set-kinds.dataset; done
    clipart_rows | with_kinds >clipart.tsv
    run import clipart.tsv -o clipart.dataset --hold-out 0.05
    run import "$packs"/fashion/fashion-train-*.tar.gz -o fashion.dataset
    rm -r unpacked
    touch data.done
fi

# '{}' alone is there twice: half of what people type is the name of a thing.
templates=(--template 'a photo of a {}' --template 'a picture of a {}' --template '{}' --template 'a close-up of a {}'
    --template '{}' --template 'a blurry photo of a {}')
# Trains the model $1 with the options behind, or goes on with it; once it is done, it is left alone.
learn() {
    if [ -e "$1.done" ]; then
        return
    elif [ -e "$1/checkpoint" ]; then
        run train -o "$1" --resume
    else
        rm -rf "$1"
        run train fashion.dataset flickr8k-kinds.dataset tiny-kinds.dataset emoji-kinds.dataset \
            "$packs"/imagenette-mini/imagenette-mini-train-00000.tar.gz stamps-kinds.dataset clipart.dataset \
            --weights 0.5,3,2.2,3,1,6,1.5 "${templates[@]}" --precision bf16 --batch 256 --chunk 256 --learning-rate 1e-3 \
            --schedule constant --average 0.999 --equal-captions positive -o "$@"
    fi
    touch "$1.done"
}

# First with mild changes to the pictures, under which it learns faster; then with strong ones, so that it does not learn the
# pictures by heart.
learn first --size tiny --stem 4:64x2,128x4 --patch-size 16 --image-width 192 --image-layers 2 --embedding 192 \
    --steps 6378 --warmup 500 --cooldown 0 --crop 0.5 --jitter 0.1 --blur 0.2 "$@"
learn run --init first --seed 1 --steps 23000 --warmup 200 --cooldown 4500 --crop 0.35 --jitter 0.2 --blur 0.5 "$@"
rm -rf twinlens-small
run model convert run -o twinlens-small --dtype f16

echo "== fashion"
run evaluate retrieval "$packs"/fashion/fashion-val-00000.tar.gz --model twinlens-small
echo "== flickr8k, first captions"
run evaluate retrieval "$packs"/flickr8k/flickr8k-val-00000.tar.gz --model twinlens-small
echo "== stamps held out, among all"
run evaluate retrieval stamps.dataset --split held-out --model twinlens-small
echo "== clip art held out, among all"
run evaluate retrieval clipart.dataset --split held-out --model twinlens-small
echo "== emoji"
run evaluate retrieval "$packs"/emoji/emoji-val-00000.tar.gz --model twinlens-small
echo "== COCO, of which nothing was trained on"
run evaluate retrieval "$packs"/coco-mini/coco-mini-val-00000.tar.gz --model twinlens-small
echo "== tiny-imagenet, 200 classes"
cut -f3 "$packs/tiny-imagenet/classes.tsv" | cut -d, -f1 >tiny-classes.txt
run evaluate zero-shot "$packs"/tiny-imagenet/tiny-imagenet-val-00000.tar.gz --labels-file tiny-classes.txt "${templates[@]}" --model twinlens-small
echo "== CIFAR-10, of which nothing was trained on"
printf '%s\n' airplane automobile bird cat deer dog frog horse ship truck >cifar-classes.txt
run evaluate zero-shot "$packs"/cifar10/cifar10-dev-00000.tar.gz --labels-file cifar-classes.txt "${templates[@]}" --model twinlens-small
