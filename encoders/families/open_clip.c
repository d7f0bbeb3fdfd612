/*
 * Folders of open_clip's save_for_hf: open_clip_config.json holds {"model_cfg": ..., "preprocess_cfg": ...}. Members that are
 * absent have the defaults of CLIPVisionCfg and CLIPTextCfg; one that asks for a piece that is not written here is an error.
 */
#include "encoders/families/family.h"
#include "encoders/families/members.h"
#include "encoders/families/open_clip_names.h"
#include "encoders/families/timm_models.h"

#include <string.h>

static const char *const weight_files[] = {"open_clip_model.safetensors", "open_clip_model.safetensors.index.json", NULL};

/* Pieces of both towers that nobody has published a model of tiers we read with. */
#define UNWRITTEN_PIECES \
    "ls_init_value", "block_type", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"

static const char *const vision_members[] = {"layers",
                                             "width",
                                             "head_width",
                                             "mlp_ratio",
                                             "patch_size",
                                             "image_size",
                                             "patch_dropout",
                                             "no_ln_pre",
                                             "final_ln_after_pool",
                                             "pool_type",
                                             "output_tokens",
                                             "act_kwargs",
                                             "norm_kwargs",
                                             "timm_model_name",
                                             "timm_model_pretrained",
                                             "timm_pool",
                                             "timm_proj",
                                             "timm_proj_bias",
                                             "timm_drop",
                                             "timm_drop_path",
                                             "attn_pooler_queries",
                                             "attn_pooler_heads",
                                             "pos_embed_type",
                                             NULL};
static const char *const vision_pieces[] = {UNWRITTEN_PIECES, "attentional_pool", "input_patchnorm", "global_average_pool", NULL};
static const char *const text_members[] = {"context_length",
                                           "vocab_size",
                                           "hf_tokenizer_name",
                                           "tokenizer_mode",
                                           "tokenizer_kwargs",
                                           "width",
                                           "heads",
                                           "layers",
                                           "mlp_ratio",
                                           "pad_id",
                                           "eos_id",
                                           "no_causal_mask",
                                           "pool_type",
                                           "proj_bias",
                                           "proj_type",
                                           "output_tokens",
                                           "act_kwargs",
                                           "norm_kwargs",
                                           "hf_proj_type",
                                           "hf_pooler_type",
                                           "hf_model_pretrained",
                                           NULL};
static const char *const text_pieces[] = {UNWRITTEN_PIECES, "embed_cls", "final_ln_after_pool", "hf_model_name", NULL};

