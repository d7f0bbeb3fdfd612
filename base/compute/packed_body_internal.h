/*
 * The body of a packed product. A file that includes it has set TL_VECTOR_FLOATS, TL_BLOCK_ROWS, TL_PACKED_TABLE and
 * TL_PACKED_NAME, and may set TL_DOT_BF16 and TL_DOT_INT8 to instructions; without them bf16 is widened to f32 and int8 to int16
 * on the way.
 *
 * A tile keeps rows x 32 sums in registers and goes through the groups once: one group of each column comes as vectors, one group
 * of each row is broadcast. Sums run in the order of the groups, whatever the tile.
 */
#include "base/compute/packed_internal.h"
#include "base/compute/vector_internal.h"

#include <math.h>

enum { VECTORS = TL_PACKED_COLUMNS / LANES, PIECE = 1024 /* numbers converted at a time, a multiple of 4 */ };

typedef uint32_t group_vector __attribute__((vector_size(TL_VECTOR_FLOATS * 4)));
typedef int16_t short_vector __attribute__((vector_size(TL_VECTOR_FLOATS * 4)));

KERNEL_INLINE group_vector load_groups(const uint32_t *from)
{
    group_vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

KERNEL_INLINE group_vector splat_group(uint32_t group)
{
    return group - (group_vector){0};
}

/* ---- one group of all columns of a vector into their sums ---- */

KERNEL_INLINE vector dot_f32(vector sums, uint32_t a, group_vector b)
{
    float value;
    memcpy(&value, &a, sizeof value);
    return sums + splat(value) * (vector)b;
}

KERNEL_INLINE vector dot_bf16(vector sums, uint32_t a, group_vector b)
{
#ifdef TL_DOT_BF16
    return TL_DOT_BF16(sums, splat_group(a), b);
#else
    const group_vector all = splat_group(a);
    vector low = (vector)(all << 16) * (vector)(b << 16);
    return sums + (low + (vector)(all & 0xffff0000u) * (vector)(b & 0xffff0000u));
#endif
}

#ifndef TL_DOT_INT8
/* int32 sums of the products of neighbouring int16. */
KERNEL_INLINE vector_mask add_pairs(short_vector a, short_vector b)
{
#ifdef TL_MULTIPLY_PAIRS
    return TL_MULTIPLY_PAIRS(a, b);
#else
    vector_mask wide_a = (vector_mask)a, wide_b = (vector_mask)b;
    return ((wide_a << 16) >> 16) * ((wide_b << 16) >> 16) + (wide_a >> 16) * (wide_b >> 16);
#endif
}
#endif

/* a: unsigned bytes, b: signed ones. */
KERNEL_INLINE group_vector dot_int8(group_vector sums, uint32_t group, group_vector b)
{
    const group_vector a = splat_group(group);
#ifdef TL_DOT_INT8
    return TL_DOT_INT8(sums, a, b);
#else
    short_vector even_b = ((short_vector)b << 8) >> 8, odd_b = (short_vector)b >> 8;
    short_vector even_a = (short_vector)(a & 0x00ff00ffu), odd_a = (short_vector)((a >> 8) & 0x00ff00ffu);
    return (group_vector)((vector_mask)sums + (add_pairs(even_a, even_b) + add_pairs(odd_a, odd_b)));
#endif
}

/* ---- tiles ---- */

KERNEL_INLINE void store_row(const tl_packed_tile *tile, size_t row, const vector values[VECTORS])
{
    float *y = tile->y + row * tile->y_row;
    const float *residual = tile->residual != NULL ? tile->residual + row * tile->y_row : NULL;
    for (size_t v = 0; v < VECTORS; v++) {
        size_t at = v * LANES, count = tile->columns < at ? 0 : tile->columns - at;
        vector value = values[v];
        if (count >= LANES) {
            if (tile->bias != NULL)
                value += load(tile->bias + at);
            if (residual != NULL)
                value += load(residual + at);
            store(y + at, value);
        } else if (count != 0) {
            if (tile->bias != NULL)
                value += load_part(tile->bias + at, count);
            if (residual != NULL)
                value += load_part(residual + at, count);
            store_part(y + at, value, count);
        }
    }
}

/*
 * DOT over all groups of so many rows, a constant where it is called, so that the sums stay in registers. With few vectors a
 * panel these are kept and each row is broadcast once; with many, each is loaded for all rows.
 */
#define DEFINE_SUM_GROUPS(name, DOT, TYPE)                                                                        \
    KERNEL_INLINE void name(size_t rows, const tl_packed_tile *tile, const uint32_t *panel, TYPE(*sums)[VECTORS]) \
    {                                                                                                             \
        TYPE kept[TL_BLOCK_ROWS][VECTORS];                                                                        \
        for (size_t r = 0; r < rows; r++)                                                                         \
            for (size_t v = 0; v < VECTORS; v++)                                                                  \
                kept[r][v] = sums[r][v];                                                                          \
        const uint32_t *a = tile->a;                                                                              \
        for (size_t g = 0; g < tile->groups; g++, a += rows, panel += TL_PACKED_COLUMNS) {                        \
            if (VECTORS <= 2) {                                                                                   \
                group_vector b[VECTORS];                                                                          \
                for (size_t v = 0; v < VECTORS; v++)                                                              \
                    b[v] = load_groups(panel + v * LANES);                                                        \
                for (size_t r = 0; r < rows; r++)                                                                 \
                    for (size_t v = 0; v < VECTORS; v++)                                                          \
                        kept[r][v] = DOT(kept[r][v], a[r], b[v]);                                                 \
            } else {                                                                                              \
                for (size_t v = 0; v < VECTORS; v++) {                                                            \
                    group_vector b = load_groups(panel + v * LANES);                                              \
                    for (size_t r = 0; r < rows; r++)                                                             \
                        kept[r][v] = DOT(kept[r][v], a[r], b);                                                    \
                }                                                                                                 \
            }                                                                                                     \
        }                                                                                                         \
        for (size_t r = 0; r < rows; r++)                                                                         \
            for (size_t v = 0; v < VECTORS; v++)                                                                  \
                sums[r][v] = kept[r][v];                                                                          \
    }

DEFINE_SUM_GROUPS(sum_f32, dot_f32, vector)
DEFINE_SUM_GROUPS(sum_bf16, dot_bf16, vector)
DEFINE_SUM_GROUPS(sum_int8, dot_int8, group_vector)

/* A tail of a block has as many rows as it has: one copy of the loop for each number of them. */
#if TL_BLOCK_ROWS == 14
#define FOR_ROWS(CASE) \
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#elif TL_BLOCK_ROWS == 3
#define FOR_ROWS(CASE) CASE(1) CASE(2) CASE(3)
#else
#define FOR_ROWS(CASE) CASE(1)
#endif

#define CASE_F32(count)                    \
    case count:                            \
        sum_f32(count, tile, panel, sums); \
        break;
#define CASE_BF16(count)                    \
    case count:                             \
        sum_bf16(count, tile, panel, sums); \
        break;
#define CASE_INT8(count)                    \
    case count:                             \
        sum_int8(count, tile, panel, sums); \
        break;

static void store_floats(const tl_packed_tile *tile, vector (*sums)[VECTORS])
{
    for (size_t r = 0; r < tile->rows; r++)
        store_row(tile, r, sums[r]);
}

/* The rows of y are far apart and may be in no near cache: they arrive while the sums are made. */
KERNEL_INLINE void ask_for_rows(const tl_packed_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++)
        for (size_t at = 0; at < TL_PACKED_COLUMNS; at += 16)
            __builtin_prefetch(tile->y + r * tile->y_row + at, 1);
}

