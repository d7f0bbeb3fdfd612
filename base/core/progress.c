#include "base/core/progress.h"

void tl_progress_begin(const tl_progress *progress, const char *unit)
{
    if (progress != NULL && progress->begin != NULL)
        progress->begin(progress->context, unit);
}

void tl_progress_report(const tl_progress *progress, uint64_t done, uint64_t total, const char *note)
{
    if (progress != NULL && progress->report != NULL)
        progress->report(progress->context, done, total, note);
}

bool tl_progress_continue(const tl_progress *progress, tl_error *err)
{
    if (progress != NULL && progress->cancelled != NULL && progress->cancelled(progress->context))
        return tl_fail(err, TL_ERROR_CANCELLED, "stopped by the user");
    return true;
}
