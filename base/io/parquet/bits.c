/* The RLE / bit-packing hybrid and DELTA_BINARY_PACKED of Parquet's Encodings.md. */
#include "base/io/parquet/bits_internal.h"

#include "base/io/parquet/thrift_internal.h"

#include <string.h>

enum { MAX_MINIBLOCKS = 4096, MAX_BLOCK = 1 << 22 };

void tl_hybrid__begin(tl_hybrid *hybrid, const uint8_t *bytes, size_t size, unsigned width)
{
    *hybrid = (tl_hybrid){.at = bytes, .end = bytes + size, .width = width};
}

void tl_hybrid__begin_bit_packed(tl_hybrid *hybrid, const uint8_t *bytes, unsigned width, uint64_t value_count)
{
    *hybrid = (tl_hybrid){
        .at = bytes, .end = bytes, .width = width, .packed = bytes, .packed_count = value_count, .is_big_endian = true};
}

/* Opens the next run that has a value. */
static bool next_run(tl_hybrid *hybrid, tl_error *err)
{
    while (hybrid->run_left == 0 && hybrid->packed_at == hybrid->packed_count) {
        uint64_t header;
        if (!tl_varint__read(&hybrid->at, hybrid->end, &header))
            return tl_fail(err, TL_ERROR_CORRUPT, "expected more values in runs, found the end of their bytes");
        uint64_t left = (uint64_t)(hybrid->end - hybrid->at);
        if ((header & 1) == 0) {
            unsigned size = (hybrid->width + 7) / 8;
            if (size > left)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected the value of a run, found the end of its bytes");
            hybrid->run_left = header >> 1;
            hybrid->run_value = 0;
            for (unsigned i = 0; i < size; i++)
                hybrid->run_value |= (uint32_t)hybrid->at[i] << 8 * i;
            hybrid->at += size;
        } else {
            /* Some writers cut the last run where its values end. */
            uint64_t groups = header >> 1, size = 0;
            if (hybrid->width != 0 && groups > left / hybrid->width) {
                hybrid->packed_count = left * 8 / hybrid->width;
                size = left;
            } else {
                hybrid->packed_count = groups > UINT64_MAX / 8 ? UINT64_MAX : groups * 8;
                size = groups * hybrid->width;
            }
            hybrid->packed = hybrid->at;
            hybrid->packed_at = 0;
            hybrid->at += size;
        }
    }
    return true;
}

/* count values of `width` bits from value `first` on; reads up to 7 bytes past the last. */
static void unpack_32(const uint8_t *bytes, unsigned width, uint64_t first, uint32_t *values, size_t count)
{
    uint64_t mask = width == 32 ? UINT32_MAX : ((uint64_t)1 << width) - 1;
    uint64_t bit = first * width;
    for (size_t i = 0; i < count; i++, bit += width) {
        values[i] = (uint32_t)(tl_little_endian_64(bytes + (bit >> 3)) >> (bit & 7) & mask);
    }
}

static void unpack_big_endian(const uint8_t *bytes, unsigned width, uint64_t first, uint32_t *values, size_t count)
{
    uint64_t bit = first * width;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = 0;
        for (unsigned j = 0; j < width; j++, bit++)
            value = value << 1 | (bytes[bit >> 3] >> (7 - (bit & 7)) & 1);
        values[i] = value;
    }
}

bool tl_hybrid__read(tl_hybrid *hybrid, uint32_t *values, size_t count, tl_error *err)
{
    while (count != 0) {
        if (!next_run(hybrid, err))
            return false;
        size_t taken;
        if (hybrid->run_left != 0) {
            taken = hybrid->run_left < count ? (size_t)hybrid->run_left : count;
            for (size_t i = 0; i < taken; i++)
                values[i] = hybrid->run_value;
            hybrid->run_left -= taken;
        } else {
            uint64_t left = hybrid->packed_count - hybrid->packed_at;
            taken = left < count ? (size_t)left : count;
            if (hybrid->width == 0)
                memset(values, 0, taken * sizeof values[0]);
            else if (hybrid->is_big_endian)
                unpack_big_endian(hybrid->packed, hybrid->width, hybrid->packed_at, values, taken);
            else
                unpack_32(hybrid->packed, hybrid->width, hybrid->packed_at, values, taken);
            hybrid->packed_at += taken;
        }
        values += taken;
        count -= taken;
    }
    return true;
}

