/*
 * Weights as they lie in memory, on every table of kernels this processor can run: every half-precision number widened exactly,
 * rows and parts, products against the same sums in double over sizes around the vectors, tiles and blocks, and the search for
 * values that are not finite. Blocks come from the allocator at their exact size, so that ASan sees a kernel that reads past one.
 */
#include "base/compute/kernels_internal.h"
#include "base/core/memory.h"
#include "base/core/random.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HALVES = 1 << 16 };

static void on_every_table(void (*check)(void))
{
    const char *names[8];
    size_t count = tl_kernels_available(names, 8);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++) {
        assert_true(tl_kernels_select(names[i], NULL));
        check();
    }
    assert_true(tl_kernels_select("auto", NULL));
}

/* By the formats' definitions, in double. */
static double value_of_half(tl_dtype dtype, uint16_t half)
{
    int exponent_bits = dtype == TL_F16 ? 5 : 8, fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (half & 0x7fff) >> fraction_bits, fraction = half & ((1 << fraction_bits) - 1);
    double sign = (half & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

static bool is_same(float found, double expected)
{
    return isnan(expected) ? isnan(found) : (double)found == expected && !signbit(found) == !signbit(expected);
}

static void check_widening(void)
{
    for (tl_dtype dtype = TL_F16; dtype <= TL_BF16; dtype++) {
        uint16_t *halves = tl_memory_allocate(HALVES, sizeof *halves, NULL);
        float *out = tl_memory_allocate(HALVES, sizeof *out, NULL);
        for (size_t i = 0; i < HALVES; i++)
            halves[i] = (uint16_t)i;
        tl_widen(dtype, halves, HALVES, out);
        for (size_t i = 0; i < HALVES; i++)
            if (!is_same(out[i], value_of_half(dtype, halves[i])))
                fail_msg("%s: type %d, %04zx: expected %g, found %g", tl_kernels_name(), (int)dtype, i,
                         value_of_half(dtype, halves[i]), (double)out[i]);
        /* The same through a product: a row of one, so that each sum is one weight. */
        const float one = 1.0f;
        tl_weight weight = {.parts = {halves}, .part_rows = {SIZE_MAX}, .part_count = 1, .dtype = dtype};
        tl_linear(NULL, &one, 1, 1, &weight, NULL, NULL, HALVES, out);
        for (size_t i = 0; i < HALVES; i++)
            if (!is_same(fabsf(out[i]), fabs(value_of_half(dtype, halves[i])))) /* 0 + -0 is 0 */
                fail_msg("%s: product, type %d, %04zx: found %g", tl_kernels_name(), (int)dtype, i, (double)out[i]);
        tl_memory_free(out);
        tl_memory_free(halves);
    }
}

static void every_half_is_widened_exactly(void **state)
{
    (void)state;
    on_every_table(check_widening);
}

/* ---- rows and parts ---- */

/* Three parts of 2, 3 and the remaining 2 rows of 3; value = 10 * row + column. */
static const uint16_t first_rows[] = {0x0000, 0x3f80, 0x4000, 0x4120, 0x4130, 0x4140};
static const uint16_t middle_rows[] = {0x41a0, 0x41a8, 0x41b0, 0x41f0, 0x41f8, 0x4200, 0x4220, 0x4224, 0x4228};
static const uint16_t last_rows[] = {0x4248, 0x424c, 0x4250, 0x4270, 0x4274, 0x4278};
static const tl_weight stacked = {
    .parts = {first_rows, middle_rows, last_rows}, .part_rows = {2, 3, SIZE_MAX}, .part_count = 3, .dtype = TL_BF16};

static void rows_cross_parts(void **state)
{
    (void)state;
    float row[3];
    for (size_t r = 0; r < 7; r++) {
        tl_weight_widen_row(&stacked, r, 3, row);
        for (size_t c = 0; c < 3; c++)
            assert_true(row[c] == (float)(10 * r + c));
    }
    for (size_t first = 0; first < 7; first++)
        for (size_t count = 1; first + count <= 7; count++) {
            tl_weight some = tl_weight_rows(&stacked, first, count, 3);
            size_t total = 0;
            for (uint32_t part = 0; part < some.part_count; part++)
                total += some.part_rows[part];
            assert_int_equal(total, count);
            for (size_t r = 0; r < count; r++) {
                tl_weight_widen_row(&some, r, 3, row);
                assert_true(row[0] == (float)(10 * (first + r)) && row[2] == (float)(10 * (first + r) + 2));
            }
        }
    const float values[] = {1.0f, 2.0f, 3.0f, 4.0f};
    tl_weight floats = tl_weight_of_floats(values);
    assert_ptr_equal(tl_weight_floats(&floats), values);
    tl_weight_widen_row(&floats, 1, 2, row);
    assert_true(row[0] == 3.0f && row[1] == 4.0f);
}

/* ---- products ---- */

typedef struct product_shape {
    size_t rows, in, out;
    size_t part_rows[2]; /* before the last part; 0: none */
} product_shape;

/* A number of the type near value, and the same as f32. */
static float round_to(tl_dtype dtype, float value, void *values, size_t at)
{
    uint32_t bits;
    if (dtype == TL_F32) {
        memcpy((float *)values + at, &value, sizeof value);
        return value;
    }
    memcpy(&bits, &value, sizeof bits);
    uint16_t half = (uint16_t)(bits >> 16);
    if (dtype == TL_F16) {
        int exponent = (int)(bits >> 23 & 0xff) - 127 + 15;
        uint32_t fraction = (bits & 0x7fffff) | 0x800000;
        if (exponent <= 0) /* denormal or nothing */
            half = (uint16_t)((bits >> 16 & 0x8000) | (exponent > -10 ? fraction >> (14 - exponent) : 0));
        else
            half = (uint16_t)((bits >> 16 & 0x8000) | (uint32_t)exponent << 10 | (bits >> 13 & 0x3ff));
    }
    ((uint16_t *)values)[at] = half;
    return (float)value_of_half(dtype, half);
}

static void check_product(tl_dtype dtype, const product_shape *shape, bool is_transposed, bool is_filled, tl_thread_pool *pool)
{
    const size_t rows = shape->rows, in = shape->in, out = shape->out;
    tl_random random = tl_random_stream(11, rows * 1000003 + in * 1009 + out * 2 + is_transposed);
    float *x = tl_memory_allocate(rows * in, sizeof *x, NULL), *y = tl_memory_allocate(rows * out, sizeof *y, NULL);
    float *exact = tl_memory_allocate(in * out, sizeof *exact, NULL), *bias = tl_memory_allocate(out, sizeof *bias, NULL);
    float *residual = tl_memory_allocate(rows * out, sizeof *residual, NULL);
    float *again = tl_memory_allocate(rows * out, sizeof *again, NULL);
    void *blocks[3] = {NULL};
    tl_weight weight = {.dtype = dtype, .is_transposed = is_transposed};
    for (size_t first = 0, part = 0; first < out; part++) {
        size_t part_rows = part < 2 && shape->part_rows[part] != 0 && !is_transposed ? shape->part_rows[part] : out - first;
        blocks[part] = tl_memory_allocate(part_rows * in, tl_dtype_size(dtype), NULL);
        for (size_t i = 0; i < part_rows * in; i++) {
            size_t o = is_transposed ? i % out : first + i / in, k = is_transposed ? i / out : i % in;
            float value = tl_random_normal(&random) * (i % 13 == 0 ? 1e-6f : 0.1f); /* of f16 some are denormal */
            exact[o * in + k] = round_to(dtype, value, blocks[part], i);
        }
        weight.parts[part] = blocks[part];
        weight.part_rows[part] = first + part_rows == out ? SIZE_MAX : part_rows;
        weight.part_count = (uint32_t)part + 1;
        first += part_rows;
    }
    for (size_t i = 0; i < rows * in; i++)
        x[i] = tl_random_normal(&random);
    for (size_t i = 0; i < rows * out; i++) {
        residual[i] = tl_random_normal(&random);
        y[i] = NAN; /* what was there must not matter */
    }
    for (size_t i = 0; i < out; i++)
        bias[i] = tl_random_normal(&random);
    tl_linear(NULL, x, rows, in, &weight, is_filled ? bias : NULL, is_filled ? residual : NULL, out, y);
    tl_linear(pool, x, rows, in, &weight, is_filled ? bias : NULL, is_filled ? residual : NULL, out, again);
    assert_memory_equal(y, again, rows * out * sizeof *y);
    for (size_t r = 0; r<rows; r += rows> 70 ? 37 : 1)
        for (size_t o = 0; o < out; o++) {
            double sum = is_filled ? (double)bias[o] + (double)residual[r * out + o] : 0.0, size = fabs(sum);
            for (size_t k = 0; k < in; k++) {
                double term = (double)x[r * in + k] * (double)exact[o * in + k];
                sum += term;
                size += fabs(term);
            }
            if (!(fabs((double)y[r * out + o] - sum) <= 1e-6 * size + 1e-30))
                fail_msg("%s: type %d%s, %zu rows, %zu to %zu, [%zu, %zu]: expected %.9g, found %.9g", tl_kernels_name(),
                         (int)dtype, is_transposed ? " transposed" : "", rows, in, out, r, o, sum, (double)y[r * out + o]);
        }
    for (size_t part = 0; part < 3; part++)
        tl_memory_free(blocks[part]);
    tl_memory_free(again);
    tl_memory_free(residual);
    tl_memory_free(bias);
    tl_memory_free(exact);
    tl_memory_free(y);
    tl_memory_free(x);
}

static void check_products(void)
{
    static const product_shape shapes[] = {
        {1, 1, 1, {0}},         {1, 16, 4, {0}},       {1, 17, 5, {2, 2}},        {2, 33, 7, {3, 0}},     {3, 15, 9, {4, 4}},
        {4, 64, 130, {64, 65}}, {5, 1025, 3, {1, 1}},  {6, 63, 66, {0}},          {7, 31, 65, {1, 63}},   {8, 513, 64, {0}},
        {9, 40, 257, {0}},      {12, 129, 21, {7, 7}}, {16, 2049, 2, {1, 0}},     {17, 48, 96, {32, 32}}, {50, 100, 70, {0}},
        {63, 20, 65, {0}},      {64, 31, 33, {11, 0}}, {65, 24, 300, {100, 100}}, {128, 8, 5, {0}},       {129, 520, 9, {3, 3}},
        {257, 12, 70, {0}},     {600, 37, 20, {0}},
    };
    tl_thread_pool *pool;
    assert_true(tl_thread_pool_create(3, &pool, NULL));
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (tl_dtype dtype = TL_F32; dtype <= TL_BF16; dtype++)
            for (int transposed = 0; transposed < 2; transposed++)
                check_product(dtype, &shapes[i], transposed != 0, (i + (size_t)dtype) % 2 == 0, pool);
    tl_thread_pool_destroy(pool);
}

static void products_are_those_of_the_widened_weight(void **state)
{
    (void)state;
    on_every_table(check_products);
}

/* A row's sums do not depend on its neighbours, as long as the few-row kernel takes them all. */
static void check_rows_alone(void)
{
    enum { IN = 77, OUT = 13, MOST = 8 };
    uint16_t *values = tl_memory_allocate(IN * OUT, sizeof *values, NULL);
    float x[MOST * IN], together[MOST * OUT], alone[OUT];
    tl_random random = tl_random_stream(12, 0);
    for (size_t i = 0; i < IN * OUT; i++)
        round_to(TL_BF16, tl_random_normal(&random), values, i);
    for (size_t i = 0; i < MOST * IN; i++)
        x[i] = tl_random_normal(&random);
    tl_weight weight = {.parts = {values}, .part_rows = {SIZE_MAX}, .part_count = 1, .dtype = TL_BF16};
    assert_true(tl_kernels_active()->few_rows_most >= MOST);
    tl_linear(NULL, x, MOST, IN, &weight, NULL, NULL, OUT, together);
    for (size_t r = 0; r < MOST; r++) {
        tl_linear(NULL, x + r * IN, 1, IN, &weight, NULL, NULL, OUT, alone);
        assert_memory_equal(alone, together + r * OUT, sizeof alone);
    }
    tl_memory_free(values);
}

static void a_row_alone_is_the_same_row(void **state)
{
    (void)state;
    on_every_table(check_rows_alone);
}

/* ---- finite values ---- */

static void values_that_are_not_finite_are_found(void **state)
{
    (void)state;
    /* largest finite numbers, then those that are not */
    static const struct {
        tl_dtype dtype;
        uint32_t finite[3], other[4];
    } cases[] = {
        {TL_F32, {0x7f7fffff, 0xff7fffff, 0x80000001}, {0x7f800000, 0xff800000, 0x7f800001, 0xffffffff}},
        {TL_F16, {0x7bff, 0xfbff, 0x8001}, {0x7c00, 0xfc00, 0x7c01, 0xffff}},
        {TL_BF16, {0x7f7f, 0xff7f, 0x8001}, {0x7f80, 0xff80, 0x7f81, 0xffff}},
    };
    for (size_t i = 0; i < 3; i++) {
        const size_t size = tl_dtype_size(cases[i].dtype);
        for (size_t count = 0; count < 600; count += count < 12 ? 1 : 49) {
            char *block = tl_memory_allocate(count * size + 1, 1, NULL), *values = block + 1; /* unaligned */
            for (size_t at = 0; at < count; at++)
                memcpy(values + at * size, &cases[i].finite[at % 3], size);
            assert_int_equal(tl_find_not_finite(cases[i].dtype, values, count), count);
            for (size_t at = count; at-- > 0;) {
                memcpy(values + at * size, &cases[i].other[at % 4], size);
                assert_int_equal(tl_find_not_finite(cases[i].dtype, values, count), at);
                if (at % 2 != 0) /* else it stays, behind the next one */
                    memcpy(values + at * size, &cases[i].finite[0], size);
                else
                    continue;
                size_t next = at + 1 < count ? at + 1 : count;
                assert_int_equal(tl_find_not_finite(cases[i].dtype, values, count), next);
            }
            tl_memory_free(block);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_is_widened_exactly),
        cmocka_unit_test(rows_cross_parts),
        cmocka_unit_test(products_are_those_of_the_widened_weight),
        cmocka_unit_test(a_row_alone_is_the_same_row),
        cmocka_unit_test(values_that_are_not_finite_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
