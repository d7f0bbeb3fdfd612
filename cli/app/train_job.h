/*
 * Training: datasets in, a MODEL folder out. The folder is usable from the first checkpoint on; a stopped or killed run goes on
 * by resume and ends with the same bits as an unbroken one.
 */
#ifndef TL_CLI_APP_TRAIN_JOB_H
#define TL_CLI_APP_TRAIN_JOB_H

#include "base/core/progress.h"
#include "base/parallel/thread_pool.h"
#include "cli/app/reasons.h"
#include "encoders/training.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything that shapes a run; written to MODEL/train.json and read back by resume. */
typedef struct tl_train_settings {
    const char *size;      /* "tiny", "small", "medium": towers */
    const char *tokenizer; /* a tokenizer.model to use; NULL: train one on the captions */
    int64_t image_size, patch_size;
    int64_t vocabulary_size, context_length;
    int64_t batch;
    int64_t steps; /* exactly one of these three is not 0 */
    double epochs, minutes;
    double learning_rate, weight_decay;
    double min_crop_area; /* random resized crop keeps at least this share */
    double flip;          /* probability */
    int64_t seed;
} tl_train_settings;

typedef struct tl_train_job {
    const char *const *datasets;
    size_t dataset_count;
    const char *model_directory;
    tl_train_settings settings; /* ignored by resume */
    bool resume;
    double checkpoint_seconds; /* time between checkpoints; 0: 60 */
    tl_thread_pool *pool;
    const tl_progress *progress;
} tl_train_job;

typedef struct tl_train_report {
    uint64_t pairs;             /* of the training set */
    uint64_t held_out;          /* left out by their split */
    uint64_t steps, first_step; /* of the schedule; done before this call */
    uint64_t batch;
    double seconds; /* spent in steps by this call */
    double pairs_per_second;
    double gflops; /* arithmetic of the model per second, forward and backward, as its sizes imply */
    tl_step_metrics last;
    tl_reasons skipped;
} tl_train_report;

bool tl_train_job_run(const tl_train_job *job, tl_train_report *report, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
