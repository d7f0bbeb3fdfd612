/* Owns how the report over a dataset's downloads looks on a terminal. */
#include "cli/app/list_import.h"
#include "cli/commands/import_internal.h"

#include <stdio.h>

enum { MOST_HOSTS_SHOWN = 20, MOST_HOSTS_LISTED = 1000 };

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static int64_t count_of(const tl_json *json, const char *name)
{
    return tl_json_integer_or(json, name, 0);
}

static bool print_reason(void *context, const char *name, const tl_json *value)
{
    int64_t count = 0;
    const int64_t *rows = context;
    if (!tl_json_integer(value, &count))
        return true;
    return printf("%12lld  %5.1f %%  %s\n", (long long)count, share(count, *rows), name) > 0;
}

static void print_hosts(const tl_json *report)
{
    const tl_json *hosts = tl_json_member(report, "hosts");
    size_t listed = tl_json_array_size(hosts);
    size_t shown = listed < MOST_HOSTS_SHOWN ? listed : MOST_HOSTS_SHOWN;
    printf("\n      stored      failed          MB  host (of %lld)\n", (long long)count_of(report, "host_count"));
    for (size_t i = 0; i < shown; i++) {
        const tl_json *host = tl_json_array_item(hosts, i);
        printf("%12lld%12lld%12.1f  ", (long long)count_of(host, "stored"), (long long)count_of(host, "failed"),
               (double)count_of(host, "bytes") * 1e-6);
        tl_output_text(stdout, tl_json_text_or(host, "host", ""));
        printf("\n");
    }
}

static void print_table(const tl_json *report)
{
    const tl_json *runs = tl_json_member(report, "runs");
    int64_t rows = count_of(report, "rows");
    printf("%12lld  rows in %lld shards of %lld lists%s\n", (long long)rows, (long long)count_of(report, "shards"),
           (long long)count_of(report, "lists"), count_of(report, "unfinished") != 0 ? ", not finished" : "");
    printf("%12lld  %5.1f %%  stored (%.1f MB)\n", (long long)count_of(report, "stored"), share(count_of(report, "stored"), rows),
           (double)count_of(report, "bytes") * 1e-6);
    tl_json_each_member(tl_json_member(report, "reasons"), print_reason, &rows);
    print_hosts(report);
    printf("\n%lld runs of %.1f s: %.1f pictures/s, %.2f MB/s received\n", (long long)count_of(runs, "count"),
           tl_json_number_or(runs, "seconds", 0), tl_json_number_or(runs, "stored_per_second", 0),
           tl_json_number_or(runs, "bytes_per_second", 0) * 1e-6);
}

bool tl_import_print_report(const char *dataset, bool as_json, tl_error *err)
{
    tl_json *report = NULL;
    if (!tl_list_import_report(dataset, MOST_HOSTS_LISTED, &report, err))
        return false;
    if (as_json)
        return tl_output_json(true, report, err);
    print_table(report);
    tl_json_free(report);
    return tl_output_flush(err);
}
