#!/usr/bin/env bash
# The index beside FAISS on the same rows, in turns: BENCH is the built bench_index_curve; python3 has numpy and faiss-cpu.
# usage: compare.sh BENCH ROWS.npy QUERIES.npy [ROUNDS]    float16 arrays; JSON lines; works in a folder of its own
set -euo pipefail
bench=$(realpath "$1") rows=$(realpath "$2") queries=$(realpath "$3") rounds=${4:-1}
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for ((round = 0; round < rounds; round++)); do
  "$bench" "$rows" "$queries" f16
  python3 "$here/peers.py" "$rows" "$queries"
done
