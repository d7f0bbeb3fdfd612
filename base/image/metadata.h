/* What lies in a picture's file beside its pixels and may go along into another one: the camera's remarks and the colour profile.
 */
#ifndef TL_BASE_IMAGE_METADATA_H
#define TL_BASE_IMAGE_METADATA_H

#include "base/core/slice.h"
#include "base/core/string.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Empty is absent. */
typedef struct tl_image_metadata {
    tl_string exif;    /* a TIFF-shaped block (Exif 2.32) of at most 65,527 bytes, which one segment of a JPEG holds */
    tl_string profile; /* an ICC profile for RGB, of at most 4 MiB */
} tl_image_metadata;

void tl_image_metadata_init(tl_image_metadata *metadata);
void tl_image_metadata_clear(tl_image_metadata *metadata);
/*
 * What a JPEG, PNG or WebP file says, made true for its pixels as they are decoded, RGB and upright: the orientation becomes 1,
 * the old thumbnail is no longer referred to, and profiles for grey or CMYK are left out. What is broken or too large reads as
 * absent. Fails only without memory.
 */
bool tl_image_metadata_read(tl_slice bytes, tl_image_metadata *out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
