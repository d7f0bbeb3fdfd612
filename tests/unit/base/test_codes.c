/* Every table of code kernels against plain loops in double: odd sizes, every f16, and the same bits wherever a row stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compute/codes.h"
#include "base/compute/compute.h"
#include "base/core/random.h"

#include <math.h>
#include <string.h>

enum { MOST_DIM = 777, ROWS = 5, LEVELS = 16 };

static void for_each_level(void (*check)(void))
{
    const char *names[LEVELS];
    size_t count = tl_kernels_available(names, LEVELS);
    assert_true(count >= 1 && count <= LEVELS);
    for (size_t i = 0; i < count; i++) {
        assert_true(tl_kernels_select(names[i], NULL));
        check();
    }
    assert_true(tl_kernels_select(NULL, NULL));
}

static void check_dots(void)
{
    static const size_t dims[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 256, 511, 512, 777};
    static float rows[ROWS * MOST_DIM], query[MOST_DIM], wide[ROWS * MOST_DIM];
    static uint16_t halves[ROWS * MOST_DIM];
    tl_random random = tl_random_stream(1, 0);
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
        size_t dim = dims[d];
        for (size_t i = 0; i < ROWS * dim; i++)
            rows[i] = tl_random_normal(&random);
        for (size_t i = 0; i < dim; i++)
            query[i] = tl_random_normal(&random);
        tl_narrow_to_f16(rows, halves, ROWS * dim);
        tl_widen_from_f16(halves, wide, ROWS * dim);
        float scores[ROWS], of_halves[ROWS], squares[ROWS], half_squares[ROWS], alone;
        tl_rows_dot_f32(rows, ROWS, dim, query, scores);
        tl_rows_dot_f16(halves, ROWS, dim, query, of_halves);
        tl_rows_square_f32(rows, ROWS, dim, query, squares);
        tl_rows_square_f16(halves, ROWS, dim, query, half_squares);
        for (size_t r = 0; r < ROWS; r++) {
            double sum = 0, half_sum = 0, size = 1, square = 0, half_square = 0;
            for (size_t i = 0; i < dim; i++) {
                sum += (double)rows[r * dim + i] * (double)query[i];
                half_sum += (double)wide[r * dim + i] * (double)query[i];
                size += fabs((double)rows[r * dim + i] * (double)query[i]);
                square += pow((double)rows[r * dim + i] - (double)query[i], 2);
                half_square += pow((double)wide[r * dim + i] - (double)query[i], 2);
            }
            assert_true(fabs(square - (double)squares[r]) <= 2e-6 * square);
            assert_true(fabs(half_square - (double)half_squares[r]) <= 2e-6 * half_square);
            tl_rows_square_f32(rows + r * dim, 1, dim, query, &alone);
            assert_memory_equal(&alone, &squares[r], sizeof alone);
            tl_rows_square_f16(halves + r * dim, 1, dim, query, &alone);
            assert_memory_equal(&alone, &half_squares[r], sizeof alone);
            assert_true(fabs(sum - (double)scores[r]) <= 2e-6 * size);
            assert_true(fabs(half_sum - (double)of_halves[r]) <= 2e-6 * size);
            tl_rows_dot_f32(rows + r * dim, 1, dim, query, &alone);
            assert_memory_equal(&alone, &scores[r], sizeof alone);
            tl_rows_dot_f16(halves + r * dim, 1, dim, query, &alone);
            assert_memory_equal(&alone, &of_halves[r], sizeof alone);
        }
    }
}

static void check_codes(void)
{
    enum { GROUPS = 3 };
    uint8_t codes[ROWS * GROUPS * TL_CODE_GROUP_BYTES];
    int8_t query[GROUPS * TL_CODE_GROUP];
    tl_random random = tl_random_stream(2, 0);
    for (int extreme = 0; extreme < 2; extreme++) {
        for (size_t i = 0; i < sizeof codes; i++)
            codes[i] = extreme ? 255 : (uint8_t)tl_random_below(&random, 256);
        for (size_t i = 0; i < sizeof query; i++)
            query[i] = extreme ? 127 : (int8_t)((int)tl_random_below(&random, 255) - 127);
        for (size_t groups = 1; groups <= GROUPS; groups++) {
            int32_t sums[ROWS];
            tl_codes_dot(codes, ROWS, groups, query, sums, NULL);
            for (size_t r = 0; r < ROWS; r++) {
                int32_t sum = 0;
                for (size_t i = 0; i < groups * TL_CODE_GROUP; i++) {
                    size_t group = i / TL_CODE_GROUP, place = i % TL_CODE_GROUP;
                    uint8_t byte = codes[(r * groups + group) * TL_CODE_GROUP_BYTES + place % TL_CODE_GROUP_BYTES];
                    sum += (place < TL_CODE_GROUP_BYTES ? byte & 15 : byte >> 4) * query[i];
                }
                assert_int_equal(sum, sums[r]);
            }
        }
    }
}

static void check_bytes(void)
{
    enum { MOST = 320 };
    uint8_t rows[ROWS * MOST];
    int8_t query[MOST];
    tl_random random = tl_random_stream(5, 0);
    for (int extreme = 0; extreme < 2; extreme++) {
        for (size_t i = 0; i < sizeof rows; i++)
            rows[i] = extreme ? 127 : (uint8_t)tl_random_below(&random, 128);
        for (size_t i = 0; i < sizeof query; i++)
            query[i] = extreme ? -127 : (int8_t)((int)tl_random_below(&random, 255) - 127);
        for (size_t size = 64; size <= MOST; size += 64) {
            int32_t sums[ROWS];
            tl_bytes_dot(rows, ROWS, size, query, sums);
            for (size_t r = 0; r < ROWS; r++) {
                int32_t sum = 0;
                for (size_t i = 0; i < size; i++)
                    sum += rows[r * size + i] * query[i];
                assert_int_equal(sum, sums[r]);
            }
        }
    }
}

static void check_quantize(void)
{
    float x[256], product, square;
    uint8_t codes[256];
    tl_random random = tl_random_stream(3, 0);
    for (size_t i = 0; i < 256; i++)
        x[i] = tl_random_normal(&random);
    tl_codes_quantize(x, 256, 3.0f, codes, &product, &square);
    double expected_product = 0, expected_square = 0;
    for (size_t i = 0; i < 256; i++) {
        double level = floor((double)(x[i] * 3.0f + 8.0f));
        level = level < 0 ? 0 : level > 15 ? 15 : level;
        assert_int_equal(codes[i], (int)level);
        expected_product += (double)x[i] * (level - 7.5);
        expected_square += (level - 7.5) * (level - 7.5);
    }
    assert_true(fabs(expected_product - (double)product) <= 1e-3);
    assert_true(fabs(expected_square - (double)square) <= 1e-3);
}

/* The Hadamard transform by its definition, scaled to keep lengths. */
static void transform(float *x, size_t count)
{
    static float before[512];
    memcpy(before, x, count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t j = 0; j < count; j++) {
            size_t both = i & j, ones = 0;
            for (; both != 0; both &= both - 1)
                ones++;
            sum += ones % 2 != 0 ? -(double)before[j] : (double)before[j];
        }
        x[i] = (float)(sum / sqrt((double)count));
    }
}

