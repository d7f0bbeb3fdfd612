/* Sitemaps (sitemaps.org): lists of pages, indexes of such lists, as XML or text, plain or gzip. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_SITEMAP_H
#define TL_CRAWLER_IMPORT_CRAWL_SITEMAP_H

#include "base/core/error.h"
#include "base/core/slice.h"

#define TL_SITEMAP_MAX_URLS 50000                      /* of one file, as the protocol has it */
#define TL_SITEMAP_MAX_SIZE ((size_t)50 * 1024 * 1024) /* bytes inflated, likewise; what is more is not read */

/* A URL as written; is_sitemap: of another sitemap, else of a page. False ends the reading; its error is the reading's. */
typedef bool tl_sitemap_visit(void *context, tl_slice url, bool is_sitemap, tl_error *err);

/* Any bytes may come in: what is no sitemap has no URLs, a damaged one those before the damage. */
bool tl_sitemap_read(tl_slice bytes, tl_sitemap_visit *visit, void *context, tl_error *err) TL_MUST_USE;

#endif
