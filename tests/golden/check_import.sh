#!/bin/sh
# check_import.sh DRIVER SCRATCH: finds a Python with the reference package (TL_TEST_PYTHON names one) and runs the comparison.
python=${TL_TEST_PYTHON:-python3}
if ! "$python" -c 'import webdataset, numpy, PIL' 2>/dev/null; then
    echo "skipped: $python cannot import webdataset, numpy and PIL; TL_TEST_PYTHON may name a Python that can"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_import.py" "$1" "$2"
