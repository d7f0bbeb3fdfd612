/*
 * A convolution as a sum of products, one a tap of the kernel: row m of tap t's left matrix is the pixel that lies at t from
 * output pixel m, where it is in memory, so that no column matrix is laid out. A task is a panel of output channels for a run of
 * output pixels. It transposes a block of the panel's weights, as they lie in the file, to [tap, channel in, channel out] in f32
 * on its stack, where the block stays in the second-level cache while all the pixels of the task are multiplied by it; against
 * some hundred pixels that costs a few percent, and no copy of the weights is kept.
 */
#include "base/compute/convolution.h"

#include "base/compute/kernels_internal.h"

#include <string.h>

enum {
    BLOCK_DEPTH = 576, /* taps * channels of a block: with TL_PANEL_COLUMNS, 144 KiB of stack */
    LEAST_ROWS = 384,  /* of a task where there are more */
    WIDENED_ROWS = 16  /* output channels widened at a time */
};

size_t tl_raster_pixel_count(const tl_raster *raster)
{
    return raster->items * (raster->height + 2 * raster->border) * (raster->width + 2 * raster->border);
}

typedef struct border_work {
    const tl_raster *raster;
    size_t channels;
    float *rows;
} border_work;

static void clear_border_of_item(void *context, size_t index, size_t worker)
{
    (void)worker;
    const border_work *work = context;
    const size_t border = work->raster->border, height = work->raster->height;
    const size_t line = (work->raster->width + 2 * border) * work->channels, edge = border * work->channels;
    float *at = work->rows + index * (height + 2 * border) * line;
    memset(at, 0, (border * line + edge) * sizeof *at);
    at += border * line;
    for (size_t y = 1; y < height; y++) /* the end of one line and the start of the next */
        memset(at + y * line - edge, 0, 2 * edge * sizeof *at);
    memset(at + height * line - edge, 0, (border * line + edge) * sizeof *at);
}

void tl_raster_clear_border(tl_thread_pool *pool, const tl_raster *raster, size_t channels, float *rows)
{
    border_work work = {raster, channels, rows};
    if (raster->border != 0)
        tl_thread_pool_run(pool, raster->items, clear_border_of_item, &work);
}

/* How the work is cut: by shapes only. */
typedef struct convolution_plan {
    const tl_convolution_call *call;
    size_t taps, rows, rows_of_a_task, row_tasks;
    size_t channels_of_a_block;
    size_t x_line, y_line; /* pixels of a line, frame included */
    size_t tap_offsets[9]; /* floats from the first tap's pixel */
} convolution_plan;

/* Weights of `outs` output channels from first_out on and `channels` input channels from first_channel on. */
static void pack_block(const convolution_plan *plan, size_t first_out, size_t outs, size_t first_channel, size_t channels,
                       float *panel)
{
    const tl_convolution_call *call = plan->call;
    const size_t columns = call->in * plan->taps, start = first_channel * plan->taps, count = channels * plan->taps;
    float widened[WIDENED_ROWS * BLOCK_DEPTH];
    for (size_t out = 0; out < outs; out += WIDENED_ROWS) {
        const size_t rows = outs - out < WIDENED_ROWS ? outs - out : WIDENED_ROWS;
        const tl_weight part = tl_weight_rows(call->weight, first_out + out, rows, columns);
        const char *memory = part.parts[0];
        tl_packing packing = {.taps = plan->taps,
                              .channels = channels,
                              .row_count = rows,
                              .scale = call->scale != NULL ? call->scale + first_out + out : NULL,
                              .panel = panel + out};
        if (part.dtype == TL_F32) {
            packing.rows = (const float *)part.parts[0] + start;
            packing.row_step = columns;
        } else {
            for (size_t row = 0; row < rows; row++)
                tl_widen(part.dtype, memory + (row * columns + start) * tl_dtype_size(part.dtype), count, widened + row * count);
            packing.rows = widened;
            packing.row_step = count;
        }
        tl_kernels_active()->pack_taps(&packing);
    }
}

/* Where an output pixel lies: item, line and column in one walk over the rows of a task. */
typedef struct pixel_walk {
    size_t item, y, x;
} pixel_walk;

static void step_pixel(pixel_walk *at, const tl_raster *raster)
{
    if (++at->x < raster->width)
        return;
    at->x = 0;
    if (++at->y < raster->height)
        return;
    at->y = 0;
    at->item++;
}

