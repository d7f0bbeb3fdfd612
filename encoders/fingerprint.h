/*
 * The fingerprint of a model folder: a hash of config.json, preprocessor_config.json and model.safetensors, byte for byte. It is
 * kept in fingerprint.json with the sizes and times of the files it covers, so that opening a model that was seen before hashes
 * nothing. Within encoders only.
 */
#ifndef TL_ENCODERS_FINGERPRINT_H
#define TL_ENCODERS_FINGERPRINT_H

#include "base/core/hash.h"
#include "base/io/file.h"
#include "encoders/weights/safetensors.h"

#define TL_MODEL_CONFIG_FILE "config.json"
#define TL_MODEL_RECIPE_FILE "preprocessor_config.json"
#define TL_MODEL_WEIGHTS_FILE "model.safetensors"

enum { TL_MODEL_FILE_COUNT = 3 };

/* Size and time of the three files, in the order of the names above. */
typedef struct tl_model_files {
    tl_file_status status[TL_MODEL_FILE_COUNT];
} tl_model_files;

/* To be read before the files are opened. A missing file is an error that names it. */
bool tl_model_files_read(const char *directory, tl_model_files *out, tl_error *err) TL_MUST_USE;
/* True when fingerprint.json is there and covers the files as they are; anything wrong with it reads as "not there". */
bool tl_fingerprint_find(const char *directory, const tl_model_files *files, char text[TL_HASH_TEXT_SIZE]);
/*
 * Hashes the folder, checks on the way that every f32 weight is finite, and keeps the result if the files did not change since
 * `files` was read and the folder can be written; that it cannot is no error.
 */
bool tl_fingerprint_compute(const char *directory, const tl_model_files *files, const tl_safetensors *weights,
                            char text[TL_HASH_TEXT_SIZE], tl_error *err) TL_MUST_USE;

#endif
