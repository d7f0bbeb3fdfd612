/* Names over a server of our own: answers, lifetimes, silence, limits, and names asked once however many wait. */
#include "base/core/clock.h"
#include "base/net/resolver.h"
#include "tests/support/tiny_dns_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct told {
    size_t times;
    tl_resolution resolution;
    size_t count;
    tl_address addresses[TL_RESOLVED_ADDRESSES];
} told;

static dns_server server;
static char servers[32];
static tl_event_loop *loop;
static tl_resolver *resolver;
static tl_error err;

/* What a name says is what it begins with. */
static void answer(void *context, const char *name, bool is_v6, dns_reply *reply)
{
    (void)context;
    static const char *const many[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"};
    reply->code = DNS_GOOD;
    reply->count = is_v6 ? 0 : 1;
    reply->addresses[0] = "192.0.2.1";
    if (strncmp(name, "none", 4) == 0) {
        reply->code = DNS_NO_SUCH_NAME;
        reply->count = 0;
    } else if (strncmp(name, "nodata", 6) == 0) {
        reply->count = 0;
    } else if (strncmp(name, "silent", 6) == 0) {
        reply->code = DNS_SILENT;
    } else if (strncmp(name, "failing", 7) == 0) {
        reply->code = DNS_SERVER_FAILED;
        reply->count = 0;
    } else if (strncmp(name, "garbage", 7) == 0) {
        reply->code = DNS_GARBAGE;
    } else if (strncmp(name, "six", 3) == 0) {
        reply->count = 1;
        reply->addresses[0] = is_v6 ? "2001:db8::1" : "192.0.2.1";
    } else if (strncmp(name, "many", 4) == 0) {
        reply->count = 6;
        for (size_t i = 0; i < 6; i++)
            reply->addresses[i] = is_v6 ? "2001:db8::2" : many[i];
    } else if (strncmp(name, "short", 5) == 0) {
        reply->ttl = 0;
    }
}

static void tell(void *context, tl_resolution resolution, const tl_address *addresses, size_t count)
{
    told *all = context;
    all->times++;
    all->resolution = resolution;
    all->count = count;
    memcpy(all->addresses, addresses, count * sizeof *addresses);
}

static void open_with(tl_resolver_options options)
{
    options.servers = servers;
    options.timeout_seconds = options.timeout_seconds > 0 ? options.timeout_seconds : 0.1;
    tl_resolver_destroy(resolver);
    assert_true(tl_resolver_create(loop, &options, &resolver, &err));
}

static void run(void)
{
    double until = tl_clock_seconds() + 20;
    while (!tl_resolver_is_idle(resolver)) {
        tl_resolver_tick(resolver, tl_clock_seconds());
        assert_true(tl_event_loop_wait(loop, 20, &err));
        assert_true(tl_clock_seconds() < until);
    }
    tl_resolver_tick(resolver, tl_clock_seconds());
}

/* Of now, or told. */
static told ask_at(const char *host, double now)
{
    told all = {0};
    tl_resolver_wait wait = {.settled = tell, .context = &all};
    tl_resolution resolution;
    assert_true(tl_resolver_lookup(resolver, host, now, &wait, &resolution, all.addresses, &all.count, &err));
    if (resolution != TL_RESOLUTION_PENDING) {
        all.resolution = resolution;
        return all;
    }
    run();
    assert_int_equal(all.times, 1);
    return all;
}

static told ask(const char *host)
{
    return ask_at(host, tl_clock_seconds());
}

static void answers_are_what_the_server_says(void **state)
{
    (void)state;
    open_with((tl_resolver_options){.family = TL_RESOLVE_BOTH});
    char text[TL_ADDRESS_TEXT_SIZE];
    told all = ask("good.test");
    assert_int_equal(all.resolution, TL_RESOLUTION_FOUND);
    assert_int_equal(all.count, 1);
    tl_address_text(&all.addresses[0], text);
    assert_string_equal(text, "192.0.2.1");
    all = ask("six.test");
    assert_int_equal(all.count, 2);
    assert_true(all.addresses[0].size == 16 && all.addresses[1].size == 4);
    all = ask("many.test");
    assert_int_equal(all.count, TL_RESOLVED_ADDRESSES);
    for (size_t i = 0; i < 6; i += 2)
        assert_true(all.addresses[i].size == 16 && all.addresses[i + 1].size == 4);
    assert_int_equal(ask("none.test").resolution, TL_RESOLUTION_NOT_FOUND);
    assert_int_equal(ask("nodata.test").resolution, TL_RESOLUTION_NOT_FOUND);
    assert_int_equal(ask("failing.test").resolution, TL_RESOLUTION_FAILED);
    assert_int_equal(ask("silent.test").resolution, TL_RESOLUTION_FAILED);
    assert_int_equal(ask("garbage.test").resolution, TL_RESOLUTION_FAILED);
    tl_resolver_counts counts;
    tl_resolver_count(resolver, &counts);
    assert_int_equal(counts.asked, 8);
    assert_int_equal(counts.not_found, 2);
    assert_int_equal(counts.failed, 3);
}

static void families_are_asked_for_as_told(void **state)
{
    (void)state;
    open_with((tl_resolver_options){.family = TL_RESOLVE_IPV4});
    assert_int_equal(ask("six.test").count, 1);
    open_with((tl_resolver_options){.family = TL_RESOLVE_IPV6});
    told all = ask("six.test");
    assert_true(all.count == 1 && all.addresses[0].size == 16);
    assert_int_equal(ask("good.test").resolution, TL_RESOLUTION_NOT_FOUND);
}

static void addresses_and_hosts_need_no_server(void **state)
{
    (void)state;
    open_with((tl_resolver_options){0});
    size_t before = atomic_load(&server.questions);
    told all = ask("192.0.2.77");
    assert_true(all.count == 1 && all.addresses[0].bytes[3] == 77);
    all = ask("[2001:db8::7]");
    assert_true(all.count == 1 && all.addresses[0].size == 16 && all.addresses[0].bytes[15] == 7);
    all = ask("localhost"); /* of /etc/hosts */
    assert_int_equal(all.resolution, TL_RESOLUTION_FOUND);
    assert_false(tl_address_is_public(&all.addresses[0]));
    char long_name[300];
    memset(long_name, 'a', 299);
    long_name[299] = '\0';
    assert_int_equal(ask(long_name).resolution, TL_RESOLUTION_NOT_FOUND);
    assert_int_equal(ask("").resolution, TL_RESOLUTION_NOT_FOUND);
    assert_int_equal(atomic_load(&server.questions), before);
}

static void answers_are_kept_as_long_as_they_may(void **state)
{
    (void)state;
    open_with((tl_resolver_options){.family = TL_RESOLVE_IPV4, .negative_seconds = 100});
    double now = tl_clock_seconds();
    ask_at("good.test", now);
    ask_at("short.test", now);
    ask_at("none.test", now);
    ask_at("failing.test", now);
    tl_resolver_counts counts;
    tl_resolver_count(resolver, &counts);
    assert_int_equal(counts.asked, 4);
    static const struct {
        const char *host;
        double seconds; /* until a bit later it is asked for again */
    } kept[] = {{"good.test", 60}, {"short.test", 30}, {"none.test", 100}, {"failing.test", 10}};
    for (size_t i = 0; i < 4; i++) {
        tl_resolver_count(resolver, &counts);
        uint64_t asked = counts.asked;
        ask_at(kept[i].host, now + kept[i].seconds - 1);
        tl_resolver_count(resolver, &counts);
        assert_int_equal(counts.asked, asked);
        ask_at(kept[i].host, now + kept[i].seconds + 5);
        tl_resolver_count(resolver, &counts);
        assert_int_equal(counts.asked, asked + 1);
    }
}

static void a_name_is_asked_once_and_all_are_told(void **state)
{
    (void)state;
    open_with((tl_resolver_options){.family = TL_RESOLVE_IPV4});
    enum { WAITS = 50 };
    told all[WAITS] = {{0}};
    tl_resolver_wait waits[WAITS];
    tl_resolution resolution;
    tl_address addresses[TL_RESOLVED_ADDRESSES];
    size_t count, before = atomic_load(&server.questions);
    for (int i = 0; i < WAITS; i++) {
        waits[i] = (tl_resolver_wait){.settled = tell, .context = &all[i]};
        assert_true(
            tl_resolver_lookup(resolver, "good.test", tl_clock_seconds(), &waits[i], &resolution, addresses, &count, &err));
        assert_int_equal(resolution, TL_RESOLUTION_PENDING);
    }
    run();
    for (int i = 0; i < WAITS; i++)
        assert_int_equal(all[i].times, 1);
    assert_int_equal(atomic_load(&server.questions), before + 1);
}

/* Who is told asks for the next name, which drops an old one: a cache of three, a chain of forty. */
typedef struct chain {
    tl_resolver_wait wait;
    int step;
} chain;

static void ask_next(void *context, tl_resolution resolution, const tl_address *addresses, size_t count)
{
    (void)addresses, (void)count;
    chain *at = context;
    assert_int_equal(resolution, TL_RESOLUTION_FOUND);
    if (++at->step == 40)
        return;
    char host[32];
    tl_address found[TL_RESOLVED_ADDRESSES];
    tl_resolution next;
    size_t found_count;
    snprintf(host, sizeof host, "good%d.test", at->step);
    at->wait = (tl_resolver_wait){.settled = ask_next, .context = at};
    assert_true(tl_resolver_lookup(resolver, host, tl_clock_seconds(), &at->wait, &next, found, &found_count, &err));
    assert_int_equal(next, TL_RESOLUTION_PENDING);
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    open_with((tl_resolver_options){.family = TL_RESOLVE_IPV4, .most_names = 3});
    chain at = {.step = -1};
    ask_next(&at, TL_RESOLUTION_FOUND, NULL, 0);
    run();
    assert_int_equal(at.step, 40);
    tl_resolver_counts counts;
    tl_resolver_count(resolver, &counts);
    assert_int_equal(counts.names, 3);
}

static void few_are_asked_at_a_time_and_silence_holds_nobody_up(void **state)
{
    (void)state;
    enum { NAMES = 400 };
    static told all[NAMES];
    static tl_resolver_wait waits[NAMES];
    open_with((tl_resolver_options){.family = TL_RESOLVE_IPV4, .most_in_flight = 10, .timeout_seconds = 1.5, .tries = 1});
    memset(all, 0, sizeof all);
    double start = tl_clock_seconds(), last_good = start;
    for (int i = 0; i < NAMES; i++) {
        char host[32];
        tl_resolution resolution;
        tl_address addresses[TL_RESOLVED_ADDRESSES];
        size_t count;
        snprintf(host, sizeof host, "%s%d.test", i % 8 == 0 ? "silent" : "good", i);
        waits[i] = (tl_resolver_wait){.settled = tell, .context = &all[i]};
        assert_true(tl_resolver_lookup(resolver, host, start, &waits[i], &resolution, addresses, &count, &err));
    }
    size_t most = 0, good = 0;
    while (!tl_resolver_is_idle(resolver)) {
        tl_resolver_counts counts;
        tl_resolver_tick(resolver, tl_clock_seconds());
        tl_resolver_count(resolver, &counts);
        most = counts.in_flight > most ? counts.in_flight : most;
        assert_true(tl_event_loop_wait(loop, 20, &err));
        size_t now_good = 0;
        for (int i = 0; i < NAMES; i++)
            now_good += all[i].times == 1 && all[i].resolution == TL_RESOLUTION_FOUND;
        if (now_good > good)
            last_good = tl_clock_seconds();
        good = now_good;
    }
    assert_int_equal(good, NAMES * 7 / 8);
    assert_true(most >= 10 && most <= 80);
    assert_true(last_good - start < 6); /* 50 silent ones, ten at a time, would take 7.5 s alone */
}

static void servers_are_checked(void **state)
{
    (void)state;
    tl_resolver *other;
    assert_false(tl_resolver_create(loop, &(tl_resolver_options){.servers = "dns.example:53"}, &other, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
}

static int start(void **state)
{
    (void)state;
    return dns_server_start(&server, answer, NULL, servers) && tl_event_loop_create(&loop, &err) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    tl_resolver_destroy(resolver);
    tl_event_loop_destroy(loop);
    dns_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_what_the_server_says),
        cmocka_unit_test(families_are_asked_for_as_told),
        cmocka_unit_test(addresses_and_hosts_need_no_server),
        cmocka_unit_test(answers_are_kept_as_long_as_they_may),
        cmocka_unit_test(a_name_is_asked_once_and_all_are_told),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(few_are_asked_at_a_time_and_silence_holds_nobody_up),
        cmocka_unit_test(servers_are_checked),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
