/*
 * Links of pages as one canonical URL each (RFC 3986, with what browsers forgive): http and https alone, so that two links to
 * one page are one row of the frontier.
 */
#ifndef TL_CRAWLER_IMPORT_CRAWL_LINK_H
#define TL_CRAWLER_IMPORT_CRAWL_LINK_H

#include "base/core/error.h"
#include "base/core/slice.h"

#define TL_LINK_SIZE 2048 /* longer ones are refused; with the NUL */

/* Borrowed parts of a canonical URL. */
typedef struct tl_link_parts {
    tl_slice origin; /* "https://example.org:8443" */
    tl_slice host;   /* "example.org", without port; IPv6 in its brackets */
    tl_slice path;   /* from its '/' on */
    tl_slice query;  /* without '?'; data NULL when there is none */
} tl_link_parts;

/*
 * Resolves a reference as written in a page against a canonical base (NULL: the reference must be absolute). Canonical: scheme
 * and host in lower case, no user, no default port, dots of the path resolved, no fragment, no empty query, escapes in upper case
 * and only where they are needed, the host as base/net/url has it. False: no http or https URL, a broken one, a too long one, or
 * no memory.
 */
bool tl_link_resolve(const char *base, tl_slice reference, char out[TL_LINK_SIZE]) TL_MUST_USE;
tl_link_parts tl_link_split(const char *url); /* of a canonical URL */
/* True for hosts that differ in a leading "www." at most. */
bool tl_link_same_site(tl_slice host, tl_slice other);

#endif
