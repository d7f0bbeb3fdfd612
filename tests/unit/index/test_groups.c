/*
 * Centres in groups: every list is in one, lists of a group lie near each other, rows and searches find their way through groups
 * nearly as well as by looking at all centres, and what is asked for exactly stays exact; also where rows are all alike, where a
 * file was written without groups, and where memory ends.
 */
#include "tests/support/failing_memory.c"

#include "tests/unit/index/index_fixture.h"

#include "base/compute/codes.h"
#include "index/ann/assigner.h"
#include "index/ann/kmeans.h"
#include "index/ann/order.h"
#include "index/ann/top_k.h"
#include "index/vector_store_internal.h"

#include <math.h>
#include <sqlite3.h>

enum { ROWS = 9000, LISTS = 600, DIM = 24, SET = 1, QUERIES = 60, K = 10 };

static float rows[ROWS][DIM];
static uint16_t halves[ROWS][DIM];

/* Around one of 200 places. */
static int make_rows(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < ROWS; i++) {
        tl_random random = tl_random_stream(91, i), place = tl_random_stream(92, tl_random_below(&random, 200));
        for (size_t j = 0; j < DIM; j++)
            rows[i][j] = tl_random_normal(&place) + 0.5f * tl_random_normal(&random);
        tl_narrow_to_f16(rows[i], halves[i], DIM);
        tl_widen_from_f16(halves[i], rows[i], DIM);
    }
    return 0;
}

