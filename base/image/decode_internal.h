/* What the decoders behind decode.c have in common. None of them turns a picture by its EXIF orientation. */
#ifndef TL_BASE_IMAGE_DECODE_INTERNAL_H
#define TL_BASE_IMAGE_DECODE_INTERNAL_H

#include "base/core/slice.h"
#include "base/image/image.h"
#include "base/image/probe.h"

/* A header of a portable anymap (P1..P6). */
typedef struct tl_pnm_header {
    uint32_t kind; /* 1..6 */
    uint32_t width;
    uint32_t height;
    uint32_t max_value; /* 1 for bitmaps */
    size_t pixels_offset;
} tl_pnm_header;

bool tl_pnm__header_read(tl_slice bytes, tl_pnm_header *out, tl_error *err) TL_MUST_USE;

/* info is what the probe said; the pixel limit has been checked against it. */
bool tl_image__decode_jpeg(tl_slice bytes, const tl_image_info *info, uint32_t min_side, tl_image *out,
                           tl_error *err) TL_MUST_USE;
/* Whether that would succeed. */
bool tl_image__check_jpeg(tl_slice bytes, const tl_image_info *info, tl_error *err) TL_MUST_USE;
bool tl_image__decode_webp(tl_slice bytes, const tl_image_info *info, tl_image *out, tl_error *err) TL_MUST_USE;
bool tl_image__decode_pnm(tl_slice bytes, const tl_image_info *info, tl_image *out, tl_error *err) TL_MUST_USE;
/* PNG, GIF, BMP, TGA, PSD. */
bool tl_image__decode_stb(tl_slice bytes, const tl_image_info *info, tl_image *out, tl_error *err) TL_MUST_USE;

/* Walks a PNG's chunks: lengths, order and checksums hold, and there is enough compressed data for the size claimed. */
bool tl_png__check(tl_slice bytes, const tl_image_info *info, tl_error *err) TL_MUST_USE;

/* Turns the picture so that EXIF orientation 1..8 becomes 1; replaces its pixels. */
bool tl_image__orient(tl_image *image, uint8_t orientation, tl_error *err) TL_MUST_USE;

/* round((color * alpha + 255 * (255 - alpha)) / 255): one channel over white. */
static inline uint8_t over_white(uint32_t color, uint32_t alpha)
{
    uint32_t sum = color * alpha + 255 * (255 - alpha) + 128;
    return (uint8_t)((sum + (sum >> 8)) >> 8);
}

#endif
