/* robots.txt: the examples of RFC 9309, and what files of the web do otherwise. */
#include "crawler-import/fetch/robots.h"

#include "base/core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool allows(const char *text, const char *token, const char *path)
{
    tl_robots *robots;
    tl_error err;
    assert_true(tl_robots_parse(tl_slice_of(text), token, &robots, &err));
    bool result = tl_robots_allows(robots, path);
    tl_robots_destroy(robots);
    return result;
}

typedef struct example {
    const char *token, *path;
    bool allowed;
} example;

static void check(const char *text, const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (allows(text, examples[i].token, examples[i].path) != examples[i].allowed)
            fail_msg("%s for %s", examples[i].path, examples[i].token);
}

#define CHECK(text, ...)                                           \
    do {                                                           \
        static const example examples[] = {__VA_ARGS__};           \
        check(text, examples, sizeof examples / sizeof *examples); \
    } while (0)

static void the_examples_of_the_rfc(void **state)
{
    (void)state;
    /* 5.1 */
    CHECK("User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n"
          "User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n"
          "User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\n"
          "User-Agent: quxbot\n",
          {"anybot", "/picture.gif", false}, {"anybot", "/picture.gif?x", true}, {"anybot", "/example/page.html", false},
          {"anybot", "/publications/a.html", true}, {"anybot", "/", true}, {"foobot", "/example/page.html", true},
          {"foobot", "/example/allowed.gif", true}, {"foobot", "/example/other.html", false}, {"foobot", "/publications/", false},
          {"barbot", "/example/page.html", false}, {"bazbot", "/example/page.html", false},
          {"barbot", "/example/allowed.gif", true}, {"bazbot", "/picture.gif", true}, {"quxbot", "/example/page.html", true},
          {"quxbot", "/picture.gif", true});
    /* 5.2: the longest match */
    CHECK("User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n",
          {"foobot", "/example/page/disallow.gif", true}, {"foobot", "/example/page/disallowed.gif", false},
          {"foobot", "/example/page/", true}, {"foobot", "/elsewhere", true});
    /* 2.2.1: groups of one robot are merged, whatever the case */
    CHECK("User-agent: ExampleBot\nDisallow: /foo\nDisallow: /bar\n\nUser-agent: other\nDisallow: /\n\n"
          "User-agent: examplebot\nDisallow: /baz\n",
          {"ExampleBot", "/foo", false}, {"examplebot", "/baz", false}, {"EXAMPLEBOT", "/bar/x", false},
          {"examplebot", "/qux", true});
    /* 2.2.2: spellings of percent-encoded bytes */
    CHECK("User-agent: *\nDisallow: /foo/bar?baz=quz\nDisallow: /foo/q?baz=https%3A%2F%2Ffoo.bar\n"
          "Disallow: /foo/bar/\xe3\x83\x84\nDisallow: /foo/enc/%E3%83%84\nDisallow: /foo/bar/%62%61%7A\n",
          {"x", "/foo/bar?baz=quz", false}, {"x", "/foo/q?baz=https%3A%2F%2Ffoo.bar", false}, {"x", "/foo/bar/%E3%83%84", false},
          {"x", "/foo/bar/%e3%83%84", false}, {"x", "/foo/bar/\xe3\x83\x84", false}, {"x", "/foo/enc/\xe3\x83\x84", false},
          {"x", "/foo/bar/baz", false}, {"x", "/foo/bar/%62az", false}, {"x", "/foo/q?baz=https://foo.bar", true});
    /* 2.2.3: special characters */
    CHECK("User-agent: *\nAllow: /this/path/exactly$\nDisallow: /this/\nDisallow: /a/*/z\nDisallow: /path/file-with-a-%2A.html\n"
          "Disallow: /path/foo-%24\n",
          {"x", "/this/path/exactly", true}, {"x", "/this/path/exactly/not", false}, {"x", "/a/b/z", false},
          {"x", "/a/b/c/z9", false}, {"x", "/a/z", true}, {"x", "/path/file-with-a-*.html", false},
          {"x", "/path/file-with-a-b.html", true}, {"x", "/path/foo-$", false}, {"x", "/path/foo-", true});
    /* 2.2.2: on a tie the least restrictive rule; the file itself is always allowed */
    CHECK("User-agent: *\nDisallow: /page\nAllow: /page\nDisallow: /robots.txt\n", {"x", "/page", true},
          {"x", "/robots.txt", true});
    CHECK("User-agent: *\nAllow: /page\nDisallow: /page\n", {"x", "/page", true});
    CHECK("User-agent: *\nDisallow: /\n", {"x", "", false}, {"x", "/", false}, {"x", "/robots.txt", true});
    CHECK("User-agent: *\nDisallow:\n", {"x", "/", true});
    CHECK("", {"x", "/", true});
}

