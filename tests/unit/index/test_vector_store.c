/*
 * The store on a connection of somebody else's, in an attached database and under names that need quoting: answers against a full
 * sort of what is read back, for every storage and metric, before and after a division, for few and for many allowed owners; and
 * what a rollback leaves.
 */
#include "tests/unit/index/index_fixture.h"

#include <math.h>
#include <sqlite3.h>

enum { COUNT = 4000, DIM = 40, SET = 3, K = 17 };

static const char schema[] = "my \"db\"", prefix[] = "it's \"a\" table";

typedef struct bench {
    sqlite3 *database;
    tl_vector_store *store;
    tl_stored_set set;
    float *vectors; /* [COUNT, DIM], as stored */
    bool *is_there;
} bench;

static void execute(sqlite3 *database, const char *sql)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
}

/* Owners lie apart, negative ones too, so that filters cannot count on ids from 1. */
static int64_t owner_of(size_t row)
{
    return ((int64_t)row - COUNT / 2) * 3;
}

static void read_set(bench *b)
{
    assert_ok(tl_vector_store_find_set(b->store, SET, &b->set, err));
    tl_vector_store_rest(b->store);
}

/* Lumps far from the origin, as embeddings are: one number is shared by all. */
static void fill(float *vector, size_t row)
{
    tl_random lump = tl_random_stream(21, row % 37), own = tl_random_stream(22, row);
    for (size_t i = 0; i < DIM; i++)
        vector[i] = (i == 0 ? 9.0f : 0.0f) + 2 * tl_random_normal(&lump) + 0.7f * tl_random_normal(&own);
}

static void put_rows(bench *b, size_t first, size_t count)
{
    execute(b->database, "BEGIN");
    for (size_t row = first; row < first + count; row++) {
        float vector[DIM];
        bool found = false;
        fill(vector, row);
        assert_ok(tl_vector_store_put(b->store, &b->set, owner_of(row), vector, err));
        assert_ok(tl_vector_store_read(b->store, &b->set, owner_of(row), b->vectors + row * DIM, &found, err));
        assert_true(found);
        for (size_t i = 0; i < DIM; i++)
            assert_true(fabsf(vector[i] - b->vectors[row * DIM + i]) <= 0.01f);
        b->is_there[row] = true;
    }
    assert_ok(tl_vector_store_flush(b->store, err));
    tl_vector_store_rest(b->store);
    execute(b->database, "COMMIT");
    read_set(b);
}

static void start(bench *b, tl_vector_storage storage)
{
    *b = (bench){0};
    assert_int_equal(sqlite3_open(":memory:", &b->database), SQLITE_OK);
    execute(b->database, "ATTACH ':memory:' AS \"my \"\"db\"\"\"");
    assert_ok(tl_vector_store_open(b->database, schema, prefix, TL_TABLES_OWN, &b->store, err));
    assert_ok(tl_vector_store_create_tables(b->store, err));
    assert_ok(tl_vector_store_add_set(b->store, SET, DIM, storage, err));
    b->vectors = tl_memory_allocate((size_t)COUNT * DIM, sizeof(float), NULL);
    b->is_there = tl_memory_allocate(COUNT, sizeof(bool), NULL);
    read_set(b);
    assert_int_equal(b->set.id, SET);
}

static void stop(bench *b)
{
    tl_vector_store_close(b->store);
    assert_int_equal(sqlite3_close(b->database), SQLITE_OK);
    tl_memory_free(b->vectors);
    tl_memory_free(b->is_there);
}

typedef struct expected {
    int64_t owner;
    double score;
} expected;

static int best_first(const void *a, const void *b)
{
    const expected *left = a, *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left->owner > right->owner) - (left->owner < right->owner);
}

