/*
 * Owns WebP encoding: lossy, the library's usual effort. The library writes the simple file format; metadata needs the extended
 * one (RFC 9649, 2.7), whose chunks are put around the picture's here.
 */
#include "base/image/bytes_internal.h"
#include "base/image/encode_internal.h"

#include <webp/encode.h>

enum {
    HEADER_SIZE = 12,
    CHUNK_HEADER_SIZE = 8,
    FLAGS_SIZE = 10, /* of a VP8X chunk */
    HAS_PROFILE = 0x20,
    HAS_EXIF = 0x08,
    MAX_SIZE = 1 << 28
};

typedef struct webp_output {
    tl_string *out;
    tl_error *err;
} webp_output;

static int append(const uint8_t *bytes, size_t size, const WebPPicture *picture)
{
    webp_output *output = picture->custom_ptr;
    return tl_string_append(output->out, (const char *)bytes, size, output->err);
}

static bool encode_simple(const tl_image *image, unsigned quality, tl_string *out, tl_error *err)
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

static bool append_chunk(tl_string *out, const char name[4], const char *bytes, size_t size, tl_error *err)
{
    char header[CHUNK_HEADER_SIZE];
    memcpy(header, name, 4);
    put_little(header + 4, size, 4);
    return tl_string_append(out, header, sizeof header, err) && tl_string_append(out, bytes, size, err) &&
           (size % 2 == 0 || tl_string_append(out, "", 1, err));
}

static bool append_extended(tl_slice simple, const tl_image *image, const tl_image_metadata *metadata, tl_string *out,
                            tl_error *err)
{
    const tl_string *profile = &metadata->profile;
    const tl_string *exif = &metadata->exif;
    size_t start = out->size;
    char flags[FLAGS_SIZE] = {0};
    flags[0] = (char)((profile->size != 0 ? HAS_PROFILE : 0) | (exif->size != 0 ? HAS_EXIF : 0));
    put_little(flags + 4, image->width - 1, 3);
    put_little(flags + 7, image->height - 1, 3);
    if (!tl_string_append(out, simple.data, HEADER_SIZE, err) || !append_chunk(out, "VP8X", flags, sizeof flags, err) ||
        (profile->size != 0 && !append_chunk(out, "ICCP", profile->data, profile->size, err)) ||
        !tl_string_append(out, simple.data + HEADER_SIZE, simple.size - HEADER_SIZE, err) ||
        (exif->size != 0 && !append_chunk(out, "EXIF", exif->data, exif->size, err)))
        return false;
    put_little(out->data + start + 4, out->size - start - 8, 4);
    return true;
}

bool tl_image__encode_webp(const tl_image *image, unsigned quality, const tl_image_metadata *metadata, tl_string *out,
                           tl_error *err)
{
    if (metadata == NULL || (metadata->exif.size == 0 && metadata->profile.size == 0))
        return encode_simple(image, quality, out, err);
    tl_string simple;
    tl_string_init(&simple, MAX_SIZE);
    bool ok = encode_simple(image, quality, &simple, err) && append_extended(tl_string_slice(&simple), image, metadata, out, err);
    tl_string_clear(&simple);
    return ok;
}
