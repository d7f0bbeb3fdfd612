/*
 * A whole site, served by nginx: what share of the pairs found is right and of those present is found, that rules, delays and the
 * one connection are kept (from the server's log), that traps end, and that a crawl killed at random moments ends with the list
 * of an unbroken one.
 */
#include "made_site.h"

#include "base/core/clock.h"
#include "base/io/json.h"
#include "crawler-import/crawl/crawl.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILLS = 12, PATIENCE = 20, MOST_TRAPPED = 4 * PATIENCE + 20 };
static const double crawl_delay = 0.005; /* of robots.txt */

static made_site site;
static pid_t server;
static char seed[64];

static const char *find_nginx(void)
{
    static const char *const places[] = {"/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(handle >= 0 && bind(handle, (struct sockaddr *)&address, sizeof address) == 0 &&
                getsockname(handle, (struct sockaddr *)&address, &size) == 0);
    close(handle);
    return ntohs(address.sin_port);
}

static bool is_listening(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    bool is = handle >= 0 && connect(handle, (struct sockaddr *)&address, sizeof address) == 0;
    close(handle);
    return is;
}

static void pause_for(double seconds)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

/* {a}: the folder, {b} and {c}: the ports, {d}: the traps. */
static const char server_settings[] =
    "daemon off; master_process off; pid {a}/nginx.pid; error_log {a}/error.log;\n"
    "events { worker_connections 64; }\nhttp {\n"
    "  log_format asked '$status $msec $request_time $request_uri'; access_log {a}/access.log asked;\n"
    "  client_body_temp_path {a}/temp; proxy_temp_path {a}/temp; fastcgi_temp_path {a}/temp; uwsgi_temp_path {a}/temp;"
    " scgi_temp_path {a}/temp;\n"
    "  types { text/html html; text/plain txt; application/xml xml; application/pdf pdf; image/jpeg jpg; application/gzip "
    "gz; }\n"
    "  default_type text/html;\n"
    "  server {\n    listen 127.0.0.1:{b}; root {a}/site;\n{d}"
    "    location /abroad/utf8/ { charset utf-8; }\n    location /abroad/right/ { charset windows-1251; }\n"
    "    location = /gallery/ { if ($arg_page) { rewrite ^ /gallery/page-$arg_page.html break; } index index.html; }\n"
    "    location = /go/once { return 301 /moved/target.html; }\n    location = /go/twice { return 302 /go/once; }\n"
    "    location = /go/round { return 302 /go/round2; }\n    location = /go/round2 { return 302 /go/round; }\n"
    "    location = /go/away { return 302 http://127.0.0.1:{c}/other-site.html; }\n"
    "    location = /go/private { return 302 /private/closed.html; }\n"
    "    location = /go/article { return 308 http://127.0.0.1:{b}/articles/5.html#x; }\n"
    "    location = /broken/500 { return 500; }\n    location = /broken/403 { return 403; }\n"
    "    location = /slow/page.html { limit_rate 20k; }\n    location = /slow/never.html { limit_rate 1; }\n"
    "    location = /files/plain { default_type text/plain; }\n"
    "    location /tagged/ { add_header X-Robots-Tag 'otherbot: nofollow'; add_header X-Robots-Tag 'twinlens: noindex'; }\n"
    "  }\n  server { listen 127.0.0.1:{c}; root {a}/site-2; access_log {a}/other.log asked; }\n}\n";

static void write_settings(const char *here)
{
    tl_string settings;
    tl_string traps;
    tl_string_init(&settings, 1 << 20);
    tl_string_init(&traps, 1 << 20);
    for (size_t i = 0; i < sizeof site_traps / sizeof site_traps[0]; i++)
        append_filled(&traps,
                      "    location /{a}/ { default_type text/html; rewrite ^ /traps/{a} break; sub_filter HERE $request_uri;"
                      " sub_filter ID $request_id; sub_filter_once off; }\n",
                      (const char *const[4]){site_traps[i]});
    char port[16];
    snprintf(port, sizeof port, "%u", site.port);
    append_filled(&settings, server_settings, (const char *const[4]){here, port, decimal(site.other_port), traps.data});
    assert_ok(tl_file_replace("nginx.conf", tl_string_slice(&settings), err));
    tl_string_clear(&settings);
    tl_string_clear(&traps);
}

