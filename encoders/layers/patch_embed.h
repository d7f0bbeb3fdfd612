/*
 * Patches of a picture as rows: a convolution whose stride is its kernel is a product with the patches laid out as rows (im2col),
 * in the weight's order [3, P, P]. A class token gets a row of zeros, so that one product makes all rows. Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_PATCH_EMBED_H
#define TL_ENCODERS_LAYERS_PATCH_EMBED_H

#include "base/compute/weight.h"

/* Patches of a picture, counted line by line: `count` of them by their numbers, or the first ones where numbers is NULL. */
typedef struct tl_patch_list {
    const uint32_t *numbers;
    size_t count;
} tl_patch_list;

static inline size_t tl_patch_number(const tl_patch_list *list, size_t i)
{
    return list->numbers != NULL ? list->numbers[i] : i;
}

/* pixels [3, S, S] -> patches [count, 3 P P]; what is left of S at the right and the bottom is not read. */
void tl_patches_lay_out(const float *pixels, size_t image_size, size_t patch_size, const tl_patch_list *list, float *patches);

/* The same of pixels with all channels together: map [S, S, C] -> patches [count, P, P, C]; P divides S. */
void tl_map_patches_lay_out(const float *map, size_t side, size_t channels, size_t patch_size, const tl_patch_list *list,
                            float *patches);
/* And back; what no patch of the list covers becomes 0. */
void tl_map_patches_put_back(const float *patches, size_t side, size_t channels, size_t patch_size, const tl_patch_list *list,
                             float *map);

/* numbers [items, count], ascending in each item, of `patches`: as chance by (seed, first + item) has it, all equally likely. */
void tl_patches_choose(uint64_t seed, size_t first, size_t items, size_t patches, size_t count, uint32_t *numbers);

typedef struct tl_patch_weights {
    const tl_weight *kernel;      /* [W, K] */
    const float *positions;       /* [T, W] */
    const float *class_embedding; /* [W], for the first row of each item; NULL: all rows are patches */
    const float *bias;            /* [W], for the patches, or NULL */
    const uint32_t *numbers;      /* [items, patches of an item] of the grid, NULL: all */
} tl_patch_weights;

/* rows [items, T, W] = patches [items * T, K] kernel^T + positions, class embedding and bias; a class token's patch is zero.
 * scratch: tl_linear_scratch_count floats. */
void tl_patch_embed(const float *patches, size_t items, size_t tokens, size_t patch_floats, const tl_patch_weights *weights,
                    size_t width, float *scratch, float *rows);
/* Adds the gradients of positions first..first+count-1 (and of the class embedding with position 0, NULL: none), items in order.
 * numbers: those of tl_patch_weights. */
void tl_patch_embed_backward_positions(const float *rows_gradient, size_t items, size_t tokens, size_t width,
                                       const uint32_t *numbers, size_t first, size_t count, float *positions_gradient,
                                       float *class_gradient);

#endif
