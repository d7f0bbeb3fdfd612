/*
 * Owns what has to change about a picture, and that nothing else does. Its bytes are kept when its size, orientation and format
 * are as wanted; then it is only decoded to find out whether it is broken. A JPEG that will be made much smaller is decoded at a
 * fraction in the DCT domain that leaves twice the pixels needed, and resampled from there with antialiasing.
 */
#include "crawler-import/download/picture_change.h"

#include "base/image/decode.h"
#include "base/image/encode.h"
#include "base/image/resize.h"
#include "base/image/strip.h"
#include "crawler-import/picture_check.h"

#include <math.h>

enum { LARGE_PIXELS = 16 << 20, DEFAULT_MAX_PIXELS = 64000000, MAX_SIZE = 16383 };

/* How a picture is to be resampled: all of it to width x height, of which a window is kept. */
typedef struct resize_plan {
    bool is_needed;
    uint32_t width, height;
    tl_resize_window window;
} resize_plan;

bool tl_picture_rules_check(const tl_picture_rules *rules, tl_error *err)
{
    if (rules->resize != TL_FIT_NO && (rules->size < 1 || rules->size > MAX_SIZE))
        return tl_fail(err, TL_ERROR_INVALID, "resize: expected a size of 1 to %d pixels, found %u", (int)MAX_SIZE, rules->size);
    if (rules->resize == TL_FIT_NO && rules->size != 0)
        return tl_fail(err, TL_ERROR_INVALID, "resize: expected a way to resize to a size of %u pixels, found none", rules->size);
    if (rules->max_aspect != 0 && !(rules->max_aspect >= 1))
        return tl_fail(err, TL_ERROR_INVALID, "aspect ratio: expected 1 or more (longer side by shorter), found %g",
                       rules->max_aspect);
    if (rules->drop_metadata && rules->keep_metadata)
        return tl_fail(err, TL_ERROR_INVALID, "expected metadata to be kept or dropped, found both");
    return true;
}

static uint32_t scaled(uint32_t side, uint32_t size, uint32_t by)
{
    uint64_t rounded = ((uint64_t)side * size + by / 2) / by;
    return rounded != 0 ? (uint32_t)rounded : 1;
}

static resize_plan plan_resize(uint32_t width, uint32_t height, const tl_picture_rules *rules)
{
    uint32_t shorter = width < height ? width : height;
    uint32_t longer = width < height ? height : width;
    uint32_t size = rules->size;
    resize_plan plan = {.width = width, .height = height};
    bool by_shorter = rules->resize == TL_FIT_SHORTEST || rules->resize == TL_FIT_CROP;
    bool is_bigger = (by_shorter ? shorter : longer) > size;
    if (rules->resize != TL_FIT_NO && (is_bigger || !rules->only_if_bigger)) {
        uint32_t by = by_shorter ? shorter : longer;
        bool squashes = rules->resize == TL_FIT_SQUASH;
        plan.width = squashes ? size : scaled(width, size, by);
        plan.height = squashes ? size : scaled(height, size, by);
    }
    plan.window = (tl_resize_window){0, 0, plan.width, plan.height};
    if (rules->resize == TL_FIT_CROP && (is_bigger || !rules->only_if_bigger))
        plan.window = (tl_resize_window){(plan.width - size) / 2, (plan.height - size) / 2, size, size};
    plan.is_needed = plan.window.width != width || plan.window.height != height;
    return plan;
}

static const char *refuse_by_size(const tl_changed_picture *picture, const tl_picture_rules *rules)
{
    uint32_t width = picture->original_width;
    uint32_t height = picture->original_height;
    uint32_t shorter = width < height ? width : height;
    uint32_t longer = width < height ? height : width;
    if (shorter < rules->min_side)
        return "picture too small";
    return rules->max_aspect != 0 && (double)longer > rules->max_aspect * (double)shorter ? "picture too long" : NULL;
}

/* The format to write, or that of the bytes when they need not be written. */
static tl_image_format target_format(tl_image_format found, const tl_picture_rules *rules, bool pixels_change)
{
    if (rules->format != TL_IMAGE_UNKNOWN)
        return rules->format;
    bool can_be_written = found == TL_IMAGE_JPEG || found == TL_IMAGE_PNG || found == TL_IMAGE_WEBP;
    return pixels_change && !can_be_written ? TL_IMAGE_JPEG : found;
}

