/* Code kernels for processors with AVX2, FMA and F16C. Compiled with those flags; empty on other architectures. */
#include "base/compute/codes_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "base/compute/codes_lanes_internal.h"
#include "base/compute/codes_scalar_internal.h"

static float sum_lanes(__m256 v)
{
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

static __m256 load_f16(const uint16_t *from)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from));
}

/* The last dim % 8 numbers, zeros after them. */
static __m256 load_tail_f32(const float *from, size_t count)
{
    float tail[8] = {0};
    memcpy(tail, from, count * sizeof *from);
    return _mm256_loadu_ps(tail);
}

static __m256 load_tail_f16(const uint16_t *from, size_t count)
{
    uint16_t tail[8] = {0};
    memcpy(tail, from, count * sizeof *from);
    return load_f16(tail);
}

static __m256 add_product(__m256 a, __m256 b, __m256 sum)
{
    return _mm256_fmadd_ps(a, b, sum);
}

static __m256 add_square(__m256 a, __m256 b, __m256 sum)
{
    __m256 difference = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(difference, difference, sum);
}

#define DEFINE_ROWS(name, add, type, load, load_tail)                                                               \
    static void name(const type *rows, size_t count, size_t dim, const float *query, float *scores)                 \
    {                                                                                                               \
        for (size_t i = 0; i < count; i++, rows += dim) {                                                           \
            __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};  \
            size_t j = 0;                                                                                           \
            for (; j + 32 <= dim; j += 32)                                                                          \
                for (size_t s = 0; s < 4; s++)                                                                      \
                    sums[s] = add(load(rows + j + 8 * s), _mm256_loadu_ps(query + j + 8 * s), sums[s]);             \
            for (; j + 8 <= dim; j += 8)                                                                            \
                sums[0] = add(load(rows + j), _mm256_loadu_ps(query + j), sums[0]);                                 \
            if (j < dim)                                                                                            \
                sums[1] = add(load_tail(rows + j, dim - j), load_tail_f32(query + j, dim - j), sums[1]);            \
            scores[i] = sum_lanes(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]))); \
        }                                                                                                           \
    }

DEFINE_ROWS(dot_f32, add_product, float, _mm256_loadu_ps, load_tail_f32)
DEFINE_ROWS(dot_f16, add_product, uint16_t, load_f16, load_tail_f16)
DEFINE_ROWS(square_f32, add_square, float, _mm256_loadu_ps, load_tail_f32)
DEFINE_ROWS(square_f16, add_square, uint16_t, load_f16, load_tail_f16)

static int32_t sum_of_integers(__m256i sum)
{
    __m128i part = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    part = _mm_add_epi32(part, _mm_shuffle_epi32(part, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(part, _mm_shuffle_epi32(part, 0xb1)));
}

/* 15 * 127 * 2 a pair, four pairs: within int16. */
static void dot_codes(const uint8_t *codes, size_t count, size_t groups, const int8_t *query, int32_t *sums, const void *next)
{
    const uint8_t *end = codes + count * groups * TL_CODE_GROUP_BYTES, *after = next != NULL ? next : codes;
    const uint8_t *ahead = tl_codes_ahead(codes, count * groups * TL_CODE_GROUP_BYTES, after);
    const __m256i half = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    for (size_t i = 0; i < count; i++) {
        __m256i sum = _mm256_setzero_si256();
        for (size_t group = 0; group < groups; group++, codes += TL_CODE_GROUP_BYTES) {
            const __m256i *q = (const __m256i *)(const void *)(query + group * TL_CODE_GROUP);
            _mm_prefetch((const char *)ahead, _MM_HINT_T0);
            ahead += TL_CODE_GROUP_BYTES;
            ahead = ahead == end ? after : ahead;
            __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)codes);
            __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(codes + 32));
            __m256i low = _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_and_si256(a, half), _mm256_loadu_si256(q)),
                                           _mm256_maddubs_epi16(_mm256_and_si256(b, half), _mm256_loadu_si256(q + 1)));
            a = _mm256_and_si256(_mm256_srli_epi16(a, 4), half);
            b = _mm256_and_si256(_mm256_srli_epi16(b, 4), half);
            __m256i high = _mm256_add_epi16(_mm256_maddubs_epi16(a, _mm256_loadu_si256(q + 2)),
                                            _mm256_maddubs_epi16(b, _mm256_loadu_si256(q + 3)));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(low, high), ones));
        }
        sums[i] = sum_of_integers(sum);
    }
}

static void dot_bytes(const uint8_t *rows, size_t count, size_t size, const int8_t *query, int32_t *sums)
{
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t i = 0; i < count; i++, rows += size) {
        __m256i sum = _mm256_setzero_si256();
        for (size_t j = 0; j < size; j += 32) {
            __m256i row = _mm256_loadu_si256((const __m256i *)(const void *)(rows + j));
            __m256i pairs = _mm256_maddubs_epi16(row, _mm256_loadu_si256((const __m256i *)(const void *)(query + j)));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
        }
        sums[i] = sum_of_integers(sum);
    }
}

static void narrow(const float *values, uint16_t *out, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < count; i++)
        out[i] = tl_f16_of_float(values[i]);
}

static void widen(const uint16_t *values, float *out, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(out + i, load_f16(values + i));
    for (; i < count; i++)
        out[i] = tl_f16_to_float(values[i]);
}

const tl_code_kernels tl_codes_avx2 = {dot_f32, dot_f16, square_f32, square_f16, dot_codes,      dot_bytes,   narrow,
                                       widen,   rotate,  quantize,   measure,    round_to_bytes, bound_codes, greatest};
#else
typedef int tl_no_avx2_here;
#endif
