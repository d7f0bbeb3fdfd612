/* Reading Parquet: what golden files cannot show. Decoders by hand, broken and hostile files, messages, ceilings. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/parquet/bits_internal.h"
#include "base/io/parquet/codec_internal.h"
#include "base/io/parquet/parquet.h"
#include "base/io/parquet/thrift_internal.h"
#include "base/io/parquet/values_internal.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOLDER TL_SOURCE_DIR "/tests/golden/fixtures/parquet/"

static void test_hybrid(void **state)
{
    (void)state;
    /* Encodings.md: 0 to 7 in 3 bits are 88 C6 FA; before them a run of four 6s, after them one that is cut by its reader. */
    static const uint8_t bytes[64] = {4 << 1, 6, 1 << 1 | 1, 0x88, 0xC6, 0xFA, 60 << 1, 1};
    static const uint32_t expected[] = {6, 6, 6, 6, 0, 1, 2, 3, 4, 5, 6, 7, 1, 1};
    for (size_t piece = 1; piece <= 14; piece++) {
        tl_hybrid hybrid;
        uint32_t values[14];
        tl_error err;
        tl_hybrid__begin(&hybrid, bytes, 8, 3);
        for (size_t at = 0; at < 14; at += piece)
            assert_true(tl_hybrid__read(&hybrid, values + at, piece < 14 - at ? piece : 14 - at, &err));
        assert_memory_equal(values, expected, sizeof values);
    }
}

static void test_hybrid_flags(void **state)
{
    (void)state;
    static const uint8_t bytes[64] = {3 << 1, 1, 2 << 1 | 1, 0x35, 0xF0, 5 << 1, 0};
    static const uint8_t expected[] = {1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0};
    for (size_t piece = 1; piece <= 24; piece++)
        for (uint32_t wanted = 0; wanted < 2; wanted++) {
            tl_hybrid hybrid;
            tl_error err;
            size_t equal = 0, total = 0;
            uint8_t flags[24];
            tl_hybrid__begin(&hybrid, bytes, 7, 1);
            for (size_t at = 0; at < 24; at += piece, total += equal)
                assert_true(tl_hybrid__read_flags(&hybrid, wanted, flags + at, piece < 24 - at ? piece : 24 - at, &equal, &err));
            assert_int_equal(total, wanted == 1 ? 11 : 13);
            for (size_t i = 0; i < 24; i++)
                assert_int_equal(flags[i], expected[i] == wanted);
        }
}

static void test_bit_packed(void **state)
{
    (void)state;
    /* Encodings.md: the deprecated levels 0 to 7 are 05 39 77. */
    static const uint8_t bytes[64] = {0x05, 0x39, 0x77};
    tl_hybrid hybrid;
    tl_error err;
    uint32_t values[8];
    tl_hybrid__begin_bit_packed(&hybrid, bytes, 3, 8);
    assert_true(tl_hybrid__read(&hybrid, values, 3, &err));
    assert_true(tl_hybrid__read(&hybrid, values + 3, 5, &err));
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(values[i], i);
    assert_false(tl_hybrid__read(&hybrid, values, 1, &err));
    uint8_t flags[8];
    size_t equal;
    tl_hybrid__begin_bit_packed(&hybrid, bytes, 3, 8);
    assert_true(tl_hybrid__read_flags(&hybrid, 7, flags, 8, &equal, &err));
    assert_true(equal == 1 && flags[7] == 1 && flags[6] == 0);
}

static void test_hybrid_refuses(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[16];
        size_t size;
        unsigned width;
    } cases[] = {
        {{0}, 0, 1},                                                            /* nothing */
        {{2 << 1}, 1, 9},                                                       /* no value of a run */
        {{0x80, 0x80, 0x80}, 3, 1},                                             /* a header that does not end */
        {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 10, 1},  /* a header of more than 64 bits */
        {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, 10, 32}, /* groups without bytes */
        {{0, 0, 0, 0, 0, 1}, 6, 8},                                             /* runs of nothing */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[16 + TL_PARQUET_PADDING] = {0};
        memcpy(bytes, cases[i].bytes, sizeof cases[i].bytes);
        tl_hybrid hybrid;
        tl_error err = {0};
        uint32_t values[4];
        tl_hybrid__begin(&hybrid, bytes, cases[i].size, cases[i].width);
        if (tl_hybrid__read(&hybrid, values, 4, &err))
            fail_msg("case %zu was read", i);
        assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    }
}

