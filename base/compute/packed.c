/*
 * Rows of x are packed in blocks, once; then every panel of columns meets every block. A task is a run of panels: it reads its
 * part of the weight once, and the packed rows, which stay in the second-level cache, once a panel.
 */
#include "base/compute/packed.h"

#include "base/compute/packed_internal.h"
#include "base/core/error.h"

#include <math.h>
#include <string.h>

enum {
    PANELS_OF_A_TASK = 6,
    MOST_IN = 1 << 20,
    MOST_IN_INT8 = 1 << 16, /* times 255 times 127 is below 2^31 */
    PIECE = 1024
};

static size_t group_count(tl_packed_kind kind, size_t in)
{
    static const size_t group_sizes[TL_PACKED_KINDS] = {1, 2, 4};
    return (in + group_sizes[kind] - 1) / group_sizes[kind];
}

static size_t panel_bytes(tl_packed_kind kind, size_t in)
{
    return group_count(kind, in) * TL_PACKED_COLUMNS * 4 + (kind == TL_PACKED_INT8 ? TL_INT8_HEADER : 0);
}

static size_t panel_count(size_t out)
{
    return (out + TL_PACKED_COLUMNS - 1) / TL_PACKED_COLUMNS;
}

size_t tl_packed_most_in(tl_packed_kind kind)
{
    return kind == TL_PACKED_INT8 ? MOST_IN_INT8 : MOST_IN;
}

size_t tl_packed_panel_size(tl_packed_kind kind, size_t out, size_t in)
{
    return panel_count(out) * panel_bytes(kind, in);
}

size_t tl_packed_scale_count(tl_packed_kind kind, size_t out)
{
    return kind == TL_PACKED_INT8 ? out : 0;
}

/* ---- the weight ---- */

/* Numbers first..first + count - 1 of a row, as f32. */
static void read_piece(const tl_weight *weight, size_t row, size_t first, size_t count, size_t out, size_t in, float *piece)
{
    const size_t size = tl_dtype_size(weight->dtype);
    if (weight->is_transposed) {
        for (size_t i = 0; i < count; i++)
            tl_widen(weight->dtype, (const char *)weight->parts[0] + ((first + i) * out + row) * size, 1, piece + i);
        return;
    }
    tl_weight one = tl_weight_rows(weight, row, 1, in);
    tl_widen(one.dtype, (const char *)one.parts[0] + first * size, count, piece);
}

static float largest_of_row(const tl_weight *weight, size_t row, size_t out, size_t in)
{
    float piece[PIECE], largest = 0.0f;
    for (size_t first = 0; first < in; first += PIECE) {
        size_t count = in - first < PIECE ? in - first : PIECE;
        read_piece(weight, row, first, count, out, in, piece);
        for (size_t i = 0; i < count; i++) {
            if (!isfinite(piece[i]))
                return NAN;
            largest = fmaxf(largest, fabsf(piece[i]));
        }
    }
    return largest;
}

static void pack_f32(const float *piece, size_t first, size_t count, uint32_t *column)
{
    for (size_t i = 0; i < count; i++)
        memcpy(&column[(first + i) * TL_PACKED_COLUMNS], &piece[i], sizeof *column);
}

/* first is a multiple of PIECE, so groups do not straddle pieces. */
static void pack_bf16(const float *piece, size_t first, size_t count, uint32_t *column)
{
    for (size_t i = 0; i < count; i++)
        column[(first + i) / 2 * TL_PACKED_COLUMNS] |= tl_bf16_of(piece[i]) << (16 * (i % 2));
}

/* Returns the sum of the steps. */
static int32_t pack_int8(const float *piece, float factor, size_t first, size_t count, uint32_t *column)
{
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t step = (int32_t)lrintf(piece[i] * factor);
        sum += step;
        column[(first + i) / 4 * TL_PACKED_COLUMNS] |= ((uint32_t)step & 0xffu) << (8 * (i % 4));
    }
    return sum;
}

static void pack_row(tl_packed_kind kind, const tl_weight *weight, size_t row, size_t out, size_t in, void *panels, float *scales)
{
    const size_t number = row % TL_PACKED_COLUMNS;
    char *panel = (char *)panels + row / TL_PACKED_COLUMNS * panel_bytes(kind, in);
    uint32_t *column = (uint32_t *)(void *)(panel + (kind == TL_PACKED_INT8 ? TL_INT8_HEADER : 0)) + number;
    float piece[PIECE], factor = 1.0f;
    int32_t sum = 0;
    if (kind == TL_PACKED_INT8) {
        float largest = largest_of_row(weight, row, out, in);
        scales[row] = largest / 127.0f;
        if (!(largest >= TL_INT8_LEAST)) /* its steps are zeros; of a NaN the scale tells */
            return;
        factor = 127.0f / largest;
    }
    for (size_t first = 0; first < in; first += PIECE) {
        size_t count = in - first < PIECE ? in - first : PIECE;
        read_piece(weight, row, first, count, out, in, piece);
        switch (kind) {
        case TL_PACKED_F32:
            pack_f32(piece, first, count, column);
            break;
        case TL_PACKED_BF16:
            pack_bf16(piece, first, count, column);
            break;
        case TL_PACKED_INT8:
            sum += pack_int8(piece, factor, first, count, column);
            break;
        }
    }
    if (kind == TL_PACKED_INT8)
        ((int32_t *)(void *)panel)[number] = -128 * sum;
}

