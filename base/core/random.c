/* SplitMix64 (Steele, Lea, Flood 2014) used as a counter-based generator: output i is mix(key + i * golden ratio). */
#include "base/core/random.h"

#include <math.h>

static const uint64_t golden_ratio = 0x9E3779B97F4A7C15u;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

tl_random tl_random_stream(uint64_t seed, uint64_t stream)
{
    tl_random random = {mix(mix(seed + golden_ratio) ^ (stream * golden_ratio + 1)), 0};
    return random;
}

uint64_t tl_random_next(tl_random *random)
{
    random->counter++;
    return mix(random->key + random->counter * golden_ratio);
}

uint64_t tl_random_below(tl_random *random, uint64_t bound)
{
    /* Rejects the few values past the last whole multiple of bound. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t value;
    do
        value = tl_random_next(random);
    while (value >= limit);
    return value % bound;
}

float tl_random_uniform(tl_random *random)
{
    return (float)(tl_random_next(random) >> 40) * 0x1p-24f;
}

float tl_random_normal(tl_random *random)
{
    /* The first uniform is moved off zero for the logarithm. */
    double u = ((double)(tl_random_next(random) >> 11) + 0.5) * 0x1p-53;
    double v = (double)(tl_random_next(random) >> 11) * 0x1p-53;
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

void tl_random_permutation(tl_random *random, uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)tl_random_below(random, i);
        uint32_t kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}
