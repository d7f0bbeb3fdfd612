/*
 * Owns a tower's picture recipe: its geometry (as open_clip's image_transform_v2 on Pillow), its numbers, its JSON form.
 *
 * shortest: torchvision's Resize(S), whose long side is cut to an integer, then CenterCrop, whose offsets are rounded half to
 * even. longest: open_clip's ResizeKeepRatio and CenterCropOrPad. Only the part that is kept gets resampled.
 */
#include "encoders/preprocess/recipe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SIZE = 4096 };

static const float clip_mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
static const float clip_std[3] = {0.26862954f, 0.26130258f, 0.27577711f};

tl_image_recipe tl_image_recipe_default(uint32_t size)
{
    tl_image_recipe recipe = {.size = size, .mode = TL_RESIZE_LONGEST, .filter = TL_RESIZE_BICUBIC, .fill = {255, 255, 255}};
    memcpy(recipe.mean, clip_mean, sizeof recipe.mean);
    memcpy(recipe.std, clip_std, sizeof recipe.std);
    return recipe;
}

static bool is_size_sound(const tl_image_recipe *recipe, tl_error *err)
{
    if (recipe->size < 1 || recipe->size > MAX_SIZE)
        return tl_fail(err, TL_ERROR_INVALID, "image recipe: expected a size of 1 to %d, found %u", (int)MAX_SIZE, recipe->size);
    return true;
}

static bool frame_shortest(const tl_image_recipe *recipe, const tl_image *image, tl_image *out, tl_error *err)
{
    uint64_t size = recipe->size;
    bool is_tall = image->height >= image->width;
    uint64_t shorter = is_tall ? image->width : image->height, longer = is_tall ? image->height : image->width;
    uint64_t long_side = size * longer / shorter;
    if (long_side > INT32_MAX)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a picture less narrow than %u x %u", image->width, image->height);
    /* Half to even, as Python's round. */
    uint32_t offset = (uint32_t)nearbyint((double)(long_side - size) / 2.0);
    uint32_t width = is_tall ? recipe->size : (uint32_t)long_side, height = is_tall ? (uint32_t)long_side : recipe->size;
    tl_resize_window window = {is_tall ? 0 : offset, is_tall ? offset : 0, recipe->size, recipe->size};
    return tl_image_resize_window(image, NULL, width, height, &window, recipe->filter, out, err);
}

/* A side of the picture after ResizeKeepRatio. */
static uint32_t scaled_side(uint32_t side, double ratio, uint32_t size)
{
    double scaled = nearbyint(side / ratio);
    return scaled < 1 ? 1 : scaled > size ? size : (uint32_t)scaled;
}

static bool frame_longest(const tl_image_recipe *recipe, const tl_image *image, tl_image *out, tl_error *err)
{
    uint32_t size = recipe->size;
    double ratio = (double)(image->width > image->height ? image->width : image->height) / size;
    tl_image inner = {0}, frame;
    if (!tl_image_resize(image, NULL, scaled_side(image->width, ratio, size), scaled_side(image->height, ratio, size),
                         recipe->filter, &inner, err))
        return false;
    if (inner.width == size && inner.height == size) {
        *out = inner;
        return true;
    }
    if (!tl_image_create(size, size, &frame, err)) {
        tl_image_clear(&inner);
        return false;
    }
    for (size_t i = 0; i < (size_t)size * size; i++)
        memcpy(frame.pixels + i * 3, recipe->fill, 3);
    size_t left = (size - inner.width) / 2, top = (size - inner.height) / 2;
    for (size_t y = 0; y < inner.height; y++)
        memcpy(frame.pixels + ((top + y) * size + left) * 3, inner.pixels + y * inner.width * 3, (size_t)inner.width * 3);
    tl_image_clear(&inner);
    *out = frame;
    return true;
}

bool tl_image_recipe_frame(const tl_image_recipe *recipe, const tl_image *image, tl_image *out, tl_error *err)
{
    if (!is_size_sound(recipe, err))
        return false;
    switch (recipe->mode) {
    case TL_RESIZE_SHORTEST:
        return frame_shortest(recipe, image, out, err);
    case TL_RESIZE_LONGEST:
        return frame_longest(recipe, image, out, err);
    case TL_RESIZE_SQUASH:
        return tl_image_resize(image, NULL, recipe->size, recipe->size, recipe->filter, out, err);
    }
    return tl_fail(err, TL_ERROR_INVALID, "image recipe: unknown resize mode %d", (int)recipe->mode);
}

void tl_image_recipe_values(const tl_image_recipe *recipe, float values[3][256])
{
    for (int channel = 0; channel < 3; channel++)
        for (int level = 0; level < 256; level++)
            values[channel][level] = ((float)level / 255.0f - recipe->mean[channel]) / recipe->std[channel];
}

void tl_image_recipe_normalize(const tl_image_recipe *recipe, const uint8_t *pixels, float *out)
{
    float values[3][256];
    tl_image_recipe_values(recipe, values);
    size_t area = (size_t)recipe->size * recipe->size;
    float *red = out, *green = out + area, *blue = out + 2 * area;
    for (size_t i = 0; i < area; i++, pixels += 3) {
        red[i] = values[0][pixels[0]];
        green[i] = values[1][pixels[1]];
        blue[i] = values[2][pixels[2]];
    }
}

