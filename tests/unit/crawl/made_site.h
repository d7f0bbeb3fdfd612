/*
 * A website as the web is: some 420 pages of captioned pictures in every markup there is for them, broken HTML, wrong encodings,
 * furniture, redirects, slow pages, rules for robots, sitemaps and traps without an end. It knows what a crawler should find
 * (pairs), may never ask for (forbidden), and how often a trap may be asked at most. Served by nginx: two servers on 127.0.0.1,
 * the site and another one that only holds pictures and pages that are none of a crawler's business.
 */
#ifndef TL_TESTS_CRAWL_MADE_SITE_H
#define TL_TESTS_CRAWL_MADE_SITE_H

#include "tests/support/assert_ok.h"

#include "base/core/memory.h"
#include "base/core/random.h"
#include "base/core/string.h"
#include "base/io/file.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { ARTICLES = 200, GALLERY = 60, ABROAD = 48, ORPHANS = 40, MAX_PAIRS = 4000 };

typedef struct made_pair {
    char *url;
    char *caption;
} made_pair;

typedef struct made_site {
    char folder[64];
    unsigned port, other_port;
    tl_random random;
    unsigned captions; /* made so far */
    made_pair pairs[MAX_PAIRS];
    size_t pair_count;
    tl_string page;   /* the page being written */
    const char *base; /* what its relative URLs count from: "/articles/" */
} made_site;

static inline void site_write(made_site *site, const char *path, tl_slice bytes)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", site->folder, path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    assert_ok(tl_directory_create(full, err));
    *slash = '/';
    assert_ok(tl_file_replace(full, bytes, err));
}

static inline void site_text(made_site *site, const char *path, const char *text)
{
    site_write(site, path, tl_slice_of(text));
}

/* Appends a template in which {a}, {b}, {c} and {d} stand for the given texts (those that it does not name may be NULL). */
static inline void append_filled(tl_string *out, const char *text, const char *const values[4])
{
    for (; *text != '\0'; text++) {
        bool is_place = text[0] == '{' && text[1] >= 'a' && text[1] <= 'd' && text[2] == '}';
        const char *piece = is_place ? values[text[1] - 'a'] : text;
        assert_ok(tl_string_append(out, piece, is_place ? strlen(piece) : 1, err));
        text += is_place ? 2 : 0;
    }
}

static inline const char *decimal(unsigned number)
{
    static char text[16];
    snprintf(text, sizeof text, "%u", number);
    return text;
}

static inline void put(made_site *site, const char *format, ...) TL_PRINTF(2, 3);
static inline void put(made_site *site, const char *format, ...)
{
    static char text[16384];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(size >= 0 && (size_t)size < sizeof text);
    assert_ok(tl_string_append(&site->page, text, (size_t)size, err));
}

/* A caption that no other one is like. */
static inline void make_caption(made_site *site, char caption[256])
{
    static const char *const looks[] = {"small red",   "sleepy brown", "very old", "striped",
                                        "wet & muddy", "spotted",      "tame",     "curious"};
    static const char *const beasts[] = {"fox",  "badger",       "heron", "hedgehog",  "otter", "barn owl",
                                         "hare", "red squirrel", "stoat", "grey seal", "wren"};
    static const char *const deeds[] = {"sitting", "asleep", "hunting", "drinking", "running", "hiding", "playing"};
    static const char *const places[] = {"on a log in the forest",
                                         "beside the \"old\" mill",
                                         "near the river bank",
                                         "under a hedge at dusk",
                                         "in long grass",
                                         "behind our house",
                                         "on the harbour wall",
                                         "at the edge of a field",
                                         "in the snow",
                                         "in the artist's garden",
                                         "below the castle",
                                         "by the roadside",
                                         "among ferns"};
    unsigned n = site->captions++;
    snprintf(caption, 256, "A %s %s %s %s", looks[n % 8], beasts[n % 11], deeds[n % 7],
             places[n % 13]); /* pairwise coprime: 8008 */
}

