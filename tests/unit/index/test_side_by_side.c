/*
 * Connections of one process side by side: searchers in threads of their own beside a writer, writers that take turns, readers
 * that hold on to what they began with across a commit, and a log that stays bounded beside a searcher that never rests.
 */
#include "tests/unit/index/sql_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PATIENCE = 5, BATCH = 40, BATCHES = 16, DIM = 40, WRITERS = 2, SEARCHERS = 2, LONG_DIM = 8192 };

static const char path[] = "beside.twinlens", wal[] = "beside.twinlens-wal", table[] = "beside.db";

static void name_of(size_t writer, size_t batch, size_t i, char name[32])
{
    snprintf(name, 32, "%zu/%zu/%zu", writer, batch, i);
}

static void vector_of(size_t writer, size_t batch, size_t row, float *vector, size_t dim)
{
    tl_random random = tl_random_stream(61 + writer, batch * BATCH + row);
    for (size_t i = 0; i < dim; i++)
        vector[i] = i < DIM ? (float)tl_random_below(&random, 5) - 2.0f : vector[i - DIM];
    vector[0] = 3;
}

/* turn: says which vectors; those of a batch that is put again differ. */
static bool put_batch(tl_index_writer *writer, size_t number, size_t batch, size_t turn, uint32_t dim, tl_error *err)
{
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, dim);
    static _Thread_local float vector[LONG_DIM];
    for (size_t i = 0; i < BATCH; i++) {
        char name[32];
        int64_t id;
        tl_item item = {.root = "/r", .path = name, .hash = "h"};
        name_of(number, batch, i, name);
        vector_of(number, turn, i, vector, dim);
        if (!tl_index_writer_put_item(writer, &item, &id, err) || !tl_index_writer_put_vectors(writer, &set, &id, vector, 1, err))
            return false;
    }
    return true;
}

static bool divide(tl_index_writer *writer, uint32_t dim, uint32_t lists, tl_error *err)
{
    return tl_index_writer_divide(writer, test_set(TL_VECTOR_IMAGE, dim).model, TL_VECTOR_IMAGE, lists, NULL, err);
}

/* ---- threads ---- */

typedef struct worker {
    tl_index *index;
    size_t number;
    atomic_bool *is_over;
    size_t searches, sizes_seen;
    const char *failure; /* cmocka's checks jump, which only the first thread may */
} worker;

/* Whole commits only, and each hit's score is that of the vector stored for it. */
static const char *search_once(worker *self, tl_index *index, tl_index_searcher *searcher, size_t *previous)
{
    tl_error error = {0};
    float query[DIM];
    static _Thread_local tl_hit hits[WRITERS * BATCHES * BATCH];
    size_t count;
    tl_search_options options = {.k = WRITERS * BATCHES * BATCH, .exact = true};
    vector_of(9, self->number, self->searches, query, DIM);
    if (!tl_index_searcher_search(searcher, query, &options, hits, &count, &error))
        return "a search failed";
    if (count % BATCH != 0 || count < *previous)
        return "a search saw a part of a commit, or less than the one before";
    self->sizes_seen += count != *previous;
    *previous = count;
    for (size_t i = 0; i < count; i += 1 + count / 8) {
        tl_item item;
        void *block;
        size_t writer, batch, row;
        float vector[DIM];
        if (!tl_index_item_read(index, hits[i].item_id, &item, &block, &error) ||
            sscanf(item.path, "%zu/%zu/%zu", &writer, &batch, &row) != 3)
            return "a hit has no item";
        tl_memory_free(block);
        vector_of(writer, batch, row, vector, DIM);
        if (hits[i].score != exact_dot(query, vector, DIM))
            return "a hit has the score of another vector";
    }
    return NULL;
}

static void *search_on(void *context)
{
    worker *self = context;
    tl_error error = {0};
    tl_index *own = NULL;
    tl_index_searcher *searcher = NULL;
    size_t previous = 0;
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    /* The index is shared with the writers, as it may be; items are read through one that is the thread's own. */
    if (!tl_index_searcher_create(self->index, set.model, set.kind, &searcher, &error) ||
        !tl_index_open(path, TL_INDEX_READ, &own, &error))
        self->failure = "cannot begin";
    while (self->failure == NULL && (!atomic_load(self->is_over) || self->searches < 3)) {
        self->failure = search_once(self, own, searcher, &previous);
        self->searches++;
    }
    tl_index_searcher_destroy(searcher);
    tl_index_close(own);
    return NULL;
}

