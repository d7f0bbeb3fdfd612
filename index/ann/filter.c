/* Owns the bits of a filter. */
#include "index/ann/filter.h"

#include "base/core/memory.h"

#include <string.h>

/* Bits take no more memory than the ids themselves. */
enum { BITS_PER_ID = 64 };

bool tl_filter__start(tl_filter *filter, const int64_t *ids, size_t count, tl_error *err)
{
    filter->ids = ids;
    filter->count = count;
    filter->span = 0;
    if (count == 0)
        return true;
    uint64_t last = (uint64_t)ids[count - 1] - (uint64_t)ids[0];
    if (last / BITS_PER_ID > count)
        return true;
    size_t words = (size_t)(last / 64) + 1;
    if (!tl_memory_reserve(&filter->bits, &filter->capacity, words, sizeof *filter->bits, err))
        return false;
    memset(filter->bits, 0, words * sizeof *filter->bits);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)ids[i] - (uint64_t)ids[0];
        filter->bits[at / 64] |= (uint64_t)1 << at % 64;
    }
    filter->span = last + 1;
    return true;
}

void tl_filter__clear(tl_filter *filter)
{
    tl_memory_free(filter->bits);
    *filter = (tl_filter){0};
}
