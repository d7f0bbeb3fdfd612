/* Learning rate by step, a pure function of it: linear warm-up, then half a cosine to zero (Loshchilov & Hutter 2017), or
 * constant with a linear cooldown at the end (Zhai et al. 2022). */
#ifndef TL_ENCODERS_TRAINING_SCHEDULE_H
#define TL_ENCODERS_TRAINING_SCHEDULE_H

#include "encoders/training.h"

typedef struct tl_schedule {
    double peak;
    uint64_t steps;        /* of the whole run */
    uint64_t warmup_steps; /* <= steps */
    bool is_constant;      /* peak at every step */
    bool has_cooldown;     /* no cosine: the peak until the last cooldown_steps */
    uint64_t cooldown_steps;
} tl_schedule;

/* Rate of the step that follows `steps_done` finished ones, or of a place between two steps. */
double tl_schedule_rate(const tl_schedule *schedule, double steps_done);

/* Where a run is in a schedule of so many steps after steps_done of its own, when its length was changed on the way: from each
 * change on, what is left of the schedule lies evenly over the steps that are left. Without changes the place is steps_done. */
double tl_schedule_place(uint64_t steps, const tl_training_replan *replans, size_t replan_count, uint64_t steps_done);

#endif
