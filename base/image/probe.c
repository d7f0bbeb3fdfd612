/*
 * Owns telling picture formats apart by their first bytes and reading the size each of them claims, without decoding.
 *
 * One row per format: a test of the signature and a reader of the header. TGA has no signature, so it comes last and its
 * header must hold together in every field. Formats that people meet but that we do not read are named in the error.
 */
#include "base/image/probe.h"

#include "base/image/bytes_internal.h"
#include "base/image/decode_internal.h"

#include <strings.h>

static bool cut_short(tl_error *err)
{
    return tl_fail(err, TL_ERROR_CORRUPT, "the header is cut short");
}

static bool is_jpeg(tl_slice bytes)
{
    return slice_starts_with(bytes, "\xff\xd8\xff", 3);
}

/* Walks the marker segments (ITU-T T.81, B.1.1) up to the frame header, SOF0..SOF15. */
static bool read_jpeg(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    size_t at = 2;
    for (;;) {
        if (at + 4 > bytes.size)
            return cut_short(err);
        if (byte_at(bytes, at) != 0xff) {
            at++; /* stray bytes between segments: decoders skip them as well */
            continue;
        }
        uint32_t marker = byte_at(bytes, at + 1);
        if (marker == 0xff || marker == 0) {
            at++;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
            at += 2;
            continue;
        }
        if (marker == 0xd9 || marker == 0xda)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a frame header before the %s", marker == 0xd9 ? "end" : "first scan");
        uint32_t length = big_16_at(bytes, at + 2);
        if (length < 2)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a segment of at least 2 bytes, found %u", length);
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
            if (at + 9 > bytes.size)
                return cut_short(err);
            out->height = big_16_at(bytes, at + 5);
            out->width = big_16_at(bytes, at + 7);
            return true;
        }
        at += 2 + length;
    }
}

static bool is_png(tl_slice bytes)
{
    return slice_starts_with(bytes, "\x89PNG\r\n\x1a\n", 8);
}

static bool read_png(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    if (bytes.size < 33)
        return cut_short(err);
    if (slice_starts_with(slice_from(bytes, 12), "CgBI", 4))
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "png of Apple's private kind (CgBI) is not read");
    if (big_32_at(bytes, 8) != 13 || memcmp(bytes.data + 12, "IHDR", 4) != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected IHDR of 13 bytes as the first chunk");
    out->width = big_32_at(bytes, 16);
    out->height = big_32_at(bytes, 20);
    if (out->width > INT32_MAX || out->height > INT32_MAX)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected sides below 2^31, found %u x %u", out->width, out->height);
    return true;
}

static bool is_gif(tl_slice bytes)
{
    return slice_starts_with(bytes, "GIF87a", 6) || slice_starts_with(bytes, "GIF89a", 6);
}

static bool read_gif(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    if (bytes.size < 13)
        return cut_short(err);
    out->width = little_16_at(bytes, 6);
    out->height = little_16_at(bytes, 8);
    return true;
}

static bool is_webp(tl_slice bytes)
{
    return slice_starts_with(bytes, "RIFF", 4) && slice_starts_with(slice_from(bytes, 8), "WEBP", 4);
}

/* The first chunk is VP8 (lossy, RFC 6386 section 9.1), VP8L (lossless) or VP8X (a canvas). */
static bool read_webp(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    if (bytes.size < 30)
        return cut_short(err);
    const char *chunk = bytes.data + 12;
    if (memcmp(chunk, "VP8X", 4) == 0) {
        out->width = little_24_at(bytes, 24) + 1;
        out->height = little_24_at(bytes, 27) + 1;
        return true;
    }
    if (memcmp(chunk, "VP8L", 4) == 0 && byte_at(bytes, 20) == 0x2f) {
        uint32_t bits = little_32_at(bytes, 21);
        out->width = (bits & 0x3fff) + 1;
        out->height = (bits >> 14 & 0x3fff) + 1;
        return true;
    }
    if (memcmp(chunk, "VP8 ", 4) == 0 && memcmp(bytes.data + 23, "\x9d\x01\x2a", 3) == 0) {
        out->width = little_16_at(bytes, 26) & 0x3fff;
        out->height = little_16_at(bytes, 28) & 0x3fff;
        return true;
    }
    return tl_fail(err, TL_ERROR_CORRUPT, "expected VP8, VP8L or VP8X as the first chunk");
}

