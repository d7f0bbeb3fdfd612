/* What comes of each way a server can answer: the body, or the reason. */
#include "fetch_fixture.h"

typedef struct expectation {
    const char *path;
    const char *reason; /* "": good */
    int status;
    size_t size;
    uint32_t attempts;
    bool is_worth_retrying_later;
} expectation;

static fetch_fixture fixture;

static void check_kind(const expectation *expected, size_t count, tl_fetch_kind kind)
{
    for (size_t i = 0; i < count; i++)
        fixture_submit(&fixture, i, "a.here", expected[i].path, kind);
    fixture_run(&fixture);
    for (size_t i = 0; i < count; i++) {
        const fetched *got = &fixture.results[i];
        if (strcmp(got->reason, expected[i].reason) != 0 || got->status != expected[i].status || got->size != expected[i].size ||
            got->attempts != expected[i].attempts || got->is_worth_retrying_later != expected[i].is_worth_retrying_later)
            fail_msg("%s: '%s', status %d, %zu bytes, %u attempts, later %d", expected[i].path, got->reason, got->status,
                     got->size, got->attempts, got->is_worth_retrying_later);
    }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void answers_become_bodies_or_reasons(void **state)
{
    (void)state;
    static const expectation expected[] = {
        {"/picture/1000", "", 200, 1000, 1, false},
        {"/picture/100000", "", 200, 100000, 1, false},
        {"/chunked/50000", "", 200, 50000, 1, false},
        {"/interim", "", 200, 1000, 1, false},
        {"/pretend/picture", "", 200, 1000, 1, false},
        {"/drip/20/10", "", 200, 20, 1, false},
        {"/slow/100", "", 200, 1000, 1, false},
        {"/html", "not a picture", 200, 0, 1, false},
        {"/pretend/html", "not a picture", 200, 0, 1, false},
        {"/empty", "empty", 200, 0, 1, false},
        {"/stall", "stalled", 200, 0, 2, true},
        {"/silent", "stalled", 0, 0, 2, true},
        {"/reset", "reset", 200, 0, 2, true},
        {"/hangup", "reset", 0, 0, 2, true},
        {"/short/5000/100", "cut short", 200, 0, 2, true},
        {"/long/5000", "too large", 200, 0, 1, false},
        {"/picture/3000000", "too large", 200, 0, 1, false},
        {"/chunked/3000000", "too large", 200, 0, 1, false},
        {"/bomb", "too large", 200, 0, 1, false},
        {"/notgzip", "bad encoding", 200, 0, 1, false},
        {"/headers", "too many headers", 200, 0, 1, false},
        {"/garbage", "bad answer", 0, 0, 1, false},
        {"/badchunks", "reset", 200, 0, 2, true},
        {"/status/404", "status 404", 404, 0, 1, false},
        {"/status/410", "status 410", 410, 0, 1, false},
        {"/status/403", "status 403", 403, 0, 1, false},
        {"/status/418", "status 4xx", 418, 0, 1, false},
        {"/status/500", "status 5xx", 500, 0, 2, true},
        {"/status/501", "status 5xx", 501, 0, 1, false},
        {"/status/204", "status other", 204, 0, 1, false},
        {"/status/304", "status other", 304, 0, 1, false},
        {"/nowhere", "status other", 302, 0, 1, false},
        {"/failing/1/503", "", 200, 1000, 2, false},
        {"/failing/2/503", "status 5xx", 503, 0, 2, true},
        {"/tag/noai", "refused by x-robots-tag", 200, 0, 1, false},
        {"/tag/nofollow", "", 200, 1000, 1, false},
        {"/tag/otherbot:!noai", "", 200, 1000, 1, false},
        {"/tag/otherbot:!all,!twinlens:!noimageindex", "refused by x-robots-tag", 200, 0, 1, false},
    };
    fixture_open(&fixture, (tl_fetch_options){.most_bytes = 2 << 20, .attempts = 2, .stall_seconds = 2, .total_seconds = 20});
    check_kind(expected, COUNT(expected), TL_FETCH_PICTURE);
    assert_int_equal(fixture.results[0].first_byte, 0xff);
    assert_int_equal(fixture.results[1].last_byte, 'x');
    assert_int_equal(fixture.results[35].refusals, TL_REFUSAL_NOFOLLOW);
    tl_fetch_counts counts;
    tl_fetcher_count(fixture.fetcher, &counts);
    assert_int_equal(counts.submitted, COUNT(expected));
    assert_int_equal(counts.succeeded + counts.failed, COUNT(expected));
    assert_int_equal(counts.memory, 0);
    assert_true(counts.in_flight == 0 && counts.waiting == 0);
    assert_int_equal(counts.names_asked, 1);
}

/* What a server sends after an answer that has no body comes when the next request is under way. */
static void the_rest_of_an_answer_is_not_the_next_one(void **state)
{
    (void)state;
    for (size_t round = 0; round < 6; round++) {
        fixture_open(&fixture, (tl_fetch_options){.host_connections = 1, .attempts = 2, .total_seconds = 5});
        fixture_submit(&fixture, 0, "a.here", round % 2 == 0 ? "/late/204" : "/late/304", TL_FETCH_PICTURE);
        fixture_submit(&fixture, 1, "a.here", "/picture/1000", TL_FETCH_PICTURE);
        fixture_run(&fixture);
        assert_string_equal(fixture.results[0].reason, "status other");
        assert_string_equal(fixture.results[1].reason, "");
        assert_int_equal(fixture.results[1].size, 1000);
    }
}

static void a_long_header_line_is_a_bad_answer(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.attempts = 1});
    const fetched *got = fixture_fetch(&fixture, "/longheader", TL_FETCH_PICTURE);
    assert_true(strcmp(got->reason, "bad answer") == 0 || strcmp(got->reason, "too many headers") == 0);
}