static inline void expect_pair(made_site *site, const char *url, const char *caption)
{
    char full[512];
    assert_true(site->pair_count < MAX_PAIRS);
    if (strncmp(url, "http", 4) == 0)
        snprintf(full, sizeof full, "%s", url);
    else
        snprintf(full, sizeof full, "http://127.0.0.1:%u%s%s", site->port, url[0] == '/' ? "" : site->base, url);
    made_pair *pair = &site->pairs[site->pair_count++];
    assert_non_null(pair->url = tl_memory_copy_text(full, strlen(full), NULL));
    assert_non_null(pair->caption = tl_memory_copy_text(caption, strlen(caption), NULL));
}

/* Text as it stands in HTML; attributes here are in double quotes. */
static inline const char *escaped(const char *text)
{
    static char slots[4][1024];
    static unsigned next;
    char *out = slots[next++ % 4];
    size_t size = 0;
    for (; *text != '\0'; text++) {
        const char one[2] = {*text, '\0'};
        size += (size_t)snprintf(out + size, 1024 - size, "%s",
                                 *text == '&'   ? "&amp;"
                                 : *text == '"' ? "&quot;"
                                 : *text == '<' ? "&lt;"
                                                : one);
    }
    return out;
}

/* One described picture in the markup that number n stands for; the pair is noted. */
enum { MARKUPS = 22 };
static inline void put_picture(made_site *site, unsigned n, unsigned id)
{
    char caption[256];
    char second[256];
    char url[512];
    make_caption(site, caption);
    snprintf(url, sizeof url, "../img/%u.jpg", id);
    char rooted[64];
    snprintf(rooted, sizeof rooted, "/img/%u.jpg", id);
    const char *expected = rooted;
    char other[128];
    switch (n % MARKUPS) {
    case 0:
        put(site, "<p>Seen last week.<img src=\"%s\" alt=\"%s\"></p>\n", url, escaped(caption));
        break;
    case 1:
        put(site, "<figure><img src=\"%s\" alt=\"\"><figcaption>%s</figcaption></figure>\n", url, escaped(caption));
        break;
    case 2: /* both: two captions of one picture */
        make_caption(site, second);
        put(site,
            "<figure class=wide><a href=\"/articles/\"><img src=\"%s\" "
            "alt=\"%s\"></a>\n<figcaption><em>%s</em></figcaption></figure>\n",
            url, escaped(second), escaped(caption));
        expect_pair(site, expected, second);
        break;
    case 3:
        snprintf(other, sizeof other, "/img/%u-1200.jpg", id);
        expected = other;
        put(site,
            "<img src=\"/img/%u-300.jpg\" srcset=\"/img/%u-300.jpg 300w, /img/%u-1200.jpg 1200w, /img/%u-4000.jpg 4000w\" "
            "sizes=\"50vw\" alt=\"%s\">\n",
            id, id, id, id, escaped(caption));
        break;
    case 4:
        snprintf(other, sizeof other, "/img/%u-l.webp", id);
        expected = other;
        put(site,
            "<picture><source type=\"image/avif\" srcset=\"/img/%u.avif 1600w\"><source type=\"image/webp\" "
            "srcset=\"/img/%u-s.webp 480w, "
            "/img/%u-l.webp 1100w\"><img src=\"%s\" alt=\"%s\"></picture>\n",
            id, id, id, url, escaped(caption));
        break;
    case 5:
        put(site,
            "<img class=lazy src=\"data:image/gif;base64,R0lGODlhAQABAIAAAAUEBA\" data-src=\"%s\" alt=\"%s\"><noscript><img "
            "src=\"%s\" alt=\"%s\"></noscript>\n",
            url, escaped(caption), url, escaped(caption));
        break;
    case 6:
        put(site, "<img src=\"/img/blank.gif\" data-srcset=\"/img/%u-t.jpg 200w, %s 1024w\" alt=\"%s\">\n", id, url,
            escaped(caption));
        break;
    case 7:
        put(site,
            "<div class=\"wp-caption alignleft\" style=\"width:310px\"><a href=\"%s\"><img width=\"300\" height=\"200\" "
            "src=\"/img/%u-300x200.jpg\"></a>"
            "<p class=\"wp-caption-text\">%s</p></div>\n",
            url, id, escaped(caption));
        break;
    case 8:
        put(site,
            "<div class=\"thumb tright\"><div class=\"thumbinner\"><img src=\"%s\" class=thumbimage><div "
            "class=\"thumbcaption\">%s</div></div></div>\n",
            url, escaped(caption));
        break;
    case 9:
        put(site, "<a href=\"%s\" class=lightbox><img src=\"/thumbs/%u.jpg\" alt=\"%s\"></a>\n", url, id, escaped(caption));
        break;
    case 10:
        put(site, "<img src=\"%s\" title=\"%s\">\n", url, escaped(caption));
        break;
    case 11: /* attributes without quotes, upper case, '>' in a value, never closed paragraph */
        put(site, "<P><IMG ALT=\"%s\" SRC=%s TITLE=\"a > b\"><P>", escaped(caption), url);
        break;
    case 12: /* wrong nesting */
        put(site,
            "<b><figure><i><img src='%s'></b></i><figcaption><font color=red>%s</figcaption></font></figure></div></span>\n", url,
            escaped(caption));
        break;
    case 13: /* text that a template adds to all */
        put(site, "<img src=\"%s\" alt=\"%s | Fox Gazette\">\n", url, escaped(caption));
        break;
    case 14:
        put(site, "<img src=\"%s\" alt=\"Click to enlarge: %s\">\n", url, escaped(caption));
        break;
    case 15:
        snprintf(other, sizeof other, "http://127.0.0.1:%u/cdn/%u.jpg", site->other_port, id);
        expected = other;
        put(site, "<img src=\"//127.0.0.1:%u/cdn/%u.jpg?utm_source=x#top\" alt=\"%s\">\n", site->other_port, id,
            escaped(caption));
        strcat(other, "?utm_source=x");
        break;
    case 16:
        put(site, "<amp-img src=\"%s\" width=600 height=400 alt=\"%s\"></amp-img>\n", url, escaped(caption));
        break;
    case 17: /* twice escaped, and tags in it */
        put(site, "<img src=\"%s\" alt=\"&lt;p&gt;%s&lt;/p&gt;\">\n", url, escaped(escaped(caption)));
        break;
    case 18:
        put(site, "<table><tr><td><img src=\"%s\" alt=\"%s\" <td><img src=/img/spacer.gif width=1 height=1 alt=\"\"></table>\n",
            url, escaped(caption));
        break;
    case 19:
        put(site, "<img srcset=\"%s, /img/%u@2x.jpg 2x\" width=900 alt=\"%s\">\n", url, id, escaped(caption));
        snprintf(other, sizeof other, "/img/%u@2x.jpg", id);
        expected = other;
        break;
    case 20: /* a caption that only a reader sees: found by --nearby alone, so counted as missed */
        put(site, "<div class=photo><img src=\"%s\"><div class=legend>%s</div></div>\n", url, escaped(caption));
        break;
    default: /* two pictures, one caption for both: whose it is, a reader sees and a program does not */
        put(site, "<figure><img src=\"%s\"><img src=\"/img/%u-b.jpg\"><figcaption>%s</figcaption></figure>\n", url, id,
            escaped(caption));
        break;
    }
    expect_pair(site, expected, caption);
}

