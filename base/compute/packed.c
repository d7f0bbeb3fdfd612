/*
 * Rows of x are packed in blocks, once, normalised on the way where that is asked for; then every block meets every panel of
 * columns. A run of panels stays in the second-level cache while the blocks pass, one after the other; meanwhile each block asks
 * for its share of the next run, since weights come from far. A task is a few runs.
 */
#include "base/compute/packed.h"

#include "base/compute/kernels_internal.h"
#include "base/compute/packed_internal.h"
#include "base/core/memory.h"

#include <string.h>

enum {
    PANELS_OF_A_TASK = 6, /* or somewhat more: whole runs */
    BYTES_OF_A_RUN = 256 * 1024,
    GROUPS_OF_A_PASS = 768, /* 3 KiB of a row of x */
    FEW_BLOCKS = 6,
    NORM_FLOATS = 8192, /* of normalised rows on the stack */
    LINE = 64
};

typedef struct packed_work {
    const tl_packed_kernels *kernels;
    const tl_linear_call *call;
    const tl_packed_weight *weight;
    size_t block_count, block_rows; /* the last block may have fewer */
    size_t row_bytes, panel_count, panels_of_a_run, panels_of_a_task, groups_of_a_pass;
    size_t threads;
    const char *a;     /* blocks one after the other */
    float *row_scales; /* [rows] */
} packed_work;

size_t tl_packed_scratch_size(tl_packed_kind kind, size_t rows, size_t in)
{
    return tl_whole_lines(tl_packed_active()->row_bytes(kind, in) * rows) + tl_whole_lines(rows * sizeof(float));
}

static size_t rows_of_block(const packed_work *work, size_t block)
{
    return tl_smaller(work->block_rows, work->call->rows - block * work->block_rows);
}

static void pack_block(void *context, size_t block, size_t worker)
{
    (void)worker;
    const packed_work *work = context;
    const tl_linear_call *call = work->call;
    const size_t first = block * work->block_rows, rows = rows_of_block(work, block), in = call->in;
    tl_packed_source source = {.x = (const char *)call->x + first * in * tl_dtype_size(call->x_dtype),
                               .dtype = call->x_dtype,
                               .count = rows,
                               .in = in,
                               .block_rows = rows,
                               .a = (char *)(uintptr_t)work->a + first * work->row_bytes,
                               .row_scales = work->row_scales + first};
    if (call->norm == NULL) {
        work->kernels->pack_rows[work->weight->kind](&source);
        return;
    }
    float normal[NORM_FLOATS];
    const float *x = source.x;
    const size_t step = NORM_FLOATS / in;
    source.x = normal;
    for (size_t row = 0; row < rows; row += step) {
        source.first = row;
        source.count = tl_smaller(step, rows - row);
        tl_kernels_active()->layer_norm(x + row * in, call->norm->gain, call->norm->bias, source.count, in, call->norm->epsilon,
                                        normal, NULL, NULL);
        work->kernels->pack_rows[work->weight->kind](&source);
    }
}

/* Groups of one pass: columns of x few enough that the rows of a batch stay near. Sums of later passes go on from y. */
typedef struct pass {
    size_t first_group, group_count;
    bool is_first;
} pass;

/* The numbers of a panel from a group on. */
static const char *panel_at(const packed_work *work, size_t panel, size_t group)
{
    const tl_packed_weight *weight = work->weight;
    const size_t header = weight->kind == TL_PACKED_INT8 ? TL_INT8_HEADER : 0;
    return (const char *)weight->panels + panel * tl_packed_panel_step(weight) + header + group * TL_PACKED_COLUMNS * 4;
}

/* What a thread multiplies after the run that ends before panel `end` of a task; NULL: nothing. Threads draw tasks by turns, if
 * they are as fast as each other. */
