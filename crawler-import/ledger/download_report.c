/*
 * Owns the report of a dataset of downloads: sums over its ledgers, of which there is one, or one for each part of a divided
 * list. It is computed from what is on the disk alone, so that it is the same whichever runs made the dataset.
 */
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "crawler-import/dataset_folder.h"
#include "crawler-import/download/download.h"
#include "crawler-import/ledger/ledger_internal.h"

#include <stdlib.h>

/* A name with counts: a reason or a host. */
typedef struct named_counts {
    char *name;
    uint64_t good, failed, bytes;
} named_counts;

typedef struct counts_table {
    named_counts *items;
    size_t count, capacity;
    size_t *places; /* open addressing by name: index plus 1, 0 is free; a power of two of them */
    size_t place_count;
} counts_table;

typedef struct report_sums {
    uint64_t lists, unfinished, shards, rows, stored, bytes, runs, run_rows, run_stored, run_bytes;
    double seconds;
    counts_table reasons, hosts;
} report_sums;

static void clear_table(counts_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        tl_memory_free(table->items[i].name);
    tl_memory_free(table->items);
    tl_memory_free(table->places);
}

static size_t *find_place(const counts_table *table, const char *name)
{
    size_t place = (size_t)tl_hash64(name, strlen(name)) & (table->place_count - 1);
    while (table->places[place] != 0 && strcmp(table->items[table->places[place] - 1].name, name) != 0)
        place = (place + 1) & (table->place_count - 1);
    return &table->places[place];
}

static bool grow_places(counts_table *table, tl_error *err)
{
    enum { FIRST_PLACES = 64 };
    tl_memory_free(table->places);
    table->place_count = table->place_count != 0 ? table->place_count * 2 : FIRST_PLACES;
    table->places = tl_memory_allocate(table->place_count, sizeof *table->places, err);
    if (table->places == NULL) {
        table->place_count = 0;
        return false;
    }
    for (size_t i = 0; i < table->count; i++)
        *find_place(table, table->items[i].name) = i + 1;
    return true;
}

static bool add_counts(counts_table *table, const char *name, uint64_t good, uint64_t failed, uint64_t bytes, tl_error *err)
{
    if (table->count * 4 >= table->place_count * 3 && !grow_places(table, err))
        return false;
    size_t *place = find_place(table, name);
    if (*place == 0) {
        if (!tl_memory_reserve(&table->items, &table->capacity, table->count + 1, sizeof *table->items, err))
            return false;
        char *copy = tl_memory_copy_text(name, strlen(name), err);
        if (copy == NULL)
            return false;
        table->items[table->count++] = (named_counts){.name = copy};
        *place = table->count;
    }
    named_counts *item = &table->items[*place - 1];
    item->good += good;
    item->failed += failed;
    item->bytes += bytes;
    return true;
}

static int most_first(const void *a, const void *b)
{
    const named_counts *first = a;
    const named_counts *second = b;
    uint64_t first_rows = first->good + first->failed;
    uint64_t second_rows = second->good + second->failed;
    if (first_rows != second_rows)
        return first_rows < second_rows ? 1 : -1;
    return strcmp(first->name, second->name);
}

static void sort_table(counts_table *table)
{
    if (table->count != 0)
        qsort(table->items, table->count, sizeof *table->items, most_first);
}

/* Runs a query and gives every row of it to take. */
static bool each_row(tl_ledger *ledger, const char *sql, bool (*take)(report_sums *sums, sqlite3_stmt *row, tl_error *err),
                     report_sums *sums, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok = tl_database_prepare(ledger->database, sql, &statement, err);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row)
        ok = take(sums, statement, err);
    sqlite3_finalize(statement);
    return ok;
}

static bool take_lists(report_sums *sums, sqlite3_stmt *row, tl_error *err)
{
    (void)err;
    sums->lists = sums->lists > tl_row_count(row, 0) ? sums->lists : tl_row_count(row, 0); /* parts have the same ones */
    sums->unfinished += tl_row_count(row, 1);
    return true;
}

static bool take_shards(report_sums *sums, sqlite3_stmt *row, tl_error *err)
{
    (void)err;
    sums->shards += tl_row_count(row, 0);
    sums->rows += tl_row_count(row, 1);
    sums->stored += tl_row_count(row, 2);
    sums->bytes += tl_row_count(row, 3);
    return true;
}

static bool take_runs(report_sums *sums, sqlite3_stmt *row, tl_error *err)
{
    (void)err;
    sums->runs += tl_row_count(row, 0);
    sums->seconds += sqlite3_column_double(row, 1);
    sums->run_rows += tl_row_count(row, 2);
    sums->run_stored += tl_row_count(row, 3);
    sums->run_bytes += tl_row_count(row, 4);
    return true;
}

static bool take_reason(report_sums *sums, sqlite3_stmt *row, tl_error *err)
{
    return add_counts(&sums->reasons, tl_row_text(row, 0), 0, tl_row_count(row, 1), 0, err);
}

static bool take_host(report_sums *sums, sqlite3_stmt *row, tl_error *err)
{
    return add_counts(&sums->hosts, tl_row_text(row, 0), tl_row_count(row, 1), tl_row_count(row, 2), tl_row_count(row, 3), err);
}

