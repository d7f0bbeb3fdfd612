/* base/core/lines: ends of lines are LF or CRLF, and the last line needs none. */
#include "base/core/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void lines_come_without_their_ends(void **state)
{
    (void)state;
    static const char text[] = "a\r\n\nb\r c\n\r\n\0d";
    static const char *const expected[] = {"a", "", "b\r c", ""};
    tl_slice rest = {text, sizeof text - 1}, line;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(tl_lines_next(&rest, &line));
        assert_true(tl_slice_equal(line, tl_slice_of(expected[i])));
    }
    assert_true(tl_lines_next(&rest, &line));
    assert_true(tl_slice_equal(line, (tl_slice){"\0d", 2}));
    assert_false(tl_lines_next(&rest, &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_come_without_their_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
