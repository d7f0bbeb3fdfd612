/* The k best of a stream of scored owners: higher scores first, ties by lower owner. The same as sorting all of them and taking
 * k. */
#ifndef TL_INDEX_ANN_TOP_K_H
#define TL_INDEX_ANN_TOP_K_H

#include "index/index.h"

typedef struct tl_top_k {
    tl_hit *hits; /* borrowed, room for k; the owner stands in item_id */
    size_t k, count;
} tl_top_k;

/* An owner is offered once. A score that is not a number counts as the lowest. */
void tl_top_k__offer(tl_top_k *top, int64_t owner, float score);
/* True when an owner with that score could still get in, whatever its id. */
bool tl_top_k__may_enter(const tl_top_k *top, float score);
/* Best first; nothing can be offered afterwards. */
void tl_top_k__sort(tl_top_k *top);

#endif
