/* Crawling as the command asks for it: pages become a list of captioned pictures, and the list a dataset. */
#ifndef TL_CLI_APP_CRAWL_JOB_H
#define TL_CLI_APP_CRAWL_JOB_H

#include "base/core/progress.h"
#include "cli/app/import_job.h"

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
    bool only_list;        /* do not fetch the pictures */
    uint32_t minimum_side; /* of pictures fetched, in pixels */
    double maximum_aspect; /* longer side / shorter side */
    double hold_out;       /* as tl_import_job */
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
    bool has_dataset; /* pictures were fetched: dataset is filled */
    tl_import_result dataset;
} tl_crawl_result;

/* Stopped or killed in either half, the same job goes on. */
bool tl_crawl_job_run(const tl_crawl_job *job, tl_crawl_result *result, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
