/* Keys: what may be in them, that they fit ustar headers, and the set that finds them again. */
#include "made_files.h"

#include "base/core/random.h"
#include "crawler-import/key_set.h"
#include "crawler-import/sample_key.h"

static void check_path(const char *path, const char *expected)
{
    tl_string key;
    tl_string_init(&key, 65536);
    assert_ok(tl_sample_key_append_path(path, &key, err));
    assert_string_equal(key.data, expected);
    tl_string_clear(&key);
}

static void test_path_keys(void **state)
{
    (void)state;
    check_path("fox.png", "fox");
    check_path("a/b/fox.png", "a/b/fox");
    check_path("v1.0/fox.small.png", "v1_0/fox_small");
    check_path("./a/fox.png", "a/fox");
    check_path("/abs/fox.png", "abs/fox");
    check_path("../up/fox.png", "__/up/fox");
    check_path(".//./fox", "fox");
    check_path("a//b.png", "a/b");
    check_path("", "_");
    check_path("/", "_");
    check_path("a\nb\x7f.png", "a_b_");
    check_path("f\xff\xc3x.png", "f__x");
    check_path("f\xc3\xbc.png", "f\xc3\xbc");
}

static void check_fit(const char *text, bool is_kept)
{
    tl_string key;
    tl_string_init(&key, 65536);
    assert_ok(tl_string_append_text(&key, text, err));
    assert_ok(tl_sample_key_fit(&key, err));
    if (is_kept)
        assert_string_equal(key.data, text);
    else
        assert_true(key.size <= 94 && strcmp(key.data, text) != 0 && memcmp(key.data, text, 60) == 0);
    assert_true(tl_text_is_utf8(tl_string_slice(&key), NULL));
    tl_string_clear(&key);
}

static void test_fit(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'k', sizeof name);
    name[94] = '\0';
    check_fit(name, true);
    name[94] = 'k';
    name[95] = '\0';
    check_fit(name, false);
    memset(name, 'k', sizeof name);
    name[155] = '/';
    name[156 + 94] = '\0';
    check_fit(name, true);
    name[156 + 94] = 'k';
    name[156 + 95] = '\0';
    check_fit(name, false);
    memset(name, 'k', sizeof name);
    name[156] = '/';
    name[160] = '\0';
    check_fit(name, false);
    name[0] = 'a'; /* every second byte of two-byte characters at the cut */
    for (size_t i = 1; i + 1 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xbc", 2);
    name[399] = '\0';
    check_fit(name, false);
}

static void test_readable(void **state)
{
    (void)state;
    tl_string out;
    tl_string_init(&out, 100);
    assert_ok(tl_text_append_readable(tl_slice_of("a.\x1b[31m\xff\xc3\xbc"), &out, err));
    assert_string_equal(out.data, "a.?[31m?\xc3\xbc");
    tl_string_clear(&out);
}

static void test_set_against_list(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    tl_key_set set = {0};
    uint32_t source;
    tl_random random = tl_random_stream(5, 0);
    static uint64_t hashes[COUNT];
    assert_false(tl_key_set_find(&set, 1, &source));
    for (uint32_t i = 0; i < COUNT; i++) {
        hashes[i] = i == 17 ? 0 : tl_random_next(&random) & 0xffffffffffff0fff; /* crowded low bits */
        assert_ok(tl_key_set_add(&set, hashes[i], i, err));
        assert_ok(tl_key_set_add(&set, hashes[i], i + 1, err)); /* the first owner stays */
    }
    assert_int_equal(set.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_true(tl_key_set_find(&set, hashes[i], &source));
        assert_int_equal(source, i);
        assert_false(tl_key_set_find(&set, tl_random_next(&random), &source));
    }
    tl_key_set_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_path_keys), cmocka_unit_test(test_fit),
                                       cmocka_unit_test(test_readable), cmocka_unit_test(test_set_against_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
