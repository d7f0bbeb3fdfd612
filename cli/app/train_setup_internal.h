/*
 * A run made ready: settings settled, pairs read, vocabulary and sizes found, batches and trainer made, at the run's start or at
 * its last checkpoint.
 */
#ifndef TL_CLI_APP_TRAIN_SETUP_INTERNAL_H
#define TL_CLI_APP_TRAIN_SETUP_INTERNAL_H

#include "cli/app/sample_batches_internal.h"
#include "cli/app/train_budget_internal.h"
#include "cli/app/train_job.h"

typedef struct tl_train_run {
    const tl_train_job *job;
    tl_train_settings settings;
    tl_train_record record; /* resume: owns the texts of settings */
    const char *const *datasets;
    const char **recorded_datasets; /* owned */
    size_t dataset_count;
    double *weights; /* owned, [dataset_count]; NULL: once each */
    tl_image_recipe recipe;
    tl_training_set set;
    tl_tokenizer *tokenizer;
    tl_model_config config;
    tl_sample_batches *batches;
    tl_trainer *trainer;
    char *checkpoint_path, *tokenizer_path;
    tl_train_budget budget;
    char replans[TL_TRAINING_REPLANS_TEXT]; /* what the settings point to, once the budget has changed the plan */
    double text_tokens;                     /* seen by this call: for the arithmetic of a pair */
} tl_train_run;

/* On failure what there is must be cleared all the same. */
bool tl_train_run_prepare(tl_train_run *run, tl_error *err) TL_MUST_USE;
void tl_train_run_clear(tl_train_run *run);
/* One step; a batch that brings something that is not finite is an error that names its keys, all of which are in
 * MODEL/failed_batch.txt. */
bool tl_train_run_step(tl_train_run *run, uint64_t step, tl_step_metrics *metrics, tl_error *err) TL_MUST_USE;
/* The keys of the present batch, for an error that has the batch to blame. Returns false. */
bool tl_train_run_blame(tl_train_run *run, tl_error *err);
/* Whether this process is the one that writes: the first rank. */
bool tl_train_run_leads(const tl_train_run *run);
/* Where the run has a time and another number of steps fits it better: from here on it has that number, and MODEL/train.json says
 * so. */
bool tl_train_run_replan(tl_train_run *run, tl_error *err) TL_MUST_USE;
/* Pictures of a step. */
size_t tl_train_run_pictures(const tl_train_run *run);

#endif
