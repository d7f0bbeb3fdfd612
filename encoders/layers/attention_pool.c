/* The query is the same for every item: it is projected once and copied. */
#include "encoders/layers/attention_pool.h"

#include "base/core/memory.h"

#include <string.h>

static bool add_row(tl_parameter_table *table, const char *prefix, const char *suffix, uint32_t rank, size_t rows, size_t columns,
                    size_t *number, tl_error *err)
{
    size_t shape[2] = {rows, columns};
    if (!tl_parameter_table_add_under(table, prefix, suffix, rank, shape, rank >= 2, TL_INITIALIZE_NORMAL, 0.02f, number, err))
        return false;
    if (rank >= 2)
        tl_parameter_table_mark_product(table, *number);
    return true;
}

bool tl_attention_pool_create(const tl_block_shape *shape, const char *prefix, tl_parameter_table *table,
                              tl_attention_pool_parameters *out, tl_error *err)
{
    const size_t width = shape->width, mlp = shape->mlp_width;
    return add_row(table, prefix, "probe", 1, width, 0, &out->probe, err) &&
           add_row(table, prefix, "attn.in_proj_weight", 2, 3 * width, width, &out->in_proj_weight, err) &&
           add_row(table, prefix, "attn.in_proj_bias", 1, 3 * width, 0, &out->in_proj_bias, err) &&
           add_row(table, prefix, "attn.out_proj.weight", 2, width, width, &out->out_proj_weight, err) &&
           add_row(table, prefix, "attn.out_proj.bias", 1, width, 0, &out->out_proj_bias, err) &&
           add_row(table, prefix, "ln.weight", 1, width, 0, &out->norm_weight, err) &&
           add_row(table, prefix, "ln.bias", 1, width, 0, &out->norm_bias, err) &&
           add_row(table, prefix, "mlp.c_fc.weight", 2, mlp, width, &out->c_fc_weight, err) &&
           add_row(table, prefix, "mlp.c_fc.bias", 1, mlp, 0, &out->c_fc_bias, err) &&
           add_row(table, prefix, "mlp.c_proj.weight", 2, width, mlp, &out->c_proj_weight, err) &&
           add_row(table, prefix, "mlp.c_proj.bias", 1, width, 0, &out->c_proj_bias, err);
}

static bool take(tl_arena *arena, size_t count, float **out, tl_error *err)
{
    *out = tl_arena_allocate(arena, count, sizeof **out, err);
    return *out != NULL;
}

bool tl_attention_pool_keep(const tl_block_shape *shape, size_t items, size_t rows, size_t probabilities, tl_arena *arena,
                            tl_attention_pool_state *out, tl_error *err)
{
    const size_t width = shape->width, mlp = shape->mlp_width;
    return take(arena, rows * width, &out->rows, err) && take(arena, rows * 2 * width, &out->key_value, err) &&
           take(arena, items * width, &out->query, err) && take(arena, items * width, &out->probes, err) &&
           take(arena, probabilities, &out->probabilities, err) && take(arena, items * width, &out->attended, err) &&
           take(arena, items * width, &out->middle, err) && take(arena, items * width, &out->normal, err) &&
           take(arena, items, &out->mean, err) && take(arena, items, &out->inverse, err) &&
           take(arena, items * mlp, &out->before, err) && take(arena, items * mlp, &out->after, err) &&
           take(arena, items * width, &out->pooled, err);
}

tl_attention_pool_state tl_attention_pool_view(const tl_block_shape *shape, const tl_attention_pool_state *whole,
                                               const tl_chunk *chunk, size_t first_probability)
{
    const size_t width = shape->width, mlp = shape->mlp_width, row = chunk->first_row, item = chunk->first_item;
    return (tl_attention_pool_state){.rows = whole->rows + row * width,
                                     .key_value = whole->key_value + row * 2 * width,
                                     .query = whole->query + item * width,
                                     .probes = whole->probes + item * width,
                                     .probabilities = whole->probabilities + first_probability,
                                     .attended = whole->attended + item * width,
                                     .middle = whole->middle + item * width,
                                     .normal = whole->normal + item * width,
                                     .mean = whole->mean + item,
                                     .inverse = whole->inverse + item,
                                     .before = whole->before + item * mlp,
                                     .after = whole->after + item * mlp,
                                     .pooled = whole->pooled + item * width};
}

