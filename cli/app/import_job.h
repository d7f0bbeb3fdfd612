/* Importing as the command asks for it: a thin face over crawler-import's door. */
#ifndef TL_CLI_APP_IMPORT_JOB_H
#define TL_CLI_APP_IMPORT_JOB_H

#include "base/core/progress.h"
#include "cli/app/reasons.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_import_job {
    const char *const *sources;
    size_t source_count;
    const char *dataset;
    bool caption_from_name;
    const char *image_column, *caption_column; /* NULL: found by their usual names */
    const char *image_folder;                  /* that a table's paths are relative to; NULL: its own, or one beside it */
    double hold_out;
    size_t samples_per_shard;
    bool only_headers; /* do not decode the pictures */
    const tl_progress *progress;
} tl_import_job;

typedef struct tl_import_result {
    uint64_t imported, shards, bytes;
    tl_reasons skipped;
    tl_reasons not_indexed; /* in the dataset, but no picture to the model */
} tl_import_result;

/* What a report of crawler-import's says, as the commands show it. */
struct tl_import_report;
void tl_import_result_take(tl_import_result *result, const struct tl_import_report *report);
bool tl_import_job_run(const tl_import_job *job, tl_import_result *result, tl_error *err) TL_MUST_USE;
/* Visits what a dataset's ledger lists as skipped. */
bool tl_import_job_list_skipped(const char *dataset, bool (*visit)(void *context, const char *origin, const char *reason),
                                void *context, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
