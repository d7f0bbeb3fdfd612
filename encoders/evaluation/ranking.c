/*
 * Rank = 1 + number of candidates that come before the best right one. The right candidates of a query are few and are scored in
 * double; all others by single-precision matrix products, block by block, and only those whose score lies within the rounding
 * bound of such a product around the best right score are scored again in double. So the order is that of exact dot products: it
 * does not depend on block borders, threads or kernels, and equal rows really tie.
 */
#include "encoders/evaluation/ranking.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { QUERY_BLOCK = 64, CANDIDATE_BLOCK = 512 };

static const double z95 = 1.959963984540054; /* two-sided 95 % of the normal distribution */

typedef struct grouped {
    uint32_t group;
    uint32_t number; /* of the candidate */
} grouped;

typedef struct ranking_work {
    const tl_ranking_input *input;
    const grouped *by_group; /* [C] by group, then number */
    float *blocks;           /* [workers, QUERY_BLOCK, CANDIDATE_BLOCK] */
    double longest_candidate;
    tl_ranking *out;
} ranking_work;

static int compare_groups(const void *left, const void *right)
{
    const grouped *a = left;
    const grouped *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static double exact_dot(const float *a, const float *b, size_t dim)
{
    double sum = 0.0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* First entry of the group or after. */
static size_t group_start(const grouped *by_group, size_t count, uint64_t group)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_group[middle].group < group)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef struct target {
    double score;     /* exact, of the best right candidate */
    double tolerance; /* of a single-precision score of this query */
    size_t number;    /* SIZE_MAX: no candidate is right */
    size_t before;
} target;

static target find_target(const ranking_work *work, size_t query)
{
    const tl_ranking_input *input = work->input;
    const float *row = input->queries + query * input->dim;
    size_t begin = group_start(work->by_group, input->candidate_count, input->query_groups[query]);
    size_t end = group_start(work->by_group, input->candidate_count, (uint64_t)input->query_groups[query] + 1);
    target best = {-INFINITY, 0.0, SIZE_MAX, 0};
    for (size_t i = begin; i < end; i++) {
        size_t number = work->by_group[i].number;
        double score = exact_dot(row, input->candidates + number * input->dim, input->dim);
        if (score > best.score) { /* numbers ascend within a group: the first of equals stays */
            best.score = score;
            best.number = number;
        }
    }
    /* |float dot - dot| <= D u |a| |b| with u = FLT_EPSILON / 2 for any order of summation (Higham 2002, 3.1); twice that for
     * slack. */
    best.tolerance = (double)input->dim * (double)FLT_EPSILON * sqrt(exact_dot(row, row, input->dim)) * work->longest_candidate;
    work->out->right_counts[query] = end - begin;
    return best;
}

static void count_before(const tl_ranking_input *input, size_t query, const float *scores, size_t first, size_t count,
                         target *best)
{
    double surely = best->score + best->tolerance;
    double maybe = best->score - best->tolerance;
    for (size_t i = 0; i < count; i++) {
        double score = (double)scores[i];
        if (score < maybe)
            continue;
        if (score > surely) {
            best->before++;
            continue;
        }
        size_t number = first + i;
        double exact = exact_dot(input->queries + query * input->dim, input->candidates + number * input->dim, input->dim);
        if (exact > best->score || (exact == best->score && number < best->number))
            best->before++;
    }
}

static void rank_block(void *context, size_t index, size_t worker)
{
    const ranking_work *work = context;
    const tl_ranking_input *input = work->input;
    size_t first_query = index * QUERY_BLOCK;
    size_t queries = input->query_count - first_query < QUERY_BLOCK ? input->query_count - first_query : QUERY_BLOCK;
    float *scores = work->blocks + worker * QUERY_BLOCK * CANDIDATE_BLOCK;
    target targets[QUERY_BLOCK];
    for (size_t q = 0; q < queries; q++)
        targets[q] = find_target(work, first_query + q);
    for (size_t first = 0; first < input->candidate_count; first += CANDIDATE_BLOCK) {
        size_t count = input->candidate_count - first < CANDIDATE_BLOCK ? input->candidate_count - first : CANDIDATE_BLOCK;
        tl_dot_matrix(NULL, input->candidates + first * input->dim, count, input->dim, input->queries + first_query * input->dim,
                      queries, scores);
        for (size_t q = 0; q < queries; q++)
            if (targets[q].number != SIZE_MAX)
                count_before(input, first_query + q, scores + q * count, first, count, &targets[q]);
    }
    for (size_t q = 0; q < queries; q++)
        work->out->ranks[first_query + q] = targets[q].number != SIZE_MAX ? targets[q].before + 1 : input->candidate_count + 1;
}

/* *longest: the largest length of a row. */
static bool check_rows(const char *name, const float *rows, size_t count, size_t dim, double *longest, tl_error *err)
{
    *longest = 0.0;
    for (size_t i = 0; i < count; i++) {
        double length = sqrt(exact_dot(rows + i * dim, rows + i * dim, dim));
        if (!isfinite(length))
            return tl_fail(err, TL_ERROR_INVALID, "%s %zu: expected a finite vector, found one that is not", name, i);
        *longest = fmax(*longest, length);
    }
    return true;
}

bool tl_ranking_compute(const tl_ranking_input *input, tl_thread_pool *pool, tl_ranking *out, tl_error *err)
{
    bool ok = false;
    double longest_query;
    ranking_work work = {.input = input, .out = out};
    if (input->candidate_count > UINT32_MAX)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %lu candidates, found %zu", (unsigned long)UINT32_MAX,
                       input->candidate_count);
    grouped *by_group = tl_memory_allocate(input->candidate_count, sizeof *by_group, err);
    work.blocks =
        tl_memory_allocate_aligned(tl_thread_pool_size(pool), (size_t)QUERY_BLOCK * CANDIDATE_BLOCK * sizeof(float), err);
    if (by_group == NULL || work.blocks == NULL ||
        !check_rows("query", input->queries, input->query_count, input->dim, &longest_query, err) ||
        !check_rows("candidate", input->candidates, input->candidate_count, input->dim, &work.longest_candidate, err))
        goto done;
    for (size_t i = 0; i < input->candidate_count; i++)
        by_group[i] = (grouped){input->candidate_groups[i], (uint32_t)i};
    if (input->candidate_count != 0)
        qsort(by_group, input->candidate_count, sizeof *by_group, compare_groups);
    work.by_group = by_group;
    tl_thread_pool_run(pool, (input->query_count + QUERY_BLOCK - 1) / QUERY_BLOCK, rank_block, &work);
    ok = true;
done:
    tl_memory_free(work.blocks);
    tl_memory_free(by_group);
    return ok;
}

