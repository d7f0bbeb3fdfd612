/*
 * Folders that transformers' CLIPModel and SiglipModel load by from_pretrained: config.json, preprocessor_config.json of their
 * image processors, and tensors by the names that encoders/families reads.
 */
#include "encoders/families/transformers_names.h"
#include "encoders/writers/writer.h"

enum { OLD_CLIP_EOS = 2, LANCZOS = 1, BILINEAR = 2, BICUBIC = 3, BOX = 4, HAMMING = 5 };

/* ---- what fits ---- */

static bool refuse(const char *model_class, const char *what, tl_error *err)
{
    return what == NULL || tl_fail(err, TL_ERROR_UNSUPPORTED, "transformers' %s has no place for %s", model_class, what);
}

/* What neither class has. */
static const char *find_foreign(const tl_vision_config *vision)
{
    return vision->trunk != TL_TRUNK_TRANSFORMER              ? "a ResNet"
           : vision->stem_stage_count != 0                    ? "a convolutional stem"
           : vision->rotary.is_used || vision->with_gated_mlp ? "blocks of another kind"
           : vision->with_inner_norms || vision->norms_last   ? "blocks of another kind"
                                                              : NULL;
}

static bool check_clip(const tl_model_info *info, tl_error *err)
{
    const tl_vision_config *vision = &info->config.vision;
    const tl_text_config *text = &info->config.text;
    const char *what = find_foreign(vision);
    if (what == NULL)
        what = vision->pooling == TL_POOL_AVERAGE                             ? "average pooling of patches"
               : vision->pooling == TL_POOL_ATTENTION                         ? "attention pooling of patches"
               : vision->without_pre_norm                                     ? "an image tower without a first norm"
               : vision->with_patch_bias                                      ? "a bias of the patch embedding"
               : vision->projection != TL_PROJECTION_MATRIX                   ? "this projection of the image tower"
               : text->projection != TL_PROJECTION_MATRIX                     ? "this projection of the text tower"
               : text->without_causal_mask                                    ? "a text tower without a causal mask"
               : text->pooling == TL_POOL_LAST                                ? "pooling of the last token"
               : text->pooling == TL_POOL_EOS && text->eos_id == OLD_CLIP_EOS ? "an end of text of number 2"
               : info->config.has_logit_bias                                  ? "a logit bias"
                                                                              : NULL;
    return refuse("CLIPModel", what, err);
}

static bool check_siglip(const tl_model_info *info, tl_error *err)
{
    const tl_vision_config *vision = &info->config.vision;
    const tl_text_config *text = &info->config.text;
    const uint32_t pool_mlp_width = vision->pool_mlp_width != 0 ? vision->pool_mlp_width : vision->mlp_width;
    const char *what = find_foreign(vision);
    if (what == NULL)
        what = vision->pooling != TL_POOL_ATTENTION       ? "a pooling that is not by attention"
               : !vision->without_class_token             ? "a class token"
               : !vision->without_pre_norm                ? "a norm before the first block"
               : !vision->with_patch_bias                 ? "a patch embedding without bias"
               : vision->projection != TL_PROJECTION_NONE ? "a projection of the image tower"
               : vision->pool_heads != vision->heads      ? "other heads of the pooling than the blocks'"
               : pool_mlp_width != vision->mlp_width      ? "another MLP of the pooling than the blocks'"
               : text->projection != TL_PROJECTION_LINEAR ? "this projection of the text tower"
               : !text->without_causal_mask               ? "a causal mask"
               : text->pooling != TL_POOL_LAST            ? "a pooling that is not of the last token"
               : !info->config.has_logit_bias             ? "similarity without a bias"
                                                          : NULL;
    return refuse("SiglipModel", what, err);
}

/* ---- preprocessor_config.json ---- */

static bool set_square(tl_json *json, const char *name, uint32_t side, tl_error *err)
{
    tl_json *square = tl_json_object_create(err);
    if (square == NULL)
        return false;
    if (!tl_json_set_integer(square, "height", side, err) || !tl_json_set_integer(square, "width", side, err)) {
        tl_json_free(square);
        return false;
    }
    return tl_json_set(json, name, square, err);
}

