/* Pages: which picture an <img> stands for, which words belong to it, links, robots, encodings, copies. */
#include "crawler-import/crawl/charset.h"
#include "crawler-import/crawl/page.h"
#include "crawler-import/fetch/answer.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static tl_page_reader *reader;
static tl_page page;

static void read_as(tl_slice bytes, const char *content_type)
{
    assert_ok(tl_page_read(reader, bytes, "https://a.org/dir/page.html", content_type, &page, err));
}

static void read_page(const char *html)
{
    read_as(tl_slice_of(html), "text/html; charset=utf-8");
}

/* All texts as "KIND PICTURE: TEXT" lines, pictures without their "https://a.org". */
static void check_texts(const char *html, const char *expected)
{
    char found[4096];
    size_t size = 0;
    found[0] = '\0';
    read_page(html);
    for (size_t i = 0; i < page.text_count; i++) {
        const char *picture = page.pictures[page.texts[i].picture];
        size += (size_t)snprintf(found + size, sizeof found - size, "%s %s: %.*s\n", tl_caption_kind_name(page.texts[i].kind),
                                 strncmp(picture, "https://a.org", 13) == 0 ? picture + 13 : picture,
                                 (int)page.texts[i].text.size, page.texts[i].text.data);
    }
    assert_string_equal(found, expected);
}

static void test_alt_and_title(void **state)
{
    (void)state;
    check_texts("<img src=a.jpg alt='a red &amp; brown fox' title=\"On a&nbsp;log\">",
                "alt /dir/a.jpg: a red & brown fox\ntitle /dir/a.jpg: On a\xc2\xa0log\n");
    check_texts("<img src=a.jpg alt='same' title=' same '><img src=b.jpg alt=''><IMG SRC=/c.jpg ALT=upper>",
                "alt /dir/a.jpg: same\nalt /c.jpg: upper\n");
    check_texts("<base href=//cdn.org/x/><img src=a.jpg alt=based>", "alt https://cdn.org/x/a.jpg: based\n");
    check_texts("<img src=a.jpg aria-label='said aloud'><img src='data:image/gif;base64,R0' alt='inline'>",
                "alt /dir/a.jpg: said aloud\n");
    check_texts("<img src=logo.svg alt=drawing><img src=t.gif width=1 height=1 alt=tracker><img src=i.png width=32px alt=icon>"
                "<img src=big.png width=100% alt=wide>",
                "alt /dir/big.png: wide\n");
    check_texts("<img src=a.jpg alt=one><p><img src=a.jpg alt=two>", "alt /dir/a.jpg: one\nalt /dir/a.jpg: two\n");
    check_texts("<script>'<img src=s.jpg alt=script>'</script><template><img src=t.jpg alt=template></template>"
                "<textarea><img src=u.jpg alt=area></textarea><!-- <img src=v.jpg alt=comment> -->"
                "<img src='{{ item.url }}' alt=unfilled>",
                "");
}

static void test_figures(void **state)
{
    (void)state;
    check_texts(
        "<figure><img src=a.jpg alt=short><figcaption>A <b>red</b> fox<br>on a log <script>x</script></figcaption></figure>",
        "alt /dir/a.jpg: short\nfigcaption /dir/a.jpg: A red fox on a log\n");
    check_texts("<figure><figcaption>before it</figcaption><a href=x><img src=a.jpg></a></figure>",
                "figcaption /dir/a.jpg: before it\n");
    check_texts("<figure><img src=a.jpg><img src=b.jpg><figcaption>of two</figcaption></figure>", "");
    check_texts("<figure><figure><img src=a.jpg><figcaption>first</figcaption></figure><figure><img src=b.jpg><figcaption>second"
                "</figcaption></figure><figcaption>all of them</figcaption></figure>",
                "figcaption /dir/a.jpg: first\nfigcaption /dir/b.jpg: second\n");
    check_texts("<div class='wp-caption aligncenter'><img src=a.jpg><p class=wp-caption-text>old blog</p></div>"
                "<div class=thumbinner><img src=b.jpg><div class=thumbcaption>old wiki</div></div><p>not it</p>",
                "figcaption /dir/a.jpg: old blog\nfigcaption /dir/b.jpg: old wiki\n");
    check_texts(
        "<b><figure><img src=a.jpg></b><figcaption>wrong nesting</figcaption></figure><figcaption>of nothing</figcaption>",
        "figcaption /dir/a.jpg: wrong nesting\n");
    check_texts("<figure><img src=a.jpg><figcaption>never closed<p>next", "figcaption /dir/a.jpg: never closed next\n");
}

