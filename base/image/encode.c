/* Owns the choice of encoder, the defaults, and that a failed encoding leaves nothing behind. */
#include "base/image/encode.h"

#include "base/image/encode_internal.h"

typedef struct encoder {
    bool (*encode)(const tl_image *image, unsigned quality, const tl_image_metadata *metadata, tl_string *out, tl_error *err);
    unsigned default_quality, most_quality;
    uint32_t most_side; /* pixels */
} encoder;

static const encoder encoders[] = {
    [TL_IMAGE_JPEG] = {tl_image__encode_jpeg, 95, 100, 65500},
    [TL_IMAGE_WEBP] = {tl_image__encode_webp, 95, 100, 16383},
    [TL_IMAGE_PNG] = {tl_image__encode_png, 6, 9, 1000000}, /* libpng's own limit */
};

bool tl_image_encode(const tl_image *image, const tl_image_encode_options *options, tl_string *out, tl_error *err)
{
    size_t kind = options->format;
    const char *name = tl_image_format_name(options->format);
    if (kind >= sizeof encoders / sizeof encoders[0] || encoders[kind].encode == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "expected jpeg, webp or png to write, found %s", name);
    const encoder *chosen = &encoders[kind];
    unsigned quality = options->quality != 0 ? options->quality : chosen->default_quality;
    if (quality > chosen->most_quality)
        return tl_fail(err, TL_ERROR_INVALID, "%s: expected a quality of 1 to %u, found %u", name, chosen->most_quality, quality);
    if (image->width > chosen->most_side || image->height > chosen->most_side)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "%s: expected sides of at most %u pixels, found %u x %u", name,
                       chosen->most_side, image->width, image->height);
    size_t before = out->size;
    if (chosen->encode(image, quality, options->metadata, out, err))
        return true;
    if (out->size > before) {
        out->size = before;
        out->data[before] = '\0';
    }
    return tl_fail_within(err, "%s picture", name);
}
