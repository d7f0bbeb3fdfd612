/* base/core/utf8: what is UTF-8 stays, every other byte becomes U+FFFD. */
#include "tests/support/assert_ok.h"

#include "base/core/utf8.h"

#define FFFD "\xEF\xBF\xBD"

static void what_is_no_utf8_is_replaced(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""},
                                           {"fox", "fox"},
                                           {"\xC3\xA9", "\xC3\xA9"},
                                           {"\xFF", FFFD},
                                           {"a\xC3", "a" FFFD},
                                           {"\xE2\x82z\xA9", FFFD FFFD "z" FFFD},
                                           {"\xC0\x80", FFFD FFFD}};
    tl_string text;
    tl_string_init(&text, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_string_reset(&text);
        assert_ok(tl_utf8_append(&text, tl_slice_of(cases[i][0]), err));
        assert_string_equal(text.data, cases[i][1]);
        assert_true(tl_text_is_utf8(tl_string_slice(&text), NULL));
    }
    tl_string_clear(&text);
}

static void a_ceiling_is_an_error(void **state)
{
    (void)state;
    tl_string text;
    tl_string_init(&text, 4);
    assert_false(tl_utf8_append(&text, tl_slice_of("\xFF\xFF"), NULL));
    tl_string_clear(&text);
}

static void a_mark_goes(void **state)
{
    (void)state;
    assert_int_equal(tl_utf8_without_mark(tl_slice_of("\xEF\xBB\xBFx")).size, 1);
    assert_int_equal(tl_utf8_without_mark(tl_slice_of("x\xEF\xBB\xBF")).size, 4);
    assert_int_equal(tl_utf8_without_mark(tl_slice_of("\xEF\xBB")).size, 2);
    assert_int_equal(tl_utf8_without_mark((tl_slice){NULL, 0}).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_no_utf8_is_replaced), cmocka_unit_test(a_ceiling_is_an_error),
                                       cmocka_unit_test(a_mark_goes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
