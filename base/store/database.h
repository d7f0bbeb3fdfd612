/*
 * SQLite as our own files use it: opened with one set of pragmas, an application_id that says whose file it is, and ordered
 * migrations; errors carry the file's name and SQLite's reason.
 */
#ifndef TL_BASE_STORE_DATABASE_H
#define TL_BASE_STORE_DATABASE_H

#include "base/store/sql.h"

#include <stdint.h>

typedef struct tl_migration {
    int version;     /* user_version after it; 1, 2, 3, ... */
    const char *sql; /* run in the transaction that raises user_version */
} tl_migration;

typedef struct tl_database_schema {
    int32_t application_id;
    const char *what; /* "picture index": for messages */
    const tl_migration *migrations;
    size_t migration_count;
    /* Rows span many pages: the file keeps a map of which page follows which, so that what lies deep in a row is found without
     * touching the pages before it. A file without one gets it by tl_database_rewrite. */
    bool maps_pages;
    /* After migrations from that version (0: a new file), in their transaction: what SQL cannot do. NULL: nothing. */
    bool (*finish)(sqlite3 *database, int64_t version, tl_error *err);
} tl_database_schema;

typedef enum tl_database_mode { TL_DATABASE_READ, TL_DATABASE_WRITE, TL_DATABASE_CREATE } tl_database_mode;

/*
 * Opens or creates, checks application_id (not ours: TL_ERROR_INVALID) and user_version (newer: TL_ERROR_UNSUPPORTED), migrates
 * when writing. WAL, foreign_keys on, busy timeout, synchronous FULL. A file on read-only
 * media opens immutable in mode read. A missing file in mode read or write is TL_ERROR_NOT_FOUND and is not created. The log
 * stays below some 32 MiB and a commit, beside readers whose transactions end; one that is held open keeps all that is written
 * after it.
 */
bool tl_database_open(const char *path, const tl_database_schema *schema, tl_database_mode mode, sqlite3 **out,
                      tl_error *err) TL_MUST_USE;
/* Writes the file anew, without free pages; outside a transaction. */
bool tl_database_rewrite(sqlite3 *database, const tl_database_schema *schema, tl_error *err) TL_MUST_USE;
void tl_database_close(sqlite3 *database); /* NULL is fine */

#endif
