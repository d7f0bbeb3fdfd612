/* What the two halves of the ledger share: ledger.c (sources, shards) and download_ledger.c (lists of URLs). */
#ifndef TL_CRAWLER_IMPORT_LEDGER_LEDGER_INTERNAL_H
#define TL_CRAWLER_IMPORT_LEDGER_LEDGER_INTERNAL_H

#include "base/store/database.h"
#include "crawler-import/ledger/ledger.h"

struct tl_ledger {
    sqlite3 *database;
    sqlite3_stmt *add_skipped;
    char *path;
};

/* docs/FORMATS.md describes them for people. */
#define TL_LEDGER_DOWNLOAD_TABLES                                                                                              \
    "CREATE TABLE lists(id INTEGER PRIMARY KEY, sources TEXT NOT NULL, settings TEXT NOT NULL, first_shard INTEGER NOT NULL,"  \
    " shard_count INTEGER, state TEXT NOT NULL);"                                                                              \
    "CREATE TABLE list_shards(shard INTEGER PRIMARY KEY REFERENCES shards(number), list_id INTEGER NOT NULL REFERENCES"        \
    " lists(id), row_count INTEGER NOT NULL, next_row INTEGER NOT NULL, url_hashes BLOB NOT NULL, picture_hashes BLOB NOT "    \
    "NULL);"                                                                                                                   \
    "CREATE TABLE failed_rows(shard INTEGER NOT NULL REFERENCES shards(number), row INTEGER NOT NULL, origin TEXT NOT NULL,"   \
    " host TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, worth_retry INTEGER NOT NULL, PRIMARY KEY(shard, row)) " \
    "WITHOUT ROWID;"                                                                                                           \
    "CREATE TABLE shard_hosts(shard INTEGER NOT NULL REFERENCES shards(number), host TEXT NOT NULL, good INTEGER NOT NULL,"    \
    " failed INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(shard, host)) WITHOUT ROWID;"                               \
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, list_id INTEGER NOT NULL REFERENCES lists(id), seconds REAL NOT NULL,"          \
    " rows INTEGER NOT NULL, stored INTEGER NOT NULL, received_bytes INTEGER NOT NULL);"

/* Runs a statement to its end and finalises it. */
bool tl_ledger__run_once(tl_ledger *ledger, sqlite3_stmt *statement, tl_error *err) TL_MUST_USE;
/* Fails when a download of the dataset is not finished. */
bool tl_ledger__check_no_download(tl_ledger *ledger, tl_error *err) TL_MUST_USE;

#endif
