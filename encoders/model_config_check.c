/* What a model's sizes must be, what of it can be trained, and the products it asks for. */
#include "encoders/model_config_internal.h"

#include <inttypes.h>
#include <math.h>

enum {
    MAX_PATCHES = 16384,
    MAX_ROTARY_HEAD_WIDTH = 256, /* with MAX_PATCHES, tables of 32 MiB */
    RESNET_REDUCTION = 32        /* of an image's side */
};

static bool within(const char *name, uint64_t value, uint64_t minimum, uint64_t maximum, tl_error *err)
{
    if (value >= minimum && value <= maximum)
        return true;
    return tl_fail(err, TL_ERROR_INVALID, "'%s': expected %" PRIu64 " to %" PRIu64 ", found %" PRIu64, name, minimum, maximum,
                   value);
}

static bool divides(const char *part_name, uint32_t part, const char *whole_name, uint32_t whole, tl_error *err)
{
    if (part != 0 && whole % part == 0)
        return true;
    return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a multiple of %s %" PRIu32 ", found %" PRIu32, whole_name, part_name,
                   part, whole);
}

static bool is_epsilon_sound(float epsilon, tl_error *err)
{
    if (epsilon >= 1e-12F && epsilon <= 0.1F)
        return true;
    return tl_fail(err, TL_ERROR_INVALID, "'layer_norm_epsilon': expected 1e-12 to 0.1, found %g", (double)epsilon);
}

/* A pooled row of `width` becomes the embedding. */
static bool check_projection(tl_projection projection, uint32_t width, uint32_t embedding_dim, tl_error *err)
{
    if (!within("projection", (uint64_t)projection, 0, TL_PROJECTION_NONE, err))
        return false;
    if (projection == TL_PROJECTION_NONE && width != embedding_dim)
        return tl_fail(err, TL_ERROR_INVALID,
                       "'projection': expected one, or the width %" PRIu32 " of the embedding, found none and %" PRIu32,
                       embedding_dim, width);
    return true;
}

/* The stages double the width three times and end with four times that; each but the first halves the side. */
static bool check_resnet(const tl_vision_config *vision, uint32_t embedding_dim, tl_error *err)
{
    (void)embedding_dim;
    uint64_t layers = 0;
    const uint32_t halved = (vision->image_size + 1) / 2 / 16; /* the stem's convolution rounds up, what follows down */
    if (halved != vision->image_size / RESNET_REDUCTION)
        return tl_fail(err, TL_ERROR_INVALID,
                       "'image_size': expected one that five halvings leave at %" PRIu32 " pixels, found %" PRIu32 " (%" PRIu32
                       ")",
                       vision->image_size / RESNET_REDUCTION, vision->image_size, halved);
    if (vision->rotary.is_used || vision->with_gated_mlp || vision->with_inner_norms || vision->norms_last ||
        vision->stem_stage_count != 0)
        return tl_fail(err, TL_ERROR_INVALID, "'trunk': expected no words about a transformer's stem or blocks with resnet");
    for (size_t i = 0; i < sizeof vision->stage_layers / sizeof vision->stage_layers[0]; i++) {
        if (!within("stage_layers", vision->stage_layers[i], 1, TL_CONFIG_MOST_LAYERS, err))
            return false;
        layers += vision->stage_layers[i];
    }
    return within("width", vision->width, 2, TL_CONFIG_MOST_WIDTH / TL_CONFIG_RESNET_EXPANSION, err) &&
           divides("2", 2, "width", vision->width, err) && within("patch_size", vision->patch_size, 32, 32, err) &&
           within("layers", vision->layers, layers, layers, err) &&
           within("heads", vision->heads, 1, (uint64_t)vision->width * TL_CONFIG_RESNET_EXPANSION, err) &&
           divides("heads", vision->heads, "width x 32", vision->width * TL_CONFIG_RESNET_EXPANSION, err);
}

static bool check_rotary(const tl_vision_config *vision, tl_error *err)
{
    const tl_rotary_config *rotary = &vision->rotary;
    if (!rotary->is_used)
        return true;
    if (!divides("4", 4, "head_width", vision->width / vision->heads, err) ||
        !within("head_width", vision->width / vision->heads, 4, MAX_ROTARY_HEAD_WIDTH, err) ||
        !within("reference_side", rotary->reference_side, 0, TL_CONFIG_MOST_IMAGE_SIZE, err))
        return false;
    if (!(rotary->temperature > 1.0F && rotary->temperature <= 1e9F))
        return tl_fail(err, TL_ERROR_INVALID, "'temperature': expected above 1, to 1e9, found %g", (double)rotary->temperature);
    if (!(rotary->offset >= -(float)TL_CONFIG_MOST_IMAGE_SIZE && rotary->offset <= (float)TL_CONFIG_MOST_IMAGE_SIZE))
        return tl_fail(err, TL_ERROR_INVALID, "'offset': expected %d to %d, found %g", -TL_CONFIG_MOST_IMAGE_SIZE,
                       TL_CONFIG_MOST_IMAGE_SIZE, (double)rotary->offset);
    return true;
}

