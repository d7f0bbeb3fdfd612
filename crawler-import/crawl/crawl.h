/*
 * Door of crawling: walks pages from seeds, politely, and writes the pictures on them with what people wrote about them as a list
 * (FOLDER/pairs.jsonl) that importing takes. Everything known lies in FOLDER/crawl.db: stopped or killed, the same call goes on.
 */
#ifndef TL_CRAWLER_IMPORT_CRAWL_CRAWL_H
#define TL_CRAWLER_IMPORT_CRAWL_CRAWL_H

#include "base/core/error.h"
#include "base/core/progress.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is the default of every field. */
typedef struct tl_crawl_options {
    const char *const *seeds; /* URLs of pages; a missing scheme is https */
    size_t seed_count;
    const char *const *sites; /* globs of further hosts to follow links to ("*.example.org"); the seeds' own are always followed,
                                 with and without "www." */
    size_t site_count;
    const char *const *allow; /* globs of URLs: with any, only pages that match one; seeds are always asked for */
    size_t allow_count;
    const char *const *deny; /* globs of URLs that are not asked for */
    size_t deny_count;

    uint64_t maximum_pages; /* in all, over all runs; 0: 10,000 */
    unsigned maximum_depth; /* links from a seed; 0: 20; UINT_MAX: seeds only */
    uint64_t patience;      /* pages of one kind in a row without anything new before that kind is left; 0: 50 */
    bool ignore_sitemaps;
    bool retry_failed; /* pages that failed in a way that may have passed are asked for again */

    double delay_seconds;   /* between the end of a request and the next one to the same host; 0: 1; below 0: none. A greater
                               Crawl-delay of robots.txt wins */
    bool allow_private;     /* addresses that are not of the public net */
    const char *contact;    /* a URL or mail address, told to the servers; or NULL */
    const char *user_agent; /* instead of ours, or NULL */
    double page_seconds;    /* of one request in all; 0: 60 */

    bool takes_nearby;                     /* the text beside a picture that nobody described */
    double wanted_width;                   /* of several sizes of a picture the narrowest that is this wide, in pixels; 0: 1024 */
    double minimum_side;                   /* pictures that a page shows smaller are left out, in pixels; 0: 64 */
    unsigned minimum_words, maximum_words; /* of a caption; 0: 3, 256 */
    uint64_t most_repeats; /* pictures that may have the same caption, and captions that one picture may have; 0: 10 */

    const tl_progress *progress;
} tl_crawl_options;

typedef struct tl_crawl_reason {
    char what[16]; /* "page", "link", "caption" */
    char reason[64];
    uint64_t count;
} tl_crawl_reason;

/* Over all runs on the folder. */
typedef struct tl_crawl_report {
    uint64_t pages;              /* asked for and settled */
    uint64_t good_pages;         /* of these, read */
    uint64_t waiting;            /* known and not asked for yet: the crawl was stopped, or reached its maximum */
    uint64_t pictures, captions; /* in the list */
    tl_crawl_reason reasons[48]; /* why pages were not read, links not followed, captions left out; most frequent first of each */
    size_t reason_count;
} tl_crawl_report;

/*
 * Crawls into folder (made when missing) until nothing waits, a maximum is reached or progress asks to stop; then writes the
 * list. Asked to stop, it writes the list as it stands and fails with TL_ERROR_CANCELLED. The same site, unchanged, gives the
 * same list however often it was stopped or killed, as long as one host is crawled.
 */
bool tl_crawl_run(const char *folder, const tl_crawl_options *options, tl_crawl_report *report, tl_error *err) TL_MUST_USE;
/* The list's path in a folder; a new string owned by the caller. */
char *tl_crawl_list_path(const char *folder, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
