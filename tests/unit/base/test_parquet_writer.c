/* Writing Parquet: what is written is read back, row by row; mistakes of the caller; nothing appears without a commit; no memory.
 */
#include "tests/support/assert_ok.h"
#include "tests/support/failing_memory.c"
#include "tests/support/parquet_text.h"

#include "base/core/random.h"
#include "base/io/file.h"
#include "base/io/parquet/parquet.h"
#include "base/io/parquet/parquet_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { COLUMNS = 9, LIST = 5 };

static const tl_parquet_written_column columns[COLUMNS] = {
    {"text", TL_PARQUET_WRITE_TEXT, true, 0},        {"few", TL_PARQUET_WRITE_TEXT, false, 0},
    {"json", TL_PARQUET_WRITE_JSON, true, 0},        {"bytes", TL_PARQUET_WRITE_BYTES, true, 0},
    {"integer", TL_PARQUET_WRITE_INTEGER, true, 0},  {"double", TL_PARQUET_WRITE_DOUBLE, false, 0},
    {"float", TL_PARQUET_WRITE_FLOAT, true, 0},      {"boolean", TL_PARQUET_WRITE_BOOLEAN, true, 0},
    {"vector", TL_PARQUET_WRITE_FLOATS, true, LIST},
};

/* A row is a pure function of its number. */
typedef struct row_values {
    bool present[COLUMNS];
    char text[64], bytes[8];
    size_t bytes_size;
    int64_t integer;
    double real;
    float single, vector[LIST];
    bool boolean;
} row_values;

static row_values row_at(uint64_t number)
{
    tl_random random = tl_random_stream(11, number);
    row_values row = {0};
    for (size_t i = 0; i < COLUMNS; i++)
        row.present[i] = !columns[i].is_nullable || tl_random_below(&random, 4) != 0;
    snprintf(row.text, sizeof row.text, "http://example.org/\xE7\x8B\x90/%llu",
             (unsigned long long)tl_random_below(&random, 100000));
    row.bytes_size = (size_t)tl_random_below(&random, sizeof row.bytes);
    for (size_t i = 0; i < row.bytes_size; i++)
        row.bytes[i] = (char)tl_random_below(&random, 256);
    row.integer = (int64_t)tl_random_next(&random);
    row.real = (double)row.integer / 3;
    row.single = (float)row.real;
    row.boolean = tl_random_below(&random, 2) == 1;
    for (size_t i = 0; i < LIST; i++)
        row.vector[i] = (float)tl_random_below(&random, 1000);
    return row;
}

static tl_slice few_at(uint64_t number)
{
    static const char *const few[] = {"", "fox", "red fox", "\xF0\x9F\xA6\x8A"};
    return tl_slice_of(few[number * 7 / 3 % 4]);
}

static bool write_row(tl_parquet_writer *writer, uint64_t number, tl_error *err)
{
    row_values row = row_at(number);
    return (!row.present[0] || tl_parquet_writer_set_text(writer, 0, tl_slice_of(row.text), err)) &&
           tl_parquet_writer_set_text(writer, 1, few_at(number), err) &&
           (!row.present[2] || tl_parquet_writer_set_text(writer, 2, tl_slice_of("{}"), err)) &&
           (!row.present[3] || tl_parquet_writer_set_text(writer, 3, (tl_slice){row.bytes, row.bytes_size}, err)) &&
           (!row.present[4] || tl_parquet_writer_set_integer(writer, 4, row.integer, err)) &&
           tl_parquet_writer_set_double(writer, 5, row.real, err) &&
           (!row.present[6] || tl_parquet_writer_set_float(writer, 6, row.single, err)) &&
           (!row.present[7] || tl_parquet_writer_set_boolean(writer, 7, row.boolean, err)) &&
           (!row.present[8] || tl_parquet_writer_set_floats(writer, 8, row.vector, err)) &&
           tl_parquet_writer_end_row(writer, err);
}

static bool write_rows(const char *path, uint64_t count, tl_parquet_writer_options options, tl_error *err)
{
    tl_parquet_writer *writer = NULL;
    if (!tl_parquet_writer_open(path, columns, COLUMNS, &options, &writer, err))
        return false;
    bool ok = true;
    for (uint64_t i = 0; ok && i < count; i++)
        ok = write_row(writer, i, err);
    ok = ok && tl_parquet_writer_commit(writer, err);
    tl_parquet_writer_close(writer);
    return ok;
}

