/*
 * A few rows (a caption, a pooled token) times a weight [out, in] as it lies in memory: a matrix library would spend its time on
 * packing the weight, which is read once. A tile of FEW_ROWS x FEW_OUT sums lives in registers; weights are widened on the way
 * into them. A sum runs in the same order wherever its row stands in a tile. Included by the kernel files.
 */
#ifndef TL_BASE_COMPUTE_KERNELS_FEW_ROWS_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_FEW_ROWS_INTERNAL_H

#include "base/compute/kernels_rows_internal.h"

/* Beyond FEW_ROWS_MOST rows the matrix library is faster (measured; the widest vectors have the registers to compete). */
enum { FEW_ROWS = 4, FEW_OUT = TL_VECTOR_FLOATS == 16 ? 4 : 2, FEW_ROWS_MOST = TL_VECTOR_FLOATS == 16 ? 64 : 8 };

typedef uint16_t half_vector __attribute__((vector_size(TL_VECTOR_FLOATS * 2)));

KERNEL_INLINE vector widen_bf16_vector(half_vector values)
{
    return (vector)(__builtin_convertvector(values, vector_mask) << 16);
}

/* By integer arithmetic, without denormal floats on the way, which some processors take slowly. */
KERNEL_INLINE vector widen_f16_vector(half_vector values)
{
    const int32_t exponent_mask = 0x7c00 << 13, rebias = (127 - 15) << 23;
    vector_mask half = __builtin_convertvector(values, vector_mask), bits = (half & 0x7fff) << 13,
                exponent = bits & exponent_mask;
    vector_mask normal = bits + rebias + ((exponent == exponent_mask) & rebias);
    /* a denormal half: the hidden bit that it does not have, taken off again */
    vector small = (vector)(bits + (113 << 23)) - splat(0x1p-14f);
    return (vector)((vector_mask)choose(exponent == 0, small, (vector)normal) | (half & 0x8000) << 16);
}

/* values [n] of the type from item i on, n <= LANES; the other lanes are 0. */
KERNEL_INLINE vector load_weights(const tl_dtype dtype, const void *values, size_t i, size_t n)
{
    if (dtype == TL_F32)
        return load_some((const float *)values + i, n);
    half_vector halves = {0};
    if (n == LANES)
        memcpy(&halves, (const uint16_t *)values + i, sizeof halves);
    else
        memcpy(&halves, (const uint16_t *)values + i, n * sizeof(uint16_t));
    return dtype == TL_F16 ? widen_f16_vector(halves) : widen_bf16_vector(halves);
}

typedef struct few_product {
    const float *x;
    size_t x_row, in; /* in: of this piece */
    const char *weights;
    size_t weight_row; /* bytes */
    float *y;
    size_t y_row;
} few_product;

KERNEL_INLINE void add_step(const tl_dtype dtype, const int rows, const int outs, const few_product *product, size_t i, size_t n,
                            vector sums[FEW_ROWS][FEW_OUT])
{
    vector line[FEW_ROWS];
    for (int r = 0; r < rows; r++)
        line[r] = load_some(product->x + (size_t)r * product->x_row + i, n);
    for (int o = 0; o < outs; o++) {
        vector w = load_weights(dtype, product->weights + (size_t)o * product->weight_row, i, n);
        for (int r = 0; r < rows; r++)
            sums[r][o] += line[r] * w;
    }
}

KERNEL_INLINE void multiply_few_tile(const tl_dtype dtype, const int rows, const int outs, const few_product product,
                                     bool accumulate)
{
    vector sums[FEW_ROWS][FEW_OUT];
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < outs; o++)
            sums[r][o] = splat(0.0f);
    size_t i = 0;
    for (; i + LANES <= product.in; i += LANES)
        add_step(dtype, rows, outs, &product, i, LANES, sums);
    if (i < product.in)
        add_step(dtype, rows, outs, &product, i, product.in - i, sums);
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < outs; o++) {
            float *to = product.y + (size_t)r * product.y_row + (size_t)o;
            *to = (accumulate ? *to : 0.0f) + sum_of_lanes(sums[r][o]);
        }
}

KERNEL_INLINE void multiply_few_outs(const tl_dtype dtype, const int outs, few_product product, size_t rows, bool accumulate)
{
    for (; rows >= FEW_ROWS; rows -= FEW_ROWS) {
        multiply_few_tile(dtype, FEW_ROWS, outs, product, accumulate);
        product.x += FEW_ROWS * product.x_row;
        product.y += FEW_ROWS * product.y_row;
    }
    if (rows == 3)
        multiply_few_tile(dtype, 3, outs, product, accumulate);
    else if (rows == 2)
        multiply_few_tile(dtype, 2, outs, product, accumulate);
    else if (rows == 1)
        multiply_few_tile(dtype, 1, outs, product, accumulate);
}

/* More than one tile of rows: weights are widened once, piece by piece into the first-level cache. */
KERNEL_INLINE void widen_and_multiply(const tl_dtype dtype, const int outs, few_product product, size_t rows, bool accumulate)
{
    enum { PIECE = 1024 };
    float piece[FEW_OUT * PIECE];
    few_product part = product;
    part.weights = (const char *)piece;
    part.weight_row = PIECE * sizeof(float);
    for (size_t first = 0; first < product.in; first += PIECE) {
        part.x = product.x + first;
        part.in = product.in - first < PIECE ? product.in - first : PIECE;
        for (int o = 0; o < outs; o++)
            for (size_t i = 0; i < part.in; i += LANES) {
                size_t n = step_size(i, part.in);
                store_some(piece + (size_t)o * PIECE + i,
                           load_weights(dtype, product.weights + (size_t)o * product.weight_row, first + i, n), n);
            }
        multiply_few_outs(TL_F32, outs, part, rows, accumulate || first != 0);
    }
}

KERNEL_INLINE void multiply_few(const tl_dtype dtype, few_product product, size_t rows, size_t outs, bool accumulate)
{
    const bool is_widened_once = dtype == TL_F16 && rows > FEW_ROWS; /* the one that costs more than a shift */
    for (; outs >= FEW_OUT; outs -= FEW_OUT) {
        if (is_widened_once)
            widen_and_multiply(dtype, FEW_OUT, product, rows, accumulate);
        else
            multiply_few_outs(dtype, FEW_OUT, product, rows, accumulate);
        product.weights += FEW_OUT * product.weight_row;
        product.y += FEW_OUT;
    }
    for (; outs != 0; outs--) {
        if (is_widened_once)
            widen_and_multiply(dtype, 1, product, rows, accumulate);
        else
            multiply_few_outs(dtype, 1, product, rows, accumulate);
        product.weights += product.weight_row;
        product.y++;
    }
}

static void few_rows(tl_dtype dtype, const float *x, size_t rows, size_t in, const void *weights, size_t outs, float *y,
                     size_t y_row, bool accumulate)
{
    few_product product = {x, in, in, weights, in * (dtype == TL_F32 ? 4 : 2), y, y_row};
    switch (dtype) {
    case TL_F32:
        multiply_few(TL_F32, product, rows, outs, accumulate);
        break;
    case TL_F16:
        multiply_few(TL_F16, product, rows, outs, accumulate);
        break;
    case TL_BF16:
        multiply_few(TL_BF16, product, rows, outs, accumulate);
        break;
    }
}

#endif
