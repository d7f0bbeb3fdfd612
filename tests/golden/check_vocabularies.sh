#!/bin/sh
# check_vocabularies.sh DRIVER SCRATCH: finds a Python with the reference packages (TL_REFERENCE_PYTHON names one) and runs the comparison.
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
for package in sentencepiece tokenizers transformers google.protobuf; do
    if ! "$python" -c "import $package" 2>/dev/null; then
        echo "skipped: $python cannot import $package; TL_REFERENCE_PYTHON may name a Python that can"
        exit 77
    fi
done
HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false exec "$python" "$(dirname "$0")/check_vocabularies.py" "$1" "$2"
