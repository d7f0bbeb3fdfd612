/*
 * Products of training: weights packed anew at every step, and gradients by weights, whose factors are both made by the batch and
 * both lie with the summed dimension outside. In bf16 two rows that follow each other make the groups of b's panels by
 * themselves, and a's are turned from the same pairs, block by block; in f32 a group is a number, so that both factors are only
 * moved. k is cut into slabs whose factors stay in the second-level cache; sums go on from c.
 */
#include "base/compute/kernels_internal.h"
#include "base/compute/packed.h"
#include "base/compute/packed_internal.h"
#include "base/core/memory.h"

enum { SLAB = 256, GROUPS_OF_A_PIECE = 128, LEAST_ROWS_THAT_PAY = 8 };

/* Groups of numbers first..first + count - 1 of a row and the next (where there is one). */
static void pair_up(tl_dtype dtype, const void *row, size_t next, bool has_next, size_t first, size_t count, uint32_t *groups)
{
    const tl_packed_kernels *kernels = tl_packed_active();
    if (dtype == TL_F32) {
        const float *numbers = (const float *)row + first;
        kernels->pair_rows(numbers, has_next ? numbers + next : NULL, count, groups);
    } else {
        const uint16_t *numbers = (const uint16_t *)row + first;
        kernels->pair_halves(numbers, has_next ? numbers + next : NULL, count, groups);
    }
}

static const void *row_of(tl_dtype dtype, const void *rows, size_t row, size_t number)
{
    return (const char *)rows + number * row * tl_dtype_size(dtype);
}

/* Columns of rows [rows, row] to panels of so many groups. */
static void pack_columns(tl_dtype dtype, const void *rows, size_t row, size_t count, size_t columns, size_t panel_bytes,
                         char *panels)
{
    const size_t whole = columns / TL_PACKED_COLUMNS, rest = columns % TL_PACKED_COLUMNS;
    if (rest != 0)
        memset(panels + whole * panel_bytes, 0, (count + 1) / 2 * TL_PACKED_COLUMNS * 4);
    for (size_t k = 0; k < count; k += 2) {
        const void *first = row_of(dtype, rows, row, k);
        for (size_t p = 0; p <= whole; p++) {
            const size_t at = p * TL_PACKED_COLUMNS, some = p < whole ? TL_PACKED_COLUMNS : rest;
            if (some != 0)
                pair_up(dtype, first, row, k + 1 < count, at, some,
                        (uint32_t *)(void *)(panels + p * panel_bytes) + k / 2 * TL_PACKED_COLUMNS);
        }
    }
}

/* The same in f32: a group is a number, so that a panel is the columns as they lie. */
static void copy_columns(const float *rows, size_t row, size_t count, size_t columns, size_t panel_bytes, char *panels)
{
    enum { LINE_BYTES = TL_PACKED_COLUMNS * sizeof(float) };
    const size_t whole = columns / TL_PACKED_COLUMNS, rest = columns % TL_PACKED_COLUMNS;
    if (rest != 0)
        memset(panels + whole * panel_bytes, 0, count * LINE_BYTES);
    for (size_t k = 0; k < count; k++, rows += row) {
        for (size_t p = 0; p < whole; p++)
            memcpy(panels + p * panel_bytes + k * LINE_BYTES, rows + p * TL_PACKED_COLUMNS, LINE_BYTES);
        if (rest != 0)
            memcpy(panels + whole * panel_bytes + k * LINE_BYTES, rows + whole * TL_PACKED_COLUMNS, rest * sizeof *rows);
    }
}

/* Rows of a weight [count <= 32, in] to one panel. */
static void pack_panel(const float *rows, size_t count, size_t in, uint32_t *panel)
{
    uint16_t halves[TL_PACKED_COLUMNS][2 * GROUPS_OF_A_PIECE];
    const size_t groups = (in + 1) / 2;
    if (count < TL_PACKED_COLUMNS)
        memset(panel, 0, groups * TL_PACKED_COLUMNS * sizeof *panel);
    for (size_t group = 0; group < groups; group += GROUPS_OF_A_PIECE) {
        const size_t some = groups - group < GROUPS_OF_A_PIECE ? groups - group : GROUPS_OF_A_PIECE;
        const size_t numbers = in - 2 * group < 2 * some ? in - 2 * group : 2 * some;
        for (size_t r = 0; r < count; r++) {
            tl_packed_active()->narrow_row(rows + r * in + 2 * group, numbers, halves[r]);
            if (numbers < 2 * some)
                halves[r][numbers] = 0;
        }
        /* As floats, which are only moved. */
        tl_kernels_active()->transpose((const float *)(const void *)halves, GROUPS_OF_A_PIECE, count, some,
                                       (float *)(void *)(panel + group * TL_PACKED_COLUMNS), TL_PACKED_COLUMNS);
    }
}

static void turn_panel(const float *rows, size_t count, size_t in, float *panel)
{
    if (count < TL_PACKED_COLUMNS)
        memset(panel, 0, in * TL_PACKED_COLUMNS * sizeof *panel);
    tl_kernels_active()->transpose(rows, in, count, in, panel, TL_PACKED_COLUMNS);
}

bool tl_packing_pays(void)
{
    return tl_packed_active()->block_rows[TL_PACKED_F32] >= LEAST_ROWS_THAT_PAY;
}

