/*
 * Owns open_clip's preprocess_cfg, the member of open_clip_config.json (open_clip 3.3: transform.PreprocessCfg and
 * factory.create_model): null and unknown members are passed over, as there, and the tower's own size has the last word.
 */
#include "encoders/preprocess/recipe_internal.h"

static bool read_members(const tl_json *json, uint32_t tower_size, tl_image_recipe *recipe, tl_error *err)
{
    static const char *const mode_names[] = {"shortest", "longest", "squash"};
    static const tl_resize_mode modes[] = {TL_RESIZE_SHORTEST, TL_RESIZE_LONGEST, TL_RESIZE_SQUASH};
    /* 'random' is of training; for inference open_clip takes bicubic. */
    static const char *const filter_names[] = {"bicubic", "random", "bilinear"};
    static const tl_resize_filter filters[] = {TL_RESIZE_BICUBIC, TL_RESIZE_BICUBIC, TL_RESIZE_BILINEAR};
    size_t mode = 0, filter = 0;
    if (json != NULL && !tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    recipe->size = tower_size != 0 ? tower_size : 224;
    if ((tower_size == 0 && !tl_recipe__read_side(json, "size", &recipe->size, err)) ||
        !tl_recipe__read_colors(json, recipe, err) ||
        !tl_recipe__read_word(json, "interpolation", filter_names, sizeof filter_names / sizeof filter_names[0], &filter, err) ||
        !tl_recipe__read_word(json, "resize_mode", mode_names, sizeof mode_names / sizeof mode_names[0], &mode, err))
        return false;
    recipe->mode = modes[mode];
    recipe->filter = filters[filter];
    return tl_image_recipe__check(recipe, err);
}

bool tl_image_recipe_read_open_clip(const tl_json *json, uint32_t tower_size, tl_image_recipe *out, tl_error *err)
{
    tl_image_recipe recipe = tl_recipe__open_clip_defaults();
    if (!read_members(json, tower_size, &recipe, err))
        return tl_fail_within(err, "preprocess_cfg");
    *out = recipe;
    return true;
}
