/*
 * The attention pool of CLIP's ResNets (Radford et al. 2021, section 2.4): the mean of a picture's pixels stands before them as
 * one more row, positions are added, and that row alone asks all of them. Inference only. Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_GRID_POOL_H
#define TL_ENCODERS_LAYERS_GRID_POOL_H

#include "base/parallel/thread_pool.h"
#include "encoders/weights/parameters.h"

typedef struct tl_grid_pool {
    size_t width, heads, pixels, out;
    /* Numbers in the parameter table. */
    size_t positions;                                                                /* [1 + pixels, W] */
    size_t query_weight, query_bias, value_weight, value_bias, key_weight, key_bias; /* [W, W], [W] */
    size_t out_weight, out_bias;                                                     /* [D, W], [D] */
} tl_grid_pool;

/* Sets the numbers of a pool whose sizes are set. Names start with prefix ("visual.attnpool."). */
bool tl_grid_pool_create(const char *prefix, tl_parameter_table *table, tl_grid_pool *pool, tl_error *err) TL_MUST_USE;

/* Floats of scratch for a call with so many items. */
size_t tl_grid_pool_scratch_count(const tl_grid_pool *pool, size_t items);
/* x [items, pixels, W] -> pooled [items, W], before the last projection, and out [items, D]. */
void tl_grid_pool_forward(const tl_grid_pool *grid, const tl_weight *values, const float *x, size_t items, tl_thread_pool *pool,
                          float *scratch, float *pooled, float *out);

#endif
