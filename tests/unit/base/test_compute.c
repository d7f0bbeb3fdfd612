/*
 * Every operation of base/compute, on every table of kernels this processor can run, against the same formula in double, over
 * sizes around the vector lengths. Tolerances: element-wise 2e-6 of the element (gelu: 1e-6 absolute), reductions 1e-5 of the
 * terms' sum of magnitudes. Blocks come from the allocator at their exact size, so that ASan sees a kernel that reads or writes
 * past an end.
 */
#include "base/compute/kernels_internal.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "tests/support/assert_ok.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 192, 257};
enum { SIZE_COUNT = sizeof sizes / sizeof sizes[0] };

static float *random_block(size_t count, uint64_t stream)
{
    float *block = tl_memory_allocate(count, sizeof *block, NULL);
    assert_non_null(block);
    tl_random random = tl_random_stream(7, stream);
    for (size_t i = 0; i < count; i++)
        block[i] = tl_random_normal(&random);
    return block;
}

static void expect_near(const char *what, size_t size, double found, double expected, double allowed)
{
    if (!(fabs(found - expected) <= allowed))
        fail_msg("%s on %s, size %zu: expected %.9g, found %.9g", what, tl_kernels_name(), size, expected, found);
}

/* ---- functions ---- */

static double exact_gelu(tl_gelu_kind kind, double x)
{
    if (kind == TL_GELU_BY_ERF)
        return 0.5 * x * erfc(-x / sqrt(2.0));
    if (kind == TL_GELU_BY_SIGMOID)
        return x / (1.0 + exp(-1.702 * x));
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

static void check_functions(void)
{
    enum { POINTS = 20011 };
    float *x = tl_memory_allocate(POINTS, sizeof *x, NULL), *y = tl_memory_allocate(POINTS, sizeof *y, NULL);
    for (size_t i = 0; i < POINTS; i++)
        x[i] = -87.0f + 175.0f * (float)i / (float)(POINTS - 1);
    tl_kernels_active()->exponential(x, y, POINTS);
    for (size_t i = 0; i < POINTS; i++)
        expect_near("exp", i, (double)y[i], exp((double)x[i]), 2e-6 * exp((double)x[i]));
    for (size_t i = 0; i < POINTS; i++)
        x[i] = -6.0f + 12.0f * (float)i / (float)(POINTS - 1);
    tl_kernels_active()->error_function(x, y, POINTS);
    for (size_t i = 0; i < POINTS; i++)
        expect_near("erf", i, (double)y[i], erf((double)x[i]), 1e-6 * fabs(erf((double)x[i])) + 1e-30);
    /* Far out the answer is a limit, never a NaN or an infinity of the wrong kind. */
    const float far[] = {-1e30f, -1000.0f, -90.0f, 90.0f, 1000.0f, 1e30f};
    float limit[6];
    tl_kernels_active()->exponential(far, limit, 6);
    for (int i = 0; i < 6; i++)
        assert_true(i < 3 ? limit[i] >= 0.0f && limit[i] < 1e-37f : isfinite(limit[i]) && limit[i] > 1e38f);
    tl_kernels_active()->error_function(far, limit, 6);
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(limit[i]) <= 1.0f && fabsf(limit[i] - (i < 3 ? -1.0f : 1.0f)) <= 2e-7f);

    for (tl_gelu_kind kind = TL_GELU_BY_ERF; kind <= TL_GELU_BY_TANH; kind++) {
        float *slope = tl_memory_allocate(POINTS, sizeof *slope, NULL), *again = tl_memory_allocate(POINTS, sizeof *again, NULL);
        float *value = tl_memory_allocate(POINTS, sizeof *value, NULL);
        for (size_t i = 0; i < POINTS; i++) {
            x[i] = -12.0f + 24.0f * (float)i / (float)(POINTS - 1);
            slope[i] = again[i] = 2.0f;
        }
        tl_gelu(kind, x, y, POINTS);
        tl_gelu_again_backward(kind, x, again, value, again, POINTS);
        tl_gelu_backward(kind, x, slope, slope, POINTS);
        for (size_t i = 0; i < POINTS; i++) {
            double at = (double)x[i], step = 1e-5;
            double expected = exact_gelu(kind, at);
            expect_near("gelu", i, (double)y[i], expected, 1e-6 + (at > 0.0 ? 5e-7 * at : 0.0));
            double derivative = (exact_gelu(kind, at + step) - exact_gelu(kind, at - step)) / (2.0 * step);
            expect_near("gelu slope", i, (double)slope[i], 2.0 * derivative, 4e-6);
            expect_near("gelu again", i, (double)value[i], (double)y[i], 2e-7 * fabs(at));
        }
        assert_memory_equal(again, slope, POINTS * sizeof *slope);
        tl_memory_free(value);
        tl_memory_free(again);
        tl_memory_free(slope);
    }
    tl_memory_free(y);
    tl_memory_free(x);
}

