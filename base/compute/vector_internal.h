/*
 * A vector of TL_VECTOR_FLOATS floats in the compilers' vector extension, and exp, erf and sigmoid on it. Included by the kernel
 * files only, which set TL_VECTOR_FLOATS to what their instruction set holds.
 *
 * exp: x = n ln 2 + r, a polynomial in r (relative error 3e-9 before rounding), n added to the exponent.
 * erf: x P(x^2) / Q(x^2) on |x| <= 3.925, fitted for relative error (5e-8 before rounding); +-1 beyond.
 */
#ifndef TL_BASE_COMPUTE_VECTOR_INTERNAL_H
#define TL_BASE_COMPUTE_VECTOR_INTERNAL_H

#include "base/compute/linear.h"
#include "base/core/sanitizer.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if TL_VECTOR_FLOATS == 16
#include <immintrin.h>
#endif

#define KERNEL_INLINE static inline __attribute__((always_inline))

enum { LANES = TL_VECTOR_FLOATS };

typedef float vector __attribute__((vector_size(TL_VECTOR_FLOATS * 4)));
typedef int32_t vector_mask __attribute__((vector_size(TL_VECTOR_FLOATS * 4)));
typedef uint64_t vector_pairs __attribute__((vector_size(TL_VECTOR_FLOATS * 4)));
typedef uint32_t group_vector __attribute__((vector_size(TL_VECTOR_FLOATS * 4)));
typedef uint16_t half_lanes __attribute__((vector_size(TL_VECTOR_FLOATS * 2)));

