/* Rows by their captions and URLs; scripts by their letters; keys of rows. */
#include "crawler-import/download/describe.h"
#include "crawler-import/download/url_host.h"
#include "crawler-import/filters/row_judge.h"
#include "crawler-import/filters/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static tl_slice slice(const char *text)
{
    return (tl_slice){text, strlen(text)};
}

static const char *judge_row(tl_row_judge *judge, const char *caption, uint64_t url)
{
    const tl_slice text = slice(caption != NULL ? caption : "");
    const tl_list_row row = {.captions = &text, .caption_count = caption != NULL};
    const char *reason = "";
    assert_true(tl_row_judge_row(judge, &row, url, &reason, NULL));
    return reason;
}

static void captions_are_judged(void **state)
{
    (void)state;
    tl_row_judge judge;
    const tl_row_rules rules = {.min_caption = 3, .max_caption = 6, .scripts = "latin,greek"};
    assert_true(tl_row_judge_init(&judge, &rules, NULL));
    assert_string_equal(judge_row(&judge, NULL, 1), "no caption");
    assert_string_equal(judge_row(&judge, "ab", 1), "caption too short");
    assert_string_equal(judge_row(&judge, "abcdefg", 1), "caption too long");
    assert_null(judge_row(&judge, "äöüßéç", 1)); /* characters, not bytes */
    assert_null(judge_row(&judge, "αβγ δ", 1));
    assert_string_equal(judge_row(&judge, "абв", 1), "other script");
    assert_string_equal(judge_row(&judge, "12345", 1), "other script");
    tl_row_judge_clear(&judge);
    assert_true(tl_row_judge_init(&judge, &(tl_row_rules){0}, NULL));
    assert_null(judge_row(&judge, NULL, 1));
    assert_null(judge_row(&judge, "абв", 1));
    tl_row_judge_clear(&judge);
    assert_false(tl_row_judge_init(&judge, &(tl_row_rules){.scripts = "latin,runes"}, NULL));
    assert_false(tl_row_judge_init(&judge, &(tl_row_rules){.min_caption = 9, .max_caption = 8}, NULL));
}

static void the_first_of_a_url_counts(void **state)
{
    (void)state;
    tl_row_judge judge;
    assert_true(tl_row_judge_init(&judge, &(tl_row_rules){.unique_urls = true, .min_caption = 2}, NULL));
    assert_string_equal(judge_row(&judge, "x", 5), "caption too short"); /* and hides nothing */
    assert_null(judge_row(&judge, "xy", 5));
    assert_string_equal(judge_row(&judge, "xyz", 5), "duplicate url");
    for (uint64_t url = 100; url < 5000; url++)
        assert_null(judge_row(&judge, "xyz", url));
    for (uint64_t url = 100; url < 5000; url++)
        assert_string_equal(judge_row(&judge, "xyz", url), "duplicate url");
    tl_row_judge_clear(&judge);
}

static void scripts_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *script;
    } cases[] = {
        {"a red fox", "latin"},   {"рыжая лиса", "cyrillic"},  {"κόκκινη αλεπού", "greek"}, {"שועל אדום", "hebrew"},
        {"ثعلب أحمر", "arabic"},  {"लाल लोमड़ी", "devanagari"}, {"สุนัขจิ้งจอก", "thai"},        {"빨간 여우", "hangul"},
        {"あかいキツネ", "kana"}, {"红色的狐狸", "han"},       {"წითელი მელა", "georgian"}, {"կարմիր աղվես", "armenian"},
        {"ቀይ ቀበሮ", "ethiopic"},   {"লাল শিয়াল", "bengali"},    {"சிவப்பு நரி", "tamil"},     {"một con cáo đỏ", "latin"},
    };
    uint32_t set = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t other = 0; other < sizeof cases / sizeof cases[0]; other++) {
            bool is_it = strcmp(cases[other].script, cases[i].script) == 0;
            assert_true(tl_scripts_parse(cases[other].script, &set, NULL));
            if (tl_text_is_of_scripts(slice(cases[i].text), set) != is_it)
                fail_msg("'%s' and %s", cases[i].text, cases[other].script);
        }
    assert_true(tl_scripts_parse("latin,cyrillic", &set, NULL));
    assert_true(tl_text_is_of_scripts(slice("abc где"), set));
    assert_true(tl_scripts_parse("latin", &set, NULL));
    assert_false(tl_text_is_of_scripts(slice("abc где"), set));
    assert_true(tl_text_is_of_scripts(slice("2 foxes 狐, 2024 \xf0\x9f\xa6\x8a"), set));
    assert_false(tl_text_is_of_scripts(slice(""), set));
    tl_error err = {0};
    assert_false(tl_scripts_parse("", &set, &err));
    assert_false(tl_scripts_parse("Latin", &set, &err));
    assert_non_null(strstr(err.message, "'Latin'"));
}

static void keys_are_those_of_img2dataset(void **state)
{
    (void)state;
    char key[48];
    uint32_t index;
    tl_row_key(1, 5, 10000, key);
    assert_string_equal(key, "000010005");
    tl_row_key(12, 34, 100, key);
    assert_string_equal(key, "0001234");
    tl_row_key(123456, 7, 10000, key);
    assert_string_equal(key, "1234560007");
    tl_row_key(3, 999, 1000, key);
    assert_string_equal(key, "00003999");
    tl_row_key(3, 0, 1, key);
    assert_string_equal(key, "00003");
    assert_true(tl_row_key_parse("000010005", 1, 10000, &index));
    assert_int_equal(index, 5);
    assert_true(tl_row_key_parse("00003", 3, 1, &index));
    assert_int_equal(index, 0);
    assert_false(tl_row_key_parse("000010005", 2, 10000, &index));
    assert_false(tl_row_key_parse("fox", 1, 10000, &index));
    assert_false(tl_row_key_parse("", 1, 10000, &index));
    assert_false(tl_row_key_parse("00001 005", 1, 10000, &index));
}

static void hosts_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
    } cases[] = {
        {"http://example.org/a.jpg", "example.org"},
        {"https://example.org:8080?x", "example.org:8080"},
        {"http://me:word@example.org/@x", "example.org"},
        {"http://[2001:db8::1]:80/", "[2001:db8::1]:80"},
        {"http://", ""},
        {"", ""},
        {"nothing", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(tl_slice_equal(tl_url_host(cases[i].url), slice(cases[i].host)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_are_judged), cmocka_unit_test(the_first_of_a_url_counts),
        cmocka_unit_test(scripts_are_told),    cmocka_unit_test(keys_are_those_of_img2dataset),
        cmocka_unit_test(hosts_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
