/*
 * A download under way, as its files share it:
 *
 *     feed.c           main thread    rows of the list -> fetcher; opens and closes shards
 *     settle.c         worker threads a fetched row -> its record in the shard's spool
 *     write_shard.c    one thread     a spool whose rows have all settled -> shard, table, ledger
 *     run.c            options, settings, resume, the end
 */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_RUN_INTERNAL_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_RUN_INTERNAL_H

#include "base/parallel/work_queue.h"
#include "crawler-import/download/spool.h"
#include "crawler-import/filters/row_judge.h"
#include "crawler-import/ledger/download_ledger.h"
#include "crawler-import/sinks/row_table.h"
#include "crawler-import/sinks/sink.h"

#include <pthread.h>
#include <stdatomic.h>

/* A row of a finished shard that failed before, when its shard is written again. */
typedef struct tl_failed_before {
    uint32_t index;
    bool is_tried_again;
    char status[32], reason[64];
} tl_failed_before;

/* A shard whose rows are being read or settled. Its fields belong to the main thread; the spool to all. */
typedef struct tl_open_shard {
    uint64_t number;   /* in the dataset */
    size_t row_count;  /* rows of the list that fell into it so far */
    uint64_t next_row; /* number in the list of the row after the last of those */
    bool is_closed;    /* there are no more */
    bool is_handed_on; /* to the writing thread */
    atomic_bool is_written;
    tl_spool *spool;
    char *spool_path;
    tl_failed_before *failed_before; /* ascending */
    size_t failed_before_count;
    struct tl_open_shard *next; /* of a higher number */
} tl_open_shard;

/* A row on its way: with the fetcher, then with a worker. */
typedef struct tl_download_job {
    struct tl_download_job *next, *previous; /* of those that the fetcher has */
    tl_open_shard *shard;
    uint32_t index;
    uint64_t url_hash;
    tl_list_row *row;
    char refused[64];        /* why it was not fetched at all; "" when it was */
    char refused_status[32]; /* "" is TL_STATUS_DROPPED */
    tl_fetch_result result;
} tl_download_job;

typedef struct tl_worker_scratch {
    tl_string changed, json;
} tl_worker_scratch;

/* Counts of this run, for the progress line and the ledger. */
typedef struct tl_run_counts {
    atomic_uint_fast64_t settled, stored, received_bytes;
} tl_run_counts;

typedef struct tl_download {
    const tl_download_options *options;
    char *dataset; /* absolute */
    size_t rows_per_shard;
    const tl_sink_kind *sink;       /* NULL: none */
    const tl_row_table_kind *table; /* NULL: none */
    tl_ledger *ledger;              /* the writing thread's while there is one */
    tl_listed list;
    char *spool_folder;
    tl_row_judge judge;
    tl_key_set pictures; /* with unique_pictures: which shard has which; the writing thread's */
    pthread_mutex_t large;
    tl_worker_scratch *scratch; /* [workers] */
    tl_work_queue *workers, *writer;
    tl_fetcher *fetcher;
    tl_run_counts counts;
    atomic_bool has_failed;
    pthread_mutex_t failure_mutex;
    tl_error failure; /* the first one of any thread */
} tl_download;

/* A failure on a thread that has nobody to tell: kept for the main thread, which stops. */
void tl_download__fail(tl_download *run, const tl_error *failure);

/* Job of the workers: settles a row; frees the job. */
void tl_download__settle(void *context, void *job, size_t worker);
void tl_download__free_job(tl_download_job *job);

/* Job of the writing thread: writes a shard whose rows have all settled. */
void tl_download__write_shard(void *context, void *shard, size_t worker);

/* Begins (or goes on with) a shard; reopened: with what a finished one has. */
bool tl_download__open_shard(tl_download *run, uint64_t number, bool is_reopened, tl_open_shard **out, tl_error *err) TL_MUST_USE;
void tl_download__close_shard(tl_open_shard *shard);
/* How it failed before, or NULL. */
const tl_failed_before *tl_open_shard__failed_before(const tl_open_shard *shard, uint32_t index);

/* Reads the list to its end. *shard_count: shards of the whole list, those of other parts too. */
bool tl_download__feed(tl_download *run, tl_list *list, uint64_t *shard_count, tl_error *err) TL_MUST_USE;

#endif