static void files_are_as_people_write_them(void **state)
{
    (void)state;
    CHECK("\xef\xbb\xbfUSER-AGENT : twinlens # us\r\n DisAllow : /a # all of it\r\nSitemap: http://x/s.xml\r\nallow: /a/b\r",
          {"twinlens", "/a", false}, {"twinlens", "/a/b", true}, {"other", "/a", true});
    CHECK("User-agent: twinlens/1.0 (somebody)\rDisallow: /\r", {"twinlens", "/", false}, {"twin", "/", true});
    CHECK("User-agent: twinlensbot\nDisallow: /\n", {"twinlens", "/", true});
    CHECK("Disallow: /\nUser-agent: *\nDisallow: /b\n", {"x", "/a", true}, {"x", "/b", false}); /* rules before any group */
    CHECK("User-agent: a\nCrawl-delay: 5\nUser-agent: b\nDisallow: /\n", {"a", "/", false}, {"b", "/", false});
    CHECK("User-agent: a\nDisallow: /a\nUser-agent: b\nDisallow: /b\n", {"a", "/b", true}, {"b", "/b", false}, {"b", "/a", true});
    CHECK("User-agent: *\nDisallow: /*.jpg\nDisallow: /**x**$\nDisallow: /%zz\n", {"x", "/a.jpg", false},
          {"x", "/a.jpg?1", false}, {"x", "/yyx", false}, {"x", "/yyxy", false}, {"x", "/yy", true}, {"x", "/%zz", false},
          {"x", "/ok", true});
    CHECK("<!doctype html><html>no robots here: Disallow: /</html>", {"x", "/", true});
    CHECK("User-agent: *\nDisallow: foo\n", {"x", "/foo", true}); /* no path begins like that */
}

static void delays_and_sitemaps_are_told(void **state)
{
    (void)state;
    static const char text[] = "User-agent: *\nCrawl-delay: 10\n\nUser-agent: twinlens\nCrawl-delay: 2.5\nDisallow: /x\n"
                               "Sitemap: https://example.com/a.xml\nsitemap:https://example.com/b.xml\n";
    tl_robots *robots;
    tl_error err;
    assert_true(tl_robots_parse(tl_slice_of(text), "twinlens", &robots, &err));
    assert_true(tl_robots_crawl_delay(robots) == 2.5);
    assert_int_equal(tl_robots_sitemap_count(robots), 2);
    assert_string_equal(tl_robots_sitemap(robots, 0), "https://example.com/a.xml");
    assert_string_equal(tl_robots_sitemap(robots, 1), "https://example.com/b.xml");
    tl_robots_destroy(robots);
    assert_true(tl_robots_parse(tl_slice_of(text), "other", &robots, &err));
    assert_true(tl_robots_crawl_delay(robots) == 10);
    tl_robots_destroy(robots);
    assert_true(tl_robots_parse(tl_slice_of("User-agent: *\nCrawl-delay: soon\n"), "other", &robots, &err));
    assert_true(tl_robots_crawl_delay(robots) < 0);
    tl_robots_destroy(robots);
    assert_true(tl_robots_allows(NULL, "/") && tl_robots_crawl_delay(NULL) < 0 && tl_robots_sitemap_count(NULL) == 0);
}

/* A file made to be slow: the answer comes in time, and is a refusal. */
static void hostile_patterns_end(void **state)
{
    (void)state;
    static char text[600000], path[16000];
    size_t size = (size_t)snprintf(text, sizeof text, "User-agent: *\n");
    while (size + 2100 < 500000) {
        size += (size_t)snprintf(text + size, sizeof text - size, "Disallow: /");
        for (int i = 0; i < 500; i++)
            size += (size_t)snprintf(text + size, sizeof text - size, "*aaa");
        size += (size_t)snprintf(text + size, sizeof text - size, "b\n");
    }
    path[0] = '/';
    memset(path + 1, 'a', sizeof path - 2);
    double start = tl_clock_seconds();
    assert_false(allows(text, "x", path));
    assert_true(tl_clock_seconds() - start < 2);
    assert_true(allows(text, "x", "/ordinary"));
}

static void only_the_first_half_megabyte_is_read(void **state)
{
    (void)state;
    size_t size = 520000;
    char *text = malloc(size + 64);
    memset(text, '#', size);
    memcpy(text, "User-agent: *\nDisallow: /a\n", 27);
    snprintf(text + size, 64, "\nDisallow: /b\n");
    assert_false(allows(text, "x", "/a"));
    assert_true(allows(text, "x", "/b"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc),
        cmocka_unit_test(files_are_as_people_write_them),
        cmocka_unit_test(delays_and_sitemaps_are_told),
        cmocka_unit_test(hostile_patterns_end),
        cmocka_unit_test(only_the_first_half_megabyte_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
