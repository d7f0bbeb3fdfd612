/*
 * The optimizer over flat blocks: norm of all gradients, AdamW (Loshchilov & Hutter 2019), plain gradient descent for comparing.
 * Work is cut into pieces of a table's rows whose borders depend on the table alone, so every thread count gives the same bits.
 */
#ifndef TL_ENCODERS_TRAINING_ADAMW_H
#define TL_ENCODERS_TRAINING_ADAMW_H

#include "base/parallel/thread_pool.h"
#include "encoders/weights/parameters.h"

/* A run of floats within one row. */
typedef struct tl_optimizer_piece {
    size_t start; /* in the flat block */
    size_t count;
    size_t row; /* of the table */
    bool decays;
} tl_optimizer_piece;

typedef struct tl_optimizer_plan {
    tl_optimizer_piece *pieces;
    double *sums; /* one a piece */
    size_t count;
} tl_optimizer_plan;

bool tl_optimizer_plan_init(tl_optimizer_plan *plan, const tl_parameter_table *table, tl_error *err) TL_MUST_USE;
void tl_optimizer_plan_clear(tl_optimizer_plan *plan);

/* L2 norm of the whole block, summed in double; not finite when any gradient is not. */
double tl_optimizer_norm(const tl_optimizer_plan *plan, const float *gradients, tl_thread_pool *pool);

typedef struct tl_adamw_rule {
    double rate;
    double weight_decay;
    double beta1, beta2;
    double epsilon;
    double gradient_factor; /* multiplies every gradient first: clipping */
    uint64_t step;          /* counted from 1: the bias correction */
    const float *row_rates; /* rate of each row of the table in place of `rate`, 0: the row stays as it is; NULL: one for all */
} tl_adamw_rule;

/* In the order of torch.optim.AdamW: p *= 1 - rate * decay; both moments; p -= rate * corrected m / (sqrt(corrected v) +
 * epsilon). */
void tl_optimizer_adamw(const tl_optimizer_plan *plan, const tl_adamw_rule *rule, const float *gradients, float *first_moments,
                        float *second_moments, float *parameters, tl_thread_pool *pool);
/* p -= rate * factor * gradient */
void tl_optimizer_descend(const tl_optimizer_plan *plan, double rate, double gradient_factor, const float *gradients,
                          float *parameters, tl_thread_pool *pool);

#endif
