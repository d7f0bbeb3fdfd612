/*
 * The block's order of work. Backward runs in place: the gradient by a tensor takes the tensor's memory as soon as nothing else
 * reads it, and the products dy^T x for the weights are left to the tower, which does them over the whole batch.
 */
#include "encoders/layers/block.h"

#include "base/core/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool add_row(tl_parameter_table *table, const char *prefix, const char *suffix, uint32_t rank, size_t rows, size_t columns,
                    tl_initialization initialization, float initial_value, size_t *number, tl_error *err)
{
    size_t shape[2] = {rows, columns};
    if (!tl_parameter_table_add_under(table, prefix, suffix, rank, shape, rank >= 2, initialization, initial_value, number, err))
        return false;
    if (rank >= 2)
        tl_parameter_table_mark_product(table, *number);
    return true;
}

static bool add_inner_norm(const tl_block_shape *shape, tl_parameter_table *table, const char *prefix, const char *name,
                           size_t dim, size_t *weight, size_t *bias, tl_error *err)
{
    char suffix[TL_PARAMETER_NAME_SIZE];
    if (!shape->has_inner_norms)
        return true;
    snprintf(suffix, sizeof suffix, "%s.weight", name);
    if (!add_row(table, prefix, suffix, 1, dim, 0, TL_INITIALIZE_CONSTANT, 1.0f, weight, err))
        return false;
    snprintf(suffix, sizeof suffix, "%s.bias", name);
    return add_row(table, prefix, suffix, 1, dim, 0, TL_INITIALIZE_CONSTANT, 0.0f, bias, err);
}

bool tl_block_create(const tl_block_shape *shape, const char *prefix, const tl_block_initialization *initialization,
                     tl_parameter_table *table, tl_block_parameters *out, tl_error *err)
{
    const size_t width = shape->width, mlp = shape->mlp_width, fully_connected = shape->is_gated ? 2 * mlp : mlp;
    /* PyTorch: Xavier for the joint projection, uniform by fan-in for Linear and its bias, zero for the attention's biases. */
    const float by_width = 1.0f / sqrtf((float)width), by_mlp = 1.0f / sqrtf((float)mlp), xavier = sqrtf(1.5f / (float)width);
    const bool is_normal = initialization->is_normal;
    const tl_initialization rule = is_normal ? TL_INITIALIZE_NORMAL : TL_INITIALIZE_UNIFORM;
    const bool is_added =
        add_row(table, prefix, "ln_1.weight", 1, width, 0, TL_INITIALIZE_CONSTANT, 1.0f, &out->ln_1_weight, err) &&
        add_row(table, prefix, "ln_1.bias", 1, width, 0, TL_INITIALIZE_CONSTANT, 0.0f, &out->ln_1_bias, err) &&
        add_row(table, prefix, "attn.in_proj_weight", 2, 3 * width, width, rule, is_normal ? initialization->attention : xavier,
                &out->in_proj_weight, err) &&
        add_row(table, prefix, "attn.in_proj_bias", 1, 3 * width, 0, TL_INITIALIZE_CONSTANT, 0.0f, &out->in_proj_bias, err) &&
        add_inner_norm(shape, table, prefix, "attn.ln", width, &out->inner_1_weight, &out->inner_1_bias, err) &&
        add_row(table, prefix, "attn.out_proj.weight", 2, width, width, rule, is_normal ? initialization->projection : by_width,
                &out->out_proj_weight, err) &&
        add_row(table, prefix, "attn.out_proj.bias", 1, width, 0, TL_INITIALIZE_CONSTANT, 0.0f, &out->out_proj_bias, err) &&
        add_row(table, prefix, "ln_2.weight", 1, width, 0, TL_INITIALIZE_CONSTANT, 1.0f, &out->ln_2_weight, err) &&
        add_row(table, prefix, "ln_2.bias", 1, width, 0, TL_INITIALIZE_CONSTANT, 0.0f, &out->ln_2_bias, err) &&
        add_row(table, prefix, "mlp.c_fc.weight", 2, fully_connected, width, rule,
                is_normal ? initialization->fully_connected : by_width, &out->c_fc_weight, err) &&
        add_row(table, prefix, "mlp.c_fc.bias", 1, fully_connected, 0, TL_INITIALIZE_UNIFORM, by_width, &out->c_fc_bias, err) &&
        add_inner_norm(shape, table, prefix, "mlp.ln", mlp, &out->inner_2_weight, &out->inner_2_bias, err) &&
        add_row(table, prefix, "mlp.c_proj.weight", 2, width, mlp, rule, is_normal ? initialization->projection : by_mlp,
                &out->c_proj_weight, err) &&
        add_row(table, prefix, "mlp.c_proj.bias", 1, width, 0, TL_INITIALIZE_UNIFORM, by_mlp, &out->c_proj_bias, err);
    if (is_added && !shape->norms_last) {
        tl_parameter_table_mark_norm(table, out->in_proj_weight,
                                     (tl_parameter_norm){out->ln_1_weight, out->ln_1_bias, out->in_proj_bias});
        tl_parameter_table_mark_norm(table, out->c_fc_weight,
                                     (tl_parameter_norm){out->ln_2_weight, out->ln_2_bias, out->c_fc_bias});
    }
    return is_added;
}

