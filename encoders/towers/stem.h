/*
 * A convolutional stem: stages that turn pixels into maps [side, side, width], each smaller and wider than the one before, whose
 * last one a vision transformer takes its patches from. A stage lays out patches of what it gets, projects and normalises them,
 * and runs its blocks. Within encoders only.
 *
 * Work is done some pictures (a group) at a time, which one thread takes through the whole stem while they are in cache. In
 * training only the maps between blocks are kept. Backward sums the gradients by the stem's own weights in as many shares as it
 * has tasks, a number that the batch's shape gives, and adds the shares in order.
 */
#ifndef TL_ENCODERS_TOWERS_STEM_H
#define TL_ENCODERS_TOWERS_STEM_H

#include "base/core/arena.h"
#include "encoders/layers/convolution_block.h"
#include "encoders/model_config.h"
#include "encoders/towers/towers.h"

typedef struct tl_stem_stage {
    tl_convolution_block_shape shape;
    size_t patch, patch_floats; /* P of what comes in, P P channels of it */
    size_t layers;
    size_t patch_weight, patch_bias, norm_weight, norm_bias;
    tl_convolution_block_parameters *blocks; /* owned, [layers] */
} tl_stem_stage;

typedef struct tl_stem {
    size_t image_size;
    size_t stage_count; /* 0: no stem */
    tl_stem_stage stages[TL_STEM_MOST_STAGES];
    size_t last_patch;                      /* of the last map, for the transformer: P */
    size_t first_parameter, last_parameter; /* rows of the table from the one to before the other */
    size_t *parameter_counts;               /* owned: floats of each of them */
} tl_stem;

/* Floats of a patch that the transformer gets: P P channels. */
size_t tl_stem_patch_floats(const tl_stem *stem);
bool tl_stem_init(const tl_vision_config *config, tl_gelu_kind activation, tl_parameter_table *table, tl_stem *stem,
                  tl_error *err) TL_MUST_USE;
void tl_stem_clear(tl_stem *stem);

/* Where the patches of a picture go: `tokens` rows each, the first `skipped` of which are set to zero. */
typedef struct tl_stem_rows {
    size_t tokens, skipped;
    const uint32_t *numbers; /* [items, tokens - skipped] of the patches that are wanted, NULL: all */
} tl_stem_rows;

/* pixels [items, 3, S, S] -> patches [items * tokens, K]. kept: NULL, or what backward needs (in the arena). */
bool tl_stem_forward(const tl_stem *stem, const tl_weight *values, const float *pixels, size_t items, const tl_stem_rows *rows,
                     tl_thread_pool *pool, tl_arena *arena, float *patches, float **kept, tl_error *err) TL_MUST_USE;
/* embedded [items * tokens, width]: the gradient by the product of the patches and `projection` [width, K], a row of the table.
 * pixels: those of forward. Adds to gradients. */
typedef struct tl_stem_gradient {
    const float *pixels, *kept, *embedded;
    size_t items, width, projection;
    tl_stem_rows rows;
    bool in_bf16;
} tl_stem_gradient;
bool tl_stem_backward(const tl_stem *stem, const tl_weight *values, float *const *gradients, const tl_stem_gradient *call,
                      tl_thread_pool *pool, tl_arena *arena, tl_error *err) TL_MUST_USE;
/* Arena bytes of both; the patches are the caller's. width: the transformer's. */
tl_tower_memory tl_stem_memory(const tl_stem *stem, size_t items, const tl_stem_rows *rows, size_t width, bool training);

#endif
