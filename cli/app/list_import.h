/* Importing a list of URLs as the command asks for it: the words of its options become a download's. */
#ifndef TL_CLI_APP_LIST_IMPORT_H
#define TL_CLI_APP_LIST_IMPORT_H

#include "base/core/progress.h"
#include "base/io/json.h"
#include "cli/app/import_job.h"
#include "cli/app/model_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is the default of every field. Words and numbers are those of the command's options. */
typedef struct tl_list_import {
    const char *const *sources;
    size_t source_count;
    const char *dataset;

    /* The list. */
    const char *format, *url_column, *caption_column, *digest_column, *keep, *where;

    /* Which rows. */
    bool needs_caption, incremental, retry_failed;
    int64_t min_caption, max_caption;
    const char *scripts;
    const char *unique; /* "urls", "pictures", "both" */
    const char *part;   /* "2/8": of a list divided into 8 parts the third */

    /* What becomes of a picture. */
    const char *resize; /* "no", "shortest", "longest", "squash", "crop" */
    int64_t size;
    bool only_if_bigger, drop_metadata, keep_metadata, only_headers;
    const char *encode; /* "keep", "jpg", "webp", "png" */
    int64_t quality, min_side;
    double max_aspect, most_megapixels; /* of what came */

    /* Where it goes. */
    const char *store; /* "shards", "folder", "nothing" (then there is an index) */
    const char *table; /* "none", "parquet", "jsonl" */
    int64_t samples_per_shard, threads;
    double hold_out;

    /* How servers are asked. */
    int64_t in_flight, attempts, host_connections;
    double host_rate, host_delay, timeout; /* requests a second; seconds */
    double most_megabytes;                 /* of a picture */
    bool use_robots, ignore_refusals, allow_private, accept_bad_certificates;
    const char *contact, *user_agent, *proxy, *dns_servers;

    /* Straight into an index too, unless NULL: embedded by this model. */
    const char *index_path;
    const tl_model_bundle *bundle;
    tl_thread_pool *pool;

    const tl_progress *progress;
} tl_list_import;

/*
 * What sources are, told by their bytes: lists of URLs (*is_list), or pictures that lie here. Both at once is an error, and so is
 * what is neither. A format that was asked for makes them a list; a document that names both (COCO) is one unless its first
 * picture is there. local: how pictures that lie here would be imported.
 */
bool tl_list_import_recognise(const tl_list_import *job, const tl_import_job *local, bool *is_list, tl_error *err) TL_MUST_USE;
bool tl_list_import_run(const tl_list_import *job, tl_import_result *result, tl_error *err) TL_MUST_USE;
/* The report over a dataset's ledgers, as one JSON object (docs/FORMATS.md). */
bool tl_list_import_report(const char *dataset, size_t most_hosts, tl_json **out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
