/* Owns the order of lists, and the centres in few bits. */
#include "index/ann/order.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "index/vectors/block.h"

#include <math.h>
#include <string.h>

enum { LANES = 64, MIDDLE = 64, MOST = 63 };
/* Of more lists than this part of them, as they are stored the centres are compared at once. */
enum { ROUGH_SHARE = 8 };
/* Centres in groups that are compared for each list wanted, and beside that: what is found then is what all would give. */
enum { COMPARED_PER_LIST = 4, COMPARED_LISTS = 256 };

static void clear_rough(tl_rough_rows *rough)
{
    tl_memory_free(rough->bytes);
    tl_memory_free(rough->steps);
    tl_memory_free(rough->squares);
}

void tl_list_order__clear(tl_list_order *order)
{
    tl_top_k__clear(&order->best);
    tl_top_k__clear(&order->best_groups);
    clear_rough(&order->centres);
    clear_rough(&order->means);
    tl_memory_free(order->scores);
    tl_memory_free(order->group_scores);
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

static bool allocate_rough(tl_rough_rows *rough, size_t count, size_t size, tl_error *err)
{
    return (rough->bytes = tl_memory_allocate_aligned(count, size, err)) != NULL &&
           (rough->steps = tl_memory_allocate(count, sizeof *rough->steps, err)) != NULL &&
           (rough->squares = tl_memory_allocate(count, sizeof *rough->squares, err)) != NULL;
}

static void roughen(tl_rough_rows *rough, size_t at, size_t size, const float *row, uint32_t dim)
{
    uint8_t *bytes = rough->bytes + at * size;
    tl_rows_dot_f32(row, 1, dim, row, &rough->squares[at]);
    rough->steps[at] = largest(row, dim) / MOST;
    float inverse = 1.0f / rough->steps[at];
    for (uint32_t i = 0; i < dim; i++) /* above 0, so that cutting off rounds */
        bytes[i] = (uint8_t)(int32_t)(row[i] * inverse + (MIDDLE + 0.5f));
}

bool tl_list_order__init(tl_list_order *order, const tl_centroids *centroids, tl_error *err)
{
    uint32_t dim = centroids->dim, groups = centroids->group_count;
    size_t size = (dim + (size_t)LANES - 1) / LANES * LANES, lists = centroids->count;
    *order = (tl_list_order){.size = size};
    float *row = tl_memory_allocate(dim, sizeof *row, err);
    bool ok = row != NULL && (order->scores = tl_memory_allocate(lists, sizeof *order->scores, err)) != NULL &&
              allocate_rough(&order->centres, lists, size, err) && allocate_rough(&order->means, groups, size, err) &&
              (order->group_scores = tl_memory_allocate(groups, sizeof *order->group_scores, err)) != NULL &&
              (order->query = tl_memory_allocate(size, 1, err)) != NULL &&
              (order->sums = tl_memory_allocate(lists, sizeof *order->sums, err)) != NULL;
    for (size_t list = 0; ok && list < lists; list++) {
        tl_widen_from_f16(centroids->rows + list * dim, row, dim);
        roughen(&order->centres, list, size, row, dim);
    }
    for (uint32_t group = 0; ok && group < groups; group++) {
        tl_centroids__group_mean(centroids, group, row);
        roughen(&order->means, group, size, row, dim);
    }
    tl_memory_free(row);
    return ok;
}

static void score_roughly(tl_list_order *order, const tl_rough_rows *rough, const tl_rounded *rounded, tl_vector_metric metric,
                          uint32_t first, uint32_t count, float *scores)
{
    bool is_dot = metric == TL_METRIC_DOT;
    const float *squares = rough->squares + first;
    tl_code_bound score = {.product = is_dot ? rounded->step : 2 * rounded->step,
                           .offset = (float)(MIDDLE * rounded->sum),
                           .error = is_dot ? 0.0f : -1.0f};
    tl_bytes_dot(rough->bytes + first * order->size, count, order->size, order->query, order->sums);
    tl_codes_bound(&score, order->sums, rough->steps + first, squares, squares, count, scores + first);
}

static void score_as_stored(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, uint32_t first,
                            uint32_t count)
{
    tl_block__score((tl_block_shape){centroids->dim, TL_VECTOR_STORE_F16}, query->metric,
                    (const uint8_t *)(centroids->rows + (size_t)first * centroids->dim), count, query->vector,
                    order->scores + first);
}

static void offer_all(tl_top_k *best, const float *scores, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (tl_top_k__may_enter(best, scores[i]))
            tl_top_k__offer(best, i, scores[i]);
}

/* Offers the centres of the best groups: of each group one at least, so those of `number` groups are enough. */
static bool offer_groups(tl_list_order *order, const tl_centroids *centroids, const tl_rounded *rounded, tl_vector_metric metric,
                         uint32_t number, tl_error *err)
{
    uint64_t compared = 0, enough = (uint64_t)COMPARED_PER_LIST * number + COMPARED_LISTS;
    score_roughly(order, &order->means, rounded, metric, 0, centroids->group_count, order->group_scores);
    tl_top_k__start(&order->best_groups, number, -INFINITY, INFINITY);
    offer_all(&order->best_groups, order->group_scores, 0, centroids->group_count);
    if (!tl_top_k__sort(&order->best_groups, err))
        return false;
    for (size_t i = 0; i < order->best_groups.count && compared < enough; i++) {
        size_t group = (size_t)order->best_groups.items[i].owner;
        uint32_t first = centroids->groups[group], count = centroids->groups[group + 1] - first;
        score_roughly(order, &order->centres, rounded, metric, first, count, order->scores);
        offer_all(&order->best, order->scores, first, count);
        compared += count;
    }
    return true;
}

static bool take_roughly(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, uint32_t number,
                         tl_error *err)
{
    uint32_t more = number < centroids->count / 2 ? 2 * number : centroids->count;
    tl_rounded rounded;
    tl_round_to_bytes(query->vector, centroids->dim, order->query, &rounded);
    tl_top_k__start(&order->best, more, -INFINITY, INFINITY);
    if (centroids->group_count == 0) {
        score_roughly(order, &order->centres, &rounded, query->metric, 0, centroids->count, order->scores);
        offer_all(&order->best, order->scores, 0, centroids->count);
    } else if (!offer_groups(order, centroids, &rounded, query->metric, more, err)) {
        return false;
    }
    if (!tl_top_k__sort(&order->best, err))
        return false;
    tl_scored *items = order->best.items;
    for (size_t i = 0; i < order->best.count; i++) {
        uint32_t list = (uint32_t)items[i].owner;
        score_as_stored(order, centroids, query, list, 1);
        tl_scored scored = {list, order->scores[list]};
        size_t at = i;
        for (; at > 0 && items[at - 1].score < scored.score; at--)
            items[at] = items[at - 1];
        items[at] = scored;
    }
    order->best.count = number;
    return true;
}

bool tl_list_order__take(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, uint32_t number,
                         tl_error *err)
{
    if (number < centroids->count / ROUGH_SHARE)
        return take_roughly(order, centroids, query, number, err);
    score_as_stored(order, centroids, query, 0, centroids->count);
    tl_top_k__start(&order->best, number, -INFINITY, INFINITY);
    offer_all(&order->best, order->scores, 0, centroids->count);
    return tl_top_k__sort(&order->best, err);
}
