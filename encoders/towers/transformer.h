/*
 * What both towers share: the blocks, the final norm, pooling and projection, run over chunks of whole items. The tower brings
 * the rows (an embedding) and takes their gradient back. Within encoders only.
 *
 * Forward is one job: each task takes a chunk through all layers while its rows are in cache. Backward is one job a layer: the
 * chunks' gradients of layer l together with the weight products of layer l + 1. Chunks and tiles are cut by the batch's shape
 * only.
 */
#ifndef TL_ENCODERS_TOWERS_TRANSFORMER_H
#define TL_ENCODERS_TOWERS_TRANSFORMER_H

#include "base/core/arena.h"
#include "encoders/layers/attention_pool.h"
#include "encoders/layers/block.h"
#include "encoders/layers/weight_products.h"
#include "encoders/stage_observer.h"
#include "encoders/towers/towers.h"

typedef enum tl_pooling {
    TL_POOLING_ROW,      /* the answer is read from one row of an item; the last block computes no other */
    TL_POOLING_MEAN,     /* from the mean of its rows, the first `unpooled_rows` of them left out */
    TL_POOLING_ATTENTION /* by attention pooling */
} tl_pooling;

/* Names of the stages for an observer. */
typedef struct tl_stage_names {
    const char *embedding, *middle, *block, *pooled, *projected;
} tl_stage_names;

typedef struct tl_transformer {
    tl_block_shape shape;
    size_t layers;
    tl_block_parameters *blocks; /* owned, [layers] */
    tl_pooling pooling;
    size_t unpooled_rows;
    bool norms_after_pooling; /* of means */
    size_t norm_weight, norm_bias;
    tl_attention_pool_parameters attention_pool;
    size_t attention_pool_heads, attention_pool_mlp_width;
    bool has_projection, has_projection_bias;
    size_t projection; /* [W, D] */
    size_t projection_bias;
    size_t output_dim; /* D */
    tl_stage_names stages;
} tl_transformer;

/* Activations of one forward pass for training. Pointers are of the whole batch and live in the arena. */
struct tl_tower_state {
    size_t items, rows;
    size_t chunk_count;
    tl_chunk *chunks;
    size_t max_rows, max_items, max_tokens; /* of a chunk, of a chunk, of an item */
    size_t *probability_starts;             /* [chunk_count + 1] floats, of a block that computes all rows */
    size_t *pooled_probability_starts;      /* [chunk_count + 1] floats, of the pooled block */

    tl_dtype kept;                          /* of the blocks */
    tl_block_state *blocks;                 /* [layers]; normal_1, normal_2 and after are there in backward only */
    float *pooled;                          /* [B, W] after the final norm */
    float *mean, *inverse;                  /* [R] of the final norm; [B] where it comes after averaging */
    tl_attention_pool_state attention_pool; /* where pooling is one */
    size_t *attention_pool_starts;          /* [chunk_count + 1] of its probabilities */

    /* The tower's own part. */
    float *patches;          /* vision: [N, 3 P P] (of a stem's map: [N, P P C]), a zero row for the class token */
    const float *pixels;     /* with a stem: the caller's, which stay until backward */
    size_t tokens;           /* vision: of an item */
    uint32_t *patch_numbers; /* vision: [items, patches of an item], NULL: all of the grid */
    float *stem_maps;        /* with a stem, in training */
    float *embedded;         /* vision: [N, W] before ln_pre */
    float *embedded_mean, *embedded_inverse; /* vision: [N] */
    int32_t *row_ids, *row_positions;        /* text: [N] */
};

/* How rows come to be: writes rows [N, W] of the chunk. scratch: scratch_per_row floats for each row. */
typedef struct tl_embedding {
    const void *context;
    void (*embed)(const void *context, const tl_chunk *chunk, const tl_tower_state *state, float *scratch, float *rows);
    size_t scratch_per_row;
} tl_embedding;

/* Where their gradient goes. */
typedef struct tl_embedding_gradient {
    const void *context;
    /* gradient [N, W] of the chunk's rows, as part of the chunk's task; NULL: nothing to do there. */
    void (*take_chunk)(const void *context, size_t chunk_index, const tl_chunk *chunk, float *gradient);
    /* Afterwards, once all rows' gradients are there: tasks that may run in any order. */
    size_t task_count;
    void (*run_task)(const void *context, size_t index);
    const tl_weight_product *product; /* one more weight gradient, or NULL */
} tl_embedding_gradient;

/* The batch's shape: rows of each item, and the row of each that pooling reads (NULL when averaged). */
typedef struct tl_batch_shape {
    size_t items;
    const size_t *lengths;
    const size_t *pooled_rows; /* within the item */
} tl_batch_shape;

/* Cuts a batch into chunks; all it fills but the activations lives in the arena. */
bool tl_transformer_plan(const tl_transformer *transformer, const tl_batch_shape *batch, tl_arena *arena, tl_tower_state **out,
                         tl_error *err) TL_MUST_USE;
/* Allocates what backward needs of the blocks and the head. */
bool tl_transformer_keep(const tl_transformer *transformer, const tl_weight *values, tl_tower_state *state, tl_arena *arena,
                         tl_error *err) TL_MUST_USE;
/* state: planned, and kept when training. out [B, D]. observer: NULL, or shown every stage, chunk after chunk, on one thread. */
bool tl_transformer_forward(const tl_transformer *transformer, const tl_weight *values, tl_tower_state *state,
                            const tl_embedding *embedding, tl_thread_pool *pool, tl_arena *arena,
                            const tl_stage_observer *observer, float *out, tl_error *err) TL_MUST_USE;
bool tl_transformer_backward(const tl_transformer *transformer, const tl_weight *values, float *const *gradients,
                             tl_tower_state *state, const tl_embedding_gradient *embedding, const float *out_gradient,
                             tl_thread_pool *pool, tl_arena *arena, tl_error *err) TL_MUST_USE;
/* Whether the gradients by weights are products in bf16: as the weights are packed. */
bool tl_transformer_trains_in_bf16(const tl_transformer *transformer, const tl_weight *values);
/* Arena bytes of all four for a batch of items of max_tokens rows each, embedding scratch included. kept: as training keeps. */
tl_tower_memory tl_transformer_memory(const tl_transformer *transformer, size_t items, size_t max_tokens,
                                      size_t embedding_scratch_per_row, bool training, tl_dtype kept);

/* count floats in the arena, not zeroed. */
bool tl_take_floats(tl_arena *arena, size_t count, float **out, tl_error *err) TL_MUST_USE;

#endif
