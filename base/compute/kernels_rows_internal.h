/* Kernels on rows and blocks of floats: activations, norms, softmax, sums, optimizer. Included by the kernel files after the
 * vector. */
#ifndef TL_BASE_COMPUTE_KERNELS_ROWS_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_ROWS_INTERNAL_H

#include "base/compute/vector_internal.h"

KERNEL_INLINE vector load_some(const float *from, size_t n)
{
    return n == LANES ? load(from) : load_part(from, n);
}

KERNEL_INLINE void store_some(float *to, vector v, size_t n)
{
    if (n == LANES)
        store(to, v);
    else
        store_part(to, v, n);
}

KERNEL_INLINE vector load_some_halves(const uint16_t *from, size_t n)
{
    half_lanes v;
    if (n == LANES)
        memcpy(&v, from, sizeof v);
    else
        v = load_part_halves(from, n);
    return (vector)(__builtin_convertvector(v, group_vector) << 16);
}

KERNEL_INLINE void store_some_halves(uint16_t *to, vector v, size_t n)
{
    const half_lanes halves = narrow(v);
    if (n == LANES)
        memcpy(to, &halves, sizeof halves);
    else
        store_part_halves(to, halves, n);
}

KERNEL_INLINE size_t step_size(size_t i, size_t count)
{
    return count - i < (size_t)LANES ? count - i : (size_t)LANES;
}

/* ---- activations ---- */

/* gelu(x), and its slope in *slope: what is dear about them is the same. */
KERNEL_INLINE vector gelu_and_slope_of(tl_gelu_kind kind, vector x, vector *slope)
{
    if (kind == TL_GELU_BY_ERF) {
        const vector share = 0.5f * (1.0f + error_function_of(x * 0.70710678f));
        *slope = share + x * 0.39894228f * exponential_of(-0.5f * x * x);
        return x * share;
    }
    const bool is_quick = kind == TL_GELU_BY_SIGMOID;
    const vector s = sigmoid_of(is_quick ? 1.702f * x : 1.5957691216f * (x + 0.044715f * x * x * x));
    const vector inner = is_quick ? splat(1.702f) : 1.5957691216f * (1.0f + 0.134145f * x * x);
    *slope = s + x * s * (1.0f - s) * inner;
    return x * s;
}

#define GELU_LOOPS(NAME, KIND)                                                                        \
    static void NAME##_forward(const float *x, float *y, size_t count)                                \
    {                                                                                                 \
        size_t i = 0;                                                                                 \
        for (; i + LANES <= count; i += LANES)                                                        \
            store(y + i, gelu_of(KIND, load(x + i)));                                                 \
        if (i < count)                                                                                \
            store_part(y + i, gelu_of(KIND, load_part(x + i, count - i)), count - i);                 \
    }                                                                                                 \
    static void NAME##_backward(const float *x, const float *dy, float *y, float *out, size_t count)  \
    {                                                                                                 \
        for (size_t i = 0; i < count; i += LANES) {                                                   \
            const size_t n = step_size(i, count);                                                     \
            vector slope;                                                                             \
            const vector value = gelu_and_slope_of(KIND, load_some(x + i, n), &slope);                \
            store_some(out + i, load_some(dy + i, n) * slope, n);                                     \
            if (y != NULL)                                                                            \
                store_some(y + i, value, n);                                                          \
        }                                                                                             \
    }                                                                                                 \
    static void NAME##_halves(const uint16_t *x, uint16_t *y, size_t count)                           \
    {                                                                                                 \
        for (size_t i = 0; i < count; i += LANES) {                                                   \
            const size_t n = step_size(i, count);                                                     \
            store_some_halves(y + i, gelu_of(KIND, load_some_halves(x + i, n)), n);                   \
        }                                                                                             \
    }                                                                                                 \
    static void NAME##_halves_backward(uint16_t *x, float *dy, uint16_t *y, size_t count)             \
    {                                                                                                 \
        for (size_t i = 0; i < count; i += LANES) {                                                   \
            const size_t n = step_size(i, count);                                                     \
            vector slope;                                                                             \
            store_some_halves(y + i, gelu_and_slope_of(KIND, load_some_halves(x + i, n), &slope), n); \
            const vector by_x = load_some(dy + i, n) * slope;                                         \
            store_some(dy + i, by_x, n);                                                              \
            store_some_halves(x + i, by_x, n);                                                        \
        }                                                                                             \
    }

GELU_LOOPS(gelu_by_erf, TL_GELU_BY_ERF)
GELU_LOOPS(gelu_by_sigmoid, TL_GELU_BY_SIGMOID)
GELU_LOOPS(gelu_by_tanh, TL_GELU_BY_TANH)