/* The answer is the full sort's, except where two scores differ by no more than rounding. */
static void check_search(bench *b, tl_vector_metric metric, const int64_t *allowed, size_t allowed_count, size_t k,
                         bool has_least)
{
    float query[DIM];
    static expected all[COUNT];
    size_t count = 0, found;
    const tl_scored *hits;
    fill(query, 7);
    query[3] += 1.5f;
    for (size_t row = 0, next = 0; row < COUNT; row++) {
        while (allowed != NULL && next < allowed_count && allowed[next] < owner_of(row))
            next++;
        if (!b->is_there[row] || (allowed != NULL && (next == allowed_count || allowed[next] != owner_of(row))))
            continue;
        double score = 0;
        for (size_t i = 0; i < DIM; i++) {
            double x = (double)b->vectors[row * DIM + i], q = (double)query[i];
            score += metric == TL_METRIC_DOT ? x * q : -(x - q) * (x - q);
        }
        all[count++] = (expected){owner_of(row), score};
    }
    if (count != 0)
        qsort(all, count, sizeof all[0], best_first);
    tl_vector_query call = {
        .vector = query, .metric = metric, .k = k, .allowed = allowed, .allowed_count = allowed_count, .exact = true};
    if (has_least) {
        call.has_least = true;
        call.least = (float)all[count / 3].score + 1e-3f;
    }
    assert_ok(tl_vector_store_search(b->store, &b->set, &call, &hits, &found, err));
    size_t expect = has_least ? 0 : count;
    while (has_least && all[expect].score >= (double)call.least)
        expect++;
    assert_int_equal(found, expect < k ? expect : k);
    for (size_t i = 0; i < found; i++) {
        assert_true(fabs((double)hits[i].score - all[i].score) <= 1e-3);
        if (i + 1 < found)
            assert_true(hits[i].score >= hits[i + 1].score);
    }
}

static void check_searches(bench *b, tl_vector_metric metric)
{
    static int64_t allowed[COUNT + 4];
    check_search(b, metric, NULL, 0, K, false);
    check_search(b, metric, NULL, 0, 1000000000, false);
    check_search(b, metric, NULL, 0, 1000000000, true);
    for (size_t step = 1; step <= COUNT; step *= 5) {
        size_t count = 0;
        allowed[count++] = INT64_MIN;
        allowed[count++] = owner_of(0) - 1;
        for (size_t row = step / 2; row < COUNT; row += step)
            allowed[count++] = owner_of(row);
        check_search(b, metric, allowed, count, K, false);
        check_search(b, metric, allowed + 2, count - 2, K, false);
        check_search(b, metric, allowed + 2, count - 2, COUNT, false);
    }
    check_search(b, metric, allowed, 0, K, false);
}

static void check_store(bench *b)
{
    assert_ok(tl_vector_store_check(b->store, &b->set, NULL, NULL, err));
    check_searches(b, TL_METRIC_DOT);
    check_searches(b, TL_METRIC_L2);
}

static void answers(tl_vector_storage storage)
{
    bench b;
    start(&b, storage);
    put_rows(&b, 0, COUNT / 2);
    check_store(&b);
    execute(b.database, "BEGIN");
    assert_ok(tl_vector_store_divide(b.store, &b.set, 60, NULL, err));
    tl_vector_store_rest(b.store);
    execute(b.database, "COMMIT");
    read_set(&b);
    assert_int_equal(b.set.lists, 60);
    check_store(&b);
    put_rows(&b, COUNT / 2, COUNT / 2); /* to the tail, then to the lists */
    check_store(&b);
    execute(b.database, "BEGIN");
    assert_ok(tl_vector_store_move_tails(b.store, err));
    for (size_t row = 0; row < COUNT; row += 7) {
        assert_ok(tl_vector_store_remove(b.store, &b.set, owner_of(row), err));
        b.is_there[row] = false;
    }
    assert_ok(tl_vector_store_flush(b.store, err));
    tl_vector_store_rest(b.store);
    execute(b.database, "COMMIT");
    read_set(&b);
    check_store(&b);
    stop(&b);
}

static void f16_answers_as_a_full_sort(void **state)
{
    (void)state;
    answers(TL_VECTOR_STORE_F16);
}

static void f32_answers_as_a_full_sort(void **state)
{
    (void)state;
    answers(TL_VECTOR_STORE_F32);
}

