/* base/core/string: the ceiling, formatted appends, path joining, and UTF-8 against a decoder that was written another way. */
#include "base/core/memory.h"
#include "base/core/string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void appends_keep_the_invariants(void **state)
{
    (void)state;
    tl_string text;
    tl_string_init(&text, 10);
    assert_string_equal(text.data, "");
    assert_true(tl_string_append_text(&text, "", NULL));
    assert_true(tl_string_append(&text, NULL, 0, NULL));
    assert_true(tl_string_append(&text, "a\0b", 3, NULL));
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.data, "a\0b", 4);
    assert_true(tl_string_append_format(&text, NULL, "%d-%s", 42, "xyz"));
    assert_int_equal(text.size, 9);
    assert_string_equal(text.data + 3, "42-xyz");

    tl_error err = {TL_ERROR_NONE, ""};
    assert_false(tl_string_append_text(&text, "12", &err)); /* would be 11 */
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_false(tl_string_append_format(&text, &err, "%s", "12"));
    assert_int_equal(text.size, 9);
    assert_string_equal(text.data + 3, "42-xyz");
    assert_true(tl_string_append_text(&text, "!", NULL)); /* exactly full */
    assert_int_equal(tl_string_slice(&text).size, 10);

    tl_string_reset(&text);
    assert_string_equal(text.data, "");
    assert_true(tl_string_append_text(&text, "again", NULL));
    tl_string_clear(&text);
    assert_string_equal(text.data, "");
    assert_int_equal(text.capacity, 0);
    tl_string_clear(&text);
    tl_string_reset(&text);
}

static void a_ceiling_of_everything_cannot_wrap(void **state)
{
    (void)state;
    tl_string text;
    tl_string_init(&text, SIZE_MAX);
    assert_true(tl_string_append_text(&text, "fox", NULL));
    tl_error err;
    assert_false(tl_string_append(&text, text.data, SIZE_MAX - 3, &err));
    assert_false(tl_string_append(&text, text.data, SIZE_MAX, &err));
    assert_string_equal(text.data, "fox");
    tl_string_clear(&text);
}

static void base64_is_that_of_the_rfc(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfe\xfb", "//77"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        tl_string string;
        tl_string_init(&string, 100);
        assert_true(tl_string_append_base64(&string, pairs[i][0], strlen(pairs[i][0]), NULL));
        assert_string_equal(string.data != NULL ? string.data : "", pairs[i][1]);
        tl_string_clear(&string);
    }
}

static void paths_are_joined_with_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}, {"a", "", "a/"}, {"a//", "b/c", "a//b/c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = tl_path_join(cases[i][0], cases[i][1], NULL);
        assert_string_equal(path, cases[i][2]);
        tl_memory_free(path);
    }
}

/* RFC 3629 by decoding: the value of the bits, then overlong forms, surrogates, the end of Unicode and NUL are taken out. */
static size_t decode(const unsigned char *text, size_t size)
{
    static const uint32_t smallest[] = {0, 1, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t value = length == 1 ? text[0] : text[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        value = value << 6 | (text[i] & 0x3F);
    }
    bool is_good = value >= smallest[length] && value <= 0x10FFFF && !(value >= 0xD800 && value <= 0xDFFF);
    return is_good ? length : 0;
}

static void assert_same_verdict(const unsigned char *text, size_t size)
{
    size_t expected = 0;
    while (expected < size) {
        size_t length = decode(text + expected, size - expected);
        if (length == 0)
            break;
        expected += length;
    }
    size_t bad = SIZE_MAX;
    bool is_good = tl_text_is_utf8((tl_slice){(const char *)text, size}, &bad);
    if (is_good != (expected == size) || (!is_good && bad != expected))
        fail_msg("bytes %02x %02x %02x %02x of %zu: expected a break at %zu", text[0], text[1], text[2], text[3], size, expected);
}

/* All texts of one and two bytes; of three and four all leads and second bytes with the edges of the bytes after them. */
static void utf8_against_all_edges(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x00, 0x01, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xFF};
    enum { EDGES = sizeof edges };
    unsigned char text[4] = {0};
    assert_true(tl_text_is_utf8((tl_slice){NULL, 0}, NULL));
    for (int lead = 0; lead < 256; lead++)
        for (int second = 0; second < 256; second++) {
            text[0] = (unsigned char)lead;
            text[1] = (unsigned char)second;
            assert_same_verdict(text, 1);
            assert_same_verdict(text, 2);
            for (size_t i = 0; i < EDGES; i++) {
                text[2] = edges[i];
                assert_same_verdict(text, 3);
                for (size_t j = 0; j < EDGES; j++) {
                    text[3] = edges[j];
                    assert_same_verdict(text, 4);
                }
            }
        }
}

/* Every code point once: exactly the scalar values without NUL are text. */
static void utf8_of_every_code_point(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < 0x200000; value++) {
        unsigned char text[4];
        size_t size = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
        for (size_t i = size - 1; i > 0; i--)
            text[i] = (unsigned char)(0x80 | (value >> 6 * (size - 1 - i) & 0x3F));
        text[0] = (unsigned char)(size == 1 ? value : (0xF00u >> size & 0xFF) | value >> 6 * (size - 1));
        bool is_scalar = value != 0 && value <= 0x10FFFF && !(value >= 0xD800 && value <= 0xDFFF);
        if (tl_text_is_utf8((tl_slice){(const char *)text, size}, NULL) != is_scalar)
            fail_msg("code point %x", value);
    }
}

static void slices_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(tl_slice_equal(tl_slice_of("fox"), (tl_slice){"foxes", 3}));
    assert_false(tl_slice_equal(tl_slice_of("fox"), tl_slice_of("fog")));
    assert_false(tl_slice_equal(tl_slice_of("fox"), tl_slice_of("fo")));
    assert_true(tl_slice_equal(tl_slice_of(NULL), tl_slice_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_keep_the_invariants), cmocka_unit_test(a_ceiling_of_everything_cannot_wrap),
        cmocka_unit_test(base64_is_that_of_the_rfc),   cmocka_unit_test(paths_are_joined_with_one_slash),
        cmocka_unit_test(utf8_against_all_edges),      cmocka_unit_test(utf8_of_every_code_point),
        cmocka_unit_test(slices_compare_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
