/* MODEL/training.jsonl: one JSON object a line and step. Resuming drops the lines after the checkpoint, so that no step is there
 * twice. */
#ifndef TL_CLI_APP_TRAINING_LOG_H
#define TL_CLI_APP_TRAINING_LOG_H

#include "encoders/training.h"

typedef struct tl_training_log tl_training_log;

/* Keeps lines of steps up to first_step (0: starts empty) and appends after them. */
bool tl_training_log_open(const char *model_directory, uint64_t first_step, tl_training_log **out, tl_error *err) TL_MUST_USE;
bool tl_training_log_add(tl_training_log *log, const tl_step_metrics *metrics, double epoch, double pairs_per_second,
                         tl_error *err) TL_MUST_USE;
/* fsync, before a checkpoint says that these steps are done. */
bool tl_training_log_sync(tl_training_log *log, tl_error *err) TL_MUST_USE;
void tl_training_log_close(tl_training_log *log);

#endif
