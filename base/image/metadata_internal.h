/* Where a file has its EXIF block. */
#ifndef TL_BASE_IMAGE_METADATA_INTERNAL_H
#define TL_BASE_IMAGE_METADATA_INTERNAL_H

#include "base/core/slice.h"

/* The TIFF-shaped block of a JPEG, PNG or WebP file; empty when there is none, or one that is too short or too long to be true.
 */
tl_slice tl_image__find_exif(tl_slice bytes);

#endif
