#!/bin/bash
# Downloads beside img2dataset: the same list, server (nginx on 127.0.0.1, whose CPU is counted apart) and settings.
#
#   tests/bench/import/compare.sh TWINLENS IMG2DATASET PHOTOS SCRATCH [ROWS [ROUNDS]]
#
# PHOTOS is a folder of JPEG files; the list has ROWS rows of them under different URLs. Prints a line a run: who, what, CPU
# seconds (user and system, of the whole process tree), wall seconds, pictures a second of each, peak memory, and the server's CPU.
set -eu
twinlens=$1 img2dataset=$2 photos=$(realpath "$3") scratch=$4 rows=${5:-5000} rounds=${6:-3}
nginx=$(command -v nginx || echo /usr/sbin/nginx)
mkdir -p "$scratch"
scratch=$(realpath "$scratch")
cd "$scratch"
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

python3 - "$photos" "$rows" "$port" <<'END'
import os, sys
photos, rows, port = sys.argv[1], int(sys.argv[2]), sys.argv[3]
names = sorted(name for name in os.listdir(photos) if name.endswith(".jpg"))
with open("list.tsv", "w") as out:
    out.write("url\tcaption\n")
    for row in range(rows):
        name = names[row % len(names)]
        out.write(f"http://127.0.0.1:{port}/{row // len(names)}/{name}\tphoto {row} of {name}\n")
END
cat >nginx.conf <<END
daemon off;
worker_processes 1;
pid $scratch/nginx.pid;
error_log $scratch/error.log;
events { worker_connections 4096; }
http {
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path $scratch/temp; proxy_temp_path $scratch/temp; fastcgi_temp_path $scratch/temp;
    uwsgi_temp_path $scratch/temp; scgi_temp_path $scratch/temp;
    types { image/jpeg jpg; }
    server {
        listen 127.0.0.1:$port;
        location ~ ^/\d+/(?<file>.*)\$ { alias $photos/\$file; }
    }
}
END
"$nginx" -p "$scratch" -e "$scratch/error.log" -c "$scratch/nginx.conf" 2>nginx.txt &
server=$!
trap 'kill $server 2>/dev/null' EXIT
sleep 1

# CPU ticks of nginx: the master and its workers.
server_ticks() {
    local sum=0 ticks
    for process in $server $(pgrep -P $server); do
        ticks=$(awk '{print $14 + $15}' "/proc/$process/stat")
        sum=$((sum + ticks))
    done
    echo $sum
}

# measure WHO WHAT COMMAND...
measure() {
    local who=$1 what=$2 before after
    shift 2
    rm -rf out
    before=$(server_ticks)
    python3 - "$who" "$what" "$rows" "$@" <<'END'
import os, resource, subprocess, sys, time
who, what, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
began = time.time()
with open("last.txt", "w") as log:
    code = subprocess.call(sys.argv[4:], stdout=log, stderr=log)
wall = time.time() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = used.ru_utime + used.ru_stime
print(f"{who:12} {what:8} cpu {cpu:7.2f} s (user {used.ru_utime:.2f}) {rows / cpu:8.0f}/cpu-s  wall {wall:7.2f} s "
      f"{rows / wall:8.0f}/s  largest process {used.ru_maxrss / 1024:6.0f} MiB  exit {code}", end="", flush=True)
END
    after=$(server_ticks)
    stored=$(for shard in out/*.tar; do tar tf "$shard"; done | grep -c '\.jpg$' || true)
    awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$stored" 'BEGIN { printf "  server %.2f s  stored %d\n", t / hz, n }'
}

ours=("$twinlens" import list.tsv -o out --shard-size 2500 --allow-private --host-rate 0 --host-connections 64)
theirs=("$img2dataset" --url_list list.tsv --input_format tsv --url_col url --caption_col caption --output_format webdataset
    --output_folder out --processes_count 2 --thread_count 32 --number_sample_per_shard 2500 --enable_wandb False
    --disallowed_header_directives '[]')
for _ in $(seq "$rounds"); do
    measure twinlens resize "${ours[@]}" --resize shortest --size 224 --only-if-bigger --table parquet
    measure img2dataset resize "${theirs[@]}" --image_size 224 --resize_mode keep_ratio --resize_only_if_bigger True
    measure twinlens keep "${ours[@]}" --table parquet
    measure twinlens headers "${ours[@]}" --table parquet --only-headers # nothing decoded: theirs decodes always
    measure img2dataset keep "${theirs[@]}" --resize_mode no --skip_reencode True
done
