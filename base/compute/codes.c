/* Owns which table of code kernels serves: that of the level which select.c chose. And f16 by integers, for any processor. */
#include "base/compute/codes_internal.h"
#include "base/compute/compute.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

float tl_f16_to_float(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, exponent = (uint32_t)(bits >> 10) & 31u, fraction = bits & 0x3ffu;
    float value;
    if (exponent == 0) {
        value = ldexpf((float)fraction, -24);
        return sign != 0 ? -value : value;
    }
    uint32_t wide = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13;
    memcpy(&value, &wide, sizeof value);
    return value;
}

uint16_t tl_f16_of_float(float value)
{
    uint32_t wide;
    memcpy(&wide, &value, sizeof wide);
    uint16_t sign = (uint16_t)(wide >> 16 & 0x8000u);
    wide &= 0x7fffffffu;
    if (wide > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (wide >= 0x477ff000u) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (wide < 0x38800000u) { /* below 2^-14: whole multiples of 2^-24; nearbyint rounds ties to even */
        float magnitude;
        memcpy(&magnitude, &wide, sizeof magnitude);
        return (uint16_t)(sign | (uint16_t)nearbyintf(ldexpf(magnitude, 24)));
    }
    wide += 0xfffu + (wide >> 13 & 1u);
    return (uint16_t)(sign | (uint16_t)((wide - (112u << 23)) >> 13));
}

uint16_t tl_f16_not_below(float value)
{
    uint16_t bits = tl_f16_of_float(value);
    return tl_f16_to_float(bits) < value ? (uint16_t)(bits + 1) : bits;
}

#if defined(__x86_64__)
/* Leaf 1, ECX: clang's own probe does not know this bit. Asked once, since a virtual machine answers slowly; two threads that
 * both ask store the same. */
static bool has_f16c(void)
{
    static _Atomic int known; /* 0: not asked, 1: no, 2: yes */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        unsigned int a, b, c = 0, d;
        answer = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 29 & 1U) != 0 ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}
#endif

static const tl_code_kernels *kernels(void)
{
#if defined(__x86_64__)
    const char *name = tl_kernels_name();
    if (strcmp(name, "baseline") != 0 && has_f16c()) {
        if (strcmp(name, "avx512_vnni") == 0 || strcmp(name, "avx512_bf16") == 0 || strcmp(name, "amx") == 0)
            return &tl_codes_avx512_vnni;
        return strcmp(name, "avx512") == 0 ? &tl_codes_avx512 : &tl_codes_avx2;
    }
#endif
    return &tl_codes_baseline;
}

void tl_rows_dot_f32(const float *rows, size_t count, size_t dim, const float *query, float *scores)
{
    kernels()->dot_f32(rows, count, dim, query, scores);
}

void tl_rows_dot_f16(const uint16_t *rows, size_t count, size_t dim, const float *query, float *scores)
{
    kernels()->dot_f16(rows, count, dim, query, scores);
}

void tl_rows_square_f32(const float *rows, size_t count, size_t dim, const float *query, float *squares)
{
    kernels()->square_f32(rows, count, dim, query, squares);
}

void tl_rows_square_f16(const uint16_t *rows, size_t count, size_t dim, const float *query, float *squares)
{
    kernels()->square_f16(rows, count, dim, query, squares);
}

void tl_codes_dot(const uint8_t *codes, size_t count, size_t groups, const int8_t *query, int32_t *sums, const void *next)
{
    kernels()->dot_codes(codes, count, groups, query, sums, next);
}

void tl_bytes_dot(const uint8_t *rows, size_t count, size_t size, const int8_t *query, int32_t *sums)
{
    kernels()->dot_bytes(rows, count, size, query, sums);
}

void tl_narrow_to_f16(const float *values, uint16_t *out, size_t count)
{
    kernels()->narrow(values, out, count);
}

void tl_widen_from_f16(const uint16_t *values, float *out, size_t count)
{
    kernels()->widen(values, out, count);
}

void tl_codes_quantize(const float *x, size_t count, float inverse_step, uint8_t *codes, float *product, float *square)
{
    kernels()->quantize(x, count, inverse_step, codes, product, square);
}

void tl_rotate(float *x, size_t count, const float *signs)
{
    kernels()->rotate(x, count, signs);
}

void tl_codes_measure(const float *x, const uint8_t *codes, size_t count, float factor, double *left_out, double *kept)
{
    kernels()->measure(x, codes, count, factor, left_out, kept);
}

void tl_round_to_bytes(const float *x, size_t count, int8_t *numbers, tl_rounded *out)
{
    kernels()->round_to_bytes(x, count, numbers, out);
}

void tl_codes_bound(const tl_code_bound *bound, const int32_t *sums, const float *factors, const float *errors,
                    const float *norms, size_t count, float *bounds)
{
    kernels()->bound(bound, sums, factors, errors, norms, count, bounds);
}

size_t tl_greatest(const float *scores, const float *less, size_t count)
{
    return kernels()->greatest(scores, less, count);
}