static void a_bomb_is_counted_as_it_unfolds(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.most_bytes = 1 << 20});
    const fetched *got = fixture_fetch(&fixture, "/bomb", TL_FETCH_ANYTHING);
    assert_string_equal(got->reason, "too large");
    tl_fetch_counts counts;
    tl_fetcher_count(fixture.fetcher, &counts);
    assert_true(counts.highest_memory <= 4 << 20);
    assert_true(counts.received_bytes < 100000); /* a gigabyte was on its way */
}

static void pages_are_no_pictures_and_the_other_way_round(void **state)
{
    (void)state;
    static const expectation expected[] = {
        {"/html", "", 200, 92, 1, false},
        {"/picture/1000", "not a page", 200, 0, 1, false},
        {"/pretend/picture", "not a page", 200, 0, 1, false},
    };
    fixture_open(&fixture, (tl_fetch_options){0});
    check_kind(expected, COUNT(expected), TL_FETCH_PAGE);
    assert_string_equal(fixture.results[0].content_type, "text/html; charset=utf-8");
}

static void redirects_are_followed_and_counted(void **state)
{
    (void)state;
    char path[128];
    fixture_open(&fixture, (tl_fetch_options){.most_redirects = 4});
    const fetched *got = fixture_fetch(&fixture, "/redirect/3", TL_FETCH_PICTURE);
    assert_string_equal(got->reason, "");
    assert_int_equal(got->redirects, 4);
    assert_int_equal(got->attempts, 1);
    assert_non_null(strstr(got->url, "/picture/1000"));
    assert_string_equal(fixture_fetch(&fixture, "/redirect/4", TL_FETCH_PICTURE)->reason, "too many redirects");
    assert_string_equal(fixture_fetch(&fixture, "/loop", TL_FETCH_PICTURE)->reason, "too many redirects");
    assert_int_equal(odd_hits(&fixture.server, "/loop"), 5);
    assert_string_equal(fixture_fetch(&fixture, "/to/ftp:!!a.here!x", TL_FETCH_PICTURE)->reason, "not http");
    assert_string_equal(fixture_fetch(&fixture, "/to/file:!!!etc!passwd", TL_FETCH_PICTURE)->reason, "not http");
    assert_string_equal(fixture_fetch(&fixture, "/to/http:!!!!!", TL_FETCH_PICTURE)->reason, "bad redirect");
    assert_string_equal(fixture_fetch(&fixture, "/to/http:!!nowhere.test!x", TL_FETCH_PICTURE)->reason, "name not found");
    snprintf(path, sizeof path, "/to/http:!!other.here:%u!picture!10", fixture.server.port);
    got = fixture_fetch(&fixture, path, TL_FETCH_PICTURE);
    assert_string_equal(got->reason, "");
    assert_int_equal(got->size, 10);
    assert_non_null(strstr(got->url, "http://other.here:"));
}