static bool add_ledger(report_sums *sums, const char *dataset, const char *name, tl_error *err)
{
    tl_ledger *ledger = NULL;
    sqlite3_stmt *statement = NULL;
    bool has_downloads = false;
    bool ok = tl_ledger_open_file(dataset, name, false, &ledger, err) &&
              tl_database_prepare(ledger->database, "SELECT 1 FROM sqlite_schema WHERE name = 'lists'", &statement, err) &&
              tl_database_step(ledger->database, statement, &has_downloads, err);
    sqlite3_finalize(statement);
    if (ok && has_downloads)
        ok = each_row(ledger, "SELECT count(*), coalesce(sum(state <> 'done'), 0) FROM lists", take_lists, sums, err) &&
             each_row(ledger,
                      "SELECT count(*), coalesce(sum(row_count), 0), coalesce(sum(samples), 0), coalesce(sum(bytes), 0)"
                      " FROM list_shards JOIN shards ON number = shard",
                      take_shards, sums, err) &&
             each_row(ledger,
                      "SELECT count(*), coalesce(sum(seconds), 0), coalesce(sum(rows), 0), coalesce(sum(stored), 0),"
                      " coalesce(sum(received_bytes), 0) FROM runs",
                      take_runs, sums, err) &&
             each_row(ledger, "SELECT reason, count(*) FROM failed_rows GROUP BY reason", take_reason, sums, err) &&
             each_row(ledger, "SELECT host, sum(good), sum(failed), sum(bytes) FROM shard_hosts GROUP BY host", take_host, sums,
                      err);
    tl_ledger_close(ledger);
    return ok;
}

static bool read_ledgers(report_sums *sums, const char *dataset, tl_error *err)
{
    size_t found = 0;
    tl_directory_listing listing;
    if (!tl_directory_open(dataset, &listing, err))
        return false;
    bool ok = true;
    for (const char *name; ok && (name = tl_directory_next(&listing)) != NULL;)
        if (tl_ledger_name_is(name)) {
            ok = add_ledger(sums, dataset, name, err);
            found++;
        }
    return tl_directory_close(&listing, ok, err) &&
           (found != 0 || tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a dataset, found no ledger.db", dataset));
}

static tl_json *reasons_json(const counts_table *reasons, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL;
    for (size_t i = 0; ok && i < reasons->count; i++)
        ok = tl_json_set_integer(json, reasons->items[i].name, (int64_t)reasons->items[i].failed, err);
    if (ok)
        return json;
    tl_json_free(json);
    return NULL;
}

static tl_json *hosts_json(const counts_table *hosts, size_t most, tl_error *err)
{
    tl_json *json = tl_json_array_create(err);
    bool ok = json != NULL;
    for (size_t i = 0; ok && i < hosts->count && i < most; i++) {
        const named_counts *host = &hosts->items[i];
        tl_json *item = tl_json_object_create(err);
        ok = item != NULL && tl_json_set_text(item, "host", host->name, err) &&
             tl_json_set_integer(item, "stored", (int64_t)host->good, err) &&
             tl_json_set_integer(item, "failed", (int64_t)host->failed, err) &&
             tl_json_set_integer(item, "bytes", (int64_t)host->bytes, err);
        if (ok)
            ok = tl_json_append(json, item, err);
        else
            tl_json_free(item);
    }
    if (ok)
        return json;
    tl_json_free(json);
    return NULL;
}

static tl_json *runs_json(const report_sums *sums, tl_error *err)
{
    double seconds = sums->seconds > 0 ? sums->seconds : 1;
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "count", (int64_t)sums->runs, err) &&
              tl_json_set_number(json, "seconds", sums->seconds, err) &&
              tl_json_set_integer(json, "rows", (int64_t)sums->run_rows, err) &&
              tl_json_set_integer(json, "stored", (int64_t)sums->run_stored, err) &&
              tl_json_set_integer(json, "received_bytes", (int64_t)sums->run_bytes, err) &&
              tl_json_set_number(json, "stored_per_second", (double)sums->run_stored / seconds, err) &&
              tl_json_set_number(json, "bytes_per_second", (double)sums->run_bytes / seconds, err);
    if (ok)
        return json;
    tl_json_free(json);
    return NULL;
}

bool tl_download_report(const char *dataset, size_t most_hosts, tl_json **out, tl_error *err)
{
    report_sums sums = {0};
    tl_json *json = NULL;
    bool ok = read_ledgers(&sums, dataset, err);
    if (ok) {
        sort_table(&sums.reasons);
        sort_table(&sums.hosts);
        json = tl_json_object_create(err);
        ok = json != NULL && tl_json_set_integer(json, "lists", (int64_t)sums.lists, err) &&
             tl_json_set_integer(json, "unfinished", (int64_t)sums.unfinished, err) &&
             tl_json_set_integer(json, "shards", (int64_t)sums.shards, err) &&
             tl_json_set_integer(json, "rows", (int64_t)sums.rows, err) &&
             tl_json_set_integer(json, "stored", (int64_t)sums.stored, err) &&
             tl_json_set_integer(json, "failed", (int64_t)(sums.rows - sums.stored), err) &&
             tl_json_set_integer(json, "bytes", (int64_t)sums.bytes, err) &&
             tl_json_set(json, "reasons", reasons_json(&sums.reasons, err), err) &&
             tl_json_set_integer(json, "host_count", (int64_t)sums.hosts.count, err) &&
             tl_json_set(json, "hosts", hosts_json(&sums.hosts, most_hosts, err), err) &&
             tl_json_set(json, "runs", runs_json(&sums, err), err);
    }
    clear_table(&sums.reasons);
    clear_table(&sums.hosts);
    if (!ok) {
        tl_json_free(json);
        return false;
    }
    *out = json;
    return true;
}
