/*
 * Counter-based random numbers (SplitMix64 over key and counter): the state is two integers that the caller owns, so a run
 * can be repeated, resumed in the middle, and drawn from in parallel by giving each item its own stream.
 */
#ifndef TL_BASE_CORE_RANDOM_H
#define TL_BASE_CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_random {
    uint64_t key;
    uint64_t counter;
} tl_random;

/* The stream of (seed, stream): e.g. seed of the run, number of the sample. Streams are independent. */
tl_random tl_random_stream(uint64_t seed, uint64_t stream);
uint64_t tl_random_next(tl_random *random);
/* Uniform in [0, bound), without modulo bias; bound > 0. */
uint64_t tl_random_below(tl_random *random, uint64_t bound);
/* Uniform in [0, 1), 24 bits. */
float tl_random_uniform(tl_random *random);
/* Standard normal (Box-Muller; takes two draws). */
float tl_random_normal(tl_random *random);
/* Fisher-Yates over 0..count-1 written to order. */
void tl_random_permutation(tl_random *random, uint32_t *order, size_t count);

#ifdef __cplusplus
}
#endif

#endif
