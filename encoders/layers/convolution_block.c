/* The MLP's hidden rows are the widest by far: so many of them at a time that backward's three lie in the second-level cache. */
#include "encoders/layers/convolution_block.h"

#include "base/compute/depthwise.h"
#include "base/core/memory.h"
#include "encoders/layers/weight_products.h"

#include <math.h>

enum { HIDDEN_FLOATS = 96 << 10, LEAST_TILE_ROWS = 64 };

/* Matrices decay. */
static bool add_row(tl_parameter_table *table, const char *prefix, const char *suffix, uint32_t rank, const size_t *shape,
                    tl_initialization initialization, float initial_value, size_t *number, tl_error *err)
{
    return tl_parameter_table_add_under(table, prefix, suffix, rank, shape, rank > 1, initialization, initial_value, number, err);
}

bool tl_convolution_block_create(const tl_convolution_block_shape *shape, const char *prefix, tl_parameter_table *table,
                                 tl_convolution_block_parameters *out, tl_error *err)
{
    const size_t width[1] = {shape->width}, hidden[1] = {shape->mlp_width};
    const size_t taps[3] = {shape->kernel, shape->kernel, shape->width}, in[2] = {shape->mlp_width, shape->width},
                 back[2] = {shape->width, shape->mlp_width};
    /* PyTorch's rule for convolutions and Linear: uniform by fan-in, weights and biases alike. */
    const float by_taps = 1.0f / (float)shape->kernel, by_width = 1.0f / sqrtf((float)shape->width),
                by_mlp = 1.0f / sqrtf((float)shape->mlp_width);
    if (!add_row(table, prefix, "depthwise.weight", 3, taps, TL_INITIALIZE_UNIFORM, by_taps, &out->depthwise_weight, err) ||
        !add_row(table, prefix, "depthwise.bias", 1, width, TL_INITIALIZE_UNIFORM, by_taps, &out->depthwise_bias, err) ||
        !add_row(table, prefix, "ln_mlp.weight", 1, width, TL_INITIALIZE_CONSTANT, 1.0f, &out->norm_weight, err) ||
        !add_row(table, prefix, "ln_mlp.bias", 1, width, TL_INITIALIZE_CONSTANT, 0.0f, &out->norm_bias, err) ||
        !add_row(table, prefix, "mlp.c_fc.weight", 2, in, TL_INITIALIZE_UNIFORM, by_width, &out->c_fc_weight, err) ||
        !add_row(table, prefix, "mlp.c_fc.bias", 1, hidden, TL_INITIALIZE_UNIFORM, by_width, &out->c_fc_bias, err) ||
        !add_row(table, prefix, "mlp.c_proj.weight", 2, back, TL_INITIALIZE_UNIFORM, by_mlp, &out->c_proj_weight, err) ||
        !add_row(table, prefix, "mlp.c_proj.bias", 1, width, TL_INITIALIZE_UNIFORM, by_mlp, &out->c_proj_bias, err))
        return false;
    tl_parameter_table_read_as_floats(table, out->depthwise_weight);
    tl_parameter_table_mark_product(table, out->c_fc_weight);
    tl_parameter_table_mark_product(table, out->c_proj_weight);
    return true;
}

/* ---- memory ---- */

static size_t row_count(const tl_convolution_block_shape *shape, size_t pictures)
{
    return pictures * shape->side * shape->side;
}

static size_t tile_rows(const tl_convolution_block_shape *shape, size_t rows)
{
    size_t most = HIDDEN_FLOATS / shape->mlp_width;
    most = most < LEAST_TILE_ROWS ? LEAST_TILE_ROWS : most;
    return rows < most ? rows : most;
}

/* Where the parts of a worker's scratch start; forward has the first three and its products' own. */
typedef struct scratch_layout {
    size_t rows, tile, depth, normal, hidden, d_hidden, again, mean, inverse, product, tiles, total;
} scratch_layout;

