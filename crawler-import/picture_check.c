/* Owns the reasons for which a picture is refused. */
#include "crawler-import/picture_check.h"

#include "base/image/decode.h"

bool tl_picture_check(tl_slice bytes, bool decode, tl_image_info *info, const char **reason, tl_error *err)
{
    tl_error found;
    tl_image image;
    /* The pixels are not kept, so a JPEG may be decoded at 1/8 of its size: every byte of it is still read. */
    const tl_image_decode_options smallest = {.min_side = 1};
    *reason = NULL;
    if (bytes.size == 0) {
        *reason = "empty file";
    } else if (!tl_image_probe(bytes, info, &found)) {
        *reason = found.kind == TL_ERROR_UNSUPPORTED ? "not a picture" : "broken picture";
    } else if ((uint64_t)info->width * info->height > TL_IMAGE_DEFAULT_MAX_PIXELS) {
        *reason = "picture too large";
    } else if (info->width == 0 || info->height == 0) {
        *reason = "broken picture";
    } else if (decode) {
        if (tl_image_decode(bytes, &smallest, &image, &found))
            tl_image_clear(&image);
        else if (found.kind == TL_ERROR_NO_MEMORY)
            return tl_fail(err, found.kind, "%s", found.message);
        else
            *reason = "broken picture";
    }
    return true;
}