/* What is on every page of such sites and describes nothing. */
static inline void put_furniture(made_site *site, unsigned n)
{
    static const char *const adverts[] = {"winter", "rubber", "walking", "riding", "leather", "children's",
                                          "steel",  "light",  "ankle",   "red",    "army"};
    put(site,
        "<header><a href=\"/\"><img src=\"/img/logo.png\" alt=\"The Fox Gazette logo\" width=200 height=80></a>"
        "<nav><a href=\"/\">Home</a> <a href=\"/articles/\">Articles</a> <a href=\"/gallery/\">Gallery</a></nav></header>\n");
    put(site,
        "<img src=\"/img/fb.png\" width=24 height=24 alt=\"Share this story on Facebook\"><img src=\"/img/tw.png\" alt=\"Share "
        "on Twitter\">"
        "<img src=\"/pixel?%u\" width=1 height=1 alt=\"\"><img src=\"/img/menu.svg\" alt=\"open the main menu\">\n",
        n);
    static const char *const useless[] = {"IMG_{a}.JPG", "image {a}",          "DSC0{a}",      "Photo ({a})",
                                          "fox {a}",     "the-fox-on-log-{a}", "photo-{a}.png"};
    char number[16];
    snprintf(number, sizeof number, "%04u", n);
    tl_string alt;
    tl_string_init(&alt, 256);
    append_filled(&alt, useless[n % 7], (const char *const[4]){number});
    put(site, "<img src=\"/img/n%u.jpg\" alt=\"%s\">", n, alt.data);
    tl_string_clear(&alt);
    put(site, "<img src=\"/img/m%u.jpg\" alt=\"%s\">\n", n,
        n % 4 == 0   ? "fox, red fox, fox photo, fox picture, buy fox, cheap fox, fox art"
        : n % 4 == 1 ? "cheap boots cheap boots cheap boots for sale"
        : n % 4 == 2 ? "Photo courtesy of the county archive"
                     : "No image available");
    if (n % 3 == 0) /* a placeholder, shown for many things */
        put(site, "<img src=\"/img/placeholder.jpg\" alt=\"Portrait of reader number %c%c of ours\">\n", 'a' + n % 26,
            'a' + n / 26 % 26);
    if (n % 2 == 0) /* what no rule can tell from a caption: counted as wrong */
        put(site, "<a href=\"/out\" rel=nofollow><img src=\"/ads/%u.jpg\" alt=\"Buy two pairs of %s boots and save\"></a>\n",
            n % 11, adverts[n % 11]);
    put(site,
        "<script>var t = \"<img src='/img/s%u.jpg' alt='made by a script of ours'>\";</script>"
        "<!-- <img src=\"/img/c%u.jpg\" alt=\"commented out long ago\"> -->\n",
        n, n);
}

