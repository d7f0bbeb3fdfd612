#!/usr/bin/env bash
# Reading Parquet beside pyarrow, one thread each, in turns: BENCH is the built bench_parquet; python3 has pyarrow and numpy.
# usage: compare.sh BENCH [ROWS [FOLDER]]    JSON lines; writes its files, a million rows each, into FOLDER or one of its own
set -euo pipefail
bench=$(realpath "$1") rows=${2:-1000000}
here=$(dirname "$(realpath "$0")")
folder=${3:-}
if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
cd "$folder"
python3 "$here/peers.py" write "$rows"
for file in *.parquet; do
  "$bench" "$file"
  python3 "$here/peers.py" read "$file"
done