static const char *after_run(const packed_work *work, const pass *groups, size_t task, size_t end)
{
    const size_t first = task * work->panels_of_a_task, next = (task + work->threads) * work->panels_of_a_task;
    const size_t next_group = groups->first_group + groups->group_count;
    if (end < first + work->panels_of_a_task && end < work->panel_count)
        return panel_at(work, end, groups->first_group);
    if (next_group < tl_packed_group_count(work->weight->kind, work->weight->in))
        return panel_at(work, first, next_group);
    return next < work->panel_count ? panel_at(work, next, 0) : NULL;
}

/* One block of rows by the panels of a run. ahead: what comes after the run. */
static void multiply_block(const packed_work *work, const pass *groups, size_t block, size_t begin, size_t end, const char *ahead)
{
    const tl_packed_kernels *kernels = work->kernels;
    const tl_linear_call *call = work->call;
    const tl_packed_weight *weight = work->weight;
    const size_t bytes = tl_packed_panel_step(weight), y_size = tl_dtype_size(call->y_dtype);
    const size_t first = block * work->block_rows, rows = rows_of_block(work, block);
    const size_t column = begin * TL_PACKED_COLUMNS;
    const size_t at = first * call->out + (call->is_y_packed ? column * rows : column);
    const char *panel = (const char *)weight->panels + begin * bytes;
    /* This block's share of what comes after the run. */
    const size_t pass_bytes = groups->group_count * TL_PACKED_COLUMNS * 4;
    const size_t share = (pass_bytes / LINE + work->block_count - 1) / work->block_count;
    tl_packed_run run = {.panel_count = end - begin,
                         .panel_bytes = bytes,
                         .columns = weight->out - column,
                         .first = {.rows = rows,
                                   .groups = groups->group_count,
                                   .a_row = work->row_bytes,
                                   .row_scales = work->row_scales + first,
                                   .has_gelu = call->has_gelu,
                                   .gelu = call->gelu,
                                   .y_dtype = call->y_dtype,
                                   .y_row = call->is_y_packed ? TL_PACKED_COLUMNS : call->out,
                                   .is_y_packed = call->is_y_packed}};
    tl_packed_tile *tile = &run.first;
    tile->a = work->a + first * work->row_bytes + kernels->group_offset(weight->kind, groups->first_group, rows);
    tile->panel = panel_at(work, begin, groups->first_group);
    tile->ahead = ahead != NULL ? ahead + block * share * LINE : tile->panel;
    tile->lines_ahead = ahead != NULL ? share : 0;
    tile->scales = weight->scales != NULL ? weight->scales + column : NULL;
    tile->y = (char *)call->y + at * y_size;
    if (groups->is_first) {
        tile->header = weight->kind == TL_PACKED_INT8 ? (const int32_t *)(const void *)panel : NULL;
        tile->bias = call->bias != NULL ? call->bias + column : NULL;
        tile->residual = call->residual != NULL ? call->residual + at : NULL;
    } else {
        tile->residual = tile->y;
    }
    kernels->multiply[weight->kind](&run);
}

static void multiply_panels(void *context, size_t index, size_t worker)
{
    (void)worker;
    const packed_work *work = context;
    const tl_packed_kernels *kernels = work->kernels;
    const tl_packed_kind kind = work->weight->kind;
    const size_t end = tl_smaller((index + 1) * work->panels_of_a_task, work->panel_count);
    const size_t groups = tl_packed_group_count(kind, work->weight->in);
    size_t rows = 0;
    for (size_t group = 0; group < groups; group += work->groups_of_a_pass) {
        const pass now = {group, tl_smaller(work->groups_of_a_pass, groups - group), group == 0};
        for (size_t p = index * work->panels_of_a_task; p < end; p += work->panels_of_a_run) {
            const size_t run_end = tl_smaller(p + work->panels_of_a_run, end);
            const char *ahead = after_run(work, &now, index, run_end);
            for (size_t block = 0; block < work->block_count; block++) {
                if (kernels->begin_blocks != NULL && rows_of_block(work, block) != rows) {
                    rows = rows_of_block(work, block);
                    kernels->begin_blocks(kind, rows);
                }
                multiply_block(work, &now, block, p, run_end, ahead);
            }
        }
    }
    if (kernels->end_blocks != NULL)
        kernels->end_blocks(kind);
}