/* The shorter side for a crop; else both sides. */
static bool set_size(tl_json *json, const tl_image_recipe *recipe, tl_error *err)
{
    const uint32_t side = recipe->resize_size != 0 ? recipe->resize_size : recipe->size;
    if (recipe->mode != TL_RESIZE_SHORTEST)
        return set_square(json, "size", side, err);
    tl_json *edge = tl_json_object_create(err);
    if (edge == NULL)
        return false;
    if (!tl_json_set_integer(edge, "shortest_edge", side, err)) {
        tl_json_free(edge);
        return false;
    }
    return tl_json_set(json, "size", edge, err);
}

static bool set_channels(tl_json *json, const char *name, const float values[3], tl_error *err)
{
    tl_json *list = tl_json_array_create(err);
    for (int i = 0; list != NULL && i < 3; i++)
        if (!tl_json_append_number(list, (double)values[i], err)) {
            tl_json_free(list);
            return false;
        }
    return list != NULL && tl_json_set(json, name, list, err);
}

/* A picture laid on a square is resized as a square: what lays it there is left to the caller (see encoders.h). */
static bool write_recipe(const tl_image_recipe *recipe, const char *processor, const char *directory, tl_error *err)
{
    static const int resamples[] = {[TL_RESIZE_BICUBIC] = BICUBIC,
                                    [TL_RESIZE_BILINEAR] = BILINEAR,
                                    [TL_RESIZE_BOX] = BOX,
                                    [TL_RESIZE_HAMMING] = HAMMING,
                                    [TL_RESIZE_LANCZOS] = LANCZOS};
    const double factor = recipe->rescale_factor != 0 ? (double)recipe->rescale_factor : 1.0 / 255;
    const bool crops = recipe->mode == TL_RESIZE_SHORTEST || recipe->mode == TL_RESIZE_NONE || recipe->resize_size != 0;
    tl_json *json = tl_json_object_create(err);
    if (json == NULL || !tl_json_set_text(json, "image_processor_type", processor, err) ||
        !tl_json_set_bool(json, "do_convert_rgb", true, err) ||
        !tl_json_set_bool(json, "do_resize", recipe->mode != TL_RESIZE_NONE, err) || !set_size(json, recipe, err) ||
        !tl_json_set_integer(json, "resample", resamples[recipe->filter], err) ||
        !tl_json_set_bool(json, "do_center_crop", crops, err) || !set_square(json, "crop_size", recipe->size, err) ||
        !tl_json_set_bool(json, "do_rescale", true, err) || !tl_json_set_number(json, "rescale_factor", factor, err) ||
        !tl_json_set_bool(json, "do_normalize", true, err) || !set_channels(json, "image_mean", recipe->mean, err) ||
        !set_channels(json, "image_std", recipe->std, err)) {
        tl_json_free(json);
        return false;
    }
    return tl_writer__json(directory, "preprocessor_config.json", json, err);
}

/* ---- config.json ---- */

typedef struct tower_sizes {
    uint32_t width, mlp_width, layers, heads;
    tl_activation activation;
    float epsilon;
} tower_sizes;

static bool set_tower(tl_json *json, const char *type, const tower_sizes *sizes, tl_error *err)
{
    static const char *const activations[] = {
        [TL_GELU] = "gelu", [TL_QUICK_GELU] = "quick_gelu", [TL_GELU_TANH] = "gelu_pytorch_tanh"};
    return tl_json_set_text(json, "model_type", type, err) && tl_json_set_integer(json, "hidden_size", sizes->width, err) &&
           tl_json_set_integer(json, "intermediate_size", sizes->mlp_width, err) &&
           tl_json_set_integer(json, "num_hidden_layers", sizes->layers, err) &&
           tl_json_set_integer(json, "num_attention_heads", sizes->heads, err) &&
           tl_json_set_text(json, "hidden_act", activations[sizes->activation], err) &&
           tl_json_set_number(json, "layer_norm_eps", (double)sizes->epsilon, err);
}

static tl_json *describe_vision(const tl_model_config *config, bool is_siglip, tl_error *err)
{
    const tl_vision_config *vision = &config->vision;
    const tower_sizes sizes = {vision->width, vision->mlp_width,  vision->layers,
                               vision->heads, vision->activation, vision->layer_norm_epsilon};
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && set_tower(json, is_siglip ? "siglip_vision_model" : "clip_vision_model", &sizes, err) &&
        tl_json_set_integer(json, "image_size", vision->image_size, err) &&
        tl_json_set_integer(json, "patch_size", vision->patch_size, err) && tl_json_set_integer(json, "num_channels", 3, err) &&
        (is_siglip || tl_json_set_integer(json, "projection_dim", config->embedding_dim, err)))
        return json;
    tl_json_free(json);
    return NULL;
}

