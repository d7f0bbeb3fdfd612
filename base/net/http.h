/*
 * One HTTP GET over libcurl: bytes go to a sink, limits and deadlines come from the caller, and what failed says whether trying
 * again may help. Proxies are libcurl's own (http_proxy, https_proxy, no_proxy). A client keeps connections open between
 * requests and belongs to one thread.
 */
#ifndef TL_BASE_NET_HTTP_H
#define TL_BASE_NET_HTTP_H

#include "base/core/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TL_HTTP_SIZE_UNKNOWN UINT64_MAX

typedef struct tl_http_client tl_http_client;

/* The answer after all redirects. */
typedef struct tl_http_response {
    int status;          /* 200, 206, 404, ...; 0: none came */
    bool is_transient;   /* of a failure: the same request may succeed later */
    double retry_after;  /* seconds the server asks to wait; below 0: it does not say */
    uint64_t first;      /* where in the file the body starts: above 0 only with status 206 */
    uint64_t total_size; /* bytes of the whole file as the server states it, or TL_HTTP_SIZE_UNKNOWN */
    char etag[256];      /* as sent, with its quotes; "" when there is none, or a longer one */
    char reason[256];    /* of a status that is an error: the server's word (X-Error-Message), or "" */
} tl_http_response;

/* Where the body goes. A false ends the request, and its error is the request's. */
typedef struct tl_http_sink {
    void *context;
    /* Once, before the body of a 200 or 206 (also of an empty one); may be NULL. */
    bool (*begin)(void *context, const tl_http_response *response, tl_error *err);
    bool (*write)(void *context, const void *bytes, size_t size, tl_error *err);
    /* Asked at least once a second: true ends the request as cancelled; may be NULL. */
    bool (*cancelled)(void *context);
} tl_http_sink;

/* Zero is the default of every field. */
typedef struct tl_http_options {
    const char *bearer_token; /* sent to the host of the URL, never to another one that a redirect names */
    uint64_t first;           /* ask for the file from here on (Range) */
    const char *if_range;     /* ETag: the whole file instead of a range of another version */
    uint64_t max_size;        /* most bytes that the body may have; 0: 1 MiB */
    bool allow_plain;         /* http:// too, also by redirect; else https:// only */
    unsigned max_redirects;   /* 0: 10 */
    double connect_seconds;   /* 0: 30 */
    double stall_seconds;     /* without a byte; 0: 60 */
} tl_http_options;

bool tl_http_client_create(tl_http_client **out, tl_error *err) TL_MUST_USE;
void tl_http_client_destroy(tl_http_client *client);

/*
 * True when a 200 or 206 arrived whole: as many bytes as its header said. Any other status is an error that names it (404, 410:
 * not found; else io). *response is filled either way. A 206 that starts elsewhere than asked for is an error; a 200 to a request
 * with `first` is not: the sink's begin sees response->first == 0.
 */
bool tl_http_get(tl_http_client *client, const char *url, const tl_http_options *options, const tl_http_sink *sink,
                 tl_http_response *response, tl_error *err) TL_MUST_USE;

/* Appends text to url with every byte that is not unreserved (RFC 3986) as %XX, '/' too. False: no room in `size`. */
bool tl_http_url_append(char *url, size_t size, const char *text) TL_MUST_USE;

/* A date as HTTP writes it (RFC 9110, all three forms and what else libcurl reads): seconds since 1970. False: no date. */
bool tl_http_date_parse(const char *text, int64_t *seconds) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
