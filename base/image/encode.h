/* RGB8 to the bytes of a file (libjpeg-turbo, libwebp, libpng). The same picture and options give the same bytes. */
#ifndef TL_BASE_IMAGE_ENCODE_H
#define TL_BASE_IMAGE_ENCODE_H

#include "base/core/string.h"
#include "base/image/image.h"
#include "base/image/metadata.h"
#include "base/image/probe.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_image_encode_options {
    tl_image_format format;            /* TL_IMAGE_JPEG, TL_IMAGE_WEBP or TL_IMAGE_PNG */
    unsigned quality;                  /* JPEG and WebP: 1 to 100, 0: 95. PNG: how hard to deflate, 1 to 9, 0: 6 */
    const tl_image_metadata *metadata; /* goes into the file too; NULL: none */
} tl_image_encode_options;

/* Appends the file to out; on failure out is as before. TL_ERROR_UNSUPPORTED: a side that the format has no room for (65,500
 * pixels in a JPEG, 16,383 in a WebP). */
bool tl_image_encode(const tl_image *image, const tl_image_encode_options *options, tl_string *out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
