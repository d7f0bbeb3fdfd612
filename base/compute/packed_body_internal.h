/*
 * The body of a packed product. A file that includes it has set TL_VECTOR_FLOATS, TL_BLOCK_ROWS, TL_PACKED_TABLE and
 * TL_PACKED_NAME, and may set TL_DOT_BF16, TL_DOT_INT8 and TL_NARROW to instructions; without them bf16 is widened to f32 and
 * int8 to int16 on the way. With TL_HAS_TILES the products of both are in packed_tiles_internal.h instead.
 *
 * A tile keeps rows x 32 sums in registers and goes through the groups once: one group of each column comes as vectors, one group
 * of each row is broadcast. Sums run in the order of the groups, whatever the tile.
 */
#include "base/compute/kernels_internal.h"
#include "base/compute/packed_internal.h"
#include "base/compute/vector_internal.h"
#include "base/core/sanitizer.h"

#include <math.h>

enum {
    VECTORS = TL_PACKED_COLUMNS / LANES,
    PIECE = 1024, /* numbers converted at a time, a multiple of 4 */
    NEAR = 16,    /* groups: what is multiplied so much later is asked into the first-level cache */
    SPAN = 16,    /* groups between two looks further ahead */
    LINE = 16     /* floats of a line of the cache */
};

/* Of the loops over groups, whose factors assert_extents has looked at. */
#define UNCHECKED_INLINE KERNEL_INLINE TL_UNCHECKED_INLINE

typedef int16_t short_vector __attribute__((vector_size(TL_VECTOR_FLOATS * 4)));

