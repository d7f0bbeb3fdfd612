#include "cli/app/weight_list_internal.h"

#include <stdlib.h>

bool tl_weight_list_read(const char *text, size_t count, const char *of_what, double *weights, tl_error *err)
{
    static const double most = 1000;
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        char *end;
        weights[i] = strtod(at, &end);
        if (end == at || !(weights[i] >= 0 && weights[i] <= most) || *end != (i + 1 < count ? ',' : '\0'))
            return tl_fail(err, TL_ERROR_INVALID,
                           "weights: expected %zu numbers of 0 to %g with commas between, one for %s, found '%s'", count, most,
                           of_what, text);
        at = end + 1;
    }
    return true;
}