static inline void begin_page(made_site *site, const char *base, const char *title, unsigned n)
{
    tl_string_reset(&site->page);
    site->base = base;
    put(site, "<!DOCTYPE html>\n<html><head><title>%s %u</title></head>\n<body>\n", title, n);
    put_furniture(site, n);
}

static inline void end_page(made_site *site, const char *path)
{
    put(site, "<footer>Page %s of the Gazette</footer></body></html>\n", path);
    site_write(site, path, tl_string_slice(&site->page));
}

static inline void make_articles(made_site *site)
{
    static const char *const ways[] = {"<a href=\"/articles/../articles/{b}.html#part\">next</a>\n",
                                       "<a href='{a}{b}.html?utm_campaign=n&amp;sid={b}'>next</a>\n",
                                       "<A HREF=\" {a}./{b}.html \">next</A>\n", "<a href=\"{a}{b}.html\">next</a>\n"};
    char path[64];
    for (unsigned i = 0; i < ARTICLES; i++) {
        begin_page(site, "/articles/", "Article", i);
        if (i % 10 == 9) /* all relative URLs count from elsewhere */
            put(site, "<base href=\"/articles/deep/\"><base href=\"/wrong/\">");
        const char *up = i % 10 == 9 ? "../" : "";
        for (unsigned j = 0; j < 1 + i % 4; j++)
            if (i % 10 == 9) {
                char caption[256];
                make_caption(site, caption);
                put(site, "<img src=\"../../img/%u.jpg\" alt=\"%s\">\n", 10 * i + j, escaped(caption));
                char url[64];
                snprintf(url, sizeof url, "/img/%u.jpg", 10 * i + j);
                expect_pair(site, url, caption);
            } else {
                put_picture(site, i * 3 + j, 10 * i + j);
            }
        /* A tree, two ways to every page; each link as some author would write it. */
        for (unsigned j = 3 * i + 1; j <= 3 * i + 3 && j < ARTICLES; j++)
            append_filled(&site->page, ways[j % 4], (const char *const[4]){up, decimal(j)});
        put(site, "<a href=\"%s%u.html\">related</a>\n", up, (i * 7 + 3) % ARTICLES);
        snprintf(path, sizeof path, "/articles/%u.html", i);
        end_page(site, path);
    }
    begin_page(site, "/articles/", "All articles", 0);
    put(site, "<a href=\"0.html\">first</a>");
    end_page(site, "/articles/index.html");
}

