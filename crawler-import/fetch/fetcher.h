/*
 * Thousands of downloads at a time on the caller's thread: URLs go in, bodies or reasons come out, in the order in which they
 * settle. Names are resolved, hosts spared, addresses guarded, redirects followed and failures tried again inside.
 *
 *     while (!done) {
 *         while (tl_fetcher_has_room(fetcher) && next row)
 *             tl_fetcher_submit(fetcher, &request, err);
 *         tl_fetcher_poll(fetcher, 100, &result, &has_result, err);
 *         if (has_result)
 *             hand result to the pool, whose worker ends with tl_fetch_result_clear(&result);
 *     }
 *
 * A fetcher belongs to one thread; only tl_fetch_result_clear and tl_fetcher_wake may be called from any. What other people's
 * servers do is never an error of these functions: it is a result with a reason. Nothing here is decided at random save the
 * jitter of waits, and that by the seed.
 */
#ifndef TL_CRAWLER_IMPORT_FETCH_FETCHER_H
#define TL_CRAWLER_IMPORT_FETCH_FETCHER_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/net/resolver.h"
#include "crawler-import/fetch/answer.h"
#include "crawler-import/fetch/robots.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is wanted; anything else is refused when its first bytes have come, whatever the headers say. */
typedef enum tl_fetch_kind {
    TL_FETCH_ANYTHING,
    TL_FETCH_PICTURE, /* no HTML, XML, JSON, text or PDF ("not a picture"); formats that base/image cannot read do pass */
    TL_FETCH_PAGE     /* no pictures, archives or other binary ("not a page"); charsets of two bytes a letter do pass */
} tl_fetch_kind;

/* Zero is the default of every field. Texts are copied. */
typedef struct tl_fetch_options {
    /* Who asks. The user agent is "twinlens/VERSION (CONTACT; to refuse: ...)"; user_agent replaces it whole. */
    const char *contact;     /* a URL or mail address of whoever runs this; NULL: none is given */
    const char *user_agent;  /* NULL: the above */
    const char *robot_token; /* the name that robots.txt and X-Robots-Tag call us by; NULL: "twinlens" */

    /* How much at a time. */
    uint32_t most_in_flight; /* open transfers; 0: 2048; never more than file descriptors allow */
    uint32_t most_waiting;   /* submitted, not yet started (waiting for a name, a host's turn, a retry); 0: 8 * most_in_flight */
    uint64_t most_bytes;     /* of one body, after decoding; 0: 20 MiB */
    uint64_t most_memory;    /* of bodies being received or not yet cleared; 0: 96 MiB. Beyond it transfers pause, so results
                                must be cleared for the others to go on */

    /* How long, in seconds, of each attempt. */
    double connect_seconds; /* name known to connection ready (TLS too); 0: 10 */
    double stall_seconds;   /* without a byte; 0: 10 */
    double total_seconds;   /* of one request to one server; 0: 60 */

    /* Trying again: resets, broken bodies, timeouts, 408, 425, 429, 5xx; not: refusals, other statuses, names that do not exist.
     */
    uint32_t attempts;           /* in all; 0: 3 */
    double backoff_seconds;      /* before the second attempt, doubled for each further one, of which a random half to whole is
                                    waited; 0: 1 */
    double most_backoff_seconds; /* also of Retry-After; a server that asks for more fails now, worth retrying later; 0: 60 */
    uint64_t seed;               /* of the jitter */
    uint32_t most_redirects;     /* 0: 5 */

    /* What a host (name and port) is asked to bear. */
    uint32_t host_connections; /* requests at a time; 0: 4 */
    double host_rate;          /* requests a second; 0: 20; below 0: no limit */
    double host_delay_seconds; /* from the end of one request to the start of the next; with it host_connections is 1; 0: none */
    double host_down_seconds;  /* a host that let 4 attempts in a row fail to connect or stall is not asked for that long: its
                                  requests fail at once with that same reason; 0: 60; below 0: never */

    /* What is honoured. */
    bool use_robots;      /* robots.txt, and its Crawl-delay (up to 30 s) */
    bool ignore_refusals; /* take what X-Robots-Tag refuses */
    unsigned honoured;    /* TL_REFUSAL_* of which one is enough; 0: NOAI, NOIMAGEAI, NOINDEX, NOIMAGEINDEX */
    bool allow_private;   /* addresses that are not of the public net */
    bool accept_bad_certificates;
    const char *ca_file; /* PEM; NULL: the system's */
    const char *proxy;   /* NULL: none, whatever the environment says: behind a proxy it is the proxy that resolves and
                            connects, so no address can be guarded here */

    /* Names. */
    const char *dns_servers;    /* "192.0.2.1:53,[2001:db8::1]:53"; NULL: the system's */
    double dns_timeout_seconds; /* of one question to one server; 0: 2 */
    uint32_t dns_tries;         /* rounds over the servers; 0: 2 */
    uint32_t dns_in_flight;     /* names; 0: 1024 */
    tl_resolver_family dns_family;
    uint32_t dns_cache_names; /* 0: 100,000 */
} tl_fetch_options;

