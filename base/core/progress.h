/* What a long job tells its caller and asks of it; a NULL pointer or NULL member is silence. */
#ifndef TL_BASE_CORE_PROGRESS_H
#define TL_BASE_CORE_PROGRESS_H

#include "base/core/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_progress {
    void *context;
    /* A new phase that counts other things ("pictures", "steps"): rate and time left start anew. */
    void (*begin)(void *context, const char *unit);
    /* done of total units (total 0: unknown); note is a short text such as "loss 2.31", or NULL. Called from the job's own
     * thread. */
    void (*report)(void *context, uint64_t done, uint64_t total, const char *note);
    /* True once the user asked to stop; must be cheap. */
    bool (*cancelled)(void *context);
} tl_progress;

void tl_progress_begin(const tl_progress *progress, const char *unit); /* unit: a static text */
void tl_progress_report(const tl_progress *progress, uint64_t done, uint64_t total, const char *note);
/* False with TL_ERROR_CANCELLED when the user asked to stop. */
bool tl_progress_continue(const tl_progress *progress, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
