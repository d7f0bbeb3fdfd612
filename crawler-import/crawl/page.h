/* One HTML page: the pictures on it with what people wrote about them, where it leads, and what it asks of robots. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_PAGE_H
#define TL_CRAWLER_IMPORT_CRAWL_PAGE_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

/* Where a caption was written, best first. */
typedef enum tl_caption_kind {
    TL_CAPTION_OF_FIGURE,
    TL_CAPTION_OF_ALT,
    TL_CAPTION_OF_TITLE,
    TL_CAPTION_OF_NEARBY
} tl_caption_kind;
const char *tl_caption_kind_name(tl_caption_kind kind); /* "figcaption", "alt", "title", "nearby" */

typedef struct tl_page_text {
    size_t picture; /* index into pictures */
    tl_caption_kind kind;
    tl_slice text; /* as written, entities resolved; not cleaned, not empty */
} tl_page_text;

/* Zero is the default of every field. */
typedef struct tl_page_options {
    bool takes_nearby;   /* a picture without figcaption, alt and title: the text of its block, or of the next one */
    double wanted_width; /* of several sizes the narrowest that is this wide, in pixels; 0: 1024 */
    double minimum_side; /* pictures that the page shows smaller, in pixels, are no pictures; 0: 64 */
    const char *robot;   /* <meta name=...> that speaks to us beside "robots"; NULL: "twinlens" */
} tl_page_options;

/* Canonical URLs and texts are borrowed from the reader until it reads the next page. */
typedef struct tl_page {
    const char *const *links; /* without those that nofollow; a link may come again */
    size_t link_count;
    const char *const *pictures; /* each once */
    size_t picture_count;
    const tl_page_text *texts; /* in order of their pictures' places in the page is not promised */
    size_t text_count;
    unsigned refusals;     /* TL_REFUSAL_* of <meta name="robots">; TDM-Reservation counts as NOAI */
    uint64_t content_hash; /* of the texts that are seen and of the pictures: soft duplicates have the same; 0: an empty page */
} tl_page;

typedef struct tl_page_reader tl_page_reader;

bool tl_page_reader_create(const tl_page_options *options, tl_page_reader **out, tl_error *err) TL_MUST_USE;
void tl_page_reader_destroy(tl_page_reader *reader);
/* url: canonical, of the page; content_type: the header's value or NULL. Broken markup is no error. */
bool tl_page_read(tl_page_reader *reader, tl_slice bytes, const char *url, const char *content_type, tl_page *out,
                  tl_error *err) TL_MUST_USE;
#endif