size_t tl_block_scratch_count(const tl_block_shape *shape, size_t max_rows, size_t max_tokens)
{
    const size_t attention = tl_attention_scratch_count(max_tokens, max_tokens, shape->width / shape->heads);
    const size_t joint = 3 * shape->width, widest = joint > shape->mlp_width ? joint : shape->mlp_width;
    const size_t product = tl_linear_scratch_count(max_rows, widest);
    return tl_whole_line_floats(max_rows * shape->width) + tl_whole_line_floats(max_rows * shape->mlp_width) +
           tl_whole_line_floats(attention > product ? attention : product);
}

size_t tl_block_forward_scratch_count(const tl_block_shape *shape, tl_dtype kept, size_t max_rows, size_t max_tokens,
                                      size_t shares)
{
    size_t attention =
        shares * tl_whole_line_floats(tl_attention_scratch_count(max_tokens, max_tokens, shape->width / shape->heads)) +
        (kept != TL_F32 ? tl_whole_line_floats(max_rows * shape->width) : 0);
    size_t product = tl_linear_scratch_count(max_rows, shape->width > shape->mlp_width ? shape->width : shape->mlp_width);
    return tl_whole_line_floats(attention > product ? attention : product);
}

static tl_attention_call attention_call(const tl_block_shape *shape, const tl_chunk *chunk, const tl_block_state *state)
{
    const size_t width = shape->width;
    tl_attention_call call = {.heads = shape->heads,
                              .head_dim = width / shape->heads,
                              .item_count = chunk->item_count,
                              .key_offsets = chunk->offsets,
                              .out_row = width};
    if (chunk->pooled_rows != NULL) {
        /* The row read is the last of its item under a causal mask, so it sees all keys either way. */
        call.query_offsets = chunk->pooled_offsets;
        call.query = state->query;
        call.query_row = width;
        call.key = state->qkv;
        call.value = state->qkv + width;
        call.key_row = 2 * width;
    } else {
        call.is_causal = shape->is_causal;
        call.query_offsets = chunk->offsets;
        call.query = state->qkv;
        call.query_row = 3 * width;
        call.key = state->qkv + width;
        call.value = state->qkv + 2 * width;
        call.key_row = 3 * width;
    }
    return call;
}

static void gather_rows(const tl_chunk *chunk, size_t row_bytes, const void *from, void *to)
{
    for (size_t i = 0; i < chunk->item_count; i++)
        memcpy((char *)to + i * row_bytes, (const char *)from + chunk->pooled_rows[i] * row_bytes, row_bytes);
}

