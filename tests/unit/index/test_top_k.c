/* The heap against a full sort, over many sizes, with few distinct scores so that ties decide. */
#include "tests/unit/index/index_fixture.h"

#include "index/ann/top_k.h"

#include <math.h>

enum { MAX_COUNT = 60 };

static int best_first(const void *a, const void *b)
{
    const tl_scored *left = a, *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left->owner > right->owner) - (left->owner < right->owner);
}

static void equals_a_full_sort(void **state)
{
    (void)state;
    tl_top_k top = {0};
    for (uint64_t round = 0; round < 3000; round++) {
        tl_random random = tl_random_stream(7, round);
        size_t count = (size_t)tl_random_below(&random, MAX_COUNT), k = 1 + (size_t)tl_random_below(&random, MAX_COUNT);
        uint32_t order[MAX_COUNT];
        tl_scored all[MAX_COUNT];
        tl_random_permutation(&random, order, count);
        float least = tl_random_below(&random, 3) == 0 ? 2.0f : -INFINITY;
        float most = tl_random_below(&random, 3) == 0 ? 3.0f : INFINITY;
        tl_top_k__start(&top, k, least, most);
        for (size_t i = 0; i < count; i++) {
            uint64_t draw = tl_random_below(&random, 6);
            float score = draw == 5 ? NAN : draw == 4 ? INFINITY : (float)draw;
            all[i] = (tl_scored){(int64_t)order[i] - 20, isnan(score) ? -INFINITY : score};
            if (tl_top_k__may_enter(&top, score))
                tl_top_k__offer(&top, all[i].owner, score);
        }
        assert_true(tl_top_k__sort(&top, NULL));
        qsort(all, count, sizeof all[0], best_first);
        size_t above = 0, first = 0;
        while (first < count && all[first].score > most)
            first++;
        while (first + above < count && all[first + above].score >= least)
            above++;
        assert_int_equal(top.count, above < k ? above : k);
        for (size_t i = 0; i < top.count; i++) {
            assert_int_equal(top.items[i].owner, all[first + i].owner);
            assert_true(top.items[i].score == all[first + i].score);
        }
    }
    tl_top_k__clear(&top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_a_full_sort)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
