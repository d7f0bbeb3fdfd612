/* The optimizer over a table with rows shorter and longer than its pieces, against the formulas in double. */
#include "base/core/memory.h"
#include "encoders/training/adamw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct bench {
    tl_parameter_table table;
    tl_optimizer_plan plan;
    float *parameters, *gradients, *first, *second;
} bench;

static float *block_of(const tl_parameter_table *table)
{
    float *block = tl_memory_allocate_aligned(table->flat_count, sizeof(float), NULL);
    assert_non_null(block);
    return block;
}

/* Rows of 1, 16384, 16385, 40000 and 7 values; the second and fourth decay. Gradients are 0 in the gaps. */
static void make(bench *out)
{
    static const size_t counts[] = {1, 16384, 16385, 40000, 7};
    tl_error err;
    *out = (bench){0};
    for (size_t i = 0; i < 5; i++) {
        char name[16];
        size_t index;
        snprintf(name, sizeof name, "row%zu", i);
        assert_true(
            tl_parameter_table_add(&out->table, name, 1, &counts[i], i % 2 == 1, TL_INITIALIZE_NORMAL, 1.0F, &index, &err));
    }
    assert_true(tl_optimizer_plan_init(&out->plan, &out->table, &err));
    out->parameters = block_of(&out->table);
    out->gradients = block_of(&out->table);
    out->first = block_of(&out->table);
    out->second = block_of(&out->table);
    tl_parameter_table_initialize(&out->table, 1, out->parameters);
    tl_parameter_table_initialize(&out->table, 2, out->gradients);
}

static void clear(bench *cleared)
{
    tl_memory_free(cleared->parameters);
    tl_memory_free(cleared->gradients);
    tl_memory_free(cleared->first);
    tl_memory_free(cleared->second);
    tl_optimizer_plan_clear(&cleared->plan);
    tl_parameter_table_clear(&cleared->table);
}

static void pieces_cover_every_value_once(void **state)
{
    (void)state;
    bench made;
    make(&made);
    uint8_t *seen = tl_memory_allocate(made.table.flat_count, 1, NULL);
    assert_non_null(seen);
    for (size_t i = 0; i < made.plan.count; i++)
        for (size_t at = 0; at < made.plan.pieces[i].count; at++) {
            size_t place = made.plan.pieces[i].start + at;
            assert_true(place < made.table.flat_count);
            seen[place]++;
        }
    size_t covered = 0;
    for (size_t row = 0; row < made.table.count; row++)
        for (size_t at = 0; at < made.table.items[row].count; at++, covered++)
            assert_int_equal(seen[made.table.items[row].offset + at], 1);
    for (size_t place = 0; place < made.table.flat_count; place++)
        covered -= seen[place];
    assert_int_equal(covered, 0);
    tl_memory_free(seen);
    clear(&made);
}

static void the_norm_is_that_of_all_gradients(void **state)
{
    (void)state;
    bench made;
    make(&made);
    double sum = 0.0;
    for (size_t i = 0; i < made.table.flat_count; i++)
        sum += (double)made.gradients[i] * (double)made.gradients[i];
    assert_true(fabs(tl_optimizer_norm(&made.plan, made.gradients, NULL) / sqrt(sum) - 1.0) < 1e-12);
    made.gradients[made.table.items[3].offset + 39999] = NAN;
    assert_true(isnan(tl_optimizer_norm(&made.plan, made.gradients, NULL)));
    made.gradients[made.table.items[3].offset + 39999] = 3e38F; /* its square is no float */
    assert_true(fabs(tl_optimizer_norm(&made.plan, made.gradients, NULL) / 3e38 - 1.0) < 1e-6);
    clear(&made);
}

static void three_steps_are_those_of_the_formulas(void **state)
{
    (void)state;
    bench made;
    make(&made);
    size_t count = made.table.flat_count;
    double *expected = tl_memory_allocate(3 * count, sizeof *expected, NULL);
    assert_non_null(expected);
    double *first = expected + count;
    double *second = first + count;
    for (size_t i = 0; i < count; i++)
        expected[i] = (double)made.parameters[i];
    for (uint64_t step = 1; step <= 3; step++) {
        tl_adamw_rule rule = {1e-2, 0.1, 0.9, 0.98, 1e-6, 0.25, step, NULL};
        tl_optimizer_adamw(&made.plan, &rule, made.gradients, made.first, made.second, made.parameters, NULL);
        for (size_t row = 0; row < made.table.count; row++)
            for (size_t at = 0; at < made.table.items[row].count; at++) {
                size_t i = made.table.items[row].offset + at;
                double gradient = (double)made.gradients[i] * 0.25;
                if (made.table.items[row].decays)
                    expected[i] *= 1.0 - 1e-2 * 0.1;
                first[i] = 0.9 * first[i] + 0.1 * gradient;
                second[i] = 0.98 * second[i] + 0.02 * gradient * gradient;
                double corrected = first[i] / (1.0 - pow(0.9, (double)step));
                expected[i] -= 1e-2 * corrected / (sqrt(second[i] / (1.0 - pow(0.98, (double)step))) + 1e-6);
            }
    }
    for (size_t i = 0; i < count; i++)
        assert_true(fabs((double)made.parameters[i] - expected[i]) < 2e-6 * fmax(1.0, fabs(expected[i])));
    tl_memory_free(expected);
    clear(&made);
}

static void descent_subtracts_the_gradient(void **state)
{
    (void)state;
    bench made;
    make(&made);
    float *before = block_of(&made.table);
    memcpy(before, made.parameters, made.table.flat_count * sizeof(float));
    tl_optimizer_descend(&made.plan, 0.5, 0.5, made.gradients, made.parameters, NULL);
    for (size_t i = 0; i < made.table.flat_count; i++)
        assert_true(fabsf(made.parameters[i] - (before[i] - 0.25F * made.gradients[i])) < 1e-6F);
    tl_memory_free(before);
    clear(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_cover_every_value_once),
        cmocka_unit_test(the_norm_is_that_of_all_gradients),
        cmocka_unit_test(three_steps_are_those_of_the_formulas),
        cmocka_unit_test(descent_subtracts_the_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
