/*
 * config.json <-> tl_model_config. The words are those of open_clip's model_configs; members of a tower that we do not know are
 * refused rather than skipped, because in those files each of them changes the arithmetic.
 */
#include "encoders/model_config_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { DEFAULT_STEM_KERNEL = 5, DEFAULT_HEAD_WIDTH = 64, DEFAULT_EOS_ID = 2 /* open_clip's */ };

static const double default_mlp_ratio = 4.0;
static const float default_epsilon = 1e-5F;
static const double default_temperature = 10000.0;

static const char *const activation_names[] = {[TL_GELU] = "gelu", [TL_QUICK_GELU] = "quick_gelu", [TL_GELU_TANH] = "gelu_tanh"};
static const char *const vision_pooling_names[] = {
    [TL_POOL_CLASS_TOKEN] = "tok", [TL_POOL_AVERAGE] = "avg", [TL_POOL_ATTENTION] = "map"};
static const char *const projection_names[] = {
    [TL_PROJECTION_MATRIX] = "matrix", [TL_PROJECTION_LINEAR] = "linear", [TL_PROJECTION_NONE] = "none"};
static const char *const trunk_names[] = {[TL_TRUNK_TRANSFORMER] = "transformer", [TL_TRUNK_RESNET] = "resnet"};
static const char *const text_pooling_names[] = {[TL_POOL_EOS] = "eos", [TL_POOL_ARGMAX] = "argmax", [TL_POOL_LAST] = "last"};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const char *const vision_members[] = {
    "image_size",  "patch_size",         "width",      "layers",       "head_width",          "mlp_ratio",      "mlp_width",
    "pool_type",   "activation",         "projection", "no_ln_pre",    "final_ln_after_pool", "no_class_token", "patch_bias",
    "pool_heads",  "layer_norm_epsilon", "trunk",      "stage_layers", "pool_mlp_width",      "rotary",         "gated_mlp",
    "inner_norms", "norms_last",         "stem"};
static const char *const stem_members[] = {"kernel", "stages"};
static const char *const stem_stage_members[] = {"patch_size", "width", "layers", "mlp_ratio", "mlp_width"};
static const char *const rotary_members[] = {"temperature", "offset", "indexing", "reference_side"};
static const char *const rotary_indexing_names[] = {"ij", "xy"};
static const char *const text_members[] = {
    "context_length", "vocab_size", "width",          "heads",  "layers",     "mlp_ratio",  "mlp_width",
    "eos_id",         "pool_type",  "no_causal_mask", "pad_id", "activation", "projection", "layer_norm_epsilon"};

const char *tl_activation_name(tl_activation activation)
{
    return activation_names[activation];
}

bool tl_activation_of_name(const char *name, tl_activation *out)
{
    for (size_t i = 0; i < COUNT_OF(activation_names); i++)
        if (strcmp(name, activation_names[i]) == 0) {
            *out = (tl_activation)i;
            return true;
        }
    return false;
}

typedef struct known_members {
    const char *const *names;
    size_t count;
    tl_error *err;
} known_members;

static bool is_known_member(void *context, const char *name, const tl_json *value)
{
    (void)value;
    const known_members *known = context;
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(name, known->names[i]) == 0)
            return true;
    return tl_fail(known->err, TL_ERROR_UNSUPPORTED, "member '%.80s' is not one this program can compute", name);
}

static bool read_size(const tl_json *object, const char *name, uint32_t maximum, uint32_t *out, tl_error *err)
{
    int64_t value;
    if (!tl_json_get_integer(object, name, 1, maximum, &value, err))
        return false;
    *out = (uint32_t)value;
    return true;
}

/* Every list of choices has two or three. */
static bool read_choice(const tl_json *object, const char *name, const char *const *choices, size_t count, size_t fallback,
                        size_t *out, tl_error *err)
{
    *out = fallback;
    if (tl_json_member(object, name) == NULL)
        return true;
    const char *text;
    if (!tl_json_get_text(object, name, &text, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, choices[i]) == 0) {
            *out = i;
            return true;
        }
    const char *third = count > 2 ? choices[2] : NULL;
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected '%s' or '%s'%s%s%s, found '%.40s'", name, choices[0], choices[1],
                   third != NULL ? " or '" : "", third != NULL ? third : "", third != NULL ? "'" : "", text);
}

