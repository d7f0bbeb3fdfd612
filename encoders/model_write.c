/*
 * A model written as a folder of another kind, or mixed with a second one of the same sizes (Wortsman et al. 2022, "WiSE-FT").
 * Tensors are ours, which are open_clip's names for what its class CLIP has; the vocabulary is the caller's affair.
 */
#include "base/core/memory.h"
#include "encoders/fingerprint.h"
#include "encoders/model_internal.h"

#include <math.h>
#include <string.h>

/* ---- open_clip_config.json ---- */

/* What open_clip's own classes lack: false, naming it. */
static bool check_open_clip(const tl_model_config *config, tl_error *err)
{
    const tl_vision_config *vision = &config->vision;
    const char *what = vision->trunk != TL_TRUNK_TRANSFORMER              ? "a ResNet"
                       : vision->pooling == TL_POOL_ATTENTION             ? "attention pooling"
                       : vision->without_class_token                      ? "an image tower without class token"
                       : vision->with_patch_bias                          ? "a bias of the patch embedding"
                       : vision->rotary.is_used || vision->with_gated_mlp ? "blocks of another kind"
                       : vision->with_inner_norms || vision->norms_last   ? "blocks of another kind"
                       : vision->projection != TL_PROJECTION_MATRIX       ? "this projection of the image tower"
                       : config->text.projection != TL_PROJECTION_MATRIX  ? "this projection of the text tower"
                       : vision->activation != config->text.activation    ? "two activations"
                                                                          : NULL;
    return what == NULL || tl_fail(err, TL_ERROR_UNSUPPORTED, "open_clip's class CLIP has no %s", what);
}

static bool set_numbers(tl_json *tower, tl_activation activation, float epsilon, tl_error *err)
{
    tl_json *norm = tl_json_object_create(err);
    if (norm == NULL || !tl_json_set_number(norm, "eps", (double)epsilon, err)) {
        tl_json_free(norm);
        return false;
    }
    if (!tl_json_set(tower, "norm_kwargs", norm, err))
        return false;
    if (activation != TL_GELU_TANH)
        return true;
    tl_json *act = tl_json_object_create(err);
    if (act == NULL || !tl_json_set_text(act, "approximate", "tanh", err)) {
        tl_json_free(act);
        return false;
    }
    return tl_json_set(tower, "act_kwargs", act, err);
}

static tl_json *describe_vision(const tl_vision_config *vision, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_integer(json, "image_size", vision->image_size, err) &&
        tl_json_set_integer(json, "patch_size", vision->patch_size, err) &&
        tl_json_set_integer(json, "width", vision->width, err) && tl_json_set_integer(json, "layers", vision->layers, err) &&
        tl_json_set_integer(json, "head_width", vision->width / vision->heads, err) &&
        tl_json_set_number(json, "mlp_ratio", (double)vision->mlp_width / (double)vision->width, err) &&
        tl_json_set_text(json, "pool_type", vision->pooling == TL_POOL_AVERAGE ? "avg" : "tok", err) &&
        tl_json_set_bool(json, "no_ln_pre", vision->without_pre_norm, err) &&
        tl_json_set_bool(json, "final_ln_after_pool", vision->norm_after_pooling, err) &&
        set_numbers(json, vision->activation, vision->layer_norm_epsilon, err))
        return json;
    tl_json_free(json);
    return NULL;
}

static tl_json *describe_text(const tl_text_config *text, tl_error *err)
{
    static const char *const poolings[] = {[TL_POOL_EOS] = "eos", [TL_POOL_ARGMAX] = "argmax", [TL_POOL_LAST] = "last"};
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_integer(json, "context_length", text->context_length, err) &&
        tl_json_set_integer(json, "vocab_size", text->vocabulary_size, err) &&
        tl_json_set_integer(json, "width", text->width, err) && tl_json_set_integer(json, "layers", text->layers, err) &&
        tl_json_set_integer(json, "heads", text->heads, err) &&
        tl_json_set_number(json, "mlp_ratio", (double)text->mlp_width / (double)text->width, err) &&
        tl_json_set_bool(json, "no_causal_mask", text->without_causal_mask, err) &&
        tl_json_set_text(json, "pool_type", poolings[text->pooling], err) &&
        tl_json_set_integer(json, "eos_id", text->eos_id, err) && tl_json_set_integer(json, "pad_id", text->pad_id, err) &&
        set_numbers(json, text->activation, text->layer_norm_epsilon, err))
        return json;
    tl_json_free(json);
    return NULL;
}

