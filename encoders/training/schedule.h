/* Learning rate by step, a pure function of it: linear warm-up, then half a cosine to zero (Loshchilov & Hutter 2017), or
 * constant with a linear cooldown at the end (Zhai et al. 2022). */
#ifndef TL_ENCODERS_TRAINING_SCHEDULE_H
#define TL_ENCODERS_TRAINING_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tl_schedule {
    double peak;
    uint64_t steps;        /* of the whole run */
    uint64_t warmup_steps; /* <= steps */
    bool is_constant;      /* peak at every step */
    bool has_cooldown;     /* no cosine: the peak until the last cooldown_steps */
    uint64_t cooldown_steps;
} tl_schedule;

/* Rate of the step that follows `steps_done` finished ones. */
double tl_schedule_rate(const tl_schedule *schedule, uint64_t steps_done);

#endif
