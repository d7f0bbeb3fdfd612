/*
 * Addresses that are not of the public net are refused whoever names them. The test moves into a network of its own, whose one
 * interface has a public address beside 127.0.0.1, so that both kinds can be told apart by who gets a connection.
 */
#define _GNU_SOURCE
#include "fetch_fixture.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#define PUBLIC "9.9.9.9"

static fetch_fixture fixture;
static atomic_int rebinding; /* how often "rebinding.test" was asked for */
static bool is_apart;        /* the network is our own */

static void answer_names(void *context, const char *name, bool is_v6, dns_reply *reply)
{
    (void)context;
    static const struct {
        const char *name;
        bool is_v6;
        const char *addresses[2];
    } names[] = {
        {"public.test", false, {PUBLIC, NULL}},
        {"private.test", false, {"127.0.0.1", NULL}},
        {"ten.test", false, {"10.1.2.3", NULL}},
        {"metadata.test", false, {"169.254.169.254", NULL}},
        {"mixed.test", false, {"127.0.0.1", PUBLIC}},
        {"six.test", true, {"::1", NULL}},
        {"mapped.test", true, {"::ffff:127.0.0.1", NULL}},
        {"local6.test", true, {"fe80::1", NULL}},
        {"unique.test", true, {"fd00::1", NULL}},
    };
    reply->ttl = 0;
    if (strcmp(name, "rebinding.test") == 0) {
        reply->code = DNS_GOOD;
        reply->count = is_v6 ? 0 : 1;
        reply->addresses[0] = !is_v6 && atomic_fetch_add(&rebinding, 1) != 0 ? "127.0.0.1" : PUBLIC;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i].name) != 0)
            continue;
        reply->code = DNS_GOOD;
        for (size_t j = 0; j < 2 && names[i].is_v6 == is_v6 && names[i].addresses[j] != NULL; j++)
            reply->addresses[reply->count++] = names[i].addresses[j];
    }
}

static bool configure(const char *name, const char *address)
{
    int control = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    struct sockaddr_in at = {.sin_family = AF_INET};
    inet_pton(AF_INET, address, &at.sin_addr);
    memcpy(&request.ifr_addr, &at, sizeof at);
    bool ok = control >= 0 && ioctl(control, SIOCSIFADDR, &request) == 0;
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    ok = ok && ioctl(control, SIOCSIFFLAGS, &request) == 0;
    close(control);
    return ok;
}

static const char *reason_of(const char *format, ...)
{
    char url[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(url, sizeof url, format, arguments);
    va_end(arguments);
    fixture.results[0].has_come = false;
    fixture_submit_url(&fixture, 0, url);
    fixture_run(&fixture);
    return fixture.results[0].reason;
}

static size_t connections(void)
{
    pthread_mutex_lock(&fixture.server.lock);
    size_t count = fixture.server.connections;
    pthread_mutex_unlock(&fixture.server.lock);
    return count;
}

static void open_guarded(void)
{
    fixture.is_guarded = true;
    fixture_open(&fixture, (tl_fetch_options){.attempts = 2, .dns_family = TL_RESOLVE_BOTH});
}

static void closed_addresses_get_no_connection(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1",   "127.1",       "2130706433",         "0x7f.0.0.1",      "0177.1",        "0.0.0.0",   "0",
        "10.0.0.1",    "192.168.1.1", "172.16.0.1",         "169.254.169.254", "100.64.0.1",    "224.0.0.1", "255.255.255.255",
        "[::1]",       "[::]",        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]",     "[fd00::1]", "[64:ff9b::7f00:1]",
        "[ff02::1]",   "localhost",   "private.test",       "ten.test",        "metadata.test", "six.test",  "mapped.test",
        "local6.test", "unique.test",
    };
    open_guarded();
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const char *reason = reason_of("http://%s:%u/picture/100", hosts[i], fixture.server.port);
        if (strcmp(reason, "address refused") != 0)
            fail_msg("%s: '%s'", hosts[i], reason);
        assert_false(fixture.results[0].is_worth_retrying_later);
        assert_true(fixture.results[0].attempts == 1);
    }
    assert_int_equal(connections(), 0);
}

