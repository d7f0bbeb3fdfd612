/* Owns which file an <img> stands for: srcset and <picture> by size, attributes of lazy loaders before placeholders, a larger one
 * that it links to. */
#include "crawler-import/crawl/page_internal.h"

#include "base/core/memory.h"
#include "crawler-import/crawl/markup.h"

#include <stdlib.h>
#include <strings.h>

/* What scripts put into src and srcset when the picture scrolls into view. */
static const char *const lazy_srcsets[] = {"data-srcset", "data-lazy-srcset", "data-src-set", NULL};
static const char *const lazy_sources[] = {"data-src",      "data-lazy-src", "data-original", "data-lazy", "data-hi-res-src",
                                           "data-full-src", "data-img-src",  "data-image",    "data-url",  NULL};

static bool begins(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

/* Pixels of a width or height attribute; 0: not stated, or not in pixels. */
static double pixels_of(const char *text)
{
    if (text == NULL)
        return 0;
    char *end;
    double value = strtod(text, &end);
    return end != text && (*end == '\0' || begins(end, "px")) && value >= 0 && value < 1e6 ? value : 0;
}

/* The last dot of the path and on: ".jpg"; empty when there is none. */
static tl_slice extension_of(const char *url)
{
    size_t end = strcspn(url, "?#");
    for (size_t at = end; at != 0 && url[at - 1] != '/'; at--)
        if (url[at - 1] == '.')
            return (tl_slice){url + at - 1, end - at + 1};
    return (tl_slice){NULL, 0};
}

static bool has_extension(const char *url, const char *const *extensions)
{
    tl_slice found = extension_of(url);
    for (; *extensions != NULL; extensions++)
        if (found.size == strlen(*extensions) && strncasecmp(found.data, *extensions, found.size) == 0)
            return true;
    return false;
}

static const char *const photo_extensions[] = {".jpg", ".jpeg", ".png", ".webp", NULL};
static const char *const drawing_extensions[] = {".svg", ".ico", ".cur", ".avif", ".jxl", ".heic", ".mp4", ".webm", NULL};

/* A candidate that can be asked for and decoded. */
static bool is_usable(const char *reference)
{
    return reference != NULL && reference[0] != '\0' && !begins(reference, "data:") && !begins(reference, "blob:") &&
           !begins(reference, "about:") && strchr(reference, '{') == NULL && !has_extension(reference, drawing_extensions);
}

static bool offer(tl_page_reader *reader, tl_srcset_best *best, const char *srcset, double shown_width)
{
    if (srcset == NULL)
        return true;
    const char *kept = tl_page__keep(reader, tl_slice_of(srcset));
    if (kept == NULL)
        return tl_page__fail(reader);
    tl_srcset_best found = {0};
    tl_srcset_offer(&found, tl_slice_of(kept), reader->options.wanted_width, shown_width);
    char *url = tl_page__keep(reader, found.url);
    if (url == NULL)
        return tl_page__fail(reader);
    if (!is_usable(url))
        return true;
    double wanted = reader->options.wanted_width;
    bool is_better = best->width >= wanted ? found.width >= wanted && found.width < best->width : found.width > best->width;
    if (best->url.size == 0 || is_better)
        *best = (tl_srcset_best){tl_slice_of(url), found.width};
    return true;
}

bool tl_page__on_source(tl_page_reader *reader, const char *const *attributes)
{
    static const char *const decoded[] = {"image/jpeg", "image/png", "image/webp", "image/gif", NULL};
    const char *type = tl_markup_attribute(attributes, "type");
    bool is_decoded = type == NULL || type[0] == '\0';
    for (const char *const *name = decoded; *name != NULL && !is_decoded; name++)
        is_decoded = begins(type, *name);
    if (reader->picture_depth == 0 || !is_decoded)
        return true;
    double shown = pixels_of(tl_markup_attribute(attributes, "width"));
    const char *lazy = tl_markup_first_attribute(attributes, lazy_srcsets);
    return offer(reader, &reader->best, lazy != NULL ? lazy : tl_markup_attribute(attributes, "srcset"), shown);
}

/* A file and not the page about it ("/wiki/File:fox.jpg"). */
static bool is_photo(const char *reference)
{
    const char *name = reference != NULL ? strrchr(reference, '/') : NULL;
    return is_usable(reference) && has_extension(reference, photo_extensions) && (name == NULL || strchr(name, ':') == NULL);
}

/* The reference that the element means, or NULL. */
static bool choose(tl_page_reader *reader, const char *const *attributes, double shown_width, const char **reference)
{
    tl_srcset_best best = reader->picture_depth != 0 ? reader->best : (tl_srcset_best){0};
    const char *lazy = tl_markup_first_attribute(attributes, lazy_sources);
    const char *source = tl_markup_attribute(attributes, "src");
    if (!offer(reader, &best, tl_markup_first_attribute(attributes, lazy_srcsets), shown_width) ||
        !offer(reader, &best, tl_markup_attribute(attributes, "srcset"), shown_width))
        return false;
    *reference = NULL;
    if (best.url.size != 0)
        *reference = best.url.data; /* kept with a NUL */
    else if (is_photo(reader->anchor))
        *reference = reader->anchor;
    else if (is_usable(lazy))
        *reference = lazy;
    else if (is_usable(source))
        *reference = source;
    return true;
}

/* The place of the picture in the list, added when it is new. */
static bool place_of(tl_page_reader *reader, const char *url, size_t *place)
{
    for (*place = 0; *place < reader->picture_count; ++*place)
        if (strcmp(reader->pictures[*place], url) == 0)
            return true;
    char *kept = tl_page__keep(reader, tl_slice_of(url));
    if (kept == NULL || !tl_memory_reserve(&reader->pictures, &reader->picture_capacity, reader->picture_count + 1,
                                           sizeof *reader->pictures, reader->err))
        return tl_page__fail(reader);
    reader->pictures[reader->picture_count++] = kept;
    return true;
}

static void show_to_figure(tl_page_reader *reader, size_t picture)
{
    if (reader->figure_count == 0)
        return;
    tl_page_figure *figure = &reader->figures[reader->figure_count - 1];
    if (figure->has_picture && figure->picture != picture)
        figure->has_many = true;
    if (!figure->has_picture)
        figure->picture = picture;
    figure->has_picture = true;
}

/* The picture that a reference means has been met: *picture is its place. False when the page is not to go on; *is_taken: it
 * counts. */
static bool take(tl_page_reader *reader, const char *reference, size_t *picture, bool *is_taken)
{
    char url[TL_LINK_SIZE];
    *is_taken = reference != NULL && reader->picture_count < TL_PAGE_MAX_PICTURES &&
                (reader->aside_depth == 0 || reader->figure_count != 0) &&
                tl_link_resolve(reader->base, tl_slice_of(reference), url);
    if (!*is_taken)
        return true;
    if (!place_of(reader, url, picture))
        return false;
    show_to_figure(reader, *picture);
    return true;
}

static bool is_too_small(const tl_page_reader *reader, double width, double height)
{
    double least = reader->options.minimum_side;
    return (width > 0 && width < least) || (height > 0 && height < least);
}

bool tl_page__on_picture(tl_page_reader *reader, const char *const *attributes)
{
    static const char *const alternatives[] = {"alt", "aria-label", NULL};
    const char *reference;
    size_t picture;
    bool is_taken;
    double width = pixels_of(tl_markup_attribute(attributes, "width"));
    double height = pixels_of(tl_markup_attribute(attributes, "height"));
    const char *alt = tl_markup_first_attribute(attributes, alternatives);
    /* What stands there for those without scripts is the picture before it once more, in one size. */
    bool is_again = reader->noscript_depth != 0 && reader->picture_count != 0 && alt != NULL && reader->last_alt != NULL &&
                    strcmp(alt, reader->last_alt) == 0;
    if (is_too_small(reader, width, height))
        return true;
    if (!choose(reader, attributes, width, &reference))
        return false;
    if (is_again || !take(reader, reference, &picture, &is_taken) || !is_taken)
        return !reader->has_failed;
    reader->last_alt = NULL;
    if (alt != NULL && (reader->last_alt = tl_page__keep(reader, tl_slice_of(alt))) == NULL)
        return tl_page__fail(reader);
    const char *link_text = is_photo(reader->anchor) ? reader->anchor_text : NULL;
    return tl_page__add_text(reader, picture, TL_CAPTION_OF_ALT, tl_slice_of(alt)) &&
           tl_page__add_text(reader, picture, TL_CAPTION_OF_TITLE, tl_slice_of(tl_markup_attribute(attributes, "title"))) &&
           tl_page__add_text(reader, picture, TL_CAPTION_OF_TITLE, tl_slice_of(link_text));
}

/* What is between the brackets of the first url() of a style; data NULL: there is none. */
static tl_slice url_of_style(const char *style)
{
    const char *start = style != NULL ? strstr(style, "url(") : NULL;
    if (start == NULL)
        return (tl_slice){NULL, 0};
    start += 4 + strspn(start + 4, " \t\r\n\"'");
    return (tl_slice){start, strcspn(start, "\"')")};
}

bool tl_page__on_background(tl_page_reader *reader, const char *const *attributes)
{
    const char *role = tl_markup_attribute(attributes, "role");
    const char *label = tl_markup_attribute(attributes, "aria-label");
    tl_slice url = url_of_style(tl_markup_attribute(attributes, "style"));
    size_t picture;
    bool is_taken;
    if (role == NULL || strcmp(role, "img") != 0 || label == NULL || url.data == NULL)
        return true;
    const char *reference = tl_page__keep(reader, url);
    if (reference == NULL)
        return tl_page__fail(reader);
    if (!is_usable(reference))
        return true;
    return take(reader, reference, &picture, &is_taken) &&
           (!is_taken || tl_page__add_text(reader, picture, TL_CAPTION_OF_ALT, tl_slice_of(label)));
}
