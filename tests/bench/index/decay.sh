#!/usr/bin/env bash
# What an index loses by growing to twice its rows after its division, and by losing half of them, beside one divided afresh. JSON lines.
# usage: decay.sh BENCH ROWS.npy QUERIES.npy [PROBES...]    as curves.sh; PIN=COMMAND too
set -euo pipefail
. "$(dirname "$(realpath "$0")")/setting.bash"
shift 3
python3 "$here/truth.py" "$rows" "$queries" all.npy
python3 "$here/truth.py" "$rows" "$queries" half.npy 2
run() { ${PIN:-} "$bench" "${@:2}" | sed "s/^{/{\"after\":\"$1\",/"; }
probes=("${@:-8 16 32}")
searches() { # shellcheck disable=SC2068
  run "$1" search index.db "$queries" "$2" 1000 ${probes[@]}
}
run "half the rows" add index.db "$rows" 0 $((count / 2))
run "half the rows" divide index.db
run "as many again" add index.db "$rows" $((count / 2)) "$count"
searches "as many again" all.npy
run "as many again, compact" compact index.db
searches "as many again, compact" all.npy
run "as many again, divided anew" divide index.db
searches "as many again, divided anew" all.npy
run "every second row removed" remove index.db 1 "$count" 2
searches "every second row removed" half.npy
run "every second row removed, compact" compact index.db
searches "every second row removed, compact" half.npy
run "every second row removed, divided anew" divide index.db
searches "every second row removed, divided anew" half.npy
run "every second row removed, divided anew" check index.db
