/* Rows of tables against those that Python's csv module reads (fixture), and the limits. */
#include "made_files.h"

#include "crawler-import/tables/csv_rows.h"

static tl_slice stripped(tl_slice field)
{
    while (field.size != 0 && (field.data[0] == ' ' || field.data[0] == '\t'))
        field = (tl_slice){field.data + 1, field.size - 1};
    while (field.size != 0 && (field.data[field.size - 1] == ' ' || field.data[field.size - 1] == '\t'))
        field.size--;
    return field;
}

static void check_table(const tl_json *table, size_t number)
{
    const char *delimiter = tl_json_text(tl_json_member(table, "delimiter"));
    const tl_json *expected = tl_json_member(table, "rows");
    tl_csv_rows *rows = NULL;
    make_text("table", tl_json_text(tl_json_member(table, "text")));
    assert_ok(tl_csv_rows_open("table", delimiter[0], TL_CSV_QUOTES_SPAN_LINES, &rows, err));
    for (size_t i = 0;; i++) {
        tl_csv_row row;
        bool done;
        assert_ok(tl_csv_rows_next(rows, &row, &done, err));
        if (done) {
            assert_int_equal(i, tl_json_array_size(expected));
            break;
        }
        const tl_json *wanted = tl_json_array_item(expected, i);
        const tl_json *fields = tl_json_member(wanted, "fields");
        if (row.field_count != tl_json_array_size(fields) || (int64_t)row.line != tl_json_integer_or(wanted, "line", -1))
            fail_msg("table %zu, row %zu: expected %zu fields on line %lld, found %zu on %llu", number, i,
                     tl_json_array_size(fields), (long long)tl_json_integer_or(wanted, "line", -1), row.field_count,
                     (unsigned long long)row.line);
        for (size_t field = 0; field < row.field_count; field++)
            if (!tl_slice_equal(stripped(row.fields[field]), tl_slice_of(tl_json_text(tl_json_array_item(fields, field)))))
                fail_msg("table %zu, row %zu, field %zu: expected '%s', found '%.*s'", number, i, field,
                         tl_json_text(tl_json_array_item(fields, field)), (int)row.fields[field].size, row.fields[field].data);
    }
    assert_true(tl_csv_rows_progress(rows) == 1);
    tl_csv_rows_close(rows);
}

static void test_as_python_reads(void **state)
{
    (void)state;
    tl_json *tables = NULL;
    assert_ok(tl_json_read_file(TL_SOURCE_DIR "/tests/golden/fixtures/import/tables.json", 1 << 20, &tables, err));
    assert_true(tl_json_array_size(tables) >= 70);
    for (size_t i = 0; i < tl_json_array_size(tables); i++)
        check_table(tl_json_array_item(tables, i), i);
    tl_json_free(tables);
}

/* Rows wider than the read buffer, and their line numbers. */
static void test_long_rows(void **state)
{
    (void)state;
    enum { WIDTH = 200000, ROWS = 4 };
    tl_string text;
    tl_csv_rows *rows = NULL;
    tl_string_init(&text, (size_t)1 << 24);
    for (int row = 0; row < ROWS; row++) {
        assert_ok(tl_string_append_format(&text, err, "%d,\"", row));
        for (int i = 0; i < WIDTH; i++)
            assert_ok(tl_string_append_text(&text, i % 1000 == 999 ? "\r\n" : "x", err));
        assert_ok(tl_string_append_text(&text, "\"\r\n", err));
    }
    make_file("long", text.data, text.size);
    tl_string_clear(&text);
    assert_ok(tl_csv_rows_open("long", ',', TL_CSV_QUOTES_SPAN_LINES, &rows, err));
    for (uint64_t row = 0; row < ROWS; row++) {
        tl_csv_row found;
        bool done;
        assert_ok(tl_csv_rows_next(rows, &found, &done, err));
        assert_false(done);
        assert_int_equal(found.line, 1 + row * (WIDTH / 1000 + 1));
        assert_int_equal(found.field_count, 2);
        assert_int_equal(found.fields[1].size, WIDTH + WIDTH / 1000);
    }
    tl_csv_rows_close(rows);
}

/* A quote that is never closed costs one row and what it swallowed, not the rest of the table. */
static void test_row_too_large(void **state)
{
    (void)state;
    tl_string text;
    tl_csv_rows *rows = NULL;
    tl_csv_row row;
    bool done;
    tl_string_init(&text, (size_t)1 << 24);
    assert_ok(tl_string_append_text(&text, "a,b\n1,\"open\n", err));
    for (int i = 0; i < 130000; i++)
        assert_ok(tl_string_append_text(&text, "2,swallowed\n", err));
    make_file("open", text.data, text.size);
    tl_string_clear(&text);
    assert_ok(tl_csv_rows_open("open", ',', TL_CSV_QUOTES_SPAN_LINES, &rows, err));
    assert_ok(tl_csv_rows_next(rows, &row, &done, err));
    assert_ok(tl_csv_rows_next(rows, &row, &done, err));
    assert_true(row.is_too_large && row.line == 2 && row.field_count == 0);
    uint64_t before = 0;
    size_t count = 0;
    for (;; count++) {
        assert_ok(tl_csv_rows_next(rows, &row, &done, err));
        if (done)
            break;
        assert_true(!row.is_too_large && row.field_count == 2 && row.line > before);
        before = row.line;
    }
    assert_int_equal(before, 130002);
    assert_in_range(count, 130000 - (1 << 20) / 12 - 2, 130000 - (1 << 20) / 12 + 2);
    tl_csv_rows_close(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_python_reads), cmocka_unit_test(test_long_rows),
                                       cmocka_unit_test(test_row_too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
