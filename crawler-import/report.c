/* Owns the counting by reason: sorted by count, then by name; what does not fit the report's table is summed up as "other". */
#include "crawler-import/report.h"

#include "base/core/memory.h"
#include "crawler-import/ledger/download_ledger.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct tally {
    tl_import_reason *reasons;
    size_t count;
    size_t capacity;
    uint64_t *shards; /* numbers already counted, ascending within each source */
    size_t shard_count;
    size_t shard_capacity;
    tl_import_report *report;
} tally;

static bool count_reason(void *context, const char *reason, uint64_t count, tl_error *err)
{
    tally *sums = context;
    sums->report->skipped += count;
    for (size_t i = 0; i < sums->count; i++)
        if (strncmp(sums->reasons[i].reason, reason, sizeof sums->reasons[i].reason - 1) == 0) {
            sums->reasons[i].count += count;
            return true;
        }
    if (!tl_memory_reserve(&sums->reasons, &sums->capacity, sums->count + 1, sizeof *sums->reasons, err))
        return false;
    tl_import_reason *added = &sums->reasons[sums->count++];
    *added = (tl_import_reason){.count = count};
    snprintf(added->reason, sizeof added->reason, "%s", reason);
    return true;
}

/* A shard may hold samples of several sources: it counts once. */
static bool count_shard(void *context, uint64_t number, uint64_t bytes, tl_error *err)
{
    tally *sums = context;
    for (size_t i = sums->shard_count; i-- != 0;)
        if (sums->shards[i] == number)
            return true;
    if (!tl_memory_reserve(&sums->shards, &sums->shard_capacity, sums->shard_count + 1, sizeof *sums->shards, err))
        return false;
    sums->shards[sums->shard_count++] = number;
    sums->report->shards++;
    sums->report->bytes += bytes;
    return true;
}

static int most_frequent_first(const void *a, const void *b)
{
    const tl_import_reason *first = a;
    const tl_import_reason *second = b;
    if (first->count != second->count)
        return first->count < second->count ? 1 : -1;
    return strcmp(first->reason, second->reason);
}

static void write_reasons(tally *sums)
{
    enum { ROOM = sizeof sums->report->reasons / sizeof sums->report->reasons[0] };
    tl_import_report *report = sums->report;
    if (sums->count != 0)
        qsort(sums->reasons, sums->count, sizeof *sums->reasons, most_frequent_first);
    report->reason_count = sums->count <= ROOM ? sums->count : ROOM;
    for (size_t i = 0; i < report->reason_count; i++)
        report->reasons[i] = sums->reasons[i];
    if (sums->count <= ROOM)
        return;
    tl_import_reason *other = &report->reasons[ROOM - 1];
    *other = (tl_import_reason){.reason = "other"};
    for (size_t i = ROOM - 1; i < sums->count; i++)
        other->count += sums->reasons[i].count;
}

bool tl_import_report_read(tl_ledger *ledger, const int64_t *source_ids, size_t source_count, tl_import_report *out,
                           tl_error *err)
{
    *out = (tl_import_report){0};
    tally sums = {.report = out};
    bool ok = true;
    for (size_t i = 0; ok && i < source_count; i++) {
        uint64_t samples = 0;
        bool is_repeated = false;
        for (size_t earlier = 0; earlier < i; earlier++)
            is_repeated = is_repeated || source_ids[earlier] == source_ids[i];
        if (is_repeated)
            continue;
        ok = tl_ledger_count_samples(ledger, source_ids[i], &samples, err) &&
             tl_ledger_each_reason(ledger, source_ids[i], count_reason, &sums, err) &&
             tl_ledger_each_shard(ledger, source_ids[i], count_shard, &sums, err);
        out->imported += samples;
    }
    if (ok)
        write_reasons(&sums);
    tl_memory_free(sums.reasons);
    tl_memory_free(sums.shards);
    return ok;
}

bool tl_import_report_read_list(tl_ledger *ledger, int64_t list_id, tl_import_report *out, tl_error *err)
{
    *out = (tl_import_report){0};
    tally sums = {.report = out};
    bool ok = tl_download_ledger_sum(ledger, list_id, &out->imported, &out->shards, &out->bytes, err) &&
              tl_download_ledger_each_reason(ledger, list_id, count_reason, &sums, err);
    if (ok)
        write_reasons(&sums);
    tl_memory_free(sums.reasons);
    return ok;
}