void tl_pack_weight(tl_packed_kind kind, const tl_weight *weight, size_t out, size_t in, void *panels, float *scales)
{
    TL_ASSERT(in <= tl_packed_most_in(kind));
    memset(panels, 0, tl_packed_panel_size(kind, out, in));
    for (size_t row = 0; row < out; row++)
        pack_row(kind, weight, row, out, in, panels, scales);
}

tl_packed_weight tl_packed_rows(const tl_packed_weight *weight, size_t first, size_t count)
{
    tl_packed_weight rows = *weight;
    if (first % TL_PACKED_COLUMNS != 0)
        return (tl_packed_weight){.panels = NULL};
    rows.out = count;
    rows.panels = (const char *)weight->panels + first / TL_PACKED_COLUMNS * panel_bytes(weight->kind, weight->in);
    rows.scales = weight->scales != NULL ? weight->scales + first : NULL;
    return rows;
}

/* ---- the product ---- */

typedef struct packed_work {
    const tl_packed_kernels *kernels;
    const float *x;
    size_t rows;
    const tl_packed_weight *weight;
    const float *bias, *residual;
    float *y;
    size_t groups, block_count;
    uint32_t *a;       /* blocks one after the other, each [groups, its rows] */
    float *row_scales; /* [rows] */
} packed_work;

static size_t align(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t tl_packed_scratch_size(tl_packed_kind kind, size_t rows, size_t in)
{
    return align(group_count(kind, in) * rows * 4) + align(rows * sizeof(float));
}

/* Blocks of nearly equal size: a short one at the end would waste the registers. */
static size_t first_row(const packed_work *work, size_t block)
{
    return work->rows * block / work->block_count;
}

static void pack_block(void *context, size_t block, size_t worker)
{
    (void)worker;
    const packed_work *work = context;
    size_t first = first_row(work, block), end = first_row(work, block + 1);
    work->kernels->pack_rows[work->weight->kind](work->x + first * work->weight->in, end - first, work->weight->in,
                                                 work->a + first * work->groups, work->row_scales + first);
}

static void multiply_panels(void *context, size_t index, size_t worker)
{
    (void)worker;
    const packed_work *work = context;
    const tl_packed_weight *weight = work->weight;
    const size_t count = panel_count(weight->out), bytes = panel_bytes(weight->kind, weight->in);
    for (size_t p = index * PANELS_OF_A_TASK; p < count && p < (index + 1) * PANELS_OF_A_TASK; p++) {
        const size_t column = p * TL_PACKED_COLUMNS;
        tl_packed_tile tile = {.groups = work->groups,
                               .panel = (const char *)weight->panels + p * bytes,
                               .columns = weight->out - column < TL_PACKED_COLUMNS ? weight->out - column : TL_PACKED_COLUMNS,
                               .scales = weight->scales != NULL ? weight->scales + column : NULL,
                               .bias = work->bias != NULL ? work->bias + column : NULL,
                               .y_row = weight->out};
        for (size_t block = 0; block < work->block_count; block++) {
            size_t first = first_row(work, block);
            tile.rows = first_row(work, block + 1) - first;
            tile.a = work->a + first * work->groups;
            tile.row_scales = work->row_scales + first;
            tile.residual = work->residual != NULL ? work->residual + first * weight->out + column : NULL;
            tile.y = work->y + first * weight->out + column;
            work->kernels->multiply[weight->kind](&tile);
        }
    }
}

void tl_packed_linear(tl_thread_pool *pool, const float *x, size_t rows, const tl_packed_weight *weight, const float *bias,
                      const float *residual, void *scratch, float *y)
{
    if (rows == 0)
        return;
    packed_work work = {.kernels = tl_packed_active(),
                        .x = x,
                        .rows = rows,
                        .weight = weight,
                        .bias = bias,
                        .residual = residual,
                        .y = y,
                        .groups = group_count(weight->kind, weight->in),
                        .a = scratch};
    work.block_count = (rows + work.kernels->block_rows - 1) / work.kernels->block_rows;
    work.row_scales = (float *)(void *)((char *)scratch + align(work.groups * rows * 4));
    tl_thread_pool_run(pool, work.block_count, pack_block, &work);
    tl_thread_pool_run(pool, (panel_count(weight->out) + PANELS_OF_A_TASK - 1) / PANELS_OF_A_TASK, multiply_panels, &work);
}
