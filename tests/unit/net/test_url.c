/* URLs come in one form; what is none is refused. */
#include "base/net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct example {
    const char *base, *text;
    const char *url; /* NULL: invalid; "": another scheme */
    const char *host;
    uint16_t port;
} example;

static const example examples[] = {
    {NULL, "http://example.com", "http://example.com/", "example.com", 80},
    {NULL, "HTTPS://EXAMPLE.com:443/A?b=C#frag", "https://example.com/A?b=C", "example.com", 443},
    {NULL, "http://example.com:80/", "http://example.com/", "example.com", 80},
    {NULL, "http://example.com:8080/x", "http://example.com:8080/x", "example.com", 8080},
    {NULL, "http://user:secret@example.com/x", "http://example.com/x", "example.com", 80},
    {NULL, "http://example.com/a/../b/./c", "http://example.com/b/c", "example.com", 80},
    {NULL, "http://example.com/a b", "http://example.com/a%20b", "example.com", 80},
    {NULL, "http://example.com/\xc3\xa9?q=\xc3\xa9", "http://example.com/%c3%a9?q=%c3%a9", "example.com", 80},
    {NULL,
     "http://b\xc3\xbc"
     "cher.example/",
     "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80},
    {NULL,
     "http://B\xc3\x9c"
     "CHER.Example./",
     "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80},
    {NULL,
     "http://bu\xcc\x88"
     "cher.example/",
     "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80},
    {NULL, "http://XN--BCHER-KVA.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80},
    {NULL, "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1/", "http://127.0.0.1/", "127.0.0.1", 80}, /* full-width digits */
    {NULL, "http://0x7f.1./", "http://127.0.0.1/", "127.0.0.1", 80},
    {NULL, "http://127.1/", "http://127.0.0.1/", "127.0.0.1", 80},
    {NULL, "http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80},
    {NULL, "http://0x7f.0.0.1/", "http://127.0.0.1/", "127.0.0.1", 80},
    {NULL, "http://0177.0.0.1/", "http://127.0.0.1/", "127.0.0.1", 80},
    {NULL, "http://[::FFFF:127.0.0.1]:81/", "http://[::ffff:127.0.0.1]:81/", "[::ffff:127.0.0.1]", 81},
    {NULL, "http://example.com?q", "http://example.com/?q", "example.com", 80},
    {"http://example.com/a/b?c", "d", "http://example.com/a/d", "example.com", 80},
    {"http://example.com/a/b?c", "/d", "http://example.com/d", "example.com", 80},
    {"http://example.com/a/b?c", "../d", "http://example.com/d", "example.com", 80},
    {"http://example.com/a/b?c", "//other.example/d", "http://other.example/d", "other.example", 80},
    {"https://example.com/a", "//other.example/d", "https://other.example/d", "other.example", 443},
    {"http://example.com/a/b?c", "?e", "http://example.com/a/b?e", "example.com", 80},
    {"http://example.com/a/b?c", "https://other.example", "https://other.example/", "other.example", 443},
    {"http://example.com:81/a", "/b", "http://example.com:81/b", "example.com", 81},
    {"http://example.com/a/b?c", "", "http://example.com/a/b?c", "example.com", 80},
    {"http://example.com/a/b?c", "#d", "http://example.com/a/b?c", "example.com", 80},
    {"http://example.com/a/b?c/d", "e:f/../g", "", NULL, 0},
    {"http://example.com/a/b?c/d", "./e:f/../g", "http://example.com/a/g", "example.com", 80},
    {"http://example.com/a/b?c/d", "e", "http://example.com/a/e", "example.com", 80},
    {"http://example.com/", "http:a", NULL, NULL, 0},
    {"http://example.com/", "mailto:a@b.c", "", NULL, 0},
    {"http://example.com/", "javascript:alert(1)", "", NULL, 0},
    {NULL, "ftp://example.com/", "", NULL, 0},
    {NULL, "file:///etc/passwd", "", NULL, 0},
    {NULL, "", NULL, NULL, 0},
    {NULL, "/relative", NULL, NULL, 0},
    {NULL, "http://", NULL, NULL, 0},
    {NULL, "http:///path", "http://path/", "path", 80}, /* as browsers read it */
    {NULL, "http://exa mple.com/", NULL, NULL, 0},
    {NULL, "http://a..b/", NULL, NULL, 0},
    {NULL, "http://./", NULL, NULL, 0},
    {NULL, "http://a%2fb/", NULL, NULL, 0},
    {NULL, "http://a%00b/", NULL, NULL, 0},
    {NULL, "http://a%2542/", NULL, NULL, 0},
    {NULL, "http://a%42/", "http://ab/", "ab", 80},
    {NULL, "http://user@host@example.com/", NULL, NULL, 0},
    {NULL, "http://\xc3/", NULL, NULL, 0},
    {NULL, "http://\xe2\x84\x80.example/", NULL, NULL, 0}, /* one character that folds to "a/c" */
    {NULL, "http://example.com:70000/", NULL, NULL, 0},
    {NULL, "http://example.com:x/", NULL, NULL, 0},
    {NULL, "http://example.com:0/", NULL, NULL, 0},
    {NULL, "http://[::1/", NULL, NULL, 0},
    {NULL, "http://example.com/\x01", NULL, NULL, 0},
    {NULL, "http://a\r\nHost: b/", NULL, NULL, 0},
};

static void each_url_has_one_form(void **state)
{
    (void)state;
    tl_url base, url;
    tl_error err;
    tl_url_init(&base);
    tl_url_init(&url);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *at = &examples[i];
        if (at->base != NULL)
            assert_true(tl_url_parse(&base, at->base, NULL, &err));
        bool ok = tl_url_parse(&url, at->text, at->base != NULL ? base.text.data : NULL, &err);
        bool is_good = at->url != NULL && at->url[0] != '\0';
        if (ok != is_good || (ok && strcmp(url.text.data, at->url) != 0))
            fail_msg("'%s': %s", at->text, ok ? url.text.data : err.message);
        if (!ok) {
            assert_int_equal(err.kind, at->url != NULL ? TL_ERROR_UNSUPPORTED : TL_ERROR_INVALID);
            continue;
        }
        assert_string_equal(url.host.data, at->host);
        assert_int_equal(url.port, at->port);
        assert_int_equal(url.is_secure, at->url[4] == 's');
        assert_int_equal(url.text.data[url.path_at], '/');
        assert_true(tl_url_parse(&base, url.text.data, NULL, &err)); /* and that form is its own */
        assert_string_equal(base.text.data, url.text.data);
    }
    tl_url_clear(&base);
    tl_url_clear(&url);
}

static void a_url_may_be_its_own_base(void **state)
{
    (void)state;
    tl_url url;
    tl_error err;
    tl_url_init(&url);
    assert_true(tl_url_parse(&url, "http://example.com/a/b", NULL, &err));
    assert_true(tl_url_parse(&url, "../c?d", url.text.data, &err));
    assert_string_equal(url.text.data, "http://example.com/c?d");
    assert_string_equal(url.text.data + url.path_at, "/c?d");
    tl_url_clear(&url);
}

static void long_urls_are_refused(void **state)
{
    (void)state;
    static char text[20000] = "http://example.com/";
    tl_url url;
    tl_error err;
    tl_url_init(&url);
    memset(text + 19, 'a', 16000 - 19);
    assert_true(tl_url_parse(&url, text, NULL, &err));
    memset(text + 19, 'a', 17000 - 19);
    assert_false(tl_url_parse(&url, text, NULL, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tl_url_clear(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_url_has_one_form),
        cmocka_unit_test(a_url_may_be_its_own_base),
        cmocka_unit_test(long_urls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
