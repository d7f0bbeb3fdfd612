/* Rows start as position (and class) embeddings and biases; the product is added to them. */
#include "encoders/layers/patch_embed.h"

#include "base/compute/compute.h"

#include <string.h>

void tl_patches_lay_out(const float *pixels, size_t image_size, size_t patch_size, float *patches)
{
    const size_t side = image_size / patch_size;
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            for (size_t channel = 0; channel < 3; channel++)
                for (size_t line = 0; line < patch_size; line++, patches += patch_size)
                    memcpy(patches, pixels + (channel * image_size + y * patch_size + line) * image_size + x * patch_size,
                           patch_size * sizeof *patches);
}

/* A line of a patch is a run of both: walks them in the patches' order. */
void tl_map_patches_lay_out(const float *map, size_t side, size_t channels, size_t patch_size, float *patches)
{
    const size_t run = patch_size * channels;
    for (size_t y = 0; y < side; y += patch_size)
        for (size_t x = 0; x < side; x += patch_size)
            for (size_t line = 0; line < patch_size; line++, patches += run)
                memcpy(patches, map + ((y + line) * side + x) * channels, run * sizeof *patches);
}

void tl_map_patches_put_back(const float *patches, size_t side, size_t channels, size_t patch_size, float *map)
{
    const size_t run = patch_size * channels;
    for (size_t y = 0; y < side; y += patch_size)
        for (size_t x = 0; x < side; x += patch_size)
            for (size_t line = 0; line < patch_size; line++, patches += run)
                memcpy(map + ((y + line) * side + x) * channels, patches, run * sizeof *patches);
}

void tl_patch_embed(const float *patches, size_t items, size_t tokens, size_t patch_floats, const tl_patch_weights *weights,
                    size_t width, float *scratch, float *rows)
{
    const bool has_class = weights->class_embedding != NULL;
    for (size_t i = 0; i < items; i++) {
        float *item = rows + i * tokens * width;
        memcpy(item, weights->positions, tokens * width * sizeof *item);
        if (has_class)
            tl_axpy(1.0f, weights->class_embedding, item, width);
        for (size_t t = has_class; weights->bias != NULL && t < tokens; t++)
            tl_axpy(1.0f, weights->bias, item + t * width, width);
    }
    const tl_linear_call call = {.weight = weights->kernel,
                                 .rows = items * tokens,
                                 .in = patch_floats,
                                 .out = width,
                                 .x = patches,
                                 .residual = rows,
                                 .y = rows};
    tl_linear_run(NULL, &call, scratch);
}

void tl_patch_embed_backward_positions(const float *rows_gradient, size_t items, size_t tokens, size_t width, size_t first,
                                       size_t count, float *positions_gradient, float *class_gradient)
{
    for (size_t i = 0; i < items; i++) {
        const float *item = rows_gradient + i * tokens * width;
        tl_axpy(1.0f, item + first * width, positions_gradient + first * width, count * width);
        if (first == 0 && class_gradient != NULL)
            tl_axpy(1.0f, item, class_gradient, width);
    }
}
