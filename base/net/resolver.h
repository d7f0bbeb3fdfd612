/*
 * Names to addresses over c-ares, without a thread: each name is asked once however many wait for it, answers are kept as long
 * as their TTL says, and so is the answer that there is none. /etc/hosts is honoured, search domains are not (a URL's name is
 * whole). One thread, the event loop's.
 */
#ifndef TL_BASE_NET_RESOLVER_H
#define TL_BASE_NET_RESOLVER_H

#include "base/core/error.h"
#include "base/net/address.h"
#include "base/net/event_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TL_RESOLVED_ADDRESSES 8 /* most of one name that are kept, IPv6 and IPv4 in turns */

typedef enum tl_resolution {
    TL_RESOLUTION_PENDING,
    TL_RESOLUTION_FOUND,
    TL_RESOLUTION_NOT_FOUND, /* the name does not exist or has no address */
    TL_RESOLUTION_FAILED     /* no server answered, or not sensibly: later it may */
} tl_resolution;

typedef enum tl_resolver_family {
    TL_RESOLVE_REACHABLE, /* IPv4, and IPv6 where this machine has a route to the public net */
    TL_RESOLVE_IPV4,
    TL_RESOLVE_IPV6,
    TL_RESOLVE_BOTH
} tl_resolver_family;

/* Zero is the default of every field. */
typedef struct tl_resolver_options {
    const char *servers;      /* "192.0.2.1:53,[2001:db8::1]:53"; NULL: the system's */
    double timeout_seconds;   /* of one question to one server, longer in later rounds; 0: 2 */
    unsigned tries;           /* rounds over the servers; 0: 2 */
    unsigned most_in_flight;  /* names asked at a time, the others wait; 0: 1024 */
    unsigned most_names;      /* kept; the least recently used go first; 0: 100,000 */
    double negative_seconds;  /* how long "no such name" is kept; 0: 300. A failure is kept a tenth of it */
    double least_ttl_seconds; /* shorter TTLs are taken for this; 0: 30 */
    tl_resolver_family family;
} tl_resolver_options;

typedef struct tl_resolver_counts {
    uint64_t asked, cached, not_found, failed;
    size_t in_flight, queued, names;
} tl_resolver_counts;

typedef struct tl_resolver tl_resolver;

/* A wait for a name: the caller's storage, which must stay in place until told. */
typedef struct tl_resolver_wait {
    /* Told once, from tl_resolver_tick. addresses are borrowed for the call. */
    void (*settled)(void *context, tl_resolution resolution, const tl_address *addresses, size_t count);
    void *context;
    struct tl_resolver_wait *next; /* private */
} tl_resolver_wait;

bool tl_resolver_create(tl_event_loop *loop, const tl_resolver_options *options, tl_resolver **out, tl_error *err) TL_MUST_USE;
void tl_resolver_destroy(tl_resolver *resolver); /* those who wait are not told */

/*
 * What is known of host (lower case; an address is its own answer, with or without brackets): an answer with up to
 * TL_RESOLVED_ADDRESSES addresses, or *resolution is PENDING and `wait` will be told. now: tl_clock_seconds.
 */
bool tl_resolver_lookup(tl_resolver *resolver, const char *host, double now, tl_resolver_wait *wait, tl_resolution *resolution,
                        tl_address *addresses, size_t *count, tl_error *err) TL_MUST_USE;
/* Asks who is queued, lets questions time out and tells those who wait. After every wait of the loop, and every 50 ms. */
void tl_resolver_tick(tl_resolver *resolver, double now);
bool tl_resolver_is_idle(const tl_resolver *resolver);
void tl_resolver_count(const tl_resolver *resolver, tl_resolver_counts *out);

#ifdef __cplusplus
}
#endif

#endif
