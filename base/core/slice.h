/* Borrowed bytes: whoever made them keeps them. Not NUL-terminated unless the producer says so. */
#ifndef TL_BASE_CORE_SLICE_H
#define TL_BASE_CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct tl_slice {
    const char *data;
    size_t size; /* bytes */
} tl_slice;

/* The whole of a NUL-terminated text; NULL gives an empty slice. */
static inline tl_slice tl_slice_of(const char *text)
{
    tl_slice slice = {text, text != NULL ? strlen(text) : 0};
    return slice;
}

static inline bool tl_slice_equal(tl_slice a, tl_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
