/* The heap against a full sort, over many sizes, with few distinct scores so that ties decide. */
#include "tests/unit/index/index_fixture.h"

#include "index/ann/top_k.h"

#include <math.h>

enum { MAX_COUNT = 60 };

static int best_first(const void *a, const void *b)
{
    const tl_hit *left = a, *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left->item_id > right->item_id) - (left->item_id < right->item_id);
}

static void equals_a_full_sort(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 3000; round++) {
        tl_random random = tl_random_stream(7, round);
        size_t count = (size_t)tl_random_below(&random, MAX_COUNT), k = 1 + (size_t)tl_random_below(&random, MAX_COUNT);
        uint32_t order[MAX_COUNT];
        tl_hit all[MAX_COUNT], best[MAX_COUNT];
        tl_random_permutation(&random, order, count);
        tl_top_k top = {best, k, 0};
        for (size_t i = 0; i < count; i++) {
            uint64_t draw = tl_random_below(&random, 6);
            float score = draw == 5 ? NAN : draw == 4 ? INFINITY : (float)draw;
            all[i] = (tl_hit){(int64_t)order[i] - 20, 0, isnan(score) ? -INFINITY : score};
            if (tl_top_k__may_enter(&top, score))
                tl_top_k__offer(&top, all[i].item_id, score);
        }
        tl_top_k__sort(&top);
        qsort(all, count, sizeof all[0], best_first);
        assert_int_equal(top.count, count < k ? count : k);
        for (size_t i = 0; i < top.count; i++) {
            assert_int_equal(best[i].item_id, all[i].item_id);
            assert_true(best[i].score == all[i].score);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_a_full_sort)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
