/*
 * Gradients of weight matrices, gradient [out, in] += dy [rows, out]^T x [rows, in]: the products that need all rows of the
 * batch. Cut into tiles by their shapes, so that many of them fill a pool evenly and the bits do not depend on its size. Within
 * encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_WEIGHT_PRODUCTS_H
#define TL_ENCODERS_LAYERS_WEIGHT_PRODUCTS_H

#include "base/compute/weight.h"

typedef struct tl_weight_product {
    const void *dy;
    size_t dy_row; /* numbers between its rows */
    const void *x; /* rows lie together */
    size_t rows, out, in;
    float *gradient;
    bool in_bf16;               /* with f32 sums */
    tl_dtype dy_dtype, x_dtype; /* f32, or bf16 where in_bf16 */
} tl_weight_product;

size_t tl_weight_product_tile_count(const tl_weight_product *product);
/* Computes tile number `tile` on the caller's thread. scratch: tl_weight_product_scratch_count floats, aligned to 64 bytes. */
void tl_weight_product_run_tile(const tl_weight_product *product, size_t tile, float *scratch);
size_t tl_weight_product_scratch_count(void);
/* All of them. */
void tl_weight_product_run(const tl_weight_product *product, float *scratch);

#endif
