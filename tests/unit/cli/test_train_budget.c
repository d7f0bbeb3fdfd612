/* A time for a run, on machines whose speed changes, and the text that plans are kept as. */
#include "tests/support/assert_ok.h"

#include "cli/app/train_budget_internal.h"

#include <math.h>

/* Seconds of step number `step`, which starts at second `now`. */
typedef double (*machine)(uint64_t step, double now);

typedef struct run_report {
    uint64_t steps;
    double seconds;
    size_t replans;
} run_report;

/* A run of a minute, first planned for `planned` steps. */
static run_report run_on(machine seconds_of, uint64_t planned)
{
    tl_train_budget budget = {.seconds = 60.0, .started = 1000.0, .marked_at = 1000.0};
    run_report report = {.steps = planned};
    double now = budget.started;
    for (uint64_t done = 0; done < report.steps; done++) {
        uint64_t steps;
        if (tl_train_budget_replan(&budget, now, done, report.steps, &steps)) {
            assert_true(steps > done && steps != report.steps);
            report.steps = steps;
            report.replans++;
        }
        now += seconds_of(done, now - budget.started);
    }
    report.seconds = now - budget.started;
    assert_true(report.replans <= 16);
    return report;
}

static double steady(uint64_t step, double now)
{
    (void)step, (void)now;
    return 0.1;
}

static double soon_free(uint64_t step, double now)
{
    (void)step;
    return now < 3.0 ? 0.5 : 0.1;
}

static double soon_busy(uint64_t step, double now)
{
    (void)step;
    return now < 20.0 ? 0.05 : 0.2;
}

static double uneven(uint64_t step, double now)
{
    (void)now;
    return step % 7 == 0 ? 0.3 : 0.05;
}

static double slow_steps(uint64_t step, double now)
{
    (void)step, (void)now;
    return 9.0;
}

static double halts(uint64_t step, double now)
{
    (void)now;
    return step == 300 ? 100.0 : 0.1;
}

static void a_run_ends_when_its_time_does(void **state)
{
    (void)state;
    run_report report = run_on(steady, 600);
    assert_true(report.steps == 600 && report.replans == 0 && fabs(report.seconds - 60.0) < 1e-6);
    report = run_on(steady, 150); /* measured four times too slow */
    assert_true(report.steps > 590 && report.steps < 610);
    report = run_on(steady, 2400);
    assert_true(report.steps > 590 && report.steps < 610);
    report = run_on(soon_free, 120);
    assert_true(report.seconds > 58.0 && report.seconds < 62.0 && report.steps > 560);
    report = run_on(soon_busy, 1200);
    assert_true(report.seconds > 58.0 && report.seconds < 62.0 && report.steps > 590 && report.steps < 610);
    report = run_on(uneven, 100);
    assert_true(report.seconds > 57.0 && report.seconds < 63.0);
    report = run_on(slow_steps, 1);
    assert_int_equal(report.steps, 1); /* nothing is asked after the last step */
    report = run_on(slow_steps, 50);
    assert_true(report.steps >= 6 && report.steps <= 8);
    report = run_on(halts, 600); /* what is left of the schedule still ends: half a sixteenth of the time */
    assert_true(report.steps > 301 && report.steps < 340);
}

static void without_a_time_nothing_changes(void **state)
{
    (void)state;
    tl_train_budget none = {0};
    uint64_t steps;
    for (uint64_t done = 0; done < 100; done++)
        assert_false(tl_train_budget_replan(&none, (double)done * 1e6, done, 100, &steps));
}

static void plans_are_a_text(void **state)
{
    (void)state;
    char text[TL_TRAINING_REPLANS_TEXT] = "";
    tl_training_options options = {.replan_count = 5};
    assert_ok(tl_train_replans_read(NULL, &options, err));
    assert_int_equal(options.replan_count, 0);
    for (uint64_t i = 0; i < TL_TRAINING_MOST_REPLANS; i++)
        tl_training_replans_add(text, (tl_training_replan){UINT64_MAX - 64 + i, UINT64_MAX - i});
    assert_ok(tl_train_replans_read(text, &options, err));
    assert_int_equal(options.replan_count, TL_TRAINING_MOST_REPLANS);
    for (uint64_t i = 0; i < TL_TRAINING_MOST_REPLANS; i++)
        assert_true(options.replans[i].step == UINT64_MAX - 64 + i && options.replans[i].steps == UINT64_MAX - i);
    static const char *const wrong[] = {"", "12", "12:", ":5", "3:4;5:6", "3:4,", "3:4,x", "-1:5", "1:0", "a:b", " 1:2", "1: -2"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_error(tl_train_replans_read(wrong[i], &options, err), TL_ERROR_INVALID, wrong[i]);
    char many[TL_TRAINING_REPLANS_TEXT + 8];
    memcpy(many, text, sizeof text);
    memcpy(many + strlen(many), ",9:9", 5);
    assert_error(tl_train_replans_read(many, &options, err), TL_ERROR_INVALID, "replans");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_ends_when_its_time_does),
        cmocka_unit_test(without_a_time_nothing_changes),
        cmocka_unit_test(plans_are_a_text),
    };
    return cmocka_run_group_tests_name("train budget", tests, NULL, NULL);
}
