/* Recall at 1, 5 and 10 and the median rank of one direction, from the ranks of the first right answers. */
#include "encoders/evaluation/ranking.h"

#include "base/core/memory.h"

#include <stdlib.h>

static int compare_sizes(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

/* Sorts the ranks. */
static double median(size_t *ranks, size_t count)
{
    qsort(ranks, count, sizeof *ranks, compare_sizes);
    size_t middle = count / 2;
    double upper = (double)ranks[middle];
    return count % 2 != 0 ? upper : ((double)ranks[middle - 1] + upper) / 2.0;
}

bool tl_evaluate_retrieval(const float *queries, const uint32_t *query_groups, size_t query_count, const float *candidates,
                           const uint32_t *candidate_groups, size_t candidate_count, size_t dim, tl_thread_pool *pool,
                           tl_retrieval_direction *out, tl_error *err)
{
    bool ok = false;
    if (query_count == 0 || candidate_count == 0 || dim == 0)
        return tl_fail(err, TL_ERROR_INVALID, "retrieval: expected queries and candidates, found %zu and %zu of %zu dimensions",
                       query_count, candidate_count, dim);
    tl_ranking_input input = {queries, query_groups, query_count, candidates, candidate_groups, candidate_count, dim};
    tl_ranking ranking = {tl_memory_allocate(query_count, sizeof(size_t), err), NULL};
    ranking.right_counts = ranking.ranks != NULL ? tl_memory_allocate(query_count, sizeof(size_t), err) : NULL;
    if (ranking.right_counts == NULL || !tl_ranking_compute(&input, pool, &ranking, err))
        goto done;
    *out = (tl_retrieval_direction){.query_count = query_count,
                                    .candidate_count = candidate_count,
                                    .recall_at_1 = tl_ranking_recall(&ranking, query_count, candidate_count, 1),
                                    .recall_at_5 = tl_ranking_recall(&ranking, query_count, candidate_count, 5),
                                    .recall_at_10 = tl_ranking_recall(&ranking, query_count, candidate_count, 10)};
    out->median_rank = median(ranking.ranks, query_count);
    ok = true;
done:
    tl_memory_free(ranking.ranks);
    tl_memory_free(ranking.right_counts);
    return ok || tl_fail_within(err, "retrieval");
}
