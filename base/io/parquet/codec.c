/*
 * The codecs of Parquet over snappy, zlib, zstd and lz4. LZ4 under its first number has Hadoop's frame (big-endian sizes before
 * each block) or, by writers that did not know of it, none: both are tried, as everybody does.
 */
#include "base/io/parquet/codec_internal.h"

#include "base/core/memory.h"

#include <limits.h>
#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum { ZSTD_LEVEL = 3, GZIP_LEVEL = 6, WINDOW_ANY = 15 + 32, WINDOW_GZIP = 15 + 16 };

struct tl_parquet_unpacker {
    ZSTD_DCtx *zstd;
    z_stream gzip;
    bool has_gzip;
};

static const char *const packing_names[] = {"uncompressed", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw"};

bool tl_parquet__unpacker_create(tl_parquet_unpacker **out, tl_error *err)
{
    *out = tl_memory_allocate(1, sizeof **out, err);
    return *out != NULL;
}

void tl_parquet__unpacker_destroy(tl_parquet_unpacker *unpacker)
{
    if (unpacker == NULL)
        return;
    ZSTD_freeDCtx(unpacker->zstd);
    if (unpacker->has_gzip)
        inflateEnd(&unpacker->gzip);
    tl_memory_free(unpacker);
}

bool tl_parquet__packing_check(tl_parquet_packing packing, tl_error *err)
{
    return (packing != TL_PACKING_LZO && packing != TL_PACKING_BROTLI) ||
           tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a codec of uncompressed, snappy, gzip, zstd, lz4 and lz4_raw, found %s",
                   packing_names[packing]);
}

bool tl_parquet__packing_can_reach(tl_parquet_packing packing, tl_slice packed, size_t unpacked_size)
{
    size_t stated;
    unsigned long long content;
    switch (packing) {
    case TL_PACKING_SNAPPY:
        return snappy_uncompressed_length(packed.data, packed.size, &stated) == SNAPPY_OK && stated == unpacked_size &&
               unpacked_size / 64 <= packed.size;
    case TL_PACKING_GZIP:
        return unpacked_size / 1040 <= packed.size;
    case TL_PACKING_LZ4_HADOOP:
    case TL_PACKING_LZ4_RAW:
        return unpacked_size / 256 <= packed.size;
    case TL_PACKING_ZSTD:
        content = ZSTD_getFrameContentSize(packed.data, packed.size);
        /* A frame may leave its size out, and more frames may follow it. */
        return content == ZSTD_CONTENTSIZE_UNKNOWN || (content != ZSTD_CONTENTSIZE_ERROR && content <= unpacked_size);
    default:
        return packed.size == unpacked_size;
    }
}

static bool unpack_failed(tl_parquet_packing packing, size_t size, tl_error *err)
{
    return tl_fail(err, TL_ERROR_CORRUPT, "expected %s that unpacks to %zu bytes, found other bytes", packing_names[packing],
                   size);
}

/* One member after another until the room is full; zlib's frame passes as well. */
static bool unpack_gzip(tl_parquet_unpacker *unpacker, tl_slice packed, uint8_t *bytes, size_t size, tl_error *err)
{
    z_stream *gzip = &unpacker->gzip;
    if (!unpacker->has_gzip && inflateInit2(gzip, WINDOW_ANY) != Z_OK)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for gzip");
    unpacker->has_gzip = true;
    if (packed.size > UINT_MAX || size > UINT_MAX)
        return unpack_failed(TL_PACKING_GZIP, size, err);
    gzip->next_in = (Bytef *)packed.data;
    gzip->avail_in = (uInt)packed.size;
    gzip->next_out = bytes;
    gzip->avail_out = (uInt)size;
    while (gzip->avail_in != 0) {
        if (inflateReset(gzip) != Z_OK || inflate(gzip, Z_FINISH) != Z_STREAM_END)
            return unpack_failed(TL_PACKING_GZIP, size, err);
    }
    return gzip->avail_out == 0 || unpack_failed(TL_PACKING_GZIP, size, err);
}

