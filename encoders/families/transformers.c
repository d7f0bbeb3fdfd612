/*
 * Folders that transformers' save_pretrained writes: CLIP (model_type "clip"), MetaCLIP 2 ("metaclip_2"), SigLIP and SigLIP 2 of
 * fixed resolution ("siglip"). Members that are absent have the defaults of the library's configuration classes, which published
 * files rely on.
 */
#include "encoders/families/family.h"
#include "encoders/families/members.h"
#include "encoders/families/transformers_names.h"

#include <string.h>

static const char *const weight_files[] = {"model.safetensors", "model.safetensors.index.json", NULL};

typedef struct tower_defaults {
    uint32_t width, mlp_width, layers, heads;
    const char *activation;
    double epsilon;
} tower_defaults;

/* CLIPTextConfig, CLIPVisionConfig, SiglipTextConfig, SiglipVisionConfig. */
static const tower_defaults clip_text = {512, 2048, 12, 8, "quick_gelu", 1e-5},
                            clip_image = {768, 3072, 12, 12, "quick_gelu", 1e-5},
                            siglip_tower = {768, 3072, 12, 12, "gelu_pytorch_tanh", 1e-6};

enum { CLIP_VOCABULARY = 49408, CLIP_EOS = 49407, OLD_CLIP_EOS = 2, SIGLIP_VOCABULARY = 32000 };

static bool read_activation(const tl_json *json, const char *fallback, tl_activation *out, tl_error *err)
{
    static const struct {
        const char *name;
        tl_activation activation;
    } names[] = {{"quick_gelu", TL_QUICK_GELU},       {"gelu", TL_GELU},          {"gelu_python", TL_GELU},
                 {"gelu_pytorch_tanh", TL_GELU_TANH}, {"gelu_new", TL_GELU_TANH}, {"gelu_fast", TL_GELU_TANH}};
    const char *name;
    if (!tl_member_text(json, "hidden_act", fallback, &name, err))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i].name) == 0) {
            *out = names[i].activation;
            return true;
        }
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "'hidden_act': expected quick_gelu, gelu or gelu_pytorch_tanh, found '%.40s'",
                   name);
}

static bool read_epsilon(const tl_json *json, double fallback, float *out, tl_error *err)
{
    double epsilon;
    if (!tl_member_number(json, "layer_norm_eps", fallback, &epsilon, err))
        return false;
    *out = epsilon > 0.0 && epsilon < 1.0 ? (float)epsilon : 1.0F; /* refused by the check */
    return true;
}

static bool read_image_tower(const tl_json *json, const tower_defaults *defaults, uint32_t patch_size, tl_vision_config *out,
                             tl_error *err)
{
    uint32_t channels;
    if (!tl_member_size(json, "num_channels", 3, &channels, err))
        return false;
    if (channels != 3)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'num_channels': expected 3, found %lu", (unsigned long)channels);
    return tl_member_side(json, "image_size", 224, &out->image_size, err) &&
           tl_member_side(json, "patch_size", patch_size, &out->patch_size, err) &&
           tl_member_size(json, "hidden_size", defaults->width, &out->width, err) &&
           tl_member_size(json, "intermediate_size", defaults->mlp_width, &out->mlp_width, err) &&
           tl_member_size(json, "num_hidden_layers", defaults->layers, &out->layers, err) &&
           tl_member_size(json, "num_attention_heads", defaults->heads, &out->heads, err) &&
           read_activation(json, defaults->activation, &out->activation, err) &&
           read_epsilon(json, defaults->epsilon, &out->layer_norm_epsilon, err);
}

static bool read_text_tower(const tl_json *json, const tower_defaults *defaults, uint32_t context, uint32_t vocabulary,
                            tl_text_config *out, tl_error *err)
{
    return tl_member_size(json, "max_position_embeddings", context, &out->context_length, err) &&
           tl_member_size(json, "vocab_size", vocabulary, &out->vocabulary_size, err) &&
           tl_member_size(json, "hidden_size", defaults->width, &out->width, err) &&
           tl_member_size(json, "intermediate_size", defaults->mlp_width, &out->mlp_width, err) &&
           tl_member_size(json, "num_hidden_layers", defaults->layers, &out->layers, err) &&
           tl_member_size(json, "num_attention_heads", defaults->heads, &out->heads, err) &&
           read_activation(json, defaults->activation, &out->activation, err) &&
           read_epsilon(json, defaults->epsilon, &out->layer_norm_epsilon, err);
}

/* Of a tower that is absent every number is the library's. */
static bool find_towers(const tl_json *config, const tl_json **text, const tl_json **image, tl_error *err)
{
    *text = tl_json_member(config, "text_config");
    *image = tl_json_member(config, "vision_config");
    if ((*text == NULL || tl_json_is_object(*text)) && (*image == NULL || tl_json_is_object(*image)))
        return true;
    return tl_fail(err, TL_ERROR_CORRUPT, "'text_config', 'vision_config': expected objects");
}

