/* Cleaning of captions, and captions from file names. The fixture holds what Python's str.split makes of odd white space. */
#include "made_files.h"

#include "base/io/json.h"
#include "crawler-import/caption_text.h"

static void check_clean(const char *text, const char *expected)
{
    tl_string out;
    tl_string_init(&out, 4096);
    assert_ok(tl_caption_append_clean(tl_slice_of(text), &out, err));
    assert_string_equal(out.data, expected);
    tl_string_clear(&out);
}

static void test_clean(void **state)
{
    (void)state;
    check_clean("", "");
    check_clean(" \t\r\n\v\f ", "");
    check_clean("  a  red\tfox\n", "a red fox");
    check_clean("a\xc2\xa0"
                "b\xe3\x80\x80"
                "c",
                "a b c");
    check_clean("\xe2\x80\xa8x\xe2\x80\x8by", "x\xe2\x80\x8by"); /* U+2028 is white space, U+200B is not */
    check_clean("caf\xc3\xa9", "caf\xc3\xa9");
    check_clean("\xc2", "\xc2"); /* cut off: no reading past the end */
    check_clean("\xe2\x80", "\xe2\x80");
}

/* What a terminal or a line of a table would obey, or what makes a text read as another, does not get through. */
static void test_clean_controls(void **state)
{
    (void)state;
    check_clean("\x1b[31mred\x1b[0m", "[31mred [0m");
    check_clean("a\x01\x02 \x7f\tb\a", "a b");
    check_clean("a\xc2\x9b"
                "31m\xc2\x80",
                "a 31m"); /* U+009B is ESC [ in one character */
    check_clean("\xc2\xa1x\xc3\x80", "\xc2\xa1x\xc3\x80");
    check_clean("fox\xe2\x80\xae"
                "gnp.\xe2\x80\xac",
                "foxgnp.");
    check_clean("\xe2\x80\xaa a \xe2\x81\xa6 \xe2\x81\xa9 b\xe2\x80\xab", "a b");
    check_clean("\xe2\x80\xad\xe2\x81\xa7\xe2\x81\xa8", "");
    check_clean("\xe2\x80\x8f"
                "x\xe2\x81\xaa",
                "\xe2\x80\x8f"
                "x\xe2\x81\xaa"); /* their neighbours stay */
    check_clean("\xe2\x80\xaf"
                "x\xe2\x81\xa5",
                "x\xe2\x81\xa5");
    tl_string out;
    tl_string_init(&out, 4096);
    assert_ok(tl_caption_append_clean((tl_slice){"a\0b\0", 4}, &out, err));
    assert_string_equal(out.data, "a b");
    for (unsigned point = 0; point < 0xa0; point++) {
        unsigned char text[2] = {point < 0x80 ? (unsigned char)point : 0xc2, (unsigned char)point};
        if (point >= 0x20 && point < 0x7f)
            continue;
        tl_string_reset(&out);
        assert_ok(tl_caption_append_clean((tl_slice){(const char *)text, point < 0x80 ? 1 : 2}, &out, err));
        assert_int_equal(out.size, 0);
    }
    tl_string_clear(&out);
}

/* Python keeps DEL, which is no white space to it: the one control character of the fixture in which we differ. */
static void leave_out_delete(const char *text, char *out)
{
    char *start = out;
    for (; *text != '\0'; text++) {
        bool is_space = *text == ' ' || *text == '\x7f';
        if (!is_space)
            *out++ = *text;
        else if (out != start && out[-1] != ' ')
            *out++ = ' ';
    }
    if (out != start && out[-1] == ' ')
        out--;
    *out = '\0';
}

static void test_clean_is_python_split(void **state)
{
    (void)state;
    tl_json *cases = NULL;
    assert_ok(tl_json_read_file(TL_SOURCE_DIR "/tests/golden/fixtures/import/white_space.json", 1 << 20, &cases, err));
    assert_true(tl_json_array_size(cases) > 30);
    for (size_t i = 0; i < tl_json_array_size(cases); i++) {
        const tl_json *one = tl_json_array_item(cases, i);
        char expected[4096];
        assert_true(strlen(tl_json_text(tl_json_array_item(one, 1))) < sizeof expected);
        leave_out_delete(tl_json_text(tl_json_array_item(one, 1)), expected);
        check_clean(tl_json_text(tl_json_array_item(one, 0)), expected);
    }
    tl_json_free(cases);
}

static void check_line(const char *text, const char *expected)
{
    tl_slice line = tl_caption_first_line(tl_slice_of(text));
    assert_true(line.size == strlen(expected) && (line.size == 0 || memcmp(line.data, expected, line.size) == 0));
}

static void test_first_line(void **state)
{
    (void)state;
    check_line("", "");
    check_line("\n \t\n", "");
    check_line("A fox.\nde.utf8=Ein Fuchs.", "A fox.");
    check_line("\r\n\r\nA fox.\r\nmore", "A fox.");
    check_line("de.utf8=Ein Fuchs.\npt_BR.utf8=x\nca@valencia.utf8=y\nA fox.", "A fox.");
    check_line("de.utf8=Ein Fuchs.", "");
    check_line("\x1b\xe2\x80\xae\nA fox.", "A fox.");
    check_line(".utf8=not a language", ".utf8=not a language");
    check_line("d1.utf8=x", "d1.utf8=x");
    check_line("de.utf8", "de.utf8");
}

static void check_name(const char *path, const char *expected)
{
    tl_string out;
    tl_string_init(&out, 4096);
    assert_ok(tl_caption_append_from_name(path, &out, err));
    assert_string_equal(out.data, expected);
    tl_string_clear(&out);
}

static void test_from_name(void **state)
{
    (void)state;
    check_name("fox.png", "fox");
    check_name("animals_1/red_fox-in--snow.png", "red fox in snow");
    check_name("red_fox-01.png", "red fox");
    check_name("red fox (2).jpg", "red fox");
    check_name("red fox (2) 03.jpg", "red fox");
    check_name("fox12.jpg", "fox");
    check_name("7 dwarfs.jpg", "7 dwarfs");
    check_name("1234.jpg", "");
    check_name("a/(3).jpg", "");
    check_name("fox(3.jpg", "fox(");
    check_name("fox 3).jpg", "fox 3)");
    check_name("fox().jpg", "fox()");
    check_name("noextension", "noextension");
    check_name("v1.2.png", "v");
    check_name("fuchs_\xc3\xbc.png", "fuchs \xc3\xbc");
    check_name("_-_.png", "");
    check_name("red\nfox\t _ in.png", "red fox in");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clean), cmocka_unit_test(test_clean_controls),
                                       cmocka_unit_test(test_clean_is_python_split), cmocka_unit_test(test_first_line),
                                       cmocka_unit_test(test_from_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