static inline void make_gallery(made_site *site)
{
    char path[64];
    for (unsigned i = 0; i < GALLERY; i++) {
        begin_page(site, "/gallery/", "Gallery", i);
        for (unsigned j = 0; j < 3; j++)
            put_picture(site, i + 5 * j, 5000 + 10 * i + j);
        if (i + 1 < GALLERY)
            put(site, "<link rel=next href=\"/gallery/?page=%u\"><a href=\"?page=%u&amp;PHPSESSID=%u\">more</a>", i + 1, i + 1,
                i * 77);
        snprintf(path, sizeof path, i == 0 ? "/gallery/index.html" : "/gallery/page-%u.html", i); /* nginx maps ?page= to it */
        end_page(site, path);
    }
}

/* A page in another encoding and what the server and the page say about it. */
static inline void write_encoded(made_site *site, const char *path, const char *encoding, bool has_mark)
{
    static char out[1 << 16];
    size_t size = 0;
    iconv_t converter = iconv_open(encoding, "UTF-8");
    assert_true(converter != (iconv_t)-1);
    if (has_mark && strcmp(encoding, "UTF-16LE") == 0)
        memcpy(out, "\xff\xfe", size = 2);
    char *from = site->page.data;
    char *to = out + size;
    size_t left = site->page.size;
    size_t room = sizeof out - size;
    assert_true(iconv(converter, &from, &left, &to, &room) != (size_t)-1);
    iconv_close(converter);
    site_write(site, path, (tl_slice){out, sizeof out - room});
}

static inline void make_abroad(made_site *site)
{
    static const struct {
        const char *encoding, *meta, *folder; /* nginx sends a charset for all of a folder: "none", "utf8" (wrong), "right" */
        bool has_mark;
    } ways[] = {{"WINDOWS-1251", "<meta charset=windows-1251>", "none", false},
                {"WINDOWS-1251", "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>", "utf8", false},
                {"SHIFT_JIS", "<META CHARSET='Shift_JIS'>", "none", false},
                {"SHIFT_JIS", "<meta charset=x-sjis>", "utf8", false},
                {"UTF-16LE", "", "none", true},
                {"UTF-16BE", "<meta charset=utf-16>", "none", false},
                {"UTF-16LE", "", "utf8", true},
                {"UTF-8", "<meta charset=iso-8859-1>", "none", false},
                {"UTF-8", "", "none", false},
                {"WINDOWS-1251", "", "right", false},
                {"KOI8-R", "<meta charset=koi8-r>", "none", false},
                {"EUC-JP", "<meta charset=euc-jp>", "none", false}};
    static const char *const russian[] = {"Рыжая лиса спит на бревне в лесу", "Старый барсук ищет еду у реки",
                                          "Серая цапля стоит в холодной воде", "Маленький ёж бежит по снегу"};
    static const char *const japanese[] = {"森の中で赤い狐が眠っている", "川のそばで水を飲む古い狸", "雪の上を走る小さな兎の写真",
                                           "港の壁に座っている灰色の猫"};
    char path[96];
    char caption[256];
    for (unsigned i = 0; i < ABROAD; i++) {
        unsigned way = i % (sizeof ways / sizeof ways[0]);
        bool is_russian =
            strcmp(ways[way].encoding, "WINDOWS-1251") == 0 || strcmp(ways[way].encoding, "KOI8-R") == 0 || way == 7;
        snprintf(caption, sizeof caption, "%s %u", is_russian ? russian[i / 12] : japanese[i / 12], 100 + i);
        tl_string_reset(&site->page);
        site->base = "/abroad/";
        put(site,
            "<!DOCTYPE html><html><head>%s<title>%s</title></head><body><p>%s</p><img src=\"/img/abroad%u.jpg\" "
            "alt=\"%s\"></body></html>",
            ways[way].meta, caption, caption, i, caption);
        snprintf(path, sizeof path, "/img/abroad%u.jpg", i);
        expect_pair(site, path, caption);
        snprintf(path, sizeof path, "/abroad/%s/%u.html", ways[way].folder, i);
        write_encoded(site, path, ways[way].encoding, ways[way].has_mark);
    }
    begin_page(site, "/abroad/", "Abroad", 0);
    for (unsigned i = 0; i < ABROAD; i++)
        put(site, "<a href=\"%s/%u.html\">%u</a>\n", ways[i % (sizeof ways / sizeof ways[0])].folder, i, i);
    end_page(site, "/abroad/index.html");
}

