/* Owns a download from its options to its report: what is checked, opened, resumed and closed, in which order. */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/file_lock.h"
#include "crawler-import/dataset_folder.h"
#include "crawler-import/download/picture_change.h"
#include "crawler-import/download/run_internal.h"
#include "crawler-import/download/settings.h"
#include "crawler-import/report.h"
#include "crawler-import/sinks/sample_json.h"

#include <stdio.h>
#include <unistd.h>

enum {
    DEFAULT_ROWS_PER_SHARD = 10000,
    MAX_ROWS_PER_SHARD = 10000000,
    WAITING_JOBS = 32,         /* bodies that wait for a worker */
    WAITING_SHARDS = 64,       /* more than can be open */
    DEFAULT_BODIES = 96 << 20, /* bytes */
    MAX_PICTURE_SIZE = 1 << 28
};

static const tl_sink_kind *const sinks[] = {
    [TL_STORE_SHARDS] = &tl_sink_shards, [TL_STORE_FOLDER] = &tl_sink_folder, [TL_STORE_NOTHING] = NULL};
static const tl_row_table_kind *const tables[] = {
    [TL_TABLE_NONE] = NULL, [TL_TABLE_PARQUET] = &tl_row_table_parquet, [TL_TABLE_JSONL] = &tl_row_table_jsonl};

static bool check_options(const tl_download_options *options, tl_error *err)
{
    if (options->samples_per_shard > MAX_ROWS_PER_SHARD)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %d rows a shard, found %zu", (int)MAX_ROWS_PER_SHARD,
                       options->samples_per_shard);
    if (!(options->hold_out >= 0 && options->hold_out <= 1))
        return tl_fail(err, TL_ERROR_INVALID, "hold out: expected a share of 0 to 1, found %g", options->hold_out);
    if (options->part_count != 0 && options->part >= options->part_count)
        return tl_fail(err, TL_ERROR_INVALID, "expected a part of 0 to %u, found %u", options->part_count - 1, options->part);
    if (options->retry_failed && options->store == TL_STORE_NOTHING)
        return tl_fail(err, TL_ERROR_INVALID,
                       "failed rows are tried again into the shards that they are missing from, and here "
                       "nothing is stored");
    if (options->store == TL_STORE_NOTHING && options->receiver == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "expected somewhere to put the pictures, found that nothing is stored");
    return tl_picture_rules_check(&options->picture, err);
}

/* Keeps other runs of the same part out for as long as this process lives. */
static bool lock_spools(tl_download *run, int *lock, tl_error *err)
{
    char *path = tl_path_join(run->spool_folder, "lock", err);
    bool ok = path != NULL && tl_file_lock(path, lock, err) &&
              (*lock >= 0 || tl_fail(err, TL_ERROR_IO, "'%s': another import into it is under way", run->dataset));
    tl_memory_free(path);
    return ok;
}

static bool open_dataset(tl_download *run, const char *dataset, int *lock, tl_error *err)
{
    const tl_download_options *options = run->options;
    char ledger[64] = "ledger.db";
    char spools[64] = ".spool";
    if (options->part_count != 0) {
        snprintf(ledger, sizeof ledger, "ledger-%u-of-%u.db", options->part, options->part_count);
        snprintf(spools, sizeof spools, ".spool-%u-of-%u", options->part, options->part_count);
    }
    if (!tl_dataset_folder_check(dataset, err) || !tl_directory_create(dataset, err) ||
        (run->dataset = tl_path_resolve(dataset, err)) == NULL ||
        (run->spool_folder = tl_path_join(run->dataset, spools, err)) == NULL)
        return false;
    return tl_directory_create(run->spool_folder, err) && lock_spools(run, lock, err) &&
           tl_dataset_folder_clean(run->dataset, options->part, options->part_count, err) &&
           tl_ledger_open_file(run->dataset, ledger, true, &run->ledger, err);
}

static bool begin_list(tl_download *run, const char *const *sources, size_t source_count, tl_error *err)
{
    tl_string described;
    tl_string_init(&described, (size_t)1 << 24);
    tl_json *settings = tl_download_settings(run->options, run->rows_per_shard, err);
    bool ok = settings != NULL && tl_download_sources(sources, source_count, &described, err) &&
              tl_download_ledger_begin(run->ledger, described.data, settings, &run->list, err);
    tl_json_free(settings);
    tl_string_clear(&described);
    return ok;
}

typedef struct picture_loading {
    tl_download *run;
    tl_key_set reopened; /* shards that will be written again: they bring their pictures themselves */
} picture_loading;

static bool note_reopened(void *context, const tl_finished_place *place, tl_error *err)
{
    picture_loading *loading = context;
    return !loading->run->options->retry_failed || place->worth_retry == 0 ||
           tl_key_set_add(&loading->reopened, place->number + 1, 0, err);
}

static bool keep_picture(void *context, uint64_t shard, uint64_t hash, tl_error *err)
{
    picture_loading *loading = context;
    uint32_t owner;
    return tl_key_set_find(&loading->reopened, shard + 1, &owner) || tl_key_set_add(&loading->run->pictures, hash, 0, err);
}

