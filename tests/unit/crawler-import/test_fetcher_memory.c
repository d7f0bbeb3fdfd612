/* Allocation 1, 2, 3, ... fails while two pictures are fetched, one of them redirected: an error, or a result; never a leak. */
#include "fetch_fixture.h"

#include "tests/support/failing_memory.c"

static fetch_fixture fixture;

static bool fetch_two(size_t *good, tl_error *err)
{
    tl_fetcher *fetcher = NULL;
    tl_fetch_options options = {
        .dns_servers = fixture.servers, .allow_private = true, .use_robots = true, .attempts = 1, .host_rate = -1};
    bool ok = tl_fetcher_create(&options, &fetcher, err);
    for (uint64_t i = 0; ok && i < 2; i++) {
        char url[100];
        snprintf(url, sizeof url, "http://a.here:%u/%s", fixture.server.port, i == 0 ? "picture/40000" : "redirect/1");
        ok = tl_fetcher_submit(fetcher, &(tl_fetch_request){.id = i, .url = url}, err);
    }
    *good = 0;
    while (ok && tl_fetcher_pending(fetcher) != 0) {
        tl_fetch_result result;
        bool has_result;
        ok = tl_fetcher_poll(fetcher, 1000, &result, &has_result, err);
        if (ok && has_result) {
            *good += result.reason == NULL;
            tl_fetch_result_clear(&result);
        }
    }
    tl_fetcher_destroy(fetcher);
    if (!ok)
        assert_true(err->message[0] != '\0');
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture.server.robots = "User-agent: *\nDisallow: /private\nSitemap: /s.xml\n";
    size_t good = 0;
    failing_memory_sweep sweep = {.job = "fetch", .least_failures = 21, .may_do_without = true};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, fetch_two(&good, &sweep.err));
    assert_int_equal(good, 2);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
