/*
 * Owns the passes for processors with AVX-512 VNNI (compiled with its flags: cmake/TwinlensKernels.cmake); empty on other
 * architectures.
 *
 * One instruction multiplies four bytes by four signed ones and adds up. A weight is therefore split into three signed digits to
 * the base 256; sums may wrap on the way, as only the last one, which fits, counts.
 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "base/image/resize_internal.h"

#include <string.h>

enum { PIECE = 64 };

/* One word a digit, the highest first. */
static void pack_group(const int32_t weights[4], uint32_t words[4])
{
    memset(words, 0, 4 * sizeof *words);
    for (int i = 0; i < 4; i++) {
        int32_t low = (int8_t)(weights[i] & 255), rest = (weights[i] - low) / 256;
        int32_t middle = (int8_t)(rest & 255), high = (rest - middle) / 256;
        words[0] |= (uint32_t)(uint8_t)high << i * 8;
        words[1] |= (uint32_t)(uint8_t)middle << i * 8;
        words[2] |= (uint32_t)(uint8_t)low << i * 8;
    }
}

typedef struct sums {
    __m512i high, middle, low;
} sums;

static inline sums no_sums(void)
{
    return (sums){_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_set1_epi32(1 << (TL_RESIZE_WEIGHT_BITS - 1))};
}

/* Sixteen lanes of four bytes each. */
static inline sums add_quads(sums sum, __m512i quads, const uint32_t words[4])
{
    return (sums){_mm512_dpbusd_epi32(sum.high, quads, _mm512_set1_epi32((int)words[0])),
                  _mm512_dpbusd_epi32(sum.middle, quads, _mm512_set1_epi32((int)words[1])),
                  _mm512_dpbusd_epi32(sum.low, quads, _mm512_set1_epi32((int)words[2]))};
}

static inline __m512i rounded(sums sum)
{
    __m512i whole =
        _mm512_add_epi32(_mm512_add_epi32(_mm512_slli_epi32(sum.high, 16), _mm512_slli_epi32(sum.middle, 8)), sum.low);
    return _mm512_srai_epi32(whole, TL_RESIZE_WEIGHT_BITS);
}

static inline void sum_turned(const uint8_t *turned, size_t group_size, const uint32_t (*groups)[4], uint32_t group_count,
                              uint8_t *out)
{
    sums sum[3] = {no_sums(), no_sums(), no_sums()};
    for (uint32_t group = 0; group < group_count; group++, turned += group_size)
        for (int i = 0; i < 3; i++)
            sum[i] = add_quads(sum[i], _mm512_loadu_si512(turned + i * 64), groups[group]);
    for (int i = 0; i < 3; i++) {
        __m512i value = _mm512_max_epi32(rounded(sum[i]), _mm512_setzero_si512());
        _mm_storeu_si128((__m128i *)(out + i * 16), _mm512_cvtusepi32_epi8(value));
    }
}

static inline void sum_piece(const uint8_t *from, size_t stride, uint32_t tap_count, const uint32_t (*groups)[4], uint8_t *out)
{
    sums sum[4] = {no_sums(), no_sums(), no_sums(), no_sums()};
    for (uint32_t tap = 0; tap < tap_count; tap += 4, groups++) {
        __m512i rows[4];
        for (uint32_t i = 0; i < 4; i++) /* past the end the weights are zero */
            rows[i] = _mm512_loadu_si512(from + (tap + i < tap_count ? tap + i : tap) * stride);
        __m512i first_low = _mm512_unpacklo_epi8(rows[0], rows[1]), first_high = _mm512_unpackhi_epi8(rows[0], rows[1]);
        __m512i last_low = _mm512_unpacklo_epi8(rows[2], rows[3]), last_high = _mm512_unpackhi_epi8(rows[2], rows[3]);
        sum[0] = add_quads(sum[0], _mm512_unpacklo_epi16(first_low, last_low), *groups);
        sum[1] = add_quads(sum[1], _mm512_unpackhi_epi16(first_low, last_low), *groups);
        sum[2] = add_quads(sum[2], _mm512_unpacklo_epi16(first_high, last_high), *groups);
        sum[3] = add_quads(sum[3], _mm512_unpackhi_epi16(first_high, last_high), *groups);
    }
    __m512i low = _mm512_packs_epi32(rounded(sum[0]), rounded(sum[1]));
    __m512i high = _mm512_packs_epi32(rounded(sum[2]), rounded(sum[3]));
    _mm512_storeu_si512(out, _mm512_packus_epi16(low, high));
}

#define TL_RESIZE_KERNELS tl_resize_kernels_avx512
#define TL_RESIZE_NAME "avx512"
#include "base/image/resize_quads_internal.h"
#else
typedef int tl_no_avx512_here;
#endif