/* Each stage divides the side; what the transformer sees of a patch is what they leave of it. */
static bool check_stem(const tl_vision_config *vision, tl_error *err)
{
    uint32_t reduction = 1;
    if (!within("stages", vision->stem_stage_count, 1, TL_STEM_MOST_STAGES, err) ||
        !within("kernel", vision->stem_kernel, 3, 7, err) || !divides("2", 2, "kernel + 1", vision->stem_kernel + 1, err) ||
        !divides("patch_size", vision->patch_size, "image_size", vision->image_size, err))
        return false;
    for (uint32_t i = 0; i < vision->stem_stage_count; i++) {
        const tl_stem_stage_config *stage = &vision->stem_stages[i];
        if (!within("patch_size", stage->patch_size, 1, vision->patch_size, err) ||
            !within("width", stage->width, 1, TL_CONFIG_MOST_STEM_WIDTH, err) ||
            !within("mlp_width", stage->mlp_width, 1, TL_CONFIG_MOST_STEM_WIDTH * 8, err) ||
            !within("layers", stage->layers, 1, TL_CONFIG_MOST_LAYERS, err))
            return tl_fail_within(err, "stages[%" PRIu32 "]", i);
        reduction *= stage->patch_size;
        if (vision->patch_size % reduction != 0)
            return tl_fail(err, TL_ERROR_INVALID,
                           "expected stages whose patch sizes multiplied divide the patch size %" PRIu32 ", found %" PRIu32,
                           vision->patch_size, reduction);
    }
    return true;
}

static bool check_transformer(const tl_vision_config *vision, uint32_t embedding_dim, tl_error *err)
{
    if (!within("width", vision->width, 1, TL_CONFIG_MOST_WIDTH, err) ||
        !within("layers", vision->layers, 1, TL_CONFIG_MOST_LAYERS, err) ||
        !within("heads", vision->heads, 1, vision->width, err) || !divides("heads", vision->heads, "width", vision->width, err) ||
        !within("mlp_width", vision->mlp_width, 1, TL_CONFIG_MOST_MLP_WIDTH, err) ||
        !check_projection(vision->projection, vision->width, embedding_dim, err))
        return false;
    if (vision->pooling == TL_POOL_ATTENTION &&
        (!within("pool_heads", vision->pool_heads, 1, vision->width, err) ||
         !divides("pool_heads", vision->pool_heads, "width", vision->width, err) ||
         !within("pool_mlp_width", vision->pool_mlp_width, 0, TL_CONFIG_MOST_MLP_WIDTH, err)))
        return false;
    if (!check_rotary(vision, err))
        return tl_fail_within(err, "rotary");
    if (vision->stem_stage_count != 0 && !check_stem(vision, err))
        return tl_fail_within(err, "stem");
    if (vision->pooling == TL_POOL_CLASS_TOKEN && vision->without_class_token)
        return tl_fail(err, TL_ERROR_INVALID, "'pool_type': expected avg or map without a class token, found tok");
    if (vision->norm_after_pooling && vision->pooling != TL_POOL_AVERAGE)
        return tl_fail(err, TL_ERROR_INVALID, "'final_ln_after_pool': expected with pool_type avg only");
    return true;
}

static bool check_vision(const tl_vision_config *vision, uint32_t embedding_dim, tl_error *err)
{
    if (!within("image_size", vision->image_size, 1, TL_CONFIG_MOST_IMAGE_SIZE, err) ||
        !within("patch_size", vision->patch_size, 1, TL_CONFIG_MOST_PATCH_SIZE, err) ||
        !within("activation", (uint64_t)vision->activation, 0, TL_GELU_TANH, err) ||
        !within("trunk", (uint64_t)vision->trunk, 0, TL_TRUNK_RESNET, err) ||
        !within("pool_type", (uint64_t)vision->pooling, 0, TL_POOL_ATTENTION, err) ||
        !is_epsilon_sound(vision->layer_norm_epsilon, err))
        return false;
    uint64_t patches_a_side = vision->image_size / vision->patch_size;
    if (!within("patches", patches_a_side * patches_a_side, 1, MAX_PATCHES, err))
        return false;
    return vision->trunk == TL_TRUNK_RESNET ? check_resnet(vision, embedding_dim, err)
                                            : check_transformer(vision, embedding_dim, err);
}