typedef struct tl_fetch_request {
    uint64_t id;     /* the caller's; comes back in the result */
    const char *url; /* http or https; copied. A fragment is dropped; spaces and bytes above 127 are percent-encoded */
    tl_fetch_kind kind;
    uint64_t most_bytes;     /* 0: as in the options */
    bool ignore_robots;      /* for sitemaps and the like that robots.txt itself names */
    bool hand_out_redirects; /* a redirect is not followed: its reason is "redirect", and url is where it leads */
} tl_fetch_request;

/*
 * Texts and bytes live until tl_fetch_result_clear. Reasons are these fixed texts, to be counted (* : is_worth_retrying_later):
 *   "bad url", "not http", "name not found", "name lookup failed" *, "address refused", "connection refused" *,
 *   "connection failed" *, "connection timed out" *, "tls failed", "reset" *, "stalled" *, "took too long" *, "cut short" *,
 *   "bad answer", "too many headers", "too large", "bad encoding", "too many redirects", "bad redirect", "redirect", "not a
 * picture", "not a page", "empty", "refused by robots.txt", "refused by x-robots-tag", "robots.txt unreachable" *, "status 404",
 * "status 410", "status 403", "status 401", "status 429" *, "status 4xx", "status 5xx" *, "status other", "server asked to wait"
 * *
 */
typedef struct tl_fetch_result {
    uint64_t id;
    const char *reason; /* NULL: body is whole */
    bool is_worth_retrying_later;
    int status;               /* of the last answer; 0: none came */
    tl_slice body;            /* empty when there is a reason */
    const char *url;          /* where the body came from, after redirects */
    const char *content_type; /* as the server says, with its parameters, cut at 127 bytes; "" */
    unsigned refusals;        /* TL_REFUSAL_* that X-Robots-Tag addresses to us, honoured or not */
    uint32_t redirects;
    uint32_t attempts;
    double seconds;     /* from submission */
    double retry_after; /* with "server asked to wait": seconds; else 0 */
    void *owner;        /* private */
} tl_fetch_result;

typedef struct tl_fetch_counts {
    uint64_t submitted, succeeded, failed;
    uint64_t attempts, retries, redirects;
    uint64_t received_bytes; /* of bodies, before decoding */
    uint64_t names_asked, names_cached, names_failed;
    uint64_t connections; /* opened */
    uint32_t in_flight, waiting;
    uint64_t memory, highest_memory; /* of bodies */
} tl_fetch_counts;

typedef struct tl_fetcher tl_fetcher;

bool tl_fetcher_create(const tl_fetch_options *options, tl_fetcher **out, tl_error *err) TL_MUST_USE;
/* Drops what is under way. Results not yet cleared stay valid and may be cleared later. */
void tl_fetcher_destroy(tl_fetcher *fetcher);

/* False: call _poll first. Never false forever while results are taken and cleared. */
bool tl_fetcher_has_room(const tl_fetcher *fetcher);
/* Accepts a request; needs room. Fails only without memory: a bad URL is a result. */
bool tl_fetcher_submit(tl_fetcher *fetcher, const tl_fetch_request *request, tl_error *err) TL_MUST_USE;
/*
 * Gives a settled request, or drives the transfers until one settles, at most timeout_ms (0: what can be done without waiting).
 * With nothing submitted it returns at once. Fails when the machine does (memory, epoll).
 */
bool tl_fetcher_poll(tl_fetcher *fetcher, int timeout_ms, tl_fetch_result *result, bool *has_result, tl_error *err) TL_MUST_USE;
/* Makes a _poll that waits return early. Any thread, also from a signal handler. */
void tl_fetcher_wake(tl_fetcher *fetcher);
/* Submitted and not yet handed out. */
size_t tl_fetcher_pending(const tl_fetcher *fetcher);
void tl_fetcher_count(const tl_fetcher *fetcher, tl_fetch_counts *out);

/* The rules of a URL's host if they are known by now (use_robots), else NULL; borrowed until the next call. For sitemaps. */
const tl_robots *tl_fetcher_robots(tl_fetcher *fetcher, const char *url);

/* Gives the bytes back. Any thread, once. */
void tl_fetch_result_clear(tl_fetch_result *result);

#ifdef __cplusplus
}
#endif

#endif
