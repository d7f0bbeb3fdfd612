/*
 * Owns the text of a store's tables. The picture index has its own (index/catalogue/schema.c), whose sets say more of themselves;
 * columns with the same names mean the same.
 */
#include "index/vectors/tables.h"

#include "base/core/string.h"

#include <stdio.h>

enum { MAX_SQL = 1 << 16 };

static const char create_sql[] =
    "CREATE TABLE @sets(id INTEGER PRIMARY KEY, dim INTEGER NOT NULL, dtype TEXT NOT NULL, count INTEGER NOT NULL, "
    "lists INTEGER NOT NULL, divided INTEGER NOT NULL, generation INTEGER NOT NULL) STRICT;"
    "CREATE TABLE @blocks(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL, list INTEGER NOT NULL, count INTEGER NOT NULL, "
    "checksum INTEGER NOT NULL, radius REAL NOT NULL, mark INTEGER NOT NULL, head BLOB NOT NULL, vectors BLOB NOT NULL) STRICT;"
    "CREATE TABLE @centroids(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, "
    "checksum INTEGER NOT NULL, centroids BLOB NOT NULL, UNIQUE(set_id, first)) STRICT;"
    "CREATE TABLE @owners(set_id INTEGER NOT NULL, owner INTEGER NOT NULL, block_id INTEGER NOT NULL, "
    "PRIMARY KEY(set_id, owner)) STRICT, WITHOUT ROWID;";
/* The names of indexes belong to their table, and move with nothing. */
static const char create_indexes_sql[] = "CREATE INDEX $.#blocks_of_list ON #blocks(set_id, list, id, count, radius, mark);"
                                         "CREATE INDEX $.#blocks_by_count ON #blocks(set_id, list, count)";
static const char drop_indexes_sql[] = "DROP INDEX $.#blocks_of_list;DROP INDEX $.#blocks_by_count";
static const char drop_sql[] = "DROP TABLE IF EXISTS @sets;DROP TABLE IF EXISTS @blocks;DROP TABLE IF EXISTS @centroids;"
                               "DROP TABLE IF EXISTS @owners";
static const char *const names[] = {"sets", "blocks", "centroids", "owners"};

static bool run(tl_store *store, const char *prefix, const char *text, tl_error *err)
{
    tl_string sql;
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_statements__expand(text, store->schema, prefix, &sql, err) &&
              tl_database_execute(store->statements.database, sql.data, err);
    tl_string_clear(&sql);
    return ok;
}

bool tl_tables__create(tl_store *store, tl_error *err)
{
    return run(store, store->prefix, create_sql, err) && run(store, store->prefix, create_indexes_sql, err);
}

bool tl_tables__drop(tl_store *store, tl_error *err)
{
    tl_statements__clear(&store->statements);
    return run(store, store->prefix, drop_sql, err);
}

bool tl_tables__rename(tl_store *store, const char *prefix, tl_error *err)
{
    tl_statements__clear(&store->statements);
    bool ok = run(store, store->prefix, drop_indexes_sql, err);
    for (size_t i = 0; ok && i < sizeof names / sizeof names[0]; i++) {
        tl_string sql;
        char from[64], to[32];
        snprintf(from, sizeof from, "ALTER TABLE @%s RENAME TO ", names[i]);
        snprintf(to, sizeof to, "#%s", names[i]);
        tl_string_init(&sql, MAX_SQL);
        ok = tl_statements__expand(from, store->schema, store->prefix, &sql, err) &&
             tl_statements__expand(to, store->schema, prefix, &sql, err) &&
             tl_database_execute(store->statements.database, sql.data, err);
        tl_string_clear(&sql);
    }
    return ok && run(store, prefix, create_indexes_sql, err);
}
