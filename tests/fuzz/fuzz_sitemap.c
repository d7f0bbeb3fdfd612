/* Sitemaps of arbitrary bytes: no more URLs than bytes, each without NUL, and the visitor's error is the reading's. */
#include "crawler-import/crawl/sitemap.h"

#include <stdint.h>

static bool count(void *context, tl_slice url, bool is_sitemap, tl_error *err)
{
    size_t *left = context;
    (void)is_sitemap;
    TL_ASSERT(url.size == 0 || memchr(url.data, '\0', url.size) == NULL);
    if (*left == 0)
        return tl_fail(err, TL_ERROR_CANCELLED, "enough");
    --*left;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t left = TL_SITEMAP_MAX_URLS + 1;
    tl_error err = {0};
    tl_slice bytes = {(const char *)data, size};
    TL_ASSERT(tl_sitemap_read(bytes, count, &left, &err));
    size_t found = TL_SITEMAP_MAX_URLS + 1 - left;
    TL_ASSERT(found <= TL_SITEMAP_MAX_URLS);
    left = found / 2;
    bool ok = tl_sitemap_read(bytes, count, &left, &err);
    TL_ASSERT(ok == (found == 0) && (ok || err.kind == TL_ERROR_CANCELLED));
    return 0;
}