static void what_is_allowed_is_reached(void **state)
{
    (void)state;
    fixture_open(&fixture, (tl_fetch_options){.attempts = 1}); /* not guarded: the same addresses as above do have a server */
    assert_string_equal(reason_of("http://127.1:%u/picture/100", fixture.server.port), "");
    assert_string_equal(reason_of("http://private.test:%u/picture/100", fixture.server.port), "");
    assert_int_equal(connections(), 2);
}

static void public_addresses_are_reached(void **state)
{
    (void)state;
    if (!is_apart) {
        print_message("skipped: no right to make a network of its own\n");
        skip();
    }
    open_guarded();
    assert_string_equal(reason_of("http://" PUBLIC ":%u/picture/100", fixture.server.port), "");
    assert_string_equal(reason_of("http://public.test:%u/picture/100", fixture.server.port), "");
    assert_string_equal(reason_of("http://mixed.test:%u/picture/100", fixture.server.port), "");
    assert_int_equal(connections(), 3);
}

static void redirects_do_not_lead_inside(void **state)
{
    (void)state;
    if (!is_apart) {
        print_message("skipped: no right to make a network of its own\n");
        skip();
    }
    static const char *const targets[] = {"127.0.0.1",     "127.1", "2130706433",         "localhost", "private.test",
                                          "metadata.test", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"};
    open_guarded();
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const char *reason =
            reason_of("http://public.test:%u/to/http:!!%s:%u!picture!100", fixture.server.port, targets[i], fixture.server.port);
        if (strcmp(reason, "address refused") != 0)
            fail_msg("%s: '%s'", targets[i], reason);
        assert_int_equal(fixture.results[0].redirects, 1);
    }
    assert_int_equal(odd_hits(&fixture.server, "/picture/100"), 0);
    assert_string_equal(
        reason_of("http://public.test:%u/to/http:!!%s:%u!picture!100", fixture.server.port, PUBLIC, fixture.server.port), "");
}

static void a_name_that_changes_its_mind_gains_nothing(void **state)
{
    (void)state;
    if (!is_apart) {
        print_message("skipped: no right to make a network of its own\n");
        skip();
    }
    atomic_store(&rebinding, 0);
    open_guarded();
    for (int i = 0; i < 5; i++) /* a lifetime of 0 seconds is not believed: the first answer holds */
        assert_string_equal(reason_of("http://rebinding.test:%u/picture/100", fixture.server.port), "");
    assert_int_equal(atomic_load(&rebinding), 1);
    open_guarded(); /* another run asks again, gets the other answer, and connects to nobody */
    size_t before = connections();
    assert_string_equal(reason_of("http://rebinding.test:%u/picture/100", fixture.server.port), "address refused");
    assert_int_equal(atomic_load(&rebinding), 2);
    assert_int_equal(connections(), before);
}

/* With a proxy named it is asked, private or not, and nothing is resolved; the environment names none. */
static void proxies_are_used_only_when_asked_for(void **state)
{
    (void)state;
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", fixture.server.port);
    setenv("http_proxy", proxy, 1);
    setenv("all_proxy", proxy, 1);
    fixture.is_guarded = true;
    fixture_open(&fixture, (tl_fetch_options){.attempts = 1});
    assert_string_equal(reason_of("http://private.test/picture/100"), "address refused");
    assert_int_equal(connections(), 0);
    fixture_open(&fixture, (tl_fetch_options){.attempts = 1, .proxy = proxy});
    assert_string_equal(reason_of("http://unheard.of/picture/100"), "status 404"); /* the server does not know absolute forms */
    assert_non_null(strstr(fixture.server.last_request, "GET http://unheard.of/picture/100 "));
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static int start(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    return odd_server_start_at(&fixture.server, INADDR_ANY) &&
                   dns_server_start(&fixture.names, answer_names, NULL, fixture.servers)
               ? 0
               : -1;
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
        TEST(closed_addresses_get_no_connection),
        TEST(what_is_allowed_is_reached),
        TEST(public_addresses_are_reached),
        TEST(redirects_do_not_lead_inside),
        TEST(a_name_that_changes_its_mind_gains_nothing),
        TEST(proxies_are_used_only_when_asked_for),
    };
    bool has_network = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    is_apart = has_network && configure("lo", "127.0.0.1") && configure("lo:1", PUBLIC);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