/* Runs out of memory: the process cannot go on. Everything else is a property of the picture. */
static bool judge(const tl_error *found, const char *reason, tl_changed_picture *out, tl_error *err)
{
    if (found->kind == TL_ERROR_NO_MEMORY)
        return tl_fail_as(err, found);
    out->reason = reason;
    return true;
}

/* The picture at the size that is wanted, upright. *pixels of what has a reason are empty. */
static bool make_pixels(tl_slice bytes, const tl_picture_rules *rules, const resize_plan *plan, tl_image *pixels,
                        tl_changed_picture *out, tl_error *err)
{
    tl_error found = {0};
    tl_image decoded = {0};
    uint32_t shorter = plan->width < plan->height ? plan->width : plan->height;
    const tl_image_decode_options options = {.max_pixels = rules->max_pixels, .min_side = plan->is_needed ? 2 * shorter : 0};
    if (!tl_image_decode(bytes, &options, plan->is_needed ? &decoded : pixels, &found))
        return judge(&found, "broken picture", out, err);
    if (!plan->is_needed)
        return true;
    bool ok =
        tl_image_resize_window(&decoded, NULL, plan->width, plan->height, &plan->window, TL_RESIZE_BICUBIC, pixels, &found) ||
        judge(&found, "picture cannot be resized", out, err);
    tl_image_clear(&decoded);
    return ok;
}

static bool write_again(tl_slice bytes, const tl_picture_rules *rules, const resize_plan *plan, tl_image_format format,
                        tl_string *scratch, tl_changed_picture *out, tl_error *err)
{
    tl_error found = {0};
    tl_image pixels = {0};
    tl_image_metadata metadata;
    const tl_image_encode_options options = {
        .format = format, .quality = rules->quality, .metadata = rules->keep_metadata ? &metadata : NULL};
    tl_image_metadata_init(&metadata);
    bool ok = make_pixels(bytes, rules, plan, &pixels, out, err) &&
              (!rules->keep_metadata || tl_image_metadata_read(bytes, &metadata, err));
    if (ok && out->reason == NULL && !tl_image_encode(&pixels, &options, scratch, &found))
        ok = judge(&found, "picture too large", out, err);
    out->info = (tl_image_info){format, pixels.width, pixels.height};
    out->bytes = tl_string_slice(scratch);
    tl_image_clear(&pixels);
    tl_image_metadata_clear(&metadata);
    return ok;
}

static bool keep(tl_slice bytes, const tl_picture_rules *rules, tl_string *scratch, tl_changed_picture *out, tl_error *err)
{
    if (!tl_picture_check(bytes, !rules->only_headers, &out->info, &out->reason, err))
        return false;
    out->bytes = bytes;
    if (out->reason != NULL || !rules->drop_metadata)
        return true;
    if (!tl_image_strip(bytes, scratch, err))
        return false;
    out->bytes = tl_string_slice(scratch);
    return true;
}

bool tl_picture_change(tl_slice bytes, const tl_picture_rules *rules, pthread_mutex_t *large, tl_string *scratch,
                       tl_changed_picture *out, tl_error *err)
{
    *out = (tl_changed_picture){0};
    tl_string_reset(scratch);
    /* First what the header says: nothing is decoded for a picture that will not be taken. */
    if (!tl_picture_check(bytes, false, &out->info, &out->reason, err) || out->reason != NULL)
        return out->reason != NULL;
    uint64_t pixels = (uint64_t)out->info.width * out->info.height;
    if (pixels > (rules->max_pixels != 0 ? rules->max_pixels : DEFAULT_MAX_PIXELS)) {
        out->reason = "picture too large";
        return true;
    }
    tl_exif_read(bytes, &out->exif);
    bool turns_sides = out->exif.orientation >= 5;
    out->original_width = turns_sides ? out->info.height : out->info.width;
    out->original_height = turns_sides ? out->info.width : out->info.height;
    out->reason = refuse_by_size(out, rules);
    if (out->reason != NULL)
        return true;
    resize_plan plan = plan_resize(out->original_width, out->original_height, rules);
    bool pixels_change = plan.is_needed || out->exif.orientation > 1;
    tl_image_format format = target_format(out->info.format, rules, pixels_change);
    if (pixels > LARGE_PIXELS)
        pthread_mutex_lock(large);
    bool ok = pixels_change || format != out->info.format ? write_again(bytes, rules, &plan, format, scratch, out, err)
                                                          : keep(bytes, rules, scratch, out, err);
    if (pixels > LARGE_PIXELS)
        pthread_mutex_unlock(large);
    return ok;
}
