/*
 * Owns the passes for processors with AVX2 (compiled with that flag: cmake/TwinlensKernels.cmake); empty on other architectures.
 *
 * Multiplications are of 16 bits: a weight is split into high * 2048 + low, and of four bytes the even and the odd ones make two
 * pairs.
 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "base/image/resize_internal.h"

#include <string.h>

enum { PIECE = 32, SPLIT = 2048 };

static uint32_t pair_of(int32_t first, int32_t second)
{
    return (uint32_t)(uint16_t)(int16_t)first | (uint32_t)(uint16_t)(int16_t)second << 16;
}

/* high of taps 0, 2; of 1, 3; low of 0, 2; of 1, 3. Both parts take the weight's sign. */
static void pack_group(const int32_t weights[4], uint32_t words[4])
{
    words[0] = pair_of(weights[0] / SPLIT, weights[2] / SPLIT);
    words[1] = pair_of(weights[1] / SPLIT, weights[3] / SPLIT);
    words[2] = pair_of(weights[0] % SPLIT, weights[2] % SPLIT);
    words[3] = pair_of(weights[1] % SPLIT, weights[3] % SPLIT);
}

typedef struct sums {
    __m256i high, low;
} sums;

/* Eight lanes of four bytes each. */
static inline sums add_quads(sums sum, __m256i quads, const uint32_t words[4])
{
    __m256i even = _mm256_and_si256(quads, _mm256_set1_epi32(0x00FF00FF)), odd = _mm256_srli_epi16(quads, 8);
    __m256i high = _mm256_add_epi32(_mm256_madd_epi16(even, _mm256_set1_epi32((int)words[0])),
                                    _mm256_madd_epi16(odd, _mm256_set1_epi32((int)words[1])));
    __m256i low = _mm256_add_epi32(_mm256_madd_epi16(even, _mm256_set1_epi32((int)words[2])),
                                   _mm256_madd_epi16(odd, _mm256_set1_epi32((int)words[3])));
    return (sums){_mm256_add_epi32(sum.high, high), _mm256_add_epi32(sum.low, low)};
}

static inline __m256i rounded(sums sum)
{
    __m256i half = _mm256_set1_epi32(1 << (TL_RESIZE_WEIGHT_BITS - 1));
    __m256i whole = _mm256_add_epi32(_mm256_slli_epi32(sum.high, 11), _mm256_add_epi32(sum.low, half));
    return _mm256_srai_epi32(whole, TL_RESIZE_WEIGHT_BITS);
}

static inline void sum_turned(const uint8_t *turned, size_t group_size, const uint32_t (*groups)[4], uint32_t group_count,
                              uint8_t *out)
{
    for (int part = 0; part < 2; part++, turned += 3 * 32, out += 24) {
        sums sum[3] = {{_mm256_setzero_si256(), _mm256_setzero_si256()},
                       {_mm256_setzero_si256(), _mm256_setzero_si256()},
                       {_mm256_setzero_si256(), _mm256_setzero_si256()}};
        const uint8_t *from = turned;
        for (uint32_t group = 0; group < group_count; group++, from += group_size)
            for (int i = 0; i < 3; i++)
                sum[i] = add_quads(sum[i], _mm256_loadu_si256((const __m256i *)(from + i * 32)), groups[group]);
        for (int i = 0; i < 3; i++) {
            __m256i value = rounded(sum[i]);
            __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
            _mm_storel_epi64((__m128i *)(out + i * 8), _mm_packus_epi16(words, words));
        }
    }
}

static inline void sum_piece(const uint8_t *from, size_t stride, uint32_t tap_count, const uint32_t (*groups)[4], uint8_t *out)
{
    sums sum[4] = {{_mm256_setzero_si256(), _mm256_setzero_si256()},
                   {_mm256_setzero_si256(), _mm256_setzero_si256()},
                   {_mm256_setzero_si256(), _mm256_setzero_si256()},
                   {_mm256_setzero_si256(), _mm256_setzero_si256()}};
    for (uint32_t tap = 0; tap < tap_count; tap += 4, groups++) {
        __m256i rows[4];
        for (uint32_t i = 0; i < 4; i++) /* past the end the weights are zero */
            rows[i] = _mm256_loadu_si256((const __m256i *)(from + (tap + i < tap_count ? tap + i : tap) * stride));
        __m256i first_low = _mm256_unpacklo_epi8(rows[0], rows[1]), first_high = _mm256_unpackhi_epi8(rows[0], rows[1]);
        __m256i last_low = _mm256_unpacklo_epi8(rows[2], rows[3]), last_high = _mm256_unpackhi_epi8(rows[2], rows[3]);
        sum[0] = add_quads(sum[0], _mm256_unpacklo_epi16(first_low, last_low), *groups);
        sum[1] = add_quads(sum[1], _mm256_unpackhi_epi16(first_low, last_low), *groups);
        sum[2] = add_quads(sum[2], _mm256_unpacklo_epi16(first_high, last_high), *groups);
        sum[3] = add_quads(sum[3], _mm256_unpackhi_epi16(first_high, last_high), *groups);
    }
    __m256i low = _mm256_packs_epi32(rounded(sum[0]), rounded(sum[1]));
    __m256i high = _mm256_packs_epi32(rounded(sum[2]), rounded(sum[3]));
    _mm256_storeu_si256((__m256i *)out, _mm256_packus_epi16(low, high));
}

#define TL_RESIZE_KERNELS tl_resize_kernels_avx2
#define TL_RESIZE_NAME "avx2"
#include "base/image/resize_quads_internal.h"
#else
typedef int tl_no_avx2_here;
#endif