void tl_pack_panels(tl_packed_kind kind, const tl_weight *weight, size_t out, size_t in, size_t first, size_t count, void *panels)
{
    const bool is_f32 = kind == TL_PACKED_F32;
    TL_ASSERT(is_f32 || kind == TL_PACKED_BF16);
    TL_ASSERT(weight->part_count == 1 && weight->dtype == TL_F32);
    const size_t bytes = tl_packed_panel_bytes(kind, in), column = first * TL_PACKED_COLUMNS;
    const size_t left = out - column, columns = left < count * TL_PACKED_COLUMNS ? left : count * TL_PACKED_COLUMNS;
    const float *values = weight->parts[0];
    char *to = (char *)panels + first * bytes;
    if (weight->is_transposed && is_f32) {
        copy_columns(values + column, out, in, columns, bytes, to);
        return;
    }
    if (weight->is_transposed) {
        pack_columns(TL_F32, values + column, out, in, columns, bytes, to);
        return;
    }
    for (size_t r = 0; r < columns; r += TL_PACKED_COLUMNS) {
        const size_t some = columns - r < TL_PACKED_COLUMNS ? columns - r : TL_PACKED_COLUMNS;
        void *panel = to + r / TL_PACKED_COLUMNS * bytes;
        if (is_f32)
            turn_panel(values + (column + r) * in, some, in, panel);
        else
            pack_panel(values + (column + r) * in, some, in, panel);
    }
}

/* ---- products ---- */

/* Scratch: a slab of a, in f32 as blocks, in bf16 as pairs [SLAB / 2, m] of which one block at a time is packed; b's panels. */
static size_t slab_size(tl_packed_kind kind, size_t m)
{
    return tl_whole_lines((kind == TL_PACKED_F32 ? SLAB : SLAB / 2) * m * sizeof(uint32_t));
}

static size_t block_size(tl_packed_kind kind)
{
    const tl_packed_kernels *kernels = tl_packed_active();
    return kind == TL_PACKED_F32 ? 0 : tl_whole_lines(kernels->block_rows[kind] * kernels->row_bytes(kind, SLAB));
}

size_t tl_outer_scratch_size(tl_packed_kind kind, size_t m, size_t n)
{
    return slab_size(kind, m) + block_size(kind) + tl_packed_panel_size(kind, n, SLAB);
}

/* One block of rows of c by all panels. */
static void multiply_block(const tl_outer_call *call, size_t first, size_t rows, size_t count, const char *block,
                           const char *panels)
{
    const tl_packed_kernels *kernels = tl_packed_active();
    const size_t bytes = tl_packed_panel_bytes(call->kind, count), panel_count = tl_packed_panel_count(call->n);
    for (size_t p = 0; p < panel_count; p += TL_MOST_PANELS_OF_A_RUN) {
        const size_t column = p * TL_PACKED_COLUMNS, left = panel_count - p;
        float *c = call->c + first * call->c_row + column;
        const tl_packed_run run = {.panel_count = left < TL_MOST_PANELS_OF_A_RUN ? left : TL_MOST_PANELS_OF_A_RUN,
                                   .panel_bytes = bytes,
                                   .columns = call->n - column,
                                   .first = {.a = block,
                                             .a_row = kernels->row_bytes(call->kind, count),
                                             .rows = rows,
                                             .groups = tl_packed_group_count(call->kind, count),
                                             .panel = panels + p * bytes,
                                             .ahead = panels,
                                             .residual = c,
                                             .y = c,
                                             .y_row = call->c_row}};
        kernels->multiply[call->kind](&run);
    }
}

/* A slab of b to panels, and of a to blocks or pairs. */
static void pack_slab(const tl_outer_call *call, size_t k, size_t count, uint32_t *slab, char *panels)
{
    const void *b = row_of(call->b_dtype, call->b, call->b_row, k);
    const size_t bytes = tl_packed_panel_bytes(call->kind, count);
    if (call->kind == TL_PACKED_F32) {
        copy_columns(b, call->b_row, count, call->n, bytes, panels);
        tl_packed_active()->pack_columns_f32((const float *)call->a + k * call->a_row, call->a_row, count, call->m,
                                             (float *)slab);
        return;
    }
    pack_columns(call->b_dtype, b, call->b_row, count, call->n, bytes, panels);
    for (size_t g = 0; g < (count + 1) / 2; g++)
        pair_up(call->a_dtype, row_of(call->a_dtype, call->a, call->a_row, k + 2 * g), call->a_row, 2 * g + 1 < count, 0, call->m,
                slab + g * call->m);
}

/* The block of columns first..first + rows - 1 of a slab of a. room: where one is packed. */
static const char *block_of(const tl_outer_call *call, size_t count, const uint32_t *slab, size_t first, size_t rows, char *room)
{
    if (call->kind == TL_PACKED_F32)
        return (const char *)(slab + first * count);
    tl_packed_active()->pack_pairs(slab + first, call->m, (count + 1) / 2, rows, room);
    return room;
}

void tl_outer(const tl_outer_call *call, void *scratch)
{
    const tl_packed_kernels *kernels = tl_packed_active();
    const size_t most = kernels->block_rows[call->kind];
    uint32_t *slab = scratch;
    char *room = (char *)scratch + slab_size(call->kind, call->m), *panels = room + block_size(call->kind);
    size_t configured = 0;
    TL_ASSERT(call->kind == TL_PACKED_BF16 ||
              (call->kind == TL_PACKED_F32 && call->a_dtype == TL_F32 && call->b_dtype == TL_F32));
    for (size_t k = 0; k < call->k; k += SLAB) {
        const size_t count = call->k - k < SLAB ? call->k - k : SLAB;
        pack_slab(call, k, count, slab, panels);
        for (size_t row = 0; row < call->m; row += most) {
            const size_t rows = call->m - row < most ? call->m - row : most;
            const char *block = block_of(call, count, slab, row, rows, room);
            if (kernels->begin_blocks != NULL && rows != configured)
                kernels->begin_blocks(call->kind, rows);
            configured = rows;
            multiply_block(call, row, rows, count, block, panels);
        }
    }
    if (kernels->end_blocks != NULL && configured != 0)
        kernels->end_blocks(call->kind);
}