static int start_server(void **state)
{
    char here[2048];
    char settings[2112];
    (void)state;
    const char *nginx = find_nginx();
    if (nginx == NULL) {
        printf("skipped: no nginx\n");
        exit(77);
    }
    make_site(&site, "site", free_port(), free_port());
    snprintf(seed, sizeof seed, "http://127.0.0.1:%u", site.port);
    assert_non_null(getcwd(here, sizeof here));
    write_settings(here);
    unlink("access.log");
    unlink("other.log");
    snprintf(settings, sizeof settings, "%s/nginx.conf", here);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        execl(nginx, nginx, "-p", here, "-e", "error.log", "-c", settings, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 200 && !is_listening(site.port); i++)
        pause_for(0.05);
    return is_listening(site.port) ? 0 : -1;
}

static int stop_server(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    clear_site(&site);
    return 0;
}

static bool crawl_into(const char *folder, tl_crawl_report *report, tl_error *err)
{
    const char *seeds[] = {seed};
    const tl_crawl_options options = {.seeds = seeds,
                                      .seed_count = 1,
                                      .patience = PATIENCE,
                                      .maximum_depth = 1000,
                                      .delay_seconds = 0.002,
                                      .page_seconds = 3,
                                      .allow_private = true};
    return tl_crawl_run(folder, &options, report, err);
}

static size_t find_pair(const char *url, const char *caption)
{
    size_t i = 0;
    while (i < site.pair_count && (strcmp(site.pairs[i].url, url) != 0 || strcmp(site.pairs[i].caption, caption) != 0))
        i++;
    return i;
}

typedef struct pair_score {
    size_t found, right;
} pair_score;

static pair_score compare_list(const char *path)
{
    tl_string list;
    pair_score score = {0};
    bool was_found[MAX_PAIRS] = {false};
    tl_string_init(&list, (size_t)1 << 26);
    assert_ok(tl_file_read(path, &list, err));
    for (char *line = list.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        tl_json *json = NULL;
        assert_ok(tl_json_parse((tl_slice){line, (size_t)(end - line)}, path, &json, err));
        const char *url = tl_json_text_or(json, "url", "");
        const tl_json *captions = tl_json_member(json, "captions");
        for (size_t i = 0; i < tl_json_array_size(captions); i++) {
            const char *caption = tl_json_text(tl_json_array_item(captions, i));
            size_t place = find_pair(url, caption);
            score.found++;
            score.right += place < site.pair_count;
            if (place == site.pair_count)
                print_message("wrong: %s: %s\n", url, caption);
            else
                was_found[place] = true;
        }
        tl_json_free(json);
    }
    unsigned shown = 0;
    for (size_t i = 0; i < site.pair_count; i++)
        if (!was_found[i] && shown++ < 12)
            print_message("missed: %s: %s\n", site.pairs[i].url, site.pairs[i].caption);
    tl_string_clear(&list);
    return score;
}

static void check_score(void **state)
{
    tl_crawl_report report;
    struct rusage before;
    struct rusage after;
    (void)state;
    assert_ok(tl_directory_remove("whole", err));
    getrusage(RUSAGE_SELF, &before);
    double seconds = tl_clock_seconds();
    assert_ok(crawl_into("whole", &report, err));
    seconds = tl_clock_seconds() - seconds;
    getrusage(RUSAGE_SELF, &after);
    double cpu =
        (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
        1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec);
    pair_score score = compare_list("whole/pairs.jsonl");
    double precision = (double)score.right / (double)score.found;
    double recall = (double)score.right / (double)site.pair_count;
    print_message("%llu pages (%llu read) in %.1f s, %.2f ms of CPU a page; %zu pairs present, %zu found, %zu right: precision "
                  "%.4f, recall %.4f\n",
                  (unsigned long long)report.pages, (unsigned long long)report.good_pages, seconds,
                  1e3 * cpu / (double)report.pages, site.pair_count, score.found, score.right, precision, recall);
    for (size_t i = 0; i < report.reason_count; i++)
        print_message("  %s: %llu %s\n", report.reasons[i].what, (unsigned long long)report.reasons[i].count,
                      report.reasons[i].reason);
    assert_int_equal(report.waiting, 0);
    assert_true(precision >= 0.98);
    assert_true(recall >= 0.90);
}

static bool is_enough(void *context)
{
    unsigned *asked = context;
    return ++*asked > 60;
}

/* Asked to stop, a crawl says so and leaves the list as it stands. */
static void check_stopped(void **state)
{
    unsigned asked = 0;
    const tl_progress progress = {.context = &asked, .cancelled = is_enough};
    const char *seeds[] = {seed};
    const tl_crawl_options options = {
        .seeds = seeds, .seed_count = 1, .delay_seconds = 0.002, .allow_private = true, .progress = &progress};
    tl_crawl_report report;
    tl_file_status list;
    tl_error error = {0};
    (void)state;
    assert_ok(tl_directory_remove("stopped", err));
    assert_false(tl_crawl_run("stopped", &options, &report, &error));
    assert_int_equal(error.kind, TL_ERROR_CANCELLED);
    assert_ok(tl_file_status_read("stopped/pairs.jsonl", &list, err));
    assert_int_equal(list.kind, TL_FILE_REGULAR);
}

