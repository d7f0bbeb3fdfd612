/*
 * Owns the text of the tables. A migration that changes one adds a step here and changes the text in `objects` to what SQLite
 * then keeps in sqlite_schema.
 */
#include "index/catalogue/schema.h"

#include <string.h>

#define ROOTS_SQL "CREATE TABLE roots(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT"
#define ITEMS_SQL                                                                                                             \
    "CREATE TABLE items(id INTEGER PRIMARY KEY AUTOINCREMENT, root_id INTEGER NOT NULL REFERENCES roots(id), path TEXT NOT "  \
    "NULL, "                                                                                                                  \
    "size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, hash TEXT, width INTEGER NOT NULL, height INTEGER NOT NULL, taken " \
    "TEXT, "                                                                                                                  \
    "camera TEXT, latitude REAL, longitude REAL, url TEXT, split TEXT, UNIQUE(root_id, path)) STRICT"
#define CAPTIONS_SQL                                                                                              \
    "CREATE TABLE captions(id INTEGER PRIMARY KEY AUTOINCREMENT, item_id INTEGER NOT NULL REFERENCES items(id), " \
    "position INTEGER NOT NULL, text TEXT NOT NULL) STRICT"
#define CAPTIONS_OF_ITEM_SQL "CREATE INDEX captions_of_item ON captions(item_id, position)"
#define VECTOR_SETS_SQL                                                                                                         \
    "CREATE TABLE vector_sets(id INTEGER PRIMARY KEY, model TEXT NOT NULL, kind TEXT NOT NULL CHECK(kind IN ('image', "         \
    "'caption')), "                                                                                                             \
    "model_name TEXT NOT NULL, dim INTEGER NOT NULL CHECK(dim BETWEEN 1 AND 65536), dtype TEXT NOT NULL CHECK(dtype = 'f32'), " \
    "count INTEGER NOT NULL, UNIQUE(model, kind)) STRICT"
#define VECTOR_BLOCKS_SQL                                                                                     \
    "CREATE TABLE vector_blocks(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES vector_sets(id), " \
    "count INTEGER NOT NULL, checksum INTEGER NOT NULL, owners BLOB NOT NULL, vectors BLOB NOT NULL) STRICT"
#define VECTOR_BLOCKS_OF_SET_SQL "CREATE INDEX vector_blocks_of_set ON vector_blocks(set_id)"
#define VECTOR_BLOCKS_BY_COUNT_SQL "CREATE INDEX vector_blocks_by_count ON vector_blocks(set_id, count)"
/* No foreign key to vector_blocks: without an index on block_id, removing a block would read this whole table. */
#define VECTOR_OWNERS_SQL                                                                                     \
    "CREATE TABLE vector_owners(set_id INTEGER NOT NULL REFERENCES vector_sets(id), owner INTEGER NOT NULL, " \
    "block_id INTEGER NOT NULL, PRIMARY KEY(set_id, owner)) STRICT, WITHOUT ROWID"

static const tl_migration migrations[] = {
    {1, ROOTS_SQL ";" ITEMS_SQL ";" CAPTIONS_SQL ";" CAPTIONS_OF_ITEM_SQL ";" VECTOR_SETS_SQL ";" VECTOR_BLOCKS_SQL
                  ";" VECTOR_BLOCKS_OF_SET_SQL ";" VECTOR_BLOCKS_BY_COUNT_SQL ";" VECTOR_OWNERS_SQL},
};

static const char *const objects[] = {
    ROOTS_SQL,
    ITEMS_SQL,
    CAPTIONS_SQL,
    CAPTIONS_OF_ITEM_SQL,
    VECTOR_SETS_SQL,
    VECTOR_BLOCKS_SQL,
    VECTOR_BLOCKS_OF_SET_SQL,
    VECTOR_BLOCKS_BY_COUNT_SQL,
    VECTOR_OWNERS_SQL,
};

const tl_database_schema tl_index__schema = {
    .application_id = 0x54574C49, /* "TWLI" */
    .what = "picture index",
    .migrations = migrations,
    .migration_count = sizeof migrations / sizeof migrations[0],
};

enum { OBJECT_COUNT = sizeof objects / sizeof objects[0] };

static size_t find_object(const char *sql)
{
    size_t i = 0;
    while (i < OBJECT_COUNT && strcmp(objects[i], sql) != 0)
        i++;
    return i;
}

bool tl_schema__check(sqlite3 *database, tl_error *err)
{
    bool found[OBJECT_COUNT] = {false};
    sqlite3_stmt *statement = NULL;
    bool row = false;
    /* Tables and views of others beside ours are fine; the names of ours are taken, so nothing can stand in for them. */
    bool ok = tl_database_prepare(database, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", &statement, err);
    while (ok && (ok = tl_database_step(database, statement, &row, err)) && row) {
        const char *sql = (const char *)sqlite3_column_text(statement, 0);
        size_t i = sql != NULL ? find_object(sql) : OBJECT_COUNT;
        if (i < OBJECT_COUNT)
            found[i] = true;
    }
    sqlite3_finalize(statement);
    for (size_t i = 0; ok && i < OBJECT_COUNT; i++)
        if (!found[i]) {
            size_t name_size = strcspn(objects[i], "(");
            ok = tl_fail(err, TL_ERROR_CORRUPT,
                         "'%s': expected the schema of a picture index, found no '%.*s(...)' as it should be",
                         sqlite3_db_filename(database, "main"), (int)name_size, objects[i]);
        }
    return ok;
}
