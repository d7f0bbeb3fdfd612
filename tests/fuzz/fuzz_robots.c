/* crawler-import/fetch/robots over arbitrary bytes: a file, then after a NUL the path that is asked for. */
#include "base/core/memory.h"
#include "crawler-import/fetch/robots.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size != 0 ? memchr(data, '\0', size) : NULL;
    size_t file_size = end != NULL ? (size_t)(end - data) : size;
    tl_error err;
    char *path = tl_memory_copy_text(end != NULL ? (const char *)end + 1 : "/", end != NULL ? size - file_size - 1 : 1, &err);
    TL_ASSERT(path != NULL);
    tl_robots *robots, *again;
    tl_slice file = {(const char *)data, file_size};
    TL_ASSERT(tl_robots_parse(file, "twinlens", &robots, &err));
    TL_ASSERT(tl_robots_parse(file, "TWINLENS", &again, &err));
    TL_ASSERT(tl_robots_allows(robots, path) == tl_robots_allows(again, path)); /* names have no case */
    TL_ASSERT(tl_robots_allows(robots, "/robots.txt"));
    double delay = tl_robots_crawl_delay(robots);
    TL_ASSERT(delay == delay);
    for (size_t i = 0; i < tl_robots_sitemap_count(robots); i++)
        TL_ASSERT(tl_robots_sitemap(robots, i)[0] != '\0' || memchr(data, '\0', size) != NULL);
    tl_robots_destroy(robots);
    tl_robots_destroy(again);
    tl_memory_free(path);
    return 0;
}
