# Several sites at once: one connection to each, a pause between its requests, and all of them side by side; a host that is silent, one that
# is not there and one whose robots.txt refuses cost the others nothing. From the server's log.
. "$(dirname "$0")/support.bash"
nginx=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null) || { echo "skipped: no nginx"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
. "$(dirname "$0")/nginx.bash"
hosts=6 pages=5 delay=0.2

mkdir -p site closed
head -c 6000 /dev/zero | tr '\0' ' ' >padding # of which limit_rate makes a slow page
for page in $(seq 0 $((pages - 1))); do
    {
        echo "<title>$page</title><figure><img src=fox-$page.jpg><figcaption>A red fox on stone number $page</figcaption></figure>"
        echo "<a href=page-$((page + 1)).html>next</a>"
        cat padding
    } >"site/page-$page.html"
done
printf 'User-agent: *\nDisallow: /\n' >closed/robots.txt
cp site/page-0.html closed
port=$(free_port)
{
    cat <<END
daemon off; master_process off; pid $PWD/nginx.pid; error_log $PWD/error.log;
events { worker_connections 64; }
http {
    log_format asked '\$server_port \$msec \$request_time \$uri';
    access_log $PWD/access.log asked;
    client_body_temp_path $PWD/temp; proxy_temp_path $PWD/temp; fastcgi_temp_path $PWD/temp; uwsgi_temp_path $PWD/temp;
    scgi_temp_path $PWD/temp;
    types { text/html html; text/plain txt; }
END
    for host in $(seq 0 $((hosts - 1))); do
        echo "server { listen 127.0.0.1:$((port + host)); root $PWD/site; location ~ html\$ { limit_rate 10k; limit_rate_after 1k; } }"
    done
    echo "server { listen 127.0.0.1:$((port + hosts)); root $PWD/closed; } }"
} >nginx.conf
start_nginx "$port"
seeds=()
for host in $(seq 0 $hosts); do
    seeds+=("http://127.0.0.1:$((port + host))/page-0.html")
done
seeds+=("http://127.0.0.1:1/page-0.html")

code=0
began=$(date +%s.%N)
"$TWINLENS" crawl "${seeds[@]}" -o found --only-list --allow-private --delay $delay --no-sitemaps >out.txt 2>err.txt || code=$?
wall=$(awk -v now="$(date +%s.%N)" -v began="$began" 'BEGIN { print now - began }')
[ "$code" -eq 0 ] || fail "expected exit code 0, found $code: $(cat err.txt)"
expect_output "$((hosts * pages)) pictures with $((hosts * pages)) captions from $((hosts * pages)) pages"
grep -q 'refused by robots.txt' err.txt || fail "expected a reason, found $(cat err.txt)"
grep -q 'connection refused' err.txt || fail "expected a reason, found $(cat err.txt)"
sleep 0.2 # the server writes its log
grep -q "^$((port + hosts)) .*html" access.log && fail "expected nothing but robots.txt of the host that refuses"

# $msec is when a request ended. A request to a host begins a pause after the end of the one before (2 ms: the log's rounding), and
# of the time that all hosts take one by one, all together need less than half.
sort -k1,1n -k2,2n access.log | awk -v delay=$delay -v hosts=$hosts -v pages=$pages '
    $1 == host && $2 - $3 < last + delay - 0.002 { print "too soon: " $0; bad = 1 }
    $1 != host { host = $1 }
    { last = $2; count[$1]++; taken += $3 + delay }
    END {
        for (host in count) if (++seen <= hosts && count[host] > pages + 2) { print host ": " count[host] " requests"; bad = 1 }
        print taken > "taken.txt"
        exit bad
    }' || fail "expected one polite connection a host: $(cat access.log)"
awk -v wall="$wall" -v taken="$(cat taken.txt)" 'BEGIN { exit !(wall < taken / 2) }' ||
    fail "expected hosts side by side: $wall s by the clock, $(cat taken.txt) s of requests and pauses"
finish
