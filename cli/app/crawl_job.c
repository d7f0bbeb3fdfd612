#include "cli/app/crawl_job.h"

#include "crawler-import/crawl/crawl.h"

#include <limits.h>
#include <stdio.h>

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
    return true;
}

char *tl_crawl_job_list_path(const char *dataset, tl_error *err)
{
    return tl_crawl_list_path(dataset, err);
}
