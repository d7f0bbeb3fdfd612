/*
 * Many GETs at a time over libcurl's multi interface, driven by an event loop. One transfer is one request to one server: it does
 * not resolve (addresses come from the caller), does not follow redirects, does not try again and has no opinion about statuses.
 * Connections are kept and shared. Every socket is guarded when it is opened: an address that is not public is refused, whoever
 * named it. One thread.
 */
#ifndef TL_BASE_NET_TRANSFERS_H
#define TL_BASE_NET_TRANSFERS_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/net/address.h"
#include "base/net/event_loop.h"
#include "base/net/url.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_transfer_end {
    TL_TRANSFER_WHOLE,           /* the answer came to its end, whatever its status */
    TL_TRANSFER_STOPPED,         /* a handler said so */
    TL_TRANSFER_ADDRESS_REFUSED, /* by the guard */
    TL_TRANSFER_CONNECTION_REFUSED,
    TL_TRANSFER_CONNECTION_FAILED, /* no route, no socket, the proxy failed */
    TL_TRANSFER_CONNECTION_TIMED_OUT,
    TL_TRANSFER_TLS_FAILED,
    TL_TRANSFER_RESET,     /* the connection broke before an answer, or between its bytes */
    TL_TRANSFER_CUT_SHORT, /* fewer bytes than announced */
    TL_TRANSFER_TOO_LARGE, /* more bytes announced than may come */
    TL_TRANSFER_BAD_ENCODING,
    TL_TRANSFER_BAD_ANSWER /* no HTTP, or a header line longer than libcurl takes */
} tl_transfer_end;

typedef enum tl_transfer_verdict {
    TL_TRANSFER_GO_ON,
    TL_TRANSFER_PAUSE, /* bytes only: they come again after tl_transfers_resume */
    TL_TRANSFER_STOP
} tl_transfer_verdict;

typedef struct tl_transfer tl_transfer;
typedef struct tl_transfers tl_transfers;

typedef struct tl_transfer_handlers {
    /* The connection stands and the request goes out. */
    void (*connected)(void *context);
    /* One header of the answer, name without its colon; also those of 1xx answers and trailers. */
    tl_transfer_verdict (*header)(void *context, tl_slice name, tl_slice value);
    /* Decoded bytes of the body, whatever the status. */
    tl_transfer_verdict (*bytes)(void *context, int status, tl_slice bytes);
    /* Once for every start, from tl_transfers_tick; the transfer is gone, another may be started. received: of the body, as sent.
     */
    void (*ended)(void *context, tl_transfer_end end, int status, uint64_t received);
} tl_transfer_handlers;

typedef struct tl_transfers_options {
    tl_transfer_handlers handlers;
    const char *user_agent;
    const char *proxy;   /* NULL: none, whatever the environment says */
    const char *ca_file; /* NULL: the system's */
    bool accept_bad_certificates;
    bool allow_private;
    size_t most_connections; /* open, in use or idle; 0: 1024 */
} tl_transfers_options;

typedef struct tl_transfer_start {
    const tl_url *url;
    const char *accept;          /* the header's value */
    bool is_compressible;        /* ask for gzip; what comes is decoded either way */
    const tl_address *addresses; /* of the URL's host, tried in this order */
    size_t address_count;        /* 0: an address is the host, or the proxy resolves */
    bool is_last; /* no further request to that host is in sight: among many connections this one need not be kept */
    double connect_seconds;
    uint64_t most_bytes; /* announced; what comes is counted by the caller */
    void *context;       /* of the handlers */
} tl_transfer_start;

bool tl_transfers_create(tl_event_loop *loop, const tl_transfers_options *options, tl_transfers **out, tl_error *err) TL_MUST_USE;
void tl_transfers_destroy(tl_transfers *transfers); /* what is under way ends untold */

/* Not from within a handler, save `ended`. */
bool tl_transfers_start(tl_transfers *transfers, const tl_transfer_start *start, tl_transfer **out, tl_error *err) TL_MUST_USE;
void tl_transfers_cancel(tl_transfers *transfers, tl_transfer *transfer); /* `ended` is not called */
void tl_transfers_resume(tl_transfers *transfers, tl_transfer *transfer);

/* Runs libcurl's timers that are due and tells what ended. After every wait of the loop. now: tl_clock_seconds. */
void tl_transfers_tick(tl_transfers *transfers, double now);
/* Milliseconds until a timer of libcurl is due; below 0: none. */
int tl_transfers_next_ms(const tl_transfers *transfers, double now);
uint64_t tl_transfers_connections(const tl_transfers *transfers); /* opened so far */

#ifdef __cplusplus
}
#endif

#endif
