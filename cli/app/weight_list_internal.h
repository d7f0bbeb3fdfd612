/* How much each of several things counts, as a person writes it. */
#ifndef TL_CLI_APP_WEIGHT_LIST_INTERNAL_H
#define TL_CLI_APP_WEIGHT_LIST_INTERNAL_H

#include "base/core/error.h"

/* "W,W,..." for so many of something ("each DATASET"); weights [count] is the caller's. */
bool tl_weight_list_read(const char *text, size_t count, const char *of_what, double *weights, tl_error *err) TL_MUST_USE;

#endif