static void test_delta(void **state)
{
    (void)state;
    /* Encodings.md, second example: 7, 5, 3, 1, 2, 3, 4, 5 in a block of 128 with 4 miniblocks: least delta -2, width 2. */
    static const uint8_t bytes[128] = {0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xC0, 0x3F};
    static const int64_t expected[] = {7, 5, 3, 1, 2, 3, 4, 5};
    for (size_t piece = 1; piece <= 8; piece++) {
        tl_delta delta;
        tl_error err;
        int64_t values[8];
        const uint8_t *end;
        assert_true(tl_delta__begin(&delta, bytes, 18, 8, &err));
        assert_true(tl_delta__find_end(&delta, &end, &err));
        assert_ptr_equal(end, bytes + 18);
        for (size_t at = 0; at < 8; at += piece)
            assert_true(tl_delta__read(&delta, values + at, piece < 8 - at ? piece : 8 - at, &err));
        assert_memory_equal(values, expected, sizeof values);
        assert_false(tl_delta__read(&delta, values, 1, &err));
    }
    tl_delta delta;
    tl_error err;
    const uint8_t *end;
    assert_false(tl_delta__begin(&delta, bytes, 18, 7, &err)); /* more than the page has */
    assert_true(tl_delta__begin(&delta, bytes, 17, 8, &err));
    assert_false(tl_delta__find_end(&delta, &end, &err)); /* a miniblock is cut */
}

static void test_dictionary(void **state)
{
    (void)state;
    /* Two entries; then indexes of 2 bits in one run of three: 1 is an entry, 2 is none, nor is 3. */
    static const uint8_t entries[8] = {7, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF};
    tl_parquet_leaf leaf = {.column.kind = TL_PARQUET_INTEGER, .physical = TL_PHYSICAL_INT32, .conversion = TL_CONVERT_SIGNED_32};
    tl_parquet_value_reader values;
    tl_error err = {0};
    assert_true(tl_parquet__values_init(&values, &leaf, 16, 1000, &err));
    assert_true(tl_parquet__bytes_reserve(&values.dictionary_bytes, sizeof entries, &err));
    memcpy(values.dictionary_bytes.data, entries, sizeof entries);
    values.dictionary_bytes.size = sizeof entries;
    assert_false(tl_parquet__values_set_dictionary(&values, 3, &err)); /* more than its bytes hold */
    assert_true(tl_parquet__values_set_dictionary(&values, 2, &err));
    for (uint8_t index = 0; index < 4; index++) {
        uint8_t page[3 + TL_PARQUET_PADDING] = {2, 3 << 1, index};
        int64_t out[3];
        assert_true(tl_parquet__values_begin(&values, TL_ENCODING_RLE_DICTIONARY, page, 3, 3, &err));
        assert_int_equal(tl_parquet__values_read(&values, 3, out, &err), index < 2);
        assert_true(index >= 2 || out[2] == (index == 0 ? 7 : -2));
    }
    assert_string_equal(err.message, "expected entries below 2 of the dictionary, found 3");
    uint8_t wide[1 + TL_PARQUET_PADDING] = {33};
    assert_false(tl_parquet__values_begin(&values, TL_ENCODING_PLAIN_DICTIONARY, wide, 1, 3, &err));
    assert_false(tl_parquet__values_begin(&values, TL_ENCODING_DELTA_BYTE_ARRAY, wide, 1, 3, &err));
    assert_string_equal(err.message, "expected an encoding of INT32, found DELTA_BYTE_ARRAY (7)");
    tl_parquet__values_clear(&values);
}