static bool unpack_zstd(tl_parquet_unpacker *unpacker, tl_slice packed, uint8_t *bytes, size_t size, tl_error *err)
{
    if (unpacker->zstd == NULL && (unpacker->zstd = ZSTD_createDCtx()) == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for zstd");
    size_t got = ZSTD_decompressDCtx(unpacker->zstd, bytes, size, packed.data, packed.size);
    return got == size || unpack_failed(TL_PACKING_ZSTD, size, err); /* its error codes are larger than any size */
}

static bool unpack_lz4_block(const char *packed, size_t packed_size, uint8_t *bytes, size_t size)
{
    return packed_size <= INT_MAX && size <= INT_MAX &&
           LZ4_decompress_safe(packed, (char *)bytes, (int)packed_size, (int)size) == (int)size;
}

static uint32_t read_big_endian(const char *bytes)
{
    const uint8_t *b = (const uint8_t *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool unpack_hadoop(tl_slice packed, uint8_t *bytes, size_t size)
{
    const char *at = packed.data, *end = packed.data + packed.size;
    while (end - at >= 8) {
        uint32_t block_size = read_big_endian(at), packed_size = read_big_endian(at + 4);
        at += 8;
        if (packed_size > (size_t)(end - at) || block_size > size || !unpack_lz4_block(at, packed_size, bytes, block_size))
            return false;
        at += packed_size;
        bytes += block_size;
        size -= block_size;
    }
    return at == end && size == 0;
}

bool tl_parquet__unpack(tl_parquet_unpacker *unpacker, tl_parquet_packing packing, tl_slice packed, uint8_t *bytes, size_t size,
                        tl_error *err)
{
    size_t got = size;
    bool ok = false;
    switch (packing) {
    case TL_PACKING_SNAPPY:
        ok = snappy_uncompress(packed.data, packed.size, (char *)bytes, &got) == SNAPPY_OK && got == size;
        break;
    case TL_PACKING_GZIP:
        return unpack_gzip(unpacker, packed, bytes, size, err);
    case TL_PACKING_ZSTD:
        return unpack_zstd(unpacker, packed, bytes, size, err);
    case TL_PACKING_LZ4_RAW:
        ok = unpack_lz4_block(packed.data, packed.size, bytes, size);
        break;
    case TL_PACKING_LZ4_HADOOP:
        ok = unpack_hadoop(packed, bytes, size) || unpack_lz4_block(packed.data, packed.size, bytes, size);
        break;
    default:
        return tl_parquet__packing_check(packing, err);
    }
    return ok || unpack_failed(packing, size, err);
}

static bool pack_gzip(tl_slice bytes, uint8_t *room, size_t room_size, size_t *size, tl_error *err)
{
    z_stream gzip = {0};
    if (bytes.size > UINT_MAX || room_size > UINT_MAX ||
        deflateInit2(&gzip, GZIP_LEVEL, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for gzip");
    gzip.next_in = (Bytef *)bytes.data;
    gzip.avail_in = (uInt)bytes.size;
    gzip.next_out = room;
    gzip.avail_out = (uInt)room_size;
    int result = deflate(&gzip, Z_FINISH);
    *size = room_size - gzip.avail_out;
    deflateEnd(&gzip);
    return result == Z_STREAM_END || tl_fail(err, TL_ERROR_INVALID, "gzip cannot pack %zu bytes", bytes.size);
}

bool tl_parquet__pack(tl_parquet_packing packing, tl_slice bytes, tl_string *packed, tl_error *err)
{
    if (packing == TL_PACKING_NONE)
        return tl_string_append(packed, bytes.data, bytes.size, err);
    size_t most = packing == TL_PACKING_SNAPPY ? snappy_max_compressed_length(bytes.size)
                  : packing == TL_PACKING_GZIP ? compressBound((uLong)bytes.size) + 32
                                               : ZSTD_compressBound(bytes.size);
    uint8_t *room = tl_memory_allocate(most, 1, err);
    if (room == NULL)
        return false;
    size_t size = most;
    bool ok;
    if (packing == TL_PACKING_SNAPPY) {
        ok = snappy_compress(bytes.data, bytes.size, (char *)room, &size) == SNAPPY_OK;
    } else if (packing == TL_PACKING_GZIP) {
        ok = pack_gzip(bytes, room, most, &size, err);
    } else {
        size = ZSTD_compress(room, most, bytes.data, bytes.size, ZSTD_LEVEL);
        ok = !ZSTD_isError(size) ||
             tl_fail(err, TL_ERROR_NO_MEMORY, "zstd cannot pack %zu bytes: %s", bytes.size, ZSTD_getErrorName(size));
    }
    ok = ok && tl_string_append(packed, (const char *)room, size, err);
    tl_memory_free(room);
    return ok;
}

uint32_t tl_parquet__crc(const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(0, bytes, size);
}