static inline void write_gzip(made_site *site, const char *path, const char *text)
{
    static Bytef out[1 << 18];
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)text;
    stream.avail_in = (uInt)strlen(text);
    stream.next_out = out;
    stream.avail_out = sizeof out;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    site_write(site, path, (tl_slice){(const char *)out, sizeof out - stream.avail_out});
    deflateEnd(&stream);
}

/* Pages that only sitemaps know. */
static inline void make_orphans(made_site *site)
{
    char path[64];
    static char maps[3][16384];
    size_t sizes[3] = {0, 0, 0};
    for (unsigned i = 0; i < ORPHANS; i++) {
        begin_page(site, "/orphans/", "Orphan", i);
        put_picture(site, i, 8000 + i);
        snprintf(path, sizeof path, "/orphans/%u.html", i);
        end_page(site, path);
        unsigned map = i % 3;
        sizes[map] += (size_t)snprintf(maps[map] + sizes[map], sizeof maps[map] - sizes[map], "%shttp://127.0.0.1:%u%s%s",
                                       map == 2 ? "" : "<url><loc>\n ", site->port, path,
                                       map == 2 ? "\n"
                                                : "?a=1&amp;b=2 </loc><image:image><image:loc>http://127.0.0.1/x.jpg</image:loc>"
                                                  "</image:image></url>\n");
    }
    static const char head[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" "
        "xmlns:image=\"http://www.google.com/schemas/sitemap-image/1.1\">\n";
    static char text[32768];
    snprintf(text, sizeof text, "%s%s</urlset>", head, maps[0]);
    write_gzip(site, "/sitemaps/one.xml.gz", text);
    snprintf(text, sizeof text, "%s%s<url><loc>http://127.0.0.1:%u/other-site</loc></url><url><loc>cut of", head, maps[1],
             site->other_port);
    site_text(site, "/sitemaps/two.xml", text);
    site_text(site, "/sitemaps/three.txt", maps[2]);
    tl_string_reset(&site->page);
    append_filled(&site->page,
                  "<sitemapindex><sitemap><loc>http://127.0.0.1:{a}/sitemaps/one.xml.gz</loc></sitemap>"
                  "<sitemap><loc>http://127.0.0.1:{a}/sitemaps/two.xml</loc></sitemap>"
                  "<sitemap><loc>http://127.0.0.1:{a}/sitemaps/gone.xml</loc></sitemap>"
                  "<sitemap><loc>http://127.0.0.1:{a}/sitemaps/index.xml</loc></sitemap></sitemapindex>",
                  (const char *const[4]){decimal(site->port)});
    site_write(site, "/sitemaps/index.xml", tl_string_slice(&site->page));
}

/* One picture with a caption on a page that is asked for, but from which it may not be taken, or which may not be asked for. */
static inline void make_closed_page(made_site *site, const char *path, const char *meta, const char *more)
{
    char caption[256];
    make_caption(site, caption);
    tl_string_reset(&site->page);
    put(site, "<html><head>%s<title>%s</title></head><body><img src=\"/img/closed%u.jpg\" alt=\"%s\">%s</body></html>", meta,
        path, site->captions, escaped(caption), more);
    site_write(site, path, tl_string_slice(&site->page));
}

/* A page whose one pair counts. */
static inline void make_open_page(made_site *site, const char *path, const char *meta, const char *more)
{
    char url[64];
    char caption[256];
    make_caption(site, caption);
    snprintf(url, sizeof url, "/img/open%u.jpg", site->captions);
    tl_string_reset(&site->page);
    put(site, "<html><head>%s<title>%s</title></head><body><img src=\"%s\" alt=\"%s\">%s</body></html>", meta, path, url,
        escaped(caption), more);
    site_write(site, path, tl_string_slice(&site->page));
    expect_pair(site, url, caption);
}

static inline void make_rules(made_site *site)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "# of the Gazette\nUser-agent: otherbot\nDisallow: /\n\nUser-agent: *\nDisallow: /articles/\n\nUser-agent: TwinLens\n"
        "Disallow: /private/\nAllow: /private/open.html\nDisallow: /*.secret$\nDisallow: /*?print=\nCrawl-delay: 0.005\n\n"
        "Sitemap: http://127.0.0.1:%u/sitemaps/index.xml\nSitemap: /sitemaps/three.txt\n",
        site->port);
    site_text(site, "/robots.txt", text);
    make_closed_page(site, "/private/closed.html", "", "");
    make_open_page(site, "/private/open.html", "", "");
    make_closed_page(site, "/forbidden/x.secret", "", "");
    make_closed_page(site, "/rules/noindex.html", "<meta name=robots content=noindex>", "<a href=behind.html>b</a>");
    make_open_page(site, "/rules/behind.html", "", "");
    make_open_page(site, "/rules/nofollow.html", "<meta name=\"Robots\" content=\"NOFOLLOW\">", "<a href=/never/meta.html>n</a>");
    make_closed_page(site, "/rules/noimageindex.html", "<meta name=twinlens content=noimageindex>", "");
    make_closed_page(site, "/rules/noai.html", "<meta name=robots content='noai, noimageai'>", "");
    make_closed_page(site, "/rules/none.html", "<meta name=robots content=none>", "<a href=/never/none.html>n</a>");
    make_open_page(site, "/rules/others.html", "<meta name=otherbot content=none>", "");
    make_closed_page(site, "/tagged/noindex.html", "", ""); /* nginx sends X-Robots-Tag */
    make_closed_page(site, "/never/meta.html", "", "");
    make_closed_page(site, "/never/none.html", "", "");
    make_closed_page(site, "/never/link.html", "", "");
    tl_string_reset(&site->page);
    put(site, "<title>Rules</title>");
    static const char *const links[] = {"/private/closed.html",
                                        "/private/open.html",
                                        "/forbidden/x.secret",
                                        "/articles/0.html?print=1",
                                        "noindex.html",
                                        "nofollow.html",
                                        "noimageindex.html",
                                        "noai.html",
                                        "none.html",
                                        "others.html",
                                        "/tagged/noindex.html"};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        put(site, "<a href=\"%s\">%zu</a> ", links[i], i);
    put(site, "<a rel=\"noopener nofollow\" href=\"/never/link.html\">n</a>");
    site_write(site, "/rules/index.html", tl_string_slice(&site->page));
}

