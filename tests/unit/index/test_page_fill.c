/* The order in which a division writes its blocks: each of them once, and pages of a file that was compacted are full. */
#include "index/ann/page_fill.h"
#include "tests/unit/index/index_fixture.h"

#include <sqlite3.h>

enum { ROWS = 3000, DIM = 256, LISTS = 60, PLANS = 500 };

static const char path[] = "page_fill.twinlens";

static void each_block_is_written_once(void **state)
{
    (void)state;
    static tl_block_plan plans[PLANS];
    tl_random random = tl_random_stream(1, 0);
    for (size_t page_size = 512; page_size <= 65536; page_size *= 2)
        for (size_t count = 0; count <= PLANS; count = count == 0 ? 1 : count == 1 ? PLANS : PLANS + 1) {
            bool seen[PLANS] = {false};
            size_t rows[PLANS];
            for (size_t i = 0; i < count; i++) {
                rows[i] = 1 + (size_t)tl_random_below(&random, 400);
                plans[i] = (tl_block_plan){i, (uint32_t)rows[i], 0};
            }
            tl_block_shape shape = {page_size == 512 ? 65536 : 3, page_size == 1024 ? TL_VECTOR_STORE_F32 : TL_VECTOR_STORE_F16};
            assert_ok(tl_page_fill__order(plans, count, shape, page_size, err));
            for (size_t i = 0; i < count; i++) {
                assert_true(plans[i].first < count && !seen[plans[i].first]);
                assert_int_equal(plans[i].count, rows[plans[i].first]);
                seen[plans[i].first] = true;
            }
        }
}

/* The part of all pages of the table of blocks in which nothing lies. */
static double unused_part(void)
{
    sqlite3 *database;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "SELECT 1.0*sum(unused)/sum(pgsize) FROM dbstat WHERE name='vector_blocks'", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    double part = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    return part;
}

static void pages_are_full(void **state)
{
    (void)state;
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_random random = tl_random_stream(2, 0);
    for (size_t i = 0; i < ROWS; i++) {
        float vector[DIM];
        char name[32];
        snprintf(name, sizeof name, "%zu", i);
        int64_t owner = put_item(writer, "/r", name, "h");
        random_vector(&random, vector, DIM);
        assert_ok(tl_index_writer_put_vectors(writer, &set, &owner, vector, 1, err));
    }
    assert_ok(tl_index_writer_divide(writer, set.model, set.kind, LISTS, NULL, err));
    commit_and_close(writer);
    assert_ok(tl_index_vacuum(index, err));
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
    double part = unused_part();
    if (!(part < 0.05)) /* 0.03; in the order of lists 0.09 */
        fail_msg("expected less than 0.05 of the pages unused, found %.3f", part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_block_is_written_once), cmocka_unit_test(pages_are_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
