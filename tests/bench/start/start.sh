#!/usr/bin/env bash
# What a person waits for one search: the whole process from start to printed results, files warm in the page cache.
# usage: start.sh TWINLENS INDEX MODEL [RUNS [OPTION...]]    bench_start_rows makes an INDEX; options go to 'twinlens search'
# Prints a JSON line: medians of wall clock, user and system time, the largest resident memory, pages faulted in.
set -euo pipefail
program=$1 index=$2 model=$3 runs=${4:-21}
shift $(($# < 4 ? $# : 4))
exec python3 - "$program" "$index" "$model" "$runs" "$@" <<'PYTHON'
import json, os, statistics, sys, time
program, index, model, runs, *options = sys.argv[1:]
command = [program, 'search', 'two dogs run through the snow', '--index', index, '--model', model] + options
wall, user, system, peak, faults = [], [], [], [], []
for turn in range(int(runs) + 2):
    start = time.perf_counter()
    child = os.posix_spawn(program, command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)])
    _, status, used = os.wait4(child, 0)
    taken = time.perf_counter() - start
    if status != 0:
        sys.exit('start.sh: the program failed')
    if turn < 2:
        continue
    for row, value in ((wall, taken * 1e3), (user, used.ru_utime * 1e3), (system, used.ru_stime * 1e3), (peak, used.ru_maxrss / 1024), (faults, used.ru_minflt)):
        row.append(value)
middle = lambda row: round(statistics.median(row), 1)
print(json.dumps({'what': 'search, whole process', 'model': os.path.basename(model.rstrip('/')), 'options': ' '.join(options), 'runs': int(runs),
                  'wall_ms': middle(wall), 'wall_best_ms': round(min(wall), 1), 'user_ms': middle(user), 'system_ms': middle(system),
                  'peak_mib': round(max(peak), 1), 'page_faults': middle(faults)}))
PYTHON