static bool check_text(const tl_text_config *text, uint32_t embedding_dim, tl_error *err)
{
    if (!within("activation", (uint64_t)text->activation, 0, TL_GELU_TANH, err) ||
        !is_epsilon_sound(text->layer_norm_epsilon, err) ||
        !check_projection(text->projection, text->width, embedding_dim, err) ||
        !within("context_length", text->context_length, 1, TL_CONFIG_MOST_CONTEXT, err) ||
        !within("vocab_size", text->vocabulary_size, 1, TL_CONFIG_MOST_VOCABULARY, err) ||
        !within("width", text->width, 1, TL_CONFIG_MOST_WIDTH, err) ||
        !within("layers", text->layers, 1, TL_CONFIG_MOST_LAYERS, err) || !within("heads", text->heads, 1, text->width, err) ||
        !divides("heads", text->heads, "width", text->width, err) ||
        !within("mlp_width", text->mlp_width, 1, TL_CONFIG_MOST_MLP_WIDTH, err))
        return false;
    if (text->pad_id < 0 || (uint32_t)text->pad_id >= text->vocabulary_size)
        return tl_fail(err, TL_ERROR_INVALID, "'pad_id': expected 0 to %" PRIu32 ", found %" PRId32, text->vocabulary_size - 1,
                       text->pad_id);
    /* With the other poolings nothing reads eos_id, and open_clip's default may lie outside a tiny vocabulary. */
    if (text->pooling == TL_POOL_EOS && (text->eos_id < 0 || (uint32_t)text->eos_id >= text->vocabulary_size))
        return tl_fail(err, TL_ERROR_INVALID, "'eos_id': expected 0 to %" PRIu32 ", found %" PRId32, text->vocabulary_size - 1,
                       text->eos_id);
    return within("pool_type", (uint64_t)text->pooling, 0, TL_POOL_LAST, err);
}

bool tl_model_config_check(const tl_model_config *config, tl_error *err)
{
    if (!within("embed_dim", config->embedding_dim, 1, TL_CONFIG_MOST_WIDTH, err))
        return tl_fail_within(err, "model config");
    if (!check_vision(&config->vision, config->embedding_dim, err))
        return tl_fail_within(err, "model config: vision_cfg");
    if (!check_text(&config->text, config->embedding_dim, err))
        return tl_fail_within(err, "model config: text_cfg");
    return true;
}

double tl_vision_config_embedding_products(const tl_vision_config *vision, double *of_pixels)
{
    double side = (double)vision->image_size, channels = 3.0, patch = (double)vision->patch_size, products = 0.0;
    *of_pixels = 0.0;
    for (uint32_t i = 0; i < vision->stem_stage_count; i++) {
        const tl_stem_stage_config *stage = &vision->stem_stages[i];
        const double part = (double)stage->patch_size, width = (double)stage->width, kernel = (double)vision->stem_kernel;
        side /= part;
        patch /= part;
        *of_pixels += i == 0 ? side * side * part * part * channels * width : 0.0;
        products += side * side * width *
                    (part * part * channels + (double)stage->layers * (kernel * kernel + 2.0 * (double)stage->mlp_width));
        channels = width;
    }
    side = floor(side / patch);
    const double last = side * side * patch * patch * channels * (double)vision->width;
    if (vision->stem_stage_count == 0)
        *of_pixels = last;
    return products + last;
}

bool tl_model_config_check_trainable(const tl_model_config *config, bool freezes_images, tl_error *err)
{
    const tl_vision_config *vision = &config->vision;
    const char *what = freezes_images                          ? NULL
                       : vision->trunk != TL_TRUNK_TRANSFORMER ? "a ResNet"
                       : vision->rotary.is_used                ? "rotary positions"
                       : vision->with_gated_mlp                ? "a gated MLP"
                       : vision->with_inner_norms              ? "norms within attention and the MLP"
                       : vision->norms_last                    ? "norms after attention and the MLP"
                                                               : NULL;
    return what == NULL || tl_fail(err, TL_ERROR_UNSUPPORTED, "model config: %s can be used here but not trained", what);
}
