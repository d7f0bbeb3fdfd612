#!/bin/sh
# check_metadata.sh TWINLENS SCRATCH: finds a Python with Pillow (TL_TEST_PYTHON names one) and runs the comparison.
python=${TL_TEST_PYTHON:-python3}
if ! "$python" -c 'from PIL import Image, ImageCms' 2>/dev/null; then
    echo "skipped: $python cannot import PIL; TL_TEST_PYTHON may name a Python that can"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_metadata.py" "$1" "$2"