static bool is_bmp(tl_slice bytes)
{
    if (bytes.size < 26 || !slice_starts_with(bytes, "BM", 2))
        return slice_starts_with(bytes, "BM", 2) && bytes.size >= 18;
    uint32_t header = little_32_at(bytes, 14);
    return header == 12 || header == 40 || header == 52 || header == 56 || header == 64 || header == 108 || header == 124;
}

static bool read_bmp(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    if (bytes.size < 26)
        return cut_short(err);
    if (little_32_at(bytes, 14) == 12) {
        out->width = little_16_at(bytes, 18);
        out->height = little_16_at(bytes, 20);
        return true;
    }
    out->width = little_32_at(bytes, 18);
    uint32_t height = little_32_at(bytes, 22);
    out->height = height > INT32_MAX ? 0u - height : height; /* negative: rows go from top to bottom */
    if (out->width > INT32_MAX || out->height > INT32_MAX)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected sides below 2^31, found %u x %u", out->width, out->height);
    return true;
}

static bool is_psd(tl_slice bytes)
{
    return slice_starts_with(bytes, "8BPS\0\1", 6);
}

static bool read_psd(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    if (bytes.size < 26)
        return cut_short(err);
    out->height = big_32_at(bytes, 14);
    out->width = big_32_at(bytes, 18);
    return true;
}

static bool is_pnm(tl_slice bytes)
{
    return bytes.size >= 3 && bytes.data[0] == 'P' && bytes.data[1] >= '1' && bytes.data[1] <= '6' &&
           strchr(" \t\n\v\f\r#", bytes.data[2]) != NULL && bytes.data[2] != '\0';
}

static bool read_pnm(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    tl_pnm_header header;
    if (!tl_pnm__header_read(bytes, &header, err))
        return false;
    out->width = header.width;
    out->height = header.height;
    return true;
}

/* No signature (Truevision TGA 2.0): every field must be one that is written in practice, and the pixels must have room. */
static bool is_tga(tl_slice bytes)
{
    if (bytes.size < 18)
        return false;
    uint32_t color_map = byte_at(bytes, 1), kind = byte_at(bytes, 2), depth = byte_at(bytes, 16), descriptor = byte_at(bytes, 17);
    uint64_t map_entries = little_16_at(bytes, 5), map_depth = byte_at(bytes, 7);
    uint64_t pixels = (uint64_t)little_16_at(bytes, 12) * little_16_at(bytes, 14);
    bool is_packed = (kind & 8) != 0;
    if (kind != 1 && kind != 2 && kind != 3 && kind != 9 && kind != 10 && kind != 11)
        return false;
    if (pixels == 0 || (descriptor & 0xc0) != 0)
        return false;
    uint32_t alpha_bits = descriptor & 15;
    if (alpha_bits != 0 && alpha_bits != 1 && alpha_bits != 8)
        return false;
    if ((kind & 7) == 1) {
        if (color_map != 1 || depth != 8 || map_entries == 0 || map_entries > 256)
            return false;
        if (map_depth != 15 && map_depth != 16 && map_depth != 24 && map_depth != 32)
            return false;
    } else {
        if (color_map != 0 || map_entries != 0 || little_16_at(bytes, 3) != 0)
            return false;
        if ((kind & 7) == 3 ? depth != 8 && depth != 16 : depth != 15 && depth != 16 && depth != 24 && depth != 32)
            return false;
        map_depth = 0;
    }
    uint64_t pixel_size = (depth + 7) / 8;
    uint64_t room = bytes.size - 18;
    uint64_t before = byte_at(bytes, 0) + map_entries * ((map_depth + 7) / 8);
    uint64_t least = is_packed ? (pixels + 127) / 128 * (1 + pixel_size) : pixels * pixel_size;
    return room >= before && room - before >= least;
}

