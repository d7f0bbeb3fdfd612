/*
 * Patches of a picture as rows: a convolution whose stride is its kernel is a product with the patches laid out as rows (im2col),
 * in the weight's order [3, P, P]. A class token gets a row of zeros, so that one product makes all rows. Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_PATCH_EMBED_H
#define TL_ENCODERS_LAYERS_PATCH_EMBED_H

#include "base/compute/weight.h"

/* pixels [3, S, S] -> patches [floor(S / P)^2, 3 P P]; what is left of S at the right and the bottom is not read. */
void tl_patches_lay_out(const float *pixels, size_t image_size, size_t patch_size, float *patches);

/* The same of pixels with all channels together: map [S, S, C] -> patches [(S / P)^2, P, P, C]; P divides S. */
void tl_map_patches_lay_out(const float *map, size_t side, size_t channels, size_t patch_size, float *patches);
/* And back. */
void tl_map_patches_put_back(const float *patches, size_t side, size_t channels, size_t patch_size, float *map);

typedef struct tl_patch_weights {
    const tl_weight *kernel;      /* [W, K] */
    const float *positions;       /* [T, W] */
    const float *class_embedding; /* [W], for the first row of each item; NULL: all rows are patches */
    const float *bias;            /* [W], for the patches, or NULL */
} tl_patch_weights;

/* rows [items, T, W] = patches [items * T, K] kernel^T + positions, class embedding and bias; a class token's patch is zero.
 * scratch: tl_linear_scratch_count floats. */
void tl_patch_embed(const float *patches, size_t items, size_t tokens, size_t patch_floats, const tl_patch_weights *weights,
                    size_t width, float *scratch, float *rows);
/* Adds the gradients of positions first..first+count-1 (and of the class embedding with position 0, NULL: none), items in order.
 */
void tl_patch_embed_backward_positions(const float *rows_gradient, size_t items, size_t tokens, size_t width, size_t first,
                                       size_t count, float *positions_gradient, float *class_gradient);

#endif
