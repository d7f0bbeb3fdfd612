/* Retrieval and zero-shot scores against a brute-force oracle in double, and against numbers known by hand. */
#include "base/core/random.h"
#include "encoders/evaluation/evaluation.h"
#include "tests/support/assert_ok.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double dot(const float *a, const float *b, size_t dim)
{
    double sum = 0.0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Rank of the first right candidate by sorting nothing: counts who comes before each right one. */
static size_t oracle_rank(const float *query, uint32_t group, const float *candidates, const uint32_t *groups, size_t count,
                          size_t dim)
{
    size_t best = count + 1;
    for (size_t right = 0; right < count; right++) {
        if (groups[right] != group)
            continue;
        double score = dot(query, candidates + right * dim, dim);
        size_t rank = 1;
        for (size_t other = 0; other < count; other++) {
            double theirs = dot(query, candidates + other * dim, dim);
            rank += theirs > score || (theirs == score && other < right);
        }
        if (rank < best)
            best = rank;
    }
    return best;
}

/* Chance by drawing: the share of random orders with a right candidate among the first k. */
static double drawn_chance(size_t right, size_t count, size_t k, tl_random *random)
{
    enum { DRAWS = 4000 };
    size_t hits = 0;
    uint32_t *order = malloc(count * sizeof *order);
    assert_non_null(order);
    for (size_t draw = 0; draw < DRAWS; draw++) {
        tl_random_permutation(random, order, count);
        bool is_hit = false;
        for (size_t i = 0; i < k && i < count; i++)
            is_hit = is_hit || order[i] < right;
        hits += is_hit;
    }
    free(order);
    return (double)hits / DRAWS;
}

static void fill_unit_rows(float *rows, size_t count, size_t dim, tl_random *random)
{
    for (size_t i = 0; i < count; i++) {
        double sum = 0.0;
        for (size_t d = 0; d < dim; d++) {
            rows[i * dim + d] = tl_random_normal(random);
            sum += (double)rows[i * dim + d] * (double)rows[i * dim + d];
        }
        for (size_t d = 0; d < dim; d++)
            rows[i * dim + d] = (float)((double)rows[i * dim + d] / sqrt(sum));
    }
}

/* Few different values: most scores tie exactly. */
static void fill_coarse_rows(float *rows, size_t count, size_t dim, tl_random *random)
{
    for (size_t i = 0; i < count * dim; i++)
        rows[i] = (float)tl_random_below(random, 3) - 1.0F;
}

static int compare_sizes(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

static void compare_with_oracle(size_t query_count, size_t candidate_count, size_t dim, uint32_t group_count, bool is_coarse,
                                uint64_t seed, tl_thread_pool *pool)
{
    tl_random random = tl_random_stream(seed, 0);
    float *queries = malloc(query_count * dim * sizeof(float));
    float *candidates = malloc(candidate_count * dim * sizeof(float));
    uint32_t *query_groups = malloc(query_count * sizeof(uint32_t));
    uint32_t *candidate_groups = malloc(candidate_count * sizeof(uint32_t));
    size_t *ranks = malloc(query_count * sizeof(size_t));
    assert_true(queries && candidates && query_groups && candidate_groups && ranks);
    (is_coarse ? fill_coarse_rows : fill_unit_rows)(queries, query_count, dim, &random);
    (is_coarse ? fill_coarse_rows : fill_unit_rows)(candidates, candidate_count, dim, &random);
    /* Copies of rows far apart: ties that rounding must not break. */
    for (size_t i = 0; i + 7 < candidate_count; i += 7)
        for (size_t d = 0; d < dim; d++)
            candidates[(candidate_count - 1 - i) * dim + d] = candidates[i * dim + d];
    for (size_t i = 0; i < query_count; i++)
        query_groups[i] = (uint32_t)tl_random_below(&random, group_count) * 1000003u;
    for (size_t i = 0; i < candidate_count; i++)
        candidate_groups[i] = (uint32_t)tl_random_below(&random, group_count) * 1000003u;
    tl_retrieval_direction result;
    assert_ok(tl_evaluate_retrieval(queries, query_groups, query_count, candidates, candidate_groups, candidate_count, dim, pool,
                                    &result, err));
    size_t hits[3] = {0, 0, 0};
    static const size_t cuts[3] = {1, 5, 10};
    for (size_t i = 0; i < query_count; i++) {
        ranks[i] = oracle_rank(queries + i * dim, query_groups[i], candidates, candidate_groups, candidate_count, dim);
        for (size_t k = 0; k < 3; k++)
            hits[k] += ranks[i] <= cuts[k] && ranks[i] <= candidate_count;
    }
    qsort(ranks, query_count, sizeof *ranks, compare_sizes);
    double median = ((double)ranks[(query_count - 1) / 2] + (double)ranks[query_count / 2]) / 2.0;
    const tl_score *scores[3] = {&result.recall_at_1, &result.recall_at_5, &result.recall_at_10};
    for (size_t k = 0; k < 3; k++) {
        assert_true(scores[k]->value == (double)hits[k] / (double)query_count);
        assert_true(scores[k]->low <= scores[k]->value && scores[k]->value <= scores[k]->high);
        assert_true(scores[k]->low >= 0.0 && scores[k]->high <= 1.0);
        assert_true(scores[k]->chance >= 0.0 && scores[k]->chance <= 1.0);
    }
    assert_true(result.median_rank == median);
    assert_int_equal(result.query_count, query_count);
    assert_int_equal(result.candidate_count, candidate_count);
    free(ranks);
    free(candidate_groups);
    free(query_groups);
    free(candidates);
    free(queries);
}

static void retrieval_agrees_with_the_oracle(void **state)
{
    (void)state;
    tl_error err;
    tl_thread_pool *pool;
    assert_true(tl_thread_pool_create(2, &pool, &err));
    /* Sizes around the blocks of 64 and 512; one group, few, more groups than candidates. */
    compare_with_oracle(1, 1, 1, 1, false, 1, NULL);
    compare_with_oracle(3, 9, 5, 4, false, 2, pool);
    compare_with_oracle(64, 512, 8, 50, false, 3, pool);
    compare_with_oracle(65, 513, 17, 100, false, 4, pool);
    compare_with_oracle(130, 300, 64, 1000, false, 5, NULL);
    compare_with_oracle(100, 600, 6, 30, true, 6, pool);
    compare_with_oracle(70, 530, 3, 5, true, 7, NULL);
    compare_with_oracle(40, 60, 4, 1, true, 8, pool);
    tl_thread_pool_destroy(pool);
}

static void ties_go_to_the_lower_number(void **state)
{
    (void)state;
    tl_error err;
    tl_retrieval_direction result;
    float query[2] = {1.0F, 0.0F};
    float candidates[8] = {1.0F, 0.0F, 1.0F, 0.0F, 1.0F, 0.0F, 1.0F, 0.0F};
    uint32_t group = 7;
    uint32_t groups[4] = {0, 1, 7, 7};
    assert_true(tl_evaluate_retrieval(query, &group, 1, candidates, groups, 4, 2, NULL, &result, &err));
    assert_true(result.median_rank == 3.0);
    assert_true(result.recall_at_1.value == 0.0);
    assert_true(result.recall_at_5.value == 1.0);
}

static void chance_is_the_share_of_random_orders(void **state)
{
    (void)state;
    tl_error err;
    tl_random random = tl_random_stream(11, 0);
    enum { CANDIDATES = 40, QUERIES = 3, DIM = 4 };
    float queries[QUERIES * DIM];
    float candidates[CANDIDATES * DIM];
    uint32_t candidate_groups[CANDIDATES];
    /* Groups of 1, 5 and 34; a query of each. */
    uint32_t query_groups[QUERIES] = {0, 1, 2};
    static const size_t sizes[QUERIES] = {1, 5, 34};
    fill_unit_rows(queries, QUERIES, DIM, &random);
    fill_unit_rows(candidates, CANDIDATES, DIM, &random);
    for (size_t i = 0; i < CANDIDATES; i++)
        candidate_groups[i] = i < 1 ? 0 : i < 6 ? 1 : 2;
    tl_retrieval_direction result;
    assert_true(tl_evaluate_retrieval(queries, query_groups, QUERIES, candidates, candidate_groups, CANDIDATES, DIM, NULL,
                                      &result, &err));
    double expected = 0.0;
    double expected_first = 0.0;
    for (size_t i = 0; i < QUERIES; i++) {
        expected += drawn_chance(sizes[i], CANDIDATES, 5, &random) / QUERIES;
        expected_first += (double)sizes[i] / CANDIDATES / QUERIES;
    }
    assert_true(fabs(result.recall_at_5.chance - expected) < 0.02);
    assert_true(fabs(result.recall_at_1.chance - expected_first) < 1e-12);
    /* 1 - C(39,10) / C(40,10) = 10/40; the others: 1 - product of (35 - i)/(40 - i), i < 10; and certain. */
    double miss = 1.0;
    for (int i = 0; i < 10; i++)
        miss *= (35.0 - i) / (40.0 - i);
    assert_true(fabs(result.recall_at_10.chance - (0.25 + 1.0 - miss + 1.0) / 3.0) < 1e-12);
}

static void the_interval_is_wilsons(void **state)
{
    (void)state;
    tl_error err;
    /* 8 of 10 right: Wilson 95 % is 0.4901625 to 0.9433178 (Brown, Cai & DasGupta 2001 give the formula). */
    enum { N = 10 };
    float items[N * 2];
    uint32_t labels[N];
    float classes[4] = {1.0F, 0.0F, 0.0F, 1.0F};
    for (size_t i = 0; i < N; i++) {
        items[2 * i] = i < 8 ? 1.0F : 0.0F;
        items[2 * i + 1] = i < 8 ? 0.0F : 1.0F;
        labels[i] = 0;
    }
    tl_zero_shot_result result;
    uint64_t per_class[4];
    assert_true(tl_evaluate_zero_shot(items, labels, N, classes, 2, 2, NULL, &result, per_class, &err));
    assert_true(result.top_1.value == 0.8);
    assert_true(fabs(result.top_1.low - 0.4901625) < 1e-6);
    assert_true(fabs(result.top_1.high - 0.9433178) < 1e-6);
    assert_true(result.top_1.chance == 0.5);
    assert_true(result.top_5.value == 1.0 && result.top_5.chance == 1.0 && result.top_5.high == 1.0);
    assert_int_equal(per_class[0], 8);
    assert_int_equal(per_class[1], 10);
    assert_int_equal(per_class[2], 0);
    assert_int_equal(per_class[3], 0);
}

static void zero_shot_agrees_with_the_oracle(void **state)
{
    (void)state;
    tl_error err;
    enum { N = 150, K = 23, DIM = 12 };
    static float items[N * DIM];
    static float classes[K * DIM];
    uint32_t labels[N];
    uint32_t numbers[K];
    uint64_t per_class[2 * K];
    tl_random random = tl_random_stream(12, 0);
    fill_unit_rows(items, N, DIM, &random);
    fill_unit_rows(classes, K, DIM, &random);
    for (size_t i = 0; i < K; i++)
        numbers[i] = (uint32_t)i;
    size_t right[2] = {0, 0};
    for (size_t i = 0; i < N; i++) {
        labels[i] = (uint32_t)tl_random_below(&random, K);
        /* Half of the items lean to their class, so that the score is neither chance nor 1. */
        for (size_t d = 0; d < DIM && i % 2 == 0; d++)
            items[i * DIM + d] += 0.6F * classes[labels[i] * DIM + d];
        size_t rank = oracle_rank(items + i * DIM, labels[i], classes, numbers, K, DIM);
        right[0] += rank <= 1;
        right[1] += rank <= 5;
    }
    tl_zero_shot_result result;
    assert_true(tl_evaluate_zero_shot(items, labels, N, classes, K, DIM, NULL, &result, per_class, &err));
    assert_true(result.top_1.value == (double)right[0] / N);
    assert_true(result.top_5.value == (double)right[1] / N);
    assert_true(fabs(result.top_1.chance - 1.0 / K) < 1e-12);
    assert_true(fabs(result.top_5.chance - 5.0 / K) < 1e-12);
    uint64_t sum[2] = {0, 0};
    for (size_t i = 0; i < K; i++) {
        sum[0] += per_class[2 * i];
        sum[1] += per_class[2 * i + 1];
    }
    assert_int_equal(sum[0], right[0]);
    assert_int_equal(sum[1], N);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    tl_error err;
    tl_retrieval_direction retrieval;
    tl_zero_shot_result zero_shot;
    float rows[2] = {NAN, 1.0F};
    uint32_t groups[2] = {0, 5};
    assert_false(tl_evaluate_retrieval(rows, groups, 2, rows, groups, 2, 1, NULL, &retrieval, &err));
    assert_non_null(strstr(err.message, "finite"));
    assert_false(tl_evaluate_retrieval(rows, groups, 0, rows, groups, 2, 1, NULL, &retrieval, &err));
    assert_false(tl_evaluate_zero_shot(rows + 1, groups + 1, 1, rows + 1, 1, 1, NULL, &zero_shot, NULL, &err));
    assert_non_null(strstr(err.message, "label"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retrieval_agrees_with_the_oracle),     cmocka_unit_test(ties_go_to_the_lower_number),
        cmocka_unit_test(chance_is_the_share_of_random_orders), cmocka_unit_test(the_interval_is_wilsons),
        cmocka_unit_test(zero_shot_agrees_with_the_oracle),     cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