static void check_row(const tl_parquet_batch *batch, size_t at)
{
    row_values row = row_at(batch->first_row + at);
    const tl_parquet_vector *v = batch->vectors;
    for (size_t i = 0; i < COLUMNS; i++)
        assert_int_equal(v[i].present == NULL || v[i].present[at], row.present[i]);
    assert_true(!row.present[0] || tl_slice_equal(v[0].values.texts[at], tl_slice_of(row.text)));
    assert_true(tl_slice_equal(v[1].values.texts[at], few_at(batch->first_row + at)));
    assert_true(!row.present[2] || tl_slice_equal(v[2].values.texts[at], tl_slice_of("{}")));
    assert_true(!row.present[3] || tl_slice_equal(v[3].values.texts[at], (tl_slice){row.bytes, row.bytes_size}));
    assert_true(v[4].values.integers[at] == (row.present[4] ? row.integer : 0));
    assert_true(v[5].values.doubles[at] == row.real);
    assert_true(v[6].values.floats[at] == (row.present[6] ? row.single : 0));
    assert_int_equal(v[7].values.booleans[at], row.present[7] && row.boolean);
    assert_int_equal(v[8].offsets[at + 1] - v[8].offsets[at], row.present[8] ? LIST : 0);
    for (size_t i = 0; row.present[8] && i < LIST; i++)
        assert_true(v[8].values.floats[v[8].offsets[at] + i] == row.vector[i]);
}

