/*
 * Owns the JSON form of recipes of our own models: open_clip's words, three of ours, and no others, so that a slip of the pen is
 * an error.
 */
#include "encoders/preprocess/recipe_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const member_names[] = {"size",        "mode",       "mean",          "std",         "interpolation",
                                           "resize_mode", "fill_color", "crop_rounding", "resize_size", "rescale_factor"};
static const char *const filter_names[] = {[TL_RESIZE_BICUBIC] = "bicubic",
                                           [TL_RESIZE_BILINEAR] = "bilinear",
                                           [TL_RESIZE_BOX] = "box",
                                           [TL_RESIZE_HAMMING] = "hamming",
                                           [TL_RESIZE_LANCZOS] = "lanczos"};
static const char *const mode_names[] = {
    [TL_RESIZE_SHORTEST] = "shortest", [TL_RESIZE_LONGEST] = "longest", [TL_RESIZE_SQUASH] = "squash", [TL_RESIZE_NONE] = "none"};
static const char *const crop_names[] = {[TL_CROP_HALF_TO_EVEN] = "half_to_even", [TL_CROP_DOWN] = "down"};

static bool is_known_member(void *context, const char *name, const tl_json *value)
{
    tl_error **err = context;
    (void)value;
    for (size_t i = 0; i < sizeof member_names / sizeof member_names[0]; i++)
        if (strcmp(name, member_names[i]) == 0)
            return true;
    return tl_fail(*err, TL_ERROR_UNSUPPORTED,
                   "expected size, mode, mean, std, interpolation, resize_mode, fill_color, crop_rounding, resize_size or "
                   "rescale_factor, found '%s'",
                   name);
}

static bool read_members(const tl_json *json, tl_image_recipe *recipe, tl_error *err)
{
    size_t filter = TL_RESIZE_BICUBIC, mode = TL_RESIZE_SHORTEST, crop = TL_CROP_HALF_TO_EVEN;
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    if (!tl_json_each_member(json, is_known_member, &err))
        return false;
    if (tl_json_member(json, "size") == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a size, found none");
    if (!tl_recipe__read_side(json, "size", &recipe->size, err) || !tl_recipe__read_colors(json, recipe, err) ||
        !tl_recipe__read_word(json, "interpolation", filter_names, sizeof filter_names / sizeof filter_names[0], &filter, err) ||
        !tl_recipe__read_word(json, "resize_mode", mode_names, sizeof mode_names / sizeof mode_names[0], &mode, err) ||
        !tl_recipe__read_word(json, "crop_rounding", crop_names, sizeof crop_names / sizeof crop_names[0], &crop, err) ||
        !tl_recipe__read_side(json, "resize_size", &recipe->resize_size, err) ||
        !tl_recipe__read_factor(json, &recipe->rescale_factor, err))
        return false;
    recipe->filter = (tl_resize_filter)filter;
    recipe->mode = (tl_resize_mode)mode;
    recipe->crop = (tl_crop_rounding)crop;
    return true;
}

bool tl_image_recipe_read(const tl_json *json, tl_image_recipe *out, tl_error *err)
{
    tl_image_recipe recipe = tl_recipe__open_clip_defaults();
    if (!read_members(json, &recipe, err))
        return tl_fail_within(err, "image recipe");
    *out = recipe;
    return true;
}

static bool set_numbers(tl_json *object, const char *name, const float values[3], tl_error *err)
{
    tl_json *list = tl_json_array_create(err);
    if (list == NULL)
        return false;
    for (int i = 0; i < 3; i++)
        if (!tl_json_append_number(list, (double)values[i], err)) {
            tl_json_free(list);
            return false;
        }
    return tl_json_set(object, name, list, err);
}

/* One integer for a grey, else a list of them. */
static bool set_fill(tl_json *object, const uint8_t fill[3], tl_error *err)
{
    char text[24];
    tl_json *list;
    if (fill[0] == fill[1] && fill[1] == fill[2])
        return tl_json_set_integer(object, "fill_color", fill[0], err);
    snprintf(text, sizeof text, "[%u, %u, %u]", fill[0], fill[1], fill[2]);
    return tl_json_parse(tl_slice_of(text), "fill_color", &list, err) && tl_json_set(object, "fill_color", list, err);
}

/* What a recipe of open_clip's words alone does not say. */
static bool set_unusual(tl_json *object, const tl_image_recipe *recipe, tl_error *err)
{
    if (recipe->crop != TL_CROP_HALF_TO_EVEN && !tl_json_set_text(object, "crop_rounding", crop_names[recipe->crop], err))
        return false;
    if (recipe->resize_size != 0 && !tl_json_set_integer(object, "resize_size", recipe->resize_size, err))
        return false;
    return recipe->rescale_factor == 0 || tl_json_set_number(object, "rescale_factor", (double)recipe->rescale_factor, err);
}

bool tl_image_recipe_write(const tl_image_recipe *recipe, tl_json **out, tl_error *err)
{
    if (!tl_image_recipe__check(recipe, err))
        return false;
    tl_json *json = tl_json_object_create(err);
    if (json == NULL)
        return false;
    if (!tl_json_set_integer(json, "size", recipe->size, err) || !tl_json_set_text(json, "mode", "RGB", err) ||
        !set_numbers(json, "mean", recipe->mean, err) || !set_numbers(json, "std", recipe->std, err) ||
        !tl_json_set_text(json, "interpolation", filter_names[recipe->filter], err) ||
        !tl_json_set_text(json, "resize_mode", mode_names[recipe->mode], err) || !set_fill(json, recipe->fill, err) ||
        !set_unusual(json, recipe, err)) {
        tl_json_free(json);
        return false;
    }
    *out = json;
    return true;
}
