/* Owns the SQL of the catalogue: one table of texts, so that all access paths can be read in one place. */
#include "index/catalogue/statements.h"

#define ITEM_COLUMNS                                                                                                       \
    "i.id, r.path, i.path, i.size, i.modified_ns, i.hash, i.width, i.height, i.taken, i.camera, i.latitude, i.longitude, " \
    "i.url, i.split "

/* What is summed of a row (index/catalogue/table_sums.c): the columns of its index, its id, the others. */
#define ROOT_KEY "SELECT path, id FROM roots "
#define ITEM_KEY "SELECT root_id, path, id FROM items "
#define ITEM_ROW                                                                                                             \
    "SELECT root_id, path, id, size, modified_ns, hash, width, height, taken, camera, latitude, longitude, url, split FROM " \
    "items "
#define CAPTION_KEY "SELECT item_id, position, id FROM captions "
#define CAPTION_ROW "SELECT item_id, position, id, text FROM captions "

static const char *const texts[] = {
    [TL_SQL_BEGIN_READ] = "BEGIN",
    [TL_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [TL_SQL_COMMIT] = "COMMIT",
    [TL_SQL_ROOT_FIND] = "SELECT id FROM roots WHERE path=?1",
    [TL_SQL_ROOT_ADD] = "INSERT INTO roots(path) VALUES(?1)",
    [TL_SQL_ROOT_RENAME] = "UPDATE roots SET path=?2 WHERE id=?1",
    [TL_SQL_ROOT_REMOVE] = "DELETE FROM roots WHERE id=?1",
    [TL_SQL_ROOT_CLASH] = "SELECT a.path FROM items a JOIN items b ON b.root_id=?2 AND b.path=a.path WHERE a.root_id=?1 LIMIT 1",
    [TL_SQL_ROOT_EACH] = "SELECT id, path FROM roots INDEXED BY sqlite_autoindex_roots_1",
    [TL_SQL_ITEM_FIND] = "SELECT id, hash FROM items WHERE root_id=?1 AND path=?2",
    [TL_SQL_ITEM_PLACE] = "SELECT root_id FROM items WHERE id=?1",
    [TL_SQL_ITEM_ADD] = "INSERT INTO items(root_id, path, size, modified_ns, hash, width, height, taken, camera, latitude, "
                        "longitude, url, split) "
                        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [TL_SQL_ITEM_UPDATE] =
        "UPDATE items SET size=?3, modified_ns=?4, hash=?5, width=?6, height=?7, taken=?8, camera=?9, latitude=?10, "
        "longitude=?11, url=?12, split=?13 WHERE id=?1",
    [TL_SQL_ITEM_MOVE] = "UPDATE items SET root_id=?2, path=?3 WHERE id=?1",
    [TL_SQL_ITEM_CHANGE_ROOT] = "UPDATE items SET root_id=?2 WHERE id=?1",
    [TL_SQL_ITEM_TOUCH] = "UPDATE items SET modified_ns=?2 WHERE id=?1",
    [TL_SQL_ITEM_REMOVE] = "DELETE FROM items WHERE id=?1",
    /* The indexes hold both paths a second time; a row that a flipped bit changed does not agree with them. */
    [TL_SQL_ITEM_READ] =
        "SELECT " ITEM_COLUMNS ", EXISTS(SELECT 1 FROM items j INDEXED BY sqlite_autoindex_items_1 WHERE j.root_id=i.root_id "
        "AND j.path=i.path AND j.id=i.id) AND EXISTS(SELECT 1 FROM roots q INDEXED BY sqlite_autoindex_roots_1 WHERE "
        "q.path=r.path AND q.id=r.id) FROM items i JOIN roots r ON r.id=i.root_id WHERE i.id=?1",
    [TL_SQL_ITEM_EACH] = "SELECT " ITEM_COLUMNS "FROM roots r CROSS JOIN items i ON i.root_id=r.id ORDER BY r.path, i.path",
    [TL_SQL_ITEM_EACH_OF_ROOT] =
        "SELECT " ITEM_COLUMNS "FROM roots r CROSS JOIN items i ON i.root_id=r.id WHERE r.path=?1 ORDER BY i.path",
    [TL_SQL_ITEM_IDS_OF_ROOT] = "SELECT id FROM items WHERE root_id=?1",
    [TL_SQL_ITEM_IDS_IN_RANGE] = "SELECT id FROM items INDEXED BY sqlite_autoindex_items_1 WHERE root_id=?1 AND path>=?2 AND "
                                 "path<?3",
    [TL_SQL_CAPTION_OF_ITEM] = "SELECT id, text, position FROM captions WHERE item_id=?1 ORDER BY position",
    [TL_SQL_CAPTION_ADD] = "INSERT INTO captions(item_id, position, text) VALUES(?1, ?2, ?3)",
    [TL_SQL_CAPTION_PLACE] = "UPDATE captions SET position=?2 WHERE id=?1",
    [TL_SQL_CAPTION_REMOVE] = "DELETE FROM captions WHERE id=?1",
    /* The index holds item_id a second time; a row that a flipped bit changed does not agree with it. */
    [TL_SQL_CAPTION_ITEM] =
        "SELECT c.item_id, EXISTS(SELECT 1 FROM captions d INDEXED BY captions_of_item WHERE d.item_id=c.item_id AND "
        "d.position=c.position AND d.id=c.id) FROM captions c WHERE c.id=?1",
    [TL_SQL_CAPTION_IDS_IN_RANGE] =
        "SELECT c.id FROM items i INDEXED BY sqlite_autoindex_items_1 CROSS JOIN captions c INDEXED BY captions_of_item "
        "ON c.item_id=i.id WHERE i.root_id=?1 AND i.path>=?2 AND i.path<?3",
    [TL_SQL_SET_FIND] = "SELECT id, dim, count, dtype, lists, divided, generation FROM vector_sets WHERE model=?1 AND kind=?2",
    [TL_SQL_SET_ADD] = "INSERT INTO vector_sets(model, kind, model_name, dim, dtype, count, lists, divided, generation) "
                       "VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0)",
    [TL_SQL_SET_EACH] = "SELECT id, model, kind, model_name, dim, count, dtype, lists, divided, generation FROM vector_sets "
                        "ORDER BY count DESC, id",
    [TL_SQL_SET_OF_OWNER] =
        "SELECT s.id, s.dim, s.count, s.dtype, s.lists, s.divided, s.generation FROM vector_sets s CROSS JOIN "
        "vector_owners o ON o.set_id=s.id AND o.owner=?2 WHERE s.kind=?1",
    [TL_SQL_ITEM_MISSING] = "SELECT i.id FROM items i WHERE NOT EXISTS(SELECT 1 FROM vector_owners o WHERE o.set_id=?1 AND "
                            "o.owner=i.id) ORDER BY i.id",
    [TL_SQL_CAPTION_MISSING] =
        "SELECT c.id FROM captions c WHERE NOT EXISTS(SELECT 1 FROM vector_owners o WHERE o.set_id=?1 AND o.owner=c.id) "
        "ORDER BY c.id",
    [TL_SQL_COUNTS] = "SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM captions), (SELECT count(*) FROM roots)",
    [TL_SQL_ROOT_SUMMED] = ROOT_KEY "WHERE id=?1",
    [TL_SQL_ROOT_EACH_KEY] = ROOT_KEY "INDEXED BY sqlite_autoindex_roots_1",
    [TL_SQL_ROOT_EACH_ROW] = ROOT_KEY "NOT INDEXED",
    [TL_SQL_ITEM_SUMMED] = ITEM_ROW "WHERE id=?1",
    [TL_SQL_ITEM_EACH_KEY] = ITEM_KEY "INDEXED BY sqlite_autoindex_items_1",
    [TL_SQL_ITEM_EACH_ROW] = ITEM_ROW "NOT INDEXED",
    [TL_SQL_CAPTION_SUMMED] = CAPTION_ROW "WHERE id=?1",
    [TL_SQL_CAPTION_EACH_KEY] = CAPTION_KEY "INDEXED BY captions_of_item",
    [TL_SQL_CAPTION_EACH_ROW] = CAPTION_ROW "NOT INDEXED",
    [TL_SQL_WORDS_ADD] = "INSERT INTO caption_words(rowid, text) SELECT id, text FROM captions WHERE id=?1",
    [TL_SQL_WORDS_REMOVE] =
        "INSERT INTO caption_words(caption_words, rowid, text) SELECT 'delete', id, text FROM captions WHERE id=?1",
    [TL_SQL_WORDS_FIND] = "SELECT rowid FROM caption_words WHERE caption_words MATCH ?1 ORDER BY rank, rowid",
    [TL_SQL_SUMS_READ] = "SELECT count, keys, rows, checksum FROM table_sums WHERE name=?1",
    [TL_SQL_SUMS_WRITE] = "INSERT OR REPLACE INTO table_sums(name, count, keys, rows, checksum) VALUES(?1, ?2, ?3, ?4, ?5)",
};

_Static_assert((int)TL_STATEMENT_COUNT <= (int)TL_STATEMENT_LIMIT, "a prepared statement has a place");

tl_statements tl_catalogue__statements(sqlite3 *database)
{
    return (tl_statements){.database = database, .texts = texts};
}
