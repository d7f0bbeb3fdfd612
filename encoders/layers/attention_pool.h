/*
 * Attention pooling ("MAP", Zhai et al. 2022) as timm's AttentionPoolLatent with one latent: a learned query attends to all rows
 * of an item, then x + mlp(layer_norm(x)). Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_ATTENTION_POOL_H
#define TL_ENCODERS_LAYERS_ATTENTION_POOL_H

#include "base/core/arena.h"
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
/*
 * Activations of a chunk (or of the whole batch). Backward turns those marked g into the gradients by themselves. In inference
 * query and middle, attended and normal, key_value, before and after may be one memory.
 */
typedef struct tl_attention_pool_state {
    float *rows;           /* [N, W], what is pooled; only backward reads it here */
    float *key_value;      /* [N, 2 W] g */
    float *query;          /* [items, W] g: the same for all items */
    float *probes;         /* [items, W], the probe once an item; NULL in inference, as the next */
    float *probabilities;  /* by item and head */
    float *attended;       /* [items, W] */
    float *middle;         /* [items, W] g: after out_proj */
    float *normal;         /* [items, W] */
    float *mean, *inverse; /* [items], NULL in inference */
    float *before, *after; /* [items, M] around the activation; before is g */
    float *pooled;         /* [items, W]; its gradient comes in here */
} tl_attention_pool_state;

/* Activations of one pass, [items] of `rows` rows in all, whose heads have so many probabilities together. */
bool tl_attention_pool_keep(const tl_block_shape *shape, size_t items, size_t rows, size_t probabilities, tl_arena *arena,
                            tl_attention_pool_state *out, tl_error *err) TL_MUST_USE;
/* The chunk's part, whose first probability is number first_probability. */
tl_attention_pool_state tl_attention_pool_view(const tl_block_shape *shape, const tl_attention_pool_state *whole,
                                               const tl_chunk *chunk, size_t first_probability);
/* rows [N, W] of the chunk -> state->pooled [items, W]. scratch: tl_block_scratch_count of no rows. */
void tl_attention_pool_forward(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                               const tl_weight *values, const tl_chunk *chunk, tl_thread_pool *pool, const float *rows,
                               const tl_attention_pool_state *state, float *scratch);

/* As the block's: vectors [tl_attention_pool_vector_count] of a chunk, summed over chunks, then added. */
size_t tl_attention_pool_vector_count(const tl_block_shape *shape);
size_t tl_attention_pool_backward_scratch_count(const tl_block_shape *shape, size_t max_items, size_t max_tokens);
/* state->pooled holds the gradient by the output; writes the gradient by rows, rows_gradient [N, W]. */
void tl_attention_pool_backward(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                                const tl_weight *values, const tl_chunk *chunk, const tl_attention_pool_state *state,
                                float *vectors, float *scratch, float *rows_gradient);
void tl_attention_pool_add_vectors(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                                   const float *vectors, float *const *gradients);
enum { TL_ATTENTION_POOL_PRODUCTS = 5 };
/* The weight gradients that remain, over the whole batch. */
void tl_attention_pool_weight_products(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                                       const tl_attention_pool_state *state, size_t rows, size_t items, float *const *gradients,
                                       tl_weight_product products[TL_ATTENTION_POOL_PRODUCTS]);

#endif
