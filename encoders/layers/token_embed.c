/* Gradients are scattered column stripe by column stripe: stripes are independent, and inside one the order of rows is fixed. */
#include "encoders/layers/token_embed.h"

#include "base/compute/compute.h"

void tl_token_embed(const int32_t *ids, const int32_t *row_positions, size_t count, const tl_weight *tokens,
                    const float *positions, size_t width, float *rows)
{
    for (size_t r = 0; r < count; r++) {
        float *row = rows + r * width;
        tl_weight_widen_row(tokens, (size_t)ids[r], width, row);
        tl_axpy(1.0f, positions + (size_t)row_positions[r] * width, row, width);
    }
}

void tl_token_embed_backward(const int32_t *ids, const int32_t *row_positions, size_t count, const float *rows_gradient,
                             size_t width, size_t first, size_t columns, float *tokens_gradient, float *positions_gradient)
{
    for (size_t r = 0; r < count; r++) {
        const float *row = rows_gradient + r * width + first;
        tl_axpy(1.0f, row, tokens_gradient + (size_t)ids[r] * width + first, columns);
        tl_axpy(1.0f, row, positions_gradient + (size_t)row_positions[r] * width + first, columns);
    }
}