/* What is called a caption without a figure around it, and where scripts and styles keep words and pictures. */
static void test_labels(void **state)
{
    (void)state;
    check_texts("<table class=tr-caption-container><tr><td><a href=/big.jpg><img src=a.jpg></a><tr><td class='x tr-caption'>A "
                "fox</table>",
                "figcaption /big.jpg: A fox\n");
    check_texts("<div class=figure><img src=a.jpg alt=''><p class=caption><span class=caption-text>A fox</span>"
                "<a class=headerlink href=#id>\xc2\xb6</a></p></div>",
                "figcaption /dir/a.jpg: A fox\n");
    check_texts("<img src=a.jpg alt=fox><span class=photo-caption>A fox</span> and more",
                "alt /dir/a.jpg: fox\nfigcaption /dir/a.jpg: A fox\n");
    check_texts("<p class=caption>before it</p><img src=a.jpg><p>Text.<p class=caption>too late</p>"
                "<img src=b.jpg><img src=c.jpg><p class=caption>of two</p><p class=no-captions-here>no</p>",
                "");
    check_texts("<a href=/big.jpg data-title='A fox'><img src=a.jpg></a><a href=/big-2.jpg title='Two foxes'><img src=b.jpg></a>"
                "<a href=/page.html title='Another page'><img src=c.jpg></a>",
                "title /big.jpg: A fox\ntitle /big-2.jpg: Two foxes\n");
    check_texts("<a href=/wiki/File:a.jpg title='A file'><img src=a.jpg alt=fox></a>", "alt /dir/a.jpg: fox\n");
    check_texts("<div role=img aria-label='A fox' style=\"color: red; background: url( 'a.jpg' )\"></div>"
                "<div role=img aria-label=bare></div><p aria-label=other style='background:url(b.jpg)'>",
                "alt /dir/a.jpg: A fox\n");
    check_texts("<nav><img src=a.jpg alt=guide></nav><aside><a href=x><img src=b.jpg alt=related></a><figure><img src=c.jpg>"
                "<figcaption>A fox</figcaption></figure></aside><footer><img src=d.jpg alt=cards></footer><img src=e.jpg alt=it>",
                "figcaption /dir/c.jpg: A fox\nalt /dir/e.jpg: it\n");
    check_texts("<img data-src='a_{width}x.jpg' alt=fox><noscript><img src=a_512x.jpg alt=fox></noscript>",
                "alt /dir/a_512x.jpg: fox\n");
}

static void test_sizes(void **state)
{
    (void)state;
    check_texts("<img src=s.jpg srcset='a.jpg 320w, b.jpg 1200w, c.jpg 4000w' alt=w>", "alt /dir/b.jpg: w\n");
    check_texts("<img src=s.jpg srcset='a.jpg 320w, b.jpg 640w' alt=w>", "alt /dir/b.jpg: w\n");
    check_texts("<img width=600 src=s.jpg srcset='a.jpg, b.jpg 2x, c.jpg 3x' alt=x>", "alt /dir/b.jpg: x\n");
    check_texts("<img srcset='i/c_fill,w_1.jpg 1100w,j.jpg 2000w' alt=commas>", "alt /dir/i/c_fill,w_1.jpg: commas\n");
    check_texts("<picture><source type=image/avif srcset=a.avif><source type=image/webp srcset='b.webp 1500w, c.webp 700w'>"
                "<img src=d.jpg alt=p></picture>",
                "alt /dir/b.webp: p\n");
    check_texts("<picture><source srcset='x.avif'><img src=d.jpg alt=p></picture><img src=e.jpg alt=after>",
                "alt /dir/d.jpg: p\nalt /dir/e.jpg: after\n");
    check_texts("<a href=/full/a.jpg><img src=thumb/a.jpg alt=linked></a><img src=b.jpg alt=not>",
                "alt /full/a.jpg: linked\nalt /dir/b.jpg: not\n");
    check_texts("<a href=/full/a.html><img src=thumb/a.jpg alt=linked></a>", "alt /dir/thumb/a.jpg: linked\n");
}

static void test_lazy(void **state)
{
    (void)state;
    check_texts("<img src=blank.gif data-src=a.jpg alt=lazy>", "alt /dir/a.jpg: lazy\n");
    check_texts("<img src='data:image/gif;base64,R0lG' data-srcset='a.jpg 500w, b.jpg 1500w' alt=lazy>",
                "alt /dir/b.jpg: lazy\n");
    check_texts("<img data-original=a.jpg alt=lazy><noscript><img src=a-full.jpg alt=lazy></noscript>", "alt /dir/a.jpg: lazy\n");
    check_texts("<noscript><img src=a.jpg alt='only there'></noscript>", "alt /dir/a.jpg: only there\n");
}

