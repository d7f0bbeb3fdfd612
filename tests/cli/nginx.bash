# Shared by the tests that need a real server. Sourced after support.bash, where nginx.conf is to be written; $nginx is the program.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1")
}

# start_nginx PORT: with ./nginx.conf, until it listens there; $server is its process, which ends with the test.
start_nginx() {
    "$nginx" -p "$PWD" -e "$PWD/error.log" -c "$PWD/nginx.conf" 2>nginx.txt &
    server=$!
    trap 'kill $server 2>/dev/null' EXIT
    await 60 listens "$1" || fail "expected nginx to listen: $(cat nginx.txt error.log)"
}
