/*
 * Opens a model folder: reads the two configurations, lets the towers list the tensors they need, and points each row of that
 * list into the mapped weights. File and list must be the same set: a missing tensor, another shape or a surplus one is an error.
 */
#include "base/core/memory.h"
#include "encoders/fingerprint.h"
#include "encoders/model_internal.h"

#include <math.h>
#include <string.h>

enum { MAX_CONFIG_FILE = 1 << 20 };

static const float max_logit_scale = 100.0F; /* Radford et al. 2021: clipped, for stability */

static bool read_config(const char *directory, tl_model_config *config, tl_error *err)
{
    bool ok = false;
    tl_json *json = NULL;
    char *path = tl_path_join(directory, TL_MODEL_CONFIG_FILE, err);
    if (path == NULL || !tl_json_read_file(path, MAX_CONFIG_FILE, &json, err))
        goto done;
    ok = tl_model_config_read(json, config, err) || tl_fail_within(err, "'%s'", path);
done:
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

static bool read_recipe(const char *directory, const tl_model_config *config, tl_image_recipe *recipe, tl_error *err)
{
    bool ok = false;
    tl_json *json = NULL;
    char *path = tl_path_join(directory, TL_MODEL_RECIPE_FILE, err);
    if (path == NULL || !tl_json_read_file(path, MAX_CONFIG_FILE, &json, err))
        goto done;
    if (!tl_image_recipe_read(json, recipe, err))
        tl_fail_within(err, "'%s'", path);
    else if (recipe->size != config->vision.image_size)
        tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected pictures of %u pixels as in %s, found %u", path,
                (unsigned)config->vision.image_size, TL_MODEL_CONFIG_FILE, (unsigned)recipe->size);
    else
        ok = true;
done:
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

/* First tensor of the file that no row asks for. */
static bool refuse_surplus(const tl_model *model, tl_error *err)
{
    for (size_t i = 0; i < tl_safetensors_count(model->weights); i++) {
        const char *name = tl_safetensors_item(model->weights, i)->name;
        if (tl_parameter_table_find(&model->table, name) == SIZE_MAX)
            return tl_fail(err, TL_ERROR_CORRUPT, "tensor '%.80s': expected none of this name for this config, found one", name);
    }
    return true;
}

static bool point_values(tl_model *model, tl_error *err)
{
    model->values = tl_memory_allocate(model->table.count, sizeof *model->values, err);
    if (model->values == NULL)
        return false;
    for (size_t row = 0; row < model->table.count; row++) {
        const tl_parameter *parameter = &model->table.items[row];
        const float *values = tl_safetensors_expect(model->weights, parameter->name, parameter->rank, parameter->shape, err);
        if (values == NULL)
            return false;
        model->values[row] = tl_weight_of_floats(values);
        model->info.parameter_count += parameter->count;
    }
    return tl_safetensors_count(model->weights) == model->table.count || refuse_surplus(model, err);
}

static bool read_logit_scale(tl_model *model, size_t row, tl_error *err)
{
    float logarithm = *tl_weight_floats(&model->values[row]);
    if (!isfinite(logarithm))
        return tl_fail(err, TL_ERROR_CORRUPT, "tensor 'logit_scale': expected a finite value, found %g", (double)logarithm);
    float factor = logarithm > 0.0F ? expf(fminf(logarithm, 5.0F)) : 1.0F; /* e^5 > 100 */
    model->info.logit_scale = fminf(factor, max_logit_scale);
    return true;
}

static bool open_weights(const char *directory, tl_model *model, tl_error *err)
{
    bool ok = false;
    size_t scale_row;
    char *path = tl_path_join(directory, TL_MODEL_WEIGHTS_FILE, err);
    if (path == NULL || !tl_safetensors_open(path, &model->weights, err))
        goto done;
    if (!tl_vision_tower_create(&model->info.config, &model->table, &model->vision, err) ||
        !tl_text_tower_create(&model->info.config, &model->table, &model->text, err) ||
        !tl_parameter_table_add(&model->table, "logit_scale", 0, NULL, false, TL_INITIALIZE_CONSTANT, 0.0F, &scale_row, err))
        goto done;
    ok = (point_values(model, err) && read_logit_scale(model, scale_row, err)) || tl_fail_within(err, "'%s'", path);
done:
    tl_memory_free(path);
    return ok;
}

bool tl_model_open(const char *directory, tl_model **out, tl_error *err)
{
    tl_model_files files;
    tl_model *model = tl_memory_allocate(1, sizeof *model, err);
    if (model == NULL)
        return false;
    model->info.family = "twinlens";
    if (!tl_model_files_read(directory, &files, err) || !read_config(directory, &model->info.config, err) ||
        !read_recipe(directory, &model->info.config, &model->info.recipe, err) || !open_weights(directory, model, err))
        goto failed;
    if (!tl_fingerprint_find(directory, &files, model->info.fingerprint) &&
        !tl_fingerprint_compute(directory, &files, model->weights, model->info.fingerprint, err))
        goto failed;
    *out = model;
    return true;
failed:
    tl_model_close(model);
    return false;
}

void tl_model_close(tl_model *model)
{
    if (model == NULL)
        return;
    tl_memory_free(model->values);
    tl_vision_tower_destroy(model->vision);
    tl_text_tower_destroy(model->text);
    tl_parameter_table_clear(&model->table);
    tl_safetensors_close(model->weights);
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
