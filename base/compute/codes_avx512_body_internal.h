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

static void dot_codes(const uint8_t *codes, size_t count, size_t groups, const int8_t *query, int32_t *sums)
{
    const __m512i half = _mm512_set1_epi8(15);
    for (size_t i = 0; i < count; i++) {
        __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();
        for (size_t group = 0; group < groups; group++, codes += TL_CODE_GROUP_BYTES) {
            const int8_t *q = query + group * TL_CODE_GROUP;
            __m512i bytes = _mm512_loadu_si512(codes);
            _mm_prefetch((const char *)codes + TL_CODES_AHEAD, _MM_HINT_T0);
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

/* As codes_quantize_internal.h has it for others: the compiler makes little of that loop. */
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

const tl_code_kernels TL_CODES_TABLE = {dot_f32,   dot_f16, square_f32, square_f16, dot_codes,
                                        dot_bytes, narrow,  widen,      hadamard,   quantize};