static scratch_layout lay_out(const tl_convolution_block_shape *shape, size_t pictures, bool is_backward)
{
    scratch_layout layout = {.rows = row_count(shape, pictures)};
    layout.tile = tile_rows(shape, layout.rows);
    const size_t hidden = tl_whole_line_floats(layout.tile * shape->mlp_width), line = tl_whole_line_floats(layout.tile);
    const size_t widest = shape->width > shape->mlp_width ? shape->width : shape->mlp_width;
    layout.normal = tl_whole_line_floats(layout.rows * shape->width);
    layout.hidden = layout.normal + tl_whole_line_floats(layout.tile * shape->width);
    layout.product = layout.hidden + hidden;
    if (is_backward) {
        layout.d_hidden = layout.hidden + hidden;
        layout.again = layout.d_hidden + hidden;
        layout.mean = layout.again + hidden;
        layout.inverse = layout.mean + line;
        layout.product = layout.inverse + line;
    }
    layout.tiles = layout.product + tl_whole_line_floats(tl_linear_scratch_count(layout.tile, widest));
    layout.total = layout.tiles + (is_backward ? tl_whole_line_floats(tl_weight_product_scratch_count()) : 0);
    return layout;
}

size_t tl_convolution_block_forward_scratch_count(const tl_convolution_block_shape *shape, size_t pictures)
{
    return lay_out(shape, pictures, false).total;
}

size_t tl_convolution_block_backward_scratch_count(const tl_convolution_block_shape *shape, size_t pictures)
{
    return lay_out(shape, pictures, true).total;
}

/* ---- forward ---- */

static tl_depthwise_shape depthwise_shape(const tl_convolution_block_shape *shape)
{
    return (tl_depthwise_shape){shape->side, shape->side, shape->width, shape->kernel};
}

/* depth [pictures, side, side, W] = depthwise(input) */
static void run_depthwise(const tl_convolution_block_shape *shape, const tl_convolution_block_parameters *parameters,
                          const tl_weight *values, size_t pictures, const float *input, float *depth)
{
    const tl_depthwise_shape picture = depthwise_shape(shape);
    const size_t size = shape->side * shape->side * shape->width;
    for (size_t i = 0; i < pictures; i++)
        tl_depthwise(&picture, input + i * size, tl_weight_floats(&values[parameters->depthwise_weight]),
                     tl_weight_floats(&values[parameters->depthwise_bias]), depth + i * size);
}

void tl_convolution_block_forward(const tl_convolution_block_shape *shape, const tl_convolution_block_parameters *parameters,
                                  const tl_weight *values, size_t pictures, tl_thread_pool *pool, const float *input,
                                  float *output, float *scratch)
{
    const scratch_layout layout = lay_out(shape, pictures, false);
    const size_t width = shape->width, mlp = shape->mlp_width;
    const tl_weight *in_weight = &values[parameters->c_fc_weight], *out_weight = &values[parameters->c_proj_weight];
    const tl_dtype between = tl_linear_dtype_between(in_weight, out_weight);
    const tl_linear_norm norm = {.gain = tl_weight_floats(&values[parameters->norm_weight]),
                                 .bias = tl_weight_floats(&values[parameters->norm_bias]),
                                 .epsilon = shape->epsilon,
                                 .rows = scratch + layout.normal};
    float *depth = scratch;
    run_depthwise(shape, parameters, values, pictures, input, depth);
    for (size_t row = 0; row < layout.rows; row += layout.tile) {
        const size_t rows = layout.rows - row < layout.tile ? layout.rows - row : layout.tile;
        tl_linear_call call = {.weight = in_weight,
                               .rows = rows,
                               .in = width,
                               .out = mlp,
                               .x = depth + row * width,
                               .norm = &norm,
                               .bias = tl_weight_floats(&values[parameters->c_fc_bias]),
                               .has_gelu = true,
                               .gelu = shape->activation,
                               .y = scratch + layout.hidden,
                               .y_dtype = between};
        tl_linear_run(pool, &call, scratch + layout.product);
        call = (tl_linear_call){.weight = out_weight,
                                .rows = rows,
                                .in = mlp,
                                .out = width,
                                .x = scratch + layout.hidden,
                                .x_dtype = between,
                                .bias = tl_weight_floats(&values[parameters->c_proj_bias]),
                                .residual = input + row * width,
                                .y = output + row * width};
        tl_linear_run(pool, &call, scratch + layout.product);
    }
}

