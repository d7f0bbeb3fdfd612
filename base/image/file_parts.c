/* Owns the frames of files: JPEG marker segments (ITU T.81, Annex B), PNG chunks (W3C PNG, section 5), RIFF chunks (RFC 9649). */
#include "base/image/file_parts_internal.h"

#include "base/image/bytes_internal.h"

static bool next_segment(tl_slice bytes, size_t *at, tl_file_part *part)
{
    while (*at + 4 <= bytes.size && byte_at(bytes, *at) == 0xff && byte_at(bytes, *at + 1) == 0xff)
        ++*at; /* a fill byte */
    if (*at + 4 > bytes.size || byte_at(bytes, *at) != 0xff)
        return false;
    uint32_t size = big_16_at(bytes, *at + 2);
    uint32_t marker = byte_at(bytes, *at + 1);
    if (marker == 0xda || marker == 0xd9 || size < 2 || size > bytes.size - *at - 2)
        return false;
    *part = (tl_file_part){NULL, marker, {bytes.data + *at + 4, size - 2}, {bytes.data + *at, 2 + (size_t)size}};
    *at += part->whole.size;
    return true;
}

static bool next_png_chunk(tl_slice bytes, size_t *at, tl_file_part *part)
{
    if (*at >= bytes.size || bytes.size - *at < 12)
        return false;
    uint32_t size = big_32_at(bytes, *at);
    if (size > bytes.size - *at - 12)
        return false;
    const char *start = bytes.data + *at;
    *part = (tl_file_part){start + 4, 0, {start + 8, size}, {start, 12 + (size_t)size}};
    *at += part->whole.size;
    return true;
}

static bool next_riff_chunk(tl_slice bytes, size_t *at, tl_file_part *part)
{
    if (*at >= bytes.size || bytes.size - *at < 8)
        return false;
    uint32_t size = little_32_at(bytes, *at + 4);
    size_t left = bytes.size - *at - 8;
    if (size > left)
        return false;
    const char *start = bytes.data + *at;
    *part = (tl_file_part){start, 0, {start + 8, size}, {start, 8 + (size_t)size + (size < left ? size & 1 : 0)}};
    *at += part->whole.size;
    return true;
}

tl_file_parts tl_image__file_parts(tl_slice bytes)
{
    tl_image_info info;
    if (!tl_image_probe(bytes, &info, NULL))
        return (tl_file_parts){0};
    switch (info.format) {
    case TL_IMAGE_JPEG:
        return (tl_file_parts){info.format, 2, next_segment};
    case TL_IMAGE_PNG:
        return (tl_file_parts){info.format, 8, next_png_chunk};
    case TL_IMAGE_WEBP:
        return (tl_file_parts){info.format, 12, next_riff_chunk};
    default:
        return (tl_file_parts){0};
    }
}
