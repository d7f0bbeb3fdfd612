/* The host that a URL names, for counting by host. */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_URL_HOST_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_URL_HOST_H

#include "base/core/slice.h"

/* The part of an http or https URL that says where to ask ("example.org:8080"), without user and password; empty when there is
 * none. */
static inline tl_slice tl_url_host(const char *url)
{
    const char *start = strstr(url, "://");
    if (start == NULL)
        return (tl_slice){"", 0};
    start += 3;
    size_t size = strcspn(start, "/?#\\");
    for (size_t i = size; i-- != 0;)
        if (start[i] == '@')
            return (tl_slice){start + i + 1, size - i - 1};
    return (tl_slice){start, size};
}

#endif