static void gelu(tl_gelu_kind kind, const float *x, float *y, size_t count)
{
    if (kind == TL_GELU_BY_ERF)
        gelu_by_erf_forward(x, y, count);
    else if (kind == TL_GELU_BY_SIGMOID)
        gelu_by_sigmoid_forward(x, y, count);
    else
        gelu_by_tanh_forward(x, y, count);
}

static void gelu_backward(tl_gelu_kind kind, const float *x, const float *dy, float *y, float *out, size_t count)
{
    if (kind == TL_GELU_BY_ERF)
        gelu_by_erf_backward(x, dy, y, out, count);
    else if (kind == TL_GELU_BY_SIGMOID)
        gelu_by_sigmoid_backward(x, dy, y, out, count);
    else
        gelu_by_tanh_backward(x, dy, y, out, count);
}

static void gelu_halves(tl_gelu_kind kind, const uint16_t *x, uint16_t *y, size_t count)
{
    if (kind == TL_GELU_BY_ERF)
        gelu_by_erf_halves(x, y, count);
    else if (kind == TL_GELU_BY_SIGMOID)
        gelu_by_sigmoid_halves(x, y, count);
    else
        gelu_by_tanh_halves(x, y, count);
}

static void gelu_halves_backward(tl_gelu_kind kind, uint16_t *x, float *dy, uint16_t *y, size_t count)
{
    if (kind == TL_GELU_BY_ERF)
        gelu_by_erf_halves_backward(x, dy, y, count);
    else if (kind == TL_GELU_BY_SIGMOID)
        gelu_by_sigmoid_halves_backward(x, dy, y, count);
    else
        gelu_by_tanh_halves_backward(x, dy, y, count);
}

/* A row of y ends before the rows of x that are still to be read begin, so y may be x. */
static void swiglu(const float *x, size_t rows, size_t dim, float *y)
{
    for (size_t r = 0; r < rows; r++, x += 2 * dim, y += dim)
        for (size_t i = 0; i < dim; i += LANES) {
            size_t n = step_size(i, dim);
            vector gate = load_some(x + i, n);
            store_some(y + i, gate * sigmoid_of(gate) * load_some(x + dim + i, n), n);
        }
}

static void exponential(const float *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = step_size(i, count);
        store_some(y + i, exponential_of(load_some(x + i, n)), n);
    }
}

static void error_function(const float *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = step_size(i, count);
        store_some(y + i, error_function_of(load_some(x + i, n)), n);
    }
}

static void narrow_bf16(const float *values, uint16_t *out, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        const size_t n = step_size(i, count);
        store_some_halves(out + i, load_some(values + i, n), n);
    }
}

/* ---- sums and products ---- */

static void axpy(float a, const float *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = step_size(i, count);
        store_some(y + i, load_some(y + i, n) + a * load_some(x + i, n), n);
    }
}

static void scale(const float *x, float factor, float *y, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = step_size(i, count);
        store_some(y + i, load_some(x + i, n) * factor, n);
    }
}

static void rotate_pairs(float *x, size_t pieces, size_t dim, const float *cosines, const float *sines)
{
    for (size_t i = 0; i < dim; i += LANES) {
        size_t n = step_size(i, dim);
        const vector cosine = load_some(cosines + i, n), sine = load_some(sines + i, n);
        float *values = x + i;
        for (size_t piece = 0; piece < pieces; piece++, values += dim) {
            vector v = load_some(values, n);
            store_some(values, v * cosine + swap_pairs(v) * sine, n);
        }
    }
}

static void fill_rows(const float *bias, const float *residual, size_t rows, size_t dim, float *y)
{
    for (size_t r = 0; r < rows; r++, y += dim) {
        for (size_t i = 0; i < dim; i += LANES) {
            size_t n = step_size(i, dim);
            vector v = bias != NULL ? load_some(bias + i, n) : splat(0.0f);
            if (residual != NULL)
                v += load_some(residual + i, n);
            store_some(y + i, v, n);
        }
        if (residual != NULL)
            residual += dim;
    }
}

static void column_sums(const float *x, size_t rows, size_t dim, float *out)
{
    /* Four vectors of columns at a time stay in registers while the rows go by. */
    size_t i = 0;
    for (; i + 4 * LANES <= dim; i += 4 * LANES) {
        vector s0 = splat(0.0f), s1 = s0, s2 = s0, s3 = s0;
        for (size_t r = 0; r < rows; r++) {
            const float *row = x + r * dim + i;
            s0 += load(row);
            s1 += load(row + LANES);
            s2 += load(row + 2 * LANES);
            s3 += load(row + 3 * LANES);
        }
        store(out + i, load(out + i) + s0);
        store(out + i + LANES, load(out + i + LANES) + s1);
        store(out + i + 2 * LANES, load(out + i + 2 * LANES) + s2);
        store(out + i + 3 * LANES, load(out + i + 3 * LANES) + s3);
    }
    for (; i < dim; i += LANES) {
        size_t n = step_size(i, dim);
        vector s = splat(0.0f);
        for (size_t r = 0; r < rows; r++)
            s += load_some(x + r * dim + i, n);
        store_some(out + i, load_some(out + i, n) + s, n);
    }
}

