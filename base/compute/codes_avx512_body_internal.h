/* The body of the code kernels of AVX-512. A file that includes it has included immintrin.h and set TL_CODES_TABLE and
 * ADD_PRODUCTS(sum, codes, query): int32 sums of four products of bytes, codes 0..15. */
#include "base/compute/codes_internal.h"
#include "base/compute/codes_scalar_internal.h"

static __m512 load_f16(const uint16_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

static __m512 load_tail_f32(const float *from, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), from);
}

static __m512 load_tail_f16(const uint16_t *from, size_t count)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16((__mmask16)((1U << count) - 1), from));
}

static __m512 add_product(__m512 a, __m512 b, __m512 sum)
{
    return _mm512_fmadd_ps(a, b, sum);
}

static __m512 add_square(__m512 a, __m512 b, __m512 sum)
{
    __m512 difference = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(difference, difference, sum);
}

#define DEFINE_ROWS(name, add, type, load, load_tail)                                                              \
    static void name(const type *rows, size_t count, size_t dim, const float *query, float *scores)                \
    {                                                                                                              \
        for (size_t i = 0; i < count; i++, rows += dim) {                                                          \
            __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()}; \
            size_t j = 0;                                                                                          \
            for (; j + 64 <= dim; j += 64)                                                                         \
                for (size_t s = 0; s < 4; s++)                                                                     \
                    sums[s] = add(load(rows + j + 16 * s), _mm512_loadu_ps(query + j + 16 * s), sums[s]);          \
            for (; j + 16 <= dim; j += 16)                                                                         \
                sums[0] = add(load(rows + j), _mm512_loadu_ps(query + j), sums[0]);                                \
            if (j < dim)                                                                                           \
                sums[1] = add(load_tail(rows + j, dim - j), load_tail_f32(query + j, dim - j), sums[1]);           \
            sums[0] = _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));             \
            scores[i] = _mm512_reduce_add_ps(sums[0]);                                                             \
        }                                                                                                          \
    }

DEFINE_ROWS(dot_f32, add_product, float, _mm512_loadu_ps, load_tail_f32)
DEFINE_ROWS(dot_f16, add_product, uint16_t, load_f16, load_tail_f16)
DEFINE_ROWS(square_f32, add_square, float, _mm512_loadu_ps, load_tail_f32)
DEFINE_ROWS(square_f16, add_square, uint16_t, load_f16, load_tail_f16)

static void dot_codes(const uint8_t *codes, size_t count, size_t groups, const int8_t *query, int32_t *sums, const void *next)
{
    const uint8_t *end = codes + count * groups * TL_CODE_GROUP_BYTES, *after = next != NULL ? next : codes;
    const uint8_t *ahead = tl_codes_ahead(codes, count * groups * TL_CODE_GROUP_BYTES, after);
    const __m512i half = _mm512_set1_epi8(15);
    for (size_t i = 0; i < count; i++) {
        __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();
        for (size_t group = 0; group < groups; group++, codes += TL_CODE_GROUP_BYTES) {
            const int8_t *q = query + group * TL_CODE_GROUP;
            __m512i bytes = _mm512_loadu_si512(codes);
            _mm_prefetch((const char *)ahead, _MM_HINT_T0);
            ahead += TL_CODE_GROUP_BYTES;
            ahead = ahead == end ? after : ahead;
            low = ADD_PRODUCTS(low, _mm512_and_si512(bytes, half), _mm512_loadu_si512(q));
            high = ADD_PRODUCTS(high, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), half),
                                _mm512_loadu_si512(q + TL_CODE_GROUP_BYTES));
        }
        sums[i] = _mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
    }
}

static void dot_bytes(const uint8_t *rows, size_t count, size_t size, const int8_t *query, int32_t *sums)
{
    for (size_t i = 0; i < count; i++, rows += size) {
        __m512i sum = _mm512_setzero_si512();
        for (size_t j = 0; j < size; j += 64)
            sum = ADD_PRODUCTS(sum, _mm512_loadu_si512(rows + j), _mm512_loadu_si512(query + j));
        sums[i] = _mm512_reduce_add_epi32(sum);
    }
}

