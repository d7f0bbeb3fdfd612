#!/bin/bash
# measure.sh TWINLENS SCRATCH [CRAWL OPTIONS]: precision and recall of a crawl of blog_site.py's pages, served by nginx on 127.0.0.1.
set -eu
twinlens=$1 scratch=$(realpath -m "$2")
shift 2
here=$(dirname "$(realpath "$0")")
nginx=$(command -v nginx || echo /usr/sbin/nginx)
rm -rf "$scratch"
mkdir -p "$scratch/site"
cd "$scratch"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 "$here/blog_site.py" make site "http://127.0.0.1:$port"
cat >nginx.conf <<END
daemon off; master_process off; pid $scratch/nginx.pid; error_log $scratch/error.log; events { worker_connections 64; }
http {
    access_log $scratch/access.log;
    client_body_temp_path $scratch/temp; proxy_temp_path $scratch/temp; fastcgi_temp_path $scratch/temp; uwsgi_temp_path $scratch/temp;
    scgi_temp_path $scratch/temp;
    types { text/html html; }
    server { listen 127.0.0.1:$port; root $scratch/site; }
}
END
"$nginx" -p "$scratch" -e "$scratch/error.log" -c "$scratch/nginx.conf" 2>nginx.txt &
trap 'kill $! 2>/dev/null' EXIT
sleep 1
"$twinlens" crawl "http://127.0.0.1:$port/" -o found --only-list --allow-private --delay 0.001 "$@"
python3 "$here/blog_site.py" score truth.json found/pairs.jsonl
