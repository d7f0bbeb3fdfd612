/*
 * Opens a model folder: the family that recognises it reads its configuration and recipe, the towers list the parameters they
 * need, and each is bound to the mapped tensor that the family's names give it. File and list must be the same set.
 */
#include "base/core/memory.h"
#include "encoders/channel_sample.h"
#include "encoders/families/activation.h"
#include "encoders/fingerprint.h"
#include "encoders/model_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_JSON_FILE = 4 << 20, WORTH_KEEPING = 1 << 20 /* bytes of a packed form */ };

/* exp(x) of a published scale is 100 to 120; beyond e^20 it is no scale. */
static const float max_logarithm = 20.0F;

/* *out is NULL where the file is optional and absent. */
static bool read_json(const char *directory, const char *name, bool is_optional, tl_json **out, tl_error *err)
{
    tl_error reason;
    char *path = tl_path_join(directory, name, err);
    if (path == NULL)
        return false;
    bool ok = tl_json_read_file(path, MAX_JSON_FILE, out, &reason);
    if (!ok && is_optional && reason.kind == TL_ERROR_NOT_FOUND) {
        *out = NULL;
        ok = true;
    } else if (!ok) {
        tl_fail_as(err, &reason);
    }
    tl_memory_free(path);
    return ok;
}

static bool read_recipe(const char *directory, const tl_json *config, tl_model *model, tl_error *err)
{
    const tl_family *family = model->family;
    tl_json *preprocessor = NULL;
    if (family->recipe_file != NULL && !read_json(directory, family->recipe_file, false, &preprocessor, err))
        return false;
    bool ok = family->read_recipe(config, preprocessor, model->info.config.vision.image_size, &model->info.recipe, err) ||
              tl_fail_within(err, "'%s/%s'", directory, family->recipe_file != NULL ? family->recipe_file : family->config_file);
    tl_json_free(preprocessor);
    return ok;
}

static bool read_config(const char *directory, const tl_json *config, tl_model *model, tl_error *err)
{
    bool ok = false;
    tl_error reason;
    tl_json *choices = NULL;
    tl_model_config *out = &model->info.config;
    if (!model->family->read_config(config, out, err)) {
        tl_fail_within(err, "'%s/%s'", directory, model->family->config_file);
        goto done;
    }
    if (!tl_model_config_check(out, &reason)) {
        tl_fail(err, TL_ERROR_CORRUPT, "%s", reason.message); /* the file is wrong, not an argument */
        tl_fail_within(err, "'%s/%s'", directory, model->family->config_file);
        goto done;
    }
    ok = read_json(directory, TL_MODEL_CHOICES_FILE, true, &choices, err) &&
         tl_activation_settle(directory, model->family, config, choices, out, &model->is_activation_by_name, model->info.warning,
                              err);
done:
    tl_json_free(choices);
    return ok;
}

/* One number of a row that is there; its tensor may be [] or [1]. */
static bool read_scalar(const tl_model *model, size_t row, float *out, tl_error *err)
{
    *out = *tl_weight_floats(&model->binding.values[row]);
    if (isfinite(*out) && *out <= max_logarithm)
        return true;
    return tl_fail(err, TL_ERROR_CORRUPT, "tensor '%s': expected a number of at most %g, found %g", model->table.items[row].name,
                   (double)max_logarithm, (double)*out);
}

static bool bind_weights(const char *directory, const char *name, tl_model *model, tl_error *err)
{
    bool ok = false;
    size_t scale_row, bias_row = 0;
    float logarithm;
    tl_parameter_table *table = &model->table;
    if (!tl_vision_tower_create(&model->info.config, table, &model->vision, err))
        return false;
    model->rows_end[TL_TOWER_IMAGE] = table->count;
    if (!tl_text_tower_create(&model->info.config, table, &model->text, err))
        return false;
    model->rows_end[TL_TOWER_TEXT] = table->count;
    if (!tl_parameter_table_add(table, "logit_scale", 0, NULL, false, TL_INITIALIZE_CONSTANT, 0.0F, &scale_row, err) ||
        (model->info.config.has_logit_bias &&
         !tl_parameter_table_add(table, "logit_bias", 0, NULL, false, TL_INITIALIZE_CONSTANT, 0.0F, &bias_row, err)))
        return false;
    if (!tl_weight_files_open(directory, name, &model->weights, err))
        return false;
    if (!tl_binding_create(table, model->weights, model->family->names, &model->binding, err) ||
        !read_scalar(model, scale_row, &logarithm, err) ||
        (model->info.config.has_logit_bias && !read_scalar(model, bias_row, &model->info.logit_bias, err)))
        goto done;
    model->info.logit_scale = expf(logarithm);
    model->info.parameter_count = model->binding.parameter_count;
    model->info.dtype = model->binding.dtype;
    ok = true;
done:
    return ok || tl_fail_within(err, "'%s/%s'", directory, name);
}

/* Sizes and times of what the fingerprint covers besides the weights. */
static bool list_files(const char *directory, const tl_family *family, tl_model_files *out, tl_error *err)
{
    const char *names[TL_MODEL_MAX_FILES];
    size_t count = 0;
    tl_file_status status;
    char *choices = tl_path_join(directory, TL_MODEL_CHOICES_FILE, err);
    if (choices == NULL || !tl_file_status_read(choices, &status, err)) {
        tl_memory_free(choices);
        return false;
    }
    tl_memory_free(choices);
    names[count++] = family->config_file;
    if (family->recipe_file != NULL)
        names[count++] = family->recipe_file;
    if (family->states_activation != NULL && status.kind != TL_FILE_MISSING)
        names[count++] = TL_MODEL_CHOICES_FILE;
    return tl_model_files_read(directory, names, count, out, err);
}

