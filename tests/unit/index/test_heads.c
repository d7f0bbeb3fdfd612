/*
 * Kept heads of listed blocks: whatever the limit, a view shows what stands in the file; after changes the kept ones that are as
 * in the file stay where they are, and no other is believed.
 */
#include "tests/unit/index/index_fixture.h"

#include "index/ann/heads.h"
#include "index/vector_store_internal.h"

#include <sqlite3.h>

enum { COUNT = 600, DIM = 24, SET = 1, LISTS = 20, MOST_BLOCKS = 100 };

typedef struct bench {
    sqlite3 *database;
    tl_vector_store *store;
    tl_stored_set set;
    tl_heads heads;
    int64_t ids[MOST_BLOCKS], lists[MOST_BLOCKS];
    size_t counts[MOST_BLOCKS], block_count;
} bench;

static void execute(sqlite3 *database, const char *sql)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
}

static void start(bench *b)
{
    *b = (bench){0};
    assert_int_equal(sqlite3_open(":memory:", &b->database), SQLITE_OK);
    assert_ok(tl_vector_store_open(b->database, "main", "v", TL_TABLES_OWN, &b->store, err));
    assert_ok(tl_vector_store_create_tables(b->store, err));
    assert_ok(tl_vector_store_add_set(b->store, SET, DIM, TL_VECTOR_STORE_F16, err));
    assert_ok(tl_vector_store_find_set(b->store, SET, &b->set, err));
    tl_random random = tl_random_stream(31, 0);
    for (int64_t owner = 0; owner < COUNT; owner++) {
        float vector[DIM];
        for (size_t i = 0; i < DIM; i++)
            vector[i] = tl_random_normal(&random);
        assert_ok(tl_vector_store_put(b->store, &b->set, owner, vector, err));
    }
    assert_ok(tl_vector_store_flush(b->store, err));
    assert_ok(tl_vector_store_find_set(b->store, SET, &b->set, err));
    assert_ok(tl_vector_store_divide(b->store, &b->set, LISTS, NULL, err));
    assert_ok(tl_vector_store_find_set(b->store, SET, &b->set, err));
    tl_vector_store_rest(b->store);
}

static void stop(bench *b)
{
    tl_heads__clear(&b->heads);
    tl_vector_store_close(b->store);
    assert_int_equal(sqlite3_close(b->database), SQLITE_OK);
}

static void arrange(bench *b)
{
    sqlite3_stmt *blocks;
    b->block_count = 0;
    assert_ok(tl_heads__rearrange(&b->heads, err));
    assert_int_equal(sqlite3_prepare_v2(b->database, "SELECT id, list, count FROM v_blocks ORDER BY list, id", -1, &blocks, NULL),
                     SQLITE_OK);
    for (; sqlite3_step(blocks) == SQLITE_ROW; b->block_count++) {
        assert_true(b->block_count < MOST_BLOCKS);
        b->ids[b->block_count] = sqlite3_column_int64(blocks, 0);
        b->lists[b->block_count] = sqlite3_column_int64(blocks, 1);
        b->counts[b->block_count] = (size_t)sqlite3_column_int64(blocks, 2);
        assert_ok(tl_heads__append(&b->heads, b->ids[b->block_count], err));
    }
    sqlite3_finalize(blocks);
    tl_heads__settle(&b->heads);
}

static const uint8_t *check_view(bench *b, size_t place)
{
    sqlite3_stmt *head;
    tl_block_shape shape = {DIM, TL_VECTOR_STORE_F16};
    tl_block_view view = {.id = b->ids[place], .set_id = SET, .list = b->lists[place], .count = b->counts[place]};
    assert_ok(tl_heads__view(&b->heads, place, tl_vector_store__tables(b->store), shape, &view, err));
    assert_int_equal(sqlite3_prepare_v2(b->database, "SELECT head FROM v_blocks WHERE id=?1", -1, &head, NULL), SQLITE_OK);
    sqlite3_bind_int64(head, 1, b->ids[place]);
    assert_int_equal(sqlite3_step(head), SQLITE_ROW);
    assert_int_equal(sqlite3_column_bytes(head, 0), view.head_size);
    assert_memory_equal(sqlite3_column_blob(head, 0), view.head, view.head_size);
    sqlite3_finalize(head);
    return view.head;
}