/* ---- rows ---- */

static void check_sums(size_t n)
{
    enum { ROWS = 7 };
    float *rows = random_block(ROWS * n, 1), *query = random_block(n, 2), *out = random_block(n, 3), *before = random_block(n, 3);
    float scores[ROWS];
    tl_dot_rows(rows, ROWS, n, query, scores);
    for (size_t r = 0; r < ROWS; r++) {
        double dot = 0.0, magnitude = 0.0;
        for (size_t i = 0; i < n; i++) {
            dot += (double)rows[r * n + i] * (double)query[i];
            magnitude += fabs((double)rows[r * n + i] * (double)query[i]);
        }
        expect_near("dot_rows", n, (double)scores[r], dot, 1e-6 * magnitude);
        expect_near("dot", n, (double)tl_dot(rows + r * n, query, n), dot, 1e-6 * magnitude);
        /* A row's score must not depend on where it stands among others. */
        float alone;
        tl_dot_rows(rows + r * n, 1, n, query, &alone);
        assert_memory_equal(&alone, &scores[r], sizeof alone);
    }
    double squares = 0.0;
    for (size_t i = 0; i < ROWS * n; i++)
        squares += (double)rows[i] * (double)rows[i];
    expect_near("sum_squares", n, tl_sum_squares(rows, ROWS * n), squares, 1e-6 * squares);
    tl_column_sums(rows, ROWS, n, out);
    for (size_t i = 0; i < n; i++) {
        double sum = (double)before[i];
        for (size_t r = 0; r < ROWS; r++)
            sum += (double)rows[r * n + i];
        expect_near("column_sums", n, (double)out[i], sum, 1e-5);
    }
    tl_axpy(0.5f, query, before, n);
    tl_scale(before, 3.0f, before, n);
    tl_random random = tl_random_stream(7, 3);
    for (size_t i = 0; i < n; i++)
        expect_near("axpy and scale", n, (double)before[i], 3.0 * ((double)tl_random_normal(&random) + 0.5 * (double)query[i]),
                    1e-5);
    tl_memory_free(before);
    tl_memory_free(out);
    tl_memory_free(query);
    tl_memory_free(rows);
}