static bool read_rows(const char *path, uint64_t count, tl_error *err)
{
    tl_parquet_file *file = NULL;
    tl_parquet_reader *reader = NULL;
    size_t indexes[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        indexes[i] = i;
    if (!tl_parquet_open(path, &file, err))
        return false;
    tl_parquet_batch batch = {.row_count = 1};
    uint64_t rows = 0;
    bool ok = tl_parquet_reader_create(file, indexes, COLUMNS, NULL, &reader, err);
    while (ok && batch.row_count != 0 && (ok = tl_parquet_reader_next(reader, &batch, err))) {
        assert_true(batch.first_row == rows || batch.row_count == 0);
        for (size_t i = 0; i < batch.row_count; i++)
            check_row(&batch, i);
        rows += batch.row_count;
    }
    assert_true(!ok || rows == count);
    tl_parquet_reader_destroy(reader);
    tl_parquet_close(file);
    return ok;
}

static void test_round_trips(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 1, 7, 8, 9, 1000, 21000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (int codec = TL_PARQUET_ZSTD; codec <= TL_PARQUET_UNCOMPRESSED; codec++) {
            tl_error err = {0};
            tl_parquet_writer_options options = {.codec = (tl_parquet_codec)codec,
                                                 .max_group_rows = codec == TL_PARQUET_SNAPPY ? 333 : 0,
                                                 .max_group_bytes = codec == TL_PARQUET_GZIP ? 100000 : 0};
            if (!write_rows("rows.parquet", counts[i], options, &err) || !read_rows("rows.parquet", counts[i], &err))
                fail_msg("%llu rows, codec %d: %s", (unsigned long long)counts[i], codec, err.message);
        }
}

static void test_same_rows_same_bytes(void **state)
{
    (void)state;
    tl_string first, second;
    tl_error err;
    tl_string_init(&first, 1 << 24);
    tl_string_init(&second, 1 << 24);
    assert_true(write_rows("first.parquet", 500, (tl_parquet_writer_options){0}, &err) &&
                tl_file_read("first.parquet", &first, &err));
    assert_true(write_rows("second.parquet", 500, (tl_parquet_writer_options){0}, &err) &&
                tl_file_read("second.parquet", &second, &err));
    assert_true(tl_slice_equal(tl_string_slice(&first), tl_string_slice(&second)));
    tl_string_clear(&first);
    tl_string_clear(&second);
}

static bool is_missing(const char *path)
{
    tl_file_status status;
    return tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_MISSING;
}

static tl_parquet_writer *open_writer(void)
{
    tl_parquet_writer *writer = NULL;
    assert_ok(tl_parquet_writer_open("mistake.parquet", columns, COLUMNS, NULL, &writer, err));
    return writer;
}

static void close_failed(tl_parquet_writer *writer, const tl_error *err, const char *message)
{
    tl_error after;
    if (strstr(err->message, message) == NULL)
        fail_msg("expected '%s', found '%s'", message, err->message);
    assert_int_equal(err->kind, TL_ERROR_INVALID);
    assert_false(tl_parquet_writer_commit(writer, &after));
    tl_parquet_writer_close(writer);
    assert_true(is_missing("mistake.parquet"));
}

static void test_mistakes(void **state)
{
    (void)state;
    tl_error err = {0};
    tl_parquet_writer *writer = open_writer();
    assert_true(tl_parquet_writer_set_double(writer, 5, 1, &err));
    assert_false(tl_parquet_writer_end_row(writer, &err));
    close_failed(writer, &err, "'mistake.parquet': column 'few': row 0: expected a value in every row, found none");
    writer = open_writer();
    assert_false(tl_parquet_writer_set_text(writer, 0, tl_slice_of("ab\xFF"), &err));
    close_failed(writer, &err, "column 'text': row 0: expected UTF-8, found another byte at 2");
    writer = open_writer();
    assert_false(tl_parquet_writer_set_integer(writer, 0, 1, &err));
    close_failed(writer, &err, "column 'text': row 0: expected a value of the column's kind, found another");
    writer = open_writer();
    assert_true(tl_parquet_writer_set_integer(writer, 4, 1, &err));
    assert_false(tl_parquet_writer_set_integer(writer, 4, 1, &err));
    close_failed(writer, &err, "expected one value a row, found another");
    writer = open_writer();
    assert_true(tl_parquet_writer_set_integer(writer, 4, 1, &err));
    assert_false(tl_parquet_writer_commit(writer, &err));
    close_failed(writer, &err, "expected the end of row 0");
}

static void test_columns_are_checked(void **state)
{
    (void)state;
    static const struct {
        tl_parquet_written_column columns[2];
        size_t count;
    } cases[] = {
        {{{"a", TL_PARQUET_WRITE_TEXT, false, 0}}, 0},
        {{{"", TL_PARQUET_WRITE_TEXT, false, 0}}, 1},
        {{{"\xFF", TL_PARQUET_WRITE_TEXT, false, 0}}, 1},
        {{{"a", TL_PARQUET_WRITE_TEXT, false, 0}, {"a", TL_PARQUET_WRITE_DOUBLE, false, 0}}, 2},
        {{{"a", TL_PARQUET_WRITE_FLOATS, false, 0}}, 1},
        {{{"a", TL_PARQUET_WRITE_FLOATS, false, 1000001}}, 1},
        {{{"a", TL_PARQUET_WRITE_TEXT, false, 3}}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_parquet_writer *writer = NULL;
        tl_error err = {0};
        assert_false(tl_parquet_writer_open("mistake.parquet", cases[i].columns, cases[i].count, NULL, &writer, &err));
        assert_int_equal(err.kind, TL_ERROR_INVALID);
    }
}

static void test_nothing_without_a_commit(void **state)
{
    (void)state;
    tl_error err;
    tl_parquet_writer *writer = open_writer();
    assert_true(write_row(writer, 0, &err));
    tl_parquet_writer_close(writer);
    assert_true(is_missing("mistake.parquet"));
}

static bool write_and_read(const char *unused, tl_error *err)
{
    (void)unused;
    return write_rows("memory.parquet", 40, (tl_parquet_writer_options){.max_group_rows = 15}, err) &&
           read_rows("memory.parquet", 40, err);
}

static bool read_fixture(const char *name, tl_error *err)
{
    char path[4096];
    tl_parquet_file *file = NULL;
    tl_string text;
    tl_string_init(&text, 1 << 20);
    snprintf(path, sizeof path, TL_SOURCE_DIR "/tests/fuzz/corpus/parquet/pyarrow_%s", name);
    bool ok = tl_parquet_open(path, &file, err) && append_parquet_text(&text, file, (tl_parquet_options){0}, 0, err);
    tl_parquet_close(file);
    tl_string_clear(&text);
    return ok;
}

static void check_every_allocation(bool (*use)(const char *name, tl_error *err), const char *name, size_t least_failures)
{
    failing_memory_sweep sweep = {.job = name, .least_failures = least_failures};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, use(name, &sweep.err));
}

static void test_every_allocation_fails_in_turn(void **state)
{
    (void)state;
    static const char *const fixtures[] = {"lists_v1",
                                           "lists_v2",
                                           "delta_byte_array_text_v1",
                                           "dictionary_d38_v1",
                                           "dictionary_text_v2",
                                           "plain_d38_v1",
                                           "byte_stream_split_fixed_v2",
                                           "int96",
                                           "snappy_v1",
                                           "gzip_v2",
                                           "zstd_v1",
                                           "lz4_v2"};
    check_every_allocation(write_and_read, "written", 50);
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++)
        check_every_allocation(read_fixture, fixtures[i], 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_same_rows_same_bytes),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_columns_are_checked),
        cmocka_unit_test(test_nothing_without_a_commit),
        cmocka_unit_test(test_every_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
