#include "index/rank_fusion.h"

#include "base/core/memory.h"

#include <stdlib.h>

static float share(size_t place)
{
    return 1.0f / (float)(60 + place + 1);
}

static int by_owner(const void *a, const void *b)
{
    const tl_scored *left = a, *right = b;
    return (left->owner > right->owner) - (left->owner < right->owner);
}

static int by_score(const void *a, const void *b)
{
    const tl_scored *left = a, *right = b;
    return left->score != right->score ? (left->score < right->score ? 1 : -1) : by_owner(a, b);
}

bool tl_rank_fusion__join(const tl_scored *first, size_t first_count, const tl_ids *second, size_t most, tl_scored **fused,
                          size_t *count, tl_error *err)
{
    size_t total = first_count + second->count, kept = 0;
    tl_scored *all = tl_memory_allocate(total + 1, sizeof *all, err);
    if (all == NULL)
        return false;
    for (size_t i = 0; i < first_count; i++)
        all[i] = (tl_scored){first[i].owner, share(i)};
    for (size_t i = 0; i < second->count; i++)
        all[first_count + i] = (tl_scored){second->items[i], share(i)};
    qsort(all, total, sizeof *all, by_owner);
    for (size_t i = 0; i < total; i++)
        if (kept != 0 && all[kept - 1].owner == all[i].owner)
            all[kept - 1].score += all[i].score;
        else
            all[kept++] = all[i];
    qsort(all, kept, sizeof *all, by_score);
    *fused = all;
    *count = kept < most ? kept : most;
    return true;
}
