/* The rank of each query's first right answer, which every score of this folder is counted from. Within encoders only. */
#ifndef TL_ENCODERS_EVALUATION_RANKING_H
#define TL_ENCODERS_EVALUATION_RANKING_H

#include "encoders/evaluation/evaluation.h"

typedef struct tl_ranking_input {
    const float *queries; /* [Q, D] */
    const uint32_t *query_groups;
    size_t query_count;
    const float *candidates; /* [C, D] */
    const uint32_t *candidate_groups;
    size_t candidate_count;
    size_t dim;
} tl_ranking_input;

typedef struct tl_ranking {
    size_t *ranks;        /* [Q]: 1 is best; C + 1 where no candidate is right */
    size_t *right_counts; /* [Q]: candidates of the query's group */
} tl_ranking;

/* Fills two arrays of the caller. Order: larger dot product (in double), then lower number. A value that is not finite is an
 * error. */
bool tl_ranking_compute(const tl_ranking_input *input, tl_thread_pool *pool, tl_ranking *out, tl_error *err) TL_MUST_USE;

/* Share of queries with rank <= k, its Wilson interval, and the same share expected of a random order. */
tl_score tl_ranking_recall(const tl_ranking *ranking, size_t query_count, size_t candidate_count, size_t k);

#endif