/* Levels of a flat column: one bit each. */
static size_t unpack_bits(const uint8_t *bytes, uint64_t first, bool wanted, uint8_t *flags, size_t count)
{
    size_t equal = 0;
    unsigned flip = wanted ? 0 : 0xFF;
    size_t i = 0;
    for (; i < count && ((first + i) & 7) != 0; i++)
        equal += flags[i] = (uint8_t)((bytes[(first + i) >> 3] ^ flip) >> ((first + i) & 7) & 1);
    for (; i + 8 <= count; i += 8) {
        unsigned byte = bytes[(first + i) >> 3] ^ flip;
        for (unsigned j = 0; j < 8; j++)
            equal += flags[i + j] = (uint8_t)(byte >> j & 1);
    }
    for (; i < count; i++)
        equal += flags[i] = (uint8_t)((bytes[(first + i) >> 3] ^ flip) >> ((first + i) & 7) & 1);
    return equal;
}

bool tl_hybrid__read_flags(tl_hybrid *hybrid, uint32_t wanted, uint8_t *flags, size_t count, size_t *equal, tl_error *err)
{
    *equal = 0;
    while (count != 0) {
        if (!next_run(hybrid, err))
            return false;
        size_t taken;
        if (hybrid->run_left != 0) {
            taken = hybrid->run_left < count ? (size_t)hybrid->run_left : count;
            bool is_equal = hybrid->run_value == wanted;
            memset(flags, is_equal, taken);
            *equal += is_equal ? taken : 0;
            hybrid->run_left -= taken;
        } else {
            uint64_t left = hybrid->packed_count - hybrid->packed_at;
            taken = left < count ? (size_t)left : count;
            if (hybrid->width == 1 && !hybrid->is_big_endian && wanted <= 1) {
                *equal += unpack_bits(hybrid->packed, hybrid->packed_at, wanted == 1, flags, taken);
                hybrid->packed_at += taken;
            } else {
                uint32_t values[64];
                taken = taken < 64 ? taken : 64;
                if (!tl_hybrid__read(hybrid, values, taken, err))
                    return false;
                for (size_t i = 0; i < taken; i++)
                    *equal += flags[i] = values[i] == wanted;
            }
        }
        flags += taken;
        count -= taken;
    }
    return true;
}

static bool delta_ended(tl_error *err)
{
    return tl_fail(err, TL_ERROR_CORRUPT, "expected more deltas, found the end of their bytes");
}

bool tl_delta__begin(tl_delta *delta, const uint8_t *bytes, size_t size, uint64_t most_values, tl_error *err)
{
    *delta = (tl_delta){.at = bytes, .end = bytes + size};
    uint64_t block_size, miniblock_count, first;
    if (!tl_varint__read(&delta->at, delta->end, &block_size) || !tl_varint__read(&delta->at, delta->end, &miniblock_count) ||
        !tl_varint__read(&delta->at, delta->end, &delta->value_count) || !tl_varint__read(&delta->at, delta->end, &first))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the header of deltas, found the end of their bytes");
    if (block_size == 0 || block_size > MAX_BLOCK || miniblock_count == 0 || miniblock_count > MAX_MINIBLOCKS ||
        block_size % miniblock_count != 0 || block_size / miniblock_count % TL_DELTA_GROUP != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected blocks of deltas in miniblocks of 32, found %llu in %llu",
                       (unsigned long long)block_size, (unsigned long long)miniblock_count);
    if (delta->value_count > most_values)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected at most %llu deltas, found %llu", (unsigned long long)most_values,
                       (unsigned long long)delta->value_count);
    delta->miniblock_count = (uint32_t)miniblock_count;
    delta->miniblock_size = (uint32_t)(block_size / miniblock_count);
    delta->miniblock = delta->miniblock_count;
    delta->last = (uint64_t)tl_zigzag_decode(first);
    delta->has_first = delta->value_count != 0;
    return true;
}

