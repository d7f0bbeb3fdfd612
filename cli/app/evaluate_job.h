/* Scores of a model on a dataset: retrieval both ways, and zero-shot classification by the dataset's labels. */
#ifndef TL_CLI_APP_EVALUATE_JOB_H
#define TL_CLI_APP_EVALUATE_JOB_H

#include "base/core/progress.h"
#include "cli/app/model_bundle.h"
#include "cli/app/reasons.h"
#include "encoders/evaluation/evaluation.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_evaluate_job {
    const char *dataset; /* DATASET, shard, or folder of samples */
    const tl_model_bundle *bundle;
    tl_thread_pool *pool;
    const tl_progress *progress;
    const char
        *split; /* retrieval: queries are the samples of this split, candidates all; zero-shot: only these samples. NULL: all */
    const char *labels_file; /* zero-shot: names of the classes, one a line; NULL: each class is named by the first caption of its
                                samples */
    const char *const *templates;
    size_t template_count;
    struct tl_embedded_set *embedded; /* retrieval: takes the set that was embedded, for more questions; NULL: nobody does */
} tl_evaluate_job;

typedef struct tl_retrieval_report {
    tl_retrieval_direction text_to_image, image_to_text;
    tl_reasons skipped;
} tl_retrieval_report;

/* Caption i is the first caption of sample i; a candidate is right when its caption equals the query's. */
bool tl_evaluate_retrieval_job_run(const tl_evaluate_job *job, tl_retrieval_report *report, tl_error *err) TL_MUST_USE;

typedef struct tl_zero_shot_report {
    tl_zero_shot_result result;
    char **names;        /* [class_count], owned: tl_zero_shot_report_clear */
    uint64_t *per_class; /* [class_count, 2]: right, total */
    tl_reasons skipped;
} tl_zero_shot_report;

bool tl_evaluate_zero_shot_job_run(const tl_evaluate_job *job, tl_zero_shot_report *report, tl_error *err) TL_MUST_USE;
void tl_zero_shot_report_clear(tl_zero_shot_report *report);

#ifdef __cplusplus
}
#endif

#endif