static tl_attention_call attention_call(const tl_block_shape *shape, const tl_chunk *chunk, const tl_attention_pool_state *state)
{
    const size_t width = shape->width;
    return (tl_attention_call){.heads = shape->heads,
                               .head_dim = width / shape->heads,
                               .item_count = chunk->item_count,
                               .query_offsets = chunk->pooled_offsets,
                               .key_offsets = chunk->offsets,
                               .query = state->query,
                               .query_row = width,
                               .key = state->key_value,
                               .value = state->key_value + width,
                               .key_row = 2 * width,
                               .out_row = width};
}

static void run_layer(tl_thread_pool *pool, const float *x, size_t rows, size_t in, const tl_weight *weight, const float *bias,
                      const float *residual, size_t out, float *scratch, float *y)
{
    const tl_linear_call call = {
        .weight = weight, .rows = rows, .in = in, .out = out, .x = x, .bias = bias, .residual = residual, .y = y};
    tl_linear_run(pool, &call, scratch);
}

void tl_attention_pool_forward(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                               const tl_weight *values, const tl_chunk *chunk, tl_thread_pool *pool, const float *rows,
                               const tl_attention_pool_state *state, float *scratch)
{
    const size_t width = shape->width, mlp = shape->mlp_width, items = chunk->item_count;
    const float *in_bias = tl_weight_floats(&values[parameters->in_proj_bias]);
    const float *probe = tl_weight_floats(&values[parameters->probe]);
    const tl_weight query_weight = tl_weight_rows(&values[parameters->in_proj_weight], 0, width, width);
    const tl_weight key_value_weight = tl_weight_rows(&values[parameters->in_proj_weight], width, 2 * width, width);

    run_layer(pool, probe, 1, width, &query_weight, in_bias, NULL, width, scratch, state->query);
    for (size_t i = 1; i < items; i++)
        memcpy(state->query + i * width, state->query, width * sizeof(float));
    for (size_t i = 0; state->probes != NULL && i < items; i++)
        memcpy(state->probes + i * width, probe, width * sizeof(float));
    run_layer(pool, rows, chunk->row_count, width, &key_value_weight, in_bias + width, NULL, 2 * width, scratch,
              state->key_value);
    const tl_attention_call call = attention_call(shape, chunk, state);
    tl_attention(NULL, &call, state->probabilities, scratch, state->attended);
    run_layer(pool, state->attended, items, width, &values[parameters->out_proj_weight],
              tl_weight_floats(&values[parameters->out_proj_bias]), NULL, width, scratch, state->middle);

    tl_layer_norm(state->middle, tl_weight_floats(&values[parameters->norm_weight]),
                  tl_weight_floats(&values[parameters->norm_bias]), items, width, shape->epsilon, state->normal, state->mean,
                  state->inverse);
    run_layer(pool, state->normal, items, width, &values[parameters->c_fc_weight],
              tl_weight_floats(&values[parameters->c_fc_bias]), NULL, mlp, scratch, state->before);
    tl_gelu(shape->activation, state->before, state->after, items * mlp);
    run_layer(pool, state->after, items, mlp, &values[parameters->c_proj_weight],
              tl_weight_floats(&values[parameters->c_proj_bias]), state->middle, width, scratch, state->pooled);
}

/* ---- backward ---- */

/* Where the pieces of a chunk's vector gradients start. */
typedef struct vector_layout {
    size_t probe, in_proj_bias, out_proj_bias, norm_weight, norm_bias, c_fc_bias, c_proj_bias, total;
} vector_layout;

static vector_layout lay_out_vectors(const tl_block_shape *shape)
{
    const size_t width = tl_whole_line_floats(shape->width);
    vector_layout layout = {.out_proj_bias = width, .norm_weight = 2 * width, .norm_bias = 3 * width, .c_proj_bias = 4 * width};
    layout.in_proj_bias = 5 * width;
    layout.c_fc_bias = layout.in_proj_bias + tl_whole_line_floats(3 * shape->width);
    layout.total = layout.c_fc_bias + tl_whole_line_floats(shape->mlp_width);
    return layout;
}

size_t tl_attention_pool_vector_count(const tl_block_shape *shape)
{
    return lay_out_vectors(shape).total;
}

size_t tl_attention_pool_backward_scratch_count(const tl_block_shape *shape, size_t max_items, size_t max_tokens)
{
    return tl_whole_line_floats(max_items * shape->width) + tl_whole_line_floats(max_items * shape->mlp_width) +
           tl_whole_line_floats(tl_attention_scratch_count(1, max_tokens, shape->width / shape->heads));
}

