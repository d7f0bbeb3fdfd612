/* Whether bytes are a picture that can be trained on, and if not, why, in a few stable words. */
#ifndef TL_CRAWLER_IMPORT_PICTURE_CHECK_H
#define TL_CRAWLER_IMPORT_PICTURE_CHECK_H

#include "base/core/slice.h"
#include "base/image/probe.h"

/* *reason is NULL for a good picture, whose size and format are then in info. False only when the process cannot go on. */
bool tl_picture_check(tl_slice bytes, bool decode, tl_image_info *info, const char **reason, tl_error *err) TL_MUST_USE;

#endif
