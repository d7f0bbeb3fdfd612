/* The frontier's order and counts, the list that the whole of a crawl makes of its pairs, and sitemaps; with the n-th allocation
 * failing as well. */
#include "tests/support/assert_ok.h"
#include "tests/support/failing_memory.c"

#include "base/io/file.h"
#include "crawler-import/crawl/pair_list.h"
#include "crawler-import/crawl/sitemap.h"

#include <stdio.h>

static tl_frontier *open_fresh(const char *folder)
{
    tl_frontier *frontier = NULL;
    assert_ok(tl_directory_remove(folder, err) && tl_directory_create(folder, err) && tl_frontier_open(folder, &frontier, err));
    return frontier;
}

static void add(tl_frontier *frontier, tl_frontier_kind kind, const char *url, unsigned depth, bool expected_new)
{
    bool is_new = false;
    assert_ok(tl_frontier_add(frontier, kind, url, depth, &is_new, err));
    assert_true(is_new == expected_new);
}

/* Takes the next page of the host; NULL: none waits. */
static void check_next(tl_frontier *frontier, int64_t host, const char *url, unsigned depth, const char *reason,
                       bool is_for_later)
{
    tl_frontier_page page;
    bool found = false;
    assert_ok(tl_frontier_next(frontier, host, &page, &found, err));
    assert_true(found == (url != NULL));
    if (url == NULL)
        return;
    assert_string_equal(page.url, url);
    assert_int_equal(page.depth, depth);
    assert_ok(tl_frontier_settle(frontier, page.id, reason, is_for_later, err));
    assert_ok(tl_frontier_settle(frontier, page.id, NULL, false, err)); /* once more changes nothing */
}

static void test_order(void **state)
{
    tl_frontier *frontier = open_fresh("order");
    tl_frontier_totals totals;
    int64_t host = 0;
    int64_t other = 0;
    bool found = false;
    bool is_first = false;
    (void)state;
    add(frontier, TL_FRONTIER_PAGE, "http://a/deep", 5, true);
    add(frontier, TL_FRONTIER_PAGE, "http://a/1", 1, true);
    add(frontier, TL_FRONTIER_PAGE, "http://a/0", 0, true);
    add(frontier, TL_FRONTIER_PAGE, "http://b/", 0, true);
    add(frontier, TL_FRONTIER_SITEMAP, "http://a/map", 9, true);
    add(frontier, TL_FRONTIER_PAGE, "http://a/deep", 1, false); /* moves up */
    add(frontier, TL_FRONTIER_PAGE, "http://a/1", 7, false);    /* does not move down */
    assert_ok(tl_frontier_next_host(frontier, 0, &host, &found, err));
    assert_true(found);
    assert_ok(tl_frontier_next_host(frontier, host + 1, &other, &found, err));
    assert_true(found && other != host);
    check_next(frontier, host, "http://a/map", 9, NULL, false);
    check_next(frontier, host, "http://a/0", 0, NULL, false);
    check_next(frontier, host, "http://a/deep", 1, "status 404", false);
    check_next(frontier, host, "http://a/1", 1, "status 5xx", true);
    check_next(frontier, host, NULL, 0, NULL, false);
    assert_ok(tl_frontier_total(frontier, &totals, err));
    assert_int_equal(totals.pages, 3);
    assert_int_equal(totals.good_pages, 1);
    assert_int_equal(totals.waiting, 1);
    assert_ok(tl_frontier_next_host(frontier, 0, &host, &found, err));
    assert_true(found && host == other);
    tl_frontier_close(frontier);
    assert_ok(tl_frontier_open("order", &frontier, err)); /* and it is all there */
    assert_ok(tl_frontier_retry(frontier, err));
    assert_ok(tl_frontier_next_host(frontier, 0, &host, &found, err));
    check_next(frontier, host, "http://a/1", 1, NULL, false);
    check_next(frontier, host, NULL, 0, NULL, false);
    assert_ok(tl_frontier_take_sitemaps(frontier, host, &is_first, err));
    assert_true(is_first);
    assert_ok(tl_frontier_take_sitemaps(frontier, host, &is_first, err));
    assert_false(is_first);
    tl_frontier_close(frontier);
}

static void test_barren(void **state)
{
    tl_frontier *frontier = open_fresh("barren");
    uint64_t count = 9;
    bool is_copy = true;
    (void)state;
    assert_ok(tl_frontier_barren(frontier, -7, &count, err));
    assert_int_equal(count, 0);
    for (int i = 0; i < 3; i++)
        assert_ok(tl_frontier_note(frontier, -7, false, err));
    assert_ok(tl_frontier_barren(frontier, -7, &count, err));
    assert_int_equal(count, 3);
    assert_ok(tl_frontier_note(frontier, -7, true, err));
    assert_ok(tl_frontier_barren(frontier, -7, &count, err));
    assert_int_equal(count, 0);
    assert_ok(tl_frontier_add_content(frontier, UINT64_MAX, &is_copy, err));
    assert_false(is_copy);
    assert_ok(tl_frontier_add_content(frontier, UINT64_MAX, &is_copy, err));
    assert_true(is_copy);
    tl_frontier_close(frontier);
}

static bool put_pair(tl_frontier *frontier, const char *picture, tl_caption_kind kind, const char *caption, tl_error *err)
{
    bool is_new;
    return tl_frontier_add_pair(frontier, picture, kind, tl_slice_of(caption), 1, &is_new, err);
}

