/* How hosts are spared: connections, rate, delay, robots.txt, waiting when asked to, leaving dead ones alone. And memory. */
#include "crawler-import/fetch/fetcher_internal.h"
#include "fetch_fixture.h"

#include <pthread.h>

static fetch_fixture fixture;

static void a_host_gets_so_many_requests_at_a_time(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.host_connections = 3});
    for (uint64_t i = 0; i < 24; i++)
        fixture_submit(&fixture, i, "a.here", "/slow/30", TL_FETCH_PICTURE);
    fixture_run(&fixture);
    assert_int_equal(fixture.server.most_running, 3);
    tl_fetch_counts counts;
    tl_fetcher_count(fixture.fetcher, &counts);
    assert_int_equal(counts.succeeded, 24);
}

static void each_host_has_its_own_limit(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.host_connections = 1});
    for (uint64_t i = 0; i < 40; i++) {
        char host[32];
        snprintf(host, sizeof host, "h%d.here", (int)(i % 8));
        fixture_submit(&fixture, i, host, "/slow/50", TL_FETCH_PICTURE);
    }
    fixture_run(&fixture);
    assert_true(fixture.server.most_running > 3 && fixture.server.most_running <= 8);
}

static void the_default_is_polite(void **state)
{
    (void)state;
    tl_error err;
    tl_fetcher_destroy(fixture.fetcher);
    assert_true(
        tl_fetcher_create(&(tl_fetch_options){.allow_private = true, .dns_servers = fixture.servers}, &fixture.fetcher, &err));
    for (uint64_t i = 0; i < 21; i++)
        fixture_submit(&fixture, i, "a.here", "/picture/100", TL_FETCH_PICTURE);
    fixture_run(&fixture);
    assert_true(fixture.server.most_running <= 4);
    assert_true(fixture.server.started[20] - fixture.server.started[0] > 0.95); /* 20 a second */
}

static void requests_keep_their_distance(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.host_delay_seconds = 0.1});
    for (uint64_t i = 0; i < 6; i++)
        fixture_submit(&fixture, i, "a.here", "/picture/100", TL_FETCH_PICTURE);
    fixture_run(&fixture);
    assert_int_equal(fixture.server.most_running, 1);
    for (size_t i = 1; i < 6; i++)
        assert_true(fixture.server.started[i] - fixture.server.started[i - 1] > 0.095);
}

static void robots_are_asked_once_and_obeyed(void **state)
{
    (void)state;
    fixture.server.robots =
        "User-agent: *\nDisallow: /\n\nUser-agent: TwinLens\nDisallow: /slow\nCrawl-delay: 0.05\nSitemap: /s.xml\n";
    fixture_open(&fixture, (tl_fetch_options){.use_robots = true});
    for (uint64_t i = 0; i < 5; i++)
        fixture_submit(&fixture, i, "a.here", i == 2 ? "/slow/10" : "/picture/100", TL_FETCH_PICTURE);
    fixture_run(&fixture);
    for (int i = 0; i < 5; i++)
        assert_string_equal(fixture.results[i].reason, i == 2 ? "refused by robots.txt" : "");
    assert_int_equal(fixture.results[2].attempts, 0);
    assert_int_equal(odd_hits(&fixture.server, "/robots.txt"), 1);
    assert_int_equal(odd_hits(&fixture.server, "/slow/10"), 0);
    assert_int_equal(fixture.server.most_running, 1);
    for (size_t i = 1; i < 5; i++)
        assert_true(fixture.server.started[i] - fixture.server.started[i - 1] > 0.045);
    char url[64];
    snprintf(url, sizeof url, "http://a.here:%u/anything", fixture.server.port);
    const tl_robots *robots = tl_fetcher_robots(fixture.fetcher, url);
    assert_non_null(robots);
    assert_string_equal(tl_robots_sitemap(robots, 0), "/s.xml");
    assert_null(tl_fetcher_robots(fixture.fetcher, "http://unknown.here/"));
}

/* RFC 9309, 2.3.1: none is no rules; an error of the server is a refusal of everything. */
static void robots_may_be_missing_but_not_broken(void **state)
{
    (void)state;
    static const struct {
        const char *robots, *reason;
        bool is_worth_retrying_later;
    } cases[] = {{NULL, "", false},
                 {"404", "", false},
                 {"403", "", false},
                 {"500", "robots.txt unreachable", true},
                 {"429", "robots.txt unreachable", true}};
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        fixture.server.robots = cases[i / 2].robots;
        fixture_open(&fixture, (tl_fetch_options){.use_robots = true, .attempts = 1 + i % 2});
        const fetched *got = fixture_fetch(&fixture, "/picture/100", TL_FETCH_PICTURE);
        assert_string_equal(got->reason, cases[i / 2].reason);
        assert_int_equal(got->is_worth_retrying_later, cases[i / 2].is_worth_retrying_later);
    }
    fixture_open(&fixture, (tl_fetch_options){.use_robots = true, .attempts = 3});
    fixture_submit_url(&fixture, 0, "http://nowhere.test/x");
    fixture_submit_url(&fixture, 1, "http://a.here:1/x");
    fixture_run(&fixture);
    assert_string_equal(fixture.results[0].reason, "name not found");
    assert_string_equal(fixture.results[1].reason, "connection refused");
}