static bool read_flag(const tl_json *object, const char *name, bool *out, tl_error *err)
{
    const tl_json *member = tl_json_member(object, name);
    *out = false;
    return member == NULL || tl_json_bool(member, out) || tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected true or false", name);
}

/* What both towers have, by themselves or from the level above. */
typedef struct tower_numbers {
    tl_activation activation;
    float layer_norm_epsilon;
    tl_projection projection;
} tower_numbers;

static bool read_numbers(const tl_json *object, const tower_numbers *fallback, tower_numbers *out, tl_error *err)
{
    double epsilon = (double)fallback->layer_norm_epsilon;
    size_t activation, projection;
    if (!read_choice(object, "activation", activation_names, COUNT_OF(activation_names), fallback->activation, &activation,
                     err) ||
        !read_choice(object, "projection", projection_names, COUNT_OF(projection_names), fallback->projection, &projection,
                     err) ||
        (tl_json_member(object, "layer_norm_epsilon") != NULL &&
         !tl_json_get_number(object, "layer_norm_epsilon", &epsilon, err)))
        return false;
    out->activation = (tl_activation)activation;
    out->projection = (tl_projection)projection;
    out->layer_norm_epsilon = fabs(epsilon) <= 1.0 ? (float)epsilon : 1.0F; /* refused by the check */
    return true;
}

/* mlp_width in so many words, or open_clip's mlp_ratio: int(width * ratio). */
static bool read_mlp_width(const tl_json *object, uint32_t width, uint32_t *out, tl_error *err)
{
    if (tl_json_member(object, "mlp_width") != NULL) {
        if (tl_json_member(object, "mlp_ratio") != NULL)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected one of 'mlp_width' and 'mlp_ratio', found both");
        return read_size(object, "mlp_width", TL_CONFIG_MOST_MLP_WIDTH, out, err);
    }
    double ratio = default_mlp_ratio;
    if (tl_json_member(object, "mlp_ratio") != NULL && !tl_json_get_number(object, "mlp_ratio", &ratio, err))
        return false;
    double product = (double)width * ratio;
    if (!(product >= 1.0 && product <= (double)TL_CONFIG_MOST_MLP_WIDTH))
        return tl_fail(err, TL_ERROR_CORRUPT, "'mlp_ratio': expected a width of 1 to %d, found %g times %" PRIu32,
                       TL_CONFIG_MOST_MLP_WIDTH, ratio, width);
    *out = (uint32_t)product;
    return true;
}

static bool read_stage_layers(const tl_json *json, tl_vision_config *out, tl_error *err)
{
    const tl_json *list = tl_json_member(json, "stage_layers");
    int64_t number;
    if (tl_json_array_size(list) != COUNT_OF(out->stage_layers))
        return tl_fail(err, TL_ERROR_CORRUPT, "'stage_layers': expected a list of %zu numbers", COUNT_OF(out->stage_layers));
    for (size_t i = 0; i < COUNT_OF(out->stage_layers); i++) {
        if (!tl_json_integer(tl_json_array_item(list, i), &number) || number < 1 || number > TL_CONFIG_MOST_LAYERS)
            return tl_fail(err, TL_ERROR_CORRUPT, "'stage_layers': expected numbers of 1 to %d", TL_CONFIG_MOST_LAYERS);
        out->stage_layers[i] = (uint32_t)number;
    }
    return true;
}

static bool read_optional_float(const tl_json *json, const char *name, double fallback, float *out, tl_error *err)
{
    double value = fallback;
    if (tl_json_member(json, name) != NULL && !tl_json_get_number(json, name, &value, err))
        return false;
    *out = fabs(value) <= 1e30 ? (float)value : 1e30F; /* refused by the check */
    return true;
}

static bool read_rotary(const tl_json *json, tl_rotary_config *out, tl_error *err)
{
    known_members known = {rotary_members, COUNT_OF(rotary_members), err};
    size_t indexing;
    if (json == NULL)
        return true;
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    if (!tl_json_each_member(json, is_known_member, &known) ||
        !read_optional_float(json, "temperature", default_temperature, &out->temperature, err) ||
        !read_optional_float(json, "offset", 0.0, &out->offset, err) ||
        !read_choice(json, "indexing", rotary_indexing_names, COUNT_OF(rotary_indexing_names), 0, &indexing, err) ||
        (tl_json_member(json, "reference_side") != NULL &&
         !read_size(json, "reference_side", TL_CONFIG_MOST_IMAGE_SIZE, &out->reference_side, err)))
        return false;
    out->columns_first = indexing == 1;
    out->is_used = true;
    return true;
}

