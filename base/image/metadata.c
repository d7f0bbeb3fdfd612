/*
 * Owns finding EXIF blocks and colour profiles. EXIF is one TIFF-shaped block: in a JPEG in an APP1 segment behind "Exif\0\0", in
 * a PNG in an eXIf chunk, in a WebP in an EXIF chunk. A profile is cut into numbered APP2 segments in a JPEG (ICC.1, Annex B.4),
 * deflated in a PNG's iCCP chunk, and a WebP's ICCP chunk as it is.
 */
#include "base/image/metadata.h"

#include "base/image/bytes_internal.h"
#include "base/image/file_parts_internal.h"
#include "base/image/metadata_internal.h"

#include <zlib.h>

static const char profile_start[] = "ICC_PROFILE"; /* with its closing NUL */

enum {
    PROFILE_START_SIZE = sizeof profile_start,
    MAX_EXIF_SIZE = 65533 - TL_EXIF_START_SIZE,
    MAX_PROFILE_SIZE = 4 << 20,
    MAX_PROFILE_PARTS = 255,
    LEAST_PROFILE_SIZE = 128, /* its header */
    TAG_ORIENTATION = 0x0112,
    TIFF_SHORT = 3
};

void tl_image_metadata_init(tl_image_metadata *metadata)
{
    tl_string_init(&metadata->exif, MAX_EXIF_SIZE);
    tl_string_init(&metadata->profile, MAX_PROFILE_SIZE);
}

void tl_image_metadata_clear(tl_image_metadata *metadata)
{
    tl_string_clear(&metadata->exif);
    tl_string_clear(&metadata->profile);
}

static bool is_named(const tl_file_part *part, const char name[4])
{
    return memcmp(part->name, name, 4) == 0;
}

static bool is_exif(const tl_file_parts *parts, const tl_file_part *part)
{
    return parts->format != TL_IMAGE_JPEG
               ? is_named(part, parts->format == TL_IMAGE_PNG ? "eXIf" : "EXIF")
               : part->marker == 0xe1 && slice_starts_with(part->body, TL_EXIF_START, TL_EXIF_START_SIZE);
}

tl_slice tl_image__find_exif(tl_slice bytes)
{
    tl_file_parts parts = tl_image__file_parts(bytes);
    tl_file_part part = {0};
    for (size_t at = parts.first; parts.next != NULL && parts.next(bytes, &at, &part);) {
        if (!is_exif(&parts, &part))
            continue;
        tl_slice block = part.body;
        if (slice_starts_with(block, TL_EXIF_START, TL_EXIF_START_SIZE)) /* some put it into chunks too */
            block = slice_from(block, TL_EXIF_START_SIZE);
        return block.size >= 8 && block.size <= MAX_EXIF_SIZE ? block : (tl_slice){0};
    }
    return (tl_slice){0};
}

/* TIFF 6.0, section 2: numbers in the order of bytes that the block begins with. */
typedef struct tiff_block {
    tl_string *bytes;
    bool is_big;
} tiff_block;

static uint32_t tiff_16_at(tiff_block tiff, size_t at)
{
    tl_slice bytes = tl_string_slice(tiff.bytes);
    return tiff.is_big ? big_16_at(bytes, at) : little_16_at(bytes, at);
}

static uint32_t tiff_32_at(tiff_block tiff, size_t at)
{
    tl_slice bytes = tl_string_slice(tiff.bytes);
    return tiff.is_big ? big_32_at(bytes, at) : little_32_at(bytes, at);
}

static void set_upright(tiff_block tiff, size_t entry)
{
    char *value = tiff.bytes->data + entry + 8;
    if (tiff_16_at(tiff, entry) == TAG_ORIENTATION && tiff_16_at(tiff, entry + 2) == TIFF_SHORT) {
        value[0] = tiff.is_big ? 0 : 1;
        value[1] = tiff.is_big ? 1 : 0;
    }
}

/* Orientation 1 and no second directory, which is the thumbnail's; false: no such block. */
static bool make_upright(tl_string *exif)
{
    enum { ENTRY_SIZE = 12 };
    tiff_block tiff = {exif, exif->size >= 8 && memcmp(exif->data, "MM\0*", 4) == 0};
    if (exif->size < 8 || (!tiff.is_big && memcmp(exif->data, "II*\0", 4) != 0))
        return false;
    size_t at = tiff_32_at(tiff, 4);
    if (at < 8 || at > exif->size - 2)
        return false;
    size_t count = tiff_16_at(tiff, at);
    size_t end = at + 2 + count * ENTRY_SIZE;
    if (end > exif->size)
        return false;
    for (size_t i = 0; i < count; i++)
        set_upright(tiff, at + 2 + i * ENTRY_SIZE);
    if (exif->size - end >= 4)
        memset(exif->data + end, 0, 4);
    return true;
}

