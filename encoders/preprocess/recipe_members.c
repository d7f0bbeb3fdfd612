/* Owns the reading of single members, shared by the dialects: each says its name when it is not what it should be. */
#include "encoders/preprocess/recipe_internal.h"

#include <math.h>
#include <string.h>

/* A float, so that what is read is in range when it was written as float and is read again. */
#define SMALLEST 0x1p-20

tl_image_recipe tl_recipe__open_clip_defaults(void)
{
    tl_image_recipe recipe = {.mode = TL_RESIZE_SHORTEST, .filter = TL_RESIZE_BICUBIC};
    memcpy(recipe.mean, tl_clip_mean, sizeof recipe.mean);
    memcpy(recipe.std, tl_clip_std, sizeof recipe.std);
    return recipe;
}

bool tl_recipe__read_word(const tl_json *json, const char *name, const char *const *words, size_t word_count, size_t *out,
                          tl_error *err)
{
    const tl_json *member = tl_json_member(json, name);
    const char *word = tl_json_text(member);
    if (member == NULL)
        return true;
    if (word == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected a text, found another value", name);
    for (size_t i = 0; i < word_count; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = i;
            return true;
        }
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "%s: expected '%s' or '%s', found '%s'", name, words[0], words[word_count - 1],
                   word);
}

bool tl_recipe__read_flag(const tl_json *json, const char *name, bool *out, tl_error *err)
{
    if (tl_json_member(json, name) == NULL)
        return true;
    bool value = tl_json_bool_or(json, name, false);
    if (value != tl_json_bool_or(json, name, true))
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected true or false, found another value", name);
    *out = value;
    return true;
}

/* A number, or a list of 1 or `count` numbers: spread over values[count]. */
static bool read_numbers(const tl_json *json, const char *name, size_t count, double minimum, double maximum, double *values,
                         tl_error *err)
{
    const tl_json *member = tl_json_member(json, name);
    if (member == NULL)
        return true;
    double only;
    size_t found = tl_json_array_size(member);
    if (!tl_json_number(member, &only) && found != 1 && found != count)
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected a number or a list of %zu numbers", name, count);
    for (size_t i = 0; i < count; i++) {
        const tl_json *item = found == 0 ? member : tl_json_array_item(member, found == 1 ? 0 : i);
        if (!tl_json_number(item, &values[i]))
            return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected numbers, found another value", name);
        if (!(values[i] >= minimum && values[i] <= maximum))
            return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected %g to %g, found %g", name, minimum, maximum, values[i]);
    }
    return true;
}

bool tl_recipe__read_factor(const tl_json *json, float *out, tl_error *err)
{
    double factor = (double)*out;
    if (!read_numbers(json, "rescale_factor", 1, SMALLEST, 1e6, &factor, err))
        return false;
    *out = fabs(factor * 255 - 1) < 1e-12 ? 0 : (float)factor;
    return true;
}

bool tl_recipe__read_side(const tl_json *json, const char *name, uint32_t *out, tl_error *err)
{
    double sides[2] = {0, 0};
    if (tl_json_member(json, name) == NULL)
        return true;
    if (!read_numbers(json, name, 2, 1, TL_RECIPE_MAX_SIZE, sides, err))
        return false;
    if (sides[0] != sides[1] || sides[0] != floor(sides[0]))
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "%s: expected a square of whole pixels, found %g x %g", name, sides[0],
                       sides[1]);
    *out = (uint32_t)sides[0];
    return true;
}

static bool read_channels(const tl_json *json, const char *name, double minimum, double maximum, float values[3], tl_error *err)
{
    double numbers[3] = {(double)values[0], (double)values[1], (double)values[2]};
    if (!read_numbers(json, name, 3, minimum, maximum, numbers, err))
        return false;
    for (int i = 0; i < 3; i++)
        values[i] = (float)numbers[i];
    return true;
}

bool tl_recipe__read_mean_and_std(const tl_json *json, const char *mean_name, const char *std_name, tl_image_recipe *recipe,
                                  tl_error *err)
{
    return read_channels(json, mean_name, -1000, 1000, recipe->mean, err) &&
           read_channels(json, std_name, SMALLEST, 1000, recipe->std, err);
}

bool tl_recipe__read_colors(const tl_json *json, tl_image_recipe *recipe, tl_error *err)
{
    static const char *const color_names[] = {"RGB"};
    double fill[3] = {recipe->fill[0], recipe->fill[1], recipe->fill[2]};
    size_t color = 0;
    if (!tl_recipe__read_word(json, "mode", color_names, 1, &color, err) ||
        !tl_recipe__read_mean_and_std(json, "mean", "std", recipe, err) ||
        !read_numbers(json, "fill_color", 3, 0, 255, fill, err))
        return false;
    for (int i = 0; i < 3; i++) {
        if (fill[i] != floor(fill[i]))
            return tl_fail(err, TL_ERROR_CORRUPT, "fill_color: expected whole numbers, found %g", fill[i]);
        recipe->fill[i] = (uint8_t)fill[i];
    }
    return true;
}
