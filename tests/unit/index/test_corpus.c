/*
 * The seeds of tests/fuzz/corpus/index_file: made here, with pages of 512 bytes so that they are small, in this test's scratch
 * folder as *.seed. A committed seed that is no sound index of today's schema fuzzes the migration alone, so that fails the test;
 * the remedy is to copy the fresh ones over. One of the version before stays, for the migration.
 */
#include "tests/unit/index/index_fixture.h"

#include <sqlite3.h>

static const char *const names[] = {"empty.seed", "small.seed", "log.seed", "version-2.seed"};
enum { FRESH = 3 };

static void fill(tl_index *index)
{
    tl_index_writer *writer = open_writer(index);
    tl_vector_set sets[] = {test_set(TL_VECTOR_IMAGE, 3), test_set(TL_VECTOR_CAPTION, 3), test_set(TL_VECTOR_IMAGE, 700)};
    sets[2].model[0] = 'f';
    for (int i = 0; i < 4; i++) {
        char name[32];
        const char *captions[] = {"a", "b"};
        int64_t *ids;
        size_t count;
        snprintf(name, sizeof name, "a/%d.jpg", i);
        int64_t id = put_captioned(writer, name, "h", captions, (size_t)(i % 3));
        assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &count, err));
        put_flat_vector(writer, &sets[0], id, (float)i);
        if (i == 1)
            put_flat_vector(writer, &sets[2], id, 1);
        if (count != 0)
            put_flat_vector(writer, &sets[1], ids[0], (float)i);
        tl_memory_free(ids);
    }
    assert_ok(tl_index_writer_divide(writer, sets[0].model, sets[0].kind, 2, NULL, err));
    commit_and_close(writer);
}

static void make_seed(const char *name, const char *sql, bool is_filled)
{
    tl_index *index = new_index(name);
    if (is_filled)
        fill(index);
    tl_index_close(index);
    sqlite3 *database;
    assert_int_equal(sqlite3_open(name, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void seeds_are_sound_index_files(void **state)
{
    (void)state;
    static const char small_pages[] = "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM";
    static const char with_log[] = "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM; PRAGMA journal_mode=WAL";
    make_seed(names[0], small_pages, false);
    make_seed(names[1], small_pages, true);
    make_seed(names[2], with_log, true);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char committed[1024];
        tl_string bytes;
        tl_index_stats stats, expected;
        tl_error refusal;
        tl_index *index = NULL;
        tl_string_init(&bytes, 1 << 20);
        snprintf(committed, sizeof committed, "%s/tests/fuzz/corpus/index_file/%s", TL_SOURCE_DIR, names[i]);
        assert_ok(tl_file_read(committed, &bytes, err));
        assert_ok(tl_file_replace("copy.twinlens", tl_string_slice(&bytes), err)); /* opening may write */
        tl_string_clear(&bytes);
        /* Reading brings nothing up to date. */
        bool is_fresh = tl_index_open("copy.twinlens", TL_INDEX_READ, &index, &refusal);
        tl_index_close(index);
        if (is_fresh != (i < FRESH))
            fail_msg("%s: expected a seed of %s, found another", names[i], i < FRESH ? "today's version" : "the version before");
        index = open_index(names[i < FRESH ? i : 1], TL_INDEX_WRITE);
        assert_ok(tl_index_stats_read(index, &expected, err));
        tl_index_close(index);
        index = open_index("copy.twinlens", TL_INDEX_WRITE);
        assert_ok(tl_index_check(index, err));
        assert_ok(tl_index_stats_read(index, &stats, err));
        tl_index_close(index);
        assert_int_equal(stats.items, expected.items);
        assert_int_equal(stats.captions, expected.captions);
        assert_int_equal(stats.items, i == 0 ? 0 : 4);
        remove_index("copy.twinlens");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_are_sound_index_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