static void narrow(const float *values, uint16_t *out, size_t count)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        _mm256_storeu_si256((__m256i *)(void *)(out + i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    for (; i < count; i++)
        out[i] = tl_f16_of_float(values[i]);
}

static void widen(const uint16_t *values, float *out, size_t count)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        _mm512_storeu_ps(out + i, load_f16(values + i));
    for (; i < count; i++)
        out[i] = tl_f16_to_float(values[i]);
}

/* x + y in the lower lane of each pair, y being its upper one; in the upper lane the lower one less it. */
static __m512 add_and_subtract(__m512 x, __m512 y, __mmask16 upper)
{
    return _mm512_mask_sub_ps(_mm512_add_ps(x, y), upper, y, x);
}

static void hadamard(float *x, size_t count)
{
    for (size_t half = 1; half < count && count < 16; half *= 2)
        for (size_t i = 0; i < count; i++)
            if ((i & half) == 0) {
                float sum = x[i] + x[i + half], difference = x[i] - x[i + half];
                x[i] = sum;
                x[i + half] = difference;
            }
    for (size_t i = 0; i + 16 <= count; i += 16) {
        __m512 v = _mm512_loadu_ps(x + i);
        v = add_and_subtract(v, _mm512_permute_ps(v, 0xb1), 0xaaaa);
        v = add_and_subtract(v, _mm512_permute_ps(v, 0x4e), 0xcccc);
        v = add_and_subtract(v, _mm512_shuffle_f32x4(v, v, 0xb1), 0xf0f0);
        v = add_and_subtract(v, _mm512_shuffle_f32x4(v, v, 0x4e), 0xff00);
        _mm512_storeu_ps(x + i, v);
    }
    for (size_t half = 16; half < count; half *= 2)
        for (size_t i = 0; i < count; i += 2 * half)
            for (size_t j = i; j < i + half; j += 16) {
                __m512 a = _mm512_loadu_ps(x + j), b = _mm512_loadu_ps(x + j + half);
                _mm512_storeu_ps(x + j, _mm512_add_ps(a, b));
                _mm512_storeu_ps(x + j + half, _mm512_sub_ps(a, b));
            }
}

/* As codes_lanes_internal.h has it for others: the compiler makes little of that loop. */
static void quantize(const float *x, size_t count, float inverse_step, uint8_t *codes, float *product, float *square)
{
    const __m512 scale = _mm512_set1_ps(inverse_step), eight = _mm512_set1_ps(8.0f), most = _mm512_set1_ps(15.5f);
    __m512 products = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (size_t i = 0; i < count; i += 16) {
        __m512 number = _mm512_loadu_ps(x + i), level = _mm512_fmadd_ps(number, scale, eight);
        __m512i code = _mm512_cvttps_epi32(_mm512_min_ps(_mm512_max_ps(level, _mm512_setzero_ps()), most));
        __m512 centre = _mm512_sub_ps(_mm512_cvtepi32_ps(code), _mm512_set1_ps(7.5f));
        _mm_storeu_si128((__m128i *)(void *)(codes + i), _mm512_cvtepi32_epi8(code));
        products = _mm512_fmadd_ps(number, centre, products);
        squares = _mm512_fmadd_ps(centre, centre, squares);
    }
    *product = _mm512_reduce_add_ps(products);
    *square = _mm512_reduce_add_ps(squares);
}

