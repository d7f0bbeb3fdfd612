/* URLs of http and https, read by libcurl's parser: what it takes for the host is what a transfer connects to. */
#ifndef TL_BASE_NET_URL_H
#define TL_BASE_NET_URL_H

#include "base/core/error.h"
#include "base/core/string.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One form for one address: lower-case scheme and host, host in ASCII (IDNA) and without a dot at its end, IPv4 addresses in
 * dotted decimal, dot segments resolved, spaces and bytes above 127 percent-encoded; no user, password, default port or fragment.
 */
typedef struct tl_url {
    tl_string text;
    tl_string host; /* without a port; an IPv6 address in brackets */
    size_t path_at; /* text.data + path_at: path and query, from '/' on */
    uint16_t port;
    bool is_secure;
} tl_url;

void tl_url_init(tl_url *url);
void tl_url_clear(tl_url *url);
/*
 * Reads text, resolved against base (RFC 3986 5.2): the text of a URL in the form above, or NULL when text must be whole. Fails
 * with TL_ERROR_INVALID when it is no URL (also when longer than 16 KiB) and TL_ERROR_UNSUPPORTED when its scheme is another one.
 * base may be the text of the same url.
 */
bool tl_url_parse(tl_url *url, const char *text, const char *base, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
