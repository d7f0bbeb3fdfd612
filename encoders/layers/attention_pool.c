/* The query is the same for every item: it is projected once and copied. */
#include "encoders/layers/attention_pool.h"

#include <stdio.h>
#include <string.h>

static bool add_row(tl_parameter_table *table, const char *prefix, const char *suffix, uint32_t rank, size_t rows, size_t columns,
                    size_t *number, tl_error *err)
{
    char name[2 * TL_PARAMETER_NAME_SIZE];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    size_t shape[2] = {rows, columns};
    if (!tl_parameter_table_add(table, name, rank, shape, rank >= 2, TL_INITIALIZE_NORMAL, 0.02f, number, err))
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

void tl_attention_pool_forward(const tl_block_shape *shape, const tl_attention_pool_parameters *parameters,
                               const tl_weight *values, const tl_chunk *chunk, tl_thread_pool *pool, const float *rows,
                               float *key_value, float *query, float *attended, float *hidden, float *scratch, float *pooled)
{
    const size_t width = shape->width, mlp = shape->mlp_width, items = chunk->item_count;
    const float *in_bias = tl_weight_floats(&values[parameters->in_proj_bias]);
    const tl_weight query_weight = tl_weight_rows(&values[parameters->in_proj_weight], 0, width, width);
    const tl_weight key_value_weight = tl_weight_rows(&values[parameters->in_proj_weight], width, 2 * width, width);

    tl_linear_packed(pool, tl_weight_floats(&values[parameters->probe]), 1, width, &query_weight, in_bias, NULL, width, scratch,
                     query);
    for (size_t i = 1; i < items; i++)
        memcpy(query + i * width, query, width * sizeof *query);
    tl_linear_packed(pool, rows, chunk->row_count, width, &key_value_weight, in_bias + width, NULL, 2 * width, scratch,
                     key_value);
    const tl_attention_call call = {.heads = shape->heads,
                                    .head_dim = width / shape->heads,
                                    .item_count = items,
                                    .query_offsets = chunk->pooled_offsets,
                                    .key_offsets = chunk->offsets,
                                    .query = query,
                                    .query_row = width,
                                    .key = key_value,
                                    .value = key_value + width,
                                    .key_row = 2 * width,
                                    .out_row = width};
    tl_attention(&call, NULL, scratch, attended);
    tl_linear_packed(pool, attended, items, width, &values[parameters->out_proj_weight],
                     tl_weight_floats(&values[parameters->out_proj_bias]), NULL, width, scratch, query);

    tl_layer_norm(query, tl_weight_floats(&values[parameters->norm_weight]), tl_weight_floats(&values[parameters->norm_bias]),
                  items, width, shape->epsilon, attended, NULL, NULL);
    tl_linear_packed(pool, attended, items, width, &values[parameters->c_fc_weight],
                     tl_weight_floats(&values[parameters->c_fc_bias]), NULL, mlp, scratch, hidden);
    tl_gelu(shape->activation, hidden, hidden, items * mlp);
    tl_linear_packed(pool, hidden, items, mlp, &values[parameters->c_proj_weight],
                     tl_weight_floats(&values[parameters->c_proj_bias]), query, width, scratch, pooled);
}
