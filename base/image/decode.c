/*
 * Owns the way from bytes to RGB8: probe, refuse what is too large, pick the decoder by content, turn by EXIF orientation.
 * The decoders themselves are decode_jpeg.c, decode_webp.c, decode_pnm.c and decode_stb.c.
 */
#include "base/image/decode.h"

#include "base/image/decode_internal.h"
#include "base/image/exif.h"

#include <inttypes.h>

/* No picture of the world is longer; bounds the tables that resizing makes for a side. */
enum { MAX_SIDE = 1 << 20 };

/*
 * What no encoder of a format passes, so that a kilobyte cannot claim a gigabyte: 8 blocks of 8 x 8 pixels a byte in a JPEG of
 * one colour, with room to spare for arithmetic coding; a full dictionary entry a code in a GIF; 1 bit a pixel; a run of 128 in
 * two bytes. PNG, TGA and PNM have closer checks of their own; WebP has no such bound.
 */
static const uint32_t most_pixels_per_byte[] = {
    [TL_IMAGE_JPEG] = 4096, [TL_IMAGE_GIF] = 4096, [TL_IMAGE_BMP] = 8, [TL_IMAGE_PSD] = 64, [TL_IMAGE_PNM] = 0};

static bool fits_limits(const tl_image_info *info, size_t file_size, uint64_t max_pixels, tl_error *err)
{
    uint64_t pixels = (uint64_t)info->width * info->height;
    if (pixels > max_pixels)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %" PRIu64 " pixels, found %u x %u", max_pixels, info->width,
                       info->height);
    if (info->width > MAX_SIDE || info->height > MAX_SIDE)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected sides of at most %d pixels, found %u x %u", (int)MAX_SIDE,
                       info->width, info->height);
    uint32_t most = most_pixels_per_byte[info->format];
    if (most != 0 && pixels / most > file_size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the pixels of %u x %u, found %zu bytes", info->width, info->height,
                       file_size);
    return true;
}

/* What the header says, and that it is not too much. */
static bool read_header(tl_slice bytes, uint64_t max_pixels, tl_image_info *info, tl_error *err)
{
    return tl_image_probe(bytes, info, err) &&
           (fits_limits(info, bytes.size, max_pixels != 0 ? max_pixels : TL_IMAGE_DEFAULT_MAX_PIXELS, err) ||
            tl_fail_within(err, "%s picture", tl_image_format_name(info->format)));
}

static bool decode_as_stored(tl_slice bytes, const tl_image_info *info, uint32_t min_side, tl_image *out, tl_error *err)
{
    switch (info->format) {
    case TL_IMAGE_JPEG:
        return tl_image__decode_jpeg(bytes, info, min_side, out, err);
    case TL_IMAGE_WEBP:
        return tl_image__decode_webp(bytes, info, out, err);
    case TL_IMAGE_PNM:
        return tl_image__decode_pnm(bytes, info, out, err);
    case TL_IMAGE_PNG:
        return tl_png__check(bytes, info, err) && tl_image__decode_stb(bytes, info, out, err);
    case TL_IMAGE_GIF:
    case TL_IMAGE_BMP:
    case TL_IMAGE_TGA:
    case TL_IMAGE_PSD:
        return tl_image__decode_stb(bytes, info, out, err);
    case TL_IMAGE_UNKNOWN:
        break;
    }
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "there is no decoder for this format");
}

bool tl_image_decode(tl_slice bytes, const tl_image_decode_options *options, tl_image *out, tl_error *err)
{
    const tl_image_decode_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    tl_image_info info;
    if (!read_header(bytes, options->max_pixels, &info, err))
        return false;
    tl_image image = {0};
    bool ok = false;
    if (!decode_as_stored(bytes, &info, options->min_side, &image, err))
        goto done;
    if (!options->keep_orientation) {
        tl_exif exif;
        tl_exif_read(bytes, &exif);
        if (!tl_image__orient(&image, exif.orientation, err))
            goto done;
    }
    *out = image;
    image = (tl_image){0};
    ok = true;
done:
    tl_image_clear(&image);
    return ok || tl_fail_within(err, "%s picture", tl_image_format_name(info.format));
}

bool tl_image_check(tl_slice bytes, uint64_t max_pixels, tl_error *err)
{
    const tl_image_decode_options options = {.max_pixels = max_pixels, .keep_orientation = true};
    tl_image_info info;
    tl_image image;
    if (!read_header(bytes, max_pixels, &info, err))
        return false;
    if (info.format == TL_IMAGE_JPEG)
        return tl_image__check_jpeg(bytes, &info, err) || tl_fail_within(err, "%s picture", tl_image_format_name(info.format));
    if (!tl_image_decode(bytes, &options, &image, err))
        return false;
    tl_image_clear(&image);
    return true;
}
