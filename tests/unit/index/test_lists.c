/*
 * Sets divided into lists, against brute force over an oracle in memory: exact search by codes equals the full sort whatever was
 * put, replaced, removed and divided; what is put later is found at once and joins the lists; approximate search finds nearly
 * all.
 */
#include "tests/unit/index/index_fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <time.h>

enum { MOST = 4000, DIM = 40, K = 25 };

static const char path[] = "lists.twinlens";

typedef struct oracle {
    size_t count;
    int64_t owners[MOST]; /* 0: removed */
    float vectors[MOST][DIM];
} oracle;

static oracle rows;

/* Around one of 30 centres; whole numbers, so that sums are exact and ties many. */
static void fill(uint64_t stream, float *vector)
{
    tl_random random = tl_random_stream(3, stream), centre = tl_random_stream(4, tl_random_below(&random, 30));
    for (size_t i = 0; i < DIM; i++)
        vector[i] = 3.0f * ((float)tl_random_below(&centre, 7) - 3.0f) + (float)tl_random_below(&random, 3) - 1.0f;
}

static void put(tl_index_writer *writer, const tl_vector_set *set, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%zu", rows.count);
        fill(rows.count, rows.vectors[rows.count]);
        rows.owners[rows.count] = put_item(writer, "/r", name, "h");
        assert_ok(tl_index_writer_put_vectors(writer, set, &rows.owners[rows.count], rows.vectors[rows.count], 1, err));
        rows.count++;
    }
}

static int best_first(const void *a, const void *b)
{
    const tl_hit *left = a, *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left->item_id > right->item_id) - (left->item_id < right->item_id);
}

static size_t brute_force(const float *query, tl_hit *hits)
{
    size_t count = 0;
    for (size_t i = 0; i < rows.count; i++)
        if (rows.owners[i] != 0)
            hits[count++] = (tl_hit){rows.owners[i], 0, exact_dot(query, rows.vectors[i], DIM)};
    qsort(hits, count, sizeof *hits, best_first);
    return count;
}

static void compare(tl_index *index, const tl_vector_set *set, uint64_t seed)
{
    static tl_hit expected[MOST], found[MOST];
    tl_index_searcher *searcher;
    assert_ok(tl_index_check(index, err));
    assert_ok(tl_index_searcher_create(index, set->model, set->kind, &searcher, err));
    size_t right = 0, asked = 0;
    for (uint64_t q = 0; q < 12; q++) {
        float query[DIM];
        size_t count, k = q == 11 ? MOST : q == 10 ? 1 : K;
        fill(100000 + seed * 100 + q, query);
        size_t all = brute_force(query, expected);
        tl_search_options options = {.k = k, .exact = true};
        assert_ok(tl_index_searcher_search(searcher, query, &options, found, &count, err));
        assert_int_equal(count, all < k ? all : k);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(found[i].item_id, expected[i].item_id);
            assert_true(found[i].score == expected[i].score);
        }
        options = (tl_search_options){.k = k, .directory = "/r"};
        assert_ok(tl_index_searcher_search(searcher, query, &options, found, &count, err));
        assert_int_equal(count, all < k ? all : k);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(found[i].item_id, expected[i].item_id);
        options = (tl_search_options){.k = k, .probes = 12};
        assert_ok(tl_index_searcher_search(searcher, query, &options, found, &count, err));
        assert_int_equal(count, all < k ? all : k); /* fewer in the lists probed: more lists */
        for (size_t i = 0; k == K && i < count; i++)
            right += !(found[i].score < expected[count - 1].score);
        asked += k == K ? count : 0;
    }
    assert_true((double)right >= 0.9 * (double)asked);
    tl_index_searcher_destroy(searcher);
}

static void run(tl_vector_storage storage)
{
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM), *sets;
    set.storage = storage;
    size_t set_count;
    memset(&rows, 0, sizeof rows);
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    put(writer, &set, 1500);
    assert_ok(tl_index_writer_divide(writer, set.model, set.kind, 40, NULL, err));
    assert_ok(tl_index_writer_commit(writer, err));
    compare(index, &set, 1);
    assert_ok(tl_index_sets(index, &sets, &set_count, err));
    assert_int_equal(set_count, 1);
    assert_int_equal(sets[0].lists, 40);
    assert_int_equal(sets[0].divided, 1500);
    assert_int_equal(sets[0].storage, storage);
    tl_memory_free(sets);

    put(writer, &set, 300); /* a tail */
    assert_ok(tl_index_writer_commit(writer, err));
    compare(index, &set, 2);
    put(writer, &set, 1200); /* joins the lists */
    assert_ok(tl_index_writer_commit(writer, err));
    compare(index, &set, 3);
    for (size_t i = 0; i < rows.count; i += 3) {
        assert_ok(tl_index_writer_remove_item(writer, rows.owners[i], err));
        rows.owners[i] = 0;
    }
    for (size_t i = 1; i < rows.count; i += 30) { /* leaves its list for the tail */
        fill(50000 + i, rows.vectors[i]);
        assert_ok(tl_index_writer_put_vectors(writer, &set, &rows.owners[i], rows.vectors[i], 1, err));
    }
    assert_ok(tl_index_writer_commit(writer, err));
    compare(index, &set, 4);
    assert_ok(tl_index_writer_divide(writer, set.model, set.kind, 0, NULL, err));
    tl_index_writer_close(writer); /* rolled back */
    compare(index, &set, 5);
    writer = open_writer(index);
    assert_ok(tl_index_writer_divide(writer, set.model, set.kind, 0, NULL, err));
    commit_and_close(writer);
    compare(index, &set, 6);
    assert_ok(tl_index_vacuum(index, err));
    compare(index, &set, 7);
    tl_index_close(index);
}

