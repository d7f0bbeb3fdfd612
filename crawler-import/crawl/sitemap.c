/* Owns sitemaps: <urlset> and <sitemapindex> by their <loc>, text with a URL a line, RSS and Atom feeds are none. */
#include "crawler-import/crawl/sitemap.h"

#include "crawler-import/crawl/charset.h"
#include "crawler-import/crawl/link.h"
#include "crawler-import/crawl/markup.h"

#include <stdint.h>
#include <zlib.h>

enum { PIECE_SIZE = 65536, GZIP_WINDOW = 15 + 16 };

typedef struct reading {
    tl_sitemap_visit *visit;
    void *context;
    tl_error *err;
    tl_string url;
    size_t count;
    size_t depth;
    size_t entry_depth; /* of the open <url> or <sitemap>; 0: none */
    bool is_sitemap;    /* that it is <sitemap> */
    bool is_in_place;   /* within its <loc> (not within one of an image or video) */
    bool has_failed;
} reading;

static bool hand_out(reading *self, tl_slice url, bool is_sitemap)
{
    if (self->count++ == TL_SITEMAP_MAX_URLS)
        return false;
    self->has_failed = !self->visit(self->context, url, is_sitemap, self->err);
    return !self->has_failed;
}

static bool on_start(void *context, const char *name, const char *const *attributes)
{
    reading *self = context;
    (void)attributes;
    self->depth++;
    bool is_sitemap = strcmp(name, "sitemap") == 0;
    if (self->depth == 2 && (is_sitemap || strcmp(name, "url") == 0)) {
        self->entry_depth = self->depth;
        self->is_sitemap = is_sitemap;
    }
    self->is_in_place = self->entry_depth != 0 && self->depth == self->entry_depth + 1 && strcmp(name, "loc") == 0;
    if (self->is_in_place)
        tl_string_reset(&self->url);
    return true;
}

static bool on_end(void *context, const char *name)
{
    reading *self = context;
    (void)name;
    bool ok = true;
    if (self->is_in_place && self->depth == self->entry_depth + 1)
        ok = hand_out(self, tl_string_slice(&self->url), self->is_sitemap);
    self->is_in_place = false;
    if (self->depth == self->entry_depth)
        self->entry_depth = 0;
    if (self->depth != 0)
        self->depth--;
    return ok;
}

static bool on_text(void *context, tl_slice text)
{
    reading *self = context;
    if (!self->is_in_place || text.size > self->url.max_size - self->url.size)
        return true;
    self->has_failed = !tl_string_append(&self->url, text.data, text.size, self->err);
    return !self->has_failed;
}

/* As much as there is and fits. */
static bool inflate_all(tl_slice bytes, tl_string *out, tl_error *err)
{
    z_stream stream = {0};
    Bytef piece[PIECE_SIZE];
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "no memory to inflate");
    stream.next_in = (Bytef *)(uintptr_t)bytes.data; /* zlib's type; it does not write there */
    stream.avail_in = (uInt)bytes.size;
    bool ok = true;
    for (int state = Z_OK; ok && state == Z_OK;) {
        stream.next_out = piece;
        stream.avail_out = sizeof piece;
        state = inflate(&stream, Z_NO_FLUSH);
        size_t got = sizeof piece - stream.avail_out;
        size_t room = out->max_size - out->size;
        if (got == 0 && state == Z_OK)
            break;
        ok = tl_string_append(out, (const char *)piece, got < room ? got : room, err);
        if (got > room)
            break;
    }
    inflateEnd(&stream);
    return ok;
}

static bool is_markup(tl_slice text)
{
    size_t at = 0;
    while (at < text.size && (unsigned char)text.data[at] <= ' ')
        at++;
    return at < text.size && text.data[at] == '<';
}

static bool read_lines(reading *self, tl_slice text)
{
    for (size_t at = 0, end; at < text.size; at = end + 1) {
        const char *found = memchr(text.data + at, '\n', text.size - at);
        end = found != NULL ? (size_t)(found - text.data) : text.size;
        tl_slice line = {text.data + at, end - at};
        if (line.size > 7 && memcmp(line.data, "http", 4) == 0 && !hand_out(self, line, false))
            return !self->has_failed;
    }
    return true;
}

bool tl_sitemap_read(tl_slice bytes, tl_sitemap_visit *visit, void *context, tl_error *err)
{
    reading self = {.visit = visit, .context = context, .err = err};
    tl_string inflated;
    tl_string text;
    tl_string_init(&self.url, TL_LINK_SIZE);
    tl_string_init(&inflated, TL_SITEMAP_MAX_SIZE);
    tl_string_init(&text, 3 * TL_SITEMAP_MAX_SIZE);
    bool ok = false;
    if (bytes.size > TL_SITEMAP_MAX_SIZE)
        bytes.size = TL_SITEMAP_MAX_SIZE;
    if (bytes.size > 2 && (unsigned char)bytes.data[0] == 0x1f && (unsigned char)bytes.data[1] == 0x8b) {
        if (!inflate_all(bytes, &inflated, err))
            goto done;
        bytes = tl_string_slice(&inflated);
    }
    if (!tl_charset_append_utf8(bytes, NULL, &text, err))
        goto done;
    const tl_markup_handler handler = {&self, on_start, on_end, on_text};
    if (is_markup(tl_string_slice(&text)))
        ok = tl_markup_read_xml(&text, &handler, err) && !self.has_failed;
    else
        ok = read_lines(&self, tl_string_slice(&text));
done:
    tl_string_clear(&self.url);
    tl_string_clear(&inflated);
    tl_string_clear(&text);
    return ok;
}
