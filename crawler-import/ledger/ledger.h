/*
 * The ledger of a dataset (ledger.db): which sources were read how far, which shards are finished and what is in them, what was
 * skipped and why. All changes since a shard was finished lie in one transaction, so that a killed run leaves the state of its
 * last finished shard.
 */
#ifndef TL_CRAWLER_IMPORT_LEDGER_LEDGER_H
#define TL_CRAWLER_IMPORT_LEDGER_LEDGER_H

#include "crawler-import/import.h"

typedef struct tl_ledger tl_ledger;

typedef struct tl_ledger_source {
    int64_t id;        /* 1 for the dataset's first source, then 2, 3, ... */
    uint64_t position; /* items of the source (skipped ones too) that finished shards account for */
    bool is_done;
    uint64_t items_hash; /* of those items; whoever reads them defines it, 0 for none */
    bool has_items_hash; /* false: a version 1 ledger left the source unfinished */
    bool is_folder;      /* its items may change without its own status telling; not stored */
} tl_ledger_source;

/* dataset exists; create makes the ledger when it is missing. Without it, one of an older version is read as it is. */
bool tl_ledger_open(const char *dataset, bool create, tl_ledger **out, tl_error *err) TL_MUST_USE;
/* The same of a ledger under another name: that of one part of a divided download. */
bool tl_ledger_open_file(const char *dataset, const char *name, bool create, tl_ledger **out, tl_error *err) TL_MUST_USE;
void tl_ledger_close(tl_ledger *ledger); /* rolls an open transaction back */

/* Begins the transaction that keeps other runs out; *shard_count is the number of finished shards. A download that is not
 * finished is an error: the next shards are its own. */
bool tl_ledger_begin(tl_ledger *ledger, uint64_t *shard_count, tl_error *err) TL_MUST_USE;
bool tl_ledger_commit(tl_ledger *ledger, tl_error *err) TL_MUST_USE;

/* Finds the source by its path or adds it. A file that changed since its import began, finished or not, is an error. */
bool tl_ledger_put_source(tl_ledger *ledger, const char *path, const char *kind, tl_ledger_source *out,
                          tl_error *err) TL_MUST_USE;
bool tl_ledger_set_position(tl_ledger *ledger, const tl_ledger_source *source, tl_error *err) TL_MUST_USE;
bool tl_ledger_add_skipped(tl_ledger *ledger, int64_t source_id, const char *origin, const char *reason,
                           tl_error *err) TL_MUST_USE;
bool tl_ledger_add_shard(tl_ledger *ledger, uint64_t number, const char *name, uint64_t samples, uint64_t bytes,
                         tl_error *err) TL_MUST_USE;
/* What of a shard came from one source: the hashes of the keys. */
bool tl_ledger_add_part(tl_ledger *ledger, uint64_t shard_number, int64_t source_id, const uint64_t *key_hashes, size_t count,
                        tl_error *err) TL_MUST_USE;
bool tl_ledger_each_key(tl_ledger *ledger, bool (*visit)(void *context, uint64_t key_hash, int64_t source_id, tl_error *err),
                        void *context, tl_error *err) TL_MUST_USE;

/* Adds what the ledger holds of one source to the report's imported and skipped counts and reasons (unsorted, any number). */
bool tl_ledger_each_reason(tl_ledger *ledger, int64_t source_id,
                           bool (*visit)(void *context, const char *reason, uint64_t count, tl_error *err), void *context,
                           tl_error *err) TL_MUST_USE;
/* Samples of one source in finished shards. */
bool tl_ledger_count_samples(tl_ledger *ledger, int64_t source_id, uint64_t *samples, tl_error *err) TL_MUST_USE;
/* Visits the finished shards that hold samples of the source. */
bool tl_ledger_each_shard(tl_ledger *ledger, int64_t source_id,
                          bool (*visit)(void *context, uint64_t number, uint64_t bytes, tl_error *err), void *context,
                          tl_error *err) TL_MUST_USE;
bool tl_ledger_each_skipped(tl_ledger *ledger, bool (*visit)(void *context, const char *origin, const char *reason),
                            void *context, tl_error *err) TL_MUST_USE;

#endif