static void f16_equals_the_full_sort(void **state)
{
    (void)state;
    run(TL_VECTOR_STORE_F16);
}

static void f32_equals_the_full_sort(void **state)
{
    (void)state;
    run(TL_VECTOR_STORE_F32);
}

static bool change_column(const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    bool ok = sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    return ok;
}

/* Each leaves a sound SQLite database; the check must refuse it, and an exact search must not give a wrong answer. */
static void damage_is_found(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "UPDATE vector_blocks SET radius=radius/2 WHERE list=1",
        "UPDATE vector_blocks SET list=2 WHERE list=1",
        "UPDATE vector_blocks SET head=zeroblob(length(head)) WHERE list=1",
        "UPDATE vector_blocks SET vectors=zeroblob(length(vectors)) WHERE list=1",
        "UPDATE vector_blocks SET mark=mark+1 WHERE list=1",
        "DELETE FROM vector_blocks WHERE list=1",
        "UPDATE vector_centroids SET centroids=zeroblob(length(centroids))",
        "DELETE FROM vector_centroids",
        "UPDATE vector_sets SET lists=3",
        "UPDATE vector_sets SET lists=0",
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
        memset(&rows, 0, sizeof rows);
        tl_index *index = new_index(path);
        tl_index_writer *writer = open_writer(index);
        put(writer, &set, 200);
        assert_ok(tl_index_writer_divide(writer, set.model, set.kind, 5, NULL, err));
        commit_and_close(writer);
        tl_index_close(index);
        assert_true(change_column(damages[i]));
        index = open_index(path, TL_INDEX_READ);
        assert_error(tl_index_check(index, err), TL_ERROR_CORRUPT, "");
        tl_index_searcher *searcher;
        tl_hit hits[200];
        size_t count;
        float query[DIM];
        fill(7, query);
        assert_ok(tl_index_searcher_create(index, set.model, set.kind, &searcher, err));
        tl_search_options options = {.k = 200, .exact = true};
        assert_error(tl_index_searcher_search(searcher, query, &options, hits, &count, err), TL_ERROR_CORRUPT, "");
        tl_index_searcher_destroy(searcher);
        tl_index_close(index);
    }
}

/* A file of version 1 is brought up to date with all it has. */
static void version_1_is_migrated(void **state)
{
    (void)state;
    tl_string bytes;
    tl_string_init(&bytes, 1 << 20);
    assert_ok(tl_file_read(TL_SOURCE_DIR "/tests/unit/index/fixtures/version_1.twinlens", &bytes, err));
    remove_index(path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
    tl_string_clear(&bytes);
    tl_index *index;
    assert_error(tl_index_open(path, TL_INDEX_READ, &index, err), TL_ERROR_UNSUPPORTED, "found version 1");
    index = open_index(path, TL_INDEX_WRITE);
    assert_ok(tl_index_check(index, err));
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 3), *sets;
    size_t count;
    assert_ok(tl_index_sets(index, &sets, &count, err));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sets[i].storage, TL_VECTOR_STORE_F32);
    tl_memory_free(sets);
    tl_hit hits[10];
    assert_int_equal(search_ones(index, &set, NULL, 10, hits), 4);
    assert_true(hits[0].score == 9.0f);
    tl_index_writer *writer = open_writer(index);
    assert_ok(tl_index_writer_divide(writer, set.model, set.kind, 2, NULL, err));
    commit_and_close(writer);
    assert_ok(tl_index_check(index, err));
    assert_int_equal(search_ones(index, &set, NULL, 10, hits), 4);
    tl_index_close(index);
}

/* Killed at any moment of dividing and of joining lists, the file is as after a commit. */
static void killed_divisions_leave_whole_commits(void **state)
{
    (void)state;
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    memset(&rows, 0, sizeof rows);
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    put(writer, &set, 1000);
    commit_and_close(writer);
    tl_index_close(index);
    for (unsigned delay = 1; delay <= 12; delay++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            tl_error error;
            for (uint32_t lists = 4;; lists = lists % 40 + 1)
                if (!tl_index_open(path, TL_INDEX_WRITE, &index, &error) || !tl_index_writer_open(index, &writer, &error) ||
                    !tl_index_writer_divide(writer, set.model, set.kind, lists, NULL, &error) ||
                    !tl_index_writer_commit(writer, &error))
                    _exit(1);
                else
                    tl_index_writer_close(writer);
        }
        struct timespec pause = {0, (long)delay * 17000000L};
        nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        index = open_index(path, TL_INDEX_WRITE);
        compare(index, &set, delay);
        tl_index_close(index);
    }
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 2);
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    assert_error(tl_index_writer_divide(writer, set.model, set.kind, 2, NULL, err), TL_ERROR_NOT_FOUND, "none of any model");
    int64_t id = put_item(writer, "/r", "a", NULL);
    float vector[2] = {1, 70000};
    assert_error(tl_index_writer_put_vectors(writer, &set, &id, vector, 1, err), TL_ERROR_INVALID, "within f16");
    vector[1] = 2;
    assert_ok(tl_index_writer_put_vectors(writer, &set, &id, vector, 1, err));
    assert_error(tl_index_writer_divide(writer, set.model, set.kind, 1U << 30, NULL, err), TL_ERROR_INVALID, "lists");
    assert_ok(tl_index_writer_divide(writer, set.model, set.kind, 9, NULL, err)); /* as many as there are vectors */
    commit_and_close(writer);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f16_equals_the_full_sort), cmocka_unit_test(f32_equals_the_full_sort),
        cmocka_unit_test(damage_is_found),          cmocka_unit_test(version_1_is_migrated),
        cmocka_unit_test(bad_calls_are_refused),    cmocka_unit_test(killed_divisions_leave_whole_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
