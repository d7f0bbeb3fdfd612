/*
 * Folders that open_clip's class CLIP loads ("local-dir:FOLDER"): open_clip_config.json, and tensors by names that are ours too.
 */
#include "encoders/writers/writer.h"

/* What open_clip's own classes lack: false, naming it. */
static bool check(const tl_model_info *info, tl_error *err)
{
    const tl_model_config *config = &info->config;
    const tl_vision_config *vision = &config->vision;
    const char *what = vision->trunk != TL_TRUNK_TRANSFORMER              ? "a ResNet"
                       : vision->stem_stage_count != 0                    ? "a convolutional stem"
                       : vision->pooling == TL_POOL_ATTENTION             ? "attention pooling"
                       : vision->without_class_token                      ? "an image tower without class token"
                       : vision->with_patch_bias                          ? "a bias of the patch embedding"
                       : vision->rotary.is_used || vision->with_gated_mlp ? "blocks of another kind"
                       : vision->with_inner_norms || vision->norms_last   ? "blocks of another kind"
                       : vision->projection != TL_PROJECTION_MATRIX       ? "this projection of the image tower"
                       : config->text.projection != TL_PROJECTION_MATRIX  ? "this projection of the text tower"
                       : vision->activation != config->text.activation    ? "two activations"
                       : info->recipe.resize_size != 0                    ? "pictures resized before they are cropped"
                       : info->recipe.rescale_factor != 0                 ? "levels of another scale"
                       : info->recipe.filter > TL_RESIZE_BILINEAR         ? "this interpolation of pictures"
                                                                          : NULL;
    return what == NULL || tl_fail(err, TL_ERROR_UNSUPPORTED, "open_clip's class CLIP has no place for %s", what);
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

/* open_clip makes int(width * ratio) of it. A ratio in eighths survives nine decimal digits; any other aims at the middle between
 * two whole widths, so that what is cut off leaves the right one. */
static bool set_mlp_ratio(tl_json *tower, uint32_t width, uint32_t mlp_width, tl_error *err)
{
    const bool is_exact = (uint64_t)mlp_width * 8 % width == 0;
    return tl_json_set_number(tower, "mlp_ratio", ((double)mlp_width + (is_exact ? 0.0 : 0.5)) / (double)width, err);
}

static tl_json *describe_vision(const tl_vision_config *vision, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_integer(json, "image_size", vision->image_size, err) &&
        tl_json_set_integer(json, "patch_size", vision->patch_size, err) &&
        tl_json_set_integer(json, "width", vision->width, err) && tl_json_set_integer(json, "layers", vision->layers, err) &&
        tl_json_set_integer(json, "head_width", vision->width / vision->heads, err) &&
        set_mlp_ratio(json, vision->width, vision->mlp_width, err) &&
        tl_json_set_text(json, "pool_type", vision->pooling == TL_POOL_AVERAGE ? "avg" : "tok", err) &&
        tl_json_set_bool(json, "no_ln_pre", vision->without_pre_norm, err) &&
        tl_json_set_bool(json, "final_ln_after_pool", vision->norm_after_pooling, err) &&
        set_numbers(json, vision->activation, vision->layer_norm_epsilon, err))
        return json;
    tl_json_free(json);
    return NULL;
}

static tl_json *describe_text(const tl_text_config *text, const char *tokenizer_name, tl_error *err)
{
    static const char *const poolings[] = {[TL_POOL_EOS] = "eos", [TL_POOL_ARGMAX] = "argmax", [TL_POOL_LAST] = "last"};
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_integer(json, "context_length", text->context_length, err) &&
        tl_json_set_integer(json, "vocab_size", text->vocabulary_size, err) &&
        tl_json_set_integer(json, "width", text->width, err) && tl_json_set_integer(json, "layers", text->layers, err) &&
        tl_json_set_integer(json, "heads", text->heads, err) && set_mlp_ratio(json, text->width, text->mlp_width, err) &&
        tl_json_set_bool(json, "no_causal_mask", text->without_causal_mask, err) &&
        tl_json_set_text(json, "pool_type", poolings[text->pooling], err) &&
        tl_json_set_integer(json, "eos_id", text->eos_id, err) && tl_json_set_integer(json, "pad_id", text->pad_id, err) &&
        set_numbers(json, text->activation, text->layer_norm_epsilon, err) &&
        (tokenizer_name == NULL || tl_json_set_text(json, "hf_tokenizer_name", tokenizer_name, err)))
        return json;
    tl_json_free(json);
    return NULL;
}

/* {"model_cfg": .., "preprocess_cfg": ..} */
static bool describe_open_clip(const tl_model_config *config, const tl_image_recipe *recipe, const char *tokenizer_name,
                               tl_json **out, tl_error *err)
{
    tl_json *preprocess = NULL, *whole = NULL, *model = tl_json_object_create(err);
    if (model == NULL || !tl_json_set_integer(model, "embed_dim", config->embedding_dim, err) ||
        !tl_json_set_bool(model, "quick_gelu", config->vision.activation == TL_QUICK_GELU, err) ||
        !tl_json_set(model, "vision_cfg", describe_vision(&config->vision, err), err) ||
        !tl_json_set(model, "text_cfg", describe_text(&config->text, tokenizer_name, err), err) ||
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

static bool write_config(const tl_model_info *info, tl_dtype dtype, const char *tokenizer_name, const char *directory,
                         tl_error *err)
{
    tl_json *config = NULL;
    (void)dtype;
    return describe_open_clip(&info->config, &info->recipe, tokenizer_name, &config, err) &&
           tl_writer__json(directory, "open_clip_config.json", config, err);
}

const tl_model_writer tl_writer_open_clip = {
    .weights_file = "open_clip_model.safetensors", .check = check, .write_config = write_config};
