/* The list that a crawl ends with: pictures and captions that hold for the whole of what was crawled. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_PAIR_LIST_H
#define TL_CRAWLER_IMPORT_CRAWL_PAIR_LIST_H

#include "crawler-import/crawl/caption_cleaning.h"
#include "crawler-import/crawl/frontier.h"

/* Zero is the default of every field. */
typedef struct tl_pair_list_options {
    tl_caption_limits limits;
    uint64_t most_repeats; /* pictures that may have the same caption, and captions that one picture may have; 0: 10 */
} tl_pair_list_options;

typedef struct tl_pair_list_report {
    uint64_t pictures, captions; /* written */
    uint64_t repeated;           /* pairs left out: a caption of too many pictures, or a picture of too many captions */
    uint64_t furniture;          /* pairs left out: the picture is on more pages than that and on a fifth of all */
    uint64_t emptied;            /* pairs left out: nothing remained without the end that the site writes everywhere */
} tl_pair_list_report;

/*
 * Replaces path by one JSON object a line, in the order in which pictures were found: url, caption (the best), captions (all,
 * best first), page (where the best was found), kind (figcaption, alt, title, nearby).
 */
bool tl_pair_list_write(tl_frontier *frontier, const char *path, const tl_pair_list_options *options, tl_pair_list_report *report,
                        tl_error *err) TL_MUST_USE;

#endif
