#!/bin/sh
# check_training.sh DRIVER FIXTURES SCRATCH: finds a Python with the package (TL_TEST_PYTHON names one) and runs the comparison.
python=${TL_TEST_PYTHON:-python3}
if ! "$python" -c 'import numpy, safetensors' 2>/dev/null; then
    echo "skipped: $python cannot import numpy and safetensors; TL_TEST_PYTHON may name a Python that can"
    exit 77
fi
exec "$python" "$(dirname "$0")/check_training.py" "$@"
