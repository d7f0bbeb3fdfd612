/* Transpositions in registers: of as many rows and columns as a vector has lanes, and of matrices. Included by the kernel files.
 */
#ifndef TL_BASE_COMPUTE_KERNELS_TRANSPOSE_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_TRANSPOSE_INTERNAL_H

#include "base/compute/vector_internal.h"

/* Stage `step` of the transposition of LANES x LANES: rows r and r + step exchange the halves of each run of 2 step lanes. */
#define LOW_LANE(lane, step) (((lane) & (step)) == 0 ? (lane) : (lane) - (step) + TL_VECTOR_FLOATS)
#define HIGH_LANE(lane, step) (((lane) & (step)) == 0 ? (lane) + (step) : (lane) + TL_VECTOR_FLOATS)
#define FOUR_LANES(of, first, step) of(first, step), of(first + 1, step), of(first + 2, step), of(first + 3, step)
#if TL_VECTOR_FLOATS == 16
#define ALL_LANES(of, step) FOUR_LANES(of, 0, step), FOUR_LANES(of, 4, step), FOUR_LANES(of, 8, step), FOUR_LANES(of, 12, step)
#elif TL_VECTOR_FLOATS == 8
#define ALL_LANES(of, step) FOUR_LANES(of, 0, step), FOUR_LANES(of, 4, step)
#else
#define ALL_LANES(of, step) FOUR_LANES(of, 0, step)
#endif
#define EXCHANGE_LANES(rows, step)                                                                              \
    for (int r = 0; r < LANES; r++)                                                                             \
        if ((r & (step)) == 0) {                                                                                \
            const vector low = __builtin_shufflevector(rows[r], rows[r + (step)], ALL_LANES(LOW_LANE, step));   \
            const vector high = __builtin_shufflevector(rows[r], rows[r + (step)], ALL_LANES(HIGH_LANE, step)); \
            rows[r] = low;                                                                                      \
            rows[r + (step)] = high;                                                                            \
        }

KERNEL_INLINE void transpose_lanes(vector rows[TL_VECTOR_FLOATS])
{
    EXCHANGE_LANES(rows, 1)
    EXCHANGE_LANES(rows, 2)
#if TL_VECTOR_FLOATS >= 8
    EXCHANGE_LANES(rows, 4)
#endif
#if TL_VECTOR_FLOATS >= 16
    EXCHANGE_LANES(rows, 8)
#endif
}

#if TL_VECTOR_FLOATS == 16
/* Up to LANES rows and columns. Rows that are not there are the last one again, of which nothing is stored. */
KERNEL_INLINE void turn_block(const float *from, size_t from_row, size_t rows, size_t columns, float *to, size_t to_row)
{
    vector block[TL_VECTOR_FLOATS];
    for (size_t r = 0; r < LANES; r++) {
        const float *row = from + (r < rows ? r : rows - 1) * from_row;
        block[r] = columns == LANES ? load(row) : load_part(row, columns);
    }
    transpose_lanes(block);
    for (size_t c = 0; c < LANES; c++)
        if (c < columns)
            store_part(to + c * to_row, block[c], rows);
}

static void transpose(const float *from, size_t from_row, size_t rows, size_t columns, float *to, size_t to_row)
{
    for (size_t i = 0; i < rows; i += LANES)
        for (size_t j = 0; j < columns; j += LANES)
            turn_block(from + i * from_row + j, from_row, rows - i < LANES ? rows - i : LANES,
                       columns - j < LANES ? columns - j : LANES, to + j * to_row + i, to_row);
}
#else
KERNEL_INLINE vector_of_4 load_4(const float *from)
{
    vector_of_4 v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* 4 x 4 by shuffles. */
KERNEL_INLINE void transpose_4(const float *from, size_t from_row, float *to, size_t to_row)
{
    const vector_of_4 a = load_4(from), b = load_4(from + from_row), c = load_4(from + 2 * from_row),
                      d = load_4(from + 3 * from_row);
    const vector_of_4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const vector_of_4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const vector_of_4 columns[4] = {
        __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
    for (size_t j = 0; j < 4; j++)
        memcpy(to + j * to_row, &columns[j], sizeof columns[j]);
}

static void transpose(const float *from, size_t from_row, size_t rows, size_t columns, float *to, size_t to_row)
{
    const size_t whole_rows = rows - rows % 4, whole_columns = columns - columns % 4;
    for (size_t j = 0; j < whole_columns; j += 4) {
        for (size_t i = 0; i < whole_rows; i += 4)
            transpose_4(from + i * from_row + j, from_row, to + j * to_row + i, to_row);
        for (size_t i = whole_rows; i < rows; i++)
            for (size_t k = j; k < j + 4; k++)
                to[k * to_row + i] = from[i * from_row + k];
    }
    for (size_t j = whole_columns; j < columns; j++)
        for (size_t i = 0; i < rows; i++)
            to[j * to_row + i] = from[i * from_row + j];
}
#endif

#endif
