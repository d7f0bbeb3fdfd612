/* Canonical URLs: the examples of RFC 3986 5.4, what browsers forgive, Punycode, and that canonical URLs stay as they are. */
#include "base/core/random.h"
#include "crawler-import/crawl/link.h"
#include "crawler-import/crawl/page_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka after what it needs */
#include <cmocka.h>

static void check(const char *base, const char *reference, const char *expected)
{
    char url[TL_LINK_SIZE];
    bool ok = tl_link_resolve(base, tl_slice_of(reference), url);
    if (expected == NULL) {
        if (ok)
            fail_msg("'%s': expected no URL, found '%s'", reference, url);
        return;
    }
    if (!ok)
        fail_msg("'%s': expected '%s', found none", reference, expected);
    assert_string_equal(url, expected);
}

static void test_rfc_examples(void **state)
{
    static const char *const examples[][2] = {{"g", "http://a/b/c/g"},
                                              {"./g", "http://a/b/c/g"},
                                              {"g/", "http://a/b/c/g/"},
                                              {"/g", "http://a/g"},
                                              {"//g", "http://g/"},
                                              {"?y", "http://a/b/c/d;p?y"},
                                              {"g?y", "http://a/b/c/g?y"},
                                              {"#s", "http://a/b/c/d;p?q"},
                                              {"g#s", "http://a/b/c/g"},
                                              {"g?y#s", "http://a/b/c/g?y"},
                                              {";x", "http://a/b/c/;x"},
                                              {"g;x", "http://a/b/c/g;x"},
                                              {"", "http://a/b/c/d;p?q"},
                                              {".", "http://a/b/c/"},
                                              {"./", "http://a/b/c/"},
                                              {"..", "http://a/b/"},
                                              {"../g", "http://a/b/g"},
                                              {"../..", "http://a/"},
                                              {"../../g", "http://a/g"},
                                              {"../../../g", "http://a/g"},
                                              {"/./g", "http://a/g"},
                                              {"/../g", "http://a/g"},
                                              {"g.", "http://a/b/c/g."},
                                              {"..g", "http://a/b/c/..g"},
                                              {"./../g", "http://a/b/g"},
                                              {"./g/.", "http://a/b/c/g/"},
                                              {"g/../h", "http://a/b/c/h"},
                                              {"g;x=1/../y", "http://a/b/c/y"},
                                              {"g?y/../x", "http://a/b/c/g?y/../x"}};
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        check("http://a/b/c/d;p?q", examples[i][0], examples[i][1]);
}

static void test_forgiven(void **state)
{
    (void)state;
    check(NULL, "HTTP://User:Pass@Example.ORG:80/A b?c d#e", "http://example.org/A%20b?c%20d");
    check(NULL, "https://example.org:443", "https://example.org/");
    check(NULL, "https://example.org:8443?a", "https://example.org:8443/?a");
    check(NULL, "http:///example.org/x", "http://example.org/x");
    check(NULL, "https://example.org./x", "https://example.org/x");
    check(NULL, " \n https://exa\nmple.org/\ta ", "https://example.org/a");
    check(NULL, "https:\\\\example.org\\a\\..\\b?x\\y", "https://example.org/b?x%5Cy");
    check(NULL, "http://example.org/%7euser/%2e%2e/%e4%zz%", "http://example.org/%E4%25zz%25");
    check(NULL, "http://example.org/\xd0\xb6?\xd0\xb6", "http://example.org/%D0%B6?%D0%B6");
    check(NULL, "http://[2001:DB8::1]:81/a", "http://[2001:db8::1]:81/a");
    check(NULL, "http://example.org/a?", "http://example.org/a");
    check("https://example.org/a/b", "//cdn.example.org/c.jpg", "https://cdn.example.org/c.jpg");
    check("https://example.org/a/b?c", "d=e&f", "https://example.org/a/d=e&f");
    check("https://example.org", "x", "https://example.org/x");
    check(NULL,
          "http://B\xc3\xbc"
          "cher.example/",
          "http://xn--bcher-kva.example/");
    check(NULL, "http://\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88/", "http://xn--r8jz45g.xn--zckzah/");
    check(NULL, "http://\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84/", "http://xn--e1afmkfd.xn--p1ai/");
}

/* However it is written, one host is one row. */
static void test_one_host(void **state)
{
    static const char *const names[] = {"b\xc3\xbc"
                                        "cher.example",
                                        "B\xc3\x9c"
                                        "CHER.EXAMPLE",
                                        "bu\xcc\x88"
                                        "cher.example", /* u and a combining diaeresis */
                                        "xn--bcher-kva.example",
                                        "XN--BCHER-KVA.Example",
                                        "b%C3%BCcher.example",
                                        "b%c3%9ccher\xe3\x80\x82"
                                        "example."};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char reference[80];
        snprintf(reference, sizeof reference, "//%s/a", names[i]);
        check("https://other.example/", reference, "https://xn--bcher-kva.example/a");
    }
    check(NULL, "http://0x7f.1/", "http://127.0.0.1/");
}

