/*
 * Owns what a recipe does to a picture: its geometry (as open_clip's image_transform_v2 and transformers' image processors on
 * Pillow) and its numbers.
 *
 * Every mode is "resize to these sides, then take the middle S x S, on fill where the picture does not reach"; only the part that
 * is kept gets resampled.
 */
#include "encoders/preprocess/recipe_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const float tl_clip_mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
const float tl_clip_std[3] = {0.26862954f, 0.26130258f, 0.27577711f};

tl_image_recipe tl_image_recipe_default(uint32_t size)
{
    tl_image_recipe recipe = {.size = size, .mode = TL_RESIZE_LONGEST, .filter = TL_RESIZE_BICUBIC, .fill = {255, 255, 255}};
    memcpy(recipe.mean, tl_clip_mean, sizeof recipe.mean);
    memcpy(recipe.std, tl_clip_std, sizeof recipe.std);
    return recipe;
}

bool tl_image_recipe__check(const tl_image_recipe *recipe, tl_error *err)
{
    if (recipe->size < 1 || recipe->size > TL_RECIPE_MAX_SIZE)
        return tl_fail(err, TL_ERROR_INVALID, "image recipe: expected a size of 1 to %d, found %" PRIu32, (int)TL_RECIPE_MAX_SIZE,
                       recipe->size);
    if (recipe->resize_size > TL_RECIPE_MAX_SIZE)
        return tl_fail(err, TL_ERROR_INVALID, "image recipe: expected a resize size of at most %d, found %" PRIu32,
                       (int)TL_RECIPE_MAX_SIZE, recipe->resize_size);
    return true;
}

/* Width and height after resizing. */
typedef struct frame_sides {
    uint32_t width, height;
} frame_sides;

/* torchvision's Resize(R) and transformers' get_resize_output_image_size: the long side is cut to an integer. */
static bool sides_of_shortest(uint64_t target, const tl_image *image, frame_sides *out, tl_error *err)
{
    bool is_tall = image->height >= image->width;
    uint64_t shorter = is_tall ? image->width : image->height, longer = is_tall ? image->height : image->width;
    uint64_t long_side = target * longer / shorter;
    if (long_side > INT32_MAX)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a picture less narrow than %u x %u", image->width, image->height);
    *out = is_tall ? (frame_sides){(uint32_t)target, (uint32_t)long_side} : (frame_sides){(uint32_t)long_side, (uint32_t)target};
    return true;
}

/* A side of the picture after open_clip's ResizeKeepRatio. */
static uint32_t scaled_side(uint32_t side, double ratio, uint32_t target)
{
    double scaled = nearbyint(side / ratio);
    return scaled < 1 ? 1 : scaled > target ? target : (uint32_t)scaled;
}

static frame_sides sides_of_longest(uint32_t target, const tl_image *image)
{
    double ratio = (double)(image->width > image->height ? image->width : image->height) / target;
    return (frame_sides){scaled_side(image->width, ratio, target), scaled_side(image->height, ratio, target)};
}

/* One axis of the crop: `kept` pixels from `from` on of the resized picture lie from `to` on in the frame. */
typedef struct crop_axis {
    uint32_t from, to, kept;
} crop_axis;

static crop_axis crop_along(uint32_t side, uint32_t size, tl_crop_rounding rounding)
{
    uint32_t surplus = side > size ? side - size : 0, border = side < size ? size - side : 0;
    bool is_down = rounding == TL_CROP_DOWN;
    uint32_t from = is_down ? surplus / 2 : (uint32_t)nearbyint(surplus / 2.0);
    return (crop_axis){from, is_down ? border - border / 2 : border / 2, size - border};
}

/* Puts the kept pixels on a frame of fill. */
static bool lay_on_fill(const tl_image_recipe *recipe, const tl_image *kept, uint32_t left, uint32_t top, tl_image *out,
                        tl_error *err)
{
    size_t size = recipe->size;
    if (!tl_image_create(recipe->size, recipe->size, out, err))
        return false;
    for (size_t i = 0; i < size * size; i++)
        memcpy(out->pixels + i * 3, recipe->fill, 3);
    size_t row_size = (size_t)kept->width * 3;
    for (size_t y = 0; y < kept->height; y++)
        memcpy(out->pixels + ((top + y) * size + left) * 3, kept->pixels + y * row_size, row_size);
    return true;
}

bool tl_image_recipe_frame(const tl_image_recipe *recipe, const tl_image *image, tl_image *out, tl_error *err)
{
    frame_sides sides = {image->width, image->height};
    uint32_t target = recipe->resize_size != 0 ? recipe->resize_size : recipe->size;
    if (!tl_image_recipe__check(recipe, err))
        return false;
    switch (recipe->mode) {
    case TL_RESIZE_SHORTEST:
        if (!sides_of_shortest(target, image, &sides, err))
            return false;
        break;
    case TL_RESIZE_LONGEST:
        sides = sides_of_longest(target, image);
        break;
    case TL_RESIZE_SQUASH:
        sides = (frame_sides){target, target};
        break;
    case TL_RESIZE_NONE:
        break;
    }
    crop_axis across = crop_along(sides.width, recipe->size, recipe->crop);
    crop_axis down = crop_along(sides.height, recipe->size, recipe->crop);
    tl_resize_window window = {across.from, down.from, across.kept, down.kept};
    tl_image kept = {0};
    if (!tl_image_resize_window(image, NULL, sides.width, sides.height, &window, recipe->filter, &kept, err))
        return false;
    if (kept.width == recipe->size && kept.height == recipe->size) {
        *out = kept;
        return true;
    }
    bool ok = lay_on_fill(recipe, &kept, across.to, down.to, out, err);
    tl_image_clear(&kept);
    return ok;
}

/* Each in the reference's own order of roundings: torchvision divides by 255, transformers multiplies in double. */
static float scaled_level(const tl_image_recipe *recipe, int level)
{
    return recipe->rescale_factor == 0 ? (float)level / 255.0f : (float)(level * (double)recipe->rescale_factor);
}

void tl_image_recipe_values(const tl_image_recipe *recipe, float values[3][256])
{
    for (int channel = 0; channel < 3; channel++)
        for (int level = 0; level < 256; level++)
            values[channel][level] = (scaled_level(recipe, level) - recipe->mean[channel]) / recipe->std[channel];
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