static void multiply_f32(const tl_packed_tile *tile)
{
    const uint32_t *panel = tile->panel;
    vector sums[TL_BLOCK_ROWS][VECTORS] = {0};
    ask_for_rows(tile);
    switch (tile->rows) {
        FOR_ROWS(CASE_F32)
    }
    store_floats(tile, sums);
}

static void multiply_bf16(const tl_packed_tile *tile)
{
    const uint32_t *panel = tile->panel;
    vector sums[TL_BLOCK_ROWS][VECTORS] = {0};
    ask_for_rows(tile);
    switch (tile->rows) {
        FOR_ROWS(CASE_BF16)
    }
    store_floats(tile, sums);
}

static void multiply_int8(const tl_packed_tile *tile)
{
    const uint32_t *header = tile->panel, *panel = header + TL_INT8_HEADER / 4;
    group_vector sums[TL_BLOCK_ROWS][VECTORS];
    for (size_t r = 0; r < tile->rows; r++)
        for (size_t v = 0; v < VECTORS; v++)
            sums[r][v] = load_groups(header + v * LANES);
    ask_for_rows(tile);
    switch (tile->rows) {
        FOR_ROWS(CASE_INT8)
    }
    float scales[TL_PACKED_COLUMNS] = {0};
    memcpy(scales, tile->scales, tile->columns * sizeof *scales);
    vector values[VECTORS];
    for (size_t r = 0; r < tile->rows; r++) {
        for (size_t v = 0; v < VECTORS; v++)
            values[v] = __builtin_convertvector((vector_mask)sums[r][v], vector) * load(scales + v * LANES) * tile->row_scales[r];
        store_row(tile, r, values);
    }
}