static void test_refused(void **state)
{
    static const char *const refused[] = {"",
                                          "a",
                                          "/a",
                                          "mailto:a@b",
                                          "javascript:alert(1)",
                                          "ftp://a/",
                                          "data:,a",
                                          "http:",
                                          "http://",
                                          "http://a b/",
                                          "http://a:99999/",
                                          "http://a:b/",
                                          "http://[::1/",
                                          "http://a..b/",
                                          "http://a%2fb/",
                                          "http:a",
                                          "http://\xc3/"};
    char long_url[3000];
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        check(NULL, refused[i], NULL);
    check("http://a/", "tel:+1", NULL);
    memset(long_url, 'x', sizeof long_url);
    long_url[sizeof long_url - 1] = '\0';
    check("http://a/", long_url, NULL);
    long_url[1900] = '\0';
    memset(long_url, '<', 1000);
    check("http://a/", long_url, NULL); /* too long once escaped */
}

/* Whatever comes in: what comes out comes out of itself unchanged. */
static void test_stays(void **state)
{
    static const char alphabet[] = "ab./?#%:@[]\\ \t2eE\xd0\xb6&=;-";
    tl_random random = tl_random_stream(7, 7);
    unsigned good = 0;
    (void)state;
    for (int round = 0; round < 200000; round++) {
        char reference[64];
        char once[TL_LINK_SIZE];
        char twice[TL_LINK_SIZE];
        size_t size = (size_t)tl_random_below(&random, 40);
        for (size_t i = 0; i < size; i++)
            reference[i] = alphabet[tl_random_below(&random, sizeof alphabet - 1)];
        reference[size] = '\0';
        if (round % 2 == 0)
            memmove(reference, "http://", size < 7 ? size : 7);
        if (!tl_link_resolve("http://a/b/c", tl_slice_of(reference), once))
            continue;
        good++;
        assert_true(tl_link_resolve(NULL, tl_slice_of(once), twice));
        assert_string_equal(once, twice);
        assert_null(strstr(once, "/../"));
        tl_page_url_simplify(once);
        memcpy(twice, once, sizeof twice);
        tl_page_url_simplify(twice);
        assert_string_equal(once, twice);
    }
    assert_true(good > 50000);
}

static void check_simple(const char *url, const char *expected)
{
    char simple[TL_LINK_SIZE];
    snprintf(simple, sizeof simple, "%s", url);
    tl_page_url_simplify(simple);
    assert_string_equal(simple, expected);
}

static void test_simplify(void **state)
{
    (void)state;
    check_simple("http://a/b?utm_source=x&id=3&PHPSESSID=9", "http://a/b?id=3");
    check_simple("http://a/b?sid=1", "http://a/b");
    check_simple("http://a/b;jsessionid=12AB?c=d", "http://a/b?c=d");
    check_simple("http://a/b;jsessionid=12AB/c", "http://a/b/c");
    check_simple("http://a/(S(lit3py55t21z5v55vlm25s55))/x", "http://a/x");
    check_simple("http://a/b?c&&d=e&", "http://a/b?c&d=e");
    check_simple("http://a/b?side=1&asid=2", "http://a/b?side=1&asid=2");
}

static void test_rules(void **state)
{
    (void)state;
    assert_null(tl_page_url_reason("http://a/b/c.html?d=e.jpg"));
    assert_null(tl_page_url_reason("http://a/2024/05/05/x"));
    assert_string_equal(tl_page_url_reason("http://a/b.JPG"), "not a page");
    assert_string_equal(tl_page_url_reason("http://a/b.tar.gz?x"), "not a page");
    assert_string_equal(tl_page_url_reason("http://a/x/y/x/y/x/"), "repeating path");
    assert_string_equal(tl_page_url_reason("http://a/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), "path too deep");
    tl_page_shapes may = tl_page_url_shapes("http://a/calendar/2024/05?view=day&d=3");
    tl_page_shapes june = tl_page_url_shapes("http://a/calendar/2025/06?d=12&view=week&d=1");
    tl_page_shapes other = tl_page_url_shapes("http://a/calendar/2025/06?view=week");
    assert_true(may.page == june.page && may.folder == june.folder);
    assert_true(may.page != other.page && may.folder == other.folder);
    assert_true(tl_link_same_site(tl_slice_of("www.a.org"), tl_slice_of("a.org")));
    assert_false(tl_link_same_site(tl_slice_of("www.a.org"), tl_slice_of("b.a.org")));
    const char *globs[] = {"http://a/b*", "*x?z"};
    assert_true(tl_page_url_matches("http://a/b/c/d", globs, 2));
    assert_true(tl_page_url_matches("http://q/xyz", globs, 2));
    assert_false(tl_page_url_matches("http://q/xz", globs, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rfc_examples), cmocka_unit_test(test_forgiven),
                                       cmocka_unit_test(test_one_host),     cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_stays),        cmocka_unit_test(test_simplify),
                                       cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