static void check_list(const char *path, const char *expected)
{
    tl_string text;
    tl_string_init(&text, 1 << 20);
    assert_ok(tl_file_read(path, &text, err));
    assert_string_equal(text.data, expected);
    tl_string_clear(&text);
}

static void test_list(void **state)
{
    tl_frontier *frontier = open_fresh("list");
    const tl_pair_list_options options = {.most_repeats = 2};
    tl_pair_list_report report;
    tl_file_status before;
    tl_file_status after;
    char text[64];
    (void)state;
    add(frontier, TL_FRONTIER_PAGE, "http://a/p", 0, true);
    assert_ok(put_pair(frontier, "http://a/1.jpg", TL_CAPTION_OF_ALT, "a \"red\" fox | The Gazette", err));
    assert_ok(put_pair(frontier, "http://a/1.jpg", TL_CAPTION_OF_FIGURE, "a fox in autumn", err));
    assert_ok(put_pair(frontier, "http://a/2.jpg", TL_CAPTION_OF_ALT, "an old heron | The Gazette", err));
    assert_ok(put_pair(frontier, "http://a/3.jpg", TL_CAPTION_OF_ALT, "fox | The Gazette", err)); /* too short without its end */
    assert_ok(put_pair(frontier, "http://a/4.jpg", TL_CAPTION_OF_ALT, "two hares - in snow", err));
    for (unsigned i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "http://a/many%u.jpg", i);
        assert_ok(put_pair(frontier, text, TL_CAPTION_OF_ALT, "a caption of many pictures", err));
        snprintf(text, sizeof text, "reader number %c of ours", 'a' + (char)i);
        assert_ok(put_pair(frontier, "http://a/placeholder.jpg", TL_CAPTION_OF_ALT, text, err));
        assert_ok(put_pair(frontier, "http://a/logo.jpg", TL_CAPTION_OF_ALT, "the logo of it all", err));
        assert_ok(tl_frontier_count_shown(frontier, "http://a/logo.jpg", err));
    }
    static const char expected[] =
        "{\"url\":\"http://a/1.jpg\",\"caption\":\"a fox in autumn\",\"page\":\"http://a/p\",\"kind\":\"figcaption\","
        "\"captions\":[\"a fox in autumn\",\"a \\\"red\\\" fox\"]}\n"
        "{\"url\":\"http://a/2.jpg\",\"caption\":\"an old heron\",\"page\":\"http://a/p\",\"kind\":\"alt\",\"captions\":[\"an "
        "old heron\"]}\n"
        "{\"url\":\"http://a/4.jpg\",\"caption\":\"two hares - in "
        "snow\",\"page\":\"http://a/p\",\"kind\":\"alt\",\"captions\":[\"two hares - in snow\"]}\n";
    assert_ok(tl_pair_list_write(frontier, "list/pairs.jsonl", &options, &report, err));
    check_list("list/pairs.jsonl", expected);
    assert_int_equal(report.pictures, 3);
    assert_int_equal(report.captions, 4);
    assert_int_equal(report.emptied, 1);
    assert_int_equal(report.repeated, 6);
    assert_int_equal(report.furniture, 1);
    assert_ok(tl_file_status_read("list/pairs.jsonl", &before, err));
    assert_ok(tl_pair_list_write(frontier, "list/pairs.jsonl", &options, &report, err)); /* the same stays the same file */
    assert_ok(tl_file_status_read("list/pairs.jsonl", &after, err));
    assert_true(before.modified_ns == after.modified_ns);
    failing_memory_sweep sweep = {.job = "list of pairs"};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, tl_pair_list_write(frontier, "list/scarce.jsonl", &options, &report, &sweep.err));
    check_list("list/scarce.jsonl", expected);
    tl_frontier_close(frontier);
}

static bool note_url(void *context, tl_slice url, bool is_sitemap, tl_error *err)
{
    return tl_string_append_format(context, err, "%s[%.*s]", is_sitemap ? "map" : "", (int)url.size, url.data);
}

static void check_sitemap(const char *bytes, const char *expected)
{
    tl_string found;
    tl_string_init(&found, 4096);
    assert_ok(tl_sitemap_read(tl_slice_of(bytes), note_url, &found, err));
    assert_string_equal(found.data, expected);
    tl_string_clear(&found);
}

static void test_sitemaps(void **state)
{
    (void)state;
    check_sitemap("<urlset><url><loc>http://a/?b=1&amp;c</loc><x:image><x:loc>http://a/i</x:loc></x:image></url>"
                  "<url><lastmod>1</lastmod><loc><![CDATA[http://b]]></loc></url></urlset>",
                  "[http://a/?b=1&c][http://b]");
    check_sitemap(
        "<?xml version='1.0' encoding='x-unknown'?>\n<s:sitemapindex xmlns:s='u'><s:sitemap><s:loc>http://a</s:loc></s:sitemap>",
        "map[http://a]");
    check_sitemap("http://a\nftp://b\r\nhttps://c\r\n", "[http://a][https://c\r]");
    check_sitemap("<urlset><url><loc>http://a</loc></url><url><loc>http://b", "[http://a]");
    check_sitemap("<html><body><loc>http://a</loc></body></html>", "");
    check_sitemap("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_barren), cmocka_unit_test(test_list),
                                       cmocka_unit_test(test_sitemaps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