static float dot(const float *a, const float *b, size_t count)
{
    vector s0 = splat(0.0f), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES) {
        s0 += load(a + i) * load(b + i);
        s1 += load(a + i + LANES) * load(b + i + LANES);
        s2 += load(a + i + 2 * LANES) * load(b + i + 2 * LANES);
        s3 += load(a + i + 3 * LANES) * load(b + i + 3 * LANES);
    }
    for (; i < count; i += LANES) {
        size_t n = step_size(i, count);
        s0 += load_some(a + i, n) * load_some(b + i, n);
    }
    return sum_of_lanes((s0 + s1) + (s2 + s3));
}

static double sum_squares(const float *x, size_t count)
{
    /* Float lanes over short runs, double across them: the error stays that of a few hundred additions. */
    enum { RUN = 256 };
    double total = 0.0;
    for (size_t start = 0; start < count; start += RUN) {
        size_t size = count - start < RUN ? count - start : RUN;
        total += (double)dot(x + start, x + start, size);
    }
    return total;
}

static void dot_rows(const float *rows, size_t count, size_t dim, const float *query, float *scores)
{
    /* Four rows share each load of the query; memory is the limit for a matrix that does not fit the cache. */
    size_t r = 0;
    for (; r + 4 <= count; r += 4) {
        const float *row = rows + r * dim;
        vector s0 = splat(0.0f), s1 = s0, s2 = s0, s3 = s0;
        for (size_t i = 0; i < dim; i += LANES) {
            size_t n = step_size(i, dim);
            vector q = load_some(query + i, n);
            s0 += q * load_some(row + i, n);
            s1 += q * load_some(row + dim + i, n);
            s2 += q * load_some(row + 2 * dim + i, n);
            s3 += q * load_some(row + 3 * dim + i, n);
        }
        scores[r] = sum_of_lanes(s0);
        scores[r + 1] = sum_of_lanes(s1);
        scores[r + 2] = sum_of_lanes(s2);
        scores[r + 3] = sum_of_lanes(s3);
    }
    for (; r < count; r++) {
        /* One accumulator, as above, so that a row's score does not depend on its place. */
        vector s = splat(0.0f);
        for (size_t i = 0; i < dim; i += LANES) {
            size_t n = step_size(i, dim);
            s += load_some(query + i, n) * load_some(rows + r * dim + i, n);
        }
        scores[r] = sum_of_lanes(s);
    }
}

/* ---- layer norm ---- */

/* y: of f32, or of bf16 where is_half. */
KERNEL_INLINE void norm_rows(const bool is_half, const float *x, const float *gain, const float *bias, size_t rows, size_t dim,
                             float epsilon, void *y, float *mean, float *inverse_deviation)
{
    for (size_t r = 0; r < rows; r++, x += dim) {
        vector sum = splat(0.0f), squares = splat(0.0f);
        for (size_t i = 0; i < dim; i += LANES)
            sum += load_some(x + i, step_size(i, dim));
        float m = sum_of_lanes(sum) / (float)dim;
        size_t i = 0;
        for (; i + LANES <= dim; i += LANES) {
            vector d = load(x + i) - m;
            squares += d * d;
        }
        float rest = 0.0f; /* the empty lanes of a partial vector would count m^2 */
        for (; i < dim; i++)
            rest += (x[i] - m) * (x[i] - m);
        float variance = (sum_of_lanes(squares) + rest) / (float)dim;
        float inverse = 1.0f / __builtin_sqrtf(variance + epsilon);
        for (i = 0; i < dim; i += LANES) {
            size_t n = step_size(i, dim);
            const vector normal = (load_some(x + i, n) - m) * inverse * load_some(gain + i, n) + load_some(bias + i, n);
            if (is_half)
                store_some_halves((uint16_t *)y + r * dim + i, normal, n);
            else
                store_some((float *)y + r * dim + i, normal, n);
        }
        if (mean != NULL)
            mean[r] = m;
        if (inverse_deviation != NULL)
            inverse_deviation[r] = inverse;
    }
}

static void layer_norm(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon, float *y,
                       float *mean, float *inverse_deviation)
{
    norm_rows(false, x, gain, bias, rows, dim, epsilon, y, mean, inverse_deviation);
}

static void layer_norm_halves(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon,
                              uint16_t *y, float *mean, float *inverse_deviation)
{
    norm_rows(true, x, gain, bias, rows, dim, epsilon, y, mean, inverse_deviation);
}

