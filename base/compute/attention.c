/*
 * Attention, item by item and head by head. The scores of one head, [queries, keys], stay in cache between product, softmax and
 * product; their rows are padded to whole vectors. Products take keys or values transposed where a vector has to run along the
 * keys; both are small copies. Backward, with P the probabilities and dO the gradient by the output: dV = P^T dO,  dP = dO V^T,
 * dS = scale * P * (dP - rowsum(P * dP)),  dQ = dS K,  dK = dS^T Q
 */
#include "base/compute/compute.h"

#include "base/compute/kernels_internal.h"
#include "base/core/memory.h"

#include <math.h>
#include <string.h>

static size_t padded(size_t keys)
{
    return (keys + TL_ROW_PADDING - 1) / TL_ROW_PADDING * TL_ROW_PADDING;
}

size_t tl_attention_probability_count(size_t heads, size_t queries, size_t keys)
{
    return heads * queries * padded(keys);
}

size_t tl_attention_scratch_count(size_t max_queries, size_t max_keys, size_t head_dim)
{
    /* transposed keys or values, scores, and the three gradients of one head */
    return padded(head_dim * padded(max_keys)) + max_queries * padded(max_keys) + padded(max_queries * head_dim) +
           2 * padded(max_keys * head_dim);
}

/* Where one head of one item lies. */
typedef struct head_view {
    size_t queries, keys, score_row;
    size_t query_at, key_at, out_at; /* offsets of its first float */
} head_view;

static head_view view_head(const tl_attention_call *call, size_t item, size_t head)
{
    head_view view;
    view.queries = call->query_offsets[item + 1] - call->query_offsets[item];
    view.keys = call->key_offsets[item + 1] - call->key_offsets[item];
    view.score_row = padded(view.keys);
    view.query_at = call->query_offsets[item] * call->query_row + head * call->head_dim;
    view.key_at = call->key_offsets[item] * call->key_row + head * call->head_dim;
    view.out_at = call->query_offsets[item] * call->out_row + head * call->head_dim;
    return view;
}

/* scores [queries, score_row] = rows [queries, head_dim] times the transpose of columns [keys, head_dim]. */
static void multiply_transposed(const tl_kernels *kernels, const head_view *view, size_t head_dim, const float *rows,
                                size_t row_step, const float *columns, size_t column_step, float *transposed, float *scores)
{
    if (view->queries == 1) {
        for (size_t j = 0; j < view->keys; j++)
            scores[j] = kernels->dot(rows, columns + j * column_step, head_dim);
        return;
    }
    kernels->transpose(columns, column_step, view->keys, head_dim, transposed, view->score_row);
    for (size_t p = 0; p < head_dim; p++)
        for (size_t j = view->keys; j < view->score_row; j++)
            transposed[p * view->score_row + j] = 0.0f;
    kernels->small_matmul(view->queries, view->score_row, head_dim, rows, row_step, 1, transposed, view->score_row, scores,
                          view->score_row, false);
}

static size_t visible_keys(const tl_attention_call *call, const head_view *view, size_t query)
{
    return call->is_causal ? query + 1 : view->keys;
}

/* The heads, shared among threads. */
typedef struct shared_heads {
    const tl_attention_call *call;
    float *probabilities; /* or NULL */
    size_t share_count, scratch_each;
    float *scratch, *out;
} shared_heads;