/* A norm whose gain the panels hold has theirs instead; rows too long to be normed while they are packed are normed before. */
static void settle_norm(tl_linear_call *call, tl_linear_norm *norm)
{
    const tl_packed_weight *weight = &call->weight->packed;
    if (weight->norm_gain != NULL) {
        TL_ASSERT(call->norm != NULL && call->bias != NULL);
        *norm = *call->norm;
        norm->gain = weight->norm_gain;
        norm->bias = weight->norm_bias;
        call->norm = norm;
        call->bias = weight->bias;
    }
    if (call->norm != NULL && call->in > NORM_FLOATS) {
        tl_kernels_active()->layer_norm(call->x, call->norm->gain, call->norm->bias, call->rows, call->in, call->norm->epsilon,
                                        call->norm->rows, NULL, NULL);
        call->x = call->norm->rows;
        call->norm = NULL;
    }
}

static packed_work plan_work(const tl_thread_pool *pool, const tl_linear_call *call)
{
    const tl_packed_weight *weight = &call->weight->packed;
    packed_work work = {.kernels = tl_packed_active(), .call = call, .weight = weight, .threads = tl_thread_pool_size(pool)};
    const size_t most = work.kernels->block_rows[weight->kind], groups = tl_packed_group_count(weight->kind, weight->in);
    work.block_count = (call->rows + most - 1) / most;
    work.block_rows = (call->rows + work.block_count - 1) / work.block_count; /* nearly equal: short ones waste registers */
    work.block_count = (call->rows + work.block_rows - 1) / work.block_rows;
    work.row_bytes = work.kernels->row_bytes(weight->kind, weight->in);
    work.panel_count = tl_packed_panel_count(weight->out);
    /* The result cannot go on from y where it is rounded, or something was done to it. */
    const bool is_one_pass = call->has_gelu || call->y_dtype != TL_F32 || call->is_y_packed || groups < 2 * GROUPS_OF_A_PASS;
    work.groups_of_a_pass = is_one_pass ? groups : GROUPS_OF_A_PASS;
    const size_t panel = work.groups_of_a_pass * TL_PACKED_COLUMNS * 4;
    /* Few blocks pass as fast as a panel arrives: better that it is read from one end to the other. */
    work.panels_of_a_run =
        work.block_count <= FEW_BLOCKS ? 1 : tl_larger(tl_smaller(BYTES_OF_A_RUN / panel, TL_MOST_PANELS_OF_A_RUN), 1);
    work.panels_of_a_task = (PANELS_OF_A_TASK + work.panels_of_a_run - 1) / work.panels_of_a_run * work.panels_of_a_run;
    return work;
}

void tl_packed_linear(tl_thread_pool *pool, const tl_linear_call *call, void *scratch)
{
    const tl_packed_weight *weight = &call->weight->packed;
    tl_linear_call straight = *call;
    tl_linear_norm norm;
    if (call->rows == 0)
        return;
    TL_ASSERT(weight->in == call->in && weight->out == call->out);
    TL_ASSERT((!call->is_x_packed && !call->is_y_packed) || weight->kind == TL_PACKED_F32);
    TL_ASSERT(!call->is_y_packed || call->residual == NULL);
    settle_norm(&straight, &norm);
    packed_work work = plan_work(pool, &straight);
    work.row_scales = (float *)(void *)((char *)scratch + tl_whole_lines(work.row_bytes * call->rows));
    if (call->is_x_packed) {
        work.a = call->x;
    } else if (work.kernels->takes_rows_as_they_are(weight->kind, straight.x_dtype, weight->in)) {
        work.a = straight.x;
        work.row_bytes = weight->in * tl_dtype_size(straight.x_dtype);
    } else {
        work.a = scratch;
        tl_thread_pool_run(pool, work.block_count, pack_block, &work);
    }
    tl_thread_pool_run(pool, (work.panel_count + work.panels_of_a_task - 1) / work.panels_of_a_task, multiply_panels, &work);
}
