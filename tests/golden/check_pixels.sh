#!/bin/sh
# check_pixels.sh DRIVER: finds a Python with the reference package (TL_TEST_PYTHON names one) and runs the comparison.
python=${TL_TEST_PYTHON:-python3}
if ! "$python" -c 'import PIL' 2>/dev/null; then
    echo "skipped: $python cannot import PIL (pillow); TL_TEST_PYTHON may name a Python that can"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_pixels.py" "$1"
