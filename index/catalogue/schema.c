/*
 * Owns the text of the tables. A migration that changes one adds a step here and changes the text in `objects` to what SQLite
 * then keeps in sqlite_schema.
 */
#include "index/catalogue/schema.h"

#include "index/catalogue/table_sums.h"

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
#define VECTOR_SETS_1_SQL                                                                                                       \
    "CREATE TABLE vector_sets(id INTEGER PRIMARY KEY, model TEXT NOT NULL, kind TEXT NOT NULL CHECK(kind IN ('image', "         \
    "'caption')), "                                                                                                             \
    "model_name TEXT NOT NULL, dim INTEGER NOT NULL CHECK(dim BETWEEN 1 AND 65536), dtype TEXT NOT NULL CHECK(dtype = 'f32'), " \
    "count INTEGER NOT NULL, UNIQUE(model, kind)) STRICT"
#define VECTOR_BLOCKS_1_SQL                                                                                   \
    "CREATE TABLE vector_blocks(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES vector_sets(id), " \
    "count INTEGER NOT NULL, checksum INTEGER NOT NULL, owners BLOB NOT NULL, vectors BLOB NOT NULL) STRICT"
#define VECTOR_BLOCKS_OF_SET_1_SQL "CREATE INDEX vector_blocks_of_set ON vector_blocks(set_id)"
#define VECTOR_BLOCKS_BY_COUNT_1_SQL "CREATE INDEX vector_blocks_by_count ON vector_blocks(set_id, count)"
/* Version 2: vectors of f16, and sets divided into lists. */
#define VECTOR_SETS_SQL                                                                                                 \
    "CREATE TABLE vector_sets(id INTEGER PRIMARY KEY, model TEXT NOT NULL, kind TEXT NOT NULL CHECK(kind IN ('image', " \
    "'caption')), model_name TEXT NOT NULL, dim INTEGER NOT NULL CHECK(dim BETWEEN 1 AND 65536), "                      \
    "dtype TEXT NOT NULL CHECK(dtype IN ('f16', 'f32')), count INTEGER NOT NULL, lists INTEGER NOT NULL, "              \
    "divided INTEGER NOT NULL, generation INTEGER NOT NULL, UNIQUE(model, kind)) STRICT"
#define VECTOR_BLOCKS_SQL                                                                                     \
    "CREATE TABLE vector_blocks(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES vector_sets(id), " \
    "list INTEGER NOT NULL, count INTEGER NOT NULL, checksum INTEGER NOT NULL, radius REAL NOT NULL, "        \
    "mark INTEGER NOT NULL, head BLOB NOT NULL, vectors BLOB NOT NULL) STRICT"
/* All that a search needs to know of blocks it does not read. */
#define VECTOR_BLOCKS_OF_LIST_SQL "CREATE INDEX vector_blocks_of_list ON vector_blocks(set_id, list, id, count, radius, mark)"
#define VECTOR_BLOCKS_BY_COUNT_SQL "CREATE INDEX vector_blocks_by_count ON vector_blocks(set_id, list, count)"
#define VECTOR_CENTROIDS_SQL                                                                                     \
    "CREATE TABLE vector_centroids(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES vector_sets(id), " \
    "first INTEGER NOT NULL, count INTEGER NOT NULL, checksum INTEGER NOT NULL, centroids BLOB NOT NULL, "       \
    "UNIQUE(set_id, first)) STRICT"
/* No foreign key to vector_blocks: without an index on block_id, removing a block would read this whole table. */
#define VECTOR_OWNERS_SQL                                                                                     \
    "CREATE TABLE vector_owners(set_id INTEGER NOT NULL REFERENCES vector_sets(id), owner INTEGER NOT NULL, " \
    "block_id INTEGER NOT NULL, PRIMARY KEY(set_id, owner)) STRICT, WITHOUT ROWID"

/* Version 3: what tells that the catalogue's tables are whole. */
#define TABLE_SUMS_SQL                                                                                            \
    "CREATE TABLE table_sums(name TEXT PRIMARY KEY, count INTEGER NOT NULL, keys INTEGER NOT NULL, rows INTEGER " \
    "NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID"

/* And which captions have a word. The texts are those of captions, so their writer keeps this in step (items.c). */
#define CAPTION_WORDS_SQL \
    "CREATE VIRTUAL TABLE caption_words USING fts5(text, content='captions', content_rowid='id', tokenize='porter unicode61')"

/* Foreign keys stay on, so the tables are renamed (which takes the references along), copied, and dropped children first. */
#define TO_2_SQL                                                                                                            \
    "DROP INDEX vector_blocks_of_set;DROP INDEX vector_blocks_by_count;"                                                    \
    "ALTER TABLE vector_owners RENAME TO old_owners;ALTER TABLE vector_blocks RENAME TO old_blocks;"                        \
    "ALTER TABLE vector_sets RENAME TO old_sets;" VECTOR_SETS_SQL ";" VECTOR_BLOCKS_SQL ";" VECTOR_BLOCKS_OF_LIST_SQL       \
    ";" VECTOR_BLOCKS_BY_COUNT_SQL ";" VECTOR_CENTROIDS_SQL ";" VECTOR_OWNERS_SQL                                           \
    ";INSERT INTO vector_sets SELECT id, model, kind, model_name, dim, dtype, count, 0, 0, 0 FROM old_sets;"                \
    "INSERT INTO vector_blocks SELECT id, set_id, 0, count, checksum, 0.0, 0, owners, vectors FROM old_blocks ORDER BY id;" \
    "INSERT INTO vector_owners SELECT set_id, owner, block_id FROM old_owners ORDER BY set_id, owner;"                      \
    "DROP TABLE old_owners;DROP TABLE old_blocks;DROP TABLE old_sets"

static const tl_migration migrations[] = {
    {1, ROOTS_SQL ";" ITEMS_SQL ";" CAPTIONS_SQL ";" CAPTIONS_OF_ITEM_SQL ";" VECTOR_SETS_1_SQL ";" VECTOR_BLOCKS_1_SQL
                  ";" VECTOR_BLOCKS_OF_SET_1_SQL ";" VECTOR_BLOCKS_BY_COUNT_1_SQL ";" VECTOR_OWNERS_SQL},
    {2, TO_2_SQL},
    {3, TABLE_SUMS_SQL ";" CAPTION_WORDS_SQL ";INSERT INTO caption_words(caption_words) VALUES('rebuild')"},
};

static const char *const objects[] = {
    ROOTS_SQL,
    ITEMS_SQL,
    CAPTIONS_SQL,
    CAPTIONS_OF_ITEM_SQL,
    VECTOR_SETS_SQL,
    VECTOR_BLOCKS_SQL,
    VECTOR_BLOCKS_OF_LIST_SQL,
    VECTOR_BLOCKS_BY_COUNT_SQL,
    VECTOR_CENTROIDS_SQL,
    VECTOR_OWNERS_SQL,
    TABLE_SUMS_SQL,
    CAPTION_WORDS_SQL,
};

static bool finish_migrations(sqlite3 *database, int64_t version, tl_error *err)
{
    return version >= 3 || tl_table_sums__make(database, err);
}

const tl_database_schema tl_index__schema = {
    .application_id = 0x54574C49, /* "TWLI" */
    .what = "picture index",
    .migrations = migrations,
    .migration_count = sizeof migrations / sizeof migrations[0],
    .maps_pages = true,
    .finish = finish_migrations,
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