/* ---- backward ---- */

/* Through the MLP and its norm: depth [rows, W] becomes the gradient by itself. gradient: of these rows, by the output. */
static void mlp_backward(const tl_convolution_block_shape *shape, const tl_convolution_block_parameters *parameters,
                         const tl_weight *values, const scratch_layout *layout, bool in_bf16, size_t rows, const float *gradient,
                         float *depth, float *const *gradients, float *scratch)
{
    const size_t width = shape->width, mlp = shape->mlp_width;
    const float *gain = tl_weight_floats(&values[parameters->norm_weight]);
    float *normal = scratch + layout->normal, *before = scratch + layout->hidden, *d_after = scratch + layout->d_hidden,
          *after = scratch + layout->again, *mean = scratch + layout->mean, *inverse = scratch + layout->inverse,
          *product = scratch + layout->product, *tiles = scratch + layout->tiles;
    tl_layer_norm(depth, gain, tl_weight_floats(&values[parameters->norm_bias]), rows, width, shape->epsilon, normal, mean,
                  inverse);
    const tl_linear_call call = {.weight = &values[parameters->c_fc_weight],
                                 .rows = rows,
                                 .in = width,
                                 .out = mlp,
                                 .x = normal,
                                 .bias = tl_weight_floats(&values[parameters->c_fc_bias]),
                                 .y = before};
    tl_linear_run(NULL, &call, product);
    tl_linear_run_backward(NULL, &values[parameters->c_proj_weight], TL_F32, gradient, rows, width, mlp, d_after, product);
    tl_gelu_again_backward(shape->activation, before, d_after, after, before, rows * mlp);
    const tl_weight_product by_c_proj = {gradient, width,  after, rows, width, mlp, gradients[parameters->c_proj_weight],
                                         in_bf16,  TL_F32, TL_F32};
    const tl_weight_product by_c_fc = {before,  mlp,    normal, rows, mlp, width, gradients[parameters->c_fc_weight],
                                       in_bf16, TL_F32, TL_F32};
    tl_weight_product_run(&by_c_proj, tiles);
    tl_weight_product_run(&by_c_fc, tiles);
    tl_column_sums(gradient, rows, width, gradients[parameters->c_proj_bias]);
    tl_column_sums(before, rows, mlp, gradients[parameters->c_fc_bias]);
    float *d_normal = normal; /* which nothing reads any more */
    tl_linear_run_backward(NULL, &values[parameters->c_fc_weight], TL_F32, before, rows, mlp, width, d_normal, product);
    tl_layer_norm_backward(d_normal, depth, gain, mean, inverse, NULL, rows, width, depth, gradients[parameters->norm_weight],
                           gradients[parameters->norm_bias]);
}

void tl_convolution_block_backward(const tl_convolution_block_shape *shape, const tl_convolution_block_parameters *parameters,
                                   const tl_weight *values, size_t pictures, bool in_bf16, const float *input, float *gradient,
                                   float *const *gradients, float *scratch)
{
    const scratch_layout layout = lay_out(shape, pictures, true);
    const tl_depthwise_shape picture = depthwise_shape(shape);
    const size_t width = shape->width, size = shape->side * shape->side * width;
    float *depth = scratch;
    run_depthwise(shape, parameters, values, pictures, input, depth);
    for (size_t row = 0; row < layout.rows; row += layout.tile) {
        const size_t rows = layout.rows - row < layout.tile ? layout.rows - row : layout.tile;
        mlp_backward(shape, parameters, values, &layout, in_bf16, rows, gradient + row * width, depth + row * width, gradients,
                     scratch);
    }
    for (size_t i = 0; i < pictures; i++) {
        tl_depthwise_backward_weights(&picture, depth + i * size, input + i * size, gradients[parameters->depthwise_weight],
                                      gradients[parameters->depthwise_bias]);
        tl_depthwise_backward_input(&picture, depth + i * size, tl_weight_floats(&values[parameters->depthwise_weight]),
                                    gradient + i * size, gradient + i * size);
    }
}