static void robots_hold_for_where_a_redirect_leads(void **state)
{
    (void)state;
    char path[128];
    fixture.server.robots = "User-agent: *\nDisallow: /picture\n";
    fixture_open(&fixture, (tl_fetch_options){.use_robots = true});
    snprintf(path, sizeof path, "/to/http:!!b.here:%u!picture!10", fixture.server.port);
    const fetched *got = fixture_fetch(&fixture, path, TL_FETCH_PICTURE);
    assert_string_equal(got->reason, "refused by robots.txt");
    assert_int_equal(got->redirects, 1);
    assert_int_equal(odd_hits(&fixture.server, "/robots.txt"), 2);
    assert_int_equal(odd_hits(&fixture.server, "/picture/10"), 0);
}

static void a_host_that_asks_to_wait_is_left_alone_by_all(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.host_connections = 1});
    fixture_submit(&fixture, 0, "a.here", "/wait/1/1", TL_FETCH_PICTURE);
    for (uint64_t i = 1; i < 5; i++)
        fixture_submit(&fixture, i, "a.here", "/picture/100", TL_FETCH_PICTURE);
    fixture_run(&fixture);
    assert_true(fixture.server.started[1] - fixture.server.started[0] > 0.95);
    for (int i = 0; i < 5; i++)
        assert_string_equal(fixture.results[i].reason, "");
}

static void a_dead_host_costs_little(void **state)
{
    (void)state;
    dead_port dead;
    char url[64];
    assert_true(dead_port_open(&dead));
    fixture_open(&fixture,
                 (tl_fetch_options){.connect_seconds = 0.3, .host_connections = 2, .host_down_seconds = 60, .attempts = 2});
    snprintf(url, sizeof url, "http://dead.here:%u/x", dead.port);
    for (uint64_t i = 0; i < 100; i++)
        fixture_submit_url(&fixture, i, url);
    double start = tl_clock_seconds();
    fixture_run(&fixture);
    assert_true(tl_clock_seconds() - start < 2); /* one after the other it would be 30 s */
    tl_fetch_counts counts;
    tl_fetcher_count(fixture.fetcher, &counts);
    assert_true(counts.attempts <= 6);
    for (int i = 0; i < 100; i++) {
        assert_string_equal(fixture.results[i].reason, "connection timed out");
        assert_true(fixture.results[i].is_worth_retrying_later);
    }
    dead_port_close(&dead);
}

static void attempts_are_spread_by_the_seed(void **state)
{
    (void)state;
    enum { JOBS = 1000, TENTHS = 10 };
    const tl_fetch_options options = {.backoff_seconds = 0.5, .most_backoff_seconds = 3, .seed = 7};
    const tl_fetch_options other = {.backoff_seconds = 0.5, .most_backoff_seconds = 3, .seed = 8};
    int count[TENTHS] = {0}, equal = 0;
    for (uint64_t id = 0; id < JOBS; id++) {
        double seconds = tl_fetch__seconds_to_wait(&options, id, 2, -1);
        assert_true(seconds >= 0.5 && seconds < 1);
        count[(int)((seconds - 0.5) / 0.5 * TENTHS)]++;
        assert_true(seconds == tl_fetch__seconds_to_wait(&options, id, 2, -1));
        equal += seconds == tl_fetch__seconds_to_wait(&other, id, 2, -1);
        assert_true(tl_fetch__seconds_to_wait(&options, id, 9, -1) <= 3);
    }
    assert_true(equal < 5);
    for (int i = 0; i < TENTHS; i++)
        assert_true(count[i] > JOBS / TENTHS / 2);
    assert_true(tl_fetch__seconds_to_wait(&options, 0, 2, 2.5) == 2.5);

    fixture_open(&fixture, (tl_fetch_options){.backoff_seconds = 0.4, .attempts = 2});
    const fetched *got = fixture_fetch(&fixture, "/status/503", TL_FETCH_PICTURE);
    assert_int_equal(got->attempts, 2);
    assert_true(got->seconds > 0.2);
}

