/* Owns the SQL of the index: one table of texts, so that all access paths can be read in one place. */
#include "index/catalogue/statements.h"

#include "base/core/memory.h"

#define ITEM_COLUMNS                                                                                                       \
    "i.id, r.path, i.path, i.size, i.modified_ns, i.hash, i.width, i.height, i.taken, i.camera, i.latitude, i.longitude, " \
    "i.url, i.split "

#define BLOCK_COLUMNS "id, set_id, list, count, checksum, head, vectors "

static const char *const texts[] = {
    [TL_SQL_BEGIN_READ] = "BEGIN",
    [TL_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [TL_SQL_COMMIT] = "COMMIT",
    [TL_SQL_ROOT_FIND] = "SELECT id FROM roots WHERE path=?1",
    [TL_SQL_ROOT_ADD] = "INSERT INTO roots(path) VALUES(?1)",
    [TL_SQL_ROOT_RENAME] = "UPDATE roots SET path=?2 WHERE id=?1",
    [TL_SQL_ROOT_REMOVE_EMPTY] = "DELETE FROM roots WHERE id=?1 AND NOT EXISTS(SELECT 1 FROM items WHERE root_id=?1)",
    [TL_SQL_ROOT_CLASH] = "SELECT a.path FROM items a JOIN items b ON b.root_id=?2 AND b.path=a.path WHERE a.root_id=?1 LIMIT 1",
    [TL_SQL_ROOT_MERGE] = "UPDATE items SET root_id=?2 WHERE root_id=?1",
    [TL_SQL_ROOT_EACH] = "SELECT id, path FROM roots",
    [TL_SQL_ITEM_FIND] = "SELECT id, hash FROM items WHERE root_id=?1 AND path=?2",
    [TL_SQL_ITEM_PLACE] = "SELECT root_id FROM items WHERE id=?1",
    [TL_SQL_ITEM_ADD] = "INSERT INTO items(root_id, path, size, modified_ns, hash, width, height, taken, camera, latitude, "
                        "longitude, url, split) "
                        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [TL_SQL_ITEM_UPDATE] =
        "UPDATE items SET size=?3, modified_ns=?4, hash=?5, width=?6, height=?7, taken=?8, camera=?9, latitude=?10, "
        "longitude=?11, url=?12, split=?13 WHERE id=?1",
    [TL_SQL_ITEM_MOVE] = "UPDATE items SET root_id=?2, path=?3 WHERE id=?1",
    [TL_SQL_ITEM_TOUCH] = "UPDATE items SET modified_ns=?2 WHERE id=?1",
    [TL_SQL_ITEM_REMOVE] = "DELETE FROM items WHERE id=?1",
    [TL_SQL_ITEM_READ] = "SELECT " ITEM_COLUMNS "FROM items i JOIN roots r ON r.id=i.root_id WHERE i.id=?1",
    [TL_SQL_ITEM_EACH] = "SELECT " ITEM_COLUMNS "FROM roots r CROSS JOIN items i ON i.root_id=r.id ORDER BY r.path, i.path",
    [TL_SQL_ITEM_EACH_OF_ROOT] =
        "SELECT " ITEM_COLUMNS "FROM roots r CROSS JOIN items i ON i.root_id=r.id WHERE r.path=?1 ORDER BY i.path",
    [TL_SQL_ITEM_IDS_IN_RANGE] = "SELECT id FROM items WHERE root_id=?1 AND path>=?2 AND path<?3",
    [TL_SQL_CAPTION_OF_ITEM] = "SELECT id, text, position FROM captions WHERE item_id=?1 ORDER BY position",
    [TL_SQL_CAPTION_ADD] = "INSERT INTO captions(item_id, position, text) VALUES(?1, ?2, ?3)",
    [TL_SQL_CAPTION_PLACE] = "UPDATE captions SET position=?2 WHERE id=?1",
    [TL_SQL_CAPTION_REMOVE] = "DELETE FROM captions WHERE id=?1",
    /* The index holds item_id a second time; a row that a flipped bit changed does not agree with it. */
    [TL_SQL_CAPTION_ITEM] =
        "SELECT c.item_id, EXISTS(SELECT 1 FROM captions d INDEXED BY captions_of_item WHERE d.item_id=c.item_id AND "
        "d.position=c.position AND d.id=c.id) FROM captions c WHERE c.id=?1",
    [TL_SQL_CAPTION_IDS_IN_RANGE] =
        "SELECT c.id FROM items i CROSS JOIN captions c ON c.item_id=i.id WHERE i.root_id=?1 AND i.path>=?2 AND i.path<?3",
    [TL_SQL_SET_FIND] = "SELECT id, dim, count, dtype, lists, divided, generation FROM vector_sets WHERE model=?1 AND kind=?2",
    [TL_SQL_SET_ADD] = "INSERT INTO vector_sets(model, kind, model_name, dim, dtype, count, lists, divided, generation) "
                       "VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0)",
    [TL_SQL_SET_COUNT] = "UPDATE vector_sets SET count=count+?2 WHERE id=?1",
    [TL_SQL_SET_DIVIDED] = "UPDATE vector_sets SET lists=?2, divided=count, generation=generation+1 WHERE id=?1",
    [TL_SQL_SET_EACH] = "SELECT id, model, kind, model_name, dim, count, dtype, lists, divided, generation FROM vector_sets "
                        "ORDER BY count DESC, id",
    [TL_SQL_SET_DIVIDED_EACH] = "SELECT id, dim, count, dtype, lists, divided, generation FROM vector_sets WHERE lists>0",
    [TL_SQL_BLOCK_READ] = "SELECT " BLOCK_COLUMNS "FROM vector_blocks WHERE id=?1",
    [TL_SQL_BLOCK_EACH] =
        "SELECT " BLOCK_COLUMNS "FROM vector_blocks INDEXED BY vector_blocks_of_list WHERE set_id=?1 ORDER BY list, id",
    [TL_SQL_BLOCK_EACH_OF_TAIL] =
        "SELECT " BLOCK_COLUMNS "FROM vector_blocks INDEXED BY vector_blocks_of_list WHERE set_id=?1 AND list=0 ORDER BY id",
    [TL_SQL_BLOCK_DIRECTORY] = "SELECT id, list, count, radius, mark FROM vector_blocks INDEXED BY vector_blocks_of_list "
                               "WHERE set_id=?1 ORDER BY list, id",
    [TL_SQL_BLOCK_HEAD] = "SELECT head FROM vector_blocks WHERE id=?1",
    [TL_SQL_BLOCK_PLACE] = "SELECT radius, mark FROM vector_blocks WHERE id=?1",
    [TL_SQL_BLOCK_WITH_ROOM] = "SELECT id FROM vector_blocks INDEXED BY vector_blocks_by_count WHERE set_id=?1 AND list=0 AND "
                               "count<?2 ORDER BY count DESC LIMIT 1",
    [TL_SQL_BLOCK_SMALL] = "SELECT id FROM vector_blocks INDEXED BY vector_blocks_by_count WHERE set_id=?1 AND list=?2 AND "
                           "count<?3 ORDER BY count DESC LIMIT 1",
    [TL_SQL_BLOCK_ADD] = "INSERT INTO vector_blocks(set_id, list, count, checksum, radius, mark, head, vectors) "
                         "VALUES(?1, ?2, 0, 0, 0, 0, x'', x'')",
    [TL_SQL_BLOCK_REPLACE] =
        "UPDATE vector_blocks SET count=?2, checksum=?3, radius=?4, mark=?5, head=?6, vectors=?7 WHERE id=?1",
    [TL_SQL_BLOCK_REMOVE] = "DELETE FROM vector_blocks WHERE id=?1",
    [TL_SQL_TAIL_COUNT] = "SELECT ifnull(sum(count), 0) FROM vector_blocks INDEXED BY vector_blocks_by_count WHERE set_id=?1 AND "
                          "list=0",
    [TL_SQL_CENTROIDS_ADD] = "INSERT INTO vector_centroids(set_id, first, count, checksum, centroids) VALUES(?1, ?2, ?3, ?4, ?5)",
    [TL_SQL_CENTROIDS_EACH] = "SELECT first, count, checksum, centroids FROM vector_centroids WHERE set_id=?1 ORDER BY first",
    [TL_SQL_CENTROIDS_REMOVE] = "DELETE FROM vector_centroids WHERE set_id=?1",
    [TL_SQL_OWNER_FIND] = "SELECT block_id FROM vector_owners WHERE set_id=?1 AND owner=?2",
    [TL_SQL_OWNER_ADD] = "INSERT INTO vector_owners(set_id, owner, block_id) VALUES(?1, ?2, ?3)",
    [TL_SQL_OWNER_MOVE] = "UPDATE vector_owners SET block_id=?3 WHERE set_id=?1 AND owner=?2",
    [TL_SQL_OWNER_REMOVE] = "DELETE FROM vector_owners WHERE set_id=?1 AND owner=?2",
    [TL_SQL_OWNER_SETS] = "SELECT o.set_id, s.dim, o.block_id, s.dtype FROM vector_sets s CROSS JOIN vector_owners o ON "
                          "o.set_id=s.id AND o.owner=?2 "
                          "WHERE s.kind=?1",
    [TL_SQL_OWNER_COUNT] = "SELECT count(*) FROM vector_owners WHERE set_id=?1",
    [TL_SQL_ITEM_MISSING] = "SELECT i.id FROM items i WHERE NOT EXISTS(SELECT 1 FROM vector_owners o WHERE o.set_id=?1 AND "
                            "o.owner=i.id) ORDER BY i.id",
    [TL_SQL_CAPTION_MISSING] =
        "SELECT c.id FROM captions c WHERE NOT EXISTS(SELECT 1 FROM vector_owners o WHERE o.set_id=?1 AND o.owner=c.id) "
        "ORDER BY c.id",
    [TL_SQL_DATA_VERSION] = "PRAGMA data_version",
    [TL_SQL_COUNTS] = "SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM captions), (SELECT count(*) FROM roots)",
};

sqlite3_stmt *tl_statements__get(tl_statements *statements, tl_statement which, tl_error *err)
{
    sqlite3_stmt **prepared = &statements->prepared[which];
    if (*prepared == NULL) {
        if (!tl_database_prepare(statements->database, texts[which], prepared, err))
            return NULL;
    } else {
        sqlite3_reset(*prepared);
        sqlite3_clear_bindings(*prepared);
    }
    return *prepared;
}

bool tl_statements__step(tl_statements *statements, sqlite3_stmt *statement, bool *row, tl_error *err)
{
    return tl_database_step(statements->database, statement, row, err);
}

bool tl_statements__run(tl_statements *statements, sqlite3_stmt *statement, tl_error *err)
{
    bool row = true;
    while (row)
        if (!tl_database_step(statements->database, statement, &row, err))
            return false;
    sqlite3_reset(statement);
    return true;
}

void tl_statements__rest(tl_statements *statements)
{
    for (size_t i = 0; i < TL_STATEMENT_COUNT; i++)
        if (statements->prepared[i] != NULL)
            sqlite3_reset(statements->prepared[i]);
}

void tl_statements__clear(tl_statements *statements)
{
    for (size_t i = 0; i < TL_STATEMENT_COUNT; i++) {
        sqlite3_finalize(statements->prepared[i]);
        statements->prepared[i] = NULL;
    }
}

void tl_statements__bind_text(sqlite3_stmt *statement, int position, const char *text)
{
    if (text != NULL)
        sqlite3_bind_text(statement, position, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, position);
}

bool tl_statements__run_integers(tl_statements *statements, tl_statement which, int64_t first, int64_t second, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(statements, which, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) >= 2)
        sqlite3_bind_int64(statement, 2, second);
    return tl_statements__run(statements, statement, err);
}

bool tl_ids__append(tl_ids *ids, int64_t id, tl_error *err)
{
    if (!tl_memory_reserve((void **)&ids->items, &ids->capacity, ids->count + 1, sizeof *ids->items, err))
        return false;
    ids->items[ids->count++] = id;
    return true;
}

bool tl_ids__contain(const tl_ids *ids, int64_t id)
{
    size_t low = 0, high = ids->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids->items[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ids->count && ids->items[low] == id;
}

bool tl_statements__collect_ids(tl_statements *statements, sqlite3_stmt *statement, tl_ids *ids, tl_error *err)
{
    bool row = true;
    while (row) {
        if (!tl_database_step(statements->database, statement, &row, err))
            return false;
        if (row && !tl_ids__append(ids, sqlite3_column_int64(statement, 0), err))
            return false;
    }
    sqlite3_reset(statement);
    return true;
}