static bool load_pictures(tl_download *run, tl_error *err)
{
    picture_loading loading = {.run = run, .reopened = {.without_sources = true}};
    bool ok = !run->options->rows.unique_pictures ||
              (tl_download_ledger_each_shard(run->ledger, run->list.id, note_reopened, &loading, err) &&
               tl_download_ledger_each_picture(run->ledger, keep_picture, &loading, err));
    tl_key_set_clear(&loading.reopened);
    return ok;
}

static bool start_threads(tl_download *run, tl_error *err)
{
    tl_fetch_options fetch = run->options->fetch;
    if (fetch.most_memory == 0)
        fetch.most_memory = DEFAULT_BODIES;
    if (!tl_fetcher_create(&fetch, &run->fetcher, err) ||
        !tl_work_queue_create(1, WAITING_SHARDS, tl_download__write_shard, run, &run->writer, err) ||
        !tl_work_queue_create(run->options->threads, WAITING_JOBS, tl_download__settle, run, &run->workers, err))
        return false;
    size_t count = tl_work_queue_threads(run->workers);
    run->scratch = tl_memory_allocate(count, sizeof *run->scratch, err);
    for (size_t i = 0; run->scratch != NULL && i < count; i++) {
        tl_string_init(&run->scratch[i].changed, MAX_PICTURE_SIZE);
        tl_string_init(&run->scratch[i].json, MAX_PICTURE_SIZE);
    }
    bool ok = run->scratch != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = tl_sample_json_make_room(&run->scratch[i].json, err);
    return ok;
}

static void end_threads(tl_download *run)
{
    size_t count = run->workers != NULL && run->scratch != NULL ? tl_work_queue_threads(run->workers) : 0;
    tl_work_queue_destroy(run->workers);
    tl_work_queue_destroy(run->writer);
    tl_fetcher_destroy(run->fetcher);
    for (size_t i = 0; i < count; i++) {
        tl_string_clear(&run->scratch[i].changed);
        tl_string_clear(&run->scratch[i].json);
    }
    tl_memory_free(run->scratch);
}

static bool fetch_list(tl_download *run, tl_list *list, tl_error *err)
{
    double began = tl_clock_seconds();
    uint64_t shard_count = 0;
    tl_progress_begin(run->options->progress, "rows");
    bool ok = start_threads(run, err) && tl_download__feed(run, list, &shard_count, err);
    end_threads(run);
    /* Of a run that was stopped too: what it did is in the dataset. */
    bool is_noted =
        tl_download_ledger_add_run(run->ledger, run->list.id, tl_clock_seconds() - began, atomic_load(&run->counts.settled),
                                   atomic_load(&run->counts.stored), atomic_load(&run->counts.received_bytes), ok ? err : NULL);
    return ok && is_noted && tl_download_ledger_finish(run->ledger, run->list.id, shard_count, err);
}

static void remove_spool_folder(const tl_download *run)
{
    char *path = tl_path_join(run->spool_folder, "lock", NULL);
    if (path != NULL)
        (void)unlink(path);
    (void)rmdir(run->spool_folder); /* where it is not empty, it holds what another run goes on with */
    tl_memory_free(path);
}

bool tl_download_run(const char *const *sources, size_t source_count, const char *dataset, const tl_download_options *options,
                     tl_import_report *report, tl_error *err)
{
    static const tl_download_options defaults = {0};
    tl_download run = {.options = options != NULL ? options : &defaults};
    tl_error failure = {0};
    tl_list *list = NULL;
    int lock = -1;
    run.rows_per_shard = run.options->samples_per_shard != 0 ? run.options->samples_per_shard : DEFAULT_ROWS_PER_SHARD;
    run.sink = sinks[run.options->store];
    run.table = tables[run.options->table];
    run.pictures.without_sources = true;
    pthread_mutex_init(&run.large, NULL);
    pthread_mutex_init(&run.failure_mutex, NULL);
    /* The list is opened first: a wrong path or column is told of before anything is made. */
    bool ok = check_options(run.options, &failure) && tl_row_judge_init(&run.judge, &run.options->rows, &failure) &&
              tl_list_open(sources, source_count, &run.options->list, &list, &failure) &&
              open_dataset(&run, dataset, &lock, &failure) && begin_list(&run, sources, source_count, &failure);
    if (ok && (!run.list.is_done || run.options->retry_failed))
        ok = load_pictures(&run, &failure) && fetch_list(&run, list, &failure);
    ok = ok && tl_import_report_read_list(run.ledger, run.list.id, report, &failure);
    if (ok)
        remove_spool_folder(&run);
    tl_list_close(list);
    tl_ledger_close(run.ledger);
    tl_file_unlock(lock);
    tl_row_judge_clear(&run.judge);
    tl_key_set_clear(&run.pictures);
    pthread_mutex_destroy(&run.failure_mutex);
    pthread_mutex_destroy(&run.large);
    tl_memory_free(run.spool_folder);
    tl_memory_free(run.dataset);
    return ok || tl_fail_as(err, &failure);
}