/* A writer a batch: the other one's turn comes between two, and each waits for the other. */
static void *write_on(void *context)
{
    worker *self = context;
    tl_error error = {0};
    for (size_t batch = 1; self->failure == NULL && batch < BATCHES; batch++) {
        tl_index_writer *writer = NULL;
        /* On a busy machine the other one's turns may outlast the wait for the lock. */
        for (int i = 0; i < PATIENCE && writer == NULL; i++)
            if (!tl_index_writer_open(self->index, &writer, &error))
                writer = NULL;
        if (writer == NULL) {
            self->failure = "a writer was not let in";
            break;
        }
        bool divides = batch == BATCHES / 2 && self->number == 0;
        if (!put_batch(writer, self->number, batch, batch, DIM, &error) || (divides && !divide(writer, DIM, 9, &error)) ||
            !tl_index_writer_commit(writer, &error))
            self->failure = "a batch was not written";
        tl_index_writer_close(writer);
    }
    return NULL;
}

static void searchers_beside_two_writers(void **state)
{
    (void)state;
    atomic_bool is_over = false;
    pthread_t threads[SEARCHERS + WRITERS];
    worker workers[SEARCHERS + WRITERS];
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    for (size_t i = 0; i < WRITERS; i++)
        assert_ok(put_batch(writer, i, 0, 0, DIM, err));
    assert_ok(divide(writer, DIM, 5, err));
    commit_and_close(writer);
    for (size_t i = 0; i < SEARCHERS + WRITERS; i++) {
        workers[i] = (worker){.index = index, .number = i < SEARCHERS ? i : i - SEARCHERS, .is_over = &is_over};
        assert_int_equal(pthread_create(&threads[i], NULL, i < SEARCHERS ? search_on : write_on, &workers[i]), 0);
    }
    for (size_t i = SEARCHERS; i < SEARCHERS + WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < SEARCHERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < SEARCHERS + WRITERS; i++)
        if (workers[i].failure != NULL)
            fail_msg("thread %zu: %s", i, workers[i].failure);
    for (size_t i = 0; i < SEARCHERS; i++)
        assert_true(workers[i].sizes_seen >= 2);
    tl_index_stats stats;
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_int_equal(stats.items, WRITERS * BATCHES * BATCH);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
}

/* ---- a reader across a commit ---- */

typedef struct visit {
    tl_index_writer *writer;
    size_t count;
} visit;

static bool commit_in_between(void *context, int64_t owner, const float *vector, tl_error *err)
{
    visit *seen = context;
    (void)owner;
    assert_true(vector[0] == 3);
    return seen->count++ != BATCH / 2 || seen->writer == NULL ||
           (put_batch(seen->writer, 0, 1, 1, DIM, err) && divide(seen->writer, DIM, 7, err) &&
            tl_index_writer_commit(seen->writer, err));
}

static void a_visit_sees_one_state_across_a_commit(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    visit seen = {.writer = open_writer(index)};
    assert_ok(put_batch(seen.writer, 0, 0, 0, DIM, err));
    assert_ok(tl_index_writer_commit(seen.writer, err));
    assert_ok(tl_index_each_vector(index, set.model, set.kind, commit_in_between, &seen, err));
    assert_int_equal(seen.count, BATCH);
    tl_index_writer_close(seen.writer);
    seen = (visit){0};
    assert_ok(tl_index_each_vector(index, set.model, set.kind, commit_in_between, &seen, err));
    assert_int_equal(seen.count, 2 * BATCH);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
}

