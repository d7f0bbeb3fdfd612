#!/usr/bin/env bash
# check_export.sh TWINLENS SCRATCH: a small model is trained, converted and loaded by open_clip.
# TL_REFERENCE_PYTHON names a Python that has it. Status 77: there is none.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cli/support.bash"
TWINLENS=$1
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
if ! "$python" -c 'import torch, open_clip, safetensors, PIL' 2>/dev/null; then
    echo "skipped: $python cannot import torch, open_clip, safetensors and PIL; TL_REFERENCE_PYTHON may name a Python that can"
    exit 77
fi
rm -rf "$2" && mkdir -p "$2" && cd "$2" || exit 1
pictures p
expect 0 "$TWINLENS" import p -o d
for pooling in avg tok; do
    expect 0 "$TWINLENS" train d -o "$pooling" $small_training --pooling "$pooling" --steps 40
    expect 0 "$TWINLENS" model convert "$pooling" -o "$pooling.theirs" --to open_clip
    "$python" "$here/check_export.py" "$TWINLENS" "$pooling" "$pooling.theirs" p/red-disc.ppm || fail "pooling $pooling"
done
finish
