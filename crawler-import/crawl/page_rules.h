/* Which links lead to pages worth asking for: bounds against sites without an end. All take canonical URLs. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_PAGE_RULES_H
#define TL_CRAWLER_IMPORT_CRAWL_PAGE_RULES_H

#include "crawler-import/crawl/link.h"

#include <stdint.h>

/* Leaves out of a page's URL what names a session or where a visitor came from (sid=, ;jsessionid=, utm_..., "(S(...))"). */
void tl_page_url_simplify(char url[TL_LINK_SIZE]);
/* Why a URL is never asked for as a page: "not a page" (by its extension), "path too deep", "repeating path"; NULL: it may be. */
const char *tl_page_url_reason(const char *url);

/* What URLs of one kind have in common: a calendar's days, a shop's filters. */
typedef struct tl_page_shapes {
    int64_t page;   /* path with its numbers folded, and the names of the query's parameters */
    int64_t folder; /* the path's folder with its numbers folded */
} tl_page_shapes;
tl_page_shapes tl_page_url_shapes(const char *url);

/* Globs over whole URLs ('*' any bytes, '?' one). */
bool tl_page_url_matches(const char *url, const char *const *globs, size_t count);

#endif
