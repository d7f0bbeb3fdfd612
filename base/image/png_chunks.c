/*
 * Owns the outer structure of a PNG (W3C PNG 3rd edition, section 5): the chain of chunks and their CRC-32.
 *
 * stb_image ignores checksums and allocates by the size claimed, so this walk comes first: a flipped bit in the pixel data
 * or a size that the compressed data cannot possibly fill (deflate expands at most 1032 times) is refused here.
 */
#include "base/image/bytes_internal.h"
#include "base/image/decode_internal.h"

enum { DEFLATE_MAX_EXPANSION = 1032, TABLES = 8 };

typedef struct crc_tables {
    uint32_t value[TABLES][256]; /* [n][b]: the CRC of byte b followed by n zero bytes */
} crc_tables;

static void fill_crc_tables(crc_tables *tables)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
        tables->value[0][byte] = crc;
    }
    for (int n = 1; n < TABLES; n++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables->value[n - 1][byte];
            tables->value[n][byte] = tables->value[0][before & 255] ^ before >> 8;
        }
}

/* Eight bytes a step ("slicing by 8"). */
static uint32_t crc_of(const crc_tables *tables, tl_slice bytes)
{
    uint32_t crc = 0xffffffffu;
    size_t at = 0;
    for (; at + 8 <= bytes.size; at += 8) {
        uint32_t low = crc ^ little_32_at(bytes, at), high = little_32_at(bytes, at + 4);
        crc = tables->value[7][low & 255] ^ tables->value[6][low >> 8 & 255] ^ tables->value[5][low >> 16 & 255] ^
              tables->value[4][low >> 24] ^ tables->value[3][high & 255] ^ tables->value[2][high >> 8 & 255] ^
              tables->value[1][high >> 16 & 255] ^ tables->value[0][high >> 24];
    }
    for (; at < bytes.size; at++)
        crc = tables->value[0][(crc ^ byte_at(bytes, at)) & 255] ^ crc >> 8;
    return ~crc;
}

/* Bytes of the filtered rows at least: an interlaced picture has some filter bytes more. */
static uint64_t least_row_bytes(tl_slice bytes, const tl_image_info *info)
{
    static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
    uint32_t depth = byte_at(bytes, 24), color = byte_at(bytes, 25);
    uint64_t bits = (uint64_t)info->width * depth * (color < 7 ? channels[color] : 0);
    return ((bits + 7) / 8 + 1) * info->height;
}

bool tl_png__check(tl_slice bytes, const tl_image_info *info, tl_error *err)
{
    crc_tables tables;
    fill_crc_tables(&tables);
    uint64_t compressed = 0;
    bool is_complete = false;
    for (size_t at = 8; !is_complete;) {
        if (bytes.size - at < 12)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a chunk, found the end of the file");
        uint32_t length = big_32_at(bytes, at);
        if (length > bytes.size - at - 12)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a chunk of %u bytes, found the end of the file", length);
        const char *name = bytes.data + at + 4;
        /* An upper-case first letter: critical to the picture. Damaged remarks do no harm. */
        bool is_critical = (name[0] & 0x20) == 0;
        tl_slice checked = {name, (size_t)length + 4};
        if (is_critical && crc_of(&tables, checked) != big_32_at(bytes, at + 8 + length))
            return tl_fail(err, TL_ERROR_CORRUPT, "the checksum of a chunk does not match");
        if (memcmp(name, "IDAT", 4) == 0)
            compressed += length;
        is_complete = memcmp(name, "IEND", 4) == 0;
        at += 12 + (size_t)length;
    }
    if (least_row_bytes(bytes, info) / DEFLATE_MAX_EXPANSION > compressed)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the pixels of %u x %u, found %u compressed bytes", info->width,
                       info->height, (unsigned)compressed);
    return true;
}
