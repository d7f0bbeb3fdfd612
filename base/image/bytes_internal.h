/* Integers of both byte orders out of file headers, and into them; the caller has checked that the bytes are there. */
#ifndef TL_BASE_IMAGE_BYTES_INTERNAL_H
#define TL_BASE_IMAGE_BYTES_INTERNAL_H

#include "base/core/slice.h"

#include <stdint.h>

static inline uint32_t byte_at(tl_slice bytes, size_t offset)
{
    return (unsigned char)bytes.data[offset];
}

static inline uint32_t big_16_at(tl_slice bytes, size_t offset)
{
    return byte_at(bytes, offset) << 8 | byte_at(bytes, offset + 1);
}

static inline uint32_t big_32_at(tl_slice bytes, size_t offset)
{
    return big_16_at(bytes, offset) << 16 | big_16_at(bytes, offset + 2);
}

static inline uint32_t little_16_at(tl_slice bytes, size_t offset)
{
    return byte_at(bytes, offset) | byte_at(bytes, offset + 1) << 8;
}

static inline uint32_t little_24_at(tl_slice bytes, size_t offset)
{
    return little_16_at(bytes, offset) | byte_at(bytes, offset + 2) << 16;
}

static inline uint32_t little_32_at(tl_slice bytes, size_t offset)
{
    return little_16_at(bytes, offset) | little_16_at(bytes, offset + 2) << 16;
}

/* The lowest bytes of a value, the least significant first. */
static inline void put_little(char *at, size_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (char)(unsigned char)(value >> (8 * i));
}

/* The bytes from offset on; empty past the end. */
static inline tl_slice slice_from(tl_slice bytes, size_t offset)
{
    if (offset >= bytes.size)
        return (tl_slice){NULL, 0};
    return (tl_slice){bytes.data + offset, bytes.size - offset};
}

static inline bool slice_starts_with(tl_slice bytes, const char *start, size_t size)
{
    return size == 0 || (bytes.size >= size && memcmp(bytes.data, start, size) == 0);
}

#endif
