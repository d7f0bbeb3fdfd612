#!/bin/sh
# check_preprocess.sh DRIVER SCRATCH PHOTOS: finds a Python with Pillow and numpy (TL_TEST_PYTHON names one) and runs the comparison;
# with transformers and open_clip as well where that Python has them.
python=${TL_TEST_PYTHON:-python3}
if ! "$python" -c 'import PIL, numpy' 2>/dev/null; then
    echo "skipped: $python cannot import PIL (pillow) and numpy; TL_TEST_PYTHON may name a Python that can"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_preprocess.py" "$@"
