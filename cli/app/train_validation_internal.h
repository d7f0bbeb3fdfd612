/*
 * Measuring a run on data that it does not learn from: every so many steps the exported model is scored, the best so far is kept
 * in MODEL/best, and after enough measurements without a better one the run ends. What has been measured is in training.jsonl, so
 * a resumed run knows it from there.
 */
#ifndef TL_CLI_APP_TRAIN_VALIDATION_INTERNAL_H
#define TL_CLI_APP_TRAIN_VALIDATION_INTERNAL_H

#include "base/core/progress.h"
#include "base/parallel/thread_pool.h"
#include "cli/app/embedded_set_internal.h"
#include "cli/app/train_settings.h"
#include "cli/app/training_log_internal.h"

typedef struct tl_train_validation {
    uint64_t every;     /* steps; 0: no validation */
    uint64_t last_step; /* measured last, 0: never */
    uint64_t best_step;
    double best_score;       /* -1: none */
    uint64_t without_better; /* measurements since the best */
} tl_train_validation;

/* The state after the measurements of a log; steps: of the run. */
bool tl_train_validation_start(const tl_train_settings *settings, const char *model_directory, uint64_t steps,
                               tl_train_validation *out, tl_error *err) TL_MUST_USE;
/* Whether the run, this many steps old, is to be measured now. */
bool tl_train_validation_is_due(const tl_train_validation *validation, uint64_t step, uint64_t steps);
bool tl_train_validation_is_over(const tl_train_validation *validation, const tl_train_settings *settings);
/* Scores MODEL, which must hold the weights of this step, keeps it where it is the best, and writes the line of the log.
 * embedded: what it held before is cleared; becomes the set as this model embeds it, where the score is a recall, else empty. */
bool tl_train_validation_run(tl_train_validation *validation, const tl_train_settings *settings, const char *model_directory,
                             uint64_t step, tl_thread_pool *pool, const tl_progress *progress, tl_training_log *log,
                             tl_embedded_set *embedded, tl_error *err) TL_MUST_USE;

#endif