static inline void make_redirects(made_site *site)
{
    make_open_page(site, "/moved/target.html", "", "");
    make_open_page(site, "/moved/refreshed.html", "", "");
    site_text(site, "/moved/refresh.html", "<meta http-equiv=refresh content='0;url=refreshed.html'><title>wait</title>");
    tl_string_reset(&site->page);
    put(site, "<title>Moved</title>");
    static const char *const links[] = {"/go/once",         "/go/twice",    "/go/round",           "/go/away",
                                        "/go/private",      "/go/article",  "/moved/refresh.html", "/moved/missing.html",
                                        "/broken/500",      "/broken/403",  "/slow/page.html",     "/slow/never.html",
                                        "/files/paper.pdf", "/files/plain", "/files/huge.html"};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        put(site, "<a href=\"%s\">%zu</a> ", links[i], i);
    put(site,
        "<a href=\"http://127.0.0.1:%u/other-site.html\">other</a> <a href=\"javascript:go()\">j</a> <a "
        "href=\"mailto:fox@127.0.0.1\">m</a>"
        "<a href=\"ftp://127.0.0.1/\">f</a> <a href=\"http://[broken\">b</a>",
        site->other_port);
    site_write(site, "/moved/index.html", tl_string_slice(&site->page));
    tl_string_reset(&site->page);
    for (unsigned i = 0; i < 400; i++) /* some 12 kB, at 8 kB/s */
        put(site, "<p>line %u of a slow page</p>\n", i);
    tl_string filler = site->page;
    tl_string_init(&site->page, (size_t)1 << 24);
    make_open_page(site, "/slow/page.html", "", filler.data);
    tl_string_clear(&site->page);
    site->page = filler;
    make_closed_page(site, "/slow/never.html", "", "0123456789012345678901234567890123456789012345678901234567890123456789");
    site_text(site, "/files/plain", "just text, though it says <img src=a.jpg alt='a picture in plain text'>");
    tl_string_reset(&site->page);
    while (site->page.size < ((size_t)5 << 20))
        put(site, "<p>%01000u</p>", 0);
    site_write(site, "/files/huge.html", tl_string_slice(&site->page));
    snprintf(site->folder + strlen(site->folder), 8, "-2");
    site_text(site, "/other-site.html", "<a href=/>other</a><img src=/img/x.jpg alt='a picture of another site'>");
    site->folder[strlen(site->folder) - 2] = '\0';
}