/* Queries and keys by their row of the item. */
static void turn_rows(const tl_block_shape *shape, const tl_chunk *chunk, const tl_block_state *state)
{
    const size_t width = shape->width;
    const bool is_pooled = chunk->pooled_rows != NULL;
    for (size_t i = 0; i < chunk->item_count; i++) {
        const size_t first = chunk->offsets[i];
        for (size_t row = first; row < chunk->offsets[i + 1]; row++) {
            if (is_pooled) /* keys and values */
                tl_rotary_turn(shape->rotary, row - first, state->qkv + row * 2 * width, shape->heads);
            else /* queries, keys and values: the first two turn */
                tl_rotary_turn(shape->rotary, row - first, state->qkv + row * 3 * width, 2 * shape->heads);
        }
        if (is_pooled)
            tl_rotary_turn(shape->rotary, chunk->pooled_rows[i] - first, state->query + i * width, shape->heads);
    }
}

static void norm_rows(const tl_weight *values, size_t weight, size_t bias, float epsilon, size_t rows, size_t dim, const float *x,
                      float *y, float *mean, float *inverse)
{
    tl_layer_norm(x, tl_weight_floats(&values[weight]), tl_weight_floats(&values[bias]), rows, dim, epsilon, y, mean, inverse);
}

/* The norm of a layer's input in training. */
static void norm_kept(const tl_block_state *state, const tl_weight *values, size_t weight, size_t bias, float epsilon,
                      size_t rows, size_t dim, const float *x, void *y, float *mean, float *inverse)
{
    const float *gain = tl_weight_floats(&values[weight]), *shift = tl_weight_floats(&values[bias]);
    if (state->kept == TL_BF16)
        tl_layer_norm_bf16(x, gain, shift, rows, dim, epsilon, y, mean, inverse);
    else
        tl_layer_norm(x, gain, shift, rows, dim, epsilon, y, mean, inverse);
}

/* sum [rows, W] = residual + part; sum may be residual. */
static void add_part(const float *residual, const float *part, size_t count, float *sum)
{
    if (sum != residual)
        memcpy(sum, residual, count * sizeof *sum);
    tl_axpy(1.0f, part, sum, count);
}

/* Norms of a layer's input: made on the way of its product, or before it where training wants their statistics. */
static tl_linear_norm norm_on_the_way(const tl_block_shape *shape, const tl_weight *values, size_t weight, size_t bias,
                                      float *rows)
{
    return (tl_linear_norm){.gain = tl_weight_floats(&values[weight]),
                            .bias = tl_weight_floats(&values[bias]),
                            .epsilon = shape->epsilon,
                            .rows = rows};
}

/* Queries, keys and values. Training has the normalised rows already: norm is NULL then. */
static void project_in(const tl_block_shape *shape, const tl_weight *weight, const float *bias, const tl_chunk *chunk,
                       tl_thread_pool *pool, const tl_block_state *state, const tl_linear_norm *norm, void *scratch)
{
    const size_t width = shape->width;
    const bool is_normal = state->mean_1 != NULL;
    tl_linear_call call = {.weight = weight,
                           .rows = chunk->row_count,
                           .in = width,
                           .out = 3 * width,
                           .x = is_normal ? state->normal_1 : state->input,
                           .x_dtype = state->kept,
                           .norm = norm,
                           .bias = bias,
                           .y = state->qkv};
    if (chunk->pooled_rows == NULL) {
        tl_linear_run(pool, &call, scratch);
        return;
    }
    const tl_weight query_weight = tl_weight_rows(weight, 0, width, width);
    const tl_weight key_value_weight = tl_weight_rows(weight, width, 2 * width, width);
    tl_linear_norm query_norm;
    gather_rows(chunk, width * sizeof(float), state->input, state->query_input);
    if (is_normal)
        gather_rows(chunk, width * tl_dtype_size(state->kept), state->normal_1, state->query_normal);
    call.weight = &key_value_weight;
    call.out = 2 * width;
    call.bias = bias + width;
    tl_linear_run(pool, &call, scratch);
    if (norm != NULL) {
        query_norm = *norm;
        query_norm.rows = state->query_normal;
        call.norm = &query_norm;
    }
    call.weight = &query_weight;
    call.rows = chunk->item_count;
    call.out = width;
    call.x = is_normal ? state->query_normal : state->query_input;
    call.bias = bias;
    call.y = state->query;
    tl_linear_run(pool, &call, scratch);
}

