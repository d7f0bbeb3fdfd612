/*
 * The settings of a training run (train_settings_list.inc), MODEL/train.json, which holds all of them and the training set's
 * identity, so that --resume needs nothing said again, and what they make: a model's sizes.
 */
#ifndef TL_CLI_APP_TRAIN_SETTINGS_H
#define TL_CLI_APP_TRAIN_SETTINGS_H

#include "base/io/json.h"
#include "encoders/training.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TL_TRAIN_MOST_TEXTS = 128 };

typedef struct tl_train_texts {
    const char *items[TL_TRAIN_MOST_TEXTS]; /* borrowed */
    size_t count;
} tl_train_texts;

typedef struct tl_train_settings {
#define TEXT(field, name, choices, value, fallback, help) const char *field;
#define INTEGER(field, name, value, minimum, maximum, fallback, help) int64_t field;
#define NUMBER(field, name, value, minimum, maximum, fallback, help) double field;
#define LIST(field, name, value, help) tl_train_texts field;
#include "cli/app/train_settings_list.inc"
} tl_train_settings;

/* Number of each in the list. */
enum {
#define TEXT(field, name, choices, value, fallback, help) TL_TRAIN_SETTING_##field,
#define INTEGER(field, name, value, minimum, maximum, fallback, help) TL_TRAIN_SETTING_##field,
#define NUMBER(field, name, value, minimum, maximum, fallback, help) TL_TRAIN_SETTING_##field,
#define LIST(field, name, value, help) TL_TRAIN_SETTING_##field,
#include "cli/app/train_settings_list.inc"
    TL_TRAIN_SETTING_COUNT
};

void tl_train_settings_default(tl_train_settings *settings);
/* Copies setting number `index`. */
void tl_train_settings_copy(const tl_train_settings *from, size_t index, tl_train_settings *to);
/* "learning-rate" */
const char *tl_train_settings_name(size_t index);
/* Whether two runs have the same setting number `index`. */
bool tl_train_settings_agree(const tl_train_settings *a, const tl_train_settings *b, size_t index);
/* Numbers as train.json keeps them, with nine digits: a run starts with what a resumed one will read. */
void tl_train_settings_round(tl_train_settings *settings);
/* Those of a file: a train.json of a run, or one with some of its members; the others stay. An unknown member, or a value that
 * the option would refuse, is an error that names it. Texts are borrowed from json. */
bool tl_train_settings_read(const tl_json *json, tl_train_settings *settings, tl_error *err) TL_MUST_USE;

typedef struct tl_train_record {
    tl_train_settings settings; /* texts are owned by json */
    uint64_t set_fingerprint;
    tl_json *json;
} tl_train_record;

bool tl_train_record_write(const char *model_directory, const tl_train_settings *settings, const char *const *datasets,
                           size_t dataset_count, uint64_t set_fingerprint, tl_error *err) TL_MUST_USE;
bool tl_train_record_read(const char *model_directory, tl_train_record *out, tl_error *err) TL_MUST_USE;
void tl_train_record_clear(tl_train_record *record);

/* Towers by the settings; sizes the names stand for are in the table of train_model.c. */
bool tl_train_model_config(const tl_train_settings *settings, size_t vocabulary_size, int32_t eos_id, int32_t pad_id,
                           tl_model_config *out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
