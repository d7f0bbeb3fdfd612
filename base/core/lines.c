#include "base/core/lines.h"

bool tl_lines_next(tl_slice *rest, tl_slice *line)
{
    if (rest->size == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    size_t taken = end != NULL ? size + 1 : size;
    *line = (tl_slice){rest->data, size};
    if (size != 0 && line->data[size - 1] == '\r')
        line->size--;
    *rest = (tl_slice){rest->data + taken, rest->size - taken};
    return true;
}
