#!/usr/bin/env bash
# run.sh BENCH_FETCH SCRATCH [IMAGES]: nginx on 127.0.0.1 with photo-sized files, then bench_fetch with few and many hosts, with
# and without dead and stalled ones, and names alone; of 100,000 names some do not exist and some get no answer. nginx's own CPU is printed apart.
set -eu
bench=$1
scratch=$(realpath -m "$2")
images=${3:-40000}
port=$((20000 + RANDOM % 10000))
rm -rf "$scratch"
mkdir -p "$scratch/site" "$scratch/temp"

# What counts here is that they begin as JPEG and weigh what small photos weigh: 4 to 40 kB.
for number in $(seq 1 64); do
    { printf '\377\330\377\340\000\020JFIF\000'; head -c $((4000 + number * 560)) /dev/zero; } >"$scratch/site/$number.jpg"
done
cat >"$scratch/nginx.conf" <<CONF
worker_processes 1;
pid $scratch/nginx.pid;
error_log $scratch/error.log;
events { worker_connections 16384; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=1000;
    types { image/jpeg jpg; }
    client_body_temp_path $scratch/temp; proxy_temp_path $scratch/temp; fastcgi_temp_path $scratch/temp;
    uwsgi_temp_path $scratch/temp; scgi_temp_path $scratch/temp;
    server { listen 127.0.0.1:$port backlog=4096; root $scratch/site; }
}
CONF
nginx -c "$scratch/nginx.conf" 2>"$scratch/start.log"
trap 'nginx -c "$scratch/nginx.conf" -s quit 2>/dev/null' EXIT
sleep 0.3
ticks() { awk '{ print $14 + $15 }' "/proc/$(pgrep -P "$(cat "$scratch/nginx.pid")" | head -1)/stat"; }
paths=$(seq -f '/%g.jpg' 1 64)
for setting in "1 0 0 0 0" "1000 0 0 0 0" "1000 5 0 0 0" "1000 0 5 0 0" "1000 5 5 0 0" "100000 0 0 0 0" "100000 0 0 20 5"; do
    before=$(ticks)
    # shellcheck disable=SC2086
    "$bench" pictures "$port" "$images" $setting $paths
    echo "{\"nginx_cpu_seconds\": $(echo "$(ticks) $before" | awk '{ printf "%.2f", ($1 - $2) / 100 }')}"
done
"$bench" names 100000 20 5
