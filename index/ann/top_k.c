/* A binary heap with the worst hit at the root, so that a stream of n costs n comparisons and few moves; sorting empties it from
 * the back. */
#include "index/ann/top_k.h"

#include <math.h>

static bool is_better(tl_hit a, tl_hit b)
{
    return a.score > b.score || (a.score == b.score && a.item_id < b.item_id);
}

static void sink_down(tl_hit *hits, size_t count, tl_hit hit)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && is_better(hits[child], hits[child + 1]))
            child++;
        if (!is_better(hit, hits[child]))
            break;
        hits[at] = hits[child];
        at = child;
    }
    hits[at] = hit;
}

static void rise_up(tl_hit *hits, size_t at, tl_hit hit)
{
    while (at > 0 && is_better(hits[(at - 1) / 2], hit)) {
        hits[at] = hits[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    hits[at] = hit;
}

bool tl_top_k__may_enter(const tl_top_k *top, float score)
{
    return top->count < top->k || !(score < top->hits[0].score);
}

void tl_top_k__offer(tl_top_k *top, int64_t owner, float score)
{
    tl_hit hit = {owner, 0, isnan(score) ? -INFINITY : score};
    if (top->count < top->k)
        rise_up(top->hits, top->count++, hit);
    else if (top->k != 0 && is_better(hit, top->hits[0]))
        sink_down(top->hits, top->count, hit);
}

void tl_top_k__sort(tl_top_k *top)
{
    for (size_t left = top->count; left > 1; left--) {
        tl_hit worst = top->hits[0];
        sink_down(top->hits, left - 1, top->hits[left - 1]);
        top->hits[left - 1] = worst;
    }
}