UNCHECKED_INLINE group_vector load_groups(const uint32_t *from)
{
    group_vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

UNCHECKED_INLINE group_vector splat_group(uint32_t group)
{
    return group - (group_vector){0};
}

/* ---- one group of all columns of a vector into their sums ---- */

UNCHECKED_INLINE vector dot_f32(vector sums, uint32_t a, group_vector b)
{
    float value;
    memcpy(&value, &a, sizeof value);
    return sums + splat(value) * (vector)b;
}

#ifndef TL_HAS_TILES
UNCHECKED_INLINE vector dot_bf16(vector sums, uint32_t a, group_vector b)
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
UNCHECKED_INLINE vector_mask add_pairs(short_vector a, short_vector b)
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
UNCHECKED_INLINE group_vector dot_int8(group_vector sums, uint32_t group, group_vector b)
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
#endif

/* ---- tiles ---- */

KERNEL_INLINE void store_lanes(const tl_packed_tile *tile, size_t at, size_t count, vector value)
{
    if (tile->y_dtype == TL_BF16) {
        half_lanes halves = narrow(value);
        memcpy((uint16_t *)tile->y + at, &halves, count * sizeof(uint16_t));
    } else if (count == LANES) {
        store((float *)tile->y + at, value);
    } else {
        store_part((float *)tile->y + at, value, count);
    }
}

/* What follows the product, of lanes `at`.. of a row. */
KERNEL_INLINE vector finish_lanes(const tl_packed_tile *tile, size_t row, size_t at, size_t count, vector value)
{
    if (tile->bias != NULL)
        value += count == LANES ? load(tile->bias + at) : load_part(tile->bias + at, count);
    if (tile->has_gelu)
        value = gelu_of(tile->gelu, value);
    if (tile->residual != NULL) {
        const float *residual = tile->residual + row * tile->y_row + at;
        value += count == LANES ? load(residual) : load_part(residual, count);
    }
    return value;
}

KERNEL_INLINE void store_row(const tl_packed_tile *tile, size_t row, const vector values[VECTORS])
{
    for (size_t v = 0; v < VECTORS; v++) {
        size_t at = v * LANES, count = tile->columns < at ? 0 : tile->columns - at;
        if (count >= LANES)
            store_lanes(tile, row * tile->y_row + at, LANES, finish_lanes(tile, row, at, LANES, values[v]));
        else if (count != 0)
            store_lanes(tile, row * tile->y_row + at, count, finish_lanes(tile, row, at, count, values[v]));
    }
}

/* The rows of y and of what is added to it are far apart and may be in no near cache: they arrive while the sums are made. */
KERNEL_INLINE void ask_for_rows(const tl_packed_tile *tile)
{
    const size_t size = tile->y_dtype == TL_F32 ? sizeof(float) : sizeof(uint16_t);
    for (size_t r = 0; r < tile->rows; r++)
        for (size_t at = r * tile->y_row; at < r * tile->y_row + TL_PACKED_COLUMNS; at += LINE) {
            __builtin_prefetch((const char *)tile->y + at * size, 1);
            if (tile->residual != NULL)
                __builtin_prefetch(tile->residual + at);
        }
}

/*
 * DOT over all groups of so many rows, a constant where it is called, so that the sums stay in registers. With few vectors a
 * panel these are kept and each row is broadcast once; with many, each is loaded for all rows.
 */
#define DEFINE_SUM_GROUPS(name, DOT, TYPE)                                                                               \
    UNCHECKED_INLINE void name(size_t rows, const tl_packed_tile *tile, const TYPE *start, TYPE(*sums)[VECTORS])         \
    {                                                                                                                    \
        TYPE kept[TL_BLOCK_ROWS][VECTORS];                                                                               \
        for (size_t r = 0; r < rows; r++)                                                                                \
            for (size_t v = 0; v < VECTORS; v++)                                                                         \
                kept[r][v] = start[v];                                                                                   \
        const uint32_t *a = tile->a, *panel = tile->panel;                                                               \
        const size_t groups = tile->groups;                                                                              \
        const char *ahead = tile->ahead;                                                                                 \
        size_t due = 0; /* of `groups` parts of a line: evenly, or memory's queue is full and the near lines wait too */ \
        for (size_t g = 0; g < groups; g++, a += rows, panel += TL_PACKED_COLUMNS) {                                     \
            for (due += tile->lines_ahead; due >= groups; due -= groups, ahead += 64)                                    \
                __builtin_prefetch(ahead, 0, 2);                                                                         \
            __builtin_prefetch(a + NEAR * rows, 0, 3);                                                                   \
            __builtin_prefetch(panel + NEAR * TL_PACKED_COLUMNS, 0, 3);                                                  \
            __builtin_prefetch(panel + NEAR * TL_PACKED_COLUMNS + LINE, 0, 3);                                           \
            if (VECTORS <= 2) {                                                                                          \
                group_vector b[VECTORS];                                                                                 \
                for (size_t v = 0; v < VECTORS; v++)                                                                     \
                    b[v] = load_groups(panel + v * LANES);                                                               \
                for (size_t r = 0; r < rows; r++)                                                                        \
                    for (size_t v = 0; v < VECTORS; v++)                                                                 \
                        kept[r][v] = DOT(kept[r][v], a[r], b[v]);                                                        \
            } else {                                                                                                     \
                for (size_t v = 0; v < VECTORS; v++) {                                                                   \
                    group_vector b = load_groups(panel + v * LANES);                                                     \
                    for (size_t r = 0; r < rows; r++)                                                                    \
                        kept[r][v] = DOT(kept[r][v], a[r], b);                                                           \
                }                                                                                                        \
            }                                                                                                            \
        }                                                                                                                \
        for (size_t r = 0; r < rows; r++)                                                                                \
            for (size_t v = 0; v < VECTORS; v++)                                                                         \
                sums[r][v] = kept[r][v];                                                                                 \
    }

DEFINE_SUM_GROUPS(sum_f32, dot_f32, vector)
#ifndef TL_HAS_TILES
DEFINE_SUM_GROUPS(sum_bf16, dot_bf16, vector)
DEFINE_SUM_GROUPS(sum_int8, dot_int8, group_vector)
#endif

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
        sum_f32(count, tile, start, sums); \
        break;
#define CASE_BF16(count)                    \
    case count:                             \
        sum_bf16(count, tile, start, sums); \
        break;
#define CASE_INT8(count)                    \
    case count:                             \
        sum_int8(count, tile, start, sums); \
        break;

/* All groups of a panel by as many rows as the tile has; start: what the sums of each row start from. */
#define DEFINE_SUM_PANEL(name, CASE, TYPE)                                                             \
    static TL_UNCHECKED void name(const tl_packed_tile *tile, const TYPE *start, TYPE(*sums)[VECTORS]) \
    {                                                                                                  \
        switch (tile->rows) {                                                                          \
            FOR_ROWS(CASE)                                                                             \
        }                                                                                              \
    }

DEFINE_SUM_PANEL(sum_panel_f32, CASE_F32, vector)
#ifndef TL_HAS_TILES
DEFINE_SUM_PANEL(sum_panel_bf16, CASE_BF16, vector)
DEFINE_SUM_PANEL(sum_panel_int8, CASE_INT8, group_vector)
#endif

/* What the unchecked loops of a tile read: packed rows from the first to the last, and a panel. */
KERNEL_INLINE void assert_extents(const tl_packed_tile *tile, size_t a_bytes)
{
    TL_ASSERT(tl_may_read(tile->a, a_bytes) && tl_may_read(tile->panel, tile->groups * TL_PACKED_COLUMNS * 4));
}

static void store_packed(const tl_packed_tile *tile, vector (*sums)[VECTORS])
{
    float near[TL_BLOCK_ROWS * TL_PACKED_COLUMNS];
    tl_packed_tile view = *tile;
    view.y = near;
    view.y_row = TL_PACKED_COLUMNS;
    for (size_t r = 0; r < tile->rows; r++)
        store_row(&view, r, sums[r]);
    tl_kernels_active()->transpose(near, TL_PACKED_COLUMNS, tile->rows, tile->columns, tile->y, tile->rows);
}

static void store_floats(const tl_packed_tile *tile, vector (*sums)[VECTORS])
{
    if (tile->is_y_packed) {
        store_packed(tile, sums);
        return;
    }
    for (size_t r = 0; r < tile->rows; r++)
        store_row(tile, r, sums[r]);
}

/* A panel after the other: the sums of all groups by SUM_PANEL, then what follows. */
#define DEFINE_MULTIPLY(name, SUM_PANEL)                       \
    static void name(const tl_packed_run *run)                 \
    {                                                          \
        tl_packed_tile tile = run->first;                      \
        for (size_t p = 0; p < run->panel_count; p++) {        \
            const vector start[VECTORS] = {0};                 \
            vector sums[TL_BLOCK_ROWS][VECTORS];               \
            tl_packed_tile_move(run, p, &tile);                \
            assert_extents(&tile, tile.rows *tile.groups * 4); \
            ask_for_rows(&tile);                               \
            SUM_PANEL(&tile, start, sums);                     \
            store_floats(&tile, sums);                         \
        }                                                      \
    }

DEFINE_MULTIPLY(multiply_f32, sum_panel_f32)
#ifndef TL_HAS_TILES
DEFINE_MULTIPLY(multiply_bf16, sum_panel_bf16)
#endif

/* A row of int32 sums to floats, and on. */
KERNEL_INLINE void store_steps(const tl_packed_tile *tile, size_t row, const float *scales, const group_vector *sums)
{
    vector values[VECTORS];
    for (size_t v = 0; v < VECTORS; v++)
        values[v] = __builtin_convertvector((vector_mask)sums[v], vector) * load(scales + v * LANES) * tile->row_scales[row];
    store_row(tile, row, values);
}

KERNEL_INLINE void load_header(const tl_packed_tile *tile, group_vector header[VECTORS])
{
    for (size_t v = 0; v < VECTORS; v++)
        header[v] = tile->header != NULL ? load_groups((const uint32_t *)tile->header + v * LANES) : (group_vector){0};
}

#ifndef TL_HAS_TILES
static void multiply_int8(const tl_packed_run *run)
{
    tl_packed_tile tile = run->first;
    for (size_t p = 0; p < run->panel_count; p++) {
        float scales[TL_PACKED_COLUMNS] = {0};
        group_vector header[VECTORS], sums[TL_BLOCK_ROWS][VECTORS];
        tl_packed_tile_move(run, p, &tile);
        memcpy(scales, tile.scales, tile.columns * sizeof *scales);
        load_header(&tile, header);
        assert_extents(&tile, tile.rows * tile.groups * 4);
        ask_for_rows(&tile);
        sum_panel_int8(&tile, header, sums);
        for (size_t r = 0; r < tile.rows; r++)
            store_steps(&tile, r, scales, sums[r]);
    }
}
#endif

/* ---- kind rows ---- */

/* Rows of the source one after the other, as memory brings them, each to its place in all blocks. */
static void pack_columns_f32(const float *from, size_t from_row, size_t groups, size_t columns, float *to)
{
    const size_t whole = columns - columns % TL_BLOCK_ROWS, rest = columns - whole;
    for (size_t g = 0; g < groups; g++, from += from_row) {
        for (size_t c = 0; c < whole; c += TL_BLOCK_ROWS)
            memcpy(to + c * groups + g * TL_BLOCK_ROWS, from + c, TL_BLOCK_ROWS * sizeof *to);
        memcpy(to + whole * groups + g * rest, from + whole, rest * sizeof *to);
    }
}

static void pack_rows_f32(const tl_packed_source *source)
{
    tl_kernels_active()->transpose(source->x, source->in, source->count, source->in, (float *)source->a + source->first,
                                   source->block_rows);
}

KERNEL_INLINE group_vector pair_of(vector first, vector second)
{
    return __builtin_convertvector(narrow(first), group_vector) | __builtin_convertvector(narrow(second), group_vector) << 16;
}

static void pair_rows(const float *first, const float *second, size_t count, uint32_t *groups)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        const group_vector pairs = pair_of(load(first + i), second != NULL ? load(second + i) : splat(0.0f));
        memcpy(groups + i, &pairs, sizeof pairs);
    }
    if (i < count) {
        const group_vector pairs =
            pair_of(load_part(first + i, count - i), second != NULL ? load_part(second + i, count - i) : splat(0.0f));
        memcpy(groups + i, &pairs, (count - i) * sizeof *groups);
    }
}

