/* Rows start as position (and class) embeddings; the product is added to them. */
#include "encoders/layers/patch_embed.h"

#include "base/compute/compute.h"

#include <string.h>

void tl_patches_lay_out(const float *pixels, size_t image_size, size_t patch_size, float *patches)
{
    const size_t side = image_size / patch_size, patch_floats = 3 * patch_size * patch_size;
    memset(patches, 0, patch_floats * sizeof *patches);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            float *to = patches + (1 + y * side + x) * patch_floats;
            for (size_t channel = 0; channel < 3; channel++)
                for (size_t line = 0; line < patch_size; line++, to += patch_size)
                    memcpy(to, pixels + (channel * image_size + y * patch_size + line) * image_size + x * patch_size,
                           patch_size * sizeof *to);
        }
}

void tl_patch_embed(const float *patches, size_t items, size_t tokens, size_t patch_floats, const float *weight,
                    const float *class_embedding, const float *positions, size_t width, float *rows)
{
    for (size_t i = 0; i < items; i++) {
        float *item = rows + i * tokens * width;
        memcpy(item, positions, tokens * width * sizeof *item);
        tl_axpy(1.0f, class_embedding, item, width);
    }
    tl_linear(NULL, patches, items * tokens, patch_floats, weight, NULL, rows, width, rows);
}

void tl_patch_embed_backward_positions(const float *rows_gradient, size_t items, size_t tokens, size_t width, size_t first,
                                       size_t count, float *positions_gradient, float *class_gradient)
{
    for (size_t i = 0; i < items; i++) {
        const float *item = rows_gradient + i * tokens * width;
        tl_axpy(1.0f, item + first * width, positions_gradient + first * width, count * width);
        if (first == 0)
            tl_axpy(1.0f, item, class_gradient, width);
    }
}