static void check_layer_norm(size_t n)
{
    enum { ROWS = 5 };
    const double epsilon = 1e-5;
    float *x = random_block(ROWS * n, 1), *gain = random_block(n, 2), *bias = random_block(n, 3), *dy = random_block(ROWS * n, 4);
    float *residual = random_block(ROWS * n, 5), *y = random_block(ROWS * n, 6), *dx = random_block(ROWS * n, 6);
    float mean[ROWS], inverse[ROWS], *by_gain = tl_memory_allocate(n, sizeof(float), NULL),
                                     *by_bias = tl_memory_allocate(n, sizeof(float), NULL);
    for (size_t i = 0; i < ROWS * n; i++)
        x[i] += 3.0f; /* a mean that is not 0 shows cancellation */
    tl_layer_norm(x, gain, bias, ROWS, n, (float)epsilon, y, mean, inverse);
    tl_layer_norm_backward(dy, x, gain, mean, inverse, residual, ROWS, n, dx, by_gain, by_bias);
    double *normal = tl_memory_allocate(ROWS * n, sizeof *normal, NULL);
    for (size_t r = 0; r < ROWS; r++) {
        double m = 0.0, variance = 0.0, of_d = 0.0, of_projected = 0.0;
        for (size_t i = 0; i < n; i++)
            m += (double)x[r * n + i] / (double)n;
        for (size_t i = 0; i < n; i++)
            variance += pow((double)x[r * n + i] - m, 2.0) / (double)n;
        double scale = 1.0 / sqrt(variance + epsilon);
        for (size_t i = 0; i < n; i++) {
            normal[r * n + i] = ((double)x[r * n + i] - m) * scale;
            double d = (double)dy[r * n + i] * (double)gain[i];
            of_d += d / (double)n;
            of_projected += d * normal[r * n + i] / (double)n;
        }
        for (size_t i = 0; i < n; i++) {
            double nearby =
                n == 1 ? 1e-3 : 2e-5; /* of one float the variance is nothing, and rounding is divided by sqrt(epsilon) */
            expect_near("layer_norm", n, (double)y[r * n + i], normal[r * n + i] * (double)gain[i] + (double)bias[i], nearby);
            double expected = scale * ((double)dy[r * n + i] * (double)gain[i] - of_d - normal[r * n + i] * of_projected);
            expect_near("layer_norm_backward", n, (double)dx[r * n + i], expected + (double)residual[r * n + i],
                        2e-5 * scale + 1e-5);
        }
    }
    for (size_t i = 0; i < n; i++) {
        double gain_sum = 0.0, bias_sum = 0.0;
        for (size_t r = 0; r < ROWS; r++) {
            gain_sum += (double)dy[r * n + i] * normal[r * n + i];
            bias_sum += (double)dy[r * n + i];
        }
        expect_near("layer_norm gain", n, (double)by_gain[i], gain_sum, 1e-3 * (n == 1) + 2e-5);
        expect_near("layer_norm bias", n, (double)by_bias[i], bias_sum, 1e-5);
    }
    tl_memory_free(normal);
    float *blocks[] = {x, gain, bias, dy, residual, y, dx, by_gain, by_bias};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static float widened(uint16_t half)
{
    float value;
    tl_widen(TL_BF16, &half, 1, &value);
    return value;
}

/* What is kept in bf16 is what f32 gives, rounded once: half a step of 8 bits, and what f32 itself is off by. */
static void expect_rounded(const char *what, size_t size, uint16_t found, float exact)
{
    expect_near(what, size, (double)widened(found), (double)exact, (double)fabsf(exact) / 256.0 + 1e-6);
}

static void check_halves(size_t n)
{
    enum { ROWS = 3 };
    float *x = random_block(ROWS * n, 1), *gain = random_block(n, 2), *bias = random_block(n, 3), *y = random_block(ROWS * n, 4);
    float *dy = random_block(ROWS * n, 5), *by_x = random_block(ROWS * n, 6);
    uint16_t *halves = tl_memory_allocate(ROWS * n, sizeof *halves, NULL),
             *again = tl_memory_allocate(ROWS * n, sizeof *again, NULL);
    float mean[ROWS], inverse[ROWS], other_mean[ROWS], other_inverse[ROWS];
    tl_layer_norm(x, gain, bias, ROWS, n, 1e-5f, y, mean, inverse);
    tl_layer_norm_bf16(x, gain, bias, ROWS, n, 1e-5f, halves, other_mean, other_inverse);
    for (size_t i = 0; i < ROWS * n; i++)
        expect_rounded("layer_norm_bf16", n, halves[i], y[i]);
    assert_true(memcmp(mean, other_mean, sizeof mean) == 0 && memcmp(inverse, other_inverse, sizeof inverse) == 0);
    tl_narrow(TL_BF16, x, ROWS * n, halves);
    for (size_t i = 0; i < ROWS * n; i++) {
        expect_rounded("narrow", n, halves[i], x[i]);
        x[i] = widened(halves[i]);
    }
    for (tl_gelu_kind kind = TL_GELU_BY_ERF; kind <= TL_GELU_BY_TANH; kind++) {
        tl_narrow(TL_BF16, x, ROWS * n, halves);
        tl_gelu(kind, x, y, ROWS * n);
        tl_gelu_bf16(kind, halves, again, ROWS * n);
        for (size_t i = 0; i < ROWS * n; i++)
            expect_rounded("gelu_bf16", n, again[i], y[i]);
        float *d = random_block(ROWS * n, 5);
        tl_gelu_backward(kind, x, dy, by_x, ROWS * n);
        tl_gelu_again_backward_bf16(kind, halves, d, again, ROWS * n);
        for (size_t i = 0; i < ROWS * n; i++) {
            expect_rounded("gelu_again_backward_bf16, y", n, again[i], y[i]);
            expect_rounded("gelu_again_backward_bf16, x", n, halves[i], by_x[i]);
            expect_near("gelu_again_backward_bf16, dy", n, (double)d[i], (double)by_x[i], 1e-6);
        }
        tl_memory_free(d);
    }
    void *blocks[] = {x, gain, bias, y, dy, by_x, halves, again};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static void check_softmax(size_t n)
{
    float *row = random_block(n, 1), *kept = random_block(n, 1);
    for (size_t i = 0; i < n; i++)
        row[i] = kept[i] = 20.0f * kept[i]; /* wide, so that a missing maximum overflows somewhere */
    double top = -1e30, sum = 0.0;
    for (size_t i = 0; i < n; i++)
        top = fmax(top, (double)kept[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)kept[i] - top);
    tl_softmax(row, n);
    for (size_t i = 0; i < n; i++) {
        /* The difference from the maximum is rounded before the exponential makes a relative error of it. */
        double below = top - (double)kept[i], expected = exp(-below) / sum;
        expect_near("softmax", n, (double)row[i], expected, (3e-6 + 1e-7 * below) * expected + 1e-36);
    }
    for (size_t i = 0; i < n; i++)
        row[i] = kept[i] + 500.0f;
    tl_softmax(row, n);
    double total = 0.0;
    for (size_t i = 0; i < n; i++)
        total += (double)row[i];
    expect_near("softmax total", n, total, 1.0, 1e-5);
    tl_memory_free(kept);
    tl_memory_free(row);
}

static void check_normalize(size_t n)
{
    enum { ROWS = 3 };
    float *x = random_block(ROWS * n, 1), *dy = random_block(ROWS * n, 2), *y = random_block(ROWS * n, 3),
          *dx = random_block(ROWS * n, 3);
    float norms[ROWS];
    memset(x, 0, n * sizeof *x); /* a row of zeros must stay finite */
    tl_normalize_rows(x, ROWS, n, y, norms);
    tl_normalize_rows_backward(dy, y, norms, ROWS, n, dx);
    for (size_t i = 0; i < n; i++)
        assert_true(y[i] == 0.0f && isfinite(dx[i]));
    for (size_t r = 1; r < ROWS; r++) {
        double length = 0.0, along = 0.0;
        for (size_t i = 0; i < n; i++)
            length += (double)x[r * n + i] * (double)x[r * n + i];
        length = sqrt(length);
        for (size_t i = 0; i < n; i++)
            along += (double)x[r * n + i] / length * (double)dy[r * n + i];
        for (size_t i = 0; i < n; i++) {
            double unit = (double)x[r * n + i] / length;
            expect_near("normalize", n, (double)y[r * n + i], unit, 1e-6);
            expect_near("normalize backward", n, (double)dx[r * n + i], ((double)dy[r * n + i] - unit * along) / length,
                        1e-5 * (1.0 + fabs(along)) / length);
        }
    }
    float *blocks[] = {x, dy, y, dx};
    for (size_t i = 0; i < 4; i++)
        tl_memory_free(blocks[i]);
}

static void check_adamw(size_t n)
{
    float *value = random_block(n, 1), *gradient = random_block(n, 2);
    float *first = tl_memory_allocate(n, sizeof(float), NULL), *second = tl_memory_allocate(n, sizeof(float), NULL);
    double *exact = tl_memory_allocate(3 * n, sizeof(double), NULL);
    for (size_t i = 0; i < n; i++)
        exact[i] = (double)value[i];
    const double rate = 0.01, decay = 0.2, beta1 = 0.9, beta2 = 0.98, epsilon = 1e-6, clip = 0.5;
    for (int t = 1; t <= 5; t++) {
        double c1 = 1.0 - pow(beta1, t), c2 = 1.0 - pow(beta2, t);
        tl_adamw_step step = {(float)rate,    (float)decay, (float)beta1, (float)beta2,
                              (float)epsilon, (float)c1,    (float)c2,    (float)clip};
        tl_adamw(NULL, &step, gradient, n, value, first, second);
        for (size_t i = 0; i < n; i++) {
            double g = clip * (double)gradient[i], *p = &exact[i], *m = &exact[n + i], *v = &exact[2 * n + i];
            *p *= 1.0 - rate * decay;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *p -= rate * (*m / c1) / (sqrt(*v / c2) + epsilon);
        }
    }
    for (size_t i = 0; i < n; i++)
        expect_near("adamw", n, (double)value[i], exact[i], 2e-6 * (1.0 + fabs(exact[i])));
    tl_memory_free(exact);
    float *blocks[] = {value, gradient, first, second};
    for (size_t i = 0; i < 4; i++)
        tl_memory_free(blocks[i]);
}

/* ---- products ---- */

static void check_linear(size_t rows, size_t in, size_t out)
{
    float *x = random_block(rows * in, 1), *weight = random_block(out * in, 2), *bias = random_block(out, 3);
    float *y = random_block(rows * out, 4), *dy = random_block(rows * out, 5), *dx = random_block(rows * in, 6);
    float *by_weight = random_block(out * in, 7), *before = random_block(out * in, 7), *residual = random_block(rows * out, 8);
    tl_weight as_it_lies = tl_weight_of_floats(weight);
    tl_linear(NULL, x, rows, in, &as_it_lies, bias, residual, out, y);
    tl_linear_backward_input(NULL, dy, rows, out, weight, in, dx);
    tl_matmul(NULL, &(tl_matmul_call){.transpose_a = true,
                                      .m = out,
                                      .n = in,
                                      .k = rows,
                                      .alpha = 1.0f,
                                      .beta = 1.0f,
                                      .a = dy,
                                      .a_row = out,
                                      .b = x,
                                      .b_row = in,
                                      .c = by_weight,
                                      .c_row = in});
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < out; o++) {
            double sum = (double)bias[o] + (double)residual[r * out + o];
            for (size_t i = 0; i < in; i++)
                sum += (double)x[r * in + i] * (double)weight[o * in + i];
            expect_near("linear", in, (double)y[r * out + o], sum, 1e-5 * sqrt((double)in) + 1e-5);
        }
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i++) {
            double sum = 0.0;
            for (size_t o = 0; o < out; o++)
                sum += (double)dy[r * out + o] * (double)weight[o * in + i];
            expect_near("linear by input", out, (double)dx[r * in + i], sum, 1e-5 * sqrt((double)out) + 1e-5);
        }
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double sum = (double)before[o * in + i];
            for (size_t r = 0; r < rows; r++)
                sum += (double)dy[r * out + o] * (double)x[r * in + i];
            expect_near("linear by weight", rows, (double)by_weight[o * in + i], sum, 1e-5 * sqrt((double)rows) + 1e-5);
        }
    float *blocks[] = {x, weight, bias, y, dy, dx, by_weight, before, residual};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static void check_small_matmul(size_t m, size_t n, size_t k)
{
    float *a = random_block(m * k, 1), *b = random_block(k * n, 2), *c = random_block(m * n, 3), *before = random_block(m * n, 3);
    for (int is_transposed = 0; is_transposed < 2; is_transposed++)
        for (int accumulates = 0; accumulates < 2; accumulates++) {
            memcpy(c, before, m * n * sizeof *c);
            size_t row = is_transposed ? 1 : k, column = is_transposed ? m : 1;
            tl_kernels_active()->small_matmul(m, n, k, a, row, column, b, n, c, n, accumulates != 0);
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < n; j++) {
                    double sum = accumulates ? (double)before[i * n + j] : 0.0;
                    for (size_t p = 0; p < k; p++)
                        sum += (double)a[i * row + p * column] * (double)b[p * n + j];
                    expect_near("small_matmul", n, (double)c[i * n + j], sum, 1e-5 * sqrt((double)k) + 1e-5);
                }
        }
    float *blocks[] = {a, b, c, before};
    for (size_t i = 0; i < 4; i++)
        tl_memory_free(blocks[i]);
}

