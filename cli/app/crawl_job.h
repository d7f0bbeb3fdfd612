/* Crawling as the command asks for it: a thin face over crawler-import's door. */
#ifndef TL_CLI_APP_CRAWL_JOB_H
#define TL_CLI_APP_CRAWL_JOB_H

#include "base/core/progress.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_crawl_job {
    const char *const *seeds;
    size_t seed_count;
    const char *dataset;
    const char *const *sites;
    size_t site_count;
    const char *const *allow;
    size_t allow_count;
    const char *const *deny;
    size_t deny_count;
    uint64_t maximum_pages;
    unsigned maximum_depth; /* links from a seed; 0: seeds only */
    uint64_t patience;
    bool ignore_sitemaps, retry_failed;
    double delay_seconds;
    bool allow_private;
    const char *contact, *user_agent; /* or NULL */
    bool takes_nearby;
    double wanted_width;
    unsigned minimum_words, maximum_words;
    const tl_progress *progress;
} tl_crawl_job;

typedef struct tl_crawl_job_reason {
    char what[16]; /* "page", "link", "caption" */
    char reason[64];
    uint64_t count;
} tl_crawl_job_reason;

typedef struct tl_crawl_result {
    uint64_t pages, good_pages, waiting;
    uint64_t pictures, captions; /* in the list */
    tl_crawl_job_reason reasons[48];
    size_t reason_count;
} tl_crawl_result;

bool tl_crawl_job_run(const tl_crawl_job *job, tl_crawl_result *result, tl_error *err) TL_MUST_USE;
/* The list in a dataset; a new string owned by the caller. */
char *tl_crawl_job_list_path(const char *dataset, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
