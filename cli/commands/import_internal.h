/* The options of `twinlens import`: import.c runs it, import_options.c lists them, import_report.c prints --report. */
#ifndef TL_CLI_COMMANDS_IMPORT_INTERNAL_H
#define TL_CLI_COMMANDS_IMPORT_INTERNAL_H

#include "cli/commands/command.h"

typedef struct tl_import_values {
    const char *output;
    const char *caption_from;
    const char *image_column, *caption_column, *image_folder;
    double hold_out;
    int64_t shard_size;
    bool only_headers, list_skipped, report, json;

    const char *format, *url_column, *digest_column, *keep, *where;
    bool needs_caption, incremental, retry_failed;
    int64_t min_caption, max_caption;
    const char *scripts, *unique, *part;

    const char *resize;
    int64_t size;
    bool only_if_bigger, drop_metadata, keep_metadata;
    const char *encode;
    int64_t quality, min_side;
    double max_aspect, most_megapixels;
    const char *store, *table;
    bool to_index;
    const char *index, *model, *precision;

    int64_t in_flight, attempts, host_connections, threads;
    double host_rate, host_delay, timeout, most_megabytes;
    bool use_robots, ignore_refusals, allow_private, accept_bad_certificates;
    const char *contact, *user_agent, *proxy, *dns_servers;
} tl_import_values;

enum { TL_IMPORT_OPTION_COUNT = 66 };
extern const tl_option tl_import_options_table[TL_IMPORT_OPTION_COUNT];

/* Prints the report of the dataset: a table, or JSON. */
bool tl_import_print_report(const char *dataset, bool as_json, tl_error *err) TL_MUST_USE;

#endif