static tl_json *describe_text(const tl_model_config *config, bool is_siglip, tl_error *err)
{
    const tl_text_config *text = &config->text;
    const tower_sizes sizes = {text->width, text->mlp_width,  text->layers,
                               text->heads, text->activation, text->layer_norm_epsilon};
    const int32_t eos = text->pooling == TL_POOL_ARGMAX ? OLD_CLIP_EOS : text->eos_id; /* read as "the largest id" */
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && set_tower(json, is_siglip ? "siglip_text_model" : "clip_text_model", &sizes, err) &&
        tl_json_set_integer(json, "max_position_embeddings", text->context_length, err) &&
        tl_json_set_integer(json, "vocab_size", text->vocabulary_size, err) &&
        tl_json_set_integer(json, "eos_token_id", eos, err) && tl_json_set_integer(json, "pad_token_id", text->pad_id, err) &&
        tl_json_set_integer(json, is_siglip ? "projection_size" : "projection_dim", config->embedding_dim, err))
        return json;
    tl_json_free(json);
    return NULL;
}

static bool write_config(const tl_model_info *info, bool is_siglip, tl_dtype dtype, const char *directory, tl_error *err)
{
    static const char *const dtypes[] = {[TL_F32] = "float32", [TL_F16] = "float16", [TL_BF16] = "bfloat16"};
    tl_json *json = tl_json_object_create(err);
    tl_json *classes = json != NULL ? tl_json_array_create(err) : NULL;
    if (classes == NULL || !tl_json_append_text(classes, is_siglip ? "SiglipModel" : "CLIPModel", err)) {
        tl_json_free(classes);
        tl_json_free(json);
        return false;
    }
    if (!tl_json_set(json, "architectures", classes, err) ||
        !tl_json_set_text(json, "model_type", is_siglip ? "siglip" : "clip", err) ||
        !tl_json_set_text(json, "dtype", dtypes[dtype], err) ||
        (!is_siglip && !tl_json_set_integer(json, "projection_dim", info->config.embedding_dim, err)) ||
        !tl_json_set(json, "vision_config", describe_vision(&info->config, is_siglip, err), err) ||
        !tl_json_set(json, "text_config", describe_text(&info->config, is_siglip, err), err)) {
        tl_json_free(json);
        return false;
    }
    return tl_writer__json(directory, "config.json", json, err) &&
           write_recipe(&info->recipe, is_siglip ? "SiglipImageProcessor" : "CLIPImageProcessor", directory, err);
}

static bool write_clip(const tl_model_info *info, tl_dtype dtype, const char *tokenizer_name, const char *directory,
                       tl_error *err)
{
    (void)tokenizer_name;
    return write_config(info, false, dtype, directory, err);
}

static bool write_siglip(const tl_model_info *info, tl_dtype dtype, const char *tokenizer_name, const char *directory,
                         tl_error *err)
{
    (void)tokenizer_name;
    return write_config(info, true, dtype, directory, err);
}

/* The text tower's head has another name in the second class than transformers_names.c says first. */
static const tl_tensor_name siglip_head_rows[] = {
    {"text_projection", {"text_model.head.weight"}, true},
};
static const tl_tensor_map siglip_heads = {siglip_head_rows, sizeof siglip_head_rows / sizeof siglip_head_rows[0], NULL};
static const tl_tensor_rank siglip_ranks[] = {{"visual.attn_pool.probe", 3}, {"logit_scale", 1}, {"logit_bias", 1}, {NULL, 0}};

const tl_model_writer tl_writer_clip = {
    .weights_file = "model.safetensors", .check = check_clip, .names = &tl_transformers_names, .write_config = write_clip};
const tl_model_writer tl_writer_siglip = {.weights_file = "model.safetensors",
                                          .check = check_siglip,
                                          .heads = &siglip_heads,
                                          .names = &tl_transformers_names,
                                          .ranks = siglip_ranks,
                                          .write_config = write_siglip};
