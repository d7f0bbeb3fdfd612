#!/bin/sh
# check_clip_tokenizer.sh DRIVER SCRATCH: finds a Python with the reference packages (TL_REFERENCE_PYTHON names one) and compares.
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
if ! "$python" -c 'import open_clip, transformers, sentencepiece' 2>/dev/null; then
    echo "skipped: $python cannot import open_clip, transformers and sentencepiece; TL_REFERENCE_PYTHON may name a Python that can"
    exit 77
fi
HF_HUB_OFFLINE=1
export HF_HUB_OFFLINE
exec "$python" "$(dirname "$0")/check_clip_tokenizer.py" "$1" "$2"
