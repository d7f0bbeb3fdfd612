/*
 * Owns taking metadata out of files without decoding them: JPEG marker segments before the first scan (ITU T.81, Annex B), PNG
 * chunks (their own checksums stay true), WebP RIFF chunks (sizes and the VP8X flags are put right).
 */
#include "base/image/strip.h"

#include "base/image/bytes_internal.h"
#include "base/image/probe.h"

/* APP2 of an ICC profile, APP14 of Adobe's colour transform and APP0 of JFIF decide how pixels look. */
static bool jpeg_segment_stays(unsigned marker, tl_slice body)
{
    if (marker == 0xfe) /* comment */
        return false;
    if (marker < 0xe0 || marker > 0xef)
        return true;
    return (marker == 0xe0 && body.size >= 5 && memcmp(body.data, "JFIF", 5) == 0) ||
           (marker == 0xe2 && body.size >= 12 && memcmp(body.data, "ICC_PROFILE", 12) == 0) ||
           (marker == 0xee && body.size >= 5 && memcmp(body.data, "Adobe", 5) == 0);
}

/* *is_whole: the segments hold together up to a scan; else out is as before. */
static bool strip_jpeg(tl_slice bytes, tl_string *out, bool *is_whole, tl_error *err)
{
    const unsigned char *data = (const unsigned char *)bytes.data;
    size_t at = 2;
    *is_whole = false;
    if (!tl_string_append(out, bytes.data, 2, err))
        return false;
    while (bytes.size - at >= 4 && data[at] == 0xff) {
        unsigned marker = data[at + 1];
        if (marker == 0xff) { /* a fill byte */
            at++;
            continue;
        }
        if (marker == 0xda) {
            /* From the first scan on nothing is looked at but where the file ends. */
            size_t end = bytes.size;
            while (end - at >= 2 && !(data[end - 2] == 0xff && data[end - 1] == 0xd9))
                end--;
            *is_whole = end - at > 2;
            return !*is_whole || tl_string_append(out, bytes.data + at, end - at, err);
        }
        size_t size = 2 + ((size_t)data[at + 2] << 8 | data[at + 3]);
        if (size < 4 || size > bytes.size - at)
            return true;
        if (jpeg_segment_stays(marker, (tl_slice){bytes.data + at + 4, size - 4}) &&
            !tl_string_append(out, bytes.data + at, size, err))
            return false;
        at += size;
    }
    return true;
}

static bool png_chunk_stays(const char *name)
{
    static const char gone[][5] = {"tEXt", "zTXt", "iTXt", "eXIf", "tIME"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (memcmp(name, gone[i], 4) == 0)
            return false;
    return true;
}

static bool strip_png(tl_slice bytes, tl_string *out, bool *is_whole, tl_error *err)
{
    size_t at = 8;
    *is_whole = false;
    if (!tl_string_append(out, bytes.data, 8, err))
        return false;
    while (bytes.size - at >= 12) {
        size_t size = big_32_at(bytes, at);
        if (size > bytes.size - at - 12)
            return true;
        const char *name = bytes.data + at + 4;
        if (png_chunk_stays(name) && !tl_string_append(out, bytes.data + at, size + 12, err))
            return false;
        at += size + 12;
        if (memcmp(name, "IEND", 4) == 0) {
            *is_whole = true;
            return true;
        }
    }
    return true;
}

static bool strip_webp(tl_slice bytes, tl_string *out, bool *is_whole, tl_error *err)
{
    enum { HAS_XMP = 4, HAS_EXIF = 8 };
    size_t start = out->size;
    size_t end = 8 + (size_t)little_32_at(bytes, 4);
    size_t at = 12;
    *is_whole = false;
    if (end > bytes.size)
        return true;
    if (!tl_string_append(out, bytes.data, 12, err))
        return false;
    while (end - at >= 8) {
        size_t size = little_32_at(bytes, at + 4);
        if (size > end - at - 8)
            return true;
        size_t padded = size + (size & 1) <= end - at - 8 ? size + (size & 1) : size;
        const char *name = bytes.data + at;
        if (memcmp(name, "EXIF", 4) != 0 && memcmp(name, "XMP ", 4) != 0) {
            if (!tl_string_append(out, name, padded + 8, err))
                return false;
            if (memcmp(name, "VP8X", 4) == 0 && size != 0) {
                char *flags = out->data + out->size - padded;
                *flags = (char)((unsigned char)*flags & ~(unsigned)(HAS_XMP | HAS_EXIF));
            }
        }
        at += padded + 8;
    }
    size_t size = out->size - start - 8;
    for (size_t byte = 0; byte < 4; byte++)
        out->data[start + 4 + byte] = (char)(unsigned char)(size >> (8 * byte));
    *is_whole = at == end;
    return true;
}

bool tl_image_strip(tl_slice bytes, tl_string *out, tl_error *err)
{
    size_t start = out->size;
    tl_image_info info;
    bool is_whole = false;
    bool ok = true;
    if (tl_image_probe(bytes, &info, NULL)) {
        if (info.format == TL_IMAGE_JPEG)
            ok = strip_jpeg(bytes, out, &is_whole, err);
        else if (info.format == TL_IMAGE_PNG)
            ok = strip_png(bytes, out, &is_whole, err);
        else if (info.format == TL_IMAGE_WEBP)
            ok = strip_webp(bytes, out, &is_whole, err);
    }
    if (ok && is_whole)
        return true;
    if (out->size > start) {
        out->size = start;
        out->data[start] = '\0';
    }
    return ok && tl_string_append(out, bytes.data, bytes.size, err);
}
