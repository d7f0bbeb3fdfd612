/* The learning rate by step against open_clip's formula written out. */
#include "encoders/training/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void warm_up_is_linear_and_ends_at_the_peak(void **state)
{
    (void)state;
    tl_schedule schedule = {.peak = 0.5, .steps = 100, .warmup_steps = 10};
    for (uint64_t step = 0; step < 10; step++)
        assert_true(fabs(tl_schedule_rate(&schedule, (double)step) - 0.5 * (double)(step + 1) / 10.0) < 1e-15);
    assert_true(tl_schedule_rate(&schedule, 9.0) == 0.5);
    assert_true(tl_schedule_rate(&schedule, 10.0) == 0.5);
}

static void cosine_falls_to_zero(void **state)
{
    (void)state;
    tl_schedule schedule = {.peak = 2.0, .steps = 30, .warmup_steps = 10};
    for (uint64_t step = 10; step < 30; step++) {
        double expected = 2.0 * 0.5 * (1.0 + cos(3.14159265358979323846 * (double)(step - 10) / 20.0));
        assert_true(fabs(tl_schedule_rate(&schedule, (double)step) - expected) < 1e-12);
        assert_true(tl_schedule_rate(&schedule, (double)(step + 1)) < tl_schedule_rate(&schedule, (double)step));
    }
    assert_true(tl_schedule_rate(&schedule, 30.0) == 0.0);
    assert_true(tl_schedule_rate(&schedule, 20.0) - 1.0 < 1e-12);
}

static void a_constant_rate_is_constant(void **state)
{
    (void)state;
    tl_schedule schedule = {.peak = 0.25, .steps = 30, .warmup_steps = 10, .is_constant = true};
    for (uint64_t step = 0; step < 40; step++)
        assert_true(tl_schedule_rate(&schedule, (double)step) == 0.25);
}

static void no_warm_up_starts_at_the_peak(void **state)
{
    (void)state;
    tl_schedule schedule = {.peak = 1.0, .steps = 3, .warmup_steps = 0};
    assert_true(tl_schedule_rate(&schedule, 0.0) == 1.0);
    tl_schedule all_warm_up = {.peak = 1.0, .steps = 4, .warmup_steps = 4};
    assert_true(tl_schedule_rate(&all_warm_up, 3.0) == 1.0);
    assert_true(tl_schedule_rate(&all_warm_up, 4.0) == 0.0);
}

static void a_cooldown_is_linear_and_ends_above_zero(void **state)
{
    (void)state;
    tl_schedule schedule = {.peak = 1.0, .steps = 20, .warmup_steps = 4, .has_cooldown = true, .cooldown_steps = 5};
    for (uint64_t step = 4; step < 15; step++)
        assert_true(tl_schedule_rate(&schedule, (double)step) == 1.0);
    for (uint64_t step = 15; step < 20; step++)
        assert_true(fabs(tl_schedule_rate(&schedule, (double)step) - (double)(20 - step) / 6.0) < 1e-15);
    assert_true(tl_schedule_rate(&schedule, 20.0) == 0.0);
    schedule.cooldown_steps = 0;
    assert_true(tl_schedule_rate(&schedule, 19.0) == 1.0);
}

/* Two changes: the schedule's 100 steps are passed at 1, then 2, then 2/3 a step, and end where the run does. */
static void a_changed_length_stretches_what_is_left(void **state)
{
    (void)state;
    const tl_training_replan replans[] = {{40, 70}, {60, 90}};
    for (uint64_t step = 0; step <= 100; step++)
        assert_true(tl_schedule_place(100, NULL, 0, step) == (double)step);
    assert_true(tl_schedule_place(100, replans, 1, 40) == 40.0);
    assert_true(tl_schedule_place(100, replans, 1, 55) == 70.0);
    assert_true(tl_schedule_place(100, replans, 1, 70) == 100.0);
    assert_true(tl_schedule_place(100, replans, 2, 39) == 39.0);
    assert_true(tl_schedule_place(100, replans, 2, 60) == 80.0);
    assert_true(fabs(tl_schedule_place(100, replans, 2, 75) - 90.0) < 1e-12);
    assert_true(fabs(tl_schedule_place(100, replans, 2, 90) - 100.0) < 1e-12);
    /* Between two steps the rate is between theirs. */
    const tl_schedule schedule = {.peak = 1.0, .steps = 100, .warmup_steps = 10, .has_cooldown = true, .cooldown_steps = 20};
    for (double at = 0.0; at < 100.0; at += 0.25) {
        const double here = tl_schedule_rate(&schedule, at), next = tl_schedule_rate(&schedule, at + 0.25);
        assert_true(here > 0.0 && here <= 1.0);
        assert_true(at + 0.25 < 10.0 ? next >= here : at >= 80.0 ? next < here : here == 1.0 || at < 10.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_length_stretches_what_is_left),
        cmocka_unit_test(warm_up_is_linear_and_ends_at_the_peak),
        cmocka_unit_test(cosine_falls_to_zero),
        cmocka_unit_test(a_constant_rate_is_constant),
        cmocka_unit_test(a_cooldown_is_linear_and_ends_above_zero),
        cmocka_unit_test(no_warm_up_starts_at_the_peak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
