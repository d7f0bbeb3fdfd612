/* The norm becomes a factor and a term for each channel, at each call: some thousand square roots against 10^9 products. */
#include "encoders/layers/conv2d.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const float norm_epsilon = 1e-5f; /* PyTorch's */

static bool add_row(tl_parameter_table *table, const char *prefix, const char *owner, const char *suffix, uint32_t rank,
                    const size_t *shape, tl_initialization initialization, float value, size_t *number, tl_error *err)
{
    char name[2 * TL_PARAMETER_NAME_SIZE];
    snprintf(name, sizeof name, "%s%s%s", prefix, owner, suffix);
    return tl_parameter_table_add(table, name, rank, shape, rank >= 2, initialization, value, number, err);
}

bool tl_conv2d_create(const char *prefix, const char *conv, const char *norm, tl_parameter_table *table, tl_conv2d *conv2d,
                      tl_error *err)
{
    const size_t shape[4] = {conv2d->out, conv2d->in, conv2d->side, conv2d->side};
    const float by_fan_in = 1.0f / sqrtf((float)(conv2d->in * conv2d->side * conv2d->side));
    return add_row(table, prefix, conv, ".weight", 4, shape, TL_INITIALIZE_UNIFORM, by_fan_in, &conv2d->weight, err) &&
           add_row(table, prefix, norm, ".weight", 1, shape, TL_INITIALIZE_CONSTANT, 1.0f, &conv2d->norm_weight, err) &&
           add_row(table, prefix, norm, ".bias", 1, shape, TL_INITIALIZE_CONSTANT, 0.0f, &conv2d->norm_bias, err) &&
           add_row(table, prefix, norm, ".running_mean", 1, shape, TL_INITIALIZE_CONSTANT, 0.0f, &conv2d->mean, err) &&
           add_row(table, prefix, norm, ".running_var", 1, shape, TL_INITIALIZE_CONSTANT, 1.0f, &conv2d->variance, err);
}

void tl_conv2d_forward(const tl_conv2d *conv2d, const tl_weight *values, const tl_conv2d_call *call, tl_thread_pool *pool,
                       float *scratch)
{
    const float *gain = tl_weight_floats(&values[conv2d->norm_weight]), *bias = tl_weight_floats(&values[conv2d->norm_bias]);
    const float *mean = tl_weight_floats(&values[conv2d->mean]), *variance = tl_weight_floats(&values[conv2d->variance]);
    float *scale = scratch, *shift = scratch + conv2d->out;
    for (size_t c = 0; c < conv2d->out; c++) {
        scale[c] = gain[c] / sqrtf(variance[c] + norm_epsilon);
        shift[c] = bias[c] - mean[c] * scale[c];
    }
    const tl_convolution_call convolution = {.side = conv2d->side,
                                             .in = conv2d->in,
                                             .out = conv2d->out,
                                             .weight = &values[conv2d->weight],
                                             .scale = scale,
                                             .shift = shift,
                                             .raster = call->raster,
                                             .x = call->x,
                                             .y_border = call->y_border,
                                             .y = call->y,
                                             .residual = call->residual,
                                             .rectifies = call->rectifies};
    tl_convolution(pool, &convolution);
}

typedef struct halving {
    const tl_raster *raster;
    size_t channels;
    const float *x;
    float *y;
} halving;

/* One line of the answer. */
static void halve_line(void *context, size_t index, size_t worker)
{
    (void)worker;
    const halving *work = context;
    const size_t channels = work->channels, height = work->raster->height / 2, width = work->raster->width / 2;
    const size_t line = work->raster->width * channels;
    const float *upper = work->x + (index / height * work->raster->height + index % height * 2) * line, *lower = upper + line;
    float *y = work->y + index * width * channels;
    for (size_t x = 0; x < width; x++, upper += 2 * channels, lower += 2 * channels, y += channels)
        for (size_t c = 0; c < channels; c++)
            y[c] = 0.25f * ((upper[c] + upper[channels + c]) + (lower[c] + lower[channels + c]));
}

void tl_average_halve(tl_thread_pool *pool, const tl_raster *raster, size_t channels, const float *x, float *y)
{
    TL_ASSERT(raster->border == 0);
    halving work = {raster, channels, x, y};
    tl_thread_pool_run(pool, raster->items * (raster->height / 2), halve_line, &work);
}

typedef struct column_work {
    const float *pixels;
    size_t image_size, side;
    float *columns;
} column_work;

/* One line of output pixels. */
static void lay_out_line(void *context, size_t index, size_t worker)
{
    (void)worker;
    const column_work *work = context;
    const size_t size = work->image_size, side = work->side, item = index / side, y = index % side;
    const float *picture = work->pixels + item * 3 * size * size;
    float *out = work->columns + index * side * TL_STRIDE_COLUMNS;
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t tap_y = 0; tap_y < 3; tap_y++) {
            const size_t source_y = 2 * y + tap_y; /* in a frame of 1 */
            const bool is_inside = source_y >= 1 && source_y <= size;
            const float *line = is_inside ? picture + (channel * size + source_y - 1) * size : NULL;
            float *at = out + (channel * 3 + tap_y) * 3;
            for (size_t x = 0; x < side; x++, at += TL_STRIDE_COLUMNS)
                for (size_t tap_x = 0; tap_x < 3; tap_x++) {
                    const size_t source_x = 2 * x + tap_x;
                    at[tap_x] = is_inside && source_x >= 1 && source_x <= size ? line[source_x - 1] : 0.0f;
                }
        }
}

void tl_stride_columns(tl_thread_pool *pool, const float *pixels, size_t items, size_t image_size, float *columns)
{
    column_work work = {pixels, image_size, (image_size + 1) / 2, columns};
    tl_thread_pool_run(pool, items * work.side, lay_out_line, &work);
}