void tl_attention_pool_backward(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                                const tl_weight *values, const tl_chunk *chunk, const tl_attention_pool_state *state,
                                float *vectors, float *scratch, float *rows_gradient)
{
    const size_t width = shape->width, mlp = shape->mlp_width, items = chunk->item_count;
    const vector_layout layout = lay_out_vectors(shape);
    const float *in_weight = tl_weight_floats(&values[parameters->in_proj_weight]);
    float *d_normal = scratch, *d_after = d_normal + tl_whole_line_floats(items * width);
    float *attention_scratch = d_after + tl_whole_line_floats(items * mlp);
    memset(vectors, 0, layout.total * sizeof *vectors);

    tl_column_sums(state->pooled, items, width, vectors + layout.c_proj_bias);
    tl_linear_backward_input(NULL, state->pooled, items, width, tl_weight_floats(&values[parameters->c_proj_weight]), mlp,
                             d_after);
    tl_gelu_backward(shape->activation, state->before, d_after, state->before, items * mlp);
    tl_column_sums(state->before, items, mlp, vectors + layout.c_fc_bias);
    tl_linear_backward_input(NULL, state->before, items, mlp, tl_weight_floats(&values[parameters->c_fc_weight]), width,
                             d_normal);
    tl_layer_norm_backward(d_normal, state->middle, tl_weight_floats(&values[parameters->norm_weight]), state->mean,
                           state->inverse, state->pooled, items, width, state->middle, vectors + layout.norm_weight,
                           vectors + layout.norm_bias);

    tl_column_sums(state->middle, items, width, vectors + layout.out_proj_bias);
    tl_linear_backward_input(NULL, state->middle, items, width, tl_weight_floats(&values[parameters->out_proj_weight]), width,
                             d_normal);
    const tl_attention_call call = attention_call(shape, chunk, state);
    tl_attention_backward(&call, state->probabilities, d_normal, attention_scratch, state->query, state->key_value,
                          state->key_value + width);
    tl_column_sums(state->query, items, width, vectors + layout.in_proj_bias);
    tl_column_sums(state->key_value, chunk->row_count, 2 * width, vectors + layout.in_proj_bias + width);
    tl_linear_backward_input(NULL, state->query, items, width, in_weight, width, d_normal);
    tl_column_sums(d_normal, items, width, vectors + layout.probe);
    tl_linear_backward_input(NULL, state->key_value, chunk->row_count, 2 * width, in_weight + width * width, width,
                             rows_gradient);
}

void tl_attention_pool_add_vectors(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                                   const float *vectors, float *const *gradients)
{
    const vector_layout layout = lay_out_vectors(shape);
    const size_t width = shape->width;
    tl_axpy(1.0f, vectors + layout.probe, gradients[parameters->probe], width);
    tl_axpy(1.0f, vectors + layout.in_proj_bias, gradients[parameters->in_proj_bias], 3 * width);
    tl_axpy(1.0f, vectors + layout.out_proj_bias, gradients[parameters->out_proj_bias], width);
    tl_axpy(1.0f, vectors + layout.norm_weight, gradients[parameters->norm_weight], width);
    tl_axpy(1.0f, vectors + layout.norm_bias, gradients[parameters->norm_bias], width);
    tl_axpy(1.0f, vectors + layout.c_fc_bias, gradients[parameters->c_fc_bias], shape->mlp_width);
    tl_axpy(1.0f, vectors + layout.c_proj_bias, gradients[parameters->c_proj_bias], width);
}

void tl_attention_pool_weight_products(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                                       const tl_attention_pool_state *state, size_t rows, size_t items, float *const *gradients,
                                       tl_weight_product products[TL_ATTENTION_POOL_PRODUCTS])
{
    const size_t width = shape->width, mlp = shape->mlp_width;
    float *in_gradient = gradients[parameters->in_proj_weight];
    products[0] = (tl_weight_product){state->before, mlp,    state->normal, items, mlp, width, gradients[parameters->c_fc_weight],
                                      false,         TL_F32, TL_F32};
    products[1] = (tl_weight_product){
        state->pooled, width, state->after, items, width, mlp, gradients[parameters->c_proj_weight], false, TL_F32, TL_F32};
    products[2] =
        (tl_weight_product){state->middle, width,  state->attended, items, width, width, gradients[parameters->out_proj_weight],
                            false,         TL_F32, TL_F32};
    products[3] =
        (tl_weight_product){state->query, width, state->probes, items, width, width, in_gradient, false, TL_F32, TL_F32};
    products[4] = (tl_weight_product){
        state->key_value, 2 * width, state->rows, rows, 2 * width, width, in_gradient + width * width, false, TL_F32, TL_F32};
}
