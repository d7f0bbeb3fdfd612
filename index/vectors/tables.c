/*
 * Owns the text of a store's tables. The picture index has its own (index/catalogue/schema.c), whose sets say more of themselves;
 * columns with the same names mean the same. Indexes are those of UNIQUE constraints (which the id fulfils anyway): SQLite
 * renames these with their table, and others could not be dropped while a table is renamed.
 */
#include "index/vectors/tables.h"

#include "base/core/string.h"

#include <stdio.h>

enum { MAX_SQL = 1 << 16 };

static const char create_sql[] =
    "CREATE TABLE @sets(id INTEGER PRIMARY KEY, dim INTEGER NOT NULL, dtype TEXT NOT NULL, count INTEGER NOT NULL, "
    "lists INTEGER NOT NULL, divided INTEGER NOT NULL, generation INTEGER NOT NULL) STRICT;"
    "CREATE TABLE @blocks(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL, list INTEGER NOT NULL, count INTEGER NOT NULL, "
    "checksum INTEGER NOT NULL, radius REAL NOT NULL, mark INTEGER NOT NULL, head BLOB NOT NULL, vectors BLOB NOT NULL, "
    "UNIQUE(set_id, list, id, count, radius, mark), UNIQUE(set_id, list, count, id)) STRICT;"
    "CREATE TABLE @centroids(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, "
    "checksum INTEGER NOT NULL, centroids BLOB NOT NULL, UNIQUE(set_id, first)) STRICT;"
    "CREATE TABLE @owners(set_id INTEGER NOT NULL, owner INTEGER NOT NULL, block_id INTEGER NOT NULL, "
    "PRIMARY KEY(set_id, owner)) STRICT, WITHOUT ROWID;";
static const char drop_sql[] = "DROP TABLE IF EXISTS @sets;DROP TABLE IF EXISTS @blocks;DROP TABLE IF EXISTS @centroids;"
                               "DROP TABLE IF EXISTS @owners";
static const char *const names[] = {"sets", "blocks", "centroids", "owners"};

static bool run(tl_store *store, const char *text, tl_error *err)
{
    tl_string sql;
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_statements__expand(text, &store->statements.names, &sql, err) &&
              tl_database_execute(store->statements.database, sql.data, err);
    tl_string_clear(&sql);
    return ok;
}

bool tl_tables__create(tl_store *store, tl_error *err)
{
    return run(store, create_sql, err);
}

bool tl_tables__drop(tl_store *store, tl_error *err)
{
    tl_statements__clear(&store->statements);
    return run(store, drop_sql, err);
}

bool tl_tables__rename(tl_store *store, const char *prefix, tl_error *err)
{
    bool ok = true;
    tl_statements__clear(&store->statements);
    for (size_t i = 0; ok && i < sizeof names / sizeof names[0]; i++)
        ok = tl_tables__rename_one(store->statements.database, &store->statements.names, names[i], prefix, err);
    return ok;
}

bool tl_tables__rename_one(sqlite3 *database, const tl_names *from, const char *table, const char *prefix, tl_error *err)
{
    tl_string sql;
    tl_names to = {from->schema, prefix, from->has_own_tables};
    char first[64], second[32];
    snprintf(first, sizeof first, "ALTER TABLE @%s RENAME TO ", table);
    snprintf(second, sizeof second, "#%s", table);
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_statements__expand(first, from, &sql, err) && tl_statements__expand(second, &to, &sql, err) &&
              tl_database_execute(database, sql.data, err);
    tl_string_clear(&sql);
    return ok;
}
