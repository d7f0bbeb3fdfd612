/* The integer rule by which tests and the reference make the same parameters and inputs (tests/golden/tiny_values.py). */
#ifndef TL_TESTS_SUPPORT_TINY_VALUE_H
#define TL_TESTS_SUPPORT_TINY_VALUE_H

#include <stdint.h>

/* Number i of a stream, in [-1, 1). */
static inline float tiny_value(uint32_t stream, uint32_t i)
{
    uint32_t x = i + stream * 0x9E3779B9u;
    x ^= x >> 16;
    x *= 0x7FEB352Du;
    x ^= x >> 15;
    x *= 0x846CA68Bu;
    x ^= x >> 16;
    return (float)(x >> 8) / 8388608.0f - 1.0f;
}

#endif
