# Models from nginx, the server that mirrors run: files, ranges, redirects to another server, statuses, and its end in mid-file.
. "$(dirname "$0")/support.bash"
nginx=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null) || { echo "skipped: no nginx"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
export XDG_DATA_HOME=$PWD/home
unset HF_TOKEN HF_ENDPOINT TWINLENS_MODEL TWINLENS_OFFLINE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export NO_PROXY=127.0.0.1
store=$XDG_DATA_HOME/twinlens/models
commit=1111111111111111111111111111111111111111

pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o m $small_training --steps 1
mkdir plain
for name in config.json model.safetensors tokenizer.model preprocessor_config.json; do
    cp "m/$name" plain
done
size=$(wc -c <plain/model.safetensors)
for repository in lens/tiny lens/slow lens/moved lens/missing lens/broken lens/busy; do
    python3 "$(dirname "$0")/hub_server.py" make hub $repository $commit plain
done
rm hub/lens/missing/resolve/$commit/model.safetensors

. "$(dirname "$0")/nginx.bash"
port=$(free_port)
other=$(free_port)
cat >nginx.conf <<END
daemon off;
master_process off;
pid $PWD/nginx.pid;
error_log $PWD/error.log;
events { worker_connections 64; }
http {
    log_format asked '\$status \$request_uri \$http_range \$http_authorization';
    access_log $PWD/access.log asked;
    client_body_temp_path $PWD/temp; proxy_temp_path $PWD/temp; fastcgi_temp_path $PWD/temp;
    uwsgi_temp_path $PWD/temp; scgi_temp_path $PWD/temp;
    default_type application/octet-stream;
    server {
        listen 127.0.0.1:$port;
        root $PWD/hub;
        location /lens/slow/ { limit_rate 200k; }
        location /lens/moved/ { return 302 http://127.0.0.1:$other\$request_uri; }
        location /lens/broken/ { return 500; }
        location /lens/busy/ { add_header Retry-After 7200 always; return 429; }
        location /away/ { return 301 http://127.0.0.1:$port/turn\$request_uri; }
        location /turn/ { return 307 /away\$request_uri; }
    }
    server {
        listen 127.0.0.1:$other;
        root $PWD/hub;
        access_log $PWD/other.log asked;
    }
}
END
start_nginx "$port"
export HF_ENDPOINT=http://127.0.0.1:$port/
pull() {
    "$TWINLENS" model pull --retry-wait 0.02 --retries 3 "$@"
}

HF_TOKEN=hf_secret expect 0 pull lens/tiny
cmp -s plain/model.safetensors "$store/lens--tiny/model.safetensors" || fail "expected the model's bytes"
HF_TOKEN=hf_secret expect 0 pull lens/moved
cmp -s plain/model.safetensors "$store/lens--moved/model.safetensors" || fail "expected the model's bytes after a redirect"
grep -q "200 /lens/moved/.*model.safetensors" other.log || fail "expected the file to come from the other server"
grep -q "302 /lens/moved/.* Bearer hf_secret" access.log || fail "expected the token at the hub"
! grep -q secret other.log || fail "expected no token at the other server"
expect_error 1 "'lens/missing': 'model.safetensors': expected status 200, found 404" pull lens/missing
expect_error 1 "'lens/broken': '[a-z_.]*': gave up after 4 tries: expected status 200, found 500" pull lens/broken
expect_error 1 "'lens/busy': '[a-z_.]*': the server asks to wait 7200 seconds: expected status 200, found 429" pull lens/busy
HF_ENDPOINT=http://127.0.0.1:$port/away expect_error 1 "'lens/tiny': 'main': .*redirects" pull lens/tiny

# The server goes in the middle of a file; the next one has the rest.
pull lens/slow --retries 0 >out.txt 2>err.txt &
puller=$!
part="$store/.partial/lens--slow@$commit/model.safetensors.part"
await 60 [ -s "$part" ]
kill -9 $server
code=0
wait $puller || code=$?
[ "$code" -eq 1 ] || fail "expected exit code 1 when the server is killed, found $code"
grep -q "'lens/slow': 'model.safetensors': gave up after 1 tries: " err.txt || fail "expected word of a broken connection, found $(cat err.txt)"
had=$(wc -c <"$part")
[ "$had" -gt 0 ] && [ "$had" -lt "$size" ] || fail "expected a part of the file, found $had of $size bytes"
sed -i 's/limit_rate 200k;//' nginx.conf
start_nginx "$port"
expect 0 pull lens/slow
cmp -s plain/model.safetensors "$store/lens--slow/model.safetensors" || fail "expected the model's bytes after a resume"
grep -q "206 /lens/slow/resolve/$commit/model.safetensors bytes=$had-" access.log || fail "expected the rest alone to be fetched"
finish
