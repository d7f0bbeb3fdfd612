/*
 * What a ledger knows of downloads: which lists, under which settings, which of their shards are finished, what failed and where.
 * A shard is entered in one transaction after it stands under its name, so the ledger always describes whole shards.
 */
#ifndef TL_CRAWLER_IMPORT_LEDGER_DOWNLOAD_LEDGER_H
#define TL_CRAWLER_IMPORT_LEDGER_DOWNLOAD_LEDGER_H

#include "crawler-import/ledger/ledger.h"

typedef struct tl_listed {
    int64_t id;
    uint64_t first_shard; /* number of the list's first shard in the dataset */
    bool is_done;
} tl_listed;

/*
 * Finds the list by its sources, or adds it behind what the dataset has. sources and settings are compact JSON objects. Another
 * list that is not finished is an error, and so are other settings than those the list was begun with; the message names the
 * first that differs.
 */
bool tl_download_ledger_begin(tl_ledger *ledger, const char *sources, const tl_json *settings, tl_listed *out,
                              tl_error *err) TL_MUST_USE;
/* All shards of the list are finished, this many in all parts together. */
bool tl_download_ledger_finish(tl_ledger *ledger, int64_t list_id, uint64_t shard_count, tl_error *err) TL_MUST_USE;

typedef struct tl_failed_row {
    uint32_t row; /* index in the shard */
    const char *origin, *host, *status, *reason;
    bool is_worth_retry;
} tl_failed_row;

typedef struct tl_host_tally {
    const char *host;
    uint64_t good, failed, bytes;
} tl_host_tally;

/* All that is entered of a finished shard, or entered anew of one that was written again. */
typedef struct tl_finished_shard {
    uint64_t number;
    const char *name;
    uint64_t samples, bytes;
    uint64_t row_count; /* rows of the list that fell into it */
    uint64_t next_row;  /* number of the first row of the list that comes after it */
    const uint64_t *url_hashes;
    size_t url_count;
    const uint64_t *picture_hashes;
    size_t picture_count;
    const tl_failed_row *failed;
    size_t failed_count;
    const tl_host_tally *hosts;
    size_t host_count;
} tl_finished_shard;

bool tl_download_ledger_add_shard(tl_ledger *ledger, int64_t list_id, const tl_finished_shard *shard, tl_error *err) TL_MUST_USE;

typedef struct tl_finished_place {
    uint64_t number, row_count, next_row;
    uint64_t worth_retry; /* failed rows that may succeed another time */
} tl_finished_place;
/* Visits the finished shards of a list, by number. */
bool tl_download_ledger_each_shard(tl_ledger *ledger, int64_t list_id,
                                   bool (*visit)(void *context, const tl_finished_place *place, tl_error *err), void *context,
                                   tl_error *err) TL_MUST_USE;
/* Visits hashes of the dataset's finished shards: of URLs of lists before list_id, or of pictures of all. */
bool tl_download_ledger_each_known_url(tl_ledger *ledger, int64_t before_list,
                                       bool (*visit)(void *context, uint64_t hash, tl_error *err), void *context,
                                       tl_error *err) TL_MUST_USE;
bool tl_download_ledger_each_picture(tl_ledger *ledger,
                                     bool (*visit)(void *context, uint64_t shard, uint64_t hash, tl_error *err), void *context,
                                     tl_error *err) TL_MUST_USE;
bool tl_download_ledger_each_failed(tl_ledger *ledger, uint64_t shard,
                                    bool (*visit)(void *context, const tl_failed_row *row, tl_error *err), void *context,
                                    tl_error *err) TL_MUST_USE;
/* Sums of a list's finished shards, and its reasons (unsorted). */
bool tl_download_ledger_sum(tl_ledger *ledger, int64_t list_id, uint64_t *samples, uint64_t *shards, uint64_t *bytes,
                            tl_error *err) TL_MUST_USE;
bool tl_download_ledger_each_reason(tl_ledger *ledger, int64_t list_id,
                                    bool (*visit)(void *context, const char *reason, uint64_t count, tl_error *err),
                                    void *context, tl_error *err) TL_MUST_USE;
/* Visits the failed rows of all lists, for people. */
bool tl_download_ledger_each_origin(tl_ledger *ledger, bool (*visit)(void *context, const char *origin, const char *reason),
                                    void *context, tl_error *err) TL_MUST_USE;
/* What a run did, for rates in reports. */
bool tl_download_ledger_add_run(tl_ledger *ledger, int64_t list_id, double seconds, uint64_t rows, uint64_t stored,
                                uint64_t received_bytes, tl_error *err) TL_MUST_USE;

#endif
