#include "cli/app/train_settings.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_VERSION = 1, MAX_RECORD_BYTES = 1 << 20 };

/* Head width is 64 throughout, as in CLIP. */
typedef struct tower_size {
    const char *name;
    uint32_t vision_width, vision_layers, text_width, text_layers, embedding_dim;
} tower_size;

static const tower_size sizes[] = {
    {"tiny", 128, 4, 128, 2, 128},
    {"small", 192, 6, 192, 3, 192},
    {"medium", 256, 8, 256, 4, 256},
};

bool tl_train_model_config(const tl_train_settings *settings, size_t vocabulary_size, int32_t eos_id, int32_t pad_id,
                           tl_model_config *out, tl_error *err)
{
    const tower_size *size = NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (strcmp(sizes[i].name, settings->size) == 0)
            size = &sizes[i];
    if (size == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "size: expected tiny, small or medium, found '%s'", settings->size);
    /* Published towers leave a rest over; here it would only be a mistake. */
    if (settings->patch_size > 0 && settings->image_size % settings->patch_size != 0)
        return tl_fail(err, TL_ERROR_INVALID, "image size: expected a multiple of the patch size %" PRId64 ", found %" PRId64,
                       (int64_t)settings->patch_size, (int64_t)settings->image_size);
    *out = (tl_model_config){
        .embedding_dim = size->embedding_dim,
        .vision = {.activation = TL_GELU,
                   .layer_norm_epsilon = 1e-5f,
                   .image_size = (uint32_t)settings->image_size,
                   .patch_size = (uint32_t)settings->patch_size,
                   .width = size->vision_width,
                   .layers = size->vision_layers,
                   .heads = size->vision_width / 64,
                   .mlp_width = size->vision_width * 4,
                   .pooling = TL_POOL_AVERAGE},
        .text = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .context_length = (uint32_t)settings->context_length,
                 .vocabulary_size = (uint32_t)vocabulary_size,
                 .width = size->text_width,
                 .layers = size->text_layers,
                 .heads = size->text_width / 64,
                 .mlp_width = size->text_width * 4,
                 .pooling = TL_POOL_EOS,
                 .eos_id = eos_id,
                 .pad_id = pad_id},
    };
    return tl_model_config_check(out, err);
}

static char *record_path(const char *model_directory, tl_error *err)
{
    return tl_path_join(model_directory, "train.json", err);
}

bool tl_train_record_write(const char *model_directory, const tl_train_settings *settings, uint64_t set_fingerprint,
                           tl_error *err)
{
    char fingerprint[17];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, set_fingerprint);
    char *path = record_path(model_directory, err);
    tl_json *json = path != NULL ? tl_json_object_create(err) : NULL;
    bool ok = json != NULL && tl_json_set_integer(json, "format", FORMAT_VERSION, err) &&
              tl_json_set_text(json, "size", settings->size, err) &&
              tl_json_set_integer(json, "image_size", settings->image_size, err) &&
              tl_json_set_integer(json, "patch_size", settings->patch_size, err) &&
              tl_json_set_integer(json, "vocabulary", settings->vocabulary_size, err) &&
              tl_json_set_integer(json, "context", settings->context_length, err) &&
              tl_json_set_integer(json, "batch", settings->batch, err) &&
              tl_json_set_integer(json, "steps", settings->steps, err) &&
              tl_json_set_number(json, "learning_rate", settings->learning_rate, err) &&
              tl_json_set_number(json, "weight_decay", settings->weight_decay, err) &&
              tl_json_set_number(json, "min_crop_area", settings->min_crop_area, err) &&
              tl_json_set_number(json, "flip", settings->flip, err) && tl_json_set_integer(json, "seed", settings->seed, err) &&
              tl_json_set_text(json, "training_set", fingerprint, err) && tl_json_write_file(json, path, err);
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

static bool read_members(tl_train_record *record, tl_error *err)
{
    const tl_json *json = record->json;
    tl_train_settings *settings = &record->settings;
    const char *fingerprint;
    int64_t version;
    bool ok = tl_json_get_integer(json, "format", FORMAT_VERSION, FORMAT_VERSION, &version, err) &&
              tl_json_get_text(json, "size", &settings->size, err) &&
              tl_json_get_integer(json, "image_size", 1, 4096, &settings->image_size, err) &&
              tl_json_get_integer(json, "patch_size", 1, 4096, &settings->patch_size, err) &&
              tl_json_get_integer(json, "vocabulary", 1, 1 << 24, &settings->vocabulary_size, err) &&
              tl_json_get_integer(json, "context", 3, 4096, &settings->context_length, err) &&
              tl_json_get_integer(json, "batch", 2, 1 << 20, &settings->batch, err) &&
              tl_json_get_integer(json, "steps", 1, INT64_MAX, &settings->steps, err) &&
              tl_json_get_number(json, "learning_rate", &settings->learning_rate, err) &&
              tl_json_get_number(json, "weight_decay", &settings->weight_decay, err) &&
              tl_json_get_number(json, "min_crop_area", &settings->min_crop_area, err) &&
              tl_json_get_number(json, "flip", &settings->flip, err) &&
              tl_json_get_integer(json, "seed", 0, INT64_MAX, &settings->seed, err) &&
              tl_json_get_text(json, "training_set", &fingerprint, err);
    if (!ok)
        return false;
    char *end;
    record->set_fingerprint = strtoull(fingerprint, &end, 16);
    return *end == '\0' || tl_fail(err, TL_ERROR_CORRUPT, "'training_set': expected hex digits, found '%s'", fingerprint);
}

bool tl_train_record_read(const char *model_directory, tl_train_record *out, tl_error *err)
{
    *out = (tl_train_record){0};
    char *path = record_path(model_directory, err);
    if (path == NULL)
        return false;
    bool ok = tl_json_read_file(path, MAX_RECORD_BYTES, &out->json, err);
    if (ok && !read_members(out, err)) {
        ok = tl_fail_within(err, "'%s'", path);
        tl_train_record_clear(out);
    }
    tl_memory_free(path);
    return ok;
}

void tl_train_record_clear(tl_train_record *record)
{
    tl_json_free(record->json);
    *record = (tl_train_record){0};
}
