/* Owns what stands at the end of a crawl: the list of pairs in its place, and the sums over all runs. */
#include "crawler-import/crawl/crawl_report.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "crawler-import/crawl/pair_list.h"

#include <stdio.h>

static void add_reason(tl_crawl_report *report, const char *what, const char *reason, uint64_t count)
{
    if (count == 0 || report->reason_count == sizeof report->reasons / sizeof report->reasons[0])
        return;
    tl_crawl_reason *added = &report->reasons[report->reason_count++];
    snprintf(added->what, sizeof added->what, "%s", what);
    snprintf(added->reason, sizeof added->reason, "%s", reason);
    added->count = count;
}

typedef struct reason_visit {
    tl_crawl_report *report;
    const char *what;
} reason_visit;

static bool visit_reason(void *context, const char *reason, uint64_t count)
{
    const reason_visit *visit = context;
    add_reason(visit->report, visit->what, reason, count);
    return true;
}

bool tl_crawl_report_make(tl_frontier *frontier, const tl_crawl_options *options, const char *folder, tl_crawl_report *report,
                          tl_error *err)
{
    static const char *const whats[] = {"page", "link", "caption"};
    const tl_pair_list_options listing = {.limits = {options->minimum_words, options->maximum_words},
                                          .most_repeats = options->most_repeats};
    tl_frontier_totals totals;
    tl_pair_list_report list;
    char *path = tl_crawl_list_path(folder, err);
    bool ok =
        path != NULL && tl_pair_list_write(frontier, path, &listing, &list, err) && tl_frontier_total(frontier, &totals, err);
    tl_memory_free(path);
    if (!ok)
        return false;
    *report = (tl_crawl_report){.pages = totals.pages,
                                .good_pages = totals.good_pages,
                                .waiting = totals.waiting,
                                .pictures = list.pictures,
                                .captions = list.captions};
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        reason_visit visit = {report, whats[i]};
        if (!tl_frontier_each_reason(frontier, whats[i], visit_reason, &visit, err))
            return false;
    }
    add_reason(report, "caption", "of a picture on every page", list.furniture);
    add_reason(report, "caption", "on too many pictures", list.repeated);
    add_reason(report, "caption", "the site's own words", list.emptied);
    return true;
}

char *tl_crawl_list_path(const char *folder, tl_error *err)
{
    return tl_path_join(folder, "pairs.jsonl", err);
}