/* A chunk's name of a profile, NUL, method 0, then zlib's format. */
static bool inflate_profile(tl_slice chunk, tl_string *out, tl_error *err)
{
    enum { LONGEST_NAME = 79, BUFFER_SIZE = 16384 };
    const char *end = memchr(chunk.data, '\0', chunk.size < LONGEST_NAME + 1 ? chunk.size : LONGEST_NAME + 1);
    size_t start = end != NULL ? (size_t)(end - chunk.data) + 2 : chunk.size;
    if (start >= chunk.size || chunk.data[start - 1] != 0)
        return true;
    unsigned char buffer[BUFFER_SIZE];
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)(chunk.data + start), .avail_in = (unsigned)(chunk.size - start)};
    if (inflateInit(&stream) != Z_OK)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory to inflate");
    int state = Z_OK;
    bool ok = true;
    while (ok && state == Z_OK && out->size < MAX_PROFILE_SIZE - BUFFER_SIZE) {
        stream.next_out = buffer;
        stream.avail_out = BUFFER_SIZE;
        state = inflate(&stream, Z_NO_FLUSH);
        ok = tl_string_append(out, (const char *)buffer, BUFFER_SIZE - stream.avail_out, err);
    }
    inflateEnd(&stream);
    if (state != Z_STREAM_END)
        tl_string_reset(out);
    return ok;
}

/* Puts together a profile whose parts are numbered from 1. */
static bool join_profile(const tl_slice parts[MAX_PROFILE_PARTS], uint32_t count, tl_string *out, tl_error *err)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += parts[i].size;
        if (parts[i].size == 0 || size > MAX_PROFILE_SIZE)
            return true;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!tl_string_append(out, parts[i].data, parts[i].size, err))
            return false;
    return true;
}

static bool read_jpeg_profile(tl_slice bytes, const tl_file_parts *parts, tl_string *out, tl_error *err)
{
    tl_slice found[MAX_PROFILE_PARTS] = {{0}};
    uint32_t count = 0;
    tl_file_part part = {0};
    for (size_t at = parts->first; parts->next(bytes, &at, &part);) {
        if (part.marker != 0xe2 || part.body.size <= PROFILE_START_SIZE + 2 ||
            !slice_starts_with(part.body, profile_start, PROFILE_START_SIZE))
            continue;
        uint32_t number = byte_at(part.body, PROFILE_START_SIZE);
        count = byte_at(part.body, PROFILE_START_SIZE + 1);
        if (number != 0 && number <= count)
            found[number - 1] = slice_from(part.body, PROFILE_START_SIZE + 2);
    }
    return join_profile(found, count, out, err);
}

static bool read_profile(tl_slice bytes, tl_string *out, tl_error *err)
{
    tl_file_parts parts = tl_image__file_parts(bytes);
    tl_file_part part = {0};
    if (parts.next == NULL)
        return true;
    if (parts.format == TL_IMAGE_JPEG)
        return read_jpeg_profile(bytes, &parts, out, err);
    for (size_t at = parts.first; parts.next(bytes, &at, &part);) {
        if (!is_named(&part, parts.format == TL_IMAGE_PNG ? "iCCP" : "ICCP"))
            continue;
        if (parts.format == TL_IMAGE_PNG)
            return inflate_profile(part.body, out, err);
        return part.body.size > MAX_PROFILE_SIZE || tl_string_append(out, part.body.data, part.body.size, err);
    }
    return true;
}

/* ICC.1, 7.2: its own size first, the space of colours at 16, a signature at 36. */
static bool is_rgb_profile(tl_slice profile)
{
    return profile.size >= LEAST_PROFILE_SIZE && big_32_at(profile, 0) == profile.size &&
           memcmp(profile.data + 16, "RGB ", 4) == 0 && memcmp(profile.data + 36, "acsp", 4) == 0;
}

bool tl_image_metadata_read(tl_slice bytes, tl_image_metadata *out, tl_error *err)
{
    tl_slice block = tl_image__find_exif(bytes);
    tl_string_reset(&out->exif);
    tl_string_reset(&out->profile);
    if (!tl_string_append(&out->exif, block.data, block.size, err) || !read_profile(bytes, &out->profile, err))
        return false;
    if (!make_upright(&out->exif))
        tl_string_reset(&out->exif);
    if (!is_rgb_profile(tl_string_slice(&out->profile)))
        tl_string_reset(&out->profile);
    return true;
}