/* Pages that nginx makes of any URL: HERE becomes the URL that was asked for. Each leads to more of its kind without an end. */
static const char *const site_traps[] = {"calendar", "shop", "loop", "session", "copies", "words"};
static inline void make_traps(made_site *site)
{
    site_text(site, "/traps/calendar",
              "<title>Events on HERE</title><p>Nothing on HERE.</p><a href='HERE1'>next</a><a href='HERE2'>later</a>");
    site_text(site, "/traps/shop",
              "<title>Shop HERE</title><p>No goods for HERE</p><a href='HERE&amp;colour=1'>c</a><a href='HERE&amp;size=2'>s</a>"
              "<a href='HERE&amp;price=3'>p</a><a href='HERE&amp;sort=4'>s</a>");
    site_text(site, "/traps/loop",
              "<title>Loop HERE</title><p>HERE</p><a href='HEREagain/'>again</a><a href='HEREback/'>back</a>");
    site_text(site, "/traps/session",
              "<title>Shelf</title><p>The only shelf.</p><a href='/session/shelf.html?sid=ID'>a</a>"
              "<a href='/session/shelf.html;jsessionid=ID'>b</a><a href='/session/shelf.html?PHPSESSID=ID&amp;x=1'>c</a>");
    site_text(site, "/traps/copies",
              "<title>Copy</title><p>The same text at every address.</p><a href='HEREa'>a</a><a href='HEREb'>b</a>");
    site_text(site, "/traps/words",
              "<title>All about HERE</title><p>HERE is a word.</p><a href='HEREfox'>f</a><a href='HEREowl'>o</a><a "
              "href='HEREhen'>h</a>");
    begin_page(site, "/", "Home", 0);
    put(site, "<a href=/abroad/>abroad</a><a href=/rules/>rules</a><a href=/moved/>moved</a>"
              "<a href=/calendar/2024/1>events</a><a href='/shop/list?all=1'>shop</a><a href=/loop/>loop</a><a "
              "href=/session/shelf.html>shelf</a>"
              "<a href=/copies/a>copies</a><a href=/words/a>words</a>");
    end_page(site, "/index.html");
}

static inline void make_site(made_site *site, const char *folder, unsigned port, unsigned other_port)
{
    memset(site, 0, sizeof *site);
    snprintf(site->folder, sizeof site->folder, "%s", folder);
    site->port = port;
    site->other_port = other_port;
    tl_string_init(&site->page, (size_t)1 << 24);
    assert_ok(tl_directory_remove(folder, err));
    make_articles(site);
    make_gallery(site);
    make_abroad(site);
    make_orphans(site);
    make_rules(site);
    make_redirects(site);
    make_traps(site);
}

static inline void clear_site(made_site *site)
{
    for (size_t i = 0; i < site->pair_count; i++) {
        tl_memory_free(site->pairs[i].url);
        tl_memory_free(site->pairs[i].caption);
    }
    tl_string_clear(&site->page);
}

#endif