KERNEL_INLINE vector load(const float *from)
{
    vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

KERNEL_INLINE void store(float *to, vector v)
{
    memcpy(to, &v, sizeof v);
}

/* The last count < LANES numbers of a row; the other lanes are 0. A mask spares the call of memcpy, but no sanitizer sees it. */
#if TL_VECTOR_FLOATS == 16 && !defined(TL_HAS_ADDRESS_SANITIZER)
KERNEL_INLINE __mmask16 first_lanes(size_t count)
{
    return (__mmask16)((1u << count) - 1u);
}

KERNEL_INLINE vector load_part(const float *from, size_t count)
{
    return (vector)_mm512_maskz_loadu_ps(first_lanes(count), from);
}

KERNEL_INLINE void store_part(float *to, vector v, size_t count)
{
    _mm512_mask_storeu_ps(to, first_lanes(count), (__m512)v);
}

KERNEL_INLINE half_lanes load_part_halves(const uint16_t *from, size_t count)
{
    return (half_lanes)_mm256_maskz_loadu_epi16(first_lanes(count), from);
}

KERNEL_INLINE void store_part_halves(uint16_t *to, half_lanes v, size_t count)
{
    _mm256_mask_storeu_epi16(to, first_lanes(count), (__m256i)v);
}
#else
KERNEL_INLINE vector load_part(const float *from, size_t count)
{
    vector v = {0};
    memcpy(&v, from, count * sizeof *from);
    return v;
}

KERNEL_INLINE void store_part(float *to, vector v, size_t count)
{
    memcpy(to, &v, count * sizeof *to);
}

KERNEL_INLINE half_lanes load_part_halves(const uint16_t *from, size_t count)
{
    half_lanes v = {0};
    memcpy(&v, from, count * sizeof *from);
    return v;
}

KERNEL_INLINE void store_part_halves(uint16_t *to, half_lanes v, size_t count)
{
    memcpy(to, &v, count * sizeof *to);
}
#endif

KERNEL_INLINE vector splat(float value)
{
    return value - (vector){0};
}

KERNEL_INLINE vector choose(vector_mask where, vector yes, vector no)
{
    return (vector)((where & (vector_mask)yes) | (~where & (vector_mask)no));
}

/* To bf16, to nearest with ties to even; a NaN stays one. */
KERNEL_INLINE half_lanes narrow(vector value)
{
#if defined(TL_NARROW)
    return TL_NARROW(value);
#elif TL_VECTOR_FLOATS == 16
    const group_vector bits = (group_vector)value, high = bits >> 16, rounded = (bits + 0x7fffu + (high & 1u)) >> 16;
    const __mmask16 is_nan = _mm512_cmp_ps_mask((__m512)value, (__m512)value, _CMP_UNORD_Q);
    return __builtin_convertvector(
        (group_vector)_mm512_mask_or_epi32((__m512i)rounded, is_nan, (__m512i)high, _mm512_set1_epi32(0x40)), half_lanes);
#else
    const group_vector bits = (group_vector)value;
    const group_vector rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, kept = (bits >> 16) | 0x40u;
    const group_vector is_nan = (group_vector)((bits & 0x7fffffffu) > 0x7f800000u);
    return __builtin_convertvector((is_nan & kept) | (~is_nan & rounded), half_lanes);
#endif
}

/* Lanes 2i and 2i + 1 change places. */
KERNEL_INLINE vector swap_pairs(vector v)
{
    vector_pairs pairs = (vector_pairs)v;
    return (vector)(pairs << 32 | pairs >> 32);
}

/* Of two numbers that are equal or not ordered, the second. */
KERNEL_INLINE vector larger(vector a, vector b)
{
#if TL_VECTOR_FLOATS == 16
    return (vector)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return choose(a > b, a, b);
#endif
}

KERNEL_INLINE vector smaller(vector a, vector b)
{
#if TL_VECTOR_FLOATS == 16
    return (vector)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return choose(a < b, a, b);
#endif
}

/* A NaN stays one. */
KERNEL_INLINE vector between(float least, float most, vector v)
{
    return larger(splat(least), smaller(splat(most), v));
}

typedef float vector_of_4 __attribute__((vector_size(16)));

/* The upper half onto the lower one, until there is one lane. */
KERNEL_INLINE float sum_of_lanes(vector v)
{
#if TL_VECTOR_FLOATS == 16
    typedef float vector_of_8 __attribute__((vector_size(32)));
    vector_of_8 eight =
        __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    vector eight = v;
#endif
#if TL_VECTOR_FLOATS >= 8
    vector_of_4 four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
#else
    vector_of_4 four = eight;
#endif
    four += __builtin_shufflevector(four, four, 2, 3, 2, 3);
    return four[0] + four[1];
}

KERNEL_INLINE float largest_lane(vector v)
{
    float lanes[TL_VECTOR_FLOATS];
    memcpy(lanes, &v, sizeof v);
    for (int half = TL_VECTOR_FLOATS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
    return lanes[0];
}

/* a / b for positive, normal b. AVX-512 has a reciprocal of 14 bits, which one step of Newton's makes one of 28; a division takes
 * four times as long. */
KERNEL_INLINE vector quotient_of(vector a, vector b)
{
#if TL_VECTOR_FLOATS == 16
    const vector near = (vector)_mm512_rcp14_ps((__m512)b);
    return a * (near * (2.0f - b * near));
#else
    return a / b;
#endif
}

KERNEL_INLINE vector exponential_of(vector x)
{
    /* Below -87.3 the answer would be denormal, above 88.3 infinite; a NaN comes out as a NaN. */
    x = between(-87.3f, 88.3f, x);
    const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    vector shifted = x * 1.44269504f + rounder;
    vector n = shifted - rounder;
    vector r = x - n * 0.693359375f; /* ln 2 in two parts, the first exact in few bits */
    r = r + n * 2.12194440e-4f;
    vector p = splat(0.0013814599f);
    p = p * r + 0.008368717f;
    p = p * r + 0.04166839f;
    p = p * r + 0.16666521f;
    p = p * r + 0.49999994f;
    p = p * (r * r) + r + 1.0f;
    vector_mask exponent = ((vector_mask)shifted - 0x4B400000 + 127) << 23;
    return p * (vector)exponent;
}

KERNEL_INLINE vector error_function_of(vector x)
{
    x = between(-3.925f, 3.925f, x);
    vector t = x * x;
    vector p = splat(1.9869532e-08f);
    p = p * t - 1.9565955e-06f;
    p = p * t + 0.00014217214f;
    p = p * t + 0.0037192083f;
    p = p * t + 0.050631292f;
    p = p * t + 0.2003657f;
    p = p * t + 1.1283791f;
    vector q = splat(0.0009599751f);
    q = q * t + 0.014390078f;
    q = q * t + 0.11518022f;
    q = q * t + 0.5109011f;
    q = q * t + 1.0f;
    vector e = quotient_of(x * p, q);
    return between(-1.0f, 1.0f, e);
}

KERNEL_INLINE vector sigmoid_of(vector x)
{
    return quotient_of(splat(1.0f), 1.0f + exponential_of(-x));
}

KERNEL_INLINE vector gelu_of(tl_gelu_kind kind, vector x)
{
    if (kind == TL_GELU_BY_ERF)
        return 0.5f * x * (1.0f + error_function_of(x * 0.70710678f));
    if (kind == TL_GELU_BY_SIGMOID)
        return x * sigmoid_of(1.702f * x);
    return x * sigmoid_of(1.5957691216f * (x + 0.044715f * x * x * x));
}

#endif
