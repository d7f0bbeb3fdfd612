/* What settings make of a model: sizes of fresh towers. Head width is 64 throughout, as in CLIP. */
#include "cli/app/train_settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_WIDTH = 64, MLP_RATIO = 4 };

typedef struct tower_size {
    const char *name;
    uint32_t vision_width, vision_layers, text_width, text_layers, embedding_dim;
} tower_size;

static const tower_size sizes[] = {
    {"tiny", 128, 4, 128, 2, 128},
    {"small", 192, 6, 192, 3, 192},
    {"medium", 256, 8, 256, 4, 256},
};

static uint32_t chosen(int64_t given, uint32_t by_size)
{
    return given > 0 ? (uint32_t)given : by_size;
}

static bool check_width(const char *name, uint32_t width, tl_error *err)
{
    return width % HEAD_WIDTH == 0 ||
           tl_fail(err, TL_ERROR_INVALID, "%s: expected a multiple of %d, found %" PRIu32, name, HEAD_WIDTH, width);
}

/* A whole number of 1 to `most` at *text, which moves on. */
static bool take_number(const char **text, unsigned long most, uint32_t *out)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    const unsigned long value = strtoul(*text, &end, 10);
    *text = end;
    *out = (uint32_t)value;
    return value >= 1 && value <= most;
}

/* "[P:]WxB": a side P times smaller, width W, B blocks. */
static bool take_stage(const char **text, uint32_t ratio, tl_stem_stage_config *out)
{
    static const unsigned long most_patch = 64, most_width = 4096, most_layers = 128;
    uint32_t first;
    out->patch_size = 2;
    if (!take_number(text, most_width, &first))
        return false;
    if (**text == ':') {
        ++*text;
        out->patch_size = first;
        if (first > most_patch || !take_number(text, most_width, &first))
            return false;
    }
    out->width = first;
    out->mlp_width = first * ratio;
    return *(*text)++ == 'x' && take_number(text, most_layers, &out->layers);
}

static bool read_stem(const tl_train_settings *settings, tl_vision_config *out, tl_error *err)
{
    const char *at = settings->stem;
    if (at == NULL || *at == '\0')
        return true;
    out->stem_kernel = (uint32_t)settings->stem_kernel;
    do {
        if (out->stem_stage_count == TL_STEM_MOST_STAGES ||
            !take_stage(&at, (uint32_t)settings->stem_ratio, &out->stem_stages[out->stem_stage_count]))
            return tl_fail(err, TL_ERROR_INVALID,
                           "stem: expected 1 to %d stages [PATCH:]WIDTHxBLOCKS with commas between, found '%s'",
                           TL_STEM_MOST_STAGES, settings->stem);
        out->stem_stage_count++;
    } while (*at++ == ',');
    return at[-1] == '\0' ||
           tl_fail(err, TL_ERROR_INVALID, "stem: expected a comma or the end after a stage, found '%s'", at - 1);
}

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
                       settings->patch_size, settings->image_size);
    const uint32_t vision_width = chosen(settings->image_width, size->vision_width),
                   text_width = chosen(settings->text_width, size->text_width);
    if (!check_width("image width", vision_width, err) || !check_width("text width", text_width, err))
        return false;
    *out = (tl_model_config){
        .embedding_dim = chosen(settings->embedding, size->embedding_dim),
        .vision = {.activation = TL_GELU,
                   .layer_norm_epsilon = 1e-5f,
                   .image_size = (uint32_t)settings->image_size,
                   .patch_size = (uint32_t)settings->patch_size,
                   .width = vision_width,
                   .layers = chosen(settings->image_layers, size->vision_layers),
                   .heads = vision_width / HEAD_WIDTH,
                   .mlp_width = vision_width * MLP_RATIO,
                   .pooling = TL_POOL_AVERAGE},
        .text = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .context_length = (uint32_t)settings->context,
                 .vocabulary_size = (uint32_t)vocabulary_size,
                 .width = text_width,
                 .layers = chosen(settings->text_layers, size->text_layers),
                 .heads = text_width / HEAD_WIDTH,
                 .mlp_width = text_width * MLP_RATIO,
                 .pooling = TL_POOL_EOS,
                 .eos_id = eos_id,
                 .pad_id = pad_id},
    };
    if (strcmp(settings->pooling, "tok") == 0) {
        out->vision.pooling = TL_POOL_CLASS_TOKEN;
    } else if (strcmp(settings->pooling, "map") == 0) {
        out->vision.pooling = TL_POOL_ATTENTION;
        out->vision.pool_heads = out->vision.heads;
        out->vision.without_class_token = true;
    }
    return read_stem(settings, &out->vision, err) && tl_model_config_check(out, err);
}
