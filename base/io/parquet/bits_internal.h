/*
 * Integers packed into bits: the hybrid of runs and bit packing that levels, booleans and dictionary indexes use, and the delta
 * encoding. Decoders hold a place and give values piece by piece. They may look at TL_PARQUET_PADDING bytes after their end.
 */
#ifndef TL_BASE_IO_PARQUET_BITS_INTERNAL_H
#define TL_BASE_IO_PARQUET_BITS_INTERNAL_H

#include "base/core/error.h"

#include <stdint.h>
#include <string.h>

/* Values lie in files as in memory. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Parquet is read on little-endian machines only");

static inline uint32_t tl_little_endian_32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint64_t tl_little_endian_64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

typedef struct tl_hybrid {
    const uint8_t *at, *end;
    unsigned width;    /* bits of a value, 0..32 */
    uint64_t run_left; /* values of the run of equals */
    uint32_t run_value;
    const uint8_t *packed; /* the bit-packed run */
    uint64_t packed_at;    /* its next value */
    uint64_t packed_count;
    bool is_big_endian; /* the deprecated BIT_PACKED levels: one run, most significant bit first */
} tl_hybrid;

void tl_hybrid__begin(tl_hybrid *hybrid, const uint8_t *bytes, size_t size, unsigned width);
/* BIT_PACKED: value_count values without headers; bytes must hold them. */
void tl_hybrid__begin_bit_packed(tl_hybrid *hybrid, const uint8_t *bytes, unsigned width, uint64_t value_count);
bool tl_hybrid__read(tl_hybrid *hybrid, uint32_t *values, size_t count, tl_error *err) TL_MUST_USE;
/* flags[i] = value i equals wanted; *equal counts them. */
bool tl_hybrid__read_flags(tl_hybrid *hybrid, uint32_t wanted, uint8_t *flags, size_t count, size_t *equal,
                           tl_error *err) TL_MUST_USE;

enum { TL_DELTA_GROUP = 32 }; /* values that are unpacked at once: miniblocks are multiples of it */

typedef struct tl_delta {
    const uint8_t *at, *end; /* the next miniblock, or block */
    uint64_t value_count;    /* that were not yet read */
    uint64_t last;
    bool has_first; /* `last` was not yet given out */
    uint32_t miniblock_count, miniblock_size;
    const uint8_t *widths;   /* of the open block */
    uint32_t miniblock;      /* of the open block, the next one */
    uint64_t least;          /* delta of the open block */
    unsigned width;          /* of the open miniblock */
    uint32_t miniblock_left; /* values of it that were not unpacked */
    uint64_t group[TL_DELTA_GROUP];
    uint32_t group_at, group_count;
} tl_delta;

/* Reads the header: *value_count is how many values there are, at most most_values. */
bool tl_delta__begin(tl_delta *delta, const uint8_t *bytes, size_t size, uint64_t most_values, tl_error *err) TL_MUST_USE;
bool tl_delta__read(tl_delta *delta, int64_t *values, size_t count, tl_error *err) TL_MUST_USE;
/* Where the bytes of a decoder that has just begun end. */
bool tl_delta__find_end(const tl_delta *delta, const uint8_t **end, tl_error *err) TL_MUST_USE;

#endif