static void multiply_rows(const convolution_plan *plan, size_t first_row, size_t count, const tl_tap_product *product,
                          size_t first_channel, size_t first_out)
{
    const tl_convolution_call *call = plan->call;
    const tl_raster *raster = &call->raster;
    const size_t x_lines = raster->height + 2 * raster->border, y_lines = raster->height + 2 * call->y_border;
    const size_t inset = raster->border - call->side / 2; /* from the frame's corner to the first tap of pixel 0 */
    const size_t pixels = raster->height * raster->width;
    pixel_walk at = {first_row / pixels, first_row % pixels / raster->width, first_row % raster->width};
    const tl_kernels *kernels = tl_kernels_active();
    const size_t tile = kernels->tap_rows;
    for (size_t row = 0; row < count; row += tile) {
        tl_tap_rows rows = {.count = count - row < tile ? count - row : tile};
        for (size_t i = 0; i < rows.count; i++, step_pixel(&at, raster)) {
            size_t x_pixel = (at.item * x_lines + at.y + inset) * plan->x_line + at.x + inset;
            size_t y_pixel = (at.item * y_lines + at.y + call->y_border) * plan->y_line + at.x + call->y_border;
            rows.x[i] = call->x + x_pixel * call->in + first_channel;
            rows.y[i] = call->y + y_pixel * call->out + first_out;
            rows.residual[i] = call->residual != NULL ? call->residual + (first_row + row + i) * call->out + first_out : NULL;
        }
        kernels->multiply_taps(product, &rows);
    }
}

static void convolve_task(void *context, size_t index, size_t worker)
{
    (void)worker;
    const convolution_plan *plan = context;
    const tl_convolution_call *call = plan->call;
    const size_t first_out = index / plan->row_tasks * TL_PANEL_COLUMNS,
                 first_row = index % plan->row_tasks * plan->rows_of_a_task;
    const size_t outs = call->out - first_out < TL_PANEL_COLUMNS ? call->out - first_out : TL_PANEL_COLUMNS;
    const size_t rows = plan->rows - first_row < plan->rows_of_a_task ? plan->rows - first_row : plan->rows_of_a_task;
    float panel[BLOCK_DEPTH * TL_PANEL_COLUMNS];
    for (size_t channel = 0; channel < call->in; channel += plan->channels_of_a_block) {
        const size_t left = call->in - channel;
        const bool is_last = left <= plan->channels_of_a_block;
        const tl_tap_product product = {.taps = plan->taps,
                                        .channels = is_last ? left : plan->channels_of_a_block,
                                        .tap_offsets = plan->tap_offsets,
                                        .panel = panel,
                                        .columns = outs,
                                        .shift = call->shift != NULL ? call->shift + first_out : NULL,
                                        .accumulates = channel != 0,
                                        .rectifies = call->rectifies && is_last};
        pack_block(plan, first_out, outs, channel, product.channels, panel);
        multiply_rows(plan, first_row, rows, &product, channel, first_out);
    }
}

void tl_convolution(tl_thread_pool *pool, const tl_convolution_call *call)
{
    const tl_raster *raster = &call->raster;
    TL_ASSERT((call->side == 1 || call->side == 3) && raster->border >= call->side / 2 && call->in != 0);
    TL_ASSERT(call->weight->part_count == 1 && !call->weight->is_transposed);
    convolution_plan plan = {.call = call,
                             .taps = call->side * call->side,
                             .rows = raster->items * raster->height * raster->width,
                             .x_line = raster->width + 2 * raster->border,
                             .y_line = raster->width + 2 * call->y_border};
    if (plan.rows == 0)
        return;
    const size_t tile = tl_kernels_active()->tap_rows, most = BLOCK_DEPTH / plan.taps;
    const size_t blocks = (call->in + most - 1) / most;
    plan.channels_of_a_block = (call->in + blocks - 1) / blocks;
    const size_t wanted_tasks = plan.rows < LEAST_ROWS ? 1 : plan.rows / LEAST_ROWS;
    plan.rows_of_a_task = (plan.rows + wanted_tasks * tile - 1) / (wanted_tasks * tile) * tile;
    plan.row_tasks = (plan.rows + plan.rows_of_a_task - 1) / plan.rows_of_a_task;
    for (size_t tap = 0; tap < plan.taps; tap++)
        plan.tap_offsets[tap] = (tap / call->side * plan.x_line + tap % call->side) * call->in;
    const size_t panels = (call->out + TL_PANEL_COLUMNS - 1) / TL_PANEL_COLUMNS;
    tl_thread_pool_run(pool, panels * plan.row_tasks, convolve_task, &plan);
}