static void pair_halves(const uint16_t *first, const uint16_t *second, size_t count, uint32_t *groups)
{
    size_t i = 0;
    for (; second != NULL && i + LANES <= count; i += LANES) {
        half_lanes low, high;
        memcpy(&low, first + i, sizeof low);
        memcpy(&high, second + i, sizeof high);
        const group_vector pairs = __builtin_convertvector(low, group_vector) | __builtin_convertvector(high, group_vector) << 16;
        memcpy(groups + i, &pairs, sizeof pairs);
    }
    for (; i < count; i++)
        groups[i] = first[i] | (second != NULL ? (uint32_t)second[i] << 16 : 0);
}

static void narrow_row(const float *from, size_t count, uint16_t *to)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        const half_lanes halves = narrow(load(from + i));
        memcpy(to + i, &halves, sizeof halves);
    }
    if (i < count) {
        const half_lanes halves = narrow(load_part(from + i, count - i));
        memcpy(to + i, &halves, (count - i) * sizeof *to);
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

/* count <= PIECE numbers of a row as floats, where they lie or in the piece. */
KERNEL_INLINE const float *floats_of(const tl_packed_source *source, size_t at, size_t count, float *piece)
{
    if (source->dtype == TL_F32)
        return (const float *)source->x + at;
    const uint16_t *halves = (const uint16_t *)source->x + at;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)halves[i] << 16;
        memcpy(&piece[i], &bits, sizeof bits);
    }
    return piece;
}

