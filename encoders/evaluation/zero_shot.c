/* Zero-shot classification is retrieval of one class vector for each item: the right candidate is the label's. */
#include "encoders/evaluation/ranking.h"

#include "base/core/memory.h"

#include <inttypes.h>
#include <string.h>

static bool check_labels(const uint32_t *labels, size_t item_count, size_t class_count, tl_error *err)
{
    for (size_t i = 0; i < item_count; i++)
        if (labels[i] >= class_count)
            return tl_fail(err, TL_ERROR_INVALID, "zero-shot: item %zu: expected a label below %zu, found %" PRIu32, i,
                           class_count, labels[i]);
    return true;
}

bool tl_evaluate_zero_shot(const float *items, const uint32_t *labels, size_t item_count, const float *classes,
                           size_t class_count, size_t dim, tl_thread_pool *pool, tl_zero_shot_result *out, uint64_t *per_class,
                           tl_error *err)
{
    bool ok = false;
    if (item_count == 0 || class_count == 0 || dim == 0)
        return tl_fail(err, TL_ERROR_INVALID, "zero-shot: expected items and classes, found %zu and %zu of %zu dimensions",
                       item_count, class_count, dim);
    if (!check_labels(labels, item_count, class_count, err))
        return false;
    tl_ranking ranking = {tl_memory_allocate(item_count, sizeof(size_t), err), NULL};
    ranking.right_counts = ranking.ranks != NULL ? tl_memory_allocate(item_count, sizeof(size_t), err) : NULL;
    uint32_t *numbers = ranking.right_counts != NULL ? tl_memory_allocate(class_count, sizeof *numbers, err) : NULL;
    if (numbers == NULL)
        goto done;
    for (size_t i = 0; i < class_count; i++)
        numbers[i] = (uint32_t)i;
    tl_ranking_input input = {items, labels, item_count, classes, numbers, class_count, dim};
    if (!tl_ranking_compute(&input, pool, &ranking, err))
        goto done;
    *out = (tl_zero_shot_result){item_count, class_count, tl_ranking_recall(&ranking, item_count, class_count, 1),
                                 tl_ranking_recall(&ranking, item_count, class_count, 5)};
    if (per_class != NULL) {
        memset(per_class, 0, class_count * 2 * sizeof *per_class);
        for (size_t i = 0; i < item_count; i++) {
            per_class[2 * labels[i]] += ranking.ranks[i] == 1;
            per_class[2 * labels[i] + 1]++;
        }
    }
    ok = true;
done:
    tl_memory_free(numbers);
    tl_memory_free(ranking.ranks);
    tl_memory_free(ranking.right_counts);
    return ok || tl_fail_within(err, "zero-shot");
}