static void urls_are_checked(void **state)
{
    (void)state;
    static const char *const urls[] = {"",
                                       "picture.jpg",
                                       "http://",
                                       "ftp://a.here/x",
                                       "file:///etc/passwd",
                                       "gopher://a.here/_x",
                                       "http://no.such.name/x",
                                       "http://a b/",
                                       "javascript:alert(1)",
                                       "http://a.here:99999/"};
    static const char *const reasons[] = {"bad url",  "bad url",        "bad url", "not http", "not http",
                                          "not http", "name not found", "bad url", "not http", "bad url"};
    fixture_open(&fixture, (tl_fetch_options){0});
    for (size_t i = 0; i < COUNT(urls); i++)
        fixture_submit_url(&fixture, i, urls[i]);
    fixture_run(&fixture);
    for (size_t i = 0; i < COUNT(urls); i++)
        if (strcmp(fixture.results[i].reason, reasons[i]) != 0)
            fail_msg("'%s': '%s'", urls[i], fixture.results[i].reason);
}

static void deadlines_hold(void **state)
{
    (void)state;
    dead_port dead;
    char url[64];
    assert_true(dead_port_open(&dead));
    fixture_open(&fixture,
                 (tl_fetch_options){
                     .attempts = 1, .connect_seconds = 0.3, .stall_seconds = 0.4, .total_seconds = 0.6, .most_bytes = 1 << 20});
    snprintf(url, sizeof url, "http://a.here:%u/x", dead.port);
    fixture_submit_url(&fixture, 0, url);
    fixture_submit(&fixture, 1, "a.here", "/stall", TL_FETCH_PICTURE);
    fixture_submit(&fixture, 2, "a.here", "/drip/1000/50", TL_FETCH_PICTURE);
    fixture_submit(&fixture, 3, "a.here", "/picture/10", TL_FETCH_PICTURE);
    fixture_run(&fixture);
    dead_port_close(&dead);
    static const char *const reasons[] = {"connection timed out", "stalled", "took too long", ""};
    static const double seconds[] = {0.3, 0.4, 0.6, 0};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(fixture.results[i].reason, reasons[i]);
        assert_true(fixture.results[i].seconds >= seconds[i] * 0.99);
        assert_true(fixture.results[i].seconds < seconds[i] + 1);
    }
}

static void a_server_that_asks_to_wait_is_waited_for(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.most_backoff_seconds = 5});
    const fetched *got = fixture_fetch(&fixture, "/wait/1/1", TL_FETCH_PICTURE);
    assert_string_equal(got->reason, "");
    assert_int_equal(got->attempts, 2);
    assert_true(got->seconds >= 1);
    got = fixture_fetch(&fixture, "/wait/9/3600", TL_FETCH_PICTURE);
    assert_string_equal(got->reason, "server asked to wait");
    assert_int_equal(got->attempts, 1);
    assert_true(got->is_worth_retrying_later);
    assert_true(got->retry_after > 3599 && got->seconds < 3);
}