/* ---- attention ---- */

/* Forward of one head of one item in double. probabilities [queries, keys]. */
static void exact_attention(const float *q, size_t queries, const float *k, const float *v, size_t keys, size_t dim, size_t row,
                            bool is_causal, double *probabilities, double *out)
{
    for (size_t i = 0; i < queries; i++) {
        size_t seen = is_causal ? i + 1 : keys;
        double top = -1e300, sum = 0.0, *p = probabilities + i * keys;
        for (size_t j = 0; j < keys; j++) {
            p[j] = 0.0;
            for (size_t d = 0; d < dim; d++)
                p[j] += (double)q[i * row + d] * (double)k[j * row + d] / sqrt((double)dim);
            if (j < seen)
                top = fmax(top, p[j]);
        }
        for (size_t j = 0; j < keys; j++) {
            p[j] = j < seen ? exp(p[j] - top) : 0.0;
            sum += p[j];
        }
        for (size_t d = 0; d < dim; d++)
            out[i * dim + d] = 0.0;
        for (size_t j = 0; j < keys; j++) {
            p[j] /= sum;
            for (size_t d = 0; d < dim; d++)
                out[i * dim + d] += p[j] * (double)v[j * row + d];
        }
    }
}

static void check_attention(const size_t *lengths, size_t items, size_t heads, size_t dim, bool is_causal)
{
    enum { MOST_ITEMS = 4 };
    size_t offsets[MOST_ITEMS + 1] = {0}, longest = 0, probability_count = 0;
    for (size_t i = 0; i < items; i++) {
        offsets[i + 1] = offsets[i] + lengths[i];
        longest = lengths[i] > longest ? lengths[i] : longest;
        probability_count += tl_attention_probability_count(heads, lengths[i], lengths[i]);
    }
    const size_t rows = offsets[items], width = heads * dim, row = 3 * width;
    float *qkv = random_block(rows * row, 1), *d_out = random_block(rows * width, 2), *out = random_block(rows * width, 3);
    float *again = random_block(rows * width, 4), *gradient = random_block(rows * row, 1);
    float *kept = random_block(probability_count, 5),
          *scratch = random_block(tl_attention_scratch_count(longest, longest, dim), 6);
    tl_attention_call call = {.heads = heads,
                              .head_dim = dim,
                              .is_causal = is_causal,
                              .item_count = items,
                              .query_offsets = offsets,
                              .key_offsets = offsets,
                              .query = qkv,
                              .key = qkv + width,
                              .value = qkv + 2 * width,
                              .query_row = row,
                              .key_row = row,
                              .out_row = width};
    tl_attention(NULL, &call, kept, scratch, out);
    tl_attention(NULL, &call, NULL, scratch, again);
    assert_memory_equal(out, again, rows * width * sizeof *out);
    for (size_t threads = 1; threads <= 9; threads += 4) { /* fewer than heads, and more */
        tl_thread_pool *pool;
        assert_true(tl_thread_pool_create(threads, &pool, NULL));
        const size_t each = tl_whole_line_floats(tl_attention_scratch_count(longest, longest, dim));
        float *shared = random_block(tl_attention_share_count(pool, heads) * each, 7);
        float *kept_again = random_block(probability_count, 8);
        for (size_t is_kept = 0; is_kept < 2; is_kept++) {
            memset(again, 0, rows * width * sizeof *again);
            tl_attention(pool, &call, is_kept != 0 ? kept_again : NULL, shared, again);
            assert_memory_equal(out, again, rows * width * sizeof *out);
        }
        assert_memory_equal(kept, kept_again, probability_count * sizeof *kept);
        tl_memory_free(kept_again);
        tl_memory_free(shared);
        tl_thread_pool_destroy(pool);
    }
    tl_attention_call in_place = call;
    in_place.query = gradient;
    in_place.key = gradient + width;
    in_place.value = gradient + 2 * width;
    tl_attention_backward(&in_place, kept, d_out, scratch, gradient, gradient + width, gradient + 2 * width);

    double *p = tl_memory_allocate(longest * longest, sizeof *p, NULL), *o = tl_memory_allocate(longest * dim, sizeof *o, NULL);
    double *ds = tl_memory_allocate(longest * longest, sizeof *ds, NULL);
    for (size_t item = 0; item < items; item++)
        for (size_t head = 0; head < heads; head++) {
            size_t length = lengths[item];
            const float *q = qkv + offsets[item] * row + head * dim, *k = q + width, *v = k + width;
            const float *g = gradient + offsets[item] * row + head * dim, *d = d_out + offsets[item] * width + head * dim;
            exact_attention(q, length, k, v, length, dim, row, is_causal, p, o);
            for (size_t i = 0; i < length; i++) {
                double projected = 0.0;
                for (size_t j = 0; j < length; j++) {
                    ds[i * length + j] = 0.0;
                    for (size_t c = 0; c < dim; c++)
                        ds[i * length + j] += (double)d[i * width + c] * (double)v[j * row + c];
                    projected += p[i * length + j] * ds[i * length + j];
                }
                for (size_t j = 0; j < length; j++)
                    ds[i * length + j] = p[i * length + j] * (ds[i * length + j] - projected) / sqrt((double)dim);
                for (size_t c = 0; c < dim; c++)
                    expect_near("attention", length, (double)out[(offsets[item] + i) * width + head * dim + c], o[i * dim + c],
                                2e-5);
            }
            for (size_t i = 0; i < length; i++)
                for (size_t c = 0; c < dim; c++) {
                    double dq = 0.0, dk = 0.0, dv = 0.0;
                    for (size_t j = 0; j < length; j++) {
                        dq += ds[i * length + j] * (double)k[j * row + c];
                        dk += ds[j * length + i] * (double)q[j * row + c];
                        dv += p[j * length + i] * (double)d[j * width + c];
                    }
                    expect_near("attention by query", length, (double)g[i * row + c], dq, 5e-5);
                    expect_near("attention by key", length, (double)g[i * row + width + c], dk, 5e-5);
                    expect_near("attention by value", length, (double)g[i * row + 2 * width + c], dv, 5e-5);
                }
        }
    tl_memory_free(ds);
    tl_memory_free(o);
    tl_memory_free(p);
    float *blocks[] = {qkv, d_out, out, again, gradient, kept, scratch};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

/* ---- the tests, one table each ---- */

static void check_swiglu(size_t dim)
{
    enum { GATED_ROWS = 3 };
    float *x = random_block(GATED_ROWS * 2 * dim, dim), *y = random_block(GATED_ROWS * dim, 1);
    tl_swiglu(x, GATED_ROWS, dim, y);
    for (size_t i = 0; i < GATED_ROWS * dim; i++) {
        const double gate = (double)x[i / dim * 2 * dim + i % dim], value = (double)x[i / dim * 2 * dim + dim + i % dim];
        const double expected = gate / (1.0 + exp(-gate)) * value;
        expect_near("swiglu", dim, (double)y[i], expected, 2e-6 * fabs(expected) + 1e-12);
    }
    tl_swiglu(x, GATED_ROWS, dim, x);
    assert_memory_equal(x, y, GATED_ROWS * dim * sizeof *y);
    tl_memory_free(x);
    tl_memory_free(y);
}

static void check_rotation(void)
{
    for (size_t s = 0; s < SIZE_COUNT; s++)
        for (size_t pieces = 0; pieces <= 3; pieces++) {
            const size_t dim = 2 * sizes[s];
            float *x = random_block(pieces * dim + 1, s), *turned = random_block(pieces * dim + 1, s);
            float *cosines = random_block(dim, 50 + s), *sines = random_block(dim, 100 + s);
            for (size_t i = 0; i < dim; i += 2) {
                cosines[i + 1] = cosines[i];
                sines[i] = -sines[i + 1];
            }
            tl_rotate_pairs(turned, pieces, dim, cosines, sines);
            for (size_t i = 0; i < pieces * dim; i += 2) {
                const double a = (double)x[i], b = (double)x[i + 1], cosine = (double)cosines[i % dim],
                             sine = (double)sines[i % dim + 1];
                const double allowed = 2e-6 * (fabs(a) + fabs(b)) * (fabs(cosine) + fabs(sine));
                expect_near("rotate_pairs", dim, (double)turned[i], a * cosine - b * sine, allowed);
                expect_near("rotate_pairs", dim, (double)turned[i + 1], b * cosine + a * sine, allowed);
            }
            assert_true(turned[pieces * dim] == x[pieces * dim]);
            float *blocks[] = {x, turned, cosines, sines};
            for (size_t i = 0; i < 4; i++)
                tl_memory_free(blocks[i]);
        }
}

static void test_table(void **state)
{
    assert_ok(tl_kernels_select(*state, err));
    assert_string_equal(tl_kernels_name(), *state);
    check_rotation();
    check_functions();
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        check_swiglu(sizes[i]);
        check_sums(sizes[i]);
        check_layer_norm(sizes[i]);
        check_halves(sizes[i]);
        check_softmax(sizes[i]);
        check_normalize(sizes[i]);
        check_adamw(sizes[i]);
        check_small_matmul(1 + i % 13, sizes[i], 1 + (i * 5) % 37);
        check_linear(1 + (i * 3) % 17, sizes[i], 1 + (i * 7) % 41);
    }
    const size_t lengths[][3] = {{1, 2, 3}, {5, 17, 16}, {33, 1, 65}};
    const size_t dims[] = {1, 5, 16, 32, 64};
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 5; j++) {
            check_attention(lengths[i], 3, 1 + (i + j) % 3, dims[j], false);
            check_attention(lengths[i], 3, 1 + (i + j) % 3, dims[j], true);
        }
}