static void test_thrift_refuses(void **state)
{
    (void)state;
    uint8_t deep[256], list[8] = {0xF9, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 1};
    memset(deep, 0x1C, sizeof deep); /* structs in structs */
    tl_thrift_reader in = {deep, deep + sizeof deep, false};
    tl_error err = {0};
    assert_false(tl_thrift__skip(&in, TL_THRIFT_STRUCT, &err));
    assert_false(in.is_cut);
    assert_non_null(strstr(err.message, "nested at most 24 deep"));
    in = (tl_thrift_reader){list, list + sizeof list, false};
    assert_false(tl_thrift__skip(&in, TL_THRIFT_LIST, &err)); /* four billion lists in two bytes */
    assert_true(in.is_cut);
    in = (tl_thrift_reader){deep, deep + 20, false};
    assert_false(tl_thrift__skip(&in, TL_THRIFT_STRUCT, &err));
    assert_true(in.is_cut);
}

static void test_lz4_of_hadoop(void **state)
{
    (void)state;
    /* Two blocks of literals, "fox" and "snow", each after its sizes; and the same bytes as one block without a frame. */
    static const char framed[] = "\0\0\0\3\0\0\0\4\x30"
                                 "fox\0\0\0\4\0\0\0\5\x40"
                                 "snow";
    static const char plain[] = "\x70"
                                "foxsnow";
    tl_parquet_unpacker *unpacker = NULL;
    tl_error err;
    uint8_t out[7 + TL_PARQUET_PADDING];
    assert_true(tl_parquet__unpacker_create(&unpacker, &err));
    assert_true(tl_parquet__unpack(unpacker, TL_PACKING_LZ4_HADOOP, (tl_slice){framed, sizeof framed - 1}, out, 7, &err));
    assert_memory_equal(out, "foxsnow", 7);
    memset(out, 0, sizeof out);
    assert_true(tl_parquet__unpack(unpacker, TL_PACKING_LZ4_HADOOP, (tl_slice){plain, sizeof plain - 1}, out, 7, &err));
    assert_memory_equal(out, "foxsnow", 7);
    for (size_t size = 0; size < sizeof framed - 1; size++)
        assert_false(tl_parquet__unpack(unpacker, TL_PACKING_LZ4_HADOOP, (tl_slice){framed, size}, out, 7, &err));
    assert_false(tl_parquet__unpack(unpacker, TL_PACKING_LZ4_HADOOP, (tl_slice){framed, sizeof framed - 1}, out, 6, &err));
    tl_parquet__unpacker_destroy(unpacker);
}

static void test_codecs_fill_exactly(void **state)
{
    (void)state;
    static const tl_parquet_packing packings[] = {TL_PACKING_SNAPPY, TL_PACKING_GZIP, TL_PACKING_ZSTD};
    tl_parquet_unpacker *unpacker = NULL;
    tl_error err;
    uint8_t bytes[5000], out[6000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 5);
    assert_true(tl_parquet__unpacker_create(&unpacker, &err));
    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        tl_string packed;
        tl_string_init(&packed, 10000);
        assert_true(tl_parquet__pack(packings[i], (tl_slice){(const char *)bytes, sizeof bytes}, &packed, &err));
        tl_slice slice = tl_string_slice(&packed), cut = {packed.data, packed.size - 1};
        assert_true(tl_parquet__packing_can_reach(packings[i], slice, sizeof bytes));
        assert_false(tl_parquet__packing_can_reach(packings[i], (tl_slice){packed.data, 20}, (size_t)1 << 30) &&
                     packings[i] != TL_PACKING_ZSTD);
        assert_true(tl_parquet__unpack(unpacker, packings[i], slice, out, sizeof bytes, &err));
        assert_memory_equal(out, bytes, sizeof bytes);
        assert_false(tl_parquet__unpack(unpacker, packings[i], slice, out, sizeof bytes - 1, &err));
        assert_false(tl_parquet__unpack(unpacker, packings[i], slice, out, sizeof bytes + 1, &err));
        assert_false(tl_parquet__unpack(unpacker, packings[i], cut, out, sizeof bytes, &err));
        tl_string_clear(&packed);
    }
    tl_parquet__unpacker_destroy(unpacker);
}

static int64_t int96(uint64_t nanos, int64_t days_since_1970)
{
    uint8_t bytes[12];
    uint32_t day = (uint32_t)(days_since_1970 + 2440588);
    memcpy(bytes, &nanos, 8);
    memcpy(bytes + 8, &day, 4);
    tl_parquet_leaf leaf = {.conversion = TL_CONVERT_INT96};
    tl_slice raw = {(const char *)bytes, 12};
    int64_t out;
    tl_error err;
    assert_true(tl_parquet__convert(&leaf, &raw, 1, &out, NULL, &err));
    return out;
}

