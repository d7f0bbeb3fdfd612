# A small site from nginx becomes a dataset: options, the report, going on, and what the command refuses. The whole crawl is tested
# in tests/unit/crawl.
. "$(dirname "$0")/support.bash"
nginx=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null) || { echo "skipped: no nginx"; exit 77; }
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

expect_error 2 "expected -o DATASET" "$TWINLENS" crawl http://example.org/
expect_error 2 "expected 1 argument|argument" "$TWINLENS" crawl -o d
expect_error 1 "expected an http or https URL, found 'ftp://example.org/'" "$TWINLENS" crawl ftp://example.org/ -o d

mkdir -p site/deep
shapes="disc square triangle"
for shape in $shapes; do
    picture "site/$shape.ppm" 200 30 30 "$shape" 240
    cat >"site/$shape.html" <<PAGE
<html><title>$shape</title><a href=/><img src=/logo.svg alt="the logo of it all"></a>
<figure><img src="$shape.ppm" alt="IMG_0001.JPG"><figcaption>A red $shape on a white wall</figcaption></figure>
PAGE
done
picture site/deep/tiny.ppm 10 10 200 disc 20
cat >site/deep/page.html <<'PAGE'
<title>deep</title><img src=tiny.ppm alt="A tiny blue disc on white"><img src=gone.ppm alt="A picture that is gone for good">
PAGE
printf 'User-agent: *\nDisallow: /secret\n' >site/robots.txt
echo '<title>s</title><img src=/disc.ppm alt="A secret of the red disc">' >site/secret.html
echo '<title>home</title>' >site/index.html
for page in disc.html square.html triangle.html deep/page.html secret.html; do
    echo "<a href=$page>$page</a>" >>site/index.html
done
port=$((20000 + RANDOM % 20000))
cat >nginx.conf <<CONF
daemon off; master_process off; pid $PWD/nginx.pid; error_log $PWD/error.log;
events { worker_connections 64; }
http {
    log_format asked '\$status \$request_uri'; access_log $PWD/access.log asked;
    client_body_temp_path $PWD/temp; proxy_temp_path $PWD/temp; fastcgi_temp_path $PWD/temp; uwsgi_temp_path $PWD/temp; scgi_temp_path $PWD/temp;
    types { text/html html; image/x-portable-pixmap ppm; text/plain txt; }
    server { listen 127.0.0.1:$port; root $PWD/site; }
    server { listen 127.0.0.1:$((port + 1)); root $PWD/site; location ~ ppm { limit_rate 500k; } }
}
CONF
. "$(dirname "$0")/nginx.bash"
start_nginx "$port"
crawl() {
    "$TWINLENS" crawl "http://127.0.0.1:$port/" --delay 0.01 "$@"
}

# Addresses that are not of the public net are not asked for.
expect 0 crawl -o private
expect_output "0 pictures with 0 captions from 0 pages"
grep -q "pages left out: 1 address refused" err.txt || fail "expected the reason on stderr, found $(cat err.txt)"
[ ! -s access.log ] || fail "expected nothing to be asked for without --allow-private"

# A list alone, in two steps.
expect 0 crawl --allow-private --only-list --pages 2 -o list
expect_output "more are known: give a greater --pages"
expect 0 crawl --allow-private --only-list -o list
expect_output "list/pairs.jsonl: 5 pictures with 5 captions from 5 pages"
grep -q '"caption":"A red square on a white wall","page":"http://127.0.0.1:[0-9]*/square.html","kind":"figcaption"' list/pairs.jsonl ||
    fail "expected the square's pair, found $(cat list/pairs.jsonl)"
! grep -q "secret" access.log || fail "expected nothing that robots.txt forbids to be asked for"
! grep -q "ppm" access.log || fail "expected no pictures with --only-list"

# The dataset: pictures that are there and large enough.
expect 3 crawl --allow-private -o found
expect_output "found: 3 samples in 1 shards .*, 2 skipped"
tar -tf found/00000.tar >names.txt
[ "$(grep -c '\.txt$' names.txt)" -eq 3 ] || fail "expected three captions, found $(cat names.txt)"
tar -xOf found/00000.tar --wildcards '*.txt' | grep -q "A red disc on a white wall" || fail "expected the disc's caption"
tar -xOf found/00000.tar --wildcards '*.json' | grep -q '"page":' || fail "expected the page to travel along"
: >access.log
expect 3 crawl --allow-private -o found --json
expect_json_lines
expect_output '"read": *5.*"imported": *3'
! grep -q -v "robots.txt" access.log || fail "expected a finished crawl to ask for nothing, found $(cat access.log)"
# What is known of a folder stays: it is a source like any other dataset.
expect 0 "$TWINLENS" import found -o again
expect_output "again: 3 samples"

# Stopped amid the pictures and called with more pages: first the pictures of the list as it was, then the longer one.
"$TWINLENS" crawl "http://127.0.0.1:$((port + 1))/" --delay 1 --allow-private --pages 2 -o grown >out.txt 2>err.txt &
run=$!
await 60 [ -e grown/.spool ]
kill -INT $run
wait $run && fail "expected the crawl to be stopped amid its pictures"
before=$(wc -l <grown/pairs.jsonl)
expect 3 "$TWINLENS" crawl "http://127.0.0.1:$((port + 1))/" --delay 0.01 --allow-private -o grown
expect_output "grown: "
[ "$before" -lt "$(wc -l <grown/pairs.jsonl)" ] || fail "expected a longer list than the $before rows before"
[ "$(for shard in grown/*.tar; do tar -tf "$shard"; done | grep -c '\.txt$')" -eq 3 ] || fail "expected three samples in grown"

expect 0 crawl --allow-private --only-list --depth 0 -o shallow
expect_output "0 pictures with 0 captions from 1 pages"
expect 0 crawl --allow-private --only-list --deny '*/deep/*' --allow '*.html' -o some
expect_output "3 pictures with 3 captions from 4 pages"
finish
