/* Models trained here: config.json in our own words, tensors in open_clip's names. */
#include "encoders/families/family.h"

#include <string.h>

static const char *const weight_files[] = {"model.safetensors", NULL};

static bool recognises(const tl_json *config)
{
    return strcmp(tl_json_text_or(config, "model_type", ""), "twinlens") == 0;
}

static bool read_recipe(const tl_json *config, const tl_json *preprocessor, uint32_t image_size, tl_image_recipe *out,
                        tl_error *err)
{
    (void)config;
    if (!tl_image_recipe_read(preprocessor, out, err))
        return false;
    return out->size == image_size ||
           tl_fail(err, TL_ERROR_CORRUPT, "expected pictures of %lu pixels as in config.json, found %lu",
                   (unsigned long)image_size, (unsigned long)out->size);
}

const tl_family tl_family_twinlens = {
    .name = "twinlens",
    .format = TL_MODEL_TWINLENS,
    .config_file = "config.json",
    .weight_files = weight_files,
    .recognises = recognises,
    .read_config = tl_model_config_read,
    .recipe_file = "preprocessor_config.json",
    .read_recipe = read_recipe,
    .names = NULL,
};
