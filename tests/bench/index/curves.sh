#!/usr/bin/env bash
# The index and its peers on the same rows and queries, in turns: BENCH is the built bench_index_curve, python3 has what truth.py
# and peers.py need. JSON lines, which plot.py draws. Works in a folder of its own.
# usage: curves.sh BENCH ROWS.npy QUERIES.npy [PEER...]    float16 arrays; PEER: as peers.py has them, flat when none is named
#        PIN=COMMAND runs each measured program by COMMAND (chrt, taskset); PROBES="8 16 ..." asks for these numbers of probes
set -euo pipefail
. "$(dirname "$(realpath "$0")")/setting.bash"
shift 3
probes=${PROBES:-1 2 4 6 8 12 16 24 32 48 64}
python3 "$here/truth.py" "$rows" "$queries" truth.npy
ours() { ${PIN:-} "$bench" "$@" | sed "s/^{/{\"engine\":\"twinlens\",\"storage\":\"$storage\",\"rows_all\":$count,/"; }
searches() { # the cold ones first, while nothing else of the file has been read
  # shellcheck disable=SC2086
  ours search index.db "$queries" truth.npy 1000 cold0 exact $probes
}
for storage in f16 f32; do
  rm -f index.db*
  ours add index.db "$rows" 0 "$count" "$storage"
  ours search index.db "$queries" truth.npy 50 exact | sed 's/"search"/"scan"/'
  ours divide index.db
  ours compact index.db
  searches
done
storage=f16
for peer in "${@:-flat}"; do
  ${PIN:-} python3 "$here/peers.py" "$rows" "$queries" truth.npy "$peer"
done
