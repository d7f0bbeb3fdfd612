/* Exact search of few named owners: their vectors alone are fetched, wherever they lie. */
#ifndef TL_INDEX_ANN_PICK_H
#define TL_INDEX_ANN_PICK_H

#include "index/ann/top_k.h"
#include "index/vectors/store.h"

typedef struct tl_picked {
    int64_t block, owner;
} tl_picked;

typedef struct tl_pick {
    tl_picked *rows;
    size_t capacity;
} tl_pick;

void tl_pick__clear(tl_pick *pick);
/* True when fetching this many vectors costs less than looking through the set. */
bool tl_pick__pays(const tl_stored_set *set, size_t owners);
/* Offers those of the query's allowed owners that have a vector to top, under the caller's read transaction. */
bool tl_pick__search(tl_pick *pick, tl_store *store, const tl_stored_set *set, const tl_vector_query *query, tl_top_k *top,
                     tl_error *err) TL_MUST_USE;

#endif