static bool next_block(tl_delta *delta, tl_error *err)
{
    uint64_t least;
    if (!tl_varint__read(&delta->at, delta->end, &least) || (uint64_t)(delta->end - delta->at) < delta->miniblock_count)
        return delta_ended(err);
    delta->least = (uint64_t)tl_zigzag_decode(least);
    delta->widths = delta->at;
    delta->at += delta->miniblock_count;
    delta->miniblock = 0;
    return true;
}

static bool next_miniblock(tl_delta *delta, tl_error *err)
{
    if (delta->miniblock == delta->miniblock_count && !next_block(delta, err))
        return false;
    delta->width = delta->widths[delta->miniblock++];
    if (delta->width > 64)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected deltas of at most 64 bits, found %u", delta->width);
    if ((uint64_t)delta->miniblock_size / 8 * delta->width > (uint64_t)(delta->end - delta->at))
        return delta_ended(err);
    delta->miniblock_left = delta->miniblock_size;
    return true;
}

bool tl_delta__find_end(const tl_delta *delta, const uint8_t **end, tl_error *err)
{
    tl_delta walk = *delta;
    uint64_t left = walk.value_count != 0 ? walk.value_count - 1 : 0; /* the first is in the header */
    while (left != 0) {
        if (!next_miniblock(&walk, err))
            return false;
        walk.at += (size_t)walk.miniblock_size / 8 * walk.width;
        left -= left < walk.miniblock_size ? left : walk.miniblock_size;
    }
    *end = walk.at;
    return true;
}

/* 32 values of `width` bits, which take 4 * width bytes; reads up to 8 bytes past them. */
static void unpack_64(const uint8_t *bytes, unsigned width, uint64_t *values)
{
    uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
    size_t bit = 0;
    for (size_t i = 0; i < TL_DELTA_GROUP; i++, bit += width) {
        const uint8_t *at = bytes + (bit >> 3);
        unsigned shift = bit & 7;
        uint64_t window = tl_little_endian_64(at) >> shift;
        if (shift + width > 64)
            window |= (uint64_t)at[8] << (64 - shift);
        values[i] = window & mask;
    }
}

static bool next_delta_group(tl_delta *delta, tl_error *err)
{
    if (delta->miniblock_left == 0 && !next_miniblock(delta, err))
        return false;
    if (delta->width == 0)
        memset(delta->group, 0, sizeof delta->group);
    else
        unpack_64(delta->at, delta->width, delta->group);
    delta->at += (size_t)TL_DELTA_GROUP / 8 * delta->width;
    delta->miniblock_left -= TL_DELTA_GROUP;
    delta->group_at = 0;
    delta->group_count = TL_DELTA_GROUP;
    return true;
}

bool tl_delta__read(tl_delta *delta, int64_t *values, size_t count, tl_error *err)
{
    if (count > delta->value_count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu more deltas, found %llu", count,
                       (unsigned long long)delta->value_count);
    delta->value_count -= count;
    if (count != 0 && delta->has_first) {
        *values++ = (int64_t)delta->last;
        count--;
        delta->has_first = false;
    }
    while (count != 0) {
        if (delta->group_at == delta->group_count && !next_delta_group(delta, err))
            return false;
        size_t taken = delta->group_count - delta->group_at;
        taken = taken < count ? taken : count;
        uint64_t last = delta->last; /* sums wrap, as the format has it */
        for (size_t i = 0; i < taken; i++) {
            last += delta->least + delta->group[delta->group_at + i];
            values[i] = (int64_t)last;
        }
        delta->last = last;
        delta->group_at += (uint32_t)taken;
        values += taken;
        count -= taken;
    }
    return true;
}