static void test_nearby(void **state)
{
    tl_page_reader *usual = reader;
    const tl_page_options options = {.takes_nearby = true};
    (void)state;
    check_texts("<p><img src=a.jpg> a fox beside it</p>", "");
    assert_true(tl_page_reader_create(&options, &reader, NULL));
    check_texts("<p><img src=a.jpg> a fox beside it</p>", "nearby /dir/a.jpg: a fox beside it\n");
    check_texts("<div><img src=a.jpg></div><p>a fox below</p><p>other</p>", "nearby /dir/a.jpg: a fox below\n");
    check_texts("<img src=a.jpg alt=described><p>not needed</p><img src=b.jpg><img src=c.jpg><p>of which?</p>",
                "alt /dir/a.jpg: described\n");
    tl_page_reader_destroy(reader);
    reader = usual;
}

static void check_links(const char *html, const char *expected)
{
    char found[1024];
    size_t size = 0;
    found[0] = '\0';
    read_page(html);
    for (size_t i = 0; i < page.link_count; i++)
        size += (size_t)snprintf(found + size, sizeof found - size, "%s ", page.links[i]);
    assert_string_equal(found, expected);
}

static void test_links(void **state)
{
    (void)state;
    check_links("<a href=b.html>b</a><a rel='external NoFollow' href=c>c</a><area href=/d><a href='mailto:x@y'>m</a><a>n</a>",
                "https://a.org/dir/b.html https://a.org/d ");
    check_links("<link rel=next href=2><link rel=stylesheet href=s.css><link rel=canonical href=/x><iframe src=/f></iframe>",
                "https://a.org/dir/2 https://a.org/x https://a.org/f ");
    check_links("<meta http-equiv=refresh content=\"0; URL='/moved'\"><meta http-equiv=Refresh content=5>",
                "https://a.org/moved ");
    check_links("<frameset><frame src=a><frame src=b></frameset>", "https://a.org/dir/a https://a.org/dir/b ");
}

static unsigned refusals_of(const char *html)
{
    read_page(html);
    return page.refusals;
}

static void test_robots(void **state)
{
    (void)state;
    assert_int_equal(refusals_of("<meta name=ROBOTS content='NoIndex, noimageindex'>"),
                     TL_REFUSAL_NOINDEX | TL_REFUSAL_NOIMAGEINDEX);
    assert_int_equal(refusals_of("<meta name=twinlens content=none>"), TL_REFUSAL_NOINDEX | TL_REFUSAL_NOFOLLOW);
    assert_int_equal(refusals_of("<meta name=otherbot content=none><meta name=robots content='index, follow'>"), 0);
    assert_int_equal(refusals_of("<meta name=robots content=noai><meta name=robots content=noimageai>"),
                     TL_REFUSAL_NOAI | TL_REFUSAL_NOIMAGEAI);
    assert_int_equal(refusals_of("<meta name=tdm-reservation content=1>"), TL_REFUSAL_NOAI);
}

static void test_content_hash(void **state)
{
    (void)state;
    read_page("<title>t</title><p>some  text</p><img src=a.jpg>");
    uint64_t hash = page.content_hash;
    read_page("<title>t</title>\n<div><p>some text</p></div><a href=x></a><script>1</script><img src=a.jpg><!-- 2 -->");
    assert_true(page.content_hash == hash && hash != 0);
    read_page("<title>t</title><p>some text</p><img src=b.jpg>");
    assert_true(page.content_hash != hash);
    read_page("<title>u</title><p>some text</p><img src=a.jpg>");
    assert_true(page.content_hash != hash);
    read_page("<frameset><frame src=a></frameset>");
    assert_true(page.content_hash == 0);
}

#define FOX_RU "\xd0\xbb\xd0\xb8\xd1\x81\xd0\xb0" /* lisa */
#define FOX_1251 "\xeb\xe8\xf1\xe0"
#define FOX_JA "\xe3\x82\xad\xe3\x83\x84\xe3\x83\x8d" /* kitsune */
#define FOX_SJIS "\x83\x4c\x83\x63\x83\x6c"

static void check_encoded(tl_slice bytes, const char *content_type, const char *expected)
{
    read_as(bytes, content_type);
    assert_int_equal(page.text_count, 1);
    assert_int_equal(page.texts[0].text.size, strlen(expected));
    assert_memory_equal(page.texts[0].text.data, expected, strlen(expected));
}

static tl_slice utf16(const char *ascii, bool is_big, bool has_mark)
{
    static char bytes[1024];
    size_t size = 0;
    if (has_mark) {
        bytes[size++] = is_big ? '\xfe' : '\xff';
        bytes[size++] = is_big ? '\xff' : '\xfe';
    }
    for (; *ascii != '\0'; ascii++) {
        bytes[size++] = is_big ? '\0' : *ascii;
        bytes[size++] = is_big ? *ascii : '\0';
    }
    return (tl_slice){bytes, size};
}