/* ---- kind rows ---- */

static void pack_rows_f32(const float *x, size_t rows, size_t in, uint32_t *a, float *row_scales)
{
    (void)row_scales;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i++)
            memcpy(&a[i * rows + r], &x[r * in + i], sizeof *a);
}

/* Groups of one row, lying together, to every rows-th place of a. */
KERNEL_INLINE void scatter_groups(const void *groups, size_t count, size_t rows, uint32_t *a)
{
    for (size_t g = 0; g < count; g++)
        memcpy(&a[g * rows], (const char *)groups + g * sizeof *a, sizeof *a);
}

static void pack_rows_bf16(const float *x, size_t rows, size_t in, uint32_t *a, float *row_scales)
{
    (void)row_scales;
    uint16_t piece[PIECE];
    for (size_t r = 0; r < rows; r++)
        for (size_t first = 0; first < in; first += PIECE) {
            const float *values = x + r * in + first;
            size_t count = in - first < PIECE ? in - first : PIECE;
            for (size_t i = 0; i < count; i++)
                piece[i] = (uint16_t)tl_bf16_of(values[i]);
            if (count % 2 != 0)
                piece[count] = 0;
            scatter_groups(piece, (count + 1) / 2, rows, a + first / 2 * rows + r);
        }
}

/* NaN of a row that is not finite. */
KERNEL_INLINE float largest_of_row(const float *row, size_t count)
{
    vector largest = {0}, doubt = {0}; /* doubt: 0, or NaN */
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vector value = load(row + i);
        largest = larger(largest, larger(value, -value));
        doubt += value - value;
    }
    if (i < count) {
        vector value = load_part(row + i, count - i);
        largest = larger(largest, larger(value, -value));
        doubt += value - value;
    }
    return largest_lane(largest) + sum_of_lanes(doubt);
}

static void pack_rows_int8(const float *x, size_t rows, size_t in, uint32_t *a, float *row_scales)
{
    uint8_t piece[PIECE];
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * in;
        const float largest = largest_of_row(row, in);
        const bool is_counted = largest >= TL_INT8_LEAST; /* else of zeros, by a scale that is NaN where it must be */
        const float factor = is_counted ? 127.0f / largest : 0.0f;
        row_scales[r] = largest / 127.0f;
        for (size_t first = 0; first < in; first += PIECE) {
            size_t count = in - first < PIECE ? in - first : PIECE;
            for (size_t i = 0; i < count; i++)
                piece[i] = is_counted ? (uint8_t)((int32_t)rintf(row[first + i] * factor) + 128) : 128;
            for (size_t i = count; i % 4 != 0; i++)
                piece[i] = 128; /* zero, as the kernels see it */
            scatter_groups(piece, (count + 3) / 4, rows, a + first / 4 * rows + r);
        }
    }
}

const tl_packed_kernels TL_PACKED_TABLE = {
    .name = TL_PACKED_NAME,
    .block_rows = TL_BLOCK_ROWS,
    .pack_rows = {pack_rows_f32, pack_rows_bf16, pack_rows_int8},
    .multiply = {multiply_f32, multiply_bf16, multiply_int8},
};