static bool read_stem_stage(const tl_json *json, tl_stem_stage_config *out, tl_error *err)
{
    known_members known = {stem_stage_members, COUNT_OF(stem_stage_members), err};
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    return tl_json_each_member(json, is_known_member, &known) &&
           read_size(json, "patch_size", TL_CONFIG_MOST_PATCH_SIZE, &out->patch_size, err) &&
           read_size(json, "width", TL_CONFIG_MOST_STEM_WIDTH, &out->width, err) &&
           read_size(json, "layers", TL_CONFIG_MOST_LAYERS, &out->layers, err) &&
           read_mlp_width(json, out->width, &out->mlp_width, err);
}

static bool read_stem(const tl_json *json, tl_vision_config *out, tl_error *err)
{
    known_members known = {stem_members, COUNT_OF(stem_members), err};
    const tl_json *stages = json != NULL ? tl_json_member(json, "stages") : NULL;
    if (json == NULL)
        return true;
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    out->stem_kernel = DEFAULT_STEM_KERNEL;
    if (!tl_json_each_member(json, is_known_member, &known) ||
        (tl_json_member(json, "kernel") != NULL && !read_size(json, "kernel", TL_CONFIG_MOST_PATCH_SIZE, &out->stem_kernel, err)))
        return false;
    const size_t count = tl_json_array_size(stages);
    if (!tl_json_is_array(stages) || count < 1 || count > TL_STEM_MOST_STAGES)
        return tl_fail(err, TL_ERROR_CORRUPT, "'stages': expected a list of 1 to %d stages", TL_STEM_MOST_STAGES);
    for (size_t i = 0; i < count; i++)
        if (!read_stem_stage(tl_json_array_item(stages, i), &out->stem_stages[i], err))
            return tl_fail_within(err, "stages[%zu]", i);
    out->stem_stage_count = (uint32_t)count;
    return true;
}

static bool read_vision_flags(const tl_json *json, tl_vision_config *out, tl_error *err)
{
    return read_flag(json, "no_class_token", &out->without_class_token, err) &&
           read_flag(json, "no_ln_pre", &out->without_pre_norm, err) &&
           read_flag(json, "patch_bias", &out->with_patch_bias, err) && read_flag(json, "gated_mlp", &out->with_gated_mlp, err) &&
           read_flag(json, "inner_norms", &out->with_inner_norms, err) && read_flag(json, "norms_last", &out->norms_last, err) &&
           read_flag(json, "final_ln_after_pool", &out->norm_after_pooling, err);
}