bool tl_image_recipe_apply(const tl_image_recipe *recipe, const tl_image *image, float *out, tl_error *err)
{
    tl_image frame = {0};
    if (!tl_image_recipe_frame(recipe, image, &frame, err))
        return false;
    tl_image_recipe_normalize(recipe, frame.pixels, out);
    tl_image_clear(&frame);
    return true;
}

static const char *const member_names[] = {"size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color"};
static const char *const filter_names[] = {[TL_RESIZE_BICUBIC] = "bicubic", [TL_RESIZE_BILINEAR] = "bilinear"};
static const char *const mode_names[] = {
    [TL_RESIZE_SHORTEST] = "shortest", [TL_RESIZE_LONGEST] = "longest", [TL_RESIZE_SQUASH] = "squash"};

typedef struct member_check {
    tl_error *err;
} member_check;

static bool is_known_member(void *context, const char *name, const tl_json *value)
{
    const member_check *check = context;
    (void)value;
    for (size_t i = 0; i < sizeof member_names / sizeof member_names[0]; i++)
        if (strcmp(name, member_names[i]) == 0)
            return true;
    return tl_fail(check->err, TL_ERROR_UNSUPPORTED,
                   "expected size, mode, mean, std, interpolation, resize_mode or fill_color, found '%s'", name);
}

static bool read_word(const tl_json *json, const char *name, const char *const *words, size_t word_count, size_t fallback,
                      size_t *out, tl_error *err)
{
    const tl_json *member = tl_json_member(json, name);
    const char *word = tl_json_text(member);
    if (member != NULL && word == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected a text, found another value", name);
    *out = fallback;
    if (word == NULL)
        return true;
    for (size_t i = 0; i < word_count; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = i;
            return true;
        }
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "%s: expected '%s' or '%s', found '%s'", name, words[0], words[word_count - 1],
                   word);
}

/* A number, or a list of 1 or `count` numbers: spread over values[count]. Absent: values stay. */
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

static bool read_members(const tl_json *json, tl_image_recipe *recipe, tl_error *err)
{
    static const char *const color_names[] = {"RGB"};
    double sides[2] = {0, 0}, fill[3] = {0, 0, 0}, mean[3] = {0, 0, 0}, std[3] = {0, 0, 0};
    size_t color = 0, filter = 0, mode = 0;
    for (int i = 0; i < 3; i++) {
        mean[i] = (double)clip_mean[i];
        std[i] = (double)clip_std[i];
    }
    member_check check = {err};
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    if (!tl_json_each_member(json, is_known_member, &check))
        return false;
    if (tl_json_member(json, "size") == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a size, found none");
    if (!read_numbers(json, "size", 2, 1, MAX_SIZE, sides, err) || !read_numbers(json, "mean", 3, -1000, 1000, mean, err) ||
        !read_numbers(json, "std", 3, 1e-6, 1000, std, err) || !read_numbers(json, "fill_color", 3, 0, 255, fill, err))
        return false;
    if (sides[0] != sides[1] || sides[0] != floor(sides[0]))
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "size: expected a square of whole pixels, found %g x %g", sides[0], sides[1]);
    if (!read_word(json, "mode", color_names, 1, 0, &color, err) ||
        !read_word(json, "interpolation", filter_names, 2, TL_RESIZE_BICUBIC, &filter, err) ||
        !read_word(json, "resize_mode", mode_names, 3, TL_RESIZE_SHORTEST, &mode, err))
        return false;
    recipe->size = (uint32_t)sides[0];
    recipe->mode = (tl_resize_mode)mode;
    recipe->filter = (tl_resize_filter)filter;
    for (int i = 0; i < 3; i++) {
        if (fill[i] != floor(fill[i]))
            return tl_fail(err, TL_ERROR_CORRUPT, "fill_color: expected whole numbers, found %g", fill[i]);
        recipe->mean[i] = (float)mean[i];
        recipe->std[i] = (float)std[i];
        recipe->fill[i] = (uint8_t)fill[i];
    }
    return true;
}

bool tl_image_recipe_read(const tl_json *json, tl_image_recipe *out, tl_error *err)
{
    tl_image_recipe recipe = {0};
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

bool tl_image_recipe_write(const tl_image_recipe *recipe, tl_json **out, tl_error *err)
{
    if (!is_size_sound(recipe, err))
        return false;
    tl_json *json = tl_json_object_create(err);
    if (json == NULL)
        return false;
    if (!tl_json_set_integer(json, "size", recipe->size, err) || !tl_json_set_text(json, "mode", "RGB", err) ||
        !set_numbers(json, "mean", recipe->mean, err) || !set_numbers(json, "std", recipe->std, err) ||
        !tl_json_set_text(json, "interpolation", filter_names[recipe->filter], err) ||
        !tl_json_set_text(json, "resize_mode", mode_names[recipe->mode], err) || !set_fill(json, recipe->fill, err)) {
        tl_json_free(json);
        return false;
    }
    *out = json;
    return true;
}
