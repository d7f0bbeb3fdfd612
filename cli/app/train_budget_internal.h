/*
 * A run that is given a time: how many steps that makes is planned anew as the time goes by, and what was planned is a text among
 * the run's settings, "STEP:STEPS,...", so that going on or doing it again takes the same steps.
 */
#ifndef TL_CLI_APP_TRAIN_BUDGET_INTERNAL_H
#define TL_CLI_APP_TRAIN_BUDGET_INTERNAL_H

#include "encoders/training.h"

typedef struct tl_train_budget {
    double seconds;        /* 0: none */
    double started;        /* by the clock of `now` below */
    unsigned mark;         /* sixteenths that have passed */
    double marked_at;      /* when the last of them was noticed, */
    uint64_t marked_steps; /* after so many steps */
} tl_train_budget;

/* Whether another number of steps fits the time better, asked after `done` of `steps`, at any time; true: *out is that number.
 * Says so at most 16 times, the first time that a sixteenth has passed, and in the time's last sixteenth no more. */
bool tl_train_budget_replan(tl_train_budget *budget, double now, uint64_t done, uint64_t steps, uint64_t *out);

/* What tl_training_replans_add writes; text NULL: none. */
bool tl_train_replans_read(const char *text, tl_training_options *options, tl_error *err) TL_MUST_USE;

#endif