static float square(const float *a, const float *b)
{
    float sum = 0;
    for (size_t i = 0; i < DIM; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static const float *centre(const tl_centroids *centroids, uint32_t list)
{
    static float out[DIM];
    tl_widen_from_f16(centroids->rows + (size_t)list * DIM, out, DIM);
    return out;
}

static uint32_t nearest_of_all(const tl_centroids *centroids, const float *row)
{
    uint32_t nearest = 0;
    float least = INFINITY;
    for (uint32_t list = 0; list < centroids->count; list++) {
        float distance = square(centre(centroids, list), row);
        if (distance < least) {
            least = distance;
            nearest = list;
        }
    }
    return nearest;
}

static void every_list_is_in_one_group(const tl_centroids *centroids, uint32_t dim)
{
    assert_true(centroids->group_count > 1);
    assert_int_equal(centroids->groups[0], 0);
    assert_int_equal(centroids->groups[centroids->group_count], centroids->count);
    for (uint32_t group = 0; group < centroids->group_count; group++) {
        assert_true(centroids->groups[group] < centroids->groups[group + 1]);
        assert_true(centroids->groups[group + 1] - centroids->groups[group] <= tl_centroids__largest_group(dim));
    }
}

static void groups_lie_close(void **state)
{
    (void)state;
    tl_centroids centroids = {0};
    tl_assigner assigner = {0};
    static uint32_t nearest[ROWS];
    size_t right = 0, sizes[LISTS] = {0}, full = 0;
    double inside = 0, between = 0;
    assert_ok(tl_kmeans__train(&centroids, halves[0], ROWS, LISTS, DIM, NULL, err));
    every_list_is_in_one_group(&centroids, DIM);
    for (uint32_t group = 0; group < centroids.group_count; group++) {
        float mean[DIM], row[DIM];
        tl_centroids__group_mean(&centroids, group, mean, row);
        for (uint32_t list = centroids.groups[group]; list < centroids.groups[group + 1]; list++) {
            inside += square(centre(&centroids, list), mean);
            between += square(centre(&centroids, (list + LISTS / 2) % LISTS), mean);
        }
    }
    assert_true(inside < 0.3 * between);
    assert_ok(tl_assigner__init(&assigner, &centroids, err));
    tl_assigner__run(&assigner, rows[0], ROWS, NULL, nearest);
    for (size_t i = 0; i < ROWS; i++) {
        sizes[nearest[i]]++;
        right += i % 10 == 0 && nearest[i] == nearest_of_all(&centroids, rows[i]);
    }
    assert_true(right > 0.97 * ROWS / 10);
    for (size_t list = 0; list < LISTS; list++)
        full += sizes[list] > (size_t)6 * ROWS / LISTS;
    assert_true(full < LISTS / 50);
    tl_assigner__clear(&assigner);
    tl_centroids__clear(&centroids);
}

/* The lists that a search takes are the best of all but for a few, and come in order. */
static void the_best_lists_are_found_through_groups(void **state)
{
    (void)state;
    enum { WANTED = 12 };
    tl_centroids centroids = {0};
    tl_list_order order = {0};
    tl_top_k best = {0};
    size_t right = 0;
    assert_ok(tl_kmeans__train(&centroids, halves[0], ROWS, LISTS, DIM, NULL, err));
    assert_ok(tl_list_order__init(&order, &centroids, err));
    for (size_t q = 0; q < QUERIES; q++)
        for (tl_vector_metric metric = TL_METRIC_DOT; metric <= TL_METRIC_L2; metric++) {
            tl_vector_query query = {.vector = rows[q * 100], .metric = metric, .k = K};
            assert_ok(tl_list_order__take(&order, &centroids, &query, WANTED, err));
            assert_int_equal(order.best.count, WANTED);
            tl_top_k__start(&best, WANTED, -INFINITY, INFINITY);
            for (uint32_t list = 0; list < LISTS; list++) {
                const float *at = centre(&centroids, list);
                tl_top_k__offer(&best, list,
                                metric == TL_METRIC_DOT ? exact_dot(query.vector, at, DIM) : -square(query.vector, at));
            }
            assert_ok(tl_top_k__sort(&best, err));
            for (size_t i = 0; i < WANTED; i++) {
                assert_true(i == 0 || order.best.items[i].score <= order.best.items[i - 1].score);
                for (size_t j = 0; j < WANTED; j++)
                    right += order.best.items[i].owner == best.items[j].owner;
            }
        }
    assert_true(right >= 0.97 * WANTED * QUERIES * 2);
    tl_top_k__clear(&best);
    tl_list_order__clear(&order);
    tl_centroids__clear(&centroids);
}

/* More lists than rows that differ: some lists stay empty, and all is found. Groups are not larger than a row of the table. */
static void rows_that_are_all_alike(void **state)
{
    (void)state;
    static uint16_t alike[ROWS][DIM];
    static uint16_t wide[5000][3];
    tl_centroids centroids = {0};
    for (size_t i = 0; i < ROWS; i++)
        memcpy(alike[i], halves[0], sizeof alike[i]);
    assert_ok(tl_kmeans__train(&centroids, alike[0], ROWS, LISTS, DIM, NULL, err));
    every_list_is_in_one_group(&centroids, DIM);
    for (uint32_t list = 0; list < LISTS; list++)
        assert_true(square(centre(&centroids, list), rows[0]) < 0.01f);
    for (size_t i = 0; i < 5000; i++)
        memcpy(wide[i], halves[i], sizeof wide[i]);
    assert_ok(tl_kmeans__train(&centroids, wide[0], 5000, LISTS, 3, NULL, err));
    every_list_is_in_one_group(&centroids, 3);
    tl_centroids__clear(&centroids);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    failing_memory_sweep sweep = {.job = "training in groups", .least_failures = 20, .sparser_every = 50};
    while (failing_memory_next(&sweep)) {
        tl_centroids centroids = {0};
        failing_memory_judge(&sweep, tl_kmeans__train(&centroids, halves[0], 4096, 512, DIM, NULL, &sweep.err));
        tl_centroids__clear(&centroids);
    }
}

static int64_t ask(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* Exact searches against the full sort, and how many of the true ones a search of few lists finds. */
static size_t search_all(tl_vector_store *store, const tl_stored_set *set, size_t count)
{
    tl_top_k best = {0};
    const tl_scored *found;
    size_t found_count, right = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        tl_vector_query query = {.vector = rows[q * 7], .metric = TL_METRIC_L2, .k = K, .exact = true};
        tl_top_k__start(&best, K, -INFINITY, INFINITY);
        for (size_t i = 0; i < count; i++) {
            float distance;
            tl_rows_square_f32(rows[i], 1, DIM, query.vector, &distance);
            tl_top_k__offer(&best, (int64_t)i, -distance);
        }
        assert_ok(tl_top_k__sort(&best, err));
        assert_ok(tl_vector_store_search(store, set, &query, &found, &found_count, err));
        assert_int_equal(found_count, K);
        for (size_t i = 0; i < K; i++)
            assert_int_equal(found[i].owner, best.items[i].owner);
        query.exact = false;
        query.probes = 12;
        assert_ok(tl_vector_store_search(store, set, &query, &found, &found_count, err));
        for (size_t i = 0; i < found_count; i++)
            for (size_t j = 0; j < K; j++)
                right += found[i].owner == best.items[j].owner;
    }
    tl_top_k__clear(&best);
    return right;
}

static void put_rows(tl_vector_store *store, tl_stored_set *set, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        assert_ok(tl_vector_store_put(store, set, (int64_t)i, rows[i], err));
    assert_ok(tl_vector_store_flush(store, err));
    assert_ok(tl_vector_store_move_tails(store, err));
    assert_ok(tl_vector_store_find_set(store, SET, set, err));
}

static void a_set_in_groups_is_searched_grown_and_checked(void **state)
{
    (void)state;
    sqlite3 *database;
    tl_vector_store *store;
    tl_stored_set set;
    tl_centroids centroids = {0};
    assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
    assert_ok(tl_vector_store_open(database, "main", "v", TL_TABLES_OWN, &store, err));
    assert_ok(tl_vector_store_create_tables(store, err));
    assert_ok(tl_vector_store_add_set(store, SET, DIM, TL_VECTOR_STORE_F16, err));
    assert_ok(tl_vector_store_find_set(store, SET, &set, err));
    put_rows(store, &set, 0, 6000);
    assert_ok(tl_vector_store_divide(store, &set, LISTS, NULL, err));
    assert_ok(tl_vector_store_find_set(store, SET, &set, err));
    assert_int_equal(set.lists, LISTS);
    assert_ok(tl_centroids__load(&centroids, tl_vector_store__tables(store), &set, err));
    every_list_is_in_one_group(&centroids, DIM);
    assert_int_equal(ask(database, "SELECT count(*) FROM v_centroids"), centroids.group_count);
    assert_ok(tl_vector_store_check(store, &set, NULL, NULL, err));
    assert_true(search_all(store, &set, 6000) > 0.9 * K * QUERIES);

    put_rows(store, &set, 6000, ROWS - 6000); /* more than a tail holds: they go to their lists */
    assert_true(ask(database, "SELECT ifnull(sum(count), 0) FROM v_blocks WHERE list=0") < 2000);
    assert_ok(tl_vector_store_check(store, &set, NULL, NULL, err));
    assert_true(search_all(store, &set, ROWS) > 0.9 * K * QUERIES);

    /* As programs wrote it that knew no groups: as many centres in a row as fit. */
    tl_memory_free(centroids.groups);
    centroids.groups = NULL;
    centroids.group_count = 0;
    assert_ok(tl_centroids__write(&centroids, tl_vector_store__tables(store), SET, err));
    assert_int_equal(ask(database, "SELECT count(*) FROM v_centroids"), 1);
    tl_vector_store_close(store);
    assert_ok(tl_vector_store_open(database, "main", "v", TL_TABLES_OWN, &store, err));
    assert_ok(tl_vector_store_find_set(store, SET, &set, err));
    assert_ok(tl_centroids__load(&centroids, tl_vector_store__tables(store), &set, err));
    assert_int_equal(centroids.group_count, 0);
    assert_null(centroids.groups);
    assert_ok(tl_vector_store_check(store, &set, NULL, NULL, err));
    assert_true(search_all(store, &set, ROWS) > 0.9 * K * QUERIES);
    tl_centroids__clear(&centroids);
    tl_vector_store_rest(store);
    tl_vector_store_close(store);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_lie_close),
        cmocka_unit_test(the_best_lists_are_found_through_groups),
        cmocka_unit_test(rows_that_are_all_alike),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(a_set_in_groups_is_searched_grown_and_checked),
    };
    return cmocka_run_group_tests(tests, make_rows, NULL);
}
