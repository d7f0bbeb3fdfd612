/* Centres by k-means. */
#ifndef TL_INDEX_ANN_KMEANS_H
#define TL_INDEX_ANN_KMEANS_H

#include "base/parallel/thread_pool.h"
#include "index/ann/centroids.h"

/* How many of a set's rows the training of so many centres wants to have. */
size_t tl_kmeans__sample_size(uint32_t count, uint64_t row_count);
/* count centres of rows, f16 [row_count, dim], row_count >= count >= 1; many of them in groups. */
bool tl_kmeans__train(tl_centroids *centroids, const uint16_t *rows, size_t row_count, uint32_t count, uint32_t dim,
                      tl_thread_pool *pool, tl_error *err) TL_MUST_USE;

#endif
