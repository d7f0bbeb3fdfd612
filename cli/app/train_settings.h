/* MODEL/train.json: the settings and the training set's identity, so that --resume needs nothing said again. */
#ifndef TL_CLI_APP_TRAIN_SETTINGS_H
#define TL_CLI_APP_TRAIN_SETTINGS_H

#include "cli/app/train_job.h"

typedef struct tl_train_record {
    tl_train_settings settings; /* texts are owned by json */
    uint64_t set_fingerprint;
    tl_json *json;
} tl_train_record;

bool tl_train_record_write(const char *model_directory, const tl_train_settings *settings, uint64_t set_fingerprint,
                           tl_error *err) TL_MUST_USE;
bool tl_train_record_read(const char *model_directory, tl_train_record *out, tl_error *err) TL_MUST_USE;
void tl_train_record_clear(tl_train_record *record);

/* Towers of a named size; sizes the names stand for are in the table of the .c file. */
bool tl_train_model_config(const tl_train_settings *settings, size_t vocabulary_size, int32_t eos_id, int32_t pad_id,
                           tl_model_config *out, tl_error *err) TL_MUST_USE;

#endif
