/* Owns the reasons for which a picture is refused. */
#include "crawler-import/picture_check.h"

#include "base/image/decode.h"

bool tl_picture_check(tl_slice bytes, bool decode, tl_image_info *info, const char **reason, tl_error *err)
{
    tl_error found;
    *reason = NULL;
    if (bytes.size == 0) {
        *reason = "empty file";
    } else if (!tl_image_probe(bytes, info, &found)) {
        *reason = found.kind == TL_ERROR_UNSUPPORTED ? "not a picture" : "broken picture";
    } else if ((uint64_t)info->width * info->height > TL_IMAGE_DEFAULT_MAX_PIXELS) {
        *reason = "picture too large";
    } else if (info->width == 0 || info->height == 0) {
        *reason = "broken picture";
    } else if (decode && !tl_image_check(bytes, 0, &found)) {
        if (found.kind == TL_ERROR_NO_MEMORY)
            return tl_fail_as(err, &found);
        *reason = "broken picture";
    }
    return true;
}
