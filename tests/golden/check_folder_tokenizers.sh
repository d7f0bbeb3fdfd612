#!/bin/sh
# check_folder_tokenizers.sh DRIVER SCRATCH: finds a Python with the reference packages (TL_REFERENCE_PYTHON names one) and compares.
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
if ! "$python" -c 'import open_clip, transformers, sentencepiece, tokenizers, google.protobuf' 2>/dev/null; then
    echo "skipped: $python cannot import open_clip, transformers, sentencepiece, tokenizers and google.protobuf; TL_REFERENCE_PYTHON may name a Python that can"
    exit 77
fi
HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false exec "$python" "$(dirname "$0")/check_folder_tokenizers.py" "$1" "$2"
