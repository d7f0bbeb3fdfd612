/* Owns WebP encoding: lossy, the library's usual effort. */
#include "base/image/encode_internal.h"

#include <webp/encode.h>

typedef struct webp_output {
    tl_string *out;
    tl_error *err;
} webp_output;

static int append(const uint8_t *bytes, size_t size, const WebPPicture *picture)
{
    webp_output *output = picture->custom_ptr;
    return tl_string_append(output->out, (const char *)bytes, size, output->err);
}

bool tl_image__encode_webp(const tl_image *image, unsigned quality, tl_string *out, tl_error *err)
{
    webp_output output = {out, err};
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, (float)quality) || !WebPPictureInit(&picture))
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected another version of the library");
    picture.width = (int)image->width;
    picture.height = (int)image->height;
    picture.writer = append;
    picture.custom_ptr = &output;
    bool ok = WebPPictureImportRGB(&picture, image->pixels, (int)(image->width * 3)) != 0;
    if (!ok)
        tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory");
    if (ok && !WebPEncode(&config, &picture)) {
        ok = false;
        if (picture.error_code != VP8_ENC_ERROR_BAD_WRITE) /* there append has said why */
            tl_fail(err, picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY ? TL_ERROR_NO_MEMORY : TL_ERROR_INVALID,
                    "the library's error %d", (int)picture.error_code);
    }
    WebPPictureFree(&picture);
    return ok;
}
