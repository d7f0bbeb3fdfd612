/* Lists that pandas, pyarrow and Python's csv and json modules wrote (tests/golden/make_lists.py), against the rows they wrote.
 */
#include "made_files.h"

#include "crawler-import/lists/list.h"

#define LISTS TL_SOURCE_DIR "/tests/golden/fixtures/lists/"

struct comparison {
    const char *list;
    const char *origin;
    const tl_json *found;
};

static bool compare_member(void *context, const char *name, const tl_json *wanted)
{
    const struct comparison *comparison = context;
    tl_string a;
    tl_string b;
    tl_string_init(&a, 1 << 20);
    tl_string_init(&b, 1 << 20);
    if (tl_json_member(comparison->found, name) != NULL)
        assert_ok(tl_json_write(tl_json_member(comparison->found, name), TL_JSON_COMPACT, &a, err));
    else if (tl_json_has_null(comparison->found, name))
        assert_ok(tl_string_append_text(&a, "null", err));
    assert_ok(tl_json_write(wanted, TL_JSON_COMPACT, &b, err));
    if (strcmp(a.data, b.data) != 0)
        fail_msg("%s: %s: expected %s of %s, found '%s'", comparison->list, comparison->origin, b.data, name, a.data);
    tl_string_clear(&a);
    tl_string_clear(&b);
    return true;
}

static void check_row(const char *name, const tl_json *wanted, const tl_list_row *row)
{
    const tl_json *captions = tl_json_member(wanted, "captions");
    const tl_json *kept = tl_json_member(wanted, "kept");
    if (row->skip_reason != NULL)
        fail_msg("%s: %s: %s", name, row->origin, row->skip_reason);
    assert_string_equal(row->url, tl_json_text_or(wanted, "url", ""));
    if (row->caption_count != tl_json_array_size(captions))
        fail_msg("%s: %s: expected %zu captions, found %zu", name, row->origin, tl_json_array_size(captions), row->caption_count);
    for (size_t i = 0; i < row->caption_count; i++)
        if (!tl_slice_equal(row->captions[i], tl_slice_of(tl_json_text(tl_json_array_item(captions, i)))))
            fail_msg("%s: %s: expected the caption '%s', found '%.*s'", name, row->origin,
                     tl_json_text(tl_json_array_item(captions, i)), (int)row->captions[i].size, row->captions[i].data);
    if (kept == NULL)
        return;
    tl_json *found = NULL;
    assert_ok(tl_json_parse(row->kept, "kept", &found, err));
    struct comparison comparison = {name, row->origin, found};
    assert_true(tl_json_each_member(kept, compare_member, &comparison));
    tl_json_free(found);
}

static const char *text_option(const tl_json *list, const char *name)
{
    const char *text = tl_json_text_or(list, name, "");
    return text[0] != '\0' ? text : NULL;
}

static void check_list(const tl_json *list)
{
    char path[4096];
    const char *paths[] = {path};
    const char *name = tl_json_text_or(list, "file", "");
    const tl_json *rows = tl_json_member(list, "rows");
    const tl_json *digests = tl_json_member(list, "digests");
    tl_list_options options = {.format = text_option(tl_json_member(list, "options"), "format"),
                               .keep = text_option(list, "keep"),
                               .where = text_option(list, "where")};
    tl_list *opened = NULL;
    size_t count = 0;
    snprintf(path, sizeof path, LISTS "%s", name);
    assert_ok(tl_list_open(paths, 1, &options, &opened, err));
    for (;; count++) {
        tl_list_row row;
        bool done;
        assert_ok(tl_list_next(opened, &row, &done, err));
        if (done)
            break;
        if (count == tl_json_array_size(rows))
            fail_msg("%s: expected %zu rows, found more", name, count);
        check_row(name, tl_json_array_item(rows, count), &row);
        if (options.where == NULL)
            assert_int_equal(row.number, count);
        if (digests != NULL) {
            assert_int_equal(row.digest_kind, TL_LIST_DIGEST_SHA256);
            assert_string_equal(row.digest, tl_json_text(tl_json_array_item(digests, count)));
        } else {
            assert_null(row.digest);
        }
    }
    if (count != tl_json_array_size(rows))
        fail_msg("%s (where %s): expected %zu rows, found %zu", name, options.where != NULL ? options.where : "all",
                 tl_json_array_size(rows), count);
    assert_true(tl_list_progress(opened) > 0.999);
    tl_list_close(opened);
}

/* Whatever is passed over, the rows after it are those of an unbroken run. */
static void check_skipping(const tl_json *list)
{
    char path[4096];
    const char *paths[] = {path};
    const tl_json *rows = tl_json_member(list, "rows");
    tl_list_options options = {.format = text_option(tl_json_member(list, "options"), "format")};
    if (text_option(list, "where") != NULL)
        return;
    snprintf(path, sizeof path, LISTS "%s", tl_json_text_or(list, "file", ""));
    for (size_t first = 0; first <= tl_json_array_size(rows); first++) {
        tl_list *opened = NULL;
        tl_list_row row;
        bool done;
        assert_ok(tl_list_open(paths, 1, &options, &opened, err));
        assert_ok(tl_list_skip(opened, first / 2, err));
        if (first >= 2) { /* one row read in between */
            assert_ok(tl_list_next(opened, &row, &done, err));
            assert_int_equal(row.number, first / 2);
            assert_ok(tl_list_skip(opened, first - first / 2 - 1, err));
        } else {
            assert_ok(tl_list_skip(opened, first - first / 2, err));
        }
        assert_ok(tl_list_next(opened, &row, &done, err));
        assert_int_equal(done, first == tl_json_array_size(rows));
        if (!done) {
            assert_int_equal(row.number, first);
            assert_string_equal(row.url, tl_json_text_or(tl_json_array_item(rows, first), "url", ""));
        }
        tl_list_close(opened);
    }
}

static void each_list(void (*check)(const tl_json *list))
{
    tl_json *lists = NULL;
    assert_ok(tl_json_read_file(LISTS "expected.json", 1 << 20, &lists, err));
    assert_true(tl_json_array_size(lists) >= 30);
    for (size_t i = 0; i < tl_json_array_size(lists); i++)
        check(tl_json_array_item(lists, i));
    tl_json_free(lists);
}

static void test_rows(void **state)
{
    (void)state;
    each_list(check_list);
}

static void test_skipping(void **state)
{
    (void)state;
    each_list(check_skipping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_skipping)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