static void run_share(void *context, size_t share, size_t worker)
{
    (void)worker;
    const shared_heads *shared = context;
    const tl_attention_call *call = shared->call;
    const tl_kernels *kernels = tl_kernels_active();
    const float scale = 1.0f / sqrtf((float)call->head_dim);
    const size_t first = share * call->heads / shared->share_count, end = (share + 1) * call->heads / shared->share_count;
    float *transposed = shared->scratch + share * shared->scratch_each, *kept = shared->probabilities;
    for (size_t item = 0; item < call->item_count; item++) {
        const head_view whole = view_head(call, item, 0);
        const size_t score_count = whole.queries * whole.score_row;
        for (size_t head = first; head < end; head++) {
            const head_view view = view_head(call, item, head);
            float *scores = kept != NULL ? kept + head * score_count : transposed + padded(call->head_dim * view.score_row);
            multiply_transposed(kernels, &view, call->head_dim, call->query + view.query_at, call->query_row,
                                call->key + view.key_at, call->key_row, transposed, scores);
            for (size_t i = 0; i < view.queries; i++)
                kernels->softmax(scores + i * view.score_row, visible_keys(call, &view, i), view.score_row, scale);
            kernels->small_matmul(view.queries, call->head_dim, view.keys, scores, view.score_row, 1, call->value + view.key_at,
                                  call->key_row, shared->out + view.out_at, call->out_row, false);
        }
        if (kept != NULL)
            kept += call->heads * score_count;
    }
}

size_t tl_attention_share_count(const tl_thread_pool *pool, size_t heads)
{
    return tl_smaller(tl_smaller(tl_thread_pool_size(pool), TL_MOST_ATTENTION_SHARES), heads);
}

void tl_attention(tl_thread_pool *pool, const tl_attention_call *call, float *probabilities, float *scratch, float *out)
{
    size_t queries = 0, keys = 0;
    for (size_t i = 0; i < call->item_count; i++) {
        queries = tl_larger(queries, call->query_offsets[i + 1] - call->query_offsets[i]);
        keys = tl_larger(keys, call->key_offsets[i + 1] - call->key_offsets[i]);
    }
    shared_heads shared = {.call = call,
                           .probabilities = probabilities,
                           .share_count = tl_attention_share_count(pool, call->heads),
                           .scratch_each = tl_whole_line_floats(tl_attention_scratch_count(queries, keys, call->head_dim)),
                           .scratch = scratch,
                           .out = out};
    tl_thread_pool_run(pool, shared.share_count, run_share, &shared);
}

/* ---- backward ---- */

static void copy_rows(const float *from, size_t rows, size_t dim, float *to, size_t to_row)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * to_row, from + r * dim, dim * sizeof *to);
}

void tl_attention_backward(const tl_attention_call *call, const float *probabilities, const float *out_gradient, float *scratch,
                           float *query_gradient, float *key_gradient, float *value_gradient)
{
    const tl_kernels *kernels = tl_kernels_active();
    const size_t dim = call->head_dim;
    const float scale = 1.0f / sqrtf((float)dim);
    for (size_t item = 0; item < call->item_count; item++)
        for (size_t head = 0; head < call->heads; head++) {
            head_view view = view_head(call, item, head);
            const float *d_out = out_gradient + view.out_at;
            float *transposed = scratch;
            float *d_scores = transposed + padded(dim * view.score_row);
            float *d_query = d_scores + view.queries * view.score_row;
            float *d_key = d_query + padded(view.queries * dim);
            float *d_value = d_key + padded(view.keys * dim);

            kernels->small_matmul(view.keys, dim, view.queries, probabilities, 1, view.score_row, d_out, call->out_row, d_value,
                                  dim, false);
            multiply_transposed(kernels, &view, dim, d_out, call->out_row, call->value + view.key_at, call->key_row, transposed,
                                d_scores);
            for (size_t i = 0; i < view.queries; i++)
                kernels->softmax_backward(probabilities + i * view.score_row, d_scores + i * view.score_row,
                                          visible_keys(call, &view, i), view.score_row, scale);
            kernels->small_matmul(view.queries, dim, view.keys, d_scores, view.score_row, 1, call->key + view.key_at,
                                  call->key_row, d_query, dim, false);
            kernels->small_matmul(view.keys, dim, view.queries, d_scores, 1, view.score_row, call->query + view.query_at,
                                  call->query_row, d_key, dim, false);
            /* Only now may the inputs be overwritten. */
            copy_rows(d_query, view.queries, dim, query_gradient + view.query_at, call->query_row);
            copy_rows(d_key, view.keys, dim, key_gradient + view.key_at, call->key_row);
            copy_rows(d_value, view.keys, dim, value_gradient + view.key_at, call->key_row);
            probabilities += view.queries * view.score_row;
        }
}