static void test_encodings(void **state)
{
    static const char plain[] = "<!DOCTYPE html><html><head><title>t</title></head><body><img src=a.jpg alt='a red fox'>";
    (void)state;
    check_encoded(tl_slice_of("<img src=a.jpg alt=" FOX_1251 ">"), "text/html; charset=windows-1251", FOX_RU);
    check_encoded(tl_slice_of("<meta charset=win-1251><img src=a.jpg alt=" FOX_1251 ">"), "text/html", FOX_RU);
    check_encoded(
        tl_slice_of("<META content='text/html; charset=CP1251' http-equiv=content-type><img src=a.jpg alt=" FOX_1251 ">"), NULL,
        FOX_RU);
    /* The header is wrong: its bytes do not exist, or the page's do as UTF-8. */
    check_encoded(tl_slice_of("<meta charset=windows-1251><img src=a.jpg alt=" FOX_1251 ">"), "text/html; charset=UTF-8", FOX_RU);
    check_encoded(tl_slice_of("<img src=a.jpg alt=" FOX_RU ">"), "text/html; charset=ISO-8859-1", FOX_RU);
    check_encoded(tl_slice_of("<meta charset='x-sjis'><img src=a.jpg alt='" FOX_SJIS "'>"), "text/html", FOX_JA);
    check_encoded(tl_slice_of("<?xml version='1.0' encoding='Shift_JIS'?><img src='a.jpg' alt='" FOX_SJIS "'/>"), "text/html",
                  FOX_JA);
    check_encoded(tl_slice_of("\xef\xbb\xbf<meta charset=shift_jis><img src=a.jpg alt=" FOX_JA ">"), "text/html; charset=gbk",
                  FOX_JA);
    check_encoded(tl_slice_of("<img src=a.jpg alt='caf\xe9 \x93x\x94'>"), "text/html", "caf\xc3\xa9 \xe2\x80\x9cx\xe2\x80\x9d");
    check_encoded(tl_slice_of("<img src=a.jpg alt='cut \xd0'>"), "text/html; charset=utf-8", "cut \xef\xbf\xbd");
    check_encoded(utf16(plain, false, true), "text/html", "a red fox");
    check_encoded(utf16(plain, true, true), "text/html; charset=utf-8", "a red fox");
    check_encoded(utf16(plain, false, false), "text/html", "a red fox");
    check_encoded(utf16(plain, true, false), "text/html; charset=utf-16", "a red fox");
    assert_null(tl_charset_of_label(tl_slice_of("x-unknown")));
    assert_string_equal(tl_charset_of_label(tl_slice_of(" Latin1\n")), "CP1252");
}

/* Pages that are made to cost time: none may take more than a moment, and what came before is kept. */
static void test_hostile(void **state)
{
    static const char *const pieces[] = {"<b>",
                                         "</i>",
                                         "<p><table><td>",
                                         "<",
                                         "<a b=\"'",
                                         "<figure>",
                                         "<picture><source>",
                                         "&amp;",
                                         "<img alt=x src=",
                                         "<!--",
                                         "<svg><title>",
                                         "<a/b/c=",
                                         "<noscript>"};
    tl_string html;
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        tl_string_init(&html, (size_t)1 << 24);
        assert_true(tl_string_append_text(&html, "<img src=a.jpg alt='a red fox'>", NULL));
        while (html.size < (size_t)1 << 20)
            assert_true(tl_string_append_text(&html, pieces[i], NULL));
        read_as(tl_string_slice(&html), "text/html");
        assert_true(page.text_count >= 1 && tl_slice_equal(page.texts[0].text, tl_slice_of("a red fox")));
        tl_string_clear(&html);
    }
    tl_string_init(&html, (size_t)1 << 24);
    assert_true(tl_string_append_text(&html, "<a", NULL));
    for (unsigned i = 0; i < 100000; i++)
        assert_true(tl_string_append_format(&html, NULL, " a%u=1", i));
    assert_true(tl_string_append_text(&html, "><img src=a.jpg alt='a red fox'>", NULL));
    read_as(tl_string_slice(&html), "text/html");
    assert_int_equal(page.text_count, 1);
    tl_string_clear(&html);
    read_as((tl_slice){"\0<img\0 src=a.jpg alt='a\0b'>\0", 27}, "text/html; charset=utf-8");
    read_as((tl_slice){NULL, 0}, NULL);
    assert_int_equal(page.picture_count, 0);
}

static int open_reader(void **state)
{
    (void)state;
    return tl_page_reader_create(NULL, &reader, NULL) ? 0 : 1;
}

static int close_reader(void **state)
{
    (void)state;
    tl_page_reader_destroy(reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alt_and_title), cmocka_unit_test(test_figures), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_lazy),    cmocka_unit_test(test_nearby),
        cmocka_unit_test(test_links),         cmocka_unit_test(test_robots),  cmocka_unit_test(test_content_hash),
        cmocka_unit_test(test_encodings),     cmocka_unit_test(test_hostile)};
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