/* Results are kept back: the fetcher stops at its memory, and goes on when they are cleared, from another thread. */
static void memory_is_bounded_while_results_are_kept(void **state)
{
    (void)state;
    enum { PICTURES = 60 };
    static tl_fetch_result kept[PICTURES];
    tl_error err;
    fixture_open(&fixture, (tl_fetch_options){.most_memory = 1 << 20, .most_bytes = 1 << 20, .stall_seconds = 20});
    for (uint64_t i = 0; i < PICTURES; i++)
        fixture_submit(&fixture, i, "a.here", "/picture/100000", TL_FETCH_PICTURE);
    size_t count = 0, all = 0;
    while (tl_fetcher_pending(fixture.fetcher) != 0) {
        bool has_result;
        assert_true(tl_fetcher_poll(fixture.fetcher, 300, &kept[count], &has_result, &err));
        if (has_result) {
            assert_null(kept[count].reason);
            assert_int_equal(kept[count].body.size, 100000);
            count++, all++;
            continue;
        }
        tl_fetch_counts counts;
        tl_fetcher_count(fixture.fetcher, &counts);
        assert_true(counts.memory <= (1 << 20) + 262144); /* and one that may overdraw, so that somebody goes on */
        assert_true(count != 0);
        for (size_t i = 0; i < count; i++)
            tl_fetch_result_clear(&kept[i]);
        count = 0;
    }
    assert_int_equal(all, PICTURES);
    for (size_t i = 0; i < count; i++)
        tl_fetch_result_clear(&kept[i]);
}

/* A decoding thread: takes results, looks at every byte, gives them back. */
typedef struct worker {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    tl_fetch_result queue[64];
    size_t count;
    bool is_over;
    size_t bytes, pictures;
} worker;

static void *work(void *context)
{
    worker *own = context;
    for (;;) {
        pthread_mutex_lock(&own->lock);
        while (own->count == 0 && !own->is_over)
            pthread_cond_wait(&own->filled, &own->lock);
        if (own->count == 0) {
            pthread_mutex_unlock(&own->lock);
            return NULL;
        }
        tl_fetch_result result = own->queue[--own->count];
        pthread_mutex_unlock(&own->lock);
        for (size_t i = 0; i < result.body.size; i++)
            own->bytes += result.body.data[i] == 'x';
        own->pictures += result.body.size != 0;
        tl_fetch_result_clear(&result);
    }
}

static void results_are_cleared_by_another_thread(void **state)
{
    (void)state;
    enum { PICTURES = 400 };
    static worker own = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};
    tl_error err;
    pthread_t thread;
    fixture_open(&fixture, (tl_fetch_options){.most_memory = 1 << 20, .stall_seconds = 20});
    assert_int_equal(pthread_create(&thread, NULL, work, &own), 0);
    size_t submitted = 0;
    while (submitted < PICTURES || tl_fetcher_pending(fixture.fetcher) != 0) {
        while (submitted < PICTURES && tl_fetcher_has_room(fixture.fetcher))
            fixture_submit(&fixture, submitted++, "a.here", "/picture/20000", TL_FETCH_PICTURE);
        tl_fetch_result result;
        bool has_result, is_taken = false;
        assert_true(tl_fetcher_poll(fixture.fetcher, 1000, &result, &has_result, &err));
        while (has_result && !is_taken) {
            pthread_mutex_lock(&own.lock);
            is_taken = own.count < 64;
            if (is_taken)
                own.queue[own.count++] = result;
            pthread_cond_signal(&own.filled);
            pthread_mutex_unlock(&own.lock);
        }
    }
    tl_fetcher_destroy(fixture.fetcher); /* before the last results have come back */
    fixture.fetcher = NULL;
    pthread_mutex_lock(&own.lock);
    own.is_over = true;
    pthread_cond_signal(&own.filled);
    pthread_mutex_unlock(&own.lock);
    pthread_join(thread, NULL);
    assert_int_equal(own.pictures, PICTURES);
    assert_true(own.bytes > (size_t)PICTURES * 19000);
}

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_host_gets_so_many_requests_at_a_time),
        TEST(each_host_has_its_own_limit),
        TEST(the_default_is_polite),
        TEST(requests_keep_their_distance),
        TEST(robots_are_asked_once_and_obeyed),
        TEST(robots_may_be_missing_but_not_broken),
        TEST(robots_hold_for_where_a_redirect_leads),
        TEST(a_host_that_asks_to_wait_is_left_alone_by_all),
        TEST(a_dead_host_costs_little),
        TEST(attempts_are_spread_by_the_seed),
        TEST(memory_is_bounded_while_results_are_kept),
        TEST(results_are_cleared_by_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