static void layer_norm_backward(const float *dy, const float *x, const float *gain, const float *mean,
                                const float *inverse_deviation, const float *residual, size_t rows, size_t dim, float *dx,
                                float *gain_gradient, float *bias_gradient)
{
    for (size_t r = 0; r < rows; r++, dy += dim, x += dim, dx += dim) {
        float m = mean[r], inverse = inverse_deviation[r];
        vector sum = splat(0.0f), projected = splat(0.0f);
        for (size_t i = 0; i < dim; i += LANES) {
            size_t n = step_size(i, dim);
            vector d = load_some(dy + i, n), normal = (load_some(x + i, n) - m) * inverse; /* empty lanes: d is 0 */
            store_some(gain_gradient + i, load_some(gain_gradient + i, n) + d * normal, n);
            store_some(bias_gradient + i, load_some(bias_gradient + i, n) + d, n);
            d *= load_some(gain + i, n);
            sum += d;
            projected += d * normal;
        }
        float mean_of_d = sum_of_lanes(sum) / (float)dim, mean_of_projected = sum_of_lanes(projected) / (float)dim;
        for (size_t i = 0; i < dim; i += LANES) {
            size_t n = step_size(i, dim);
            vector normal = (load_some(x + i, n) - m) * inverse;
            vector g = inverse * (load_some(dy + i, n) * load_some(gain + i, n) - mean_of_d - normal * mean_of_projected);
            if (residual != NULL)
                g += load_some(residual + i, n);
            store_some(dx + i, g, n);
        }
        if (residual != NULL)
            residual += dim;
    }
}

/* ---- softmax ---- */

static void softmax(float *row, size_t count, size_t padded, float factor)
{
    vector top = splat(-3.0e38f);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        top = larger(load(row + i), top);
    float largest = largest_lane(top);
    for (size_t j = i; j < count; j++)
        largest = row[j] > largest ? row[j] : largest;

    vector sum = splat(0.0f);
    for (i = 0; i + LANES <= count; i += LANES) {
        vector e = exponential_of((load(row + i) - largest) * factor);
        store(row + i, e);
        sum += e;
    }
    float total = 0.0f;
    if (i < count) {
        float tail[TL_VECTOR_FLOATS] = {0};
        vector e = exponential_of((load_part(row + i, count - i) - largest) * factor);
        memcpy(tail, &e, sizeof e);
        for (size_t j = 0; i + j < count; j++) {
            row[i + j] = tail[j];
            total += tail[j];
        }
    }
    total += sum_of_lanes(sum);
    for (size_t j = count; j < padded; j++)
        row[j] = 0.0f;
    scale(row, 1.0f / total, row, count);
}

static void softmax_backward(const float *p, float *d, size_t count, size_t padded, float factor)
{
    float projected = dot(p, d, count);
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = step_size(i, count);
        store_some(d + i, factor * load_some(p + i, n) * (load_some(d + i, n) - projected), n);
    }
    for (size_t j = count; j < padded; j++)
        d[j] = 0.0f;
}

/* ---- optimizer ---- */

static void adamw(const tl_adamw_step *step, const float *restrict gradient, size_t count, float *restrict value,
                  float *restrict first, float *restrict second)
{
    const float beta1 = step->beta1, beta2 = step->beta2, epsilon = step->epsilon, gradient_scale = step->gradient_scale;
    const float keep = 1.0f - step->learning_rate * step->decay;
    const float rate = step->learning_rate / step->first_correction;
    const float inverse_root = 1.0f / __builtin_sqrtf(step->second_correction);
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] * gradient_scale;
        float m = beta1 * first[i] + (1.0f - beta1) * g;
        float v = beta2 * second[i] + (1.0f - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        value[i] = value[i] * keep - rate * m / (__builtin_sqrtf(v) * inverse_root + epsilon);
    }
}

static void widen_bf16(const uint16_t *values, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)values[i] << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* By integer arithmetic, without branches, and without denormal floats on the way, which some processors take slowly. */
static void widen_f16(const uint16_t *values, float *out, size_t count)
{
    const uint32_t exponent_mask = 0x7c00u << 13, rebias = (127u - 15u) << 23;
    for (size_t i = 0; i < count; i++) {
        uint32_t half = values[i], bits = (half & 0x7fffu) << 13, exponent = bits & exponent_mask;
        uint32_t normal = bits + rebias + (exponent == exponent_mask ? (128u - 16u) << 23 : 0u);
        uint32_t shifted = bits + rebias + (1u << 23), offset = 113u << 23;
        float small, unit;
        memcpy(&small, &shifted, sizeof small);
        memcpy(&unit, &offset, sizeof unit);
        small -= unit; /* a denormal half: the hidden bit that it does not have, taken off again */
        memcpy(&shifted, &small, sizeof small);
        uint32_t result = (exponent == 0 ? shifted : normal) | (half & 0x8000u) << 16;
        memcpy(&out[i], &result, sizeof result);
    }
}

#endif