/* Probability that at least one of `right` of n candidates is among the first k of a random order (hypergeometric). */
static double chance_of_hit(size_t right, size_t n, size_t k)
{
    if (right == 0)
        return 0.0;
    double miss = 1.0;
    for (size_t i = 0; i < k; i++) {
        if (i + right >= n) /* fewer wrong ones than places */
            return 1.0;
        miss *= (double)(n - right - i) / (double)(n - i);
    }
    return 1.0 - miss;
}

tl_score tl_ranking_recall(const tl_ranking *ranking, size_t query_count, size_t candidate_count, size_t k)
{
    double n = (double)query_count;
    size_t hits = 0;
    double chance = 0.0;
    for (size_t i = 0; i < query_count; i++) {
        hits += ranking->right_counts[i] != 0 && ranking->ranks[i] <= k;
        chance += chance_of_hit(ranking->right_counts[i], candidate_count, k);
    }
    double share = (double)hits / n;
    /* Wilson 1927 */
    double spread = z95 * sqrt(share * (1.0 - share) / n + z95 * z95 / (4.0 * n * n));
    double centre = share + z95 * z95 / (2.0 * n);
    double scale = 1.0 + z95 * z95 / n;
    /* At the ends the formula gives 0 and 1 but for rounding. */
    double low = hits == 0 ? 0.0 : (centre - spread) / scale;
    double high = hits == query_count ? 1.0 : (centre + spread) / scale;
    return (tl_score){share, low, high, chance / n};
}
