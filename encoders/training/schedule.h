/* Learning rate by step: linear warm-up, then half a cosine to zero (Loshchilov & Hutter 2017), a pure function of the step. */
#ifndef TL_ENCODERS_TRAINING_SCHEDULE_H
#define TL_ENCODERS_TRAINING_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tl_schedule {
    double peak;
    uint64_t steps;        /* of the whole run */
    uint64_t warmup_steps; /* <= steps */
    bool is_constant;      /* peak at every step */
} tl_schedule;

/* Rate of the step that follows `steps_done` finished ones. */
double tl_schedule_rate(const tl_schedule *schedule, uint64_t steps_done);

#endif
