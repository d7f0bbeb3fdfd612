/* Lists of every kind with the n-th allocation failing, for n = 1 until nothing fails: an error that says so, and no leak. */
#include "tests/support/failing_memory.c"

#include "made_files.h"

#include "crawler-import/lists/list.h"

#define LISTS TL_SOURCE_DIR "/tests/golden/fixtures/lists/"

static bool read_all(const char *path, const tl_list_options *options, size_t expected, tl_error *err)
{
    tl_list *list = NULL;
    tl_list_row row;
    bool done = false;
    bool ok = tl_list_open(&path, 1, options, &list, err) && tl_list_skip(list, 1, err);
    size_t count = 0;
    while (ok && !done) {
        ok = tl_list_next(list, &row, &done, err);
        count += ok && !done && row.skip_reason == NULL ? 1 : 0;
    }
    if (ok)
        assert_int_equal(count, expected); /* scarcity never loses a row */
    tl_list_close(list);
    return ok;
}

static void fail_in_turn(const char *name, const tl_list_options *options, size_t expected)
{
    char path[4096];
    snprintf(path, sizeof path, LISTS "%s", name);
    failing_memory_sweep sweep = {.job = name, .least_failures = 10};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, read_all(path, options, expected, &sweep.err));
}

static void test_lists(void **state)
{
    (void)state;
    const tl_list_options all = {.keep = "*"};
    fail_in_turn("excel.csv", &all, 11);
    fail_in_turn("cc3m.tsv", NULL, 9);
    fail_in_turn("pandas.csv.zst", &(tl_list_options){.keep = "width", .where = "width > 0"}, 10);
    fail_in_turn("lines.jsonl.gz", &all, 10);
    fail_in_turn("redcaps.json", &all, 10);
    fail_in_turn("pandas_columns.json", &all, 10);
    fail_in_turn("captions_val2017.json", &all, 5);
    fail_in_turn("dataset_coco.json", &all, 4);
    fail_in_turn("several.parquet", &all, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