void tl_block_forward_attention(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *values,
                                const tl_chunk *chunk, tl_thread_pool *pool, const tl_block_state *state, float *scratch)
{
    const size_t width = shape->width;
    const bool is_pooled = chunk->pooled_rows != NULL;
    const size_t rows = is_pooled ? chunk->item_count : chunk->row_count;
    const float *residual = is_pooled ? state->query_input : state->input;
    const tl_linear_norm norm = norm_on_the_way(shape, values, parameters->ln_1_weight, parameters->ln_1_bias, state->normal_1);

    float *attended = state->attended, *attention_scratch = scratch;
    if (state->kept != TL_F32) {
        attended = scratch;
        attention_scratch += tl_whole_line_floats(rows * width);
    }
    if (state->mean_1 != NULL)
        norm_kept(state, values, parameters->ln_1_weight, parameters->ln_1_bias, shape->epsilon, chunk->row_count, width,
                  state->input, state->normal_1, state->mean_1, state->inverse_1);
    project_in(shape, &values[parameters->in_proj_weight], tl_weight_floats(&values[parameters->in_proj_bias]), chunk, pool,
               state, shape->norms_last || state->mean_1 != NULL ? NULL : &norm, scratch);
    if (shape->rotary != NULL)
        turn_rows(shape, chunk, state);
    tl_attention_call attention = attention_call(shape, chunk, state);
    tl_attention(pool, &attention, state->probabilities, attention_scratch, attended);
    if (state->kept != TL_F32)
        tl_narrow(state->kept, attended, rows * width, state->attended);
    if (shape->has_inner_norms)
        norm_rows(values, parameters->inner_1_weight, parameters->inner_1_bias, shape->epsilon, rows, width, state->attended,
                  state->attended, NULL, NULL);
    tl_linear_call call = {.weight = &values[parameters->out_proj_weight],
                           .rows = rows,
                           .in = width,
                           .out = width,
                           .x = state->attended,
                           .x_dtype = state->kept,
                           .bias = tl_weight_floats(&values[parameters->out_proj_bias]),
                           .residual = shape->norms_last ? NULL : residual,
                           .y = shape->norms_last ? state->qkv : state->middle}; /* nothing reads qkv any more */
    tl_linear_run(pool, &call, scratch);
    if (shape->norms_last) {
        norm_rows(values, parameters->ln_1_weight, parameters->ln_1_bias, shape->epsilon, rows, width, state->qkv, state->qkv,
                  NULL, NULL);
        add_part(residual, state->qkv, rows * width, state->middle);
    }
}

