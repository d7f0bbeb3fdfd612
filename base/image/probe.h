/* What a picture's first bytes say, before anything is decoded: format by content, never by name. */
#ifndef TL_BASE_IMAGE_PROBE_H
#define TL_BASE_IMAGE_PROBE_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_image_format {
    TL_IMAGE_UNKNOWN,
    TL_IMAGE_JPEG,
    TL_IMAGE_PNG,
    TL_IMAGE_GIF,
    TL_IMAGE_WEBP,
    TL_IMAGE_BMP,
    TL_IMAGE_TGA,
    TL_IMAGE_PSD,
    TL_IMAGE_PNM
} tl_image_format;

typedef struct tl_image_info {
    tl_image_format format;
    uint32_t width; /* as stored, before EXIF orientation */
    uint32_t height;
} tl_image_info;

/* Fails with TL_ERROR_UNSUPPORTED when the bytes are no picture we know, TL_ERROR_CORRUPT when its header is broken. */
bool tl_image_probe(tl_slice bytes, tl_image_info *out, tl_error *err) TL_MUST_USE;
/* "jpeg", "png", ...: also the usual file name extension, save "jpg" for JPEG. */
const char *tl_image_format_name(tl_image_format format);
const char *tl_image_format_extension(tl_image_format format);
/* True when a file name ends in an extension of a format above (any case): a hint for walking folders, not a promise. */
bool tl_image_name_is_picture(const char *file_name);

#ifdef __cplusplus
}
#endif

#endif
