/* The reader of a page, between the files that make it: page.c (what is open), page_picture.c (which picture an <img> means). */
#ifndef TL_CRAWLER_IMPORT_CRAWL_PAGE_INTERNAL_H
#define TL_CRAWLER_IMPORT_CRAWL_PAGE_INTERNAL_H

#include "base/core/arena.h"
#include "base/core/string.h"
#include "crawler-import/crawl/link.h"
#include "crawler-import/crawl/page.h"
#include "crawler-import/crawl/srcset.h"

#define TL_PAGE_MAX_MARKUP ((size_t)32 << 20) /* bytes of UTF-8 */
#define TL_PAGE_MAX_SEEN ((size_t)4 << 20)
#define TL_PAGE_MAX_LINKS ((size_t)10000)
#define TL_PAGE_MAX_PICTURES ((size_t)2000)
#define TL_PAGE_MAX_TEXTS ((size_t)4000)
#define TL_PAGE_MAX_TEXT_SIZE ((size_t)8192)
#define TL_PAGE_MAX_FIGURES 16

typedef struct tl_page_figure {
    size_t depth;
    size_t first_caption; /* where its caption begins in tl_page_reader.caption */
    size_t picture;       /* its first one, when has_picture */
    bool has_picture, has_many;
} tl_page_figure;

struct tl_page_reader {
    tl_page_options options;
    tl_arena *arena;
    tl_string markup;
    tl_string caption; /* of the open figures, one after the other */
    tl_string block;   /* text since the last boundary of a block */
    tl_string seen;    /* all text that is shown, for the content hash */
    const char **links;
    size_t link_count, link_capacity;
    const char **pictures;
    size_t picture_count, picture_capacity;
    tl_page_text *texts;
    size_t text_count, text_capacity;
    /* Depths of what is open, from 1 on; 0: it is not. A label is what is called a caption and stands in no figure; what is aside
     * is no part of what the page is about. */
    size_t depth, hidden_depth, noscript_depth, caption_depth, picture_depth, title_depth, anchor_depth, label_depth, aside_depth;
    size_t label_from; /* pictures before the label */
    tl_page_figure figures[TL_PAGE_MAX_FIGURES];
    size_t figure_count;
    tl_page_figure closed;   /* the last one that was; has_many also when it had a caption */
    size_t waiting_from;     /* pictures from here on had no text after them yet */
    tl_srcset_best best;     /* of the open <picture> */
    const char *anchor;      /* where the open link leads, as written; or NULL */
    const char *anchor_text; /* what its attributes say of it, or NULL */
    const char *base;        /* canonical */
    const char *last_alt;    /* of the picture before, or NULL */
    unsigned refusals;
    bool has_base, has_failed;
    tl_error *err;
};

bool tl_page__on_picture(tl_page_reader *reader, const char *const *attributes);
/* An element that is shown as a picture: role="img", a background, and a label for those who do not see it. */
bool tl_page__on_background(tl_page_reader *reader, const char *const *attributes);
bool tl_page__on_source(tl_page_reader *reader, const char *const *attributes);
bool tl_page__add_text(tl_page_reader *reader, size_t picture, tl_caption_kind kind, tl_slice text);
/* A copy that lives as long as the page; NULL: no memory. */
char *tl_page__keep(tl_page_reader *reader, tl_slice text);
/* Ends the reading with the error that was written; returns false. */
bool tl_page__fail(tl_page_reader *reader);

#endif