/* {"model_cfg": .., "preprocess_cfg": ..} */
static bool describe_open_clip(const tl_model_config *config, const tl_image_recipe *recipe, tl_json **out, tl_error *err)
{
    tl_json *preprocess = NULL, *whole = NULL, *model = tl_json_object_create(err);
    if (model == NULL || !tl_json_set_integer(model, "embed_dim", config->embedding_dim, err) ||
        !tl_json_set_bool(model, "quick_gelu", config->vision.activation == TL_QUICK_GELU, err) ||
        !tl_json_set(model, "vision_cfg", describe_vision(&config->vision, err), err) ||
        !tl_json_set(model, "text_cfg", describe_text(&config->text, err), err) ||
        (config->has_logit_bias && !tl_json_set_number(model, "init_logit_bias", -10.0, err)) ||
        (whole = tl_json_object_create(err)) == NULL) {
        tl_json_free(model);
        return false;
    }
    if (!tl_json_set(whole, "model_cfg", model, err) || !tl_image_recipe_write(recipe, &preprocess, err) ||
        !tl_json_set(whole, "preprocess_cfg", preprocess, err)) {
        tl_json_free(whole);
        return false;
    }
    *out = whole;
    return true;
}

/* ---- tensors ---- */

static bool read_row(const tl_model *model, const tl_parameter *parameter, float *out, tl_error *err)
{
    bool found;
    return tl_model_read_tensor(model, parameter->name, parameter->rank, parameter->shape, out, &found, err) &&
           (found ||
            tl_fail(err, TL_ERROR_INVALID, "tensor '%s': expected one in both models, found none in one", parameter->name));
}

/* values = (1 - weight) a + weight b, in double, so that 0 and 1 are one of the two to the bit. */
static bool mix_rows(const tl_model *a, const tl_model *b, double weight, float *block, tl_error *err)
{
    size_t most = 0;
    for (size_t row = 0; row < a->table.count; row++)
        most = a->table.items[row].count > most ? a->table.items[row].count : most;
    float *other = b != NULL ? tl_memory_allocate(most, sizeof *other, err) : NULL;
    bool ok = b == NULL || other != NULL;
    for (size_t row = 0; ok && row < a->table.count; row++) {
        const tl_parameter *parameter = &a->table.items[row];
        float *values = block + parameter->offset;
        ok = read_row(a, parameter, values, err) && (b == NULL || read_row(b, parameter, other, err));
        for (size_t i = 0; ok && b != NULL && i < parameter->count; i++)
            values[i] = (float)((1.0 - weight) * (double)values[i] + weight * (double)other[i]);
    }
    tl_memory_free(other);
    return ok;
}

static bool write_tensors(const tl_model *model, const float *block, const char *path, tl_error *err)
{
    const tl_parameter_table *table = &model->table;
    tl_file_writer *writer = NULL;
    tl_tensor_source *tensors = tl_memory_allocate(table->count, sizeof *tensors, err);
    if (tensors == NULL)
        return false;
    for (size_t row = 0; row < table->count; row++) {
        const tl_parameter *parameter = &table->items[row];
        tensors[row] = (tl_tensor_source){parameter->name, parameter->rank, parameter->shape, block + parameter->offset};
    }
    bool ok = tl_file_writer_open(path, &writer, err) && tl_safetensors_write(writer, tensors, table->count, NULL, NULL, err) &&
              tl_file_writer_commit(writer, err);
    tl_file_writer_close(writer);
    tl_memory_free(tensors);
    return ok;
}

static bool write_json(const char *directory, const char *name, tl_json *json, tl_error *err)
{
    char *path = json != NULL ? tl_path_join(directory, name, err) : NULL;
    bool ok = path != NULL && tl_json_write_file(json, path, err);
    tl_memory_free(path);
    tl_json_free(json);
    return ok;
}

static bool write_config(const tl_model_info *info, tl_model_format format, const char *directory, tl_error *err)
{
    tl_json *config = NULL, *recipe = NULL;
    if (format == TL_MODEL_OPEN_CLIP)
        return describe_open_clip(&info->config, &info->recipe, &config, err) &&
               write_json(directory, "open_clip_config.json", config, err);
    return tl_model_config_write(&info->config, &config, err) && write_json(directory, TL_MODEL_CONFIG_FILE, config, err) &&
           tl_image_recipe_write(&info->recipe, &recipe, err) && write_json(directory, TL_MODEL_RECIPE_FILE, recipe, err);
}

bool tl_model_write(const tl_model *model, const tl_model *other, double weight, tl_model_format format, const char *directory,
                    tl_error *err)
{
    if (!(weight >= 0.0 && weight <= 1.0))
        return tl_fail(err, TL_ERROR_INVALID, "weight: expected 0 to 1, found %g", weight);
    if (other != NULL && other->table.count != model->table.count)
        return tl_fail(err, TL_ERROR_INVALID, "expected two models of the same tensors, found %zu and %zu", model->table.count,
                       other->table.count);
    if (format == TL_MODEL_OPEN_CLIP && !check_open_clip(&model->info.config, err))
        return false;
    float *block = tl_memory_allocate_aligned(model->table.flat_count, sizeof *block, err);
    char *path =
        block != NULL
            ? tl_path_join(directory, format == TL_MODEL_OPEN_CLIP ? "open_clip_model.safetensors" : TL_MODEL_WEIGHTS_FILE, err)
            : NULL;
    bool ok = path != NULL && mix_rows(model, other, weight, block, err) && tl_directory_create(directory, err) &&
              write_tensors(model, block, path, err) && write_config(&model->info, format, directory, err);
    tl_memory_free(path);
    tl_memory_free(block);
    return ok;
}
