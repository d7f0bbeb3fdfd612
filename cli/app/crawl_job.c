#include "cli/app/crawl_job.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/list_import.h"

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
                                   .host_delay = job->crawl.delay_seconds > 0 ? job->crawl.delay_seconds : 0,
                                   .use_robots = true,
                                   .allow_private = job->crawl.allow_private,
                                   .contact = job->crawl.contact,
                                   .user_agent = job->crawl.user_agent,
                                   .progress = job->crawl.progress};
    tl_progress_begin(job->crawl.progress, "pictures");
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
    *result = (tl_crawl_result){.has_dataset = false};
    if (!job->only_list && !finish_last_download(job, result, err))
        return false;
    result->has_dataset = false;
    return tl_crawl_run(job->dataset, &job->crawl, &result->crawl, err) &&
           (job->only_list || result->crawl.pictures == 0 || fetch_pictures(job, job->crawl.retry_failed, result, err));
}