static void measure(const float *x, const uint8_t *codes, size_t count, float factor, double *left_out, double *kept)
{
    const __m512d factors = _mm512_set1_pd((double)factor), middle = _mm512_set1_pd(7.5);
    __m512d lefts = _mm512_setzero_pd(), keeps = _mm512_setzero_pd();
    for (size_t i = 0; i < count; i += 8) {
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(codes + i));
        __m512d number = _mm512_cvtps_pd(_mm256_loadu_ps(x + i)), code = _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(bytes));
        __m512d level = _mm512_mul_pd(factors, _mm512_sub_pd(code, middle)), difference = _mm512_sub_pd(number, level);
        lefts = _mm512_fmadd_pd(difference, difference, lefts);
        keeps = _mm512_fmadd_pd(level, level, keeps);
    }
    *left_out = _mm512_reduce_add_pd(lefts);
    *kept = _mm512_reduce_add_pd(keeps);
}

static __mmask16 lanes_there(size_t count)
{
    return count < 16 ? (__mmask16)((1U << count) - 1) : 0xffff;
}

static __m512d add_squares(__m512 x, __m512d sums)
{
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x)), high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    return _mm512_fmadd_pd(high, high, _mm512_fmadd_pd(low, low, sums));
}

static void round_to_bytes(const float *x, size_t count, int8_t *numbers, tl_rounded *out)
{
    __m512 largest = _mm512_setzero_ps();
    for (size_t i = 0; i < count; i += 16)
        largest = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(lanes_there(count - i), x + i)), largest);
    float most = _mm512_reduce_max_ps(largest), step = most > 1e-30f ? most / 127.0f : 1.0f;
    const __m512 steps = _mm512_set1_ps(step);
    const __m512i limit = _mm512_set1_epi32(127), sign = _mm512_set1_epi32(INT32_MIN);
    __m512i sum = _mm512_setzero_si512();
    __m512d squares = _mm512_setzero_pd(), lefts = _mm512_setzero_pd();
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 there = lanes_there(count - i);
        __m512 number = _mm512_maskz_loadu_ps(there, x + i), quotient = _mm512_div_ps(number, steps);
        __m512i half =
            _mm512_or_si512(_mm512_and_si512(_mm512_castps_si512(quotient), sign), _mm512_castps_si512(_mm512_set1_ps(0.5f)));
        __m512i whole = _mm512_cvttps_epi32(_mm512_add_ps(quotient, _mm512_castsi512_ps(half)));
        whole = _mm512_max_epi32(_mm512_min_epi32(whole, limit), _mm512_sub_epi32(_mm512_setzero_si512(), limit));
        _mm512_mask_cvtepi32_storeu_epi8(numbers + i, there, whole);
        sum = _mm512_add_epi32(sum, whole);
        squares = add_squares(number, squares);
        lefts = add_squares(_mm512_fnmadd_ps(steps, _mm512_cvtepi32_ps(whole), number), lefts);
    }
    *out = (tl_rounded){step, _mm512_reduce_add_epi32(sum), _mm512_reduce_add_pd(squares), _mm512_reduce_add_pd(lefts)};
}

static size_t greatest(const float *scores, const float *less, size_t count)
{
    __m512 most = _mm512_set1_ps(-INFINITY);
    __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), best = places;
    for (size_t i = 0; i < count; i += 16, places = _mm512_add_epi32(places, _mm512_set1_epi32(16))) {
        __mmask16 there = lanes_there(count - i);
        __m512 value = _mm512_sub_ps(_mm512_maskz_loadu_ps(there, scores + i), _mm512_maskz_loadu_ps(there, less + i));
        __mmask16 better = _mm512_mask_cmp_ps_mask(there, value, most, _CMP_GT_OQ);
        most = _mm512_mask_mov_ps(most, better, value);
        best = _mm512_mask_mov_epi32(best, better, places);
    }
    __mmask16 equal = _mm512_cmp_ps_mask(most, _mm512_set1_ps(_mm512_reduce_max_ps(most)), _CMP_EQ_OQ);
    return (size_t)_mm512_mask_reduce_min_epu32(equal, best);
}

const tl_code_kernels TL_CODES_TABLE = {dot_f32, dot_f16, square_f32, square_f16, dot_codes,      dot_bytes,   narrow,
                                        widen,   rotate,  quantize,   measure,    round_to_bytes, bound_codes, greatest};
