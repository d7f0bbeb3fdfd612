/* Indexing: makes the index hold what the given folders and datasets hold, touching only what changed. */
#ifndef TL_CLI_APP_INDEX_JOB_H
#define TL_CLI_APP_INDEX_JOB_H

#include "base/core/progress.h"
#include "cli/app/model_bundle.h"
#include "cli/app/reasons.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_index_job {
    const char *index_path; /* made when missing */
    const tl_model_bundle *bundle;
    tl_thread_pool *pool;
    const tl_progress *progress;
    size_t batch;            /* pictures at once; 0: 64 */
    bool caption_from_names; /* folders: a picture without a caption file gets its file name as caption */
} tl_index_job;

typedef struct tl_index_report {
    uint64_t added, updated, moved, unchanged, removed; /* items */
    uint64_t embedded;                                  /* pictures through the tower */
    tl_reasons skipped;
} tl_index_report;

/*
 * Adds, updates and removes. An item is unchanged when size and time are; with another time its bytes are hashed and, when equal,
 * kept; an item that is gone and whose content appears under another path keeps its vectors. What was committed before a stop
 * stays, and the next run goes on. report is added to, so that several paths make one.
 */
bool tl_index_job_run(const tl_index_job *job, const char *path, tl_index_report *report, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
