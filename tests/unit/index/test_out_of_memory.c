/*
 * Every allocation of a life with the index fails in turn, ours and, with a stride, SQLite's own: each time there is an error
 * that says so or the work was done without, nothing leaks (the sanitizer sees to that), and the file holds whole commits.
 */
#include "tests/support/failing_memory.c"

#include "tests/unit/index/index_fixture.h"

#include <sqlite3.h>

static const char path[] = "memory.twinlens";

/* ---- SQLite's allocator, with one call that fails ---- */

static sqlite3_mem_methods original;
static size_t sqlite_asked, sqlite_fails_at; /* 0: none */

static void *allocate_or_fail(int size)
{
    return ++sqlite_asked == sqlite_fails_at ? NULL : original.xMalloc(size);
}

static void *resize_or_fail(void *block, int size)
{
    return ++sqlite_asked == sqlite_fails_at ? NULL : original.xRealloc(block, size);
}

static int install_sqlite_allocator(void **state)
{
    (void)state;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &original) != SQLITE_OK)
        return 1;
    sqlite3_mem_methods failing = original;
    failing.xMalloc = allocate_or_fail;
    failing.xRealloc = resize_or_fail;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK;
}

/* ---- one life ---- */

static bool ignore_item(void *context, const tl_item *item, tl_error *err)
{
    (void)err;
    *(size_t *)context += item->caption_count;
    return true;
}

static bool write_things(tl_index *index, tl_error *err)
{
    bool ok = false;
    tl_index_writer *writer = NULL;
    int64_t id, *ids = NULL, *missing = NULL;
    size_t count, missing_number;
    static const char *const captions[][2] = {{"a", "b"}, {"b", "c"}};
    tl_vector_set images = test_set(TL_VECTOR_IMAGE, 40), texts = test_set(TL_VECTOR_CAPTION, 40);
    float vectors[80] = {1};
    if (!tl_index_writer_open(index, &writer, err))
        goto done;
    for (size_t i = 0; i < 2; i++) {
        tl_item item = {.root = "/r", .path = "a", .hash = i == 0 ? "old" : "new", .captions = captions[i], .caption_count = 2};
        tl_memory_free(ids);
        ids = NULL;
        if (!tl_index_writer_put_item(writer, &item, &id, err) || !tl_index_writer_caption_ids(writer, id, &ids, &count, err) ||
            !tl_index_writer_put_vectors(writer, &images, &id, vectors, 1, err) ||
            !tl_index_writer_put_vectors(writer, &texts, ids, vectors, count, err))
            goto done;
    }
    tl_item other = {.root = "/r", .path = "b"};
    ok = tl_index_writer_commit(writer, err) && tl_index_writer_put_item(writer, &other, &id, err) &&
         tl_index_writer_missing(writer, &images, &missing, &missing_number, err) &&
         tl_index_writer_move_item(writer, id, "/s", "c", err) && tl_index_writer_move_root(writer, "/s", "/t", err) &&
         tl_index_writer_remove_item(writer, id, err) && tl_index_writer_commit(writer, err);
done:
    tl_memory_free(ids);
    tl_memory_free(missing);
    tl_index_writer_close(writer);
    return ok;
}

static bool read_things(tl_index *index, tl_error *err)
{
    bool ok = false;
    tl_index_searcher *searcher = NULL;
    float query[40] = {1};
    tl_hit hits[4];
    size_t count, captions = 0, set_count;
    tl_vector_set images = test_set(TL_VECTOR_IMAGE, 40), *sets = NULL;
    tl_item item;
    void *block = NULL;
    tl_search_options options = {.k = 4, .directory = "/r"};
    if (!tl_index_searcher_create(index, images.model, TL_VECTOR_CAPTION, &searcher, err) ||
        !tl_index_searcher_search(searcher, query, &options, hits, &count, err))
        goto done;
    ok = tl_index_item_read(index, hits[0].item_id, &item, &block, err) && tl_index_sets(index, &sets, &set_count, err) &&
         tl_index_each_item(index, NULL, ignore_item, &captions, err) && tl_index_check(index, err);
done:
    tl_memory_free(block);
    tl_memory_free(sets);
    tl_index_searcher_destroy(searcher);
    return ok;
}

static bool live(tl_error *err)
{
    tl_index *index = NULL;
    bool ok = tl_index_open(path, TL_INDEX_CREATE, &index, err) && write_things(index, err) && read_things(index, err);
    tl_index_close(index);
    return ok;
}

static void check_afterwards(void)
{
    tl_index *index = open_index(path, TL_INDEX_CREATE);
    assert_ok(tl_index_check(index, err));
    tl_index_stats stats;
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_true(stats.items <= 1 && stats.captions == 2 * stats.items && stats.roots == stats.items);
    tl_index_close(index);
}

static void our_allocations(void **state)
{
    (void)state;
    failing_memory_sweep sweep = {.job = "life", .least_failures = 21, .may_do_without = true};
    while (failing_memory_next(&sweep)) {
        remove_index(path);
        failing_memory_judge(&sweep, live(&sweep.err));
        check_afterwards();
    }
}

static void allocations_of_sqlite(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t number = 1;; number += 1 + number / 25) {
        tl_error error = {0};
        remove_index(path);
        sqlite_asked = 0;
        sqlite_fails_at = number;
        bool ok = live(&error);
        sqlite_fails_at = 0;
        if (sqlite_asked < number) {
            assert_true(ok);
            break;
        }
        if (!ok && error.kind != TL_ERROR_NO_MEMORY)
            fail_msg("allocation %zu: expected out of memory, found %s", number, error.message);
        check_afterwards();
        failures += !ok;
    }
    assert_true(failures > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(our_allocations), cmocka_unit_test(allocations_of_sqlite)};
    return cmocka_run_group_tests(tests, install_sqlite_allocator, NULL);
}