static void test_int96(void **state)
{
    (void)state;
    const uint64_t day = 86400000000000;
    assert_int_equal(int96(0, 0), 0);
    assert_int_equal(int96(5, -1), 5 - (int64_t)day);
    assert_int_equal(int96(day - 1, 20000), 20001 * (int64_t)day - 1);
    /* The ends of int64_t, and beyond them. */
    assert_true(int96(85636854775807, 106751) == INT64_MAX);
    assert_true(int96(85636854775806, 106751) == INT64_MAX - 1);
    assert_true(int96(85636854775808, 106751) == INT64_MAX);
    assert_true(int96(0, 106752) == INT64_MAX);
    assert_true(int96(763145224193, -106752) == INT64_MIN + 1);
    assert_true(int96(763145224192, -106752) == INT64_MIN);
    assert_true(int96(763145224191, -106752) == INT64_MIN);
    assert_true(int96(0, -200000) == INT64_MIN);
    assert_true(int96(UINT64_MAX, 0) == INT64_MAX);
}

static void check_decimal(const char *bytes, size_t size, uint32_t scale, const char *expected)
{
    tl_parquet_leaf leaf = {.conversion = TL_CONVERT_DECIMAL_BYTES, .scale = scale};
    tl_parquet_bytes text = {.max_size = 1000};
    tl_slice raw = {bytes, size}, out;
    tl_error err;
    assert_true(tl_parquet__convert(&leaf, &raw, 1, &out, &text, &err));
    tl_parquet__place_texts(&out, 1, text.data);
    if (!tl_slice_equal(out, tl_slice_of(expected)))
        fail_msg("expected %s, found %.*s", expected, (int)out.size, out.data);
    tl_memory_free(text.data);
}