/* The factor that turns row r into steps, 0 for a row of zeros; its scale goes where the products look for it. */
KERNEL_INLINE float factor_of_row(const tl_packed_source *source, size_t r)
{
    float piece[PIECE], largest = 0.0f;
    for (size_t first = 0; first < source->in; first += PIECE) {
        const size_t count = source->in - first < PIECE ? source->in - first : PIECE;
        const float here = largest_of_row(floats_of(source, r * source->in + first, count, piece), count);
        largest = here <= largest ? largest : here; /* a NaN stays */
        if (here != here)
            break;
    }
    source->row_scales[source->first + r] = largest / 127.0f;
    return largest >= TL_INT8_LEAST ? 127.0f / largest : 0.0f; /* else of zeros, by a scale that is NaN where it must be */
}

#ifndef TL_HAS_TILES
/* Groups of one row, lying together, to every rows-th place of a. */
KERNEL_INLINE void scatter_groups(const void *groups, size_t count, size_t rows, uint32_t *a)
{
    for (size_t g = 0; g < count; g++)
        memcpy(&a[g * rows], (const char *)groups + g * sizeof *a, sizeof *a);
}

static void pack_rows_bf16(const tl_packed_source *source)
{
    uint16_t piece[PIECE];
    uint32_t *a = (uint32_t *)source->a + source->first;
    for (size_t r = 0; r < source->count; r++)
        for (size_t first = 0; first < source->in; first += PIECE) {
            const size_t at = r * source->in + first;
            size_t count = source->in - first < PIECE ? source->in - first : PIECE;
            if (source->dtype == TL_BF16)
                memcpy(piece, (const uint16_t *)source->x + at, count * sizeof *piece);
            else
                for (size_t i = 0; i < count; i++)
                    piece[i] = (uint16_t)tl_bf16_of(((const float *)source->x)[at + i]);
            if (count % 2 != 0)
                piece[count] = 0;
            scatter_groups(piece, (count + 1) / 2, source->block_rows, a + first / 2 * source->block_rows + r);
        }
}

