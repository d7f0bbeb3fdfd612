/* Exact search: every vector of a set that stands in no list is compared. */
#ifndef TL_INDEX_ANN_FLAT_H
#define TL_INDEX_ANN_FLAT_H

#include "index/ann/filter.h"
#include "index/ann/top_k.h"
#include "index/vectors/store.h"

typedef struct tl_verified_block {
    int64_t id, checksum;
} tl_verified_block;

typedef struct tl_flat {
    float *scores; /* [capacity of a block] */
    size_t scores_capacity;
    tl_verified_block *verified; /* in the order of the scan, of the last search */
    size_t verified_count, verified_capacity;
} tl_flat;

void tl_flat__clear(tl_flat *flat);
/* Offers every vector of the set's tail, of which there must be `expected`, whose owner the filter wants (NULL: all) to top,
 * under the caller's read transaction. */
bool tl_flat__scan(tl_flat *flat, tl_store *store, const tl_stored_set *set, const tl_vector_query *query,
                   const tl_filter *filter, uint64_t expected, tl_top_k *top, tl_error *err) TL_MUST_USE;

#endif