static void sql_transactions_keep_their_state_across_a_commit(void **state)
{
    (void)state;
    static const char search[] = "SELECT group_concat(rowid) FROM (SELECT rowid FROM v WHERE embedding MATCH '[3,0]' AND k=9)";
    remove_index(table);
    sqlite3 *reader = open_sql(table), *writer = open_sql(table);
    run_sql(writer, "PRAGMA journal_mode=WAL; CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2);"
                    "INSERT INTO v(rowid, embedding) VALUES(1, '[1,0]'), (2, '[2,0]'), (5, '[5,0]')");
    run_sql(reader, "BEGIN");
    expect_sql(reader, search, "2,1,5");
    run_sql(writer, "DELETE FROM v WHERE rowid=2; UPDATE v SET embedding='[3,0]' WHERE rowid=5;"
                    "INSERT INTO v(v) VALUES('build=2'); INSERT INTO v(rowid, embedding) VALUES(4, '[4,0]')");
    expect_sql(reader, search, "2,1,5");
    expect_sql(reader, "SELECT twinlens_to_json(embedding) FROM v WHERE rowid=5", "[5,0]");
    run_sql(reader, "COMMIT");
    expect_sql(reader, search, "5,4,1");
    /* What was read before another's commit cannot be built on. */
    run_sql(reader, "BEGIN");
    expect_sql(reader, search, "5,4,1");
    run_sql(writer, "INSERT INTO v(rowid, embedding) VALUES(6, '[6,0]')");
    refuse_sql(reader, "INSERT INTO v(rowid, embedding) VALUES(7, '[7,0]')", "locked");
    run_sql(reader, "ROLLBACK; INSERT INTO v(rowid, embedding) VALUES(7, '[7,0]'); INSERT INTO v(v) VALUES('check')");
    expect_sql(writer, search, "5,4,1,6,7");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

/* ---- the log ---- */

static uint64_t wal_size(void)
{
    tl_file_status status;
    assert_ok(tl_file_status_read(wal, &status, err));
    return status.size;
}

static void *search_without_rest(void *context)
{
    worker *self = context;
    tl_error error = {0};
    static float query[LONG_DIM] = {1};
    tl_index_searcher *searcher = NULL;
    tl_search_options options = {.k = 5};
    tl_hit hits[5];
    size_t count;
    if (!tl_index_searcher_create(self->index, test_set(TL_VECTOR_IMAGE, LONG_DIM).model, TL_VECTOR_IMAGE, &searcher, &error))
        self->failure = "cannot begin";
    for (; self->failure == NULL && !atomic_load(self->is_over); self->searches++)
        if (!tl_index_searcher_search(searcher, query, &options, hits, &count, &error))
            self->failure = "a search failed";
    tl_index_searcher_destroy(searcher);
    return NULL;
}

/*
 * A searcher reads in one short transaction a search, so there are moments when nobody reads from the log, however long it lives;
 * only a transaction that is held open keeps all that is written after it began.
 */
static void the_log_stays_bounded(void **state)
{
    (void)state;
    enum { ROUNDS = 130, LOG_LIMIT = 40 << 20 };
    atomic_bool is_over = false;
    uint64_t largest = 0, put_bytes = (uint64_t)ROUNDS * BATCH * LONG_DIM * sizeof(uint16_t);
    pthread_t thread;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    assert_ok(put_batch(writer, 0, 0, 0, LONG_DIM, err));
    assert_ok(tl_index_writer_commit(writer, err));
    worker searcher = {.index = index, .is_over = &is_over};
    assert_int_equal(pthread_create(&thread, NULL, search_without_rest, &searcher), 0);
    for (size_t batch = 1; batch < ROUNDS; batch++) {
        assert_ok(put_batch(writer, 0, batch % 4, batch, LONG_DIM, err));
        assert_ok(tl_index_writer_commit(writer, err));
        uint64_t size = wal_size();
        largest = size > largest ? size : largest;
    }
    atomic_store(&is_over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    print_message("%zu searches, log at most %.1f MB\n", searcher.searches, (double)largest * 1e-6);
    assert_null(searcher.failure);
    assert_true(searcher.searches > 10);
    assert_true(largest < LOG_LIMIT && put_bytes > 2 * (uint64_t)LOG_LIMIT);
    tl_index_writer_close(writer);
    assert_int_equal(wal_size(), 0);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searchers_beside_two_writers),
        cmocka_unit_test(a_visit_sees_one_state_across_a_commit),
        cmocka_unit_test(sql_transactions_keep_their_state_across_a_commit),
        cmocka_unit_test(the_log_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