static void pack_rows_int8(const tl_packed_source *source)
{
    float floats[PIECE];
    uint8_t piece[PIECE];
    uint32_t *a = (uint32_t *)source->a + source->first;
    for (size_t r = 0; r < source->count; r++) {
        const float factor = factor_of_row(source, r);
        for (size_t first = 0; first < source->in; first += PIECE) {
            size_t count = source->in - first < PIECE ? source->in - first : PIECE;
            const float *row = floats_of(source, r * source->in + first, count, floats);
            for (size_t i = 0; i < count; i++)
                piece[i] = factor != 0.0f ? (uint8_t)((int32_t)rintf(row[i] * factor) + 128) : 128;
            for (size_t i = count; i % 4 != 0; i++)
                piece[i] = 128; /* zero, as the kernels see it */
            scatter_groups(piece, (count + 3) / 4, source->block_rows, a + first / 4 * source->block_rows + r);
        }
    }
}

static void pack_pairs(const uint32_t *pairs, size_t group_row, size_t groups, size_t rows, void *a)
{
    uint32_t *to = a;
    for (size_t g = 0; g < groups; g++)
        memcpy(to + g * rows, pairs + g * group_row, rows * sizeof *to);
}

static size_t row_bytes(tl_packed_kind kind, size_t in)
{
    return tl_packed_group_count(kind, in) * 4;
}

static size_t group_offset(tl_packed_kind kind, size_t group, size_t rows)
{
    (void)kind;
    return group * rows * 4;
}

static bool takes_rows_as_they_are(tl_packed_kind kind, tl_dtype dtype, size_t in)
{
    (void)kind;
    (void)dtype;
    (void)in;
    return false;
}

const tl_packed_kernels TL_PACKED_TABLE = {
    .name = TL_PACKED_NAME,
    .block_rows = {TL_BLOCK_ROWS, TL_BLOCK_ROWS, TL_BLOCK_ROWS},
    .row_bytes = row_bytes,
    .group_offset = group_offset,
    .takes_rows_as_they_are = takes_rows_as_they_are,
    .pack_rows = {pack_rows_f32, pack_rows_bf16, pack_rows_int8},
    .multiply = {multiply_f32, multiply_bf16, multiply_int8},
    .narrow_row = narrow_row,
    .pair_rows = pair_rows,
    .pair_halves = pair_halves,
    .pack_pairs = pack_pairs,
    .pack_columns_f32 = pack_columns_f32,
};
#endif