typedef struct asked {
    double start, end;
    char url[2100];
} asked;

/* Visits the requests of a log in the order in which they ended. */
static size_t each_request(const char *path, void (*visit)(const asked *request, void *context), void *context)
{
    static char line[4096];
    size_t count = 0;
    FILE *log = fopen(path, "r");
    assert_non_null(log);
    while (fgets(line, sizeof line, log) != NULL) {
        asked request;
        double taken;
        int status;
        assert_int_equal(sscanf(line, "%d %lf %lf %2099s", &status, &request.end, &taken, request.url), 4);
        request.start = request.end - taken;
        visit(&request, context);
        count++;
    }
    fclose(log);
    return count;
}

typedef struct manners {
    asked last;
    size_t overlaps, hurries, forbidden, pictures;
    size_t trapped[sizeof site_traps / sizeof site_traps[0]];
} manners;

static void watch(const asked *request, void *context)
{
    static const char *const forbidden[] = {"/private/closed.html", "/forbidden/", "/never/", "print="};
    manners *watched = context;
    /* The server learns late of what the client broke off, and nginx tells milliseconds, rounded down at either end. */
    bool is_broken_off = strcmp(watched->last.url, "/files/huge.html") == 0 || strcmp(watched->last.url, "/slow/never.html") == 0;
    if (watched->last.end != 0 && !is_broken_off) {
        watched->overlaps += request->start < watched->last.end - 0.002;
        watched->hurries +=
            request->start < watched->last.end + crawl_delay - 0.003 && strcmp(watched->last.url, "/robots.txt") != 0;
    }
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        if (strstr(request->url, forbidden[i]) != NULL) {
            watched->forbidden++;
            print_message("forbidden: %s\n", request->url);
        }
    watched->pictures += strstr(request->url, "/img/") != NULL;
    for (size_t i = 0; i < sizeof site_traps / sizeof site_traps[0]; i++)
        watched->trapped[i] += strncmp(request->url + 1, site_traps[i], strlen(site_traps[i])) == 0;
    watched->last = *request;
}

static void check_manners(void **state)
{
    static manners watched;
    (void)state;
    size_t requests = each_request("access.log", watch, &watched);
    print_message("%zu requests; %zu before the one before had ended, %zu sooner than the delay\n", requests, watched.overlaps,
                  watched.hurries);
    for (size_t i = 0; i < sizeof site_traps / sizeof site_traps[0]; i++) {
        print_message("  %zu of %s\n", watched.trapped[i], site_traps[i]);
        assert_true(watched.trapped[i] >= 1 && watched.trapped[i] <= MOST_TRAPPED);
    }
    assert_int_equal(watched.overlaps, 0);
    assert_int_equal(watched.hurries, 0);
    assert_int_equal(watched.forbidden, 0);
    assert_int_equal(watched.pictures, 0);
    assert_true(requests > ARTICLES + GALLERY + ABROAD + ORPHANS);
    manners other = {0};
    if (access("other.log", R_OK) == 0)
        assert_int_equal(each_request("other.log", watch, &other), 0);
}

static void check_killed(void **state)
{
    tl_crawl_report report;
    tl_string whole;
    tl_string broken;
    tl_random random = tl_random_stream(9, 26);
    unsigned kills = 0;
    (void)state;
    assert_ok(tl_directory_remove("broken", err));
    for (bool is_over = false; !is_over;) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            tl_error error = {0};
            bool ok = crawl_into("broken", &report, &error);
            if (!ok)
                fprintf(stderr, "child: %s\n", error.message);
            _exit(ok ? 0 : 1);
        }
        if (kills < KILLS) {
            pause_for(0.02 + 1.2 * (double)tl_random_uniform(&random));
            kill(child, SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        is_over = WIFEXITED(status);
        assert_true(!is_over || WEXITSTATUS(status) == 0);
        kills += !is_over;
    }
    assert_int_equal(kills, KILLS);
    tl_string_init(&whole, (size_t)1 << 26);
    tl_string_init(&broken, (size_t)1 << 26);
    assert_ok(tl_file_read("whole/pairs.jsonl", &whole, err));
    assert_ok(tl_file_read("broken/pairs.jsonl", &broken, err));
    assert_int_equal(whole.size, broken.size);
    assert_memory_equal(whole.data, broken.data, whole.size);
    tl_string_clear(&whole);
    tl_string_clear(&broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_score), cmocka_unit_test(check_manners),
                                       cmocka_unit_test(check_killed), cmocka_unit_test(check_stopped)};
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
