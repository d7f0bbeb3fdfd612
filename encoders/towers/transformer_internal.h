/* What the files of the transformer share: views of a chunk, and scratch by worker. */
#ifndef TL_ENCODERS_TOWERS_TRANSFORMER_INTERNAL_H
#define TL_ENCODERS_TOWERS_TRANSFORMER_INTERNAL_H

#include "base/core/memory.h"
#include "encoders/towers/transformer.h"

/* Scratch for tasks on chunks: by worker, or by chunk where there are fewer chunks than threads. */
typedef struct tl_chunk_scratch {
    float *floats;
    size_t count_each;
    bool is_by_chunk;
} tl_chunk_scratch;

bool tl_chunk_scratch_take(tl_chunk_scratch *scratch, size_t count_each, size_t chunk_count, const tl_thread_pool *pool,
                           tl_arena *arena, tl_error *err) TL_MUST_USE;
static inline float *tl_chunk_scratch_of(const tl_chunk_scratch *scratch, size_t chunk, size_t worker)
{
    return scratch->floats + (scratch->is_by_chunk ? chunk : worker) * scratch->count_each;
}

static inline bool tl_transformer_is_pooled_layer(const tl_transformer *transformer, size_t layer)
{
    return transformer->pooling == TL_POOLING_ROW && layer + 1 == transformer->layers;
}

/* What the activation and the norms gave is made again in backward, where one layer's products read it while the next one's is
 * made: the places for both, which all layers share in turn. */
bool tl_transformer_keep_again(const tl_transformer *transformer, tl_tower_state *state, tl_arena *arena,
                               tl_error *err) TL_MUST_USE;

/* The chunk's part of layer `layer` of a kept state. */
tl_block_state tl_transformer_view_block(const tl_transformer *transformer, const tl_tower_state *state, size_t layer,
                                         size_t chunk);
/* The chunk as layer `layer` sees it: pooled_rows only in the pooled one. */
tl_chunk tl_transformer_view_chunk(const tl_transformer *transformer, const tl_tower_state *state, size_t layer, size_t chunk);

/* Floats of scratch of one worker in backward. */
size_t tl_transformer_backward_scratch_count(const tl_transformer *transformer, size_t max_rows, size_t max_items,
                                             size_t max_tokens);

/* The shape that attention pooling works with. */
static inline tl_block_shape tl_transformer_pool_shape(const tl_transformer *transformer)
{
    tl_block_shape shape = transformer->shape;
    shape.heads = transformer->attention_pool_heads;
    shape.mlp_width = transformer->attention_pool_mlp_width;
    return shape;
}

#endif
