/*
 * Patches of a picture as rows: a convolution whose stride is its kernel is a product with the patches laid out as rows (im2col),
 * in the weight's order [3, P, P]. The class token gets a row of zeros, so that one product makes all rows. Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_PATCH_EMBED_H
#define TL_ENCODERS_LAYERS_PATCH_EMBED_H

#include <stddef.h>

/* pixels [3, S, S] -> patches [(S / P)^2 + 1, 3 P P], the first row zero. */
void tl_patches_lay_out(const float *pixels, size_t image_size, size_t patch_size, float *patches);

/*
 * rows [items, T, W] = patches [items * T, K] weight [W, K]^T + positions [T, W], and + class_embedding [W] on the first of each
 * item.
 */
void tl_patch_embed(const float *patches, size_t items, size_t tokens, size_t patch_floats, const float *weight,
                    const float *class_embedding, const float *positions, size_t width, float *rows);
/* Adds the gradients of positions first..first+count-1 (and of the class embedding with position 0), items in order. */
void tl_patch_embed_backward_positions(const float *rows_gradient, size_t items, size_t tokens, size_t width, size_t first,
                                       size_t count, float *positions_gradient, float *class_gradient);

#endif