static void views_show_the_file_whatever_the_limit(void **state)
{
    (void)state;
    bench b;
    start(&b);
    static const size_t limits[] = {1, 3000, 20000, 0};
    for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
        tl_random random = tl_random_stream(32, l);
        tl_heads__clear(&b.heads);
        b.heads.limit = limits[l];
        arrange(&b);
        size_t largest = 0;
        for (size_t i = 0; i < b.block_count; i++)
            largest = b.counts[i] > largest ? b.counts[i] : largest;
        largest = tl_block__head_size((tl_block_shape){DIM, TL_VECTOR_STORE_F16}, 1, largest);
        for (int i = 0; i < 400; i++) {
            check_view(&b, (size_t)tl_random_below(&random, b.block_count));
            assert_true(limits[l] == 0 || b.heads.kept_bytes <= limits[l] || b.heads.kept_bytes <= largest + 128);
        }
    }
    tl_vector_store_rest(b.store);
    stop(&b);
}

static void only_heads_that_are_still_in_the_file_stay(void **state)
{
    (void)state;
    bench b;
    const uint8_t *before[MOST_BLOCKS];
    int64_t ids[MOST_BLOCKS];
    size_t stayed = 0, changed = 0;
    start(&b);
    arrange(&b);
    size_t count = b.block_count;
    for (size_t i = 0; i < count; i++) {
        before[i] = check_view(&b, i);
        ids[i] = b.ids[i];
    }
    for (int64_t owner = 0; owner < 5; owner++)
        assert_ok(tl_vector_store_remove(b.store, &b.set, owner, err));
    assert_ok(tl_vector_store_flush(b.store, err));
    tl_vector_store_rest(b.store);
    arrange(&b);
    for (size_t i = 0, old = 0; i < b.block_count; i++) {
        while (ids[old] != b.ids[i])
            assert_true(++old < count);
        bool is_same = check_view(&b, i) == before[old];
        stayed += is_same;
        changed += !is_same;
    }
    assert_true(changed >= 1 && changed <= 5);
    assert_true(stayed >= count - 5);
    tl_vector_store_rest(b.store);
    stop(&b);
}

/* Heads that come and go leave no holes: what is kept stays in proportion to what lives. */
static void memory_follows_what_is_there(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20 };
    bench b;
    start(&b);
    b.heads.limit = LIMIT;
    size_t moved = 0, most = 0;
    for (int64_t round = 0; round < 150; round++) {
        float vector[DIM];
        for (size_t i = 0; i < DIM; i++)
            vector[i] = (float)(round % 7) + (float)i;
        assert_ok(tl_vector_store_put(b.store, &b.set, round, vector, err));
        assert_ok(tl_vector_store_flush(b.store, err));
        assert_ok(tl_vector_store_find_set(b.store, SET, &b.set, err));
        tl_vector_store_rest(b.store);
        arrange(&b);
        for (size_t i = 0; i < b.block_count; i++) {
            const uint8_t *there = b.heads.items[i].bytes;
            if (b.lists[i] != 0)
                moved += check_view(&b, i) != there && there != NULL;
        }
        assert_true(b.heads.live_bytes < LIMIT / 8);
        assert_true(b.heads.kept_bytes <= 2 * (b.heads.live_bytes + LIMIT / 8) + LIMIT / 8);
        most = b.heads.kept_bytes > most ? b.heads.kept_bytes : most;
    }
    assert_true(moved > 0 && most > LIMIT / 8);
    tl_vector_store_rest(b.store);
    stop(&b);
}

/* What is in memory counts no more than what the file says. */
static void a_head_that_was_damaged_meanwhile_is_found(void **state)
{
    (void)state;
    bench b;
    start(&b);
    arrange(&b);
    check_view(&b, 0);
    tl_vector_store_rest(b.store);
    execute(b.database, "UPDATE v_blocks SET head=CAST(x'0102030405060708' || substr(head, 9) AS BLOB) WHERE list=1");
    arrange(&b);
    tl_block_view view = {.id = b.ids[0], .set_id = SET, .list = b.lists[0], .count = b.counts[0]};
    assert_error(
        tl_heads__view(&b.heads, 0, tl_vector_store__tables(b.store), (tl_block_shape){DIM, TL_VECTOR_STORE_F16}, &view, err),
        TL_ERROR_CORRUPT, "expected checksum");
    tl_vector_store_rest(b.store);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_show_the_file_whatever_the_limit),
        cmocka_unit_test(only_heads_that_are_still_in_the_file_stay),
        cmocka_unit_test(memory_follows_what_is_there),
        cmocka_unit_test(a_head_that_was_damaged_meanwhile_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
