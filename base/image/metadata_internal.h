/* Where a file has its EXIF block. */
#ifndef TL_BASE_IMAGE_METADATA_INTERNAL_H
#define TL_BASE_IMAGE_METADATA_INTERNAL_H

#include "base/core/slice.h"

/* What a JPEG's segment has before the block: with its closing NUL. */
#define TL_EXIF_START "Exif\0"
enum { TL_EXIF_START_SIZE = sizeof TL_EXIF_START };

/* The TIFF-shaped block of a JPEG, PNG or WebP file; empty when there is none, or one that is too short or too long to be true.
 */
tl_slice tl_image__find_exif(tl_slice bytes);

#endif