/* act_kwargs {"approximate": "tanh"} and norm_kwargs {"eps": 1e-6}. */
static bool read_numbers(const tl_json *tower, bool is_quick, tl_activation *activation, float *epsilon, tl_error *err)
{
    static const char *const act_members[] = {"approximate", NULL}, *const norm_members[] = {"eps", NULL};
    const tl_json *act = tl_json_member(tower, "act_kwargs"), *norm = tl_json_member(tower, "norm_kwargs");
    const char *approximate;
    double number;
    if ((act != NULL && !tl_members_check(act, act_members, NULL, err)) ||
        (norm != NULL && !tl_members_check(norm, norm_members, NULL, err)) ||
        !tl_member_text(act, "approximate", "none", &approximate, err) || !tl_member_number(norm, "eps", 1e-5, &number, err))
        return false;
    bool is_tanh = strcmp(approximate, "tanh") == 0;
    if (!is_tanh && strcmp(approximate, "none") != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'approximate': expected 'tanh' or 'none', found '%.40s'", approximate);
    *activation = is_quick ? TL_QUICK_GELU : is_tanh ? TL_GELU_TANH : TL_GELU;
    *epsilon = number > 0.0 && number < 1.0 ? (float)number : 1.0F; /* refused by the check */
    return true;
}

/* CLIP's ModifiedResNet: "layers" is a list. */
static bool read_resnet(const tl_json *json, tl_vision_config *out, tl_error *err)
{
    const tl_json *list = tl_json_member(json, "layers");
    uint32_t head_width;
    if (tl_json_array_size(list) != 4)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'layers': expected a number, or a list of 4 for a ResNet");
    out->trunk = TL_TRUNK_RESNET;
    for (size_t i = 0; i < 4; i++) {
        int64_t number;
        if (!tl_json_integer(tl_json_array_item(list, i), &number) || number < 1 || number > 256)
            return tl_fail(err, TL_ERROR_CORRUPT, "'layers': expected numbers of 1 to 256");
        out->stage_layers[i] = (uint32_t)number;
        out->layers += (uint32_t)number;
    }
    if (!tl_member_size(json, "width", 64, &out->width, err) || !tl_member_size(json, "head_width", 64, &head_width, err))
        return false;
    if (head_width == 0 || out->width > (1 << 16) || out->width * 32 < head_width)
        return tl_fail(err, TL_ERROR_CORRUPT, "'head_width': expected one that fits 32 times the width %lu, found %lu",
                       (unsigned long)out->width, (unsigned long)head_width);
    out->heads = out->width * 32 / head_width;
    out->patch_size = 32;
    return true;
}

static bool read_pool(const tl_json *json, tl_vision_config *out, tl_error *err)
{
    const char *name;
    if (!tl_member_text(json, "pool_type", "tok", &name, err))
        return false;
    if (strcmp(name, "tok") != 0 && strcmp(name, "avg") != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'pool_type': expected 'tok' or 'avg', found '%.40s'", name);
    out->pooling = name[0] == 't' ? TL_POOL_CLASS_TOKEN : TL_POOL_AVERAGE;
    return true;
}

static bool read_own_transformer(const tl_json *json, tl_vision_config *out, tl_error *err)
{
    uint32_t head_width;
    double ratio;
    const char *positions;
    if (!tl_member_size(json, "layers", 12, &out->layers, err) || !tl_member_size(json, "width", 768, &out->width, err) ||
        !tl_member_size(json, "head_width", 64, &head_width, err) || !tl_member_number(json, "mlp_ratio", 4.0, &ratio, err) ||
        !tl_mlp_width(out->width, ratio, &out->mlp_width, err) ||
        !tl_member_side(json, "patch_size", 16, &out->patch_size, err) ||
        !tl_member_flag(json, "no_ln_pre", false, &out->without_pre_norm, err) ||
        !tl_member_flag(json, "final_ln_after_pool", false, &out->norm_after_pooling, err) || !read_pool(json, out, err) ||
        !tl_member_text(json, "pos_embed_type", "learnable", &positions, err))
        return false;
    if (strcmp(positions, "learnable") != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'pos_embed_type': expected 'learnable', found '%.40s'", positions);
    if (head_width == 0 || head_width > out->width)
        return tl_fail(err, TL_ERROR_CORRUPT, "'head_width': expected 1 to the width %lu, found %lu", (unsigned long)out->width,
                       (unsigned long)head_width);
    out->heads = out->width / head_width;
    /* Of one pooled row the order makes no difference. */
    out->norm_after_pooling = out->norm_after_pooling && out->pooling == TL_POOL_AVERAGE;
    return true;
}

/* open_clip knows a timm trunk by its name alone; sizes beside the name, which no published config states, are those of a model
 * cut down. */
static bool read_timm_sizes(const tl_json *json, tl_vision_config *out, tl_error *err)
{
    const tl_vision_config whole = *out;
    uint32_t head_width = whole.width / whole.heads;
    double ratio;
    if (!tl_member_side(json, "image_size", whole.image_size, &out->image_size, err) ||
        !tl_member_side(json, "patch_size", whole.patch_size, &out->patch_size, err) ||
        !tl_member_size(json, "layers", whole.layers, &out->layers, err) ||
        !tl_member_size(json, "width", whole.width, &out->width, err) ||
        !tl_member_size(json, "head_width", head_width, &head_width, err) ||
        !tl_member_number(json, "mlp_ratio", (double)whole.mlp_width / whole.width, &ratio, err))
        return false;
    if (head_width == 0 || head_width > out->width)
        return tl_fail(err, TL_ERROR_CORRUPT, "'head_width': expected 1 to the width %lu, found %lu", (unsigned long)out->width,
                       (unsigned long)head_width);
    out->heads = out->width / head_width;
    /* A ratio that came from the table is not exact. */
    if (out->width != whole.width || tl_json_member(json, "mlp_ratio") != NULL) {
        if (!tl_mlp_width(out->width, ratio, &out->mlp_width, err))
            return false;
    }
    if (whole.pool_heads == whole.heads)
        out->pool_heads = out->heads;
    if (whole.pool_mlp_width == whole.mlp_width)
        out->pool_mlp_width = out->mlp_width;
    else if (out->width != whole.width)
        out->pool_mlp_width = (uint32_t)((uint64_t)out->width * whole.pool_mlp_width / whole.width);
    if (out->rotary.reference_side != 0 && tl_json_member(json, "layers") != NULL && out->patch_size != 0)
        out->rotary.reference_side = out->image_size / out->patch_size;
    return true;
}

static bool read_timm(const tl_json *json, const char *name, tl_vision_config *out, tl_error *err)
{
    const tl_timm_model *model = tl_timm_model_find(name);
    const char *pool, *projection;
    bool has_bias;
    if (model == NULL)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'timm_model_name': '%.80s' is not an image tower this program can compute",
                       name);
    *out = model->vision;
    /* null is not absent here: it means timm's own head, absence means open_clip's. */
    bool is_null = tl_json_has_null(json, "timm_proj");
    if (!tl_member_text(json, "timm_pool", "avg", &pool, err) ||
        !tl_member_text(json, "timm_proj", is_null ? "" : "linear", &projection, err) ||
        !tl_member_flag(json, "timm_proj_bias", false, &has_bias, err) || !read_timm_sizes(json, out, err))
        return false;
    const char *wanted = model->vision.pooling == TL_POOL_ATTENTION ? "map" : "token";
    if (strcmp(pool, wanted) != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'timm_pool': expected '%s' for '%.80s', found '%.40s'", wanted, name, pool);
    if (projection[0] == '\0')
        out->projection = TL_PROJECTION_LINEAR;
    else if (strcmp(projection, "none") == 0)
        out->projection = TL_PROJECTION_NONE;
    else if (strcmp(projection, "linear") == 0)
        out->projection = has_bias ? TL_PROJECTION_LINEAR : TL_PROJECTION_MATRIX;
    else
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'timm_proj': expected 'linear', 'none' or null, found '%.40s'", projection);
    return true;
}

static bool read_vision(const tl_json *json, bool is_quick, tl_vision_config *out, tl_error *err)
{
    const char *timm_name;
    if (!tl_members_check(json, vision_members, vision_pieces, err) ||
        !tl_member_text(json, "timm_model_name", NULL, &timm_name, err))
        return false;
    if (timm_name != NULL)
        return read_timm(json, timm_name, out, err);
    return tl_member_side(json, "image_size", 224, &out->image_size, err) &&
           read_numbers(json, is_quick, &out->activation, &out->layer_norm_epsilon, err) &&
           (tl_json_array_size(tl_json_member(json, "layers")) != 0 ? read_resnet(json, out, err)
                                                                    : read_own_transformer(json, out, err));
}

static bool read_text(const tl_json *json, bool is_quick, tl_text_config *out, tl_error *err)
{
    const char *pool, *projection;
    bool has_bias;
    double ratio;
    uint32_t eos, pad;
    if (!tl_members_check(json, text_members, text_pieces, err) ||
        !tl_member_size(json, "context_length", 77, &out->context_length, err) ||
        !tl_member_size(json, "vocab_size", 49408, &out->vocabulary_size, err) ||
        !tl_member_size(json, "width", 512, &out->width, err) || !tl_member_size(json, "heads", 8, &out->heads, err) ||
        !tl_member_size(json, "layers", 12, &out->layers, err) || !tl_member_number(json, "mlp_ratio", 4.0, &ratio, err) ||
        !tl_mlp_width(out->width, ratio, &out->mlp_width, err) || !tl_member_size(json, "eos_id", 2, &eos, err) ||
        !tl_member_size(json, "pad_id", 0, &pad, err) ||
        !tl_member_flag(json, "no_causal_mask", false, &out->without_causal_mask, err) ||
        !tl_member_text(json, "pool_type", "argmax", &pool, err) || !tl_member_flag(json, "proj_bias", false, &has_bias, err) ||
        !tl_member_text(json, "proj_type", "linear", &projection, err) ||
        !read_numbers(json, is_quick, &out->activation, &out->layer_norm_epsilon, err))
        return false;
    out->eos_id = (int32_t)eos;
    out->pad_id = (int32_t)pad;
    if (strcmp(pool, "argmax") == 0)
        out->pooling = TL_POOL_ARGMAX;
    else if (strcmp(pool, "last") == 0)
        out->pooling = TL_POOL_LAST;
    else if (strcmp(pool, "eos") == 0)
        out->pooling = TL_POOL_EOS;
    else
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'pool_type': expected 'argmax', 'last' or 'eos', found '%.40s'", pool);
    if (strcmp(projection, "none") == 0)
        out->projection = TL_PROJECTION_NONE;
    else if (strcmp(projection, "linear") == 0)
        out->projection = has_bias ? TL_PROJECTION_LINEAR : TL_PROJECTION_MATRIX;
    else
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'proj_type': expected 'linear' or 'none', found '%.40s'", projection);
    return true;
}

static bool read_config(const tl_json *config, tl_model_config *out, tl_error *err)
{
    static const char *const members[] = {"embed_dim",   "vision_cfg",       "text_cfg",        "quick_gelu",
                                          "custom_text", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale",
                                          NULL};
    static const char *const pieces[] = {"multimodal_cfg", "audio_cfg", NULL};
    const tl_json *model = tl_json_member(config, "model_cfg");
    bool is_quick;
    *out = (tl_model_config){0};
    if (!tl_members_check(model, members, pieces, err) || !tl_member_size(model, "embed_dim", 0, &out->embedding_dim, err) ||
        !tl_member_flag(model, "quick_gelu", false, &is_quick, err))
        return tl_fail_within(err, "model_cfg");
    out->has_logit_bias = tl_json_member(model, "init_logit_bias") != NULL;
    if (!read_vision(tl_json_member(model, "vision_cfg"), is_quick, &out->vision, err))
        return tl_fail_within(err, "model_cfg: vision_cfg");
    if (!read_text(tl_json_member(model, "text_cfg"), is_quick, &out->text, err))
        return tl_fail_within(err, "model_cfg: text_cfg");
    return true;
}

static bool recognises(const tl_json *config)
{
    return tl_json_is_object(tl_json_member(config, "model_cfg"));
}

static bool read_recipe(const tl_json *config, const tl_json *preprocessor, uint32_t image_size, tl_image_recipe *out,
                        tl_error *err)
{
    (void)preprocessor;
    return tl_image_recipe_read_open_clip(tl_json_member(config, "preprocess_cfg"), image_size, out, err);
}

/* timm builds its trunks with their own: quick_gelu is of the text tower then. */
static bool has_trunk_activation(const tl_json *config)
{
    return tl_json_member(tl_json_member(tl_json_member(config, "model_cfg"), "vision_cfg"), "timm_model_name") != NULL;
}

static bool states_activation(const tl_json *config)
{
    const tl_json *model = tl_json_member(config, "model_cfg");
    return tl_json_member(model, "quick_gelu") != NULL || has_trunk_activation(config) ||
           tl_json_member(tl_json_member(model, "text_cfg"), "hf_tokenizer_name") != NULL;
}

const tl_family tl_family_open_clip = {
    .name = "open_clip",
    .format = TL_MODEL_OPEN_CLIP,
    .config_file = "open_clip_config.json",
    .weight_files = weight_files,
    .recognises = recognises,
    .read_config = read_config,
    .read_recipe = read_recipe,
    .states_activation = states_activation,
    .has_trunk_activation = has_trunk_activation,
    .names = &tl_open_clip_names,
};
