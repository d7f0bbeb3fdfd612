/* https and HTTP/2 against nginx with a certificate made for the test: who is believed, and how many connections it takes. */
#include "fetch_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static fetch_fixture fixture;
static uint16_t port;
static pid_t nginx;
static const char *skip_reason;

static const char conf[] =
    "daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
    "events { worker_connections 256; }\n"
    "http {\n"
    "  access_log off; client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .;\n"
    "  scgi_temp_path .; keepalive_requests 100000; http2_max_concurrent_streams 64;\n"
    "  server {\n"
    "    listen 127.0.0.1:%u ssl http2; ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
    "    default_type text/html; gzip on; gzip_min_length 1;\n"
    "    location / { return 200 \"$server_protocol $connection $http_accept_encoding padding padding padding padding\"; }\n"
    "  }\n"
    "}\n";

static pid_t run_shell(const char *command)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return child;
}

static bool make_certificate(void)
{
    pid_t child = run_shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=a.here "
                            "-addext subjectAltName=DNS:a.here,DNS:b.here -keyout key.pem -out cert.pem 2>openssl.log");
    int status;
    return waitpid(child, &status, 0) == child && status == 0;
}

static bool start_nginx(void)
{
    int probe = odd_listen(INADDR_LOOPBACK, &port, 1);
    close(probe);
    FILE *file = fopen("nginx.conf", "w");
    if (file == NULL)
        return false;
    fprintf(file, conf, port);
    fclose(file);
    nginx = run_shell("exec nginx -p \"$PWD\" -c nginx.conf 2>nginx.log");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 500; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        bool is_up = connect(client, (const struct sockaddr *)&address, sizeof address) == 0;
        close(client);
        if (is_up)
            return true;
        if (waitpid(nginx, NULL, WNOHANG) != 0)
            break;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    return false;
}

static void need_nginx(void)
{
    if (skip_reason == NULL)
        return;
    print_message("skipped: %s\n", skip_reason);
    skip();
}

static void submit_secure(uint64_t id, const char *host)
{
    char url[100];
    snprintf(url, sizeof url, "https://%s:%u/", host, port);
    fixture_submit_url(&fixture, id, url);
}

static const char *reason_for(const char *host, tl_fetch_options options)
{
    fixture_open(&fixture, options);
    submit_secure(0, host);
    fixture_run(&fixture);
    return fixture.results[0].reason;
}

static void certificates_are_checked(void **state)
{
    (void)state;
    need_nginx();
    assert_string_equal(reason_for("a.here", (tl_fetch_options){.ca_file = "cert.pem"}), "");
    assert_string_equal(reason_for("b.here", (tl_fetch_options){.ca_file = "cert.pem"}), "");
    assert_string_equal(reason_for("c.here", (tl_fetch_options){.ca_file = "cert.pem"}), "tls failed");
    assert_int_equal(fixture.results[0].attempts, 1);
    assert_string_equal(reason_for("a.here", (tl_fetch_options){0}), "tls failed");
    assert_string_equal(reason_for("c.here", (tl_fetch_options){.accept_bad_certificates = true}), "");
}

/* A server that waits for a request in plain text: the handshake belongs to the time for connecting. */
static void a_handshake_has_its_deadline(void **state)
{
    (void)state;
    char url[100];
    fixture_open(&fixture, (tl_fetch_options){.attempts = 1, .connect_seconds = 0.3});
    snprintf(url, sizeof url, "https://a.here:%u/picture/100", fixture.server.port);
    fixture_submit_url(&fixture, 0, url);
    fixture_run(&fixture);
    assert_string_equal(fixture.results[0].reason, "connection timed out");
    assert_true(fixture.results[0].seconds < 3);
}

static void many_requests_share_few_connections(void **state)
{
    (void)state;
    need_nginx();
    fixture_open(&fixture, (tl_fetch_options){.ca_file = "cert.pem", .host_connections = 8});
    char first[16] = "";
    tl_error err;
    for (uint64_t i = 0; i < 200; i++)
        submit_secure(i, "a.here");
    while (tl_fetcher_pending(fixture.fetcher) != 0) {
        tl_fetch_result result;
        bool has_result;
        assert_true(tl_fetcher_poll(fixture.fetcher, 1000, &result, &has_result, &err));
        if (!has_result)
            continue;
        assert_null(result.reason);
        snprintf(first, sizeof first, "%.8s", result.body.data);
        assert_string_equal(first, "HTTP/2.0");
        /* It came as gzip: the text says that gzip was asked for, and it could be read. */
        assert_non_null(strstr(result.body.data, "gzip, deflate"));
        tl_fetch_result_clear(&result);
    }
    tl_fetch_counts counts;
    tl_fetcher_count(fixture.fetcher, &counts);
    assert_true(counts.connections <= 8);
    assert_int_equal(counts.succeeded, 200);
}

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    if (!make_certificate())
        skip_reason = "no openssl to make a certificate (Debian: openssl)";
    else if (!start_nginx())
        skip_reason = "no nginx (Debian: nginx-light)";
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (nginx > 0 && skip_reason == NULL) {
        kill(nginx, SIGTERM);
        waitpid(nginx, NULL, 0);
    }
    fixture_stop(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_checked),
        cmocka_unit_test(a_handshake_has_its_deadline),
        cmocka_unit_test(many_requests_share_few_connections),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
