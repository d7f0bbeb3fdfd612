/* Which owners a search wants: a question asked for every row, so it costs a bit where ids lie close, else a binary search. */
#ifndef TL_INDEX_ANN_FILTER_H
#define TL_INDEX_ANN_FILTER_H

#include "base/core/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct tl_filter {
    const int64_t *ids; /* ascending; borrowed */
    size_t count;
    uint64_t *bits; /* bit i: ids[0] + i is wanted; NULL: ids lie too far apart */
    uint64_t span;  /* bits there are */
    size_t capacity;
} tl_filter;

/* Keeps its memory from one call to the next. */
bool tl_filter__start(tl_filter *filter, const int64_t *ids, size_t count, tl_error *err) TL_MUST_USE;
void tl_filter__clear(tl_filter *filter);

static inline bool tl_filter__wants(const tl_filter *filter, int64_t id)
{
    if (filter->span != 0) {
        uint64_t at = (uint64_t)id - (uint64_t)filter->ids[0];
        return at < filter->span && (filter->bits[at / 64] >> at % 64 & 1) != 0;
    }
    size_t low = 0, high = filter->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (filter->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < filter->count && filter->ids[low] == id;
}

#endif
