# What curves.sh and decay.sh begin with, sourced with their BENCH ROWS.npy QUERIES.npy: whole paths, the number of rows in $count, this
# folder in $here, and a folder of their own that goes with them.
bench=$(realpath "$1") rows=$(realpath "$2") queries=$(realpath "$3")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
count=$(python3 -c 'import numpy, sys; print(len(numpy.load(sys.argv[1], mmap_mode="r")))' "$rows")