/* The files alone do not tell what vectors such a model makes. */
static void add_name_to_fingerprint(tl_model *model)
{
    char text[TL_HASH_TEXT_SIZE + 32];
    int size =
        snprintf(text, sizeof text, "%s %s", model->info.fingerprint, tl_activation_name(model->info.config.text.activation));
    if (model->is_activation_by_name)
        tl_hash_text(text, (size_t)size, model->info.fingerprint);
}

bool tl_model_open(const char *directory, tl_model **out, tl_error *err)
{
    bool ok = false;
    const char *weights;
    tl_json *config = NULL;
    tl_model_files files;
    tl_model *model = tl_memory_allocate(1, sizeof *model, err);
    if (model == NULL)
        return false;
    if ((model->directory = tl_memory_copy_text(directory, strlen(directory), err)) == NULL ||
        !tl_family_find(directory, &model->family, &weights, err) || !list_files(directory, model->family, &files, err) ||
        !read_json(directory, model->family->config_file, false, &config, err) || !read_config(directory, config, model, err) ||
        !read_recipe(directory, config, model, err) || !bind_weights(directory, weights, model, err))
        goto done;
    if (!tl_fingerprint_find(directory, &files, model->weights, model->info.fingerprint) &&
        !tl_fingerprint_compute(directory, &files, model->weights, NULL, model->info.fingerprint, err))
        goto done;
    add_name_to_fingerprint(model);
    model->info.family = model->family->name;
    model->info.format = model->family->format;
    *out = model;
    ok = true;
done:
    tl_json_free(config);
    if (!ok)
        tl_model_close(model);
    return ok;
}

/* Leaves a form that was made in the folder and goes over to the file, so that its memory is the system's cache. */
static void keep_packed(tl_model *model, tl_tower tower, const tl_packed_part *part, const char *path)
{
    tl_packed_weights **packed = &model->packed[tower];
    if (tl_packed_weights_size(*packed) < WORTH_KEEPING ||
        !tl_packed_weights_keep(*packed, part, model->info.fingerprint, path, NULL))
        return; /* a folder that cannot be written costs the packing each time, nothing else */
    tl_packed_weights *kept = tl_packed_weights_map(part, model->info.fingerprint, path, model->binding.values);
    if (kept == NULL)
        return;
    tl_packed_weights_destroy(*packed);
    *packed = kept;
}

/* Packs after a look at the tower's channels, where the form's steps are coarse enough to need it. */
static bool pack_tower(tl_model *model, tl_tower tower, tl_packed_part part, tl_thread_pool *pool, tl_error *err)
{
    tl_channel_sample sample = {0};
    if (part.kind != TL_PACKED_F32 && !tl_channel_sample_take(model, tower, &sample, err))
        return tl_fail_within(err, "packing");
    part.ranges = sample.of_rows;
    bool ok = tl_packed_weights_create(&part, model->binding.values, pool, &model->packed[tower], err);
    tl_channel_sample_clear(&sample);
    return ok;
}

bool tl_model_pack(tl_model *model, tl_tower tower, tl_precision precision, tl_thread_pool *pool, tl_error *err)
{
    static const struct {
        tl_packed_kind kind;
        const char *names[TL_TOWER_COUNT]; /* NULL: as large as the weights, not kept */
    } forms[] = {[TL_PRECISION_F32] = {TL_PACKED_F32, {NULL, NULL}},
                 [TL_PRECISION_BF16] = {TL_PACKED_BF16, {"image.bf16.packed", "text.bf16.packed"}},
                 [TL_PRECISION_INT8] = {TL_PACKED_INT8, {"image.int8.packed", "text.int8.packed"}}};
    const size_t first = tower == TL_TOWER_IMAGE ? 0 : model->rows_end[tower - 1];
    const tl_packed_part part = {
        .kind = forms[precision].kind, .table = &model->table, .first = first, .count = model->rows_end[tower] - first};
    const char *name = forms[precision].names[tower];
    tl_packed_weights **packed = &model->packed[tower];
    char *path = NULL;
    if (*packed != NULL)
        return true;
    if (name != NULL && (path = tl_path_join(model->directory, name, err)) == NULL)
        return false;
    if (path != NULL)
        *packed = tl_packed_weights_map(&part, model->info.fingerprint, path, model->binding.values);
    bool ok = *packed != NULL;
    if (!ok && (ok = pack_tower(model, tower, part, pool, err))) {
        tl_weight_files_release(model->weights); /* read once; of this tower only vectors are read again */
        if (path != NULL)
            keep_packed(model, tower, &part, path);
    }
    tl_memory_free(path);
    return ok;
}

void tl_model_close(tl_model *model)
{
    if (model == NULL)
        return;
    for (size_t tower = 0; tower < TL_TOWER_COUNT; tower++)
        tl_packed_weights_destroy(model->packed[tower]);
    tl_memory_free(model->directory);
    tl_binding_clear(&model->binding);
    tl_vision_tower_destroy(model->vision);
    tl_text_tower_destroy(model->text);
    tl_parameter_table_clear(&model->table);
    tl_weight_files_close(model->weights);
    tl_memory_free(model);
}

const tl_model_info *tl_model_info_read(const tl_model *model)
{
    return &model->info;
}

void tl_model_each_tensor(const tl_model *model,
                          void (*visit)(void *context, const char *name, uint32_t rank, const size_t *shape), void *context)
{
    for (size_t row = 0; row < model->table.count; row++) {
        const tl_parameter *parameter = &model->table.items[row];
        visit(context, parameter->name, parameter->rank, parameter->shape);
    }
}
