/*
 * bench_list LIST [--format F] [--keep COLUMNS] [--where EXPRESSION] [--skip N]
 * Reads every row of a list as a download does and prints one line of JSON: rows, good ones, seconds, rows a second, peak memory.
 */
#include "base/core/clock.h"
#include "crawler-import/lists/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static uint64_t to_number(const char *text)
{
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = 10 * number + (uint64_t)(*text - '0');
    return number;
}

int main(int argc, char **argv)
{
    tl_list_options options = {0};
    tl_list *list = NULL;
    tl_error err = {0};
    uint64_t skip = 0;
    const char *path = argc > 1 ? argv[1] : "";
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--format") == 0)
            options.format = argv[i + 1];
        else if (strcmp(argv[i], "--keep") == 0)
            options.keep = argv[i + 1];
        else if (strcmp(argv[i], "--where") == 0)
            options.where = argv[i + 1];
        else if (strcmp(argv[i], "--skip") == 0)
            skip = to_number(argv[i + 1]);
    }
    double begin = tl_clock_seconds();
    uint64_t good = 0;
    uint64_t bad = 0;
    uint64_t bytes = 0;
    uint64_t last = 0;
    bool done = false;
    if (!tl_list_open(&path, 1, &options, &list, &err) || !tl_list_skip(list, skip, &err))
        goto failed;
    for (;;) {
        tl_list_row row;
        if (!tl_list_next(list, &row, &done, &err))
            goto failed;
        if (done)
            break;
        good += row.skip_reason == NULL;
        bad += row.skip_reason != NULL;
        bytes += strlen(row.url) + row.kept.size + (row.caption_count != 0 ? row.captions[0].size : 0);
        last = row.number + 1;
    }
    double seconds = tl_clock_seconds() - begin;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"rows\": %" PRIu64 ", \"good\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"seconds\": %.3f, \"rows_per_second\": %.0f, \"peak_mib\": %.1f}\n",
           last, good, bad, bytes, seconds, (double)last / seconds, (double)usage.ru_maxrss / 1024);
    tl_list_close(list);
    return 0;
failed:
    fprintf(stderr, "%s\n", err.message);
    tl_list_close(list);
    return 1;
}