void tl_block_forward_mlp(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *values,
                          const tl_chunk *chunk, tl_thread_pool *pool, const tl_block_state *state, float *scratch)
{
    const size_t width = shape->width, mlp = shape->mlp_width;
    const size_t rows = chunk->pooled_rows != NULL ? chunk->item_count : chunk->row_count;
    const tl_weight *in_weight = &values[parameters->c_fc_weight], *out_weight = &values[parameters->c_proj_weight];
    const bool is_training = state->mean_2 != NULL;
    const bool is_plain = !is_training && !shape->is_gated && !shape->has_inner_norms;
    const tl_dtype between = is_plain ? tl_linear_dtype_between(in_weight, out_weight) : state->kept;
    const bool is_packed_between = is_plain && tl_linear_is_packed_between(in_weight, out_weight);
    const tl_linear_norm norm = norm_on_the_way(shape, values, parameters->ln_2_weight, parameters->ln_2_bias, state->normal_2);
    if (is_training)
        norm_kept(state, values, parameters->ln_2_weight, parameters->ln_2_bias, shape->epsilon, rows, width, state->middle,
                  state->normal_2, state->mean_2, state->inverse_2);
    tl_linear_call call = {.weight = in_weight,
                           .rows = rows,
                           .in = width,
                           .out = shape->is_gated ? 2 * mlp : mlp,
                           .x = is_training ? state->normal_2 : state->middle,
                           .x_dtype = state->kept,
                           .norm = shape->norms_last || is_training ? NULL : &norm,
                           .bias = tl_weight_floats(&values[parameters->c_fc_bias]),
                           .has_gelu = is_plain,
                           .gelu = shape->activation,
                           .y = is_plain ? state->after : state->before,
                           .y_dtype = between,
                           .is_y_packed = is_packed_between};
    tl_linear_run(pool, &call, scratch);
    if (shape->is_gated)
        tl_swiglu(state->before, rows, mlp, state->after);
    else if (!is_plain && state->kept == TL_BF16)
        tl_gelu_bf16(shape->activation, state->before, state->after, rows * mlp);
    else if (!is_plain)
        tl_gelu(shape->activation, state->before, state->after, rows * mlp);
    if (shape->has_inner_norms)
        norm_rows(values, parameters->inner_2_weight, parameters->inner_2_bias, shape->epsilon, rows, mlp, state->after,
                  state->after, NULL, NULL);
    call = (tl_linear_call){.weight = out_weight,
                            .rows = rows,
                            .in = mlp,
                            .out = width,
                            .x = state->after,
                            .x_dtype = between,
                            .is_x_packed = is_packed_between,
                            .bias = tl_weight_floats(&values[parameters->c_proj_bias]),
                            .residual = shape->norms_last ? NULL : state->middle,
                            .y = shape->norms_last ? state->normal_2 : state->output};
    tl_linear_run(pool, &call, scratch);
    if (shape->norms_last) {
        norm_rows(values, parameters->ln_2_weight, parameters->ln_2_bias, shape->epsilon, rows, width, state->normal_2,
                  state->normal_2, NULL, NULL);
        add_part(state->middle, state->normal_2, rows * width, state->output);
    }
}

/* ---- backward ---- */

/* Where the pieces of a chunk's vector gradients start. */
typedef struct vector_layout {
    size_t ln_1_weight, ln_1_bias, in_proj_bias, out_proj_bias, ln_2_weight, ln_2_bias, c_fc_bias, c_proj_bias, total;
} vector_layout;

static vector_layout lay_out_vectors(const tl_block_shape *shape)
{
    const size_t width = tl_whole_line_floats(shape->width);
    vector_layout layout;
    layout.ln_1_weight = 0;
    layout.ln_1_bias = width;
    layout.out_proj_bias = 2 * width;
    layout.ln_2_weight = 3 * width;
    layout.ln_2_bias = 4 * width;
    layout.c_proj_bias = 5 * width;
    layout.in_proj_bias = 6 * width;
    layout.c_fc_bias = layout.in_proj_bias + tl_whole_line_floats(3 * shape->width);
    layout.total = layout.c_fc_bias + tl_whole_line_floats(shape->mlp_width);
    return layout;
}

size_t tl_block_vector_count(const tl_block_shape *shape)
{
    return lay_out_vectors(shape).total;
}

