/*
 * Owns taking metadata out of files without decoding them: JPEG marker segments before the first scan (ITU T.81, Annex B), PNG
 * chunks (their own checksums stay true), WebP RIFF chunks (sizes and the VP8X flags are put right).
 */
#include "base/image/strip.h"

#include "base/image/bytes_internal.h"
#include "base/image/file_parts_internal.h"

/* APP2 of an ICC profile, APP14 of Adobe's colour transform and APP0 of JFIF decide how pixels look. */
static bool jpeg_segment_stays(uint32_t marker, tl_slice body)
{
    if (marker == 0xfe) /* comment */
        return false;
    if (marker < 0xe0 || marker > 0xef)
        return true;
    return (marker == 0xe0 && body.size >= 5 && memcmp(body.data, "JFIF", 5) == 0) ||
           (marker == 0xe2 && body.size >= 12 && memcmp(body.data, "ICC_PROFILE", 12) == 0) ||
           (marker == 0xee && body.size >= 5 && memcmp(body.data, "Adobe", 5) == 0);
}

/* The part goes to out where it stays, as it is to be there. */
typedef bool (*part_copy)(const tl_file_part *part, tl_string *out, tl_error *err);

static bool append_whole(tl_string *out, tl_slice whole, tl_error *err)
{
    return tl_string_append(out, whole.data, whole.size, err);
}

static bool copy_segment(const tl_file_part *part, tl_string *out, tl_error *err)
{
    return !jpeg_segment_stays(part->marker, part->body) || append_whole(out, part->whole, err);
}

static bool copy_png_chunk(const tl_file_part *part, tl_string *out, tl_error *err)
{
    static const char gone[][5] = {"tEXt", "zTXt", "iTXt", "eXIf", "tIME"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (memcmp(part->name, gone[i], 4) == 0)
            return true;
    return append_whole(out, part->whole, err);
}

static bool copy_riff_chunk(const tl_file_part *part, tl_string *out, tl_error *err)
{
    enum { HAS_XMP = 4, HAS_EXIF = 8 };
    if (memcmp(part->name, "EXIF", 4) == 0 || memcmp(part->name, "XMP ", 4) == 0)
        return true;
    if (!append_whole(out, part->whole, err))
        return false;
    if (memcmp(part->name, "VP8X", 4) == 0 && part->body.size != 0) {
        char *flags = out->data + out->size - (part->whole.size - 8);
        *flags = (char)((unsigned char)*flags & ~(unsigned)(HAS_XMP | HAS_EXIF));
    }
    return true;
}

/* All parts from *at on, which then is where they end; a PNG's end with IEND. */
static bool copy_parts(tl_slice bytes, const tl_file_parts *parts, part_copy copy, size_t *at, bool *has_end, tl_string *out,
                       tl_error *err)
{
    tl_file_part part = {0};
    *has_end = false;
    while (!*has_end && parts->next(bytes, at, &part)) {
        if (!copy(&part, out, err))
            return false;
        *has_end = parts->format == TL_IMAGE_PNG && memcmp(part.name, "IEND", 4) == 0;
    }
    return true;
}

/* From the first scan on nothing is looked at but where the file ends. */
static bool copy_scans(tl_slice bytes, size_t at, bool *is_whole, tl_string *out, tl_error *err)
{
    size_t end = bytes.size;
    *is_whole = false;
    if (bytes.size - at < 2 || byte_at(bytes, at) != 0xff || byte_at(bytes, at + 1) != 0xda)
        return true;
    while (end - at >= 2 && !(byte_at(bytes, end - 2) == 0xff && byte_at(bytes, end - 1) == 0xd9))
        end--;
    *is_whole = end - at > 2;
    return !*is_whole || tl_string_append(out, bytes.data + at, end - at, err);
}

/* *is_whole: the file's frame holds together. */
static bool strip(tl_slice bytes, const tl_file_parts *parts, tl_string *out, bool *is_whole, tl_error *err)
{
    static const part_copy copies[] = {
        [TL_IMAGE_JPEG] = copy_segment, [TL_IMAGE_PNG] = copy_png_chunk, [TL_IMAGE_WEBP] = copy_riff_chunk};
    size_t start = out->size;
    size_t at = parts->first;
    *is_whole = false;
    if (parts->format == TL_IMAGE_WEBP) {
        size_t size = 8 + (size_t)little_32_at(bytes, 4);
        if (size > bytes.size)
            return true;
        bytes.size = size;
    }
    if (!tl_string_append(out, bytes.data, parts->first, err) ||
        !copy_parts(bytes, parts, copies[parts->format], &at, is_whole, out, err))
        return false;
    if (parts->format == TL_IMAGE_JPEG)
        return copy_scans(bytes, at, is_whole, out, err);
    if (parts->format == TL_IMAGE_WEBP) {
        *is_whole = at == bytes.size;
        put_little(out->data + start + 4, out->size - start - 8, 4);
    }
    return true;
}

bool tl_image_strip(tl_slice bytes, tl_string *out, tl_error *err)
{
    size_t start = out->size;
    tl_file_parts parts = tl_image__file_parts(bytes);
    bool is_whole = false;
    bool ok = parts.next == NULL || strip(bytes, &parts, out, &is_whole, err);
    if (ok && is_whole)
        return true;
    if (out->size > start) {
        out->size = start;
        out->data[start] = '\0';
    }
    return ok && tl_string_append(out, bytes.data, bytes.size, err);
}
