/* Scores of a model on embeddings that are already there: retrieval both ways, zero-shot accuracy, each with a 95 % interval and
 * chance. */
#ifndef TL_ENCODERS_EVALUATION_EVALUATION_H
#define TL_ENCODERS_EVALUATION_EVALUATION_H

#include "base/parallel/thread_pool.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A share with its 95 % Wilson score interval. */
typedef struct tl_score {
    double value;
    double low;
    double high;
    double chance; /* what ranking at random would give, equal captions counted */
} tl_score;

typedef struct tl_retrieval_direction {
    size_t query_count;
    size_t candidate_count;
    tl_score recall_at_1, recall_at_5, recall_at_10;
    double median_rank; /* rank of the first right answer, 1 is best */
} tl_retrieval_direction;

/*
 * Ranks candidates [C, D] for queries [Q, D] (unit rows) by dot product, ties by lower number. A candidate is right when its
 * group equals the query's: groups are numbers of distinct captions, so that equal captions count as one answer. C x Q is never
 * held.
 */
bool tl_evaluate_retrieval(const float *queries, const uint32_t *query_groups, size_t query_count, const float *candidates,
                           const uint32_t *candidate_groups, size_t candidate_count, size_t dim, tl_thread_pool *pool,
                           tl_retrieval_direction *out, tl_error *err) TL_MUST_USE;

typedef struct tl_zero_shot_result {
    size_t item_count;
    size_t class_count;
    tl_score top_1, top_5;
} tl_zero_shot_result;

/* items [N, D] and classes [K, D] unit rows; labels [N] in 0..K-1. per_class [K, 2] may be NULL: right and total of each class.
 */
bool tl_evaluate_zero_shot(const float *items, const uint32_t *labels, size_t item_count, const float *classes,
                           size_t class_count, size_t dim, tl_thread_pool *pool, tl_zero_shot_result *out, uint64_t *per_class,
                           tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
