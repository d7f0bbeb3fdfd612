/* Bytes to RGB8: the decoder is picked by content (libjpeg-turbo for JPEG, libwebp for WebP, stb_image for the rest). */
#ifndef TL_BASE_IMAGE_DECODE_H
#define TL_BASE_IMAGE_DECODE_H

#include "base/core/slice.h"
#include "base/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TL_IMAGE_DEFAULT_MAX_PIXELS 178956970u /* the size at which Pillow refuses a picture as a decompression bomb */

typedef struct tl_image_decode_options {
    uint64_t max_pixels; /* refuse larger ones before decoding; 0: TL_IMAGE_DEFAULT_MAX_PIXELS */
    /* A JPEG may be decoded at 1/2, 1/4 or 1/8 size (DCT scaling) as long as its shorter side keeps at least this many pixels; 0:
     * exact. */
    uint32_t min_side;
    bool keep_orientation; /* true: do not turn the picture by its EXIF orientation */
} tl_image_decode_options;

/*
 * EXIF orientation is applied, alpha is blended over white, 16-bit channels are reduced, grey and CMYK become RGB, of an
 * animation the first frame is taken. options may be NULL. A truncated picture is an error (TL_ERROR_CORRUPT), never a grey half.
 */
bool tl_image_decode(tl_slice bytes, const tl_image_decode_options *options, tl_image *out, tl_error *err) TL_MUST_USE;

/* Whether tl_image_decode would succeed; cheaper, for a JPEG by far. max_pixels as in the options. */
bool tl_image_check(tl_slice bytes, uint64_t max_pixels, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
