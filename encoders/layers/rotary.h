/*
 * Rotary positions over a grid of patches (Su et al. 2021; in two dimensions as timm's RotaryEmbeddingCat): the pairs of numbers
 * of a query or key turn by angles of the patch's row and column, so that their product depends on the distance. Inference only.
 * Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_ROTARY_H
#define TL_ENCODERS_LAYERS_ROTARY_H

#include "base/core/error.h"
#include "encoders/model_config.h"

#include <stddef.h>

typedef struct tl_rotary {
    size_t head_dim;
    size_t first;  /* rows of an item before its first patch: they do not turn */
    float *angles; /* owned, [patches, 2, head_dim]: cosines, then sines with those of the first number of a pair negated */
} tl_rotary;

/* Tables of a grid of side x side patches; head_dim is a multiple of 4. */
bool tl_rotary_init(tl_rotary *rotary, const tl_rotary_config *config, size_t side, size_t head_dim, size_t first,
                    tl_error *err) TL_MUST_USE;
void tl_rotary_clear(tl_rotary *rotary);
/* Turns the pieces [pieces, head_dim] of an item's row number `row`. */
void tl_rotary_turn(const tl_rotary *rotary, size_t row, float *values, size_t pieces);

#endif
