/* Owns the order of lists, and the centres in few bits. */
#include "index/ann/order.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "index/vectors/block.h"

#include <math.h>
#include <string.h>

enum { LANES = 64, MIDDLE = 64, MOST = 63 };

void tl_list_order__clear(tl_list_order *order)
{
    tl_top_k__clear(&order->best);
    tl_memory_free(order->scores);
    tl_memory_free(order->bytes);
    tl_memory_free(order->steps);
    tl_memory_free(order->squares);
    tl_memory_free(order->query);
    tl_memory_free(order->sums);
    *order = (tl_list_order){0};
}

static float largest(const float *x, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        if (fabsf(x[i]) > most)
            most = fabsf(x[i]);
    return most > 1e-30f ? most : 1.0f;
}

bool tl_list_order__init(tl_list_order *order, const tl_centroids *centroids, tl_error *err)
{
    uint32_t dim = centroids->dim;
    size_t size = (dim + (size_t)LANES - 1) / LANES * LANES, lists = centroids->count;
    *order = (tl_list_order){.size = size};
    float *row = tl_memory_allocate(dim, sizeof *row, err);
    bool ok = row != NULL && (order->scores = tl_memory_allocate(lists, sizeof *order->scores, err)) != NULL &&
              (order->bytes = tl_memory_allocate_aligned(lists, size, err)) != NULL &&
              (order->steps = tl_memory_allocate(lists, sizeof *order->steps, err)) != NULL &&
              (order->squares = tl_memory_allocate(lists, sizeof *order->squares, err)) != NULL &&
              (order->query = tl_memory_allocate(size, 1, err)) != NULL &&
              (order->sums = tl_memory_allocate(lists, sizeof *order->sums, err)) != NULL;
    for (size_t list = 0; ok && list < lists; list++) {
        uint8_t *bytes = order->bytes + list * size;
        tl_widen_from_f16(centroids->rows + list * dim, row, dim);
        tl_rows_dot_f32(row, 1, dim, row, &order->squares[list]);
        order->steps[list] = largest(row, dim) / MOST;
        float inverse = 1.0f / order->steps[list];
        for (uint32_t i = 0; i < dim; i++) /* above 0, so that cutting off rounds */
            bytes[i] = (uint8_t)(int32_t)(row[i] * inverse + (MIDDLE + 0.5f));
    }
    tl_memory_free(row);
    return ok;
}

static void score_roughly(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query)
{
    tl_rounded rounded;
    tl_round_to_bytes(query->vector, centroids->dim, order->query, &rounded);
    tl_bytes_dot(order->bytes, centroids->count, order->size, order->query, order->sums);
    bool is_dot = query->metric == TL_METRIC_DOT;
    tl_code_bound score = {.product = is_dot ? rounded.step : 2 * rounded.step,
                           .offset = (float)(MIDDLE * rounded.sum),
                           .error = is_dot ? 0.0f : -1.0f};
    tl_codes_bound(&score, order->sums, order->steps, order->squares, order->squares, centroids->count, order->scores);
}

static void score_as_stored(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, uint32_t first,
                            uint32_t count)
{
    tl_block__score((tl_block_shape){centroids->dim, TL_VECTOR_STORE_F16}, query->metric,
                    (const uint8_t *)(centroids->rows + (size_t)first * centroids->dim), count, query->vector,
                    order->scores + first);
}

void tl_list_order__score(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, bool roughly)
{
    if (roughly)
        score_roughly(order, centroids, query);
    else
        score_as_stored(order, centroids, query, 0, centroids->count);
}

static bool take_best(tl_list_order *order, uint32_t lists, uint32_t number, tl_error *err)
{
    tl_top_k__start(&order->best, number, -INFINITY, INFINITY);
    for (uint32_t i = 0; i < lists; i++)
        if (tl_top_k__may_enter(&order->best, order->scores[i]))
            tl_top_k__offer(&order->best, i, order->scores[i]);
    return tl_top_k__sort(&order->best, err);
}

bool tl_list_order__sort(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, bool roughly,
                         uint32_t number, tl_error *err)
{
    if (!roughly)
        return take_best(order, centroids->count, number, err);
    uint32_t more = number < centroids->count / 2 ? 2 * number : centroids->count;
    if (!take_best(order, centroids->count, more, err))
        return false;
    tl_scored *items = order->best.items;
    for (uint32_t i = 0; i < more; i++) {
        uint32_t list = (uint32_t)items[i].owner;
        score_as_stored(order, centroids, query, list, 1);
        tl_scored scored = {list, order->scores[list]};
        uint32_t at = i;
        for (; at > 0 && items[at - 1].score < scored.score; at--)
            items[at] = items[at - 1];
        items[at] = scored;
    }
    order->best.count = number;
    return true;
}
