/* Captions that are kept, with what is cut off them, and captions that are not, with the reason. */
#include "crawler-import/crawl/caption_cleaning.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *clean(const char *text, const char *url, tl_string *out)
{
    const char *reason = NULL;
    tl_string_init(out, 1 << 20);
    assert_ok(tl_caption_clean(tl_slice_of(text), url, NULL, out, &reason, err));
    return reason;
}

static void check_kept(const char *text, const char *expected)
{
    tl_string out;
    const char *reason = clean(text, "http://a/p/1.jpg", &out);
    if (reason != NULL)
        fail_msg("'%s': expected to be kept, found '%s'", text, reason);
    assert_string_equal(out.data, expected);
    tl_string_clear(&out);
}

static void check_dropped(const char *text, const char *expected)
{
    tl_string out;
    const char *reason = clean(text, "http://a/p/redfox.jpg", &out);
    if (reason == NULL)
        fail_msg("'%s': expected '%s', found it kept", text, expected);
    assert_string_equal(reason, expected);
    tl_string_clear(&out);
}

static void test_kept(void **state)
{
    (void)state;
    check_kept("  a red\n fox ", "a red fox");
    check_kept("a red fox &amp; its &quot;den&quot;", "a red fox & its \"den\"");
    check_kept("<p>a <b>red</b> fox</p>", "a red fox");
    check_kept("if a < b and c > d", "if a < b and c > d");
    check_kept("a fox\xc2\x92s den in\xc2\xad"
               "side",
               "a fox\xe2\x80\x99s den inside");
    check_kept("Click to enlarge: a red fox", "a red fox");
    check_kept("A red fox on a log - Stock Photo", "A red fox on a log");
    check_kept("View larger image | a red fox (click to enlarge)", "a red fox");
    check_kept("Stock photo of a red fox. Royalty-free stock photo", "a red fox.");
    check_kept("Photo of a livestock fair", "Photo of a livestock fair");
    check_kept("The image of a saint", "The image of a saint");
    check_kept("\xe6\xa3\xae\xe3\x81\xae\xe4\xb8\xad\xe3\x81\xae\xe8\xb5\xa4\xe3\x81\x84\xe7\x8b\x90", /* 8 characters */
               "\xe6\xa3\xae\xe3\x81\xae\xe4\xb8\xad\xe3\x81\xae\xe8\xb5\xa4\xe3\x81\x84\xe7\x8b\x90");
    check_kept(
        "\xd0\xa0\xd1\x8b\xd0\xb6\xd0\xb0\xd1\x8f \xd0\xbb\xd0\xb8\xd1\x81\xd0\xb0 \xd0\xb2 \xd0\xbb\xd0\xb5\xd1\x81\xd1\x83",
        "\xd0\xa0\xd1\x8b\xd0\xb6\xd0\xb0\xd1\x8f \xd0\xbb\xd0\xb8\xd1\x81\xd0\xb0 \xd0\xb2 \xd0\xbb\xd0\xb5\xd1\x81\xd1\x83");
    check_kept("a black cat and a black dog", "a black cat and a black dog");
    check_kept("Apples, pears, plums, cherries and figs for sale at the market",
               "Apples, pears, plums, cherries and figs for sale at the market");
}

static void test_dropped(void **state)
{
    (void)state;
    check_dropped("", "no caption");
    check_dropped(" \n ", "no caption");
    check_dropped("IMG_2041.JPG", "file name");
    check_dropped("my holiday fox.png", "file name");
    check_dropped("DSC00012", "file name");
    check_dropped("red-fox-on-log", "file name");
    check_dropped("RedFox", "file name");
    check_dropped("9f86d081884c7d659a2feaa0c55ad015", "file name");
    check_dropped("https://example.org/a b", "file name");
    check_dropped("Image 3", "boilerplate");
    check_dropped("(photo)", "boilerplate");
    check_dropped("No image available", "boilerplate");
    check_dropped("Click to enlarge picture", "boilerplate");
    check_dropped("Click to enlarge - stock photo", "boilerplate");
    check_dropped("fox", "too few words");
    check_dropped("red fox", "too few words");
    check_dropped("\xe8\xb5\xa4\xe3\x81\x84\xe7\x8b\x90", "too few words");
    check_dropped("12 x 34 = 408", "few letters");
    check_dropped("\xe2\x98\x85\xe2\x98\x85\xe2\x98\x85 \xe2\x98\x85 4.5", "few letters");
    check_dropped("cheap shoes cheap shoes cheap shoes", "repetition");
    check_dropped("fox, red fox, fox photo, fox den, fox cub, wild fox, foxes", "keyword list");
    check_dropped("a red \xef\xbf\xbd fox", "broken text");
    char words[2 * 257 + 1];
    for (size_t i = 0; i + 1 < sizeof words; i++)
        words[i] = i % 2 == 0 ? 'a' : ' ';
    words[sizeof words - 1] = '\0';
    check_dropped(words, "too many words");
    words[2 * 256] = '\0';
    tl_string out;
    assert_null(clean(words, "http://a/", &out));
    tl_string_clear(&out);
}

static void test_limits(void **state)
{
    const tl_caption_limits limits = {.minimum_words = 1, .maximum_words = 2};
    tl_string out;
    const char *reason;
    (void)state;
    tl_string_init(&out, 4096);
    assert_true(tl_caption_clean(tl_slice_of("fox"), "http://a/", &limits, &out, &reason, NULL));
    assert_null(reason);
    assert_true(tl_caption_clean(tl_slice_of("a red fox"), "http://a/", &limits, &out, &reason, NULL));
    assert_string_equal(reason, "too many words");
    tl_string_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kept), cmocka_unit_test(test_dropped),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