static bool read_clip(const tl_json *config, tl_model_config *out, tl_error *err)
{
    const tl_json *text, *image;
    uint32_t eos;
    *out = (tl_model_config){0};
    if (!find_towers(config, &text, &image, err) || !tl_member_size(config, "projection_dim", 512, &out->embedding_dim, err))
        return false;
    if (!read_image_tower(image, &clip_image, 32, &out->vision, err))
        return tl_fail_within(err, "vision_config");
    if (!read_text_tower(text, &clip_text, 77, CLIP_VOCABULARY, &out->text, err) ||
        !tl_member_size(text, "eos_token_id", CLIP_EOS, &eos, err))
        return tl_fail_within(err, "text_config");
    /* Files older than 2023 name 2, which the library reads as "the largest id". */
    out->text.pooling = eos == OLD_CLIP_EOS ? TL_POOL_ARGMAX : TL_POOL_EOS;
    out->text.eos_id = (int32_t)eos;
    return true;
}

/* The same, but its 2 is XLM-V's end of text. */
static bool read_metaclip_2(const tl_json *config, tl_model_config *out, tl_error *err)
{
    if (!read_clip(config, out, err))
        return false;
    out->text.pooling = TL_POOL_EOS;
    return true;
}

static bool read_siglip(const tl_json *config, tl_model_config *out, tl_error *err)
{
    const tl_json *text, *image;
    bool has_head;
    *out = (tl_model_config){.has_logit_bias = true};
    if (!find_towers(config, &text, &image, err))
        return false;
    if (!read_image_tower(image, &siglip_tower, 16, &out->vision, err) ||
        !tl_member_flag(image, "vision_use_head", true, &has_head, err))
        return tl_fail_within(err, "vision_config");
    if (!has_head)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "vision_config: 'vision_use_head': expected true, found false");
    out->vision.pooling = TL_POOL_ATTENTION;
    out->vision.pool_heads = out->vision.heads;
    out->vision.projection = TL_PROJECTION_NONE;
    out->vision.without_class_token = out->vision.without_pre_norm = out->vision.with_patch_bias = true;
    out->embedding_dim = out->vision.width;
    uint32_t projection = 0;
    if (!read_text_tower(text, &siglip_tower, 64, SIGLIP_VOCABULARY, &out->text, err) ||
        !tl_member_size(text, "projection_size", out->text.width, &projection, err))
        return tl_fail_within(err, "text_config");
    if (projection != out->embedding_dim)
        return tl_fail(err, TL_ERROR_CORRUPT, "text_config: 'projection_size': expected the image tower's width %lu, found %lu",
                       (unsigned long)out->embedding_dim, (unsigned long)projection);
    out->text.pooling = TL_POOL_LAST;
    out->text.without_causal_mask = true;
    out->text.projection = TL_PROJECTION_LINEAR;
    return true;
}

static bool is_type(const tl_json *config, const char *type)
{
    return strcmp(tl_json_text_or(config, "model_type", ""), type) == 0;
}

static bool is_clip(const tl_json *config)
{
    return is_type(config, "clip");
}

static bool is_metaclip_2(const tl_json *config)
{
    return is_type(config, "metaclip_2");
}

static bool is_siglip(const tl_json *config)
{
    return is_type(config, "siglip");
}

static bool read_recipe(const tl_json *config, const tl_json *preprocessor, uint32_t image_size, tl_image_recipe *out,
                        tl_error *err)
{
    (void)config;
    return tl_image_recipe_read_transformers(preprocessor, image_size, out, err);
}

static bool states_activation(const tl_json *config)
{
    return tl_json_member(tl_json_member(config, "text_config"), "hidden_act") != NULL &&
           tl_json_member(tl_json_member(config, "vision_config"), "hidden_act") != NULL;
}

#define TRANSFORMERS_FAMILY                                                                      \
    .format = TL_MODEL_TRANSFORMERS, .config_file = "config.json", .weight_files = weight_files, \
    .recipe_file = "preprocessor_config.json", .read_recipe = read_recipe, .names = &tl_transformers_names

const tl_family tl_family_clip = {.name = "CLIP (transformers)",
                                  .recognises = is_clip,
                                  .read_config = read_clip,
                                  .states_activation = states_activation,
                                  TRANSFORMERS_FAMILY};
const tl_family tl_family_metaclip_2 = {.name = "MetaCLIP 2 (transformers)",
                                        .recognises = is_metaclip_2,
                                        .read_config = read_metaclip_2,
                                        .states_activation = states_activation,
                                        TRANSFORMERS_FAMILY};
const tl_family tl_family_siglip = {
    .name = "SigLIP (transformers)", .recognises = is_siglip, .read_config = read_siglip, TRANSFORMERS_FAMILY};
