/*
 * Small products c (+)= a b in cache, without packing: a tile of c lives in registers, b is read in vectors along its rows, a is
 * broadcast from any stride, so a may be a transpose. Attention is made of these. Included by the kernel files.
 */
#ifndef TL_BASE_COMPUTE_KERNELS_MATMUL_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_MATMUL_INTERNAL_H

#include "base/compute/vector_internal.h"

enum { TILE_ROWS = 6, TILE_VECTORS = TL_VECTOR_FLOATS == 16 ? 4 : 2, TILE_COLUMNS = TILE_VECTORS * TL_VECTOR_FLOATS };

/* One tile of rows x (vectors * LANES); both counts are constants where it is inlined. */
KERNEL_INLINE void multiply_tile(const int rows, const int vectors, size_t k, const float *a, size_t a_row, size_t a_column,
                                 const float *b, size_t b_row, float *c, size_t c_row, bool accumulate)
{
    vector sums[TILE_ROWS][TILE_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            sums[i][j] = accumulate ? load(c + (size_t)i * c_row + (size_t)j * LANES) : splat(0.0f);
    for (size_t p = 0; p < k; p++) {
        vector line[TILE_VECTORS];
        for (int j = 0; j < vectors; j++)
            line[j] = load(b + p * b_row + (size_t)j * LANES);
        for (int i = 0; i < rows; i++) {
            float factor = a[(size_t)i * a_row + p * a_column];
            for (int j = 0; j < vectors; j++)
                sums[i][j] += factor * line[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            store(c + (size_t)i * c_row + (size_t)j * LANES, sums[i][j]);
}

/* rows <= TILE_ROWS rows of c, all columns. */
KERNEL_INLINE void multiply_rows(const int rows, size_t n, size_t k, const float *a, size_t a_row, size_t a_column,
                                 const float *b, size_t b_row, float *c, size_t c_row, bool accumulate)
{
    size_t j = 0;
    for (; j + TILE_COLUMNS <= n; j += TILE_COLUMNS)
        multiply_tile(rows, TILE_VECTORS, k, a, a_row, a_column, b + j, b_row, c + j, c_row, accumulate);
    for (; j + LANES <= n; j += LANES)
        multiply_tile(rows, 1, k, a, a_row, a_column, b + j, b_row, c + j, c_row, accumulate);
    for (; j < n; j++)
        for (int i = 0; i < rows; i++) {
            float sum = accumulate ? c[(size_t)i * c_row + j] : 0.0f;
            for (size_t p = 0; p < k; p++)
                sum += a[(size_t)i * a_row + p * a_column] * b[p * b_row + j];
            c[(size_t)i * c_row + j] = sum;
        }
}

static void small_matmul(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_column, const float *b,
                         size_t b_row, float *c, size_t c_row, bool accumulate)
{
    size_t i = 0;
    for (; i + TILE_ROWS <= m; i += TILE_ROWS)
        multiply_rows(TILE_ROWS, n, k, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, accumulate);
    a += i * a_row;
    c += i * c_row;
    switch (m - i) {
    case 5:
        multiply_rows(5, n, k, a, a_row, a_column, b, b_row, c, c_row, accumulate);
        break;
    case 4:
        multiply_rows(4, n, k, a, a_row, a_column, b, b_row, c, c_row, accumulate);
        break;
    case 3:
        multiply_rows(3, n, k, a, a_row, a_column, b, b_row, c, c_row, accumulate);
        break;
    case 2:
        multiply_rows(2, n, k, a, a_row, a_column, b, b_row, c, c_row, accumulate);
        break;
    case 1:
        multiply_rows(1, n, k, a, a_row, a_column, b, b_row, c, c_row, accumulate);
        break;
    default:
        break;
    }
}

#endif
