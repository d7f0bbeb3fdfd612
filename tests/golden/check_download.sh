#!/bin/sh
# check_download.sh TWINLENS SCRATCH: finds a Python with the reference packages (TL_TEST_PYTHON names one) and runs the comparison.
python=${TL_TEST_PYTHON:-python3}
if ! "$python" -c 'import webdataset, pyarrow' 2>/dev/null; then
    echo "skipped: $python cannot import webdataset and pyarrow; TL_TEST_PYTHON may name a Python that can"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_download.py" "$1" "$2"
