/* base/image over arbitrary bytes: probing, camera remarks and decoding of small pictures agree with each other and stay in
 * bounds. */
#include "base/core/string.h"
#include "base/image/decode.h"
#include "base/image/exif.h"
#include "base/image/probe.h"

/* Checking and decoding come to the same end. */
static void check(tl_slice bytes)
{
    const tl_image_decode_options options = {.max_pixels = 1 << 14, .min_side = 1};
    tl_image image;
    tl_error checked = {0}, decoded = {0};
    bool is_sound = tl_image_check(bytes, options.max_pixels, &checked);
    bool is_decoded = tl_image_decode(bytes, &options, &image, &decoded);
    TL_ASSERT(is_sound == is_decoded && checked.kind == decoded.kind && strcmp(checked.message, decoded.message) == 0);
    if (is_decoded)
        tl_image_clear(&image);
}

static void decode(tl_slice bytes, const tl_image_info *info, const tl_image_decode_options *options)
{
    tl_image image;
    tl_error err = {0};
    if (!tl_image_decode(bytes, options, &image, &err)) {
        TL_ASSERT(err.kind != TL_ERROR_NONE && err.message[0] != '\0');
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        return;
    }
    TL_ASSERT(info != NULL);
    uint64_t pixels = (uint64_t)image.width * image.height;
    TL_ASSERT(pixels >= 1 && pixels <= options->max_pixels);
    if (options->min_side == 0)
        TL_ASSERT(options->keep_orientation ? image.width == info->width && image.height == info->height
                                            : pixels == (uint64_t)info->width * info->height);
    /* Every byte must be there to be read. */
    uint64_t sum = 0;
    for (uint64_t i = 0; i < pixels * 3; i++)
        sum += image.pixels[i];
    TL_ASSERT(sum <= pixels * 3 * 255);
    tl_image_clear(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_slice bytes = {(const char *)data, size};
    tl_image_info info;
    bool is_picture = tl_image_probe(bytes, &info, NULL);
    tl_exif exif;
    tl_exif_read(bytes, &exif);
    TL_ASSERT(exif.orientation >= 1 && exif.orientation <= 8);
    TL_ASSERT(tl_text_is_utf8(tl_slice_of(exif.camera), NULL) && tl_text_is_utf8(tl_slice_of(exif.taken), NULL));
    const tl_image_decode_options exact = {.max_pixels = 1 << 14, .keep_orientation = true};
    const tl_image_decode_options scaled = {.max_pixels = 1 << 14, .min_side = 3};
    decode(bytes, is_picture ? &info : NULL, &exact);
    decode(bytes, is_picture ? &info : NULL, &scaled);
    check(bytes);
    return 0;
}