static bool read_vision(const tl_json *json, const tower_numbers *fallback, tl_vision_config *out, tl_error *err)
{
    known_members known = {vision_members, COUNT_OF(vision_members), err};
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    uint32_t head_width = DEFAULT_HEAD_WIDTH;
    size_t pooling, trunk;
    tower_numbers numbers;
    if (!tl_json_each_member(json, is_known_member, &known) ||
        !read_size(json, "image_size", TL_CONFIG_MOST_IMAGE_SIZE, &out->image_size, err) ||
        !read_size(json, "patch_size", TL_CONFIG_MOST_PATCH_SIZE, &out->patch_size, err) ||
        !read_size(json, "width", TL_CONFIG_MOST_WIDTH, &out->width, err) ||
        !read_size(json, "layers", TL_CONFIG_MOST_LAYERS, &out->layers, err) ||
        !read_mlp_width(json, out->width, &out->mlp_width, err) ||
        !read_choice(json, "pool_type", vision_pooling_names, COUNT_OF(vision_pooling_names), TL_POOL_CLASS_TOKEN, &pooling,
                     err) ||
        !read_choice(json, "trunk", trunk_names, COUNT_OF(trunk_names), TL_TRUNK_TRANSFORMER, &trunk, err) ||
        !read_vision_flags(json, out, err) || !read_numbers(json, fallback, &numbers, err))
        return false;
    out->pooling = (tl_vision_pooling)pooling;
    out->trunk = (tl_vision_trunk)trunk;
    out->activation = numbers.activation;
    out->layer_norm_epsilon = numbers.layer_norm_epsilon;
    out->projection = numbers.projection;
    if (tl_json_member(json, "head_width") != NULL && !read_size(json, "head_width", TL_CONFIG_MOST_WIDTH, &head_width, err))
        return false;
    uint32_t width = out->trunk == TL_TRUNK_RESNET ? out->width * TL_CONFIG_RESNET_EXPANSION : out->width;
    if (width % head_width != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "'width': expected a multiple of head_width %" PRIu32 ", found %" PRIu32,
                       head_width, width);
    out->heads = width / head_width;
    if ((tl_json_member(json, "pool_heads") != NULL &&
         !read_size(json, "pool_heads", TL_CONFIG_MOST_WIDTH, &out->pool_heads, err)) ||
        (tl_json_member(json, "pool_mlp_width") != NULL &&
         !read_size(json, "pool_mlp_width", TL_CONFIG_MOST_MLP_WIDTH, &out->pool_mlp_width, err)))
        return false;
    if (!read_rotary(tl_json_member(json, "rotary"), &out->rotary, err))
        return tl_fail_within(err, "rotary");
    if (!read_stem(tl_json_member(json, "stem"), out, err))
        return tl_fail_within(err, "stem");
    if (out->pooling == TL_POOL_ATTENTION && out->pool_heads == 0)
        out->pool_heads = out->heads;
    return out->trunk != TL_TRUNK_RESNET || read_stage_layers(json, out, err);
}

static bool read_optional_id(const tl_json *json, const char *name, int32_t fallback, int32_t *out, tl_error *err)
{
    int64_t value = fallback;
    if (tl_json_member(json, name) != NULL && !tl_json_get_integer(json, name, 0, TL_CONFIG_MOST_VOCABULARY, &value, err))
        return false;
    *out = (int32_t)value;
    return true;
}

static bool read_text(const tl_json *json, const tower_numbers *fallback, tl_text_config *out, tl_error *err)
{
    tower_numbers numbers;
    known_members known = {text_members, COUNT_OF(text_members), err};
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    size_t pooling;
    if (!tl_json_each_member(json, is_known_member, &known) ||
        !read_size(json, "context_length", TL_CONFIG_MOST_CONTEXT, &out->context_length, err) ||
        !read_size(json, "vocab_size", TL_CONFIG_MOST_VOCABULARY, &out->vocabulary_size, err) ||
        !read_size(json, "width", TL_CONFIG_MOST_WIDTH, &out->width, err) ||
        !read_size(json, "heads", TL_CONFIG_MOST_WIDTH, &out->heads, err) ||
        !read_size(json, "layers", TL_CONFIG_MOST_LAYERS, &out->layers, err) ||
        !read_mlp_width(json, out->width, &out->mlp_width, err) ||
        !read_optional_id(json, "eos_id", DEFAULT_EOS_ID, &out->eos_id, err) ||
        !read_optional_id(json, "pad_id", 0, &out->pad_id, err) ||
        !read_choice(json, "pool_type", text_pooling_names, COUNT_OF(text_pooling_names), TL_POOL_ARGMAX, &pooling, err) ||
        !read_flag(json, "no_causal_mask", &out->without_causal_mask, err) || !read_numbers(json, fallback, &numbers, err))
        return false;
    out->activation = numbers.activation;
    out->layer_norm_epsilon = numbers.layer_norm_epsilon;
    out->projection = numbers.projection;
    out->pooling = (tl_text_pooling)pooling;
    return true;
}

