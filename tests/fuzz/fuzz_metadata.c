/*
 * base/image's metadata over arbitrary bytes: what is read from a file and written into another reads the same there; what is
 * taken out of a file is gone, and the picture that remains is of the same size.
 */
#include "base/image/encode.h"
#include "base/image/exif.h"
#include "base/image/metadata.h"
#include "base/image/strip.h"

#include <string.h>

enum { MAX_SIZE = 1 << 26 };

static bool is_same(const tl_string *one, const tl_string *other)
{
    return tl_slice_equal(tl_string_slice(one), tl_string_slice(other));
}

static void check_carried(const tl_image_metadata *metadata, tl_image_format format)
{
    uint8_t pixels[3 * 2 * 3] = {0};
    const tl_image image = {.pixels = pixels, .width = 3, .height = 2};
    const tl_image_encode_options options = {.format = format, .metadata = metadata};
    tl_image_metadata again;
    tl_string file;
    tl_exif exif;
    tl_error err;
    tl_string_init(&file, MAX_SIZE);
    tl_image_metadata_init(&again);
    bool ok = tl_image_encode(&image, &options, &file, &err) && tl_image_metadata_read(tl_string_slice(&file), &again, &err);
    TL_ASSERT(ok && is_same(&again.exif, &metadata->exif));
    bool may_be_refused = format == TL_IMAGE_PNG && again.profile.size == 0; /* libpng looks into profiles */
    TL_ASSERT(may_be_refused || is_same(&again.profile, &metadata->profile));
    tl_exif_read(tl_string_slice(&file), &exif);
    TL_ASSERT(exif.orientation == 1);
    tl_image_metadata_clear(&again);
    tl_string_clear(&file);
}

static void check_stripped(tl_slice bytes)
{
    tl_string once, twice;
    tl_image_info before = {0}, after = {0};
    tl_string_init(&once, MAX_SIZE);
    tl_string_init(&twice, MAX_SIZE);
    TL_ASSERT(tl_image_strip(bytes, &once, NULL) && tl_image_strip(tl_string_slice(&once), &twice, NULL));
    TL_ASSERT(once.size <= bytes.size && is_same(&once, &twice));
    bool is_picture = tl_image_probe(bytes, &before, NULL);
    TL_ASSERT(tl_image_probe(tl_string_slice(&once), &after, NULL) == is_picture);
    TL_ASSERT(!is_picture || (before.format == after.format && before.width == after.width && before.height == after.height));
    tl_string_clear(&once);
    tl_string_clear(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_slice bytes = {(const char *)data, size};
    tl_image_metadata metadata;
    tl_image_metadata_init(&metadata);
    TL_ASSERT(tl_image_metadata_read(bytes, &metadata, NULL));
    check_carried(&metadata, TL_IMAGE_JPEG);
    check_carried(&metadata, TL_IMAGE_PNG);
    check_carried(&metadata, TL_IMAGE_WEBP);
    tl_image_metadata_clear(&metadata);
    check_stripped(bytes);
    return 0;
}
