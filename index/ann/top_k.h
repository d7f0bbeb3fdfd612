/* The k best of a stream of scored owners: higher scores first, ties by lower owner. The same as sorting all of them and taking
 * k. Memory grows with what was offered, not with k. */
#ifndef TL_INDEX_ANN_TOP_K_H
#define TL_INDEX_ANN_TOP_K_H

#include "index/vector_store.h"

typedef struct tl_top_k {
    tl_scored *items; /* a heap with the worst at its root; tl_top_k__clear */
    size_t k, count, capacity;
    float least, most;     /* what scores less or more never gets in */
    bool is_out_of_memory; /* something offered was lost */
} tl_top_k;

/* Empty, keeping its memory; least and most: -INFINITY and INFINITY for none. */
void tl_top_k__start(tl_top_k *top, size_t k, float least, float most);
void tl_top_k__clear(tl_top_k *top);
/* An owner is offered once. A score that is not a number counts as the lowest. */
void tl_top_k__offer(tl_top_k *top, int64_t owner, float score);
/* True when an owner with that score could still get in, whatever its id. */
static inline bool tl_top_k__may_enter(const tl_top_k *top, float score)
{
    return !(score < (top->count < top->k ? top->least : top->items[0].score));
}
/* Best first; nothing can be offered afterwards. */
bool tl_top_k__sort(tl_top_k *top, tl_error *err) TL_MUST_USE;

#endif
