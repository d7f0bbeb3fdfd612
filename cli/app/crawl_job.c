#include "cli/app/crawl_job.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/list_import.h"
#include "crawler-import/crawl/crawl.h"

#include <limits.h>
#include <stdio.h>

/* Fetches what the list names as politely as the pages were asked for. A list that has grown since adds its new pictures. */
static bool fetch_pictures(const tl_crawl_job *job, bool retry_failed, tl_crawl_result *result, tl_error *err)
{
    char *path = tl_crawl_list_path(job->dataset, err);
    if (path == NULL)
        return false;
    const char *sources[] = {path};
    const tl_list_import import = {.sources = sources,
                                   .source_count = 1,
                                   .dataset = job->dataset,
                                   .format = "jsonl",
                                   .caption_column = "captions",
                                   .keep = "page,kind",
                                   .incremental = true,
                                   .retry_failed = retry_failed,
                                   .min_side = job->minimum_side,
                                   .max_aspect = job->maximum_aspect,
                                   .hold_out = job->hold_out,
                                   .host_connections = 1,
                                   .host_delay = job->delay_seconds,
                                   .use_robots = true,
                                   .allow_private = job->allow_private,
                                   .contact = job->contact,
                                   .user_agent = job->user_agent,
                                   .progress = job->progress};
    tl_progress_begin(job->progress, "pictures");
    result->has_dataset = tl_list_import_run(&import, &result->dataset, err);
    tl_memory_free(path);
    return result->has_dataset;
}

static bool exists(const char *folder, const char *name, bool *found, tl_error *err)
{
    tl_file_status status = {0};
    char *path = tl_path_join(folder, name, err);
    bool ok = path != NULL && tl_file_status_read(path, &status, err);
    *found = ok && status.kind == TL_FILE_REGULAR;
    tl_memory_free(path);
    return ok;
}

/* A download that was stopped ends with the list that it began with, before more pages make a longer one of it. */
static bool finish_last_download(const tl_crawl_job *job, tl_crawl_result *result, tl_error *err)
{
    bool has_list = false;
    bool has_ledger = false;
    return exists(job->dataset, "pairs.jsonl", &has_list, err) && exists(job->dataset, "ledger.db", &has_ledger, err) &&
           (!has_list || !has_ledger || fetch_pictures(job, false, result, err));
}

bool tl_crawl_job_run(const tl_crawl_job *job, tl_crawl_result *result, tl_error *err)
{
    tl_crawl_options options = {
        .seeds = job->seeds,
        .seed_count = job->seed_count,
        .sites = job->sites,
        .site_count = job->site_count,
        .allow = job->allow,
        .allow_count = job->allow_count,
        .deny = job->deny,
        .deny_count = job->deny_count,
        .maximum_pages = job->maximum_pages,
        .maximum_depth = job->maximum_depth != 0 ? job->maximum_depth : UINT_MAX,
        .patience = job->patience,
        .ignore_sitemaps = job->ignore_sitemaps,
        .retry_failed = job->retry_failed,
        .delay_seconds = job->delay_seconds > 0 ? job->delay_seconds : -1,
        .allow_private = job->allow_private,
        .contact = job->contact,
        .user_agent = job->user_agent,
        .takes_nearby = job->takes_nearby,
        .wanted_width = job->wanted_width,
        .minimum_words = job->minimum_words,
        .maximum_words = job->maximum_words,
        .progress = job->progress,
    };
    tl_crawl_report report;
    if (!job->only_list && !finish_last_download(job, result, err))
        return false;
    if (!tl_crawl_run(job->dataset, &options, &report, err))
        return false;
    *result = (tl_crawl_result){.pages = report.pages,
                                .good_pages = report.good_pages,
                                .waiting = report.waiting,
                                .pictures = report.pictures,
                                .captions = report.captions,
                                .reason_count = report.reason_count};
    for (size_t i = 0; i < report.reason_count; i++) {
        snprintf(result->reasons[i].what, sizeof result->reasons[i].what, "%s", report.reasons[i].what);
        snprintf(result->reasons[i].reason, sizeof result->reasons[i].reason, "%s", report.reasons[i].reason);
        result->reasons[i].count = report.reasons[i].count;
    }
    return job->only_list || report.pictures == 0 || fetch_pictures(job, job->retry_failed, result, err);
}
