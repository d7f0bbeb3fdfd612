#!/bin/sh
# check_parquet.sh PARQUET_COLUMNS PARQUET_COPY SCRATCH: finds a Python with pyarrow (TL_TEST_PYTHON names one) and runs the comparison.
python=${TL_TEST_PYTHON:-python3}
if ! "$python" -c 'import pyarrow, numpy' 2>/dev/null; then
    echo "skipped: $python cannot import pyarrow and numpy; TL_TEST_PYTHON may name a Python that can"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_parquet.py" "$1" "$2" "$3"
