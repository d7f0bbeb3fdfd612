/* The warm-up's first step is already above zero and its last is the peak, as in open_clip's cosine_lr; a cooldown's last step is
 * still above zero. */
#include "encoders/training/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double tl_schedule_rate(const tl_schedule *schedule, double steps_done)
{
    const double steps = (double)schedule->steps, warmup_steps = (double)schedule->warmup_steps,
                 cooldown_steps = (double)schedule->cooldown_steps;
    if (schedule->is_constant)
        return schedule->peak;
    if (steps_done < warmup_steps)
        return fmin(schedule->peak * (steps_done + 1.0) / warmup_steps, schedule->peak);
    if (steps_done >= steps)
        return 0.0;
    if (schedule->has_cooldown) {
        const double left = steps - steps_done; /* this step counted */
        return left > cooldown_steps ? schedule->peak : schedule->peak * left / (cooldown_steps + 1.0);
    }
    double share = (steps_done - warmup_steps) / (steps - warmup_steps);
    return schedule->peak * 0.5 * (1.0 + cos(pi * share));
}

double tl_schedule_place(uint64_t steps, const tl_training_replan *replans, size_t replan_count, uint64_t steps_done)
{
    uint64_t from = 0, end = steps;
    double place = 0.0, of_a_step = 1.0;
    for (size_t i = 0; i < replan_count && replans[i].step <= steps_done; i++) {
        place += (double)(replans[i].step - from) * of_a_step;
        from = replans[i].step;
        end = replans[i].steps;
        of_a_step = ((double)steps - place) / (double)(end - from);
    }
    return place + (double)(steps_done - from) * of_a_step;
}
