/*
 * Owns what counts as a picture with words. One pass over the parser's events; nothing is kept but links, pictures and texts.
 * What belongs together is known from what is open: a figure (or what WordPress and MediaWiki wrote before there were figures),
 * its caption, a <picture>, a link, a block of text.
 */
#include "crawler-import/crawl/page_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "crawler-import/crawl/charset.h"
#include "crawler-import/crawl/markup.h"
#include "crawler-import/fetch/answer.h"

#include <stdlib.h>
#include <strings.h>

static const double default_wanted_width = 1024;
static const double default_minimum_side = 64;

const char *tl_caption_kind_name(tl_caption_kind kind)
{
    static const char *const names[] = {"figcaption", "alt", "title", "nearby"};
    return names[kind];
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static const char *const hidden_names[] = {"script", "style", "template", "textarea", "select",
                                           "svg",    "math",  "iframe",   "object",   NULL};
static const char *const inline_names[] = {
    "a",     "abbr",   "acronym", "b",      "bdi",    "bdo",   "big",  "cite",     "code",    "data", "del",  "dfn", "em",
    "font",  "i",      "img",     "ins",    "kbd",    "label", "mark", "noscript", "picture", "q",    "ruby", "s",   "samp",
    "small", "source", "span",    "strike", "strong", "sub",   "sup",  "time",     "tt",      "u",    "var",  "wbr", NULL};

bool tl_page__fail(tl_page_reader *reader)
{
    reader->has_failed = true;
    return false;
}

char *tl_page__keep(tl_page_reader *reader, tl_slice text)
{
    return tl_arena_copy_text(reader->arena, text.data != NULL ? text.data : "", text.size, reader->err);
}

/* The blank-free middle of a text. */
static tl_slice trimmed(tl_slice text)
{
    while (text.size != 0 && (unsigned char)text.data[0] <= ' ')
        text = (tl_slice){text.data + 1, text.size - 1};
    while (text.size != 0 && (unsigned char)text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

bool tl_page__add_text(tl_page_reader *reader, size_t picture, tl_caption_kind kind, tl_slice text)
{
    text = trimmed(text);
    if (text.size == 0 || reader->text_count == TL_PAGE_MAX_TEXTS)
        return true;
    if (text.size > TL_PAGE_MAX_TEXT_SIZE)
        text.size = TL_PAGE_MAX_TEXT_SIZE;
    while (text.size != 0 && !tl_text_is_utf8(text, NULL)) /* cut within a character */
        text.size--;
    for (size_t i = 0; i < reader->text_count; i++)
        if (reader->texts[i].picture == picture && tl_slice_equal(reader->texts[i].text, text))
            return true;
    char *kept = tl_page__keep(reader, text);
    if (kept == NULL ||
        !tl_memory_reserve(&reader->texts, &reader->text_capacity, reader->text_count + 1, sizeof *reader->texts, reader->err))
        return tl_page__fail(reader);
    reader->texts[reader->text_count++] = (tl_page_text){picture, kind, {kept, text.size}};
    return true;
}

static bool has_text(const tl_page_reader *reader, size_t picture)
{
    for (size_t i = 0; i < reader->text_count; i++)
        if (reader->texts[i].picture == picture)
            return true;
    return false;
}

/* The end of a block: its text is the caption of the one picture before it when it is called so, or what stands near a picture in
 * it, or right before it, that nobody described. */
static bool end_block(tl_page_reader *reader)
{
    tl_slice text = trimmed(tl_string_slice(&reader->block));
    bool ok = true;
    if (text.size != 0) {
        bool is_one = reader->picture_count - reader->waiting_from == 1;
        size_t picture = reader->waiting_from;
        if (is_one && reader->label_depth != 0 && picture < reader->label_from)
            ok = tl_page__add_text(reader, picture, TL_CAPTION_OF_FIGURE, text);
        else if (reader->options.takes_nearby && is_one && !has_text(reader, picture))
            ok = tl_page__add_text(reader, picture, TL_CAPTION_OF_NEARBY, text);
        reader->waiting_from = reader->picture_count;
    }
    tl_string_reset(&reader->block);
    return ok;
}

/* Appends up to the string's ceiling; what is more is left out. */
static bool append_some(tl_page_reader *reader, tl_string *string, tl_slice text)
{
    size_t room = string->max_size - string->size;
    return tl_string_append(string, text.data, text.size < room ? text.size : room, reader->err) || tl_page__fail(reader);
}

static bool add_link(tl_page_reader *reader, const char *reference)
{
    char url[TL_LINK_SIZE];
    if (reference == NULL || reader->link_count == TL_PAGE_MAX_LINKS ||
        !tl_link_resolve(reader->base, tl_slice_of(reference), url))
        return true;
    char *kept = tl_page__keep(reader, tl_slice_of(url));
    if (kept == NULL ||
        !tl_memory_reserve(&reader->links, &reader->link_capacity, reader->link_count + 1, sizeof *reader->links, reader->err))
        return tl_page__fail(reader);
    reader->links[reader->link_count++] = kept;
    return true;
}

/* True when `word` is one of the words of a text, any case. */
static bool has_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = text; at != NULL && *at != '\0';) {
        at += strspn(at, " \t\r\n\f,;");
        size_t length = strcspn(at, " \t\r\n\f,;");
        if (length == size && strncasecmp(at, word, size) == 0)
            return true;
        at += length;
    }
    return false;
}

static bool on_meta(tl_page_reader *reader, const char *const *attributes)
{
    const char *name = tl_markup_attribute(attributes, "name");
    const char *content = tl_markup_attribute(attributes, "content");
    const char *equivalent = tl_markup_attribute(attributes, "http-equiv");
    if (content == NULL)
        return true;
    const char *robot = reader->options.robot;
    if (name != NULL && (strcasecmp(name, "robots") == 0 || strcasecmp(name, robot) == 0))
        reader->refusals |= tl_answer_refusals(tl_slice_of(content), robot);
    if (name != NULL && strcasecmp(name, "tdm-reservation") == 0 && content[0] == '1')
        reader->refusals |= TL_REFUSAL_NOAI;
    if (equivalent == NULL || strcasecmp(equivalent, "refresh") != 0)
        return true;
    const char *target = content + strcspn(content, ";,");
    target += strspn(target, ";, \t\r\n");
    if (strncasecmp(target, "url", 3) == 0) {
        target += 3 + strspn(target + 3, " \t=");
        size_t quote = strspn(target, "'\"");
        tl_slice url = {target + quote, quote != 0 ? strcspn(target + quote, "'\"") : strlen(target)};
        char *kept = tl_page__keep(reader, url);
        return kept != NULL ? add_link(reader, kept) : tl_page__fail(reader);
    }
    return true;
}

static bool on_base(tl_page_reader *reader, const char *const *attributes)
{
    char url[TL_LINK_SIZE];
    const char *reference = tl_markup_attribute(attributes, "href");
    if (reference == NULL || reader->has_base || !tl_link_resolve(reader->base, tl_slice_of(reference), url))
        return true;
    reader->has_base = true;
    reader->base = tl_page__keep(reader, tl_slice_of(url));
    return reader->base != NULL || tl_page__fail(reader);
}

static bool on_anchor(tl_page_reader *reader, const char *const *attributes)
{
    /* Where scripts that show pictures large look for what to write below. */
    static const char *const texts[] = {"data-caption", "data-title", "data-sub-html", "title", NULL};
    const char *reference = tl_markup_attribute(attributes, "href");
    const char *text = tl_markup_first_attribute(attributes, texts);
    reader->anchor = reader->anchor_text = NULL;
    if (reference == NULL)
        return true;
    reader->anchor_depth = reader->depth;
    reader->anchor = tl_page__keep(reader, tl_slice_of(reference));
    if (reader->anchor == NULL || (text != NULL && (reader->anchor_text = tl_page__keep(reader, tl_slice_of(text))) == NULL))
        return tl_page__fail(reader);
    return has_word(tl_markup_attribute(attributes, "rel"), "nofollow") || add_link(reader, reference);
}

static bool on_link(tl_page_reader *reader, const char *const *attributes)
{
    static const char *const followed[] = {"next", "prev", "canonical", NULL};
    const char *relation = tl_markup_attribute(attributes, "rel");
    for (const char *const *name = followed; *name != NULL; name++)
        if (has_word(relation, *name))
            return add_link(reader, tl_markup_attribute(attributes, "href"));
    return true;
}

static bool is_figure(const char *name, const char *class)
{
    return strcmp(name, "figure") == 0 || has_word(class, "wp-caption") || has_word(class, "thumbinner") ||
           has_word(class, "gallery-item") || has_word(class, "gallerybox");
}

static bool is_caption(const char *name, const char *class)
{
    return strcmp(name, "figcaption") == 0 || has_word(class, "wp-caption-text") || has_word(class, "thumbcaption") ||
           has_word(class, "gallery-caption") || has_word(class, "gallerytext");
}

/* True when a word of the class ends as captions are called. */
static bool is_label(const char *class)
{
    static const char *const endings[] = {"caption", "caption-text", "captiontext", "gallerytext", NULL};
    for (const char *at = class; at != NULL && *at != '\0';) {
        at += strspn(at, " \t\r\n\f");
        size_t length = strcspn(at, " \t\r\n\f");
        for (const char *const *ending = endings; *ending != NULL; ending++) {
            size_t size = strlen(*ending);
            if (length >= size && strncasecmp(at + length - size, *ending, size) == 0)
                return true;
        }
        at += length;
    }
    return false;
}

static bool is_aside(const char *name)
{
    return strcmp(name, "nav") == 0 || strcmp(name, "aside") == 0 || strcmp(name, "footer") == 0;
}

static void open_figure(tl_page_reader *reader)
{
    if (reader->figure_count < TL_PAGE_MAX_FIGURES)
        reader->figures[reader->figure_count++] = (tl_page_figure){.depth = reader->depth, .first_caption = reader->caption.size};
}

/* A figure's caption belongs to its one picture; of several pictures nobody can say which it describes. */
static bool close_figure(tl_page_reader *reader)
{
    tl_page_figure *figure = &reader->figures[--reader->figure_count];
    tl_slice caption = {reader->caption.data + figure->first_caption, reader->caption.size - figure->first_caption};
    bool ok = true;
    if (figure->has_picture && !figure->has_many)
        ok = tl_page__add_text(reader, figure->picture, TL_CAPTION_OF_FIGURE, caption);
    reader->caption.size = figure->first_caption;
    reader->closed = *figure;
    reader->closed.has_many = figure->has_many || caption.size != 0;
    return ok;
}

/* A caption outside of any figure belongs to the one before it, when that has none and no picture came in between: wrong nesting
 * (<b><figure></b>) closes figures too early. */
static bool reopen_figure(tl_page_reader *reader)
{
    bool is_orphan = reader->figure_count == 0 && reader->closed.has_picture && !reader->closed.has_many &&
                     reader->closed.picture + 1 == reader->picture_count;
    if (!is_orphan)
        return false;
    open_figure(reader);
    reader->figures[0].has_picture = true;
    reader->figures[0].picture = reader->closed.picture;
    return true;
}

static bool start_by_name(tl_page_reader *reader, const char *name, const char *const *attributes)
{
    if (strcmp(name, "img") == 0 || strcmp(name, "amp-img") == 0)
        return tl_page__on_picture(reader, attributes);
    if (strcmp(name, "a") == 0)
        return on_anchor(reader, attributes);
    if (strcmp(name, "source") == 0)
        return tl_page__on_source(reader, attributes);
    if (strcmp(name, "area") == 0)
        return has_word(tl_markup_attribute(attributes, "rel"), "nofollow") ||
               add_link(reader, tl_markup_attribute(attributes, "href"));
    if (strcmp(name, "meta") == 0)
        return on_meta(reader, attributes);
    if (strcmp(name, "base") == 0)
        return on_base(reader, attributes);
    if (strcmp(name, "link") == 0)
        return on_link(reader, attributes);
    if (strcmp(name, "iframe") == 0 || strcmp(name, "frame") == 0)
        return add_link(reader, tl_markup_attribute(attributes, "src"));
    if (strcmp(name, "picture") == 0) {
        reader->picture_depth = reader->depth;
        reader->best = (tl_srcset_best){0};
    } else if (strcmp(name, "noscript") == 0 && reader->noscript_depth == 0) {
        reader->noscript_depth = reader->depth;
    } else if (strcmp(name, "title") == 0) {
        reader->title_depth = reader->depth;
    } else if (is_aside(name) && reader->aside_depth == 0) {
        reader->aside_depth = reader->depth;
    }
    return tl_page__on_background(reader, attributes);
}

static bool on_start(void *context, const char *name, const char *const *attributes)
{
    tl_page_reader *reader = context;
    reader->depth++;
    if (reader->hidden_depth != 0)
        return true;
    bool is_block = !is_one_of(name, inline_names);
    if (is_block && !end_block(reader))
        return false;
    if ((is_block || strcmp(name, "img") == 0) && !append_some(reader, &reader->seen, (tl_slice){" ", 1}))
        return false;
    if (!start_by_name(reader, name, attributes))
        return false;
    if (is_one_of(name, hidden_names)) {
        reader->hidden_depth = reader->depth;
        return true;
    }
    const char *class = tl_markup_attribute(attributes, "class");
    if (is_figure(name, class))
        open_figure(reader);
    if (reader->caption_depth == 0 && is_caption(name, class) && (reader->figure_count != 0 || reopen_figure(reader)))
        reader->caption_depth = reader->depth;
    if (reader->caption_depth == 0 && reader->label_depth == 0 && is_label(class)) {
        if (!is_block && !end_block(reader))
            return false;
        reader->label_depth = reader->depth;
        reader->label_from = reader->picture_count;
    }
    return !is_block || reader->caption_depth == 0 || append_some(reader, &reader->caption, (tl_slice){" ", 1});
}

static bool on_end(void *context, const char *name)
{
    tl_page_reader *reader = context;
    size_t depth = reader->depth--;
    if (reader->hidden_depth != 0) {
        if (reader->hidden_depth == depth)
            reader->hidden_depth = 0;
        return true;
    }
    bool is_block = !is_one_of(name, inline_names);
    if ((is_block || reader->label_depth == depth) && !end_block(reader))
        return false;
    size_t *const depths[] = {&reader->caption_depth, &reader->noscript_depth, &reader->picture_depth,
                              &reader->title_depth,   &reader->label_depth,    &reader->aside_depth};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        if (*depths[i] == depth)
            *depths[i] = 0;
    if (reader->anchor != NULL && reader->anchor_depth == depth)
        reader->anchor = NULL;
    if (reader->figure_count != 0 && reader->figures[reader->figure_count - 1].depth == depth && !close_figure(reader))
        return false;
    return !is_block || append_some(reader, &reader->seen, (tl_slice){" ", 1});
}

static bool on_text(void *context, tl_slice text)
{
    tl_page_reader *reader = context;
    bool is_permalink = tl_slice_equal(text, tl_slice_of("\xc2\xb6")); /* a pilcrow to click on, behind headings and captions */
    if (reader->hidden_depth != 0 || reader->noscript_depth != 0 || is_permalink)
        return true;
    if (reader->caption_depth != 0 && !append_some(reader, &reader->caption, text))
        return false;
    return append_some(reader, &reader->seen, text) && (reader->title_depth != 0 || append_some(reader, &reader->block, text));
}

bool tl_page_reader_create(const tl_page_options *options, tl_page_reader **out, tl_error *err)
{
    tl_page_reader *reader = tl_memory_allocate(1, sizeof *reader, err);
    if (reader == NULL)
        return false;
    if (options != NULL)
        reader->options = *options;
    if (reader->options.wanted_width <= 0)
        reader->options.wanted_width = default_wanted_width;
    if (reader->options.minimum_side <= 0)
        reader->options.minimum_side = default_minimum_side;
    if (reader->options.robot == NULL)
        reader->options.robot = "twinlens";
    tl_string_init(&reader->markup, TL_PAGE_MAX_MARKUP);
    tl_string_init(&reader->caption, TL_PAGE_MAX_TEXT_SIZE * 4);
    tl_string_init(&reader->block, TL_PAGE_MAX_TEXT_SIZE);
    tl_string_init(&reader->seen, TL_PAGE_MAX_SEEN);
    if (!tl_arena_create(1 << 18, &reader->arena, err)) {
        tl_page_reader_destroy(reader);
        return false;
    }
    *out = reader;
    return true;
}

void tl_page_reader_destroy(tl_page_reader *reader)
{
    if (reader == NULL)
        return;
    tl_string_clear(&reader->markup);
    tl_string_clear(&reader->caption);
    tl_string_clear(&reader->block);
    tl_string_clear(&reader->seen);
    tl_arena_destroy(reader->arena);
    tl_memory_free(reader->links);
    tl_memory_free(reader->pictures);
    tl_memory_free(reader->texts);
    tl_memory_free(reader);
}

/* White space differs where nothing else does. */
static uint64_t hash_of_seen(tl_page_reader *reader)
{
    tl_string *seen = &reader->seen;
    size_t size = 0;
    for (size_t i = 0; i < seen->size; i++)
        if ((unsigned char)seen->data[i] > ' ')
            seen->data[size++] = seen->data[i];
    uint64_t hash = size != 0 ? tl_hash64(seen->data, size) : 0;
    for (size_t i = 0; i < reader->picture_count; i++) {
        uint64_t pair[2] = {hash, tl_hash64(reader->pictures[i], strlen(reader->pictures[i]))};
        hash = tl_hash64(pair, sizeof pair);
    }
    return hash;
}

static void begin_page(tl_page_reader *reader, const char *url, tl_error *err)
{
    tl_arena_reset(reader->arena);
    tl_string_reset(&reader->markup);
    tl_string_reset(&reader->caption);
    tl_string_reset(&reader->block);
    tl_string_reset(&reader->seen);
    reader->link_count = reader->picture_count = reader->text_count = 0;
    reader->depth = reader->hidden_depth = reader->noscript_depth = reader->caption_depth = 0;
    reader->picture_depth = reader->title_depth = reader->anchor_depth = reader->label_depth = reader->aside_depth = 0;
    reader->figure_count = reader->waiting_from = 0;
    reader->closed = (tl_page_figure){0};
    reader->anchor = reader->anchor_text = reader->last_alt = NULL;
    reader->base = url;
    reader->refusals = 0;
    reader->has_base = reader->has_failed = false;
    reader->err = err;
}

bool tl_page_read(tl_page_reader *reader, tl_slice bytes, const char *url, const char *content_type, tl_page *out, tl_error *err)
{
    const tl_markup_handler handler = {reader, on_start, on_end, on_text};
    begin_page(reader, url, err);
    if (bytes.size > TL_PAGE_MAX_MARKUP / 4)
        bytes.size = TL_PAGE_MAX_MARKUP / 4;
    if (!tl_charset_append_utf8(bytes, content_type, &reader->markup, err) ||
        !tl_markup_read_html(&reader->markup, &handler, err) || reader->has_failed)
        return false;
    while (reader->figure_count != 0) /* where the reading ended early */
        if (!close_figure(reader))
            return false;
    *out = (tl_page){.links = reader->links,
                     .link_count = reader->link_count,
                     .pictures = reader->pictures,
                     .picture_count = reader->picture_count,
                     .texts = reader->texts,
                     .text_count = reader->text_count,
                     .refusals = reader->refusals,
                     .content_hash = hash_of_seen(reader)};
    return true;
}