static void check_rotation(void)
{
    static const size_t counts[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 512, 640};
    static float x[640], y[640], signs[640];
    tl_random random = tl_random_stream(6, 0);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        size_t count = counts[c], power = 1;
        double before = 0, after = 0;
        while (2 * power <= count)
            power *= 2;
        for (size_t i = 0; i < count; i++) {
            signs[i] = tl_random_below(&random, 2) != 0 ? 1.0f : -1.0f;
            x[i] = y[i] = tl_random_normal(&random);
        }
        tl_rotate(y, count, signs);
        for (size_t i = 0; i < count; i++) {
            x[i] *= signs[i];
            before += (double)x[i] * (double)x[i];
            after += (double)y[i] * (double)y[i];
        }
        assert_true(fabs(after - before) <= 1e-5 * before);
        transform(x, power);
        if (power != count)
            transform(x + count - power, power);
        for (size_t i = 0; i < count; i++)
            assert_true(fabs((double)x[i] - (double)y[i]) <= 1e-5);
    }
}

static void check_rounding_to_bytes(void)
{
    float x[MOST_DIM];
    int8_t numbers[MOST_DIM + 1];
    tl_random random = tl_random_stream(7, 0);
    for (size_t count = 1; count <= MOST_DIM; count += 1 + count / 5) {
        double square = 0, left_out = 0;
        int32_t sum = 0;
        float most = 0;
        tl_rounded rounded;
        for (size_t i = 0; i < count; i++) {
            x[i] = tl_random_normal(&random);
            most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
        }
        numbers[count] = 99;
        tl_round_to_bytes(x, count, numbers, &rounded);
        assert_int_equal(numbers[count], 99);
        assert_true(rounded.step == most / 127.0f);
        for (size_t i = 0; i < count; i++) {
            double difference = (double)x[i] - (double)rounded.step * numbers[i];
            assert_true(numbers[i] >= -127 && fabs(difference) <= 0.50001 * (double)rounded.step);
            square += (double)x[i] * (double)x[i];
            left_out += difference * difference;
            sum += numbers[i];
        }
        assert_int_equal(rounded.sum, sum);
        assert_true(fabs(rounded.square - square) <= 1e-6 * square);
        assert_true(fabs(rounded.left_out - left_out) <= 1e-5 * left_out + 1e-12);
    }
    memset(x, 0, sizeof x);
    tl_rounded zeros;
    tl_round_to_bytes(x, MOST_DIM, numbers, &zeros);
    assert_true(zeros.step == 1.0f && zeros.sum == 0 && zeros.square == 0.0 && zeros.left_out == 0.0);
}

