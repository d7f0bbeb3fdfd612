#include "cli/app/import_job.h"

#include "crawler-import/import.h"

#include <stdio.h>

void tl_import_result_take(tl_import_result *result, const struct tl_import_report *report)
{
    *result = (tl_import_result){.imported = report->imported, .shards = report->shards, .bytes = report->bytes};
    result->skipped.total = report->skipped;
    result->skipped.count = report->reason_count;
    for (size_t i = 0; i < report->reason_count; i++) {
        snprintf(result->skipped.items[i].reason, sizeof result->skipped.items[i].reason, "%s", report->reasons[i].reason);
        result->skipped.items[i].count = report->reasons[i].count;
    }
}

bool tl_import_job_run(const tl_import_job *job, tl_import_result *result, tl_error *err)
{
    tl_import_options options = {
        .source = {.caption_from = job->caption_from_name ? TL_CAPTION_FROM_NAME : TL_CAPTION_FROM_SIDECAR,
                   .image_column = job->image_column,
                   .caption_column = job->caption_column,
                   .image_folder = job->image_folder},
        .samples_per_shard = job->samples_per_shard,
        .hold_out = job->hold_out,
        .decode_pictures = !job->only_headers,
        .progress = job->progress,
    };
    tl_import_report report;
    if (!tl_import_run(job->sources, job->source_count, job->dataset, &options, &report, err))
        return false;
    tl_import_result_take(result, &report);
    return true;
}

bool tl_import_job_list_skipped(const char *dataset, bool (*visit)(void *context, const char *origin, const char *reason),
                                void *context, tl_error *err)
{
    return tl_import_each_skipped(dataset, visit, context, err);
}
