/* The safetensors container: files of the format's own library, our own files, and files that lie. */
#include "encoders/weights/safetensors.h"
#include "tests/support/assert_ok.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A file of this header and so many bytes of data, in `bytes`. */
static tl_slice build(char *bytes, size_t capacity, const char *header, size_t data_size)
{
    size_t header_size = strlen(header);
    assert_true(8 + header_size + data_size <= capacity);
    memset(bytes, 0, 8);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (char)(header_size >> (8 * i));
    memcpy(bytes + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++)
        bytes[8 + header_size + i] = (char)i;
    return (tl_slice){bytes, 8 + header_size + data_size};
}

static void expect_refusal(tl_slice bytes, const char *named)
{
    tl_error err = {0};
    tl_safetensors *file;
    if (tl_safetensors_parse(bytes, "test", &file, &err)) {
        tl_safetensors_close(file);
        fail_msg("accepted a file that should fail with '%s'", named);
    }
    if (strstr(err.message, named) == NULL)
        fail_msg("expected '%s' in: %s", named, err.message);
}

typedef struct bad_header {
    const char *header;
    size_t data_size;
    const char *named;
} bad_header;

static void lying_headers_are_refused(void **state)
{
    (void)state;
    static const bad_header cases[] = {
        {"", 0, "starts with '{'"},
        {"[]", 0, "starts with '{'"},
        {"{", 0, "json"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8, "json"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_"
         "offsets\":[8,16]}}",
         16, "json"},
        {"{\"a\":7}", 0, "object"},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype"},
        {"{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "F33"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,4]}}", 4, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":\"\",\"data_offsets\":[0,4]}}", 4, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":false,\"data_offsets\":[0,4]}}", 4, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "dimensions"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "product"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "4611686018427387904 values"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,12]}}", 8, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8, "2 values"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "gap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_"
         "offsets\":[4,12]}}",
         12, "overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "expected 8 bytes of tensors, found 9"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551624]}}", 8, "json"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0.0,8.0]}}", 8, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, "data_offsets"},
        {"{\"__metadata__\":7}", 0, "__metadata__"},
        {"{\"__metadata__\":{\"a\":7}}", 0, "__metadata__"},
        {"{}", 4, "expected 0 bytes"},
    };
    char bytes[1024];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refusal(build(bytes, sizeof bytes, cases[i].header, cases[i].data_size), cases[i].named);
}

static void deep_and_wide_headers_are_refused(void **state)
{
    (void)state;
    tl_error err;
    tl_string text;
    static const char spaces[65536] = {' '};
    tl_string_init(&text, 20 << 20);
    assert_true(tl_string_append(&text, "\0\0\0\0\0\0\0\0{\"a\":", 13, &err));
    for (size_t i = 0; i < 100000; i++)
        assert_true(tl_string_append(&text, "[", 1, &err));
    memcpy(text.data, "\xa5\x86\x01\0", 4); /* 5 + 100,000 */
    expect_refusal(tl_string_slice(&text), "json");

    /* One byte more than a header may have, and all of it there. */
    while (text.size < 8 + (16 << 20) + 1)
        assert_true(tl_string_append(&text, spaces, sizeof spaces, &err));
    memcpy(text.data, "\x01\0\0\x01", 4);
    expect_refusal(tl_string_slice(&text), "expected a header of at most 16777216 bytes, found 16777217");
    tl_string_clear(&text);
}

static void lying_sizes_are_refused(void **state)
{
    (void)state;
    char bytes[64] = "\xff\xff\xff\xff\xff\xff\xff\xff{}";
    expect_refusal((tl_slice){bytes, 10}, "header");
    expect_refusal((tl_slice){bytes, 7}, "header");
    expect_refusal((tl_slice){NULL, 0}, "header");
    memcpy(bytes, "\x03\0\0\0\0\0\0\0{}", 10);
    expect_refusal((tl_slice){bytes, 10}, "header");
}

static void sound_headers_are_read(void **state)
{
    (void)state;
    tl_error error;
    tl_safetensors *file;
    /* Out of order, an empty tensor, a scalar, a half, trailing spaces, metadata. */
    static const char header[] = "{\"b\":{\"dtype\":\"F16\",\"shape\":[1,3],\"data_offsets\":[4,10]},"
                                 "\"__metadata__\":{\"format\":\"pt\"},"
                                 "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}   ";
    char bytes[1024];
    assert_ok(tl_safetensors_parse(build(bytes, sizeof bytes, header, 10), "test", &file, err));
    assert_int_equal(tl_safetensors_count(file), 3);
    assert_string_equal(tl_safetensors_item(file, 0)->name, "a");
    assert_string_equal(tl_safetensors_item(file, 1)->name, "empty");
    assert_null(tl_safetensors_item(file, 3));
    const tl_tensor_view *half = tl_safetensors_find(file, "b");
    assert_non_null(half);
    assert_int_equal(half->type, TL_TENSOR_F16);
    assert_int_equal(half->rank, 2);
    assert_int_equal(half->count, 3);
    assert_null(tl_tensor_view_floats(half));
    assert_int_equal(tl_safetensors_find(file, "a")->count, 1);
    assert_int_equal(tl_safetensors_find(file, "empty")->count, 0);
    assert_null(tl_safetensors_find(file, "c"));
    assert_null(tl_safetensors_find(file, "__metadata__"));
    size_t shape[] = {1, 3};
    assert_null(tl_safetensors_expect(file, "b", 2, shape, &error));
    assert_non_null(strstr(error.message, "F16"));
    assert_null(tl_safetensors_expect(file, "b", 1, shape, &error));
    assert_string_equal(error.message, "tensor 'b': expected shape [1], found [1, 3]");
    tl_safetensors_close(file);
}

