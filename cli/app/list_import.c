/* Owns the words of the options of a download, and the question whether a source names URLs or pictures. */
#include "cli/app/list_import.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/index_sink_internal.h"
#include "crawler-import/download/download.h"

#include <errno.h>
#include <stdlib.h>

typedef struct word {
    const char *text;
    int value;
} word;

static const word resize_words[] = {{"no", TL_FIT_NO},         {"shortest", TL_FIT_SHORTEST}, {"longest", TL_FIT_LONGEST},
                                    {"squash", TL_FIT_SQUASH}, {"crop", TL_FIT_CROP},         {NULL, 0}};
static const word encode_words[] = {
    {"keep", TL_IMAGE_UNKNOWN}, {"jpg", TL_IMAGE_JPEG}, {"webp", TL_IMAGE_WEBP}, {"png", TL_IMAGE_PNG}, {NULL, 0}};
static const word store_words[] = {
    {"shards", TL_STORE_SHARDS}, {"folder", TL_STORE_FOLDER}, {"nothing", TL_STORE_NOTHING}, {NULL, 0}};
static const word table_words[] = {{"none", TL_TABLE_NONE}, {"parquet", TL_TABLE_PARQUET}, {"jsonl", TL_TABLE_JSONL}, {NULL, 0}};

enum { UNIQUE_URLS = 1, UNIQUE_PICTURES = 2 };
static const word unique_words[] = {
    {"none", 0}, {"urls", UNIQUE_URLS}, {"pictures", UNIQUE_PICTURES}, {"both", UNIQUE_URLS | UNIQUE_PICTURES}, {NULL, 0}};

/* The value of a word; NULL is the first one's. */
static bool find_word(const word *words, const char *text, const char *what, int *value, tl_error *err)
{
    *value = words[0].value;
    if (text == NULL)
        return true;
    for (size_t i = 0; words[i].text != NULL; i++)
        if (strcmp(words[i].text, text) == 0) {
            *value = words[i].value;
            return true;
        }
    return tl_fail(err, TL_ERROR_INVALID, "%s: expected one of its words, found '%s'", what, text);
}

/* "2/8" */
static bool read_part(const char *text, uint32_t *part, uint32_t *count, tl_error *err)
{
    enum { MAX_PARTS = 100000 };
    if (text == NULL)
        return true;
    char *end = NULL;
    unsigned long first = strtoul(text, &end, 10);
    unsigned long second = end != text && *end == '/' ? strtoul(end + 1, &end, 10) : 0;
    if (text[0] == '-' || *end != '\0' || second == 0 || second > MAX_PARTS || first >= second)
        return tl_fail(err, TL_ERROR_INVALID, "shard: expected a part such as 0/8 (of 8 parts the first), found '%s'", text);
    *part = (uint32_t)first;
    *count = (uint32_t)second;
    return true;
}

static tl_list_options list_options(const tl_list_import *job)
{
    return (tl_list_options){.format = job->format,
                             .url_column = job->url_column,
                             .caption_column = job->caption_column,
                             .digest_column = job->digest_column,
                             .keep = job->keep,
                             .where = job->where};
}

static tl_fetch_options fetch_options(const tl_list_import *job)
{
    static const double mega = 1e6;
    return (tl_fetch_options){.contact = job->contact,
                              .user_agent = job->user_agent,
                              .most_in_flight = (uint32_t)job->in_flight,
                              .most_bytes = (uint64_t)(job->most_megabytes * mega),
                              .stall_seconds = job->timeout,
                              .connect_seconds = job->timeout,
                              .total_seconds = 6 * job->timeout,
                              .attempts = (uint32_t)job->attempts,
                              .host_connections = (uint32_t)job->host_connections,
                              .host_rate = job->host_rate,
                              .host_delay_seconds = job->host_delay,
                              .use_robots = job->use_robots,
                              .ignore_refusals = job->ignore_refusals,
                              .allow_private = job->allow_private,
                              .accept_bad_certificates = job->accept_bad_certificates,
                              .proxy = job->proxy,
                              .dns_servers = job->dns_servers};
}

static bool make_options(const tl_list_import *job, tl_download_options *options, tl_error *err)
{
    int resize, format, store, table, unique;
    if (!find_word(resize_words, job->resize, "resize", &resize, err) ||
        !find_word(encode_words, job->encode, "encode", &format, err) ||
        !find_word(store_words, job->store, "store", &store, err) || !find_word(table_words, job->table, "table", &table, err) ||
        !find_word(unique_words, job->unique, "unique", &unique, err))
        return false;
    *options = (tl_download_options){
        .list = list_options(job),
        .fetch = fetch_options(job),
        .picture = {.resize = (tl_fit)resize,
                    .size = (uint32_t)job->size,
                    .only_if_bigger = job->only_if_bigger,
                    .format = (tl_image_format)format,
                    .quality = (uint32_t)job->quality,
                    .drop_metadata = job->drop_metadata,
                    .keep_metadata = job->keep_metadata,
                    .only_headers = job->only_headers,
                    .min_side = (uint32_t)job->min_side,
                    .max_aspect = job->max_aspect,
                    .max_pixels = (uint64_t)(job->most_megapixels * 1e6)},
        .rows = {.needs_caption = job->needs_caption,
                 .min_caption = (uint32_t)job->min_caption,
                 .max_caption = (uint32_t)job->max_caption,
                 .scripts = job->scripts,
                 .unique_urls = (unique & UNIQUE_URLS) != 0,
                 .unique_pictures = (unique & UNIQUE_PICTURES) != 0},
        .samples_per_shard = (size_t)job->samples_per_shard,
        .hold_out = job->hold_out,
        .store = (tl_store_as)store,
        .table = (tl_row_table)table,
        .retry_failed = job->retry_failed,
        .incremental = job->incremental,
        .threads = (size_t)job->threads,
        .progress = job->progress,
    };
    return read_part(job->part, &options->part, &options->part_count, err);
}

