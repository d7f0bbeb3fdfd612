/* A binary heap with the worst hit at the root, so that a stream of n costs n comparisons and few moves; sorting empties it from
 * the back. */
#include "index/ann/top_k.h"

#include "base/core/memory.h"

#include <math.h>

static bool is_better(tl_scored a, tl_scored b)
{
    return a.score > b.score || (a.score == b.score && a.owner < b.owner);
}

static void sink_down(tl_scored *items, size_t count, tl_scored item)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && is_better(items[child], items[child + 1]))
            child++;
        if (!is_better(item, items[child]))
            break;
        items[at] = items[child];
        at = child;
    }
    items[at] = item;
}

static void rise_up(tl_scored *items, size_t at, tl_scored item)
{
    while (at > 0 && is_better(items[(at - 1) / 2], item)) {
        items[at] = items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    items[at] = item;
}

void tl_top_k__start(tl_top_k *top, size_t k, float least, float most)
{
    top->k = k;
    top->count = 0;
    top->least = least;
    top->most = most;
    top->is_out_of_memory = false;
}

void tl_top_k__clear(tl_top_k *top)
{
    tl_memory_free(top->items);
    *top = (tl_top_k){0};
}

void tl_top_k__offer(tl_top_k *top, int64_t owner, float score)
{
    tl_scored item = {owner, isnan(score) ? -INFINITY : score};
    if (item.score < top->least || item.score > top->most || top->k == 0)
        return;
    if (top->count == top->k) {
        if (is_better(item, top->items[0]))
            sink_down(top->items, top->count, item);
        return;
    }
    if (top->count == top->capacity &&
        !tl_memory_reserve(&top->items, &top->capacity, top->count + 1, sizeof *top->items, NULL)) {
        top->is_out_of_memory = true;
        return;
    }
    rise_up(top->items, top->count++, item);
}

bool tl_top_k__sort(tl_top_k *top, tl_error *err)
{
    if (top->is_out_of_memory)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "search: out of memory for more than %zu results", top->count);
    for (size_t left = top->count; left > 1; left--) {
        tl_scored worst = top->items[0];
        sink_down(top->items, left - 1, top->items[left - 1]);
        top->items[left - 1] = worst;
    }
    return true;
}
