/* A fetcher against the odd server and the tiny DNS server: fetch some paths, look at what came of each. */
#ifndef TL_TESTS_UNIT_CRAWLER_IMPORT_FETCH_FIXTURE_H
#define TL_TESTS_UNIT_CRAWLER_IMPORT_FETCH_FIXTURE_H

#include "base/core/clock.h"
#include "crawler-import/fetch/fetcher.h"
#include "tests/support/assert_ok.h"
#include "tests/support/odd_server.h"
#include "tests/support/tiny_dns_server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { FIXTURE_RESULTS = 512 };

typedef struct fetched {
    char reason[64]; /* "" : good */
    char url[256];
    char content_type[TL_ERROR_MESSAGE_SIZE];
    int status;
    size_t size;
    unsigned refusals;
    uint32_t redirects, attempts;
    bool is_worth_retrying_later, has_come;
    double seconds, retry_after;
    unsigned char first_byte, last_byte;
} fetched;

typedef struct fetch_fixture {
    odd_server server;
    dns_server names;
    char servers[32];
    tl_fetcher *fetcher;
    bool is_guarded; /* else private addresses are allowed: the servers are here */
    fetched results[FIXTURE_RESULTS];
} fetch_fixture;

/* Names under "here." lead to 127.0.0.1, all others do not exist. */
static inline void answer_here(void *context, const char *name, bool is_v6, dns_reply *reply)
{
    (void)context;
    size_t size = strlen(name);
    if (size < 5 || strcmp(name + size - 5, ".here") != 0)
        return;
    reply->code = DNS_GOOD;
    reply->addresses[0] = "127.0.0.1";
    reply->count = is_v6 ? 0 : 1;
}

static inline void fixture_start(fetch_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    assert_true(odd_server_start(&fixture->server));
    assert_true(dns_server_start(&fixture->names, answer_here, NULL, fixture->servers));
}

static inline void fixture_stop(fetch_fixture *fixture)
{
    tl_fetcher_destroy(fixture->fetcher);
    odd_server_stop(&fixture->server);
    dns_server_stop(&fixture->names);
}

/* Replaces the fetcher. Short waits and no limits, unless the options say otherwise. */
static inline void fixture_open(fetch_fixture *fixture, tl_fetch_options options)
{
    tl_fetcher_destroy(fixture->fetcher);
    memset(fixture->results, 0, sizeof fixture->results);
    options.dns_servers = fixture->servers;
    options.allow_private = !fixture->is_guarded;
    options.backoff_seconds = options.backoff_seconds > 0 ? options.backoff_seconds : 0.01;
    options.stall_seconds = options.stall_seconds > 0 ? options.stall_seconds : 0.5;
    options.dns_timeout_seconds = options.dns_timeout_seconds > 0 ? options.dns_timeout_seconds : 0.2;
    options.host_rate = options.host_rate != 0 ? options.host_rate : -1;
    options.host_connections = options.host_connections != 0 ? options.host_connections : 64;
    options.host_down_seconds = options.host_down_seconds != 0 ? options.host_down_seconds : -1;
    assert_ok(tl_fetcher_create(&options, &fixture->fetcher, err));
}

static inline void fixture_submit(fetch_fixture *fixture, uint64_t id, const char *host, const char *path, tl_fetch_kind kind)
{
    char url[700];
    tl_error err;
    snprintf(url, sizeof url, "http://%s:%u%s", host, fixture->server.port, path);
    tl_fetch_request request = {.id = id, .url = url, .kind = kind};
    assert_true(tl_fetcher_has_room(fixture->fetcher));
    assert_true(tl_fetcher_submit(fixture->fetcher, &request, &err));
}

static inline void fixture_submit_url(fetch_fixture *fixture, uint64_t id, const char *url)
{
    tl_error err;
    assert_true(tl_fetcher_submit(fixture->fetcher, &(tl_fetch_request){.id = id, .url = url}, &err));
}

static inline void fixture_keep(fetch_fixture *fixture, tl_fetch_result *result)
{
    assert_true(result->id < FIXTURE_RESULTS);
    fetched *kept = &fixture->results[result->id];
    assert_false(kept->has_come); /* each settles once */
    *kept = (fetched){.has_come = true,
                      .status = result->status,
                      .size = result->body.size,
                      .refusals = result->refusals,
                      .redirects = result->redirects,
                      .attempts = result->attempts,
                      .is_worth_retrying_later = result->is_worth_retrying_later,
                      .seconds = result->seconds,
                      .retry_after = result->retry_after};
    snprintf(kept->reason, sizeof kept->reason, "%s", result->reason != NULL ? result->reason : "");
    snprintf(kept->url, sizeof kept->url, "%s", result->url);
    snprintf(kept->content_type, sizeof kept->content_type, "%s", result->content_type);
    if (result->body.size != 0) {
        kept->first_byte = (unsigned char)result->body.data[0];
        kept->last_byte = (unsigned char)result->body.data[result->body.size - 1];
    }
}

/* Until everything submitted has settled. */
static inline void fixture_run(fetch_fixture *fixture)
{
    double until = tl_clock_seconds() + 60;
    while (tl_fetcher_pending(fixture->fetcher) != 0) {
        tl_fetch_result result;
        bool has_result;
        assert_ok(tl_fetcher_poll(fixture->fetcher, 1000, &result, &has_result, err));
        if (has_result) {
            fixture_keep(fixture, &result);
            tl_fetch_result_clear(&result);
        }
        assert_true(tl_clock_seconds() < until);
    }
}

static inline const fetched *fixture_fetch(fetch_fixture *fixture, const char *path, tl_fetch_kind kind)
{
    fixture->results[0].has_come = false;
    fixture_submit(fixture, 0, "a.here", path, kind);
    fixture_run(fixture);
    return &fixture->results[0];
}

#endif
