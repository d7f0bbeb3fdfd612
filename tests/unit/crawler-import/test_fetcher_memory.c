/* Allocation 1, 2, 3, ... fails while two pictures are fetched, one of them redirected: an error, or a result; never a leak. */
#include "fetch_fixture.h"

#include "tests/support/failing_memory.c"

static fetch_fixture fixture;

/* False: some function failed, and said why. */
static bool fetch_two(size_t *good)
{
    tl_error err = {0};
    tl_fetcher *fetcher = NULL;
    tl_fetch_options options = {
        .dns_servers = fixture.servers, .allow_private = true, .use_robots = true, .attempts = 1, .host_rate = -1};
    bool ok = tl_fetcher_create(&options, &fetcher, &err);
    for (uint64_t i = 0; ok && i < 2; i++) {
        char url[100];
        snprintf(url, sizeof url, "http://a.here:%u/%s", fixture.server.port, i == 0 ? "picture/40000" : "redirect/1");
        ok = tl_fetcher_submit(fetcher, &(tl_fetch_request){.id = i, .url = url}, &err);
    }
    *good = 0;
    while (ok && tl_fetcher_pending(fetcher) != 0) {
        tl_fetch_result result;
        bool has_result;
        ok = tl_fetcher_poll(fetcher, 1000, &result, &has_result, &err);
        if (ok && has_result) {
            *good += result.reason == NULL;
            tl_fetch_result_clear(&result);
        }
    }
    tl_fetcher_destroy(fetcher);
    if (!ok)
        assert_true(err.kind == TL_ERROR_NO_MEMORY && err.message[0] != '\0');
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture.server.robots = "User-agent: *\nDisallow: /private\nSitemap: /s.xml\n";
    size_t failures = 0, good = 0;
    for (size_t number = 1; number < 1000; number++) {
        failing_memory_arm(number);
        bool ok = fetch_two(&good);
        size_t asked = failing_memory_disarm();
        if (asked < number) {
            assert_true(ok);
            assert_int_equal(good, 2);
            assert_true(failures > 20);
            fixture_stop(&fixture);
            return;
        }
        failures += !ok;
    }
    fail_msg("no end of allocations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
