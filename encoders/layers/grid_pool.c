/*
 * One row asks, so keys and values need not be made for all rows. Of head h, with its rows Q, K, V of the matrices and x the rows
 * of an item: scores = (Q x0 + q) (K x + k)^T; (Q x0 + q) k is the same for all rows and falls out of the softmax, and the rest
 * is (K^T (Q x0 + q)) x. Values sum to probabilities: sum p (V x + v) = V (sum p x) + v. That is 2 W^2 products an item for keys
 * and values instead of 2 W^2 a row.
 */
#include "encoders/layers/grid_pool.h"

#include "base/compute/compute.h"

#include <math.h>
#include <string.h>

static bool add_row(tl_parameter_table *table, const char *prefix, const char *suffix, uint32_t rank, size_t rows, size_t columns,
                    float deviation, size_t *number, tl_error *err)
{
    const size_t shape[2] = {rows, columns};
    return tl_parameter_table_add_under(table, prefix, suffix, rank, shape, rank >= 2, TL_INITIALIZE_NORMAL, deviation, number,
                                        err);
}

bool tl_grid_pool_create(const char *prefix, tl_parameter_table *table, tl_grid_pool *pool, tl_error *err)
{
    const size_t width = pool->width;
    const float deviation = 1.0f / sqrtf((float)width);
    if (!add_row(table, prefix, "positional_embedding", 2, pool->pixels + 1, width, deviation, &pool->positions, err) ||
        !add_row(table, prefix, "k_proj.weight", 2, width, width, deviation, &pool->key_weight, err) ||
        !add_row(table, prefix, "k_proj.bias", 1, width, 0, 0.0f, &pool->key_bias, err) ||
        !add_row(table, prefix, "q_proj.weight", 2, width, width, deviation, &pool->query_weight, err) ||
        !add_row(table, prefix, "q_proj.bias", 1, width, 0, 0.0f, &pool->query_bias, err) ||
        !add_row(table, prefix, "v_proj.weight", 2, width, width, deviation, &pool->value_weight, err) ||
        !add_row(table, prefix, "v_proj.bias", 1, width, 0, 0.0f, &pool->value_bias, err) ||
        !add_row(table, prefix, "c_proj.weight", 2, pool->out, width, deviation, &pool->out_weight, err) ||
        !add_row(table, prefix, "c_proj.bias", 1, pool->out, 0, 0.0f, &pool->out_bias, err))
        return false;
    tl_parameter_table_read_as_floats(table, pool->positions);
    return true;
}

size_t tl_grid_pool_scratch_count(const tl_grid_pool *pool, size_t items)
{
    const size_t tokens = pool->pixels + 1;
    return items * (tokens * pool->width + 2 * pool->width + pool->heads * (pool->width + tokens));
}

typedef struct grid_pooling {
    const tl_grid_pool *grid;
    const tl_weight *values;
    const float *x;
    size_t items, tokens, head_width;
    float *rows;   /* [items, T, W] */
    float *asking; /* [items, W]: row 0 of each item */
    float *heads;  /* [H, items, head_width]: queries, then answers */
    float *seen;   /* [H, items, W]: a query as seen from x, then the sum of x */
    float *scores; /* [items, H, T] */
    float *pooled;
} grid_pooling;

static void lay_out_item(void *context, size_t item, size_t worker)
{
    (void)worker;
    const grid_pooling *work = context;
    const size_t width = work->grid->width, pixels = work->grid->pixels;
    const float *x = work->x + item * pixels * width, *positions = tl_weight_floats(&work->values[work->grid->positions]);
    float *rows = work->rows + item * work->tokens * width, *asking = work->asking + item * width;
    memset(rows, 0, width * sizeof *rows);
    tl_column_sums(x, pixels, width, rows);
    tl_scale(rows, 1.0f / (float)pixels, rows, width);
    memcpy(rows + width, x, pixels * width * sizeof *rows);
    tl_axpy(1.0f, positions, rows, work->tokens * width);
    memcpy(asking, rows, width * sizeof *rows);
}