static void test_decimals(void **state)
{
    (void)state;
    check_decimal("", 0, 0, "0");
    check_decimal("\0", 1, 3, "0.000");
    check_decimal("\xFF", 1, 0, "-1");
    check_decimal("\xFF", 1, 2, "-0.01");
    check_decimal("\x80", 1, 1, "-12.8");
    check_decimal("\x01\x00\x00\x00\x00", 5, 4, "429496.7296");
    check_decimal("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, 0, "-170141183460469231731687303715884105728");
    tl_parquet_leaf leaf = {.conversion = TL_CONVERT_DECIMAL_BYTES};
    tl_parquet_bytes text = {.max_size = 1000};
    char long_value[33] = {0};
    tl_slice raw = {long_value, 33}, out;
    tl_error err;
    assert_false(tl_parquet__convert(&leaf, &raw, 1, &out, &text, &err));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
}

static void read_fixture(const char *name, tl_string *out)
{
    char path[4096];
    snprintf(path, sizeof path, FOLDER "%s", name);
    tl_string_init(out, (size_t)1 << 24);
    assert_ok(tl_file_read(path, out, err));
}

/* Reads one column, or the first six readable ones; true when all went well. */
static bool read_all(tl_slice bytes, const char *column, size_t max_page_size, tl_error *err)
{
    tl_parquet_file *file = NULL;
    tl_parquet_reader *reader = NULL;
    if (!tl_parquet_parse(bytes, "bytes", &file, err))
        return false;
    size_t columns[6], count = 0;
    for (size_t i = 0; i < tl_parquet_column_count(file) && count < 6; i++)
        if (tl_parquet_column_at(file, i)->unreadable == NULL)
            columns[count++] = i;
    if (column != NULL) {
        assert_true(tl_parquet_column_find(file, column, &columns[0]));
        count = 1;
    }
    tl_parquet_options options = {.max_page_size = max_page_size};
    tl_parquet_batch batch = {.row_count = 1};
    bool ok = tl_parquet_reader_create(file, columns, count, &options, &reader, err);
    while (ok && batch.row_count != 0)
        ok = tl_parquet_reader_next(reader, &batch, err);
    if (!ok && reader != NULL) { /* what has failed stays so */
        assert_false(tl_parquet_reader_next(reader, &batch, NULL));
        assert_false(tl_parquet_reader_skip(reader, 1, NULL));
    }
    tl_parquet_reader_destroy(reader);
    tl_parquet_close(file);
    return ok;
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    tl_string bytes;
    read_fixture("int96.parquet", &bytes);
    tl_error err = {0};
    assert_true(read_all(tl_string_slice(&bytes), NULL, 0, &err));
    for (size_t size = 0; size < bytes.size; size++)
        assert_false(read_all((tl_slice){bytes.data, size}, NULL, 0, &err));
    tl_string_clear(&bytes);
}

static void test_messages(void **state)
{
    (void)state;
    tl_string bytes;
    tl_error err = {0};
    read_fixture("plain-none-v1.parquet", &bytes);
    assert_true(read_all(tl_string_slice(&bytes), "PLAIN__bool__all", 0, &err));
    bytes.data[31] ^= 1; /* the last byte of the first page, whose CRC is there */
    assert_false(read_all(tl_string_slice(&bytes), "PLAIN__bool__all", 0, &err));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "'bytes': column 'PLAIN__bool__all': row group 0: page 0: expected bytes of CRC"));
    assert_true(read_all(tl_string_slice(&bytes), "PLAIN__text__all", 0, &err)); /* another column is none the worse */
    bytes.data[31] ^= 1;
    assert_false(read_all(tl_string_slice(&bytes), NULL, 8, &err));
    assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "expected a page of at most 8 bytes, found"));
    memcpy(bytes.data + bytes.size - 4, "PARE", 4);
    assert_false(read_all(tl_string_slice(&bytes), NULL, 0, &err));
    assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "'bytes': the file is encrypted, which is not read");
    memcpy(bytes.data + bytes.size - 4, "PAR1", 4);
    memset(bytes.data + bytes.size - 8, 0xFF, 4);
    assert_false(read_all(tl_string_slice(&bytes), NULL, 0, &err));
    assert_non_null(strstr(err.message, "expected a footer within"));
    assert_false(tl_parquet_open("no such file", &(tl_parquet_file *){NULL}, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
    assert_false(tl_parquet_open(".", &(tl_parquet_file *){NULL}, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tl_string_clear(&bytes);
}

static void test_columns(void **state)
{
    (void)state;
    tl_parquet_file *file = NULL;
    tl_error err;
    size_t index = 99, none = 99;
    assert_true(tl_parquet_open(FOLDER "nested-v1.parquet", &file, &err));
    assert_true(tl_parquet_column_find(file, "points.x", &index));
    const tl_parquet_column *column = tl_parquet_column_at(file, index);
    assert_string_equal(column->path, "points.list.element.x");
    assert_true(column->is_list && column->is_nullable && column->kind == TL_PARQUET_INTEGER);
    size_t by_path = 99;
    assert_true(tl_parquet_column_find(file, "points.list.element.x", &by_path) && by_path == index);
    assert_true(tl_parquet_column_find(file, "meta.deep.text", &index));
    assert_false(tl_parquet_column_at(file, index)->is_list);
    assert_true(tl_parquet_column_find(file, "map.value", &index));
    assert_false(tl_parquet_column_find(file, "points", &none));
    assert_int_equal(none, 99);
    assert_true(tl_parquet_column_find(file, "lists", &index));
    tl_parquet_reader *reader = NULL;
    assert_false(tl_parquet_reader_create(file, &index, 1, NULL, &reader, &err));
    assert_non_null(strstr(err.message, "column 'lists.list.element.list.element': a list of lists, which is not read"));
    assert_false(tl_parquet_reader_create(file, &index, 0, NULL, &reader, &err));
    tl_parquet_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hybrid),        cmocka_unit_test(test_hybrid_flags),
        cmocka_unit_test(test_bit_packed),    cmocka_unit_test(test_hybrid_refuses),
        cmocka_unit_test(test_delta),         cmocka_unit_test(test_thrift_refuses),
        cmocka_unit_test(test_lz4_of_hadoop), cmocka_unit_test(test_codecs_fill_exactly),
        cmocka_unit_test(test_int96),         cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_cut_anywhere),  cmocka_unit_test(test_messages),
        cmocka_unit_test(test_columns),       cmocka_unit_test(test_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
