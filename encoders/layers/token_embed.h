/* Token and position embeddings of packed rows. Within encoders only. */
#ifndef TL_ENCODERS_LAYERS_TOKEN_EMBED_H
#define TL_ENCODERS_LAYERS_TOKEN_EMBED_H

#include "base/compute/weight.h"
#include <stddef.h>

#include <stdint.h>

/* rows [count, W] = tokens[ids] + positions[row_positions] */
void tl_token_embed(const int32_t *ids, const int32_t *row_positions, size_t count, const tl_weight *tokens,
                    const float *positions, size_t width, float *rows);
/* Adds columns first..first+columns-1 of every row to its token's and its position's gradient, in the rows' order. */
void tl_token_embed_backward(const int32_t *ids, const int32_t *row_positions, size_t count, const float *rows_gradient,
                             size_t width, size_t first, size_t columns, float *tokens_gradient, float *positions_gradient);

#endif
