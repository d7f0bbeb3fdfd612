/*
 * Is every value of a block finite? A value is not when its exponent is all ones; adding one unit to the exponent's bits carries
 * into the sign's place then, and only then. 64-bit words hold two or four values, whose sums do not disturb each other, and what
 * is memory-bound needs no kernel of an instruction set.
 */
#include "base/compute/weight.h"

#include <string.h>

enum { RUN_WORDS = 64, RUN_SIZE = RUN_WORDS * 8 };

typedef struct exponent_bits {
    uint64_t mask; /* of each value's exponent */
    uint64_t unit; /* its lowest bit */
    uint64_t sign;
} exponent_bits;

static const exponent_bits bits_of_dtype[] = {
    [TL_F32] = {0x7f8000007f800000u, 0x0080000000800000u, 0x8000000080000000u},
    [TL_F16] = {0x7c007c007c007c00u, 0x0400040004000400u, 0x8000800080008000u},
    [TL_BF16] = {0x7f807f807f807f80u, 0x0080008000800080u, 0x8000800080008000u},
};

/* The last run of a block, filled up with zeros, is one as well. */
static bool is_run_finite(const exponent_bits *bits, const char *run)
{
    uint64_t words[RUN_WORDS], found = 0;
    memcpy(words, run, RUN_SIZE);
    for (size_t i = 0; i < RUN_WORDS; i++)
        found |= (words[i] & bits->mask) + bits->unit;
    return (found & bits->sign) == 0;
}

static bool is_value_finite(const exponent_bits *bits, const char *value, size_t size)
{
    char run[RUN_SIZE] = {0};
    memcpy(run, value, size);
    return is_run_finite(bits, run);
}

size_t tl_find_not_finite(tl_dtype dtype, const void *values, size_t count)
{
    const exponent_bits *bits = &bits_of_dtype[dtype];
    const size_t size = tl_dtype_size(dtype), run_count = RUN_SIZE / size;
    const char *bytes = values;
    size_t first = 0;
    while (count - first >= run_count && is_run_finite(bits, bytes + first * size))
        first += run_count;
    while (first < count && is_value_finite(bits, bytes + first * size, size))
        first++;
    return first;
}
