/* Crawling as the command asks for it: pages become a list of captioned pictures, and the list a dataset. */
#ifndef TL_CLI_APP_CRAWL_JOB_H
#define TL_CLI_APP_CRAWL_JOB_H

#include "cli/app/import_job.h"
#include "crawler-import/crawl/crawl.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_crawl_job {
    const char *dataset;
    tl_crawl_options crawl;
    bool only_list;        /* do not fetch the pictures */
    uint32_t minimum_side; /* of pictures fetched, in pixels */
    double maximum_aspect; /* longer side / shorter side */
    double hold_out;       /* as tl_import_job */
} tl_crawl_job;

typedef struct tl_crawl_result {
    tl_crawl_report crawl;
    bool has_dataset; /* pictures were fetched: dataset is filled */
    tl_import_result dataset;
} tl_crawl_result;

/* Stopped or killed in either half, the same job goes on. */
bool tl_crawl_job_run(const tl_crawl_job *job, tl_crawl_result *result, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
