/*
 * The fingerprint of a model folder: a hash, byte for byte, of the files that decide what vectors it gives: those of its
 * configuration, in the order the caller names them, then its weights. It is kept in fingerprint.json with the sizes and times of
 * the files it covers, so that opening a model that was seen before hashes nothing. Within encoders only.
 */
#ifndef TL_ENCODERS_FINGERPRINT_H
#define TL_ENCODERS_FINGERPRINT_H

#include "base/core/hash.h"
#include "base/io/file.h"
#include "base/parallel/thread_pool.h"
#include "encoders/weights/weight_files.h"

/* Names of the files of a model trained here, in the order in which they are hashed. */
#define TL_MODEL_CONFIG_FILE "config.json"
#define TL_MODEL_RECIPE_FILE "preprocessor_config.json"
#define TL_MODEL_WEIGHTS_FILE "model.safetensors"

enum { TL_MODEL_MAX_FILES = 8 };

/* Size and time of the files of a configuration. */
typedef struct tl_model_files {
    size_t count;
    const char *names[TL_MODEL_MAX_FILES]; /* borrowed, without the folder */
    tl_file_status status[TL_MODEL_MAX_FILES];
} tl_model_files;

/* To be read before the files are opened. A missing folder or file is an error that names it. count <= TL_MODEL_MAX_FILES. */
bool tl_model_files_read(const char *directory, const char *const *names, size_t count, tl_model_files *out,
                         tl_error *err) TL_MUST_USE;
/* True when fingerprint.json is there and covers these files, no more and no fewer, as they are; anything wrong with it reads as
 * "not there". */
bool tl_fingerprint_find(const char *directory, const tl_model_files *configs, const tl_weight_files *weights,
                         char text[TL_HASH_TEXT_SIZE]);
/*
 * Hashes the files, checks on the way that every f32, f16 and bf16 weight is finite, and keeps the result if the files did not
 * change since they were opened and the folder can be written; that it cannot is no error. pool may be NULL.
 */
bool tl_fingerprint_compute(const char *directory, const tl_model_files *configs, const tl_weight_files *weights,
                            tl_thread_pool *pool, char text[TL_HASH_TEXT_SIZE], tl_error *err) TL_MUST_USE;

#endif
