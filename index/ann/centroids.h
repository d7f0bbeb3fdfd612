/*
 * The centres of a set's lists: k-means of a sample, kept as f16 in vector_centroids. List n (from 1) has row n - 1. Many lists
 * come in groups of lists that lie near each other, so that whoever wants the nearest need not look at all of them.
 */
#ifndef TL_INDEX_ANN_CENTROIDS_H
#define TL_INDEX_ANN_CENTROIDS_H

#include "index/vectors/store.h"

typedef struct tl_centroids {
    uint32_t count, dim;
    uint16_t *rows; /* f16 [count, dim] */
    uint32_t group_count;
    uint32_t *groups; /* [group_count + 1]: where each begins; NULL where there are none */
} tl_centroids;

void tl_centroids__clear(tl_centroids *centroids);
bool tl_centroids__load(tl_centroids *centroids, tl_store *store, const tl_stored_set *set, tl_error *err) TL_MUST_USE;
/* Replaces those of the set. */
bool tl_centroids__write(const tl_centroids *centroids, tl_store *store, int64_t set_id, tl_error *err) TL_MUST_USE;
/* No group may have more. */
uint32_t tl_centroids__largest_group(uint32_t dim);
/* mean [dim] of a group's centres, which are written to row [dim] one by one. */
void tl_centroids__group_mean(const tl_centroids *centroids, uint32_t group, float *mean, float *row);

#endif