static bool read_tga(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    (void)err;
    out->width = little_16_at(bytes, 12);
    out->height = little_16_at(bytes, 14);
    return true;
}

typedef struct format_row {
    tl_image_format format;
    const char *name;
    bool (*recognises)(tl_slice bytes);
    bool (*read_size)(tl_slice bytes, tl_image_info *out, tl_error *err);
} format_row;

static const format_row formats[] = {
    {TL_IMAGE_JPEG, "jpeg", is_jpeg, read_jpeg}, {TL_IMAGE_PNG, "png", is_png, read_png}, {TL_IMAGE_GIF, "gif", is_gif, read_gif},
    {TL_IMAGE_WEBP, "webp", is_webp, read_webp}, {TL_IMAGE_BMP, "bmp", is_bmp, read_bmp}, {TL_IMAGE_PSD, "psd", is_psd, read_psd},
    {TL_IMAGE_PNM, "pnm", is_pnm, read_pnm},     {TL_IMAGE_TGA, "tga", is_tga, read_tga},
};

typedef struct foreign_row {
    const char *name;
    size_t offset;
    const char *signature;
    size_t size;
} foreign_row;

static const foreign_row foreign_formats[] = {
    {"tiff", 0, "II*\0", 4},        {"tiff", 0, "MM\0*", 4},       {"avif", 4, "ftypavif", 8},
    {"heic", 4, "ftyphei", 7},      {"heic", 4, "ftypmif1", 8},    {"jpeg 2000", 4, "jP  \r\n", 6},
    {"jpeg xl", 0, "\xff\x0a", 2},  {"jpeg xl", 4, "JXL \r\n", 6}, {"icon", 0, "\0\0\1\0", 4},
    {"svg", 0, "<svg", 4},          {"html or xml", 0, "<!", 2},   {"html or xml", 0, "<?xml", 5},
    {"html or xml", 0, "<html", 5}, {"pdf", 0, "%PDF", 4},
};

static bool fail_unknown(tl_slice bytes, tl_error *err)
{
    for (size_t i = 0; i < sizeof foreign_formats / sizeof foreign_formats[0]; i++) {
        const foreign_row *row = &foreign_formats[i];
        if (slice_starts_with(slice_from(bytes, row->offset), row->signature, row->size))
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a picture of a format we read, found %s", row->name);
    }
    return tl_fail(err, TL_ERROR_UNSUPPORTED,
                   "expected a picture (jpeg, png, gif, webp, bmp, tga, psd, pnm), found %zu bytes of %s", bytes.size,
                   bytes.size == 0 ? "nothing" : "something else");
}

bool tl_image_probe(tl_slice bytes, tl_image_info *out, tl_error *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (!formats[i].recognises(bytes))
            continue;
        tl_image_info info = {.format = formats[i].format};
        if (!formats[i].read_size(bytes, &info, err))
            return tl_fail_within(err, "%s picture", formats[i].name);
        if (info.width == 0 || info.height == 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "%s picture: expected at least 1 x 1 pixels, found %u x %u", formats[i].name,
                           info.width, info.height);
        *out = info;
        return true;
    }
    return fail_unknown(bytes, err);
}

const char *tl_image_format_name(tl_image_format format)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].format == format)
            return formats[i].name;
    return "unknown";
}

const char *tl_image_format_extension(tl_image_format format)
{
    return format == TL_IMAGE_JPEG ? "jpg" : tl_image_format_name(format);
}

bool tl_image_name_is_picture(const char *file_name)
{
    static const char *const extensions[] = {"jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp",
                                             "bmp", "dib",  "tga", "psd",  "ppm", "pgm",  "pbm", "pnm"};
    const char *slash = strrchr(file_name, '/');
    const char *base = slash != NULL ? slash + 1 : file_name;
    const char *dot = strrchr(base, '.');
    if (dot == NULL || dot == base)
        return false;
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (strcasecmp(dot + 1, extensions[i]) == 0)
            return true;
    return false;
}
