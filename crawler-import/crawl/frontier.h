/*
 * The frontier of a crawl (crawl.db): pages seen and still to be asked for, what was found on them, and the counts that bound
 * traps. What one page changes is one transaction, so that a crawl killed anywhere goes on as if it had not asked for the page.
 */
#ifndef TL_CRAWLER_IMPORT_CRAWL_FRONTIER_H
#define TL_CRAWLER_IMPORT_CRAWL_FRONTIER_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "crawler-import/crawl/link.h"
#include "crawler-import/crawl/page.h"

#include <stdint.h>

typedef struct tl_frontier tl_frontier;

typedef enum tl_frontier_kind { TL_FRONTIER_PAGE, TL_FRONTIER_SITEMAP } tl_frontier_kind;

typedef struct tl_frontier_page {
    int64_t id, host_id;
    tl_frontier_kind kind;
    unsigned depth;         /* links from a seed */
    char url[TL_LINK_SIZE]; /* canonical */
} tl_frontier_page;

typedef struct tl_frontier_totals {
    uint64_t pages;      /* settled, good or not, sitemaps left out */
    uint64_t good_pages; /* read */
    uint64_t waiting;
    uint64_t pictures; /* with a caption that passed the cleaning */
    uint64_t pairs;
} tl_frontier_totals;

/* folder exists. */
bool tl_frontier_open(const char *folder, tl_frontier **out, tl_error *err) TL_MUST_USE;
void tl_frontier_close(tl_frontier *frontier); /* rolls an open transaction back */
bool tl_frontier_begin(tl_frontier *frontier, tl_error *err) TL_MUST_USE;
bool tl_frontier_commit(tl_frontier *frontier, tl_error *err) TL_MUST_USE;

/* Adds a URL unless it is known, in whatever state. A known one that waits at a greater depth moves up. *is_new may be NULL. */
bool tl_frontier_add(tl_frontier *frontier, tl_frontier_kind kind, const char *url, unsigned depth, bool *is_new,
                     tl_error *err) TL_MUST_USE;
/* The first host with an id of at least `from` that has something waiting. */
bool tl_frontier_next_host(tl_frontier *frontier, int64_t from, int64_t *host_id, bool *found, tl_error *err) TL_MUST_USE;
/* The page of the host to ask for next: sitemaps first, then the least depth, then the first found. */
bool tl_frontier_next(tl_frontier *frontier, int64_t host_id, tl_frontier_page *out, bool *found, tl_error *err) TL_MUST_USE;
/* True once for each host: whose robots.txt has not been asked for sitemaps yet. */
bool tl_frontier_take_sitemaps(tl_frontier *frontier, int64_t host_id, bool *is_first, tl_error *err) TL_MUST_USE;
/* Done with a page. reason: NULL when it was read; is_for_later: that it may be had another day. */
bool tl_frontier_settle(tl_frontier *frontier, int64_t page_id, const char *reason, bool is_for_later, tl_error *err) TL_MUST_USE;
/* A page that is not asked for after all; it does not count as one. */
bool tl_frontier_forget(tl_frontier *frontier, int64_t page_id, tl_error *err) TL_MUST_USE;
/* Pages that failed for later, and those forgotten, wait again. */
bool tl_frontier_retry(tl_frontier *frontier, tl_error *err) TL_MUST_USE;

/* True when a page with this content was read before; else it is from now on. */
bool tl_frontier_add_content(tl_frontier *frontier, uint64_t content_hash, bool *is_copy, tl_error *err) TL_MUST_USE;
/* Pages of this kind that were read in a row without anything new. */
bool tl_frontier_barren(tl_frontier *frontier, int64_t shape, uint64_t *count, tl_error *err) TL_MUST_USE;
bool tl_frontier_note(tl_frontier *frontier, int64_t shape, bool has_yielded, tl_error *err) TL_MUST_USE;
/* A cleaned caption of a picture; *is_new: the pair was not known. */
bool tl_frontier_add_pair(tl_frontier *frontier, const char *picture_url, tl_caption_kind kind, tl_slice caption, int64_t page_id,
                          bool *is_new, tl_error *err) TL_MUST_USE;
/* Counts one more page that shows a picture; one without any pair is not counted. */
bool tl_frontier_count_shown(tl_frontier *frontier, const char *picture_url, tl_error *err) TL_MUST_USE;
/* Counts a caption or link that was left out. */
bool tl_frontier_count(tl_frontier *frontier, const char *what, const char *reason, tl_error *err) TL_MUST_USE;

bool tl_frontier_total(tl_frontier *frontier, tl_frontier_totals *out, tl_error *err) TL_MUST_USE;
/* what: "page" (settled with a reason), "caption", "link": each reason and how often, most frequent first. */
bool tl_frontier_each_reason(tl_frontier *frontier, const char *what,
                             bool (*visit)(void *context, const char *reason, uint64_t count), void *context,
                             tl_error *err) TL_MUST_USE;

#endif