static void approximate_searches_find_most(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 2, 5, 9, 20, 200, 2000}; /* of so many rows one is wanted: 100 % down to 0.05 % */
    static int64_t allowed[COUNT];
    bench b;
    start(&b, TL_VECTOR_STORE_F16);
    put_rows(&b, 0, COUNT);
    assert_ok(tl_vector_store_divide(b.store, &b.set, 126, NULL, err));
    read_set(&b);
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++)
        for (int metric = 0; metric < 2; metric++) {
            size_t count = 0, right = 0, asked = 0, step = steps[s];
            for (size_t row = 0; row < COUNT; row += step)
                allowed[count++] = owner_of(row);
            size_t wanted = count < K ? count : K;
            for (size_t q = 0; q < 40; q++) {
                float query[DIM];
                int64_t exact[K];
                const tl_scored *hits;
                size_t found;
                fill(query, q * 91);
                tl_vector_query call = {.vector = query,
                                        .metric = (tl_vector_metric)metric,
                                        .k = K,
                                        .allowed = step == 1 ? NULL : allowed,
                                        .allowed_count = count,
                                        .exact = true};
                assert_ok(tl_vector_store_search(b.store, &b.set, &call, &hits, &found, err));
                assert_int_equal(found, wanted);
                for (size_t i = 0; i < wanted; i++)
                    exact[i] = hits[i].owner;
                call.exact = false;
                assert_ok(tl_vector_store_search(b.store, &b.set, &call, &hits, &found, err));
                assert_int_equal(found, wanted); /* a condition costs no results */
                for (size_t i = 0; i < wanted; i++)
                    for (size_t j = 0; j < wanted; j++)
                        right += hits[i].owner == exact[j];
                asked += wanted;
            }
            assert_true((double)right >= 0.9 * (double)asked);
        }
    stop(&b);
}

static void a_rollback_takes_everything_back(void **state)
{
    (void)state;
    bench b;
    start(&b, TL_VECTOR_STORE_F16);
    put_rows(&b, 0, 600);
    execute(b.database, "BEGIN");
    float vector[DIM];
    for (size_t row = 600; row < 2000; row++) {
        fill(vector, row);
        assert_ok(tl_vector_store_put(b.store, &b.set, owner_of(row), vector, err));
    }
    assert_ok(tl_vector_store_remove(b.store, &b.set, owner_of(3), err));
    assert_ok(tl_vector_store_flush(b.store, err));
    read_set(&b);
    assert_int_equal(b.set.count, 1999);
    assert_ok(tl_vector_store_divide(b.store, &b.set, 20, NULL, err));
    read_set(&b);
    assert_ok(tl_vector_store_check(b.store, &b.set, NULL, NULL, err));
    fill(vector, 2500);
    assert_ok(tl_vector_store_put(b.store, &b.set, owner_of(2500), vector, err)); /* held, and lost */
    tl_vector_store_rest(b.store);
    execute(b.database, "ROLLBACK");
    tl_vector_store_forget(b.store);
    read_set(&b);
    assert_int_equal(b.set.count, 600);
    assert_int_equal(b.set.lists, 0);
    check_store(&b);
    stop(&b);
}

static void tables_are_renamed_and_dropped(void **state)
{
    (void)state;
    bench b;
    start(&b, TL_VECTOR_STORE_F16);
    put_rows(&b, 0, 50);
    assert_ok(tl_vector_store_rename_tables(b.store, "other", err));
    tl_vector_store_close(b.store);
    assert_ok(tl_vector_store_open(b.database, schema, "other", TL_TABLES_OWN, &b.store, err));
    read_set(&b);
    check_search(&b, TL_METRIC_L2, NULL, 0, K, false);
    assert_ok(tl_vector_store_drop_tables(b.store, err));
    assert_error(tl_vector_store_find_set(b.store, SET, &b.set, err), TL_ERROR_CORRUPT, "no such table");
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f16_answers_as_a_full_sort),     cmocka_unit_test(f32_answers_as_a_full_sort),
        cmocka_unit_test(approximate_searches_find_most), cmocka_unit_test(a_rollback_takes_everything_back),
        cmocka_unit_test(tables_are_renamed_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
