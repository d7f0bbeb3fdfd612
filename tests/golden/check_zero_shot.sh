#!/bin/sh
# check_zero_shot.sh TWINLENS PHOTOS SCRATCH [OPTION...]: on demand (minutes, a gigabyte): the order of 500 classes on 500 photos.
# PHOTOS: a gzip-compressed tar of KEY.jpg and KEY.txt. TL_REFERENCE_PYTHON (else TL_TEST_PYTHON) names a Python with open_clip and transformers.
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
if ! "$python" -c 'import torch, open_clip, transformers, timm' 2>/dev/null; then
    echo "skipped: $python cannot import torch, open_clip, transformers and timm; TL_REFERENCE_PYTHON may name a Python that can"
    exit 77
fi
if [ ! -f "$2" ]; then
    echo "skipped: no photos at $2"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_zero_shot.py" "$@"
