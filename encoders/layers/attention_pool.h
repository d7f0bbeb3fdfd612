/*
 * Attention pooling ("MAP", Zhai et al. 2022) as timm's AttentionPoolLatent with one latent: a learned query attends to all rows
 * of an item, then x + mlp(layer_norm(x)). Inference only. Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_ATTENTION_POOL_H
#define TL_ENCODERS_LAYERS_ATTENTION_POOL_H

#include "encoders/layers/block.h"

/* Numbers in the parameter table. */
typedef struct tl_attention_pool_parameters {
    size_t probe;                        /* [W] */
    size_t in_proj_weight, in_proj_bias; /* [3 W, W]: query, keys, values */
    size_t out_proj_weight, out_proj_bias;
    size_t norm_weight, norm_bias;
    size_t c_fc_weight, c_fc_bias, c_proj_weight, c_proj_bias;
} tl_attention_pool_parameters;

/* shape: width, mlp_width, activation, epsilon and the pooling's own heads. Names start with prefix ("visual.attn_pool."). */
bool tl_attention_pool_create(const tl_block_shape *shape, const char *prefix, tl_parameter_table *table,
                              tl_attention_pool_parameters *out, tl_error *err) TL_MUST_USE;
/* rows [N, W] of the chunk -> pooled [items, W]. key_value [N, 2 W], query and attended [items, W], hidden [items, M] and scratch
 * (tl_block_scratch_count of no rows) are the caller's; key_value and hidden may be the same memory. */
void tl_attention_pool_forward(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                               const tl_weight *values, const tl_chunk *chunk, tl_thread_pool *pool, const float *rows,
                               float *key_value, float *query, float *attended, float *hidden, float *scratch, float *pooled);

#endif
