/* The centres of a set's lists: k-means of a sample, kept as f16 in vector_centroids. List n (from 1) has row n - 1. */
#ifndef TL_INDEX_ANN_CENTROIDS_H
#define TL_INDEX_ANN_CENTROIDS_H

#include "base/parallel/thread_pool.h"
#include "index/vectors/store.h"

typedef struct tl_centroids {
    uint32_t count, dim;
    uint16_t *rows; /* f16 [count, dim] */
} tl_centroids;

void tl_centroids__clear(tl_centroids *centroids);
bool tl_centroids__load(tl_centroids *centroids, tl_store *store, const tl_stored_set *set, tl_error *err) TL_MUST_USE;
/* Replaces those of the set. */
bool tl_centroids__write(const tl_centroids *centroids, tl_store *store, int64_t set_id, tl_error *err) TL_MUST_USE;
/* Lloyd's algorithm over rows [row_count, dim], row_count >= count >= 1. */
bool tl_centroids__train(tl_centroids *centroids, const float *rows, size_t row_count, uint32_t count, uint32_t dim,
                         tl_thread_pool *pool, tl_error *err) TL_MUST_USE;

/* Finds the nearest centres of many rows. */
typedef struct tl_assigner {
    uint32_t count, dim;
    float *rows;         /* [count, dim] */
    float *half_squares; /* [count] */
    float *scores;       /* [ASSIGN_ROWS, count] */
} tl_assigner;

bool tl_assigner__init(tl_assigner *assigner, const tl_centroids *centroids, tl_error *err) TL_MUST_USE;
void tl_assigner__clear(tl_assigner *assigner);
/* nearest [count]: rows of the centroids. */
void tl_assigner__run(tl_assigner *assigner, const float *rows, size_t count, tl_thread_pool *pool, uint32_t *nearest);

#endif