static void check_measures(void)
{
    float x[256];
    uint8_t codes[256];
    double left_out, kept, lefts = 0, keeps = 0;
    tl_random random = tl_random_stream(8, 0);
    for (size_t i = 0; i < 256; i++) {
        x[i] = tl_random_normal(&random);
        codes[i] = (uint8_t)tl_random_below(&random, 16);
        double level = 0.3 * ((double)codes[i] - 7.5);
        lefts += ((double)x[i] - level) * ((double)x[i] - level);
        keeps += level * level;
    }
    tl_codes_measure(x, codes, 256, 0.3f, &left_out, &kept);
    assert_true(fabs(left_out - lefts) <= 1e-6 * lefts && fabs(kept - keeps) <= 1e-6 * keeps);
}

static void check_bounds_and_greatest(void)
{
    static float factors[MOST_DIM], errors[MOST_DIM], norms[MOST_DIM], bounds[MOST_DIM + 1];
    static int32_t sums[MOST_DIM];
    const tl_code_bound bound = {0.5f, 0.25f, 100.0f, 2.0f, -3.0f};
    tl_random random = tl_random_stream(9, 0);
    for (size_t count = 1; count <= MOST_DIM; count += 1 + count / 3) {
        for (size_t i = 0; i < count; i++) { /* few values, so that the greatest is often there twice */
            factors[i] = (float)tl_random_below(&random, 3);
            errors[i] = (float)tl_random_below(&random, 3);
            norms[i] = (float)tl_random_below(&random, 3);
            sums[i] = (int32_t)tl_random_below(&random, 4) + 98;
        }
        bounds[count] = 77;
        tl_codes_bound(&bound, sums, factors, errors, norms, count, bounds);
        assert_true(bounds[count] == 77.0f);
        size_t best = 0;
        for (size_t i = 0; i < count; i++) {
            float expected = 0.5f + 0.25f * factors[i] * (float)(sums[i] - 100) + 2.0f * errors[i] - 3.0f * norms[i];
            assert_true(bounds[i] == expected);
            best = bounds[i] - errors[i] > bounds[best] - errors[best] ? i : best;
        }
        assert_int_equal(tl_greatest(bounds, errors, count), best);
    }
}

static double value_of(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value = exponent == 0    ? ldexp(fraction, -24)
                   : exponent == 31 ? (double)INFINITY
                                    : ldexp(1024 + fraction, exponent - 25);
    return (bits & 0x8000) != 0 ? -value : value;
}

static void check_every_half(void)
{
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        uint16_t half[8], back[8];
        float wide[8];
        if ((bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0)
            continue;
        for (size_t i = 0; i < 8; i++)
            half[i] = (uint16_t)bits;
        tl_widen_from_f16(half, wide, 8);
        tl_narrow_to_f16(wide, back, 8);
        uint16_t alone;
        tl_narrow_to_f16(wide, &alone, 1);
        assert_true((double)wide[0] == value_of((uint16_t)bits) && (double)wide[7] == (double)wide[0]);
        assert_true(back[0] == bits && back[7] == bits && alone == bits);
        if (bits >= 0x7bff)
            continue;
        /* Halfway to the next goes to the even one, a little more or less to its side. */
        float next = (float)value_of((uint16_t)(bits + 1)), middle = (wide[0] + next) / 2;
        float around[8] = {middle, nextafterf(middle, 0), nextafterf(middle, INFINITY), middle, middle, middle, middle, middle};
        tl_narrow_to_f16(around, back, 8);
        assert_int_equal(back[0], bits % 2 == 0 ? bits : bits + 1);
        assert_int_equal(back[1], bits);
        assert_int_equal(back[2], bits + 1);
        for (size_t i = 0; i < 3; i++) {
            tl_narrow_to_f16(&around[i], &alone, 1);
            assert_int_equal(alone, back[i]);
            assert_int_equal(tl_f16_not_below(around[i]), bits + 1);
        }
        assert_int_equal(tl_f16_not_below(wide[0]), bits);
    }
}

static void dots_are_right_and_do_not_depend_on_neighbours(void **state)
{
    (void)state;
    for_each_level(check_dots);
}

static void code_sums_are_exact(void **state)
{
    (void)state;
    for_each_level(check_codes);
    for_each_level(check_bytes);
}

static void transform_and_rounding_are_right(void **state)
{
    (void)state;
    for_each_level(check_quantize);
    for_each_level(check_rotation);
    for_each_level(check_rounding_to_bytes);
    for_each_level(check_measures);
}

static void bounds_and_the_greatest_are_right(void **state)
{
    (void)state;
    for_each_level(check_bounds_and_greatest);
}

static void every_half_there_and_back(void **state)
{
    (void)state;
    for_each_level(check_every_half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots_are_right_and_do_not_depend_on_neighbours),
        cmocka_unit_test(code_sums_are_exact),
        cmocka_unit_test(transform_and_rounding_are_right),
        cmocka_unit_test(bounds_and_the_greatest_are_right),
        cmocka_unit_test(every_half_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
