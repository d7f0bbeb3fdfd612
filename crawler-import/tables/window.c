/* Owns the moving window. It is as small as the rows let it be, so that what is read stays in the processor's cache. */
#include "crawler-import/tables/window.h"

#include "base/core/memory.h"
#include "base/core/utf8.h"

#include <string.h>

enum { FIRST_SIZE = 128 * 1024 };

bool tl_window_open(tl_window *window, const char *path, size_t capacity, tl_error *err)
{
    *window = (tl_window){.size = FIRST_SIZE, .capacity = capacity};
    window->bytes = tl_memory_allocate(window->size, 1, err);
    if (window->bytes == NULL || !tl_byte_stream_open(path, &window->stream, err))
        return false;
    while (window->end < 3 && !window->at_end)
        if (!tl_window_fill(window, err))
            return tl_fail_within(err, "'%s'", path);
    window->begin = window->end - tl_utf8_without_mark((tl_slice){window->bytes, window->end}).size;
    return true;
}

bool tl_window_fill(tl_window *window, tl_error *err)
{
    size_t left = window->end - window->begin;
    size_t got = 0;
    if (window->at_end)
        return true;
    TL_ASSERT(left < window->capacity);
    if (window->begin != 0)
        memmove(window->bytes, window->bytes + window->begin, left);
    window->begin = 0;
    window->end = left;
    if (left > window->size / 2) {
        size_t size = 2 * window->size < window->capacity ? 2 * window->size : window->capacity;
        char *bytes = tl_memory_resize(window->bytes, size, 1, err);
        if (bytes == NULL)
            return false;
        window->bytes = bytes;
        window->size = size;
    }
    if (!tl_byte_stream_read(window->stream, window->bytes + left, window->size - left, &got, err))
        return false;
    window->end += got;
    window->at_end = got == 0;
    return true;
}

double tl_window_progress(const tl_window *window)
{
    double share = tl_byte_stream_progress(window->stream);
    return window->at_end && window->begin == window->end ? 1 : share < 0.999 ? share : 0.999;
}

void tl_window_clear(tl_window *window)
{
    tl_byte_stream_close(window->stream);
    tl_memory_free(window->bytes);
    *window = (tl_window){0};
}