bool tl_model_config_read(const tl_json *json, tl_model_config *out, tl_error *err)
{
    *out = (tl_model_config){0};
    const char *type;
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "model config: expected an object");
    if (!tl_json_get_text(json, "model_type", &type, err))
        return tl_fail_within(err, "model config");
    if (strcmp(type, "twinlens") != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "model config: 'model_type': expected 'twinlens', found '%.40s'", type);
    const tower_numbers defaults = {TL_GELU, default_epsilon, TL_PROJECTION_MATRIX};
    tower_numbers shared;
    if (!read_size(json, "embed_dim", TL_CONFIG_MOST_WIDTH, &out->embedding_dim, err) ||
        !read_numbers(json, &defaults, &shared, err) || !read_flag(json, "logit_bias", &out->has_logit_bias, err))
        return tl_fail_within(err, "model config");
    if (!read_vision(tl_json_member(json, "vision_cfg"), &shared, &out->vision, err))
        return tl_fail_within(err, "model config: vision_cfg");
    if (!read_text(tl_json_member(json, "text_cfg"), &shared, &out->text, err))
        return tl_fail_within(err, "model config: text_cfg");
    tl_error reason;
    if (!tl_model_config_check(out, &reason))
        return tl_fail(err, TL_ERROR_CORRUPT, "%s", reason.message); /* the file is wrong, not an argument */
    return true;
}

/* A ratio in eighths survives nine decimal digits and int(width * ratio); any other width is said outright. */
static bool write_mlp_width(tl_json *json, uint32_t width, uint32_t mlp_width, tl_error *err)
{
    if ((uint64_t)mlp_width * 8 % width == 0)
        return tl_json_set_number(json, "mlp_ratio", (double)mlp_width / (double)width, err);
    return tl_json_set_integer(json, "mlp_width", mlp_width, err);
}

static bool write_numbers(tl_json *json, const tower_numbers *numbers, tl_error *err)
{
    return tl_json_set_text(json, "activation", activation_names[numbers->activation], err) &&
           tl_json_set_number(json, "layer_norm_epsilon", (double)numbers->layer_norm_epsilon, err) &&
           (numbers->projection == TL_PROJECTION_MATRIX ||
            tl_json_set_text(json, "projection", projection_names[numbers->projection], err));
}

static bool write_true(tl_json *json, const char *name, bool value, tl_error *err)
{
    return !value || tl_json_set_bool(json, name, true, err);
}

static bool write_resnet(tl_json *json, const tl_vision_config *vision, tl_error *err)
{
    if (vision->trunk != TL_TRUNK_RESNET)
        return true;
    tl_json *list = tl_json_array_create(err);
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < COUNT_OF(vision->stage_layers); i++)
        ok = tl_json_append_integer(list, vision->stage_layers[i], err);
    if (!ok) {
        tl_json_free(list);
        return false;
    }
    return tl_json_set(json, "stage_layers", list, err) && tl_json_set_text(json, "trunk", trunk_names[vision->trunk], err);
}

static bool write_pooling(tl_json *json, const tl_vision_config *vision, tl_error *err)
{
    return vision->pooling != TL_POOL_ATTENTION ||
           (tl_json_set_integer(json, "pool_heads", vision->pool_heads, err) &&
            (vision->pool_mlp_width == 0 || tl_json_set_integer(json, "pool_mlp_width", vision->pool_mlp_width, err)));
}

static bool write_rotary(tl_json *json, const tl_rotary_config *rotary, tl_error *err)
{
    if (!rotary->is_used)
        return true;
    tl_json *object = tl_json_object_create(err);
    if (object == NULL || !tl_json_set_number(object, "temperature", (double)rotary->temperature, err) ||
        !tl_json_set_number(object, "offset", (double)rotary->offset, err) ||
        !tl_json_set_text(object, "indexing", rotary_indexing_names[rotary->columns_first], err) ||
        (rotary->reference_side != 0 && !tl_json_set_integer(object, "reference_side", rotary->reference_side, err))) {
        tl_json_free(object);
        return false;
    }
    return tl_json_set(json, "rotary", object, err);
}

static tl_json *write_stem_stages(const tl_vision_config *vision, tl_error *err)
{
    tl_json *list = tl_json_array_create(err);
    for (uint32_t i = 0; list != NULL && i < vision->stem_stage_count; i++) {
        const tl_stem_stage_config *stage = &vision->stem_stages[i];
        tl_json *object = tl_json_object_create(err);
        const bool is_described = object != NULL && tl_json_set_integer(object, "patch_size", stage->patch_size, err) &&
                                  tl_json_set_integer(object, "width", stage->width, err) &&
                                  tl_json_set_integer(object, "layers", stage->layers, err) &&
                                  write_mlp_width(object, stage->width, stage->mlp_width, err);
        if (!is_described)
            tl_json_free(object);
        if (!is_described || !tl_json_append(list, object, err)) {
            tl_json_free(list);
            return NULL;
        }
    }
    return list;
}