void tl_block_add_vectors(const tl_block_shape *shape, const tl_block_parameters *parameters, const float *vectors,
                          float *const *gradients)
{
    const vector_layout layout = lay_out_vectors(shape);
    const size_t width = shape->width;
    tl_axpy(1.0f, vectors + layout.ln_1_weight, gradients[parameters->ln_1_weight], width);
    tl_axpy(1.0f, vectors + layout.ln_1_bias, gradients[parameters->ln_1_bias], width);
    tl_axpy(1.0f, vectors + layout.in_proj_bias, gradients[parameters->in_proj_bias], 3 * width);
    tl_axpy(1.0f, vectors + layout.out_proj_bias, gradients[parameters->out_proj_bias], width);
    tl_axpy(1.0f, vectors + layout.ln_2_weight, gradients[parameters->ln_2_weight], width);
    tl_axpy(1.0f, vectors + layout.ln_2_bias, gradients[parameters->ln_2_bias], width);
    tl_axpy(1.0f, vectors + layout.c_fc_bias, gradients[parameters->c_fc_bias], shape->mlp_width);
    tl_axpy(1.0f, vectors + layout.c_proj_bias, gradients[parameters->c_proj_bias], width);
}

/* From the gradient by `middle` (in its place) to the gradient by `input` (in its place). d_normal: [N, W] of scratch. */
static void attention_half_backward(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *values,
                                    const tl_chunk *chunk, const tl_block_state *state, float *vectors, float *d_normal,
                                    float *inner_scratch)
{
    const size_t width = shape->width;
    const bool is_pooled = chunk->pooled_rows != NULL;
    const size_t rows = is_pooled ? chunk->item_count : chunk->row_count;
    const vector_layout layout = lay_out_vectors(shape);
    const tl_weight *in_weight = &values[parameters->in_proj_weight];
    float *in_bias = vectors + layout.in_proj_bias;

    norm_kept(state, values, parameters->ln_1_weight, parameters->ln_1_bias, shape->epsilon, chunk->row_count, width,
              state->input, state->normal_1, state->mean_1, state->inverse_1);
    tl_column_sums(state->middle, rows, width, vectors + layout.out_proj_bias);
    tl_linear_run_backward(NULL, &values[parameters->out_proj_weight], TL_F32, state->middle, rows, width, width, d_normal,
                           inner_scratch);
    tl_attention_call call = attention_call(shape, chunk, state);
    if (is_pooled) {
        tl_attention_backward(&call, state->probabilities, d_normal, inner_scratch, state->query, state->qkv, state->qkv + width);
        tl_column_sums(state->query, rows, width, in_bias);
        tl_column_sums(state->qkv, chunk->row_count, 2 * width, in_bias + width);
        const tl_weight query_weight = tl_weight_rows(in_weight, 0, width, width);
        const tl_weight key_value_weight = tl_weight_rows(in_weight, width, 2 * width, width);
        tl_linear_run_backward(NULL, &key_value_weight, TL_F32, state->qkv, chunk->row_count, 2 * width, width, d_normal,
                               inner_scratch);
        /* query_input was only the residual's copy: its memory takes the part that comes through the queries. */
        tl_linear_run_backward(NULL, &query_weight, TL_F32, state->query, rows, width, width, state->query_input, inner_scratch);
        for (size_t i = 0; i < chunk->item_count; i++)
            tl_axpy(1.0f, state->query_input + i * width, d_normal + chunk->pooled_rows[i] * width, width);
    } else {
        tl_attention_backward(&call, state->probabilities, d_normal, inner_scratch, state->qkv, state->qkv + width,
                              state->qkv + 2 * width);
        tl_column_sums(state->qkv, rows, 3 * width, in_bias);
        tl_linear_run_backward(NULL, in_weight, TL_F32, state->qkv, rows, 3 * width, width, d_normal, inner_scratch);
    }
    tl_layer_norm_backward(d_normal, state->input, tl_weight_floats(&values[parameters->ln_1_weight]), state->mean_1,
                           state->inverse_1, is_pooled ? NULL : state->middle, chunk->row_count, width, state->input,
                           vectors + layout.ln_1_weight, vectors + layout.ln_1_bias);
    if (is_pooled)
        for (size_t i = 0; i < chunk->item_count; i++)
            tl_axpy(1.0f, state->middle + i * width, state->input + chunk->pooled_rows[i] * width, width);
}

