/* The warm-up's first step is already above zero and its last is the peak, as in open_clip's cosine_lr; a cooldown's last step is
 * still above zero. */
#include "encoders/training/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double tl_schedule_rate(const tl_schedule *schedule, uint64_t steps_done)
{
    if (schedule->is_constant)
        return schedule->peak;
    if (steps_done < schedule->warmup_steps)
        return schedule->peak * (double)(steps_done + 1) / (double)schedule->warmup_steps;
    if (steps_done >= schedule->steps)
        return 0.0;
    if (schedule->has_cooldown) {
        uint64_t left = schedule->steps - steps_done; /* this step counted */
        return left > schedule->cooldown_steps ? schedule->peak
                                               : schedule->peak * (double)left / (double)(schedule->cooldown_steps + 1);
    }
    double share = (double)(steps_done - schedule->warmup_steps) / (double)(schedule->steps - schedule->warmup_steps);
    return schedule->peak * 0.5 * (1.0 + cos(pi * share));
}
