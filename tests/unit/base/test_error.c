/* base/core/error: sentences, contexts, cutting, and what may never reach a terminal. */
#include "base/core/error.h"
#include "base/core/string.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fail_fills_kind_and_message(void **state)
{
    (void)state;
    tl_error err = {TL_ERROR_NONE, ""};
    assert_false(tl_fail(&err, TL_ERROR_CORRUPT, "line %d: expected %d columns, found %d", 17, 2, 1));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    assert_string_equal(err.message, "line 17: expected 2 columns, found 1");
    assert_false(tl_fail_within(&err, "import '%s'", "cats.tsv"));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    assert_string_equal(err.message, "import 'cats.tsv': line 17: expected 2 columns, found 1");
}

static void null_error_is_allowed(void **state)
{
    (void)state;
    assert_false(tl_fail(NULL, TL_ERROR_IO, "x"));
    assert_false(tl_fail_errno(NULL, ENOENT, "x"));
    assert_false(tl_fail_within(NULL, "x"));
}

static void errno_gives_reason_and_kind(void **state)
{
    (void)state;
    tl_error err;
    tl_fail_errno(&err, ENOENT, "cannot open '%s'", "a.txt");
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
    assert_string_equal(err.message, "cannot open 'a.txt': no such file or directory");
    tl_fail_errno(&err, ENOMEM, "x");
    assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    tl_fail_errno(&err, EACCES, "x");
    assert_int_equal(err.kind, TL_ERROR_IO);
    assert_string_equal(err.message, "x: permission denied");
    tl_fail_errno(&err, 99999, "x");
    assert_int_equal(err.kind, TL_ERROR_IO);
    assert_true(strlen(err.message) > 3);
}

/* However the text falls on the end of the buffer, the cut is at a character boundary and as late as it can be. */
static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\xA6\x8A"};
    for (size_t kind = 0; kind < 4; kind++) {
        size_t width = strlen(characters[kind]);
        for (size_t shift = 0; shift < 4; shift++) {
            char text[TL_ERROR_MESSAGE_SIZE + 16];
            memset(text, 'x', sizeof text);
            for (size_t at = shift; at + width < sizeof text; at += width)
                memcpy(text + at, characters[kind], width);
            text[sizeof text - 1] = '\0';
            tl_error err;
            tl_fail(&err, TL_ERROR_INVALID, "%s", text);
            size_t size = strlen(err.message);
            assert_int_equal(size, shift + (TL_ERROR_MESSAGE_SIZE - 1 - shift) / width * width);
            assert_memory_equal(err.message, text, size);
            tl_fail(&err, TL_ERROR_INVALID, "inner");
            tl_fail_within(&err, "%s", text);
            assert_true(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        }
    }
}

static void the_reason_survives_a_long_path(void **state)
{
    (void)state;
    for (size_t size = TL_ERROR_MESSAGE_SIZE - 80; size < TL_ERROR_MESSAGE_SIZE + 40; size++) {
        char path[TL_ERROR_MESSAGE_SIZE + 64];
        for (size_t i = 0; i < size; i++)
            path[i] = "\xC3\xA9"[i % 2];
        path[size] = '\0';
        tl_error err;
        tl_fail_errno(&err, EACCES, "cannot open %s", path);
        static const char reason[] = ": permission denied";
        size_t length = strlen(err.message);
        assert_true(length > sizeof reason);
        assert_string_equal(err.message + length - (sizeof reason - 1), reason);
        assert_true(tl_text_is_utf8(tl_slice_of(err.message), NULL));
    }
}

static void messages_can_be_printed(void **state)
{
    (void)state;
    tl_error err;
    tl_fail(&err, TL_ERROR_INVALID, "%s", "\x1B[2Ja\nb\x7F \xFFz\xC3 \xE2\x82 \xED\xA0\x80 \xC3\xA9");
    assert_string_equal(err.message, "?[2Ja?b? ?z? ?? ??? \xC3\xA9");
    tl_fail_within(&err, "%s", "\xF0\x9F\xA6");
    assert_string_equal(err.message, "???: ?[2Ja?b? ?z? ?? ??? \xC3\xA9");
}

static void a_kept_error_is_passed_on(void **state)
{
    (void)state;
    tl_error kept = {0}, err = {0};
    tl_fail(&kept, TL_ERROR_CORRUPT, "expected a %s, found %d", "fox", 2);
    assert_false(tl_fail_as(&err, &kept));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    assert_string_equal(err.message, "expected a fox, found 2");
    assert_false(tl_fail_as(NULL, &kept));
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (int kind = TL_ERROR_NONE; kind <= TL_ERROR_CANCELLED; kind++) {
        assert_non_null(tl_error_kind_name((tl_error_kind)kind));
        for (int other = TL_ERROR_NONE; other < kind; other++)
            assert_string_not_equal(tl_error_kind_name((tl_error_kind)kind), tl_error_kind_name((tl_error_kind)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_fills_kind_and_message),     cmocka_unit_test(null_error_is_allowed),
        cmocka_unit_test(errno_gives_reason_and_kind),     cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(the_reason_survives_a_long_path), cmocka_unit_test(messages_can_be_printed),
        cmocka_unit_test(a_kept_error_is_passed_on),       cmocka_unit_test(every_kind_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
