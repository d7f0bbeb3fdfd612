/* base/core/random: known values, the state that a run resumes from, and the shape of the distributions. */
#include "base/core/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The outputs of SplitMix64 with seed 0, as published with the algorithm. */
static void known_values(void **state)
{
    (void)state;
    tl_random random = {0, 0};
    assert_true(tl_random_next(&random) == 0xE220A8397B1DCDAFu);
    assert_true(tl_random_next(&random) == 0x6E789E6AA1B965F4u);
    assert_true(tl_random_next(&random) == 0x06C45D188009454Fu);
}

static void the_state_resumes_a_stream(void **state)
{
    (void)state;
    tl_random whole = tl_random_stream(7, 5);
    for (int i = 0; i < 100; i++)
        (void)tl_random_next(&whole);
    tl_random resumed = tl_random_stream(7, 5);
    resumed.counter = 100;
    for (int i = 0; i < 10; i++)
        assert_true(tl_random_next(&whole) == tl_random_next(&resumed));
}

static void streams_differ(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    uint64_t firsts[COUNT * 2];
    for (uint64_t i = 0; i < COUNT; i++) {
        tl_random by_stream = tl_random_stream(1, i);
        tl_random by_seed = tl_random_stream(i + 2, 0);
        firsts[i] = tl_random_next(&by_stream);
        firsts[COUNT + i] = tl_random_next(&by_seed);
    }
    for (size_t i = 0; i < (size_t)COUNT * 2; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(firsts[i] != firsts[j]);
}

static void below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    tl_random random = tl_random_stream(2, 0);
    for (uint64_t bound = 1; bound < 40; bound++) {
        int counts[40] = {0};
        int draws = 400 * (int)bound;
        for (int i = 0; i < draws; i++) {
            uint64_t value = tl_random_below(&random, bound);
            assert_true(value < bound);
            counts[value]++;
        }
        for (uint64_t value = 0; value < bound; value++)
            assert_in_range(counts[value], 400 - 120, 400 + 120); /* six standard deviations */
    }
    /* Just above half of the range, where a plain modulo would give the low half twice as often. */
    uint64_t bound = ((uint64_t)1 << 63) + ((uint64_t)1 << 62);
    int low = 0;
    for (int i = 0; i < 10000; i++) {
        uint64_t value = tl_random_below(&random, bound);
        assert_true(value < bound);
        low += value < bound / 2;
    }
    assert_in_range(low, 4700, 5300);
    for (int i = 0; i < 100; i++)
        assert_true(tl_random_below(&random, UINT64_MAX) < UINT64_MAX);
}

static void uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    tl_random random = tl_random_stream(3, 0);
    enum { COUNT = 200000 };
    double sum = 0.0;
    double normal_sum = 0.0;
    double square_sum = 0.0;
    double fourth_sum = 0.0;
    for (int i = 0; i < COUNT; i++) {
        float uniform = tl_random_uniform(&random);
        assert_true(uniform >= 0.0f && uniform < 1.0f);
        sum += (double)uniform;
        double normal = (double)tl_random_normal(&random);
        assert_true(isfinite(normal));
        normal_sum += normal;
        square_sum += normal * normal;
        fourth_sum += normal * normal * normal * normal;
    }
    assert_true(fabs(sum / COUNT - 0.5) < 0.004);
    assert_true(fabs(normal_sum / COUNT) < 0.014);
    assert_true(fabs(square_sum / COUNT - 1.0) < 0.02);
    assert_true(fabs(fourth_sum / COUNT - 3.0) < 0.15);
}

static void permutations_hold_every_number_once(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    int first_place[COUNT] = {0};
    for (uint64_t round = 0; round < 5000; round++) {
        tl_random random = tl_random_stream(4, round);
        uint32_t order[COUNT];
        bool seen[COUNT] = {false};
        tl_random_permutation(&random, order, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(order[i] < COUNT && !seen[order[i]]);
            seen[order[i]] = true;
        }
        first_place[order[0]]++;
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_in_range(first_place[i], 40, 160);
    tl_random random = tl_random_stream(4, 0);
    tl_random_permutation(&random, NULL, 0);
    uint32_t one = 9;
    tl_random_permutation(&random, &one, 1);
    assert_int_equal(one, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(the_state_resumes_a_stream),
        cmocka_unit_test(streams_differ),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(permutations_hold_every_number_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
