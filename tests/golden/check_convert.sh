#!/bin/sh
# check_convert.sh TWINLENS MODELS SCRATCH: converted folders loaded by open_clip and transformers.
# TL_REFERENCE_PYTHON names a Python that has them. Status 77: there is none.
set -u
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
if ! "$python" -c 'import torch, open_clip, transformers, safetensors' 2>/dev/null; then
    echo "skipped: $python cannot import torch, open_clip, transformers and safetensors; TL_REFERENCE_PYTHON may name a Python that can"
    exit 77
fi
rm -rf "$3" && mkdir -p "$3/models" && cp -R "$2/." "$3/models" || exit 1 # copies: a model that is opened keeps its fingerprint
"$python" "$(dirname "$0")/check_convert.py" "$1" "$3/models" "$3"
