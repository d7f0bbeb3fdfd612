/* Counts of why items were skipped, and the first few of them, for the end of a job. */
#ifndef TL_CLI_APP_REASONS_H
#define TL_CLI_APP_REASONS_H

#include "base/core/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TL_REASON_KINDS 32

typedef struct tl_reason_count {
    char reason[64];
    char example[200]; /* origin of the first one */
    uint64_t count;
} tl_reason_count;

typedef struct tl_reasons {
    tl_reason_count items[TL_REASON_KINDS]; /* in order of appearance; the last slot collects the overflow as "other" */
    size_t count;
    uint64_t total;
} tl_reasons;

void tl_reasons_add(tl_reasons *reasons, const char *reason, const char *origin);

#ifdef __cplusplus
}
#endif

#endif