typedef enum first_picture { FIRST_IS_URL, FIRST_IS_MISSING, FIRST_IS_THERE } first_picture;

/* A captions table may have URLs where others have paths. */
static first_picture look_at_first(tl_source *source)
{
    tl_sample sample;
    bool done = false;
    if (strcmp(tl_source_kind_name(source), "table") != 0 || !tl_source_next(source, &sample, &done, NULL) || done ||
        sample.path == NULL)
        return FIRST_IS_THERE;
    if (strncmp(sample.path, "http://", 7) == 0 || strncmp(sample.path, "https://", 8) == 0)
        return FIRST_IS_URL;
    return sample.skip_reason != NULL && strcmp(sample.skip_reason, "missing file") == 0 ? FIRST_IS_MISSING : FIRST_IS_THERE;
}

/* False when path is no source of pictures that lie here. */
static bool look_at_pictures(const char *path, const tl_import_job *local, first_picture *first, tl_error *err)
{
    const tl_source_options options = {.image_column = local->image_column,
                                       .caption_column = local->caption_column,
                                       .image_folder = local->image_folder,
                                       .without_image_bytes = true};
    tl_source *source = NULL;
    if (!tl_source_open(path, &options, &source, err))
        return false;
    *first = look_at_first(source);
    tl_source_close(source);
    return true;
}

static bool is_table_name(const char *path)
{
    static const char *const endings[] = {".csv", ".tsv", ".tab"};
    size_t size = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (size > 4 && strcmp(path + size - 4, endings[i]) == 0)
            return true;
    return false;
}

static bool recognise(const tl_list_import *job, const char *path, const tl_import_job *local, bool *is_list, tl_error *err)
{
    tl_error unlike = {0};
    tl_error listed = {0};
    first_picture first = FIRST_IS_URL;
    bool opens = look_at_pictures(path, local, &first, &unlike);
    *is_list = false;
    if (opens && (first == FIRST_IS_THERE || local->image_folder != NULL))
        return true;
    if (unlike.kind == TL_ERROR_NO_MEMORY || unlike.kind == TL_ERROR_NOT_FOUND)
        return tl_fail_as(err, &unlike);
    tl_list *list = NULL;
    const tl_list_options options = list_options(job);
    *is_list = tl_list_open(&path, 1, &options, &list, &listed);
    tl_list_close(list);
    if (*is_list || (opens && first == FIRST_IS_MISSING))
        return true;
    /* What is neither is told of as what it looks like. */
    tl_file_status status = {0};
    bool is_folder = tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_DIRECTORY;
    bool looks_local = local->image_column != NULL || (job->url_column == NULL && (is_folder || is_table_name(path)));
    const tl_error *told = !opens && (looks_local || unlike.kind == TL_ERROR_CORRUPT) ? &unlike : &listed;
    return tl_fail_as(err, told);
}

bool tl_list_import_recognise(const tl_list_import *job, const tl_import_job *local, bool *is_list, tl_error *err)
{
    *is_list = true;
    if (job->format != NULL)
        return true;
    for (size_t i = 0; i < job->source_count; i++) {
        bool is_one = false;
        if (!recognise(job, job->sources[i], local, &is_one, err))
            return false;
        if (i != 0 && is_one != *is_list)
            return tl_fail(err, TL_ERROR_INVALID, "'%s' %s, '%s' %s: import them by two commands", job->sources[i - 1],
                           *is_list ? "names URLs" : "has pictures", job->sources[i], is_one ? "names URLs" : "has pictures");
        *is_list = is_one;
    }
    return true;
}

static bool open_sink(const tl_list_import *job, tl_reasons *skipped, tl_index_sink **out, tl_error *err)
{
    char *root = tl_directory_create(job->dataset, err) ? tl_path_resolve(job->dataset, err) : NULL;
    bool ok = root != NULL && tl_index_sink_open(job->index_path, root, job->bundle, job->pool, skipped, out, err);
    tl_memory_free(root);
    return ok;
}

bool tl_list_import_run(const tl_list_import *job, tl_import_result *result, tl_error *err)
{
    tl_download_options options;
    tl_import_report report;
    tl_reasons not_indexed = {0};
    tl_index_sink *sink = NULL;
    if (!make_options(job, &options, err) || (job->index_path != NULL && !open_sink(job, &not_indexed, &sink, err)))
        return false;
    if (sink != NULL)
        options.receiver = tl_index_sink_receiver(sink);
    bool ok = tl_download_run(job->sources, job->source_count, job->dataset, &options, &report, err);
    if (ok) {
        tl_import_result_take(result, &report);
        result->not_indexed = not_indexed;
    }
    tl_index_sink_close(sink);
    return ok;
}

bool tl_list_import_report(const char *dataset, size_t most_hosts, tl_json **out, tl_error *err)
{
    return tl_download_report(dataset, most_hosts, out, err);
}
