/*
 * MODEL/training.jsonl: one flat JSON object of numbers a line, "step" in each: a line for a step, and one for a measurement on
 * validation data ("validation_..."). Resuming drops the lines after the checkpoint, so that no step is there twice.
 */
#ifndef TL_CLI_APP_TRAINING_LOG_INTERNAL_H
#define TL_CLI_APP_TRAINING_LOG_INTERNAL_H

#include "base/io/json.h"
#include "encoders/training.h"

typedef struct tl_training_log tl_training_log;

/* Keeps lines of steps up to first_step (0: starts empty) and appends after them. */
bool tl_training_log_open(const char *model_directory, uint64_t first_step, tl_training_log **out, tl_error *err) TL_MUST_USE;
bool tl_training_log_add(tl_training_log *log, const tl_step_metrics *metrics, double epoch, double pairs_per_second,
                         tl_error *err) TL_MUST_USE;
/* One more line, which has a member "step". */
bool tl_training_log_write(tl_training_log *log, const tl_json *line, tl_error *err) TL_MUST_USE;
/* Visits the whole lines of a folder's log in order until visit says no; no log is no line. */
bool tl_training_log_each(const char *model_directory, bool (*visit)(void *context, uint64_t step, const tl_json *line),
                          void *context, tl_error *err) TL_MUST_USE;
/* fsync, before a checkpoint says that these steps are done. */
bool tl_training_log_sync(tl_training_log *log, tl_error *err) TL_MUST_USE;
void tl_training_log_close(tl_training_log *log);

#endif
