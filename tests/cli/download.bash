# Shared by the tests of downloads: pictures, and nginx to serve them. Sourced after support.bash.
nginx=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null) || { echo "skipped: no nginx"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
here=$(dirname "$0")
helper() { python3 "$here/download_helper.py" "$@"; }

. "$here/nginx.bash"

# serve_pictures: nginx on $site with www/ and places that behave badly; access.log has a line a request.
serve_pictures() {
    port=$(free_port)
    site=http://127.0.0.1:$port
    cat >nginx.conf <<END
daemon off;
master_process off;
pid $PWD/nginx.pid;
error_log $PWD/error.log;
events { worker_connections 512; }
http {
    log_format asked '\$status \$request_uri';
    access_log $PWD/access.log asked;
    client_body_temp_path $PWD/temp; proxy_temp_path $PWD/temp; fastcgi_temp_path $PWD/temp;
    uwsgi_temp_path $PWD/temp; scgi_temp_path $PWD/temp;
    types { image/png png; image/jpeg jpg; text/plain txt; }
    keepalive_requests 100000;
    server {
        listen 127.0.0.1:$port;
        root $PWD/www;
        location /slow/ { alias $PWD/www/; limit_rate 3k; }
        location /busy/ { return 503; }
        location /later/ { alias $PWD/later/; error_page 404 = @busy; }
        location @busy { return 503; }
        location /refused/ { alias $PWD/www/; add_header X-Robots-Tag noai; }
    }
}
END
    start_nginx "$port"
}

# As fast as one server here bears it.
here_options=(--allow-private --host-rate 0 --host-connections 16 --attempts 1)

# import_list LIST DATASET ...: runs the command; in the background it must be called by its name, since $! is then the program.
import_list() {
    local list=$1 dataset=$2
    shift 2
    "$TWINLENS" import "$list" -o "$dataset" "${here_options[@]}" "$@"
}
