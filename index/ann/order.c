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
enum { COMPARED_PER_LIST = 8, COMPARED_LISTS = 256 };

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
    tl_memory_free(order->is_rough);
    tl_memory_free(order->group_scores);
    tl_memory_free(order->row);
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

static void roughen_centres(tl_list_order *order, const tl_centroids *centroids, uint32_t first, uint32_t end)
{
    for (uint32_t list = first; list < end; list++) {
        tl_widen_from_f16(centroids->rows + (size_t)list * centroids->dim, order->row, centroids->dim);
        roughen(&order->centres, list, order->size, order->row, centroids->dim);
    }
}

static bool roughen_means(tl_list_order *order, const tl_centroids *centroids, tl_error *err)
{
    float *mean = tl_memory_allocate(centroids->dim, sizeof *mean, err);
    for (uint32_t group = 0; mean != NULL && group < centroids->group_count; group++) {
        tl_centroids__group_mean(centroids, group, mean, order->row);
        roughen(&order->means, group, order->size, mean, centroids->dim);
    }
    tl_memory_free(mean);
    return mean != NULL;
}

bool tl_list_order__init(tl_list_order *order, const tl_centroids *centroids, tl_error *err)
{
    size_t size = (centroids->dim + (size_t)LANES - 1) / LANES * LANES, lists = centroids->count, groups = centroids->group_count;
    *order = (tl_list_order){.size = size};
    if ((order->scores = tl_memory_allocate(lists, sizeof *order->scores, err)) == NULL ||
        !allocate_rough(&order->centres, lists, size, err) || !allocate_rough(&order->means, groups, size, err) ||
        (order->is_rough = tl_memory_allocate(groups, sizeof *order->is_rough, err)) == NULL ||
        (order->group_scores = tl_memory_allocate(groups, sizeof *order->group_scores, err)) == NULL ||
        (order->row = tl_memory_allocate(centroids->dim, sizeof *order->row, err)) == NULL ||
        (order->query = tl_memory_allocate(size, 1, err)) == NULL ||
        (order->sums = tl_memory_allocate(lists, sizeof *order->sums, err)) == NULL)
        return false;
    if (groups == 0)
        roughen_centres(order, centroids, 0, centroids->count);
    return groups == 0 || roughen_means(order, centroids, err);
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

/* Offers the centres of the best groups: since each has one at least, those of `number` groups are enough, and of twice as many
 * few are missed; fewer where that many hold more than need to be compared. Those of a group are made rough when it is first
 * among the best, so that the first search need not wait for all. */
static bool offer_groups(tl_list_order *order, const tl_centroids *centroids, const tl_rounded *rounded, tl_vector_metric metric,
                         uint32_t number, tl_error *err)
{
    uint64_t compared = 0, enough = (uint64_t)COMPARED_PER_LIST * number + COMPARED_LISTS;
    size_t groups = tl_smaller((size_t)(enough * centroids->group_count / centroids->count) + 1, 2 * (size_t)number);
    score_roughly(order, &order->means, rounded, metric, 0, centroids->group_count, order->group_scores);
    tl_top_k__start(&order->best_groups, tl_larger(groups, number), -INFINITY, INFINITY);
    offer_all(&order->best_groups, order->group_scores, 0, centroids->group_count);
    if (!tl_top_k__sort(&order->best_groups, err))
        return false;
    for (size_t i = 0; i < order->best_groups.count && compared < enough; i++) {
        size_t group = (size_t)order->best_groups.items[i].owner;
        uint32_t first = centroids->groups[group], count = centroids->groups[group + 1] - first;
        if (!order->is_rough[group])
            roughen_centres(order, centroids, first, first + count);
        order->is_rough[group] = true;
        score_roughly(order, &order->centres, rounded, metric, first, count, order->scores);
        offer_all(&order->best, order->scores, first, count);
        compared += count;
    }
    return true;
}

static bool take_roughly(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, uint32_t number,
                         tl_error *err)
{
    uint32_t more = number + number / 4 + 1; /* in few bits some look better than they are */
    tl_rounded rounded;
    tl_round_to_bytes(query->vector, centroids->dim, order->query, &rounded);
    tl_top_k__start(&order->best, more, -INFINITY, INFINITY);
    if (centroids->group_count == 0) {
        score_roughly(order, &order->centres, &rounded, query->metric, 0, centroids->count, order->scores);
        offer_all(&order->best, order->scores, 0, centroids->count);
    } else if (!offer_groups(order, centroids, &rounded, query->metric, number, err)) {
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
