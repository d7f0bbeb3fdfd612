/* Two rankings become one: reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009). */
#ifndef TL_INDEX_RANK_FUSION_H
#define TL_INDEX_RANK_FUSION_H

#include "index/statements.h"
#include "index/vector_store.h"

/*
 * The score of an owner is the sum of 1 / (60 + place) over the rankings that hold it, places from 1. Writes the best `most` of
 * them, best first, ties by lower owner, to *fused (tl_memory_free). Each ranking holds an owner once.
 */
bool tl_rank_fusion__join(const tl_scored *first, size_t first_count, const tl_ids *second, size_t most, tl_scored **fused,
                          size_t *count, tl_error *err) TL_MUST_USE;

#endif