static void ask_for_head(void *context, size_t head, size_t worker)
{
    (void)worker;
    const grid_pooling *work = context;
    const size_t width = work->grid->width, head_width = work->head_width, first = head * head_width;
    float *query = work->heads + head * work->items * head_width;
    const tl_weight query_weight = tl_weight_rows(&work->values[work->grid->query_weight], first, head_width, width);
    tl_linear(NULL, work->asking, work->items, width, &query_weight,
              tl_weight_floats(&work->values[work->grid->query_bias]) + first, NULL, head_width, query);
    tl_scale(query, 1.0f / sqrtf((float)head_width), query, work->items * head_width);
    /* query [items, head_width] K [head_width, W]: as a weight of W rows, K lies transposed. */
    tl_weight key_weight = tl_weight_rows(&work->values[work->grid->key_weight], first, head_width, width);
    TL_ASSERT(key_weight.part_count == 1);
    key_weight.is_transposed = true;
    key_weight.part_rows[0] = width;
    tl_linear(NULL, query, work->items, head_width, &key_weight, NULL, NULL, width, work->seen + head * work->items * width);
}

static void attend_item(void *context, size_t item, size_t worker)
{
    (void)worker;
    const grid_pooling *work = context;
    const size_t width = work->grid->width, heads = work->grid->heads, tokens = work->tokens;
    const float *rows = work->rows + item * tokens * width;
    float *seen = work->seen + item * width, *scores = work->scores + item * heads * tokens;
    const tl_matmul_call score = {.transpose_b = true,
                                  .m = heads,
                                  .n = tokens,
                                  .k = width,
                                  .alpha = 1.0f,
                                  .a = seen,
                                  .a_row = work->items * width,
                                  .b = rows,
                                  .b_row = width,
                                  .c = scores,
                                  .c_row = tokens};
    tl_matmul(NULL, &score);
    for (size_t head = 0; head < heads; head++)
        tl_softmax(scores + head * tokens, tokens);
    const tl_matmul_call sum = {.m = heads,
                                .n = width,
                                .k = tokens,
                                .alpha = 1.0f,
                                .a = scores,
                                .a_row = tokens,
                                .b = rows,
                                .b_row = width,
                                .c = seen,
                                .c_row = work->items * width};
    tl_matmul(NULL, &sum);
}

static void answer_head(void *context, size_t head, size_t worker)
{
    (void)worker;
    const grid_pooling *work = context;
    const size_t width = work->grid->width, head_width = work->head_width, first = head * head_width;
    float *answer = work->heads + head * work->items * head_width;
    const tl_weight value_weight = tl_weight_rows(&work->values[work->grid->value_weight], first, head_width, width);
    tl_linear(NULL, work->seen + head * work->items * width, work->items, width, &value_weight,
              tl_weight_floats(&work->values[work->grid->value_bias]) + first, NULL, head_width, answer);
    for (size_t item = 0; item < work->items; item++)
        memcpy(work->pooled + item * width + first, answer + item * head_width, head_width * sizeof *answer);
}

void tl_grid_pool_forward(const tl_grid_pool *grid, const tl_weight *values, const float *x, size_t items, tl_thread_pool *pool,
                          float *scratch, float *pooled, float *out)
{
    const size_t width = grid->width, tokens = grid->pixels + 1;
    grid_pooling work = {grid, values, x, items, tokens, width / grid->heads, .pooled = pooled};
    work.rows = scratch;
    work.asking = work.rows + items * tokens * width;
    work.heads = work.asking + items * width;
    work.seen = work.heads + items * width;
    work.scores = work.seen + items * grid->heads * width;
    tl_thread_pool_run(pool, items, lay_out_item, &work);
    tl_thread_pool_run(pool, grid->heads, ask_for_head, &work);
    tl_thread_pool_run(pool, items, attend_item, &work);
    tl_thread_pool_run(pool, grid->heads, answer_head, &work);
    tl_linear(pool, pooled, items, width, &values[grid->out_weight], tl_weight_floats(&values[grid->out_bias]), NULL, grid->out,
              out);
}