static bool write_stem(tl_json *json, const tl_vision_config *vision, tl_error *err)
{
    if (vision->stem_stage_count == 0)
        return true;
    tl_json *stem = tl_json_object_create(err);
    if (stem == NULL || !tl_json_set_integer(stem, "kernel", vision->stem_kernel, err) ||
        !tl_json_set(stem, "stages", write_stem_stages(vision, err), err)) {
        tl_json_free(stem);
        return false;
    }
    return tl_json_set(json, "stem", stem, err);
}

static tl_json *write_vision(const tl_vision_config *vision, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    const tower_numbers numbers = {vision->activation, vision->layer_norm_epsilon, vision->projection};
    const uint32_t width = vision->trunk == TL_TRUNK_RESNET ? vision->width * TL_CONFIG_RESNET_EXPANSION : vision->width;
    if (json != NULL && tl_json_set_integer(json, "image_size", vision->image_size, err) &&
        tl_json_set_integer(json, "patch_size", vision->patch_size, err) &&
        tl_json_set_integer(json, "width", vision->width, err) && tl_json_set_integer(json, "layers", vision->layers, err) &&
        tl_json_set_integer(json, "head_width", width / vision->heads, err) &&
        (vision->trunk == TL_TRUNK_RESNET || write_mlp_width(json, vision->width, vision->mlp_width, err)) &&
        tl_json_set_text(json, "pool_type", vision_pooling_names[vision->pooling], err) && write_numbers(json, &numbers, err) &&
        write_true(json, "no_class_token", vision->without_class_token, err) &&
        write_true(json, "no_ln_pre", vision->without_pre_norm, err) &&
        write_true(json, "patch_bias", vision->with_patch_bias, err) &&
        write_true(json, "gated_mlp", vision->with_gated_mlp, err) &&
        write_true(json, "inner_norms", vision->with_inner_norms, err) &&
        write_true(json, "norms_last", vision->norms_last, err) &&
        write_true(json, "final_ln_after_pool", vision->norm_after_pooling, err) && write_pooling(json, vision, err) &&
        write_rotary(json, &vision->rotary, err) && write_stem(json, vision, err) && write_resnet(json, vision, err))
        return json;
    tl_json_free(json);
    return NULL;
}

static tl_json *write_text(const tl_text_config *text, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    const tower_numbers numbers = {text->activation, text->layer_norm_epsilon, text->projection};
    if (json != NULL && tl_json_set_integer(json, "context_length", text->context_length, err) &&
        tl_json_set_integer(json, "vocab_size", text->vocabulary_size, err) &&
        tl_json_set_integer(json, "width", text->width, err) && tl_json_set_integer(json, "heads", text->heads, err) &&
        tl_json_set_integer(json, "layers", text->layers, err) && write_mlp_width(json, text->width, text->mlp_width, err) &&
        tl_json_set_bool(json, "no_causal_mask", text->without_causal_mask, err) &&
        tl_json_set_text(json, "pool_type", text_pooling_names[text->pooling], err) &&
        tl_json_set_integer(json, "eos_id", text->eos_id >= 0 && text->eos_id <= TL_CONFIG_MOST_VOCABULARY ? text->eos_id : 0,
                            err) &&
        tl_json_set_integer(json, "pad_id", text->pad_id, err) && write_numbers(json, &numbers, err))
        return json;
    tl_json_free(json);
    return NULL;
}

bool tl_model_config_write(const tl_model_config *config, tl_json **out, tl_error *err)
{
    if (!tl_model_config_check(config, err))
        return false;
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_text(json, "model_type", "twinlens", err) &&
        tl_json_set_integer(json, "embed_dim", config->embedding_dim, err) &&
        tl_json_set(json, "vision_cfg", write_vision(&config->vision, err), err) &&
        tl_json_set(json, "text_cfg", write_text(&config->text, err), err) &&
        write_true(json, "logit_bias", config->has_logit_bias, err)) {
        *out = json;
        return true;
    }
    tl_json_free(json);
    return false;
}
