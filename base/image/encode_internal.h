/* The encoders behind encode.c. Options were checked; quality is never 0; metadata may be NULL. What an encoder appended before
 * it failed, encode.c takes back. */
#ifndef TL_BASE_IMAGE_ENCODE_INTERNAL_H
#define TL_BASE_IMAGE_ENCODE_INTERNAL_H

#include "base/core/string.h"
#include "base/image/image.h"
#include "base/image/metadata.h"

bool tl_image__encode_jpeg(const tl_image *image, unsigned quality, const tl_image_metadata *metadata, tl_string *out,
                           tl_error *err) TL_MUST_USE;
bool tl_image__encode_webp(const tl_image *image, unsigned quality, const tl_image_metadata *metadata, tl_string *out,
                           tl_error *err) TL_MUST_USE;
bool tl_image__encode_png(const tl_image *image, unsigned level, const tl_image_metadata *metadata, tl_string *out,
                          tl_error *err) TL_MUST_USE;

#endif
