/*
 * Training: datasets in, a MODEL folder out. The folder is usable from the first checkpoint on; a stopped or killed run goes on
 * by resume and ends with the same bits as an unbroken one.
 */
#ifndef TL_CLI_APP_TRAIN_JOB_H
#define TL_CLI_APP_TRAIN_JOB_H

#include "base/core/progress.h"
#include "base/parallel/ranks.h"
#include "base/parallel/thread_pool.h"
#include "cli/app/reasons.h"
#include "cli/app/train_settings.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_train_job {
    const char *const *datasets; /* none with resume: those that the run was started with */
    size_t dataset_count;
    const char *model_directory;
    tl_train_settings settings; /* resume: those of the run are taken, and these only compared where they are given */
    const bool *given;          /* [TL_TRAIN_SETTING_COUNT]: a person asked for it; NULL: for none */
    bool resume;
    double checkpoint_seconds; /* time between checkpoints; 0: 60 */
    tl_thread_pool *pool;
    tl_ranks *ranks; /* who train together, each with a job like this one; rank 0 alone writes the folder. NULL: one */
    const tl_progress *progress;
} tl_train_job;

typedef struct tl_train_report {
    uint64_t pairs;             /* of the training set */
    uint64_t held_out;          /* left out by their split */
    uint64_t steps, first_step; /* of the schedule; done before this call */
    uint64_t batch;             /* pairs of a step */
    uint64_t chunk;             /* pairs computed at once */
    double seconds;             /* spent in steps by this call */
    double pairs_per_second;
    double gflops; /* arithmetic of the model per second, forward and backward, as its sizes imply */
    tl_step_metrics last;
    bool has_best; /* of validation */
    double best_score;
    uint64_t best_step;
    uint64_t stopped_at; /* by patience; 0: the run has all its steps */
    tl_reasons skipped;
} tl_train_report;

bool tl_train_job_run(const tl_train_job *job, tl_train_report *report, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