static void test_selection(void **state)
{
    (void)state;
    tl_error err;
    assert_false(tl_kernels_select("abacus", &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_non_null(strstr(err.message, "abacus"));
    const char *names[8];
    size_t count = tl_kernels_available(names, 8);
    assert_true(count >= 1);
    assert_string_equal(names[count - 1], "baseline");
    assert_true(tl_kernels_select(NULL, &err));
    assert_string_equal(tl_kernels_name(), names[0]);
    assert_true(tl_kernels_select("baseline", &err) && tl_kernels_select("auto", &err));
    assert_string_equal(tl_kernels_name(), names[0]);
}

/* A product large enough for many tiles: the same bits without a pool and with pools of 1, 2 and 3. */
static void test_threads_do_not_change_bits(void **state)
{
    (void)state;
    enum { M = 1200, N = 1700, K = 40 };
    float *a = random_block((size_t)M * K, 1), *b = random_block((size_t)N * K, 2);
    float *c = random_block((size_t)M * N, 3), *other = random_block((size_t)M * N, 4);
    tl_dot_matrix(NULL, b, N, K, a, M, c);
    for (size_t threads = 1; threads <= 3; threads++) {
        tl_thread_pool *pool;
        assert_true(tl_thread_pool_create(threads, &pool, NULL));
        tl_dot_matrix(pool, b, N, K, a, M, other);
        assert_memory_equal(c, other, (size_t)M * N * sizeof *c);
        tl_thread_pool_destroy(pool);
    }
    for (size_t i = 0; i < M; i += 397)
        for (size_t j = 0; j < N; j += 101) {
            double sum = 0.0;
            for (size_t p = 0; p < K; p++)
                sum += (double)a[i * K + p] * (double)b[j * K + p];
            expect_near("dot_matrix", K, (double)c[i * N + j], sum, 1e-4);
        }
    float *blocks[] = {a, b, c, other};
    for (size_t i = 0; i < 4; i++)
        tl_memory_free(blocks[i]);
}

int main(void)
{
    const char *names[8];
    size_t count = tl_kernels_available(names, 8);
    struct CMUnitTest tests[10] = {cmocka_unit_test(test_selection), cmocka_unit_test(test_threads_do_not_change_bits)};
    size_t test_count = 2;
    for (size_t i = 0; i < count && i < 8; i++)
        tests[test_count++] = (struct CMUnitTest){names[i], test_table, NULL, NULL, (void *)(uintptr_t)names[i]};
    return _cmocka_run_group_tests("compute", tests, test_count, NULL, NULL);
}
