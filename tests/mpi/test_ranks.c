/* What the ranks of a job do together. Run under mpirun with two ranks or more. */
#include "tests/mpi/ranks_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void there_are_several(void **state)
{
    (void)state;
    tl_ranks *again;
    tl_error err;
    assert_true(tl_ranks_count(ranks) >= 2);
    assert_true(tl_ranks_number(ranks) < tl_ranks_count(ranks));
    assert_false(tl_ranks_open(&again, &err));
}

static void the_first_tells_all(void **state)
{
    (void)state;
    int values[3] = {(int)tl_ranks_number(ranks), 7, -1};
    assert_true(tl_ranks_tell(ranks, values, sizeof values, NULL));
    assert_int_equal(values[0], 0);
    assert_int_equal(values[2], -1);
}

static void any_asks_every_rank(void **state)
{
    (void)state;
    for (size_t who = 0; who <= tl_ranks_count(ranks); who++) {
        bool any;
        assert_true(tl_ranks_any(ranks, tl_ranks_number(ranks) == who, &any, NULL));
        assert_int_equal(any, who < tl_ranks_count(ranks));
    }
}

/* Totals that divide, that do not, and that leave some ranks with nothing. */
static void gathering_fills_in_all_shares(void **state)
{
    (void)state;
    static const size_t totals[] = {1, 2, 12, 37};
    for (size_t t = 0; t < sizeof totals / sizeof totals[0]; t++) {
        double items[37][3];
        memset(items, 0, sizeof items);
        const tl_rank_share mine = tl_ranks_my_share(ranks, totals[t]);
        for (size_t i = mine.first; i < mine.first + mine.count; i++)
            items[i][0] = items[i][2] = (double)i + 0.5;
        assert_true(tl_ranks_gather(ranks, items, sizeof items[0], totals[t], NULL));
        for (size_t i = 0; i < 37; i++)
            assert_true(items[i][0] == (i < totals[t] ? (double)i + 0.5 : 0.0) && items[i][2] == items[i][0]);
    }
}

static void sums_are_everywhere_the_same(void **state)
{
    (void)state;
    enum { COUNT = 100003 };
    static float values[COUNT];
    const size_t count = tl_ranks_count(ranks);
    uint64_t bits = 0;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 1.0F / (float)(i + 1) + (float)tl_ranks_number(ranks);
    assert_true(tl_ranks_sum(ranks, values, COUNT, NULL));
    for (size_t i = 0; i < COUNT; i++) {
        const double expected = (double)count / (double)(i + 1) + (double)(count * (count - 1) / 2);
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        bits = bits * 31 + word;
        assert_float_equal(values[i], expected, 1e-5 * expected);
    }
    assert_true(tl_ranks_same(ranks, bits, "the same sums", NULL));
}

/* Last: after a failure the ranks are over. */
static void a_failure_reaches_whoever_waits(void **state)
{
    (void)state;
    const bool fails = tl_ranks_number(ranks) == 1;
    float values[4] = {0};
    tl_error err;
    if (fails) {
        tl_fail(&err, TL_ERROR_IO, "the disk is full");
        assert_false(tl_ranks_agree(ranks, false, &err));
    } else {
        assert_false(tl_ranks_sum(ranks, values, 4, &err));
    }
    assert_int_equal(err.kind, TL_ERROR_IO);
    assert_string_equal(err.message, "rank 1: the disk is full");
    /* No call waits for anybody now, and the reason stays. */
    assert_false(tl_ranks_agree(ranks, false, &err));
    assert_string_equal(err.message, "rank 1: the disk is full");
    if (fails)
        assert_false(tl_ranks_gather(ranks, values, sizeof values[0], 4, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_several),
        cmocka_unit_test(the_first_tells_all),
        cmocka_unit_test(any_asks_every_rank),
        cmocka_unit_test(gathering_fills_in_all_shares),
        cmocka_unit_test(sums_are_everywhere_the_same),
        cmocka_unit_test(a_failure_reaches_whoever_waits),
    };
    return cmocka_run_group_tests(tests, open_ranks, close_ranks);
}
