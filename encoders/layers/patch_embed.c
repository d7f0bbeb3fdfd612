/* Rows start as position (and class) embeddings and biases; the product is added to them. */
#include "encoders/layers/patch_embed.h"

#include "base/compute/compute.h"
#include "base/core/random.h"

#include <string.h>

void tl_patches_lay_out(const float *pixels, size_t image_size, size_t patch_size, const tl_patch_list *list, float *patches)
{
    const size_t side = image_size / patch_size;
    for (size_t i = 0; i < list->count; i++) {
        const size_t number = tl_patch_number(list, i), y = number / side * patch_size, x = number % side * patch_size;
        for (size_t channel = 0; channel < 3; channel++)
            for (size_t line = 0; line < patch_size; line++, patches += patch_size)
                memcpy(patches, pixels + (channel * image_size + y + line) * image_size + x, patch_size * sizeof *patches);
    }
}

void tl_map_patches_lay_out(const float *map, size_t side, size_t channels, size_t patch_size, const tl_patch_list *list,
                            float *patches)
{
    const size_t run = patch_size * channels, across = side / patch_size; /* run: a line of a patch, together in both */
    for (size_t i = 0; i < list->count; i++) {
        const size_t number = tl_patch_number(list, i), y = number / across * patch_size, x = number % across * patch_size;
        for (size_t line = 0; line < patch_size; line++, patches += run)
            memcpy(patches, map + ((y + line) * side + x) * channels, run * sizeof *patches);
    }
}

void tl_map_patches_put_back(const float *patches, size_t side, size_t channels, size_t patch_size, const tl_patch_list *list,
                             float *map)
{
    const size_t run = patch_size * channels, across = side / patch_size;
    if (list->count < across * across)
        memset(map, 0, side * side * channels * sizeof *map);
    for (size_t i = 0; i < list->count; i++) {
        const size_t number = tl_patch_number(list, i), y = number / across * patch_size, x = number % across * patch_size;
        for (size_t line = 0; line < patch_size; line++, patches += run)
            memcpy(map + ((y + line) * side + x) * channels, patches, run * sizeof *patches);
    }
}

/* Knuth's selection sampling (The Art of Computer Programming 3.4.2, S): one pass, in order. */
void tl_patches_choose(uint64_t seed, size_t first, size_t items, size_t patches, size_t count, uint32_t *numbers)
{
    for (size_t item = 0; item < items; item++) {
        tl_random random = tl_random_stream(seed, first + item);
        for (size_t number = 0, wanted = count; wanted > 0; number++)
            if (tl_random_below(&random, patches - number) < wanted) {
                *numbers++ = (uint32_t)number;
                wanted--;
            }
    }
}

/* item [tokens, W] = the class token's position, where there is one, and those of the patches. */
static void take_positions(const tl_patch_weights *weights, const uint32_t *numbers, size_t tokens, size_t width, float *item)
{
    const size_t skipped = weights->class_embedding != NULL;
    for (size_t t = 0; t < tokens; t++) {
        const size_t position = t < skipped ? 0 : skipped + numbers[t - skipped];
        memcpy(item + t * width, weights->positions + position * width, width * sizeof *item);
    }
}

void tl_patch_embed(const float *patches, size_t items, size_t tokens, size_t patch_floats, const tl_patch_weights *weights,
                    size_t width, float *scratch, float *rows)
{
    const bool has_class = weights->class_embedding != NULL;
    for (size_t i = 0; i < items; i++) {
        float *item = rows + i * tokens * width;
        if (weights->numbers == NULL)
            memcpy(item, weights->positions, tokens * width * sizeof *item);
        else
            take_positions(weights, weights->numbers + i * (tokens - has_class), tokens, width, item);
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

void tl_patch_embed_backward_positions(const float *rows_gradient, size_t items, size_t tokens, size_t width,
                                       const uint32_t *numbers, size_t first, size_t count, float *positions_gradient,
                                       float *class_gradient)
{
    const size_t skipped = class_gradient != NULL;
    for (size_t i = 0; i < items; i++) {
        const float *item = rows_gradient + i * tokens * width;
        if (numbers == NULL)
            tl_axpy(1.0f, item + first * width, positions_gradient + first * width, count * width);
        for (size_t t = 0; numbers != NULL && t < tokens; t++) {
            const size_t position = t < skipped ? 0 : skipped + numbers[i * (tokens - skipped) + t - skipped];
            if (position >= first && position - first < count)
                tl_axpy(1.0f, item + t * width, positions_gradient + position * width, width);
        }
        if (first == 0 && class_gradient != NULL)
            tl_axpy(1.0f, item, class_gradient, width);
    }
}