static void connections_are_used_again(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.host_connections = 2});
    for (uint64_t i = 0; i < 200; i++)
        fixture_submit(&fixture, i, "a.here", i % 4 == 3 ? "/status/404" : "/picture/2000", TL_FETCH_PICTURE);
    fixture_run(&fixture);
    tl_fetch_counts counts;
    tl_fetcher_count(fixture.fetcher, &counts);
    assert_int_equal(counts.connections, 2);
    assert_int_equal(counts.succeeded, 150);
}

static void the_user_agent_says_who_and_how_to_refuse(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.contact = "https://example.org/robot"});
    fixture_fetch(&fixture, "/picture/10", TL_FETCH_PICTURE);
    assert_non_null(strstr(fixture.server.last_request, "User-Agent: twinlens/"));
    assert_non_null(strstr(fixture.server.last_request, "(https://example.org/robot; to refuse: robots.txt for twinlens"));
    assert_non_null(strstr(fixture.server.last_request, "Accept: image/"));
    assert_null(strstr(fixture.server.last_request, "gzip"));
    fixture_fetch(&fixture, "/html", TL_FETCH_PAGE);
    assert_non_null(strstr(fixture.server.last_request, "Accept-Encoding: gzip"));
    tl_fetcher *fetcher;
    tl_error err;
    assert_false(tl_fetcher_create(&(tl_fetch_options){.user_agent = "a\r\nCookie: b"}, &fetcher, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
}

static void poll_returns_when_woken_or_late_or_idle(void **state)
{
    (void)state;
    tl_error err;
    tl_fetch_result result;
    bool has_result = true;
    fixture_open(&fixture, (tl_fetch_options){.stall_seconds = 30, .total_seconds = 30});
    assert_true(tl_fetcher_poll(fixture.fetcher, 10000, &result, &has_result, &err));
    assert_false(has_result);
    fixture_submit(&fixture, 0, "a.here", "/silent", TL_FETCH_PICTURE);
    double start = tl_clock_seconds();
    assert_true(tl_fetcher_poll(fixture.fetcher, 200, &result, &has_result, &err));
    assert_false(has_result);
    assert_true(tl_clock_seconds() - start > 0.19 && tl_clock_seconds() - start < 5);
    tl_fetcher_wake(fixture.fetcher);
    start = tl_clock_seconds();
    assert_true(tl_fetcher_poll(fixture.fetcher, 20000, &result, &has_result, &err));
    assert_false(has_result);
    assert_true(tl_clock_seconds() - start < 5);
    assert_int_equal(tl_fetcher_pending(fixture.fetcher), 1); /* and is destroyed under way */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_become_bodies_or_reasons, start, stop),
        cmocka_unit_test_setup_teardown(the_rest_of_an_answer_is_not_the_next_one, start, stop),
        cmocka_unit_test_setup_teardown(a_long_header_line_is_a_bad_answer, start, stop),
        cmocka_unit_test_setup_teardown(a_bomb_is_counted_as_it_unfolds, start, stop),
        cmocka_unit_test_setup_teardown(pages_are_no_pictures_and_the_other_way_round, start, stop),
        cmocka_unit_test_setup_teardown(redirects_are_followed_and_counted, start, stop),
        cmocka_unit_test_setup_teardown(urls_are_checked, start, stop),
        cmocka_unit_test_setup_teardown(deadlines_hold, start, stop),
        cmocka_unit_test_setup_teardown(a_server_that_asks_to_wait_is_waited_for, start, stop),
        cmocka_unit_test_setup_teardown(connections_are_used_again, start, stop),
        cmocka_unit_test_setup_teardown(the_user_agent_says_who_and_how_to_refuse, start, stop),
        cmocka_unit_test_setup_teardown(poll_returns_when_woken_or_late_or_idle, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
