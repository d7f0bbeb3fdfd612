/* Speed is that since the last look, so that a machine that has become busy or idle is noticed; a plan that is within a hundredth
 * of the present one changes nothing. */
#include "cli/app/train_budget_internal.h"

#include <math.h>
#include <stdlib.h>

enum { PARTS = 16 };

bool tl_train_budget_replan(tl_train_budget *budget, double now, uint64_t done, uint64_t steps, uint64_t *out)
{
    const double elapsed = now - budget->started, part = budget->seconds / PARTS;
    if (budget->seconds <= 0.0 || budget->mark >= PARTS || elapsed < part * (double)(budget->mark + 1) || done >= steps ||
        done == budget->marked_steps)
        return false;
    const double of_a_step = (now - budget->marked_at) / (double)(done - budget->marked_steps);
    const double passed = floor(elapsed / part);
    budget->mark = passed < (double)PARTS ? (unsigned)passed : PARTS;
    budget->marked_at = now;
    budget->marked_steps = done;
    /* Where the time is over all at once, the schedule still ends, in half a part. */
    const double left = round(fmax(budget->seconds - elapsed, part / 2) / of_a_step);
    const uint64_t planned = done + (left < 1.0 ? 1 : left < 1e12 ? (uint64_t)left : (uint64_t)1e12);
    if (planned + steps / 100 >= steps && planned <= steps + steps / 100)
        return false;
    *out = planned;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool tl_train_replans_read(const char *text, tl_training_options *options, tl_error *err)
{
    options->replan_count = 0;
    for (const char *at = text; at != NULL; at = *at == ',' ? at + 1 : NULL) {
        char *colon, *end;
        const uint64_t step = strtoull(at, &colon, 10);
        const bool has_both = is_digit(*at) && *colon == ':' && is_digit(colon[1]);
        const uint64_t steps = has_both ? strtoull(colon + 1, &end, 10) : 0;
        if (options->replan_count == TL_TRAINING_MOST_REPLANS || steps == 0 || (*end != '\0' && *end != ','))
            return tl_fail(err, TL_ERROR_INVALID, "'replans': expected at most %d times STEP:STEPS and commas, found '%.40s'",
                           TL_TRAINING_MOST_REPLANS, text);
        options->replans[options->replan_count++] = (tl_training_replan){step, steps};
        at = end;
    }
    return true;
}
