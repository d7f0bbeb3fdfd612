/* Picture files without what people and programs wrote into them; the pixels' bytes stay as they are. */
#ifndef TL_BASE_IMAGE_STRIP_H
#define TL_BASE_IMAGE_STRIP_H

#include "base/core/slice.h"
#include "base/core/string.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Appends a JPEG, PNG or WebP file without EXIF, XMP, IPTC, comments, texts, times and thumbnails; colour profiles and all that
 * decides how the pixels look stay. Files of other kinds, and ones whose frame of segments or chunks is broken, are appended as
 * they are. What follows the last end mark goes as well.
 */
bool tl_image_strip(tl_slice bytes, tl_string *out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