static void unaligned_floats_are_an_error_not_a_crash(void **state)
{
    (void)state;
    tl_error error;
    tl_safetensors *file;
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    _Alignas(8) char bytes[1024];
    for (size_t shift = 0; shift < 4; shift++) {
        assert_ok(tl_safetensors_parse(build(bytes + shift, sizeof bytes - shift, header, 8), "test", &file, err));
        bool is_aligned = (shift + 8 + strlen(header)) % 4 == 0;
        size_t shape[] = {2};
        const float *values = tl_safetensors_expect(file, "a", 1, shape, &error);
        assert_int_equal(values != NULL, is_aligned);
        if (!is_aligned)
            assert_non_null(strstr(error.message, "multiple of 4"));
        tl_safetensors_close(file);
    }
}

static void a_file_of_the_formats_own_library_is_read(void **state)
{
    (void)state;
    tl_error error;
    tl_safetensors *file;
    assert_ok(tl_safetensors_open(TL_SOURCE_DIR "/tests/golden/fixtures/training/model/model.safetensors", &file, err));
    size_t shape[] = {16, 3, 4, 4};
    const float *values = tl_safetensors_expect(file, "visual.conv1.weight", 4, shape, &error);
    assert_non_null(values);
    for (size_t i = 0; i < 768; i++)
        assert_true(isfinite(values[i]) && fabsf(values[i]) < 2.0F);
    const float *scale = tl_safetensors_expect(file, "logit_scale", 0, NULL, &error);
    assert_non_null(scale);
    assert_true(fabsf(*scale - 2.6592600F) < 1e-6F);
    tl_safetensors_close(file);
}

static void a_written_file_reads_back(void **state)
{
    (void)state;
    tl_error error;
    float values[24];
    for (size_t i = 0; i < 24; i++)
        values[i] = (float)i * 0.5F - 3.0F;
    size_t shapes[][3] = {{2, 3, 4}, {5, 0, 0}};
    tl_tensor_source tensors[] = {
        {.name = "first.weight", .rank = 3, .shape = shapes[0], .values = values},
        {.name = "scalar", .values = values + 7},
        {.name = "bias", .rank = 1, .shape = shapes[1], .values = values},
    };
    tl_file_writer *writer;
    tl_hasher *hasher;
    uint64_t size;
    assert_true(tl_hasher_create(&hasher, &error));
    assert_true(tl_file_writer_open("written.safetensors", &writer, &error));
    assert_true(tl_safetensors_write(writer, tensors, 3, hasher, &size, &error));
    assert_true(tl_file_writer_commit(writer, &error));
    tl_file_writer_close(writer);
    tl_safetensors *file;
    assert_ok(tl_safetensors_open("written.safetensors", &file, err));
    tl_slice bytes = tl_safetensors_bytes(file);
    assert_int_equal(bytes.size, size);
    char streamed[TL_HASH_TEXT_SIZE];
    char whole[TL_HASH_TEXT_SIZE];
    tl_hasher_text(hasher, streamed);
    tl_hash_text(bytes.data, bytes.size, whole);
    assert_string_equal(streamed, whole);
    assert_int_equal(((size_t)(unsigned char)bytes.data[0] + 256 * (size_t)(unsigned char)bytes.data[1] + 8) % 64, 0);
    assert_int_equal(tl_safetensors_count(file), 3);
    const float *read = tl_safetensors_expect(file, "first.weight", 3, shapes[0], &error);
    assert_non_null(read);
    assert_memory_equal(read, values, sizeof values);
    read = tl_safetensors_expect(file, "scalar", 0, NULL, &error);
    assert_true(read != NULL && *read == values[7]);
    read = tl_safetensors_expect(file, "bias", 1, shapes[1], &error);
    assert_memory_equal(read, values, 5 * sizeof(float));
    tl_safetensors_close(file);
    tl_hasher_destroy(hasher);
}

static void every_cut_of_a_file_is_refused(void **state)
{
    (void)state;
    tl_error err;
    char bytes[256];
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    tl_slice whole = build(bytes, sizeof bytes, header, 8);
    for (size_t size = 0; size < whole.size; size++) {
        tl_safetensors *file;
        assert_false(tl_safetensors_parse((tl_slice){bytes, size}, "cut", &file, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lying_headers_are_refused),
        cmocka_unit_test(deep_and_wide_headers_are_refused),
        cmocka_unit_test(lying_sizes_are_refused),
        cmocka_unit_test(sound_headers_are_read),
        cmocka_unit_test(unaligned_floats_are_an_error_not_a_crash),
        cmocka_unit_test(a_file_of_the_formats_own_library_is_read),
        cmocka_unit_test(a_written_file_reads_back),
        cmocka_unit_test(every_cut_of_a_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