void tl_block_backward(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *values,
                       const tl_chunk *chunk, const tl_block_state *state, float *vectors, float *scratch)
{
    const size_t width = shape->width, mlp = shape->mlp_width;
    const size_t rows = chunk->pooled_rows != NULL ? chunk->item_count : chunk->row_count;
    const vector_layout layout = lay_out_vectors(shape);
    TL_ASSERT(shape->rotary == NULL && !shape->is_gated && !shape->has_inner_norms && !shape->norms_last);
    float *d_normal = scratch;
    float *d_after = d_normal + tl_whole_line_floats(chunk->row_count * width);
    float *inner_scratch = d_after + tl_whole_line_floats(chunk->row_count * mlp);
    memset(vectors, 0, layout.total * sizeof *vectors);

    norm_kept(state, values, parameters->ln_2_weight, parameters->ln_2_bias, shape->epsilon, rows, width, state->middle,
              state->normal_2, state->mean_2, state->inverse_2);
    tl_column_sums(state->output, rows, width, vectors + layout.c_proj_bias);
    tl_linear_run_backward(NULL, &values[parameters->c_proj_weight], TL_F32, state->output, rows, width, mlp, d_after,
                           inner_scratch);
    if (state->kept == TL_BF16)
        tl_gelu_again_backward_bf16(shape->activation, state->before, d_after, state->after, rows * mlp);
    else
        tl_gelu_again_backward(shape->activation, state->before, d_after, state->after, state->before, rows * mlp);
    tl_column_sums(state->kept == TL_BF16 ? d_after : state->before, rows, mlp, vectors + layout.c_fc_bias);
    tl_linear_run_backward(NULL, &values[parameters->c_fc_weight], state->kept, state->before, rows, mlp, width, d_normal,
                           inner_scratch);
    tl_layer_norm_backward(d_normal, state->middle, tl_weight_floats(&values[parameters->ln_2_weight]), state->mean_2,
                           state->inverse_2, state->output, rows, width, state->middle, vectors + layout.ln_2_weight,
                           vectors + layout.ln_2_bias);
    attention_half_backward(shape, parameters, values, chunk, state, vectors, d_normal, inner_scratch);
}

size_t tl_block_weight_products(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_block_state *state,
                                size_t rows, size_t items, bool is_pooled, float *const *gradients, tl_weight_product *products)
{
    const size_t width = shape->width, mlp = shape->mlp_width;
    const size_t read = is_pooled ? items : rows;
    float *in_gradient = gradients[parameters->in_proj_weight];
    size_t count = 0;
    const tl_dtype kept = state->kept;
    products[count++] = (tl_weight_product){
        state->before, mlp, state->normal_2, read, mlp, width, gradients[parameters->c_fc_weight], false, kept, kept};
    products[count++] = (tl_weight_product){
        state->output, width, state->after, read, width, mlp, gradients[parameters->c_proj_weight], false, TL_F32, kept};
    products[count++] = (tl_weight_product){
        state->middle, width, state->attended, read, width, width, gradients[parameters->out_proj_weight], false, TL_F32, kept};
    if (is_pooled) {
        products[count++] =
            (tl_weight_product){state->query, width, state->query_normal, read, width, width, in_gradient, false, TL_F32, kept};
        products[count++] = (tl_weight_product){
            state->qkv, 2 * width, state->normal_1, rows, 2 * width, width, in_gradient + width * width, false, TL_F32, kept};
    } else {
        products[count++] =
            (tl_weight_product){state->qkv, 3 * width, state->normal_1, rows, 3 * width, width, in_gradient, false, TL_F32, kept};
    }
    return count;
}
