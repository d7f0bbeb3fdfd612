/* Owns the SQL of a vector store: one table of texts, so that all access paths can be read in one place. */
#include "index/vectors/store_sql.h"

_Static_assert((int)TL_STORE_STATEMENT_COUNT <= (int)TL_STATEMENT_LIMIT, "a prepared statement has a place");

#define BLOCK_COLUMNS "id, set_id, list, count, checksum, head, vectors "

const char *const tl_store__texts[TL_STORE_STATEMENT_COUNT] = {
    [TL_STORE_SET_READ] = "SELECT id, dim, count, dtype, lists, divided, generation FROM @sets WHERE id=?1",
    [TL_STORE_SET_ADD] = "INSERT INTO @sets(id, dim, dtype, count, lists, divided, generation) VALUES(?1, ?2, ?3, 0, 0, 0, 0)",
    [TL_STORE_SET_COUNT] = "UPDATE @sets SET count=count+?2 WHERE id=?1",
    [TL_STORE_SET_DIVIDED] = "UPDATE @sets SET lists=?2, divided=count, generation=generation+1 WHERE id=?1",
    [TL_STORE_SET_DIVIDED_EACH] = "SELECT id, dim, count, dtype, lists, divided, generation FROM @sets WHERE lists>0",
    [TL_STORE_BLOCK_READ] = "SELECT " BLOCK_COLUMNS "FROM @blocks WHERE id=?1",
    [TL_STORE_BLOCK_EACH] = "SELECT " BLOCK_COLUMNS "FROM @blocks INDEXED BY ~1 WHERE set_id=?1 ORDER BY list, id",
    [TL_STORE_BLOCK_EACH_OF_TAIL] = "SELECT " BLOCK_COLUMNS "FROM @blocks INDEXED BY ~1 WHERE set_id=?1 AND list=0 ORDER BY id",
    [TL_STORE_BLOCK_DIRECTORY] = "SELECT id, list, count, radius, mark FROM @blocks INDEXED BY ~1 "
                                 "WHERE set_id=?1 ORDER BY list, id",
    [TL_STORE_BLOCK_HEAD] = "SELECT head FROM @blocks WHERE id=?1",
    [TL_STORE_BLOCK_PLACE] = "SELECT radius, mark FROM @blocks WHERE id=?1",
    [TL_STORE_BLOCK_WITH_ROOM] = "SELECT id FROM @blocks INDEXED BY ~2 WHERE set_id=?1 AND list=0 AND "
                                 "count<?2 ORDER BY count DESC LIMIT 1",
    [TL_STORE_BLOCK_SMALL] = "SELECT id FROM @blocks INDEXED BY ~2 WHERE set_id=?1 AND list=?2 AND "
                             "count<?3 ORDER BY count DESC LIMIT 1",
    [TL_STORE_BLOCK_ADD] = "INSERT INTO @blocks(set_id, list, count, checksum, radius, mark, head, vectors) "
                           "VALUES(?1, ?2, 0, 0, 0, 0, x'', x'')",
    [TL_STORE_BLOCK_REPLACE] = "UPDATE @blocks SET count=?2, checksum=?3, radius=?4, mark=?5, head=?6, vectors=?7 WHERE id=?1",
    [TL_STORE_BLOCK_REMOVE] = "DELETE FROM @blocks WHERE id=?1",
    [TL_STORE_TAIL_COUNT] = "SELECT ifnull(sum(count), 0) FROM @blocks INDEXED BY ~2 WHERE set_id=?1 AND "
                            "list=0",
    [TL_STORE_CENTROIDS_ADD] = "INSERT INTO @centroids(set_id, first, count, checksum, centroids) VALUES(?1, ?2, ?3, ?4, ?5)",
    [TL_STORE_CENTROIDS_EACH] = "SELECT first, count, checksum, centroids FROM @centroids WHERE set_id=?1 ORDER BY first",
    [TL_STORE_CENTROIDS_REMOVE] = "DELETE FROM @centroids WHERE set_id=?1",
    [TL_STORE_OWNER_FIND] = "SELECT block_id FROM @owners WHERE set_id=?1 AND owner=?2",
    [TL_STORE_OWNER_ADD] = "INSERT INTO @owners(set_id, owner, block_id) VALUES(?1, ?2, ?3)",
    [TL_STORE_OWNER_MOVE] = "UPDATE @owners SET block_id=?3 WHERE set_id=?1 AND owner=?2",
    [TL_STORE_OWNER_REMOVE] = "DELETE FROM @owners WHERE set_id=?1 AND owner=?2",
    [TL_STORE_OWNER_COUNT] = "SELECT count(*) FROM @owners WHERE set_id=?1",
    [TL_STORE_OWNER_EACH] = "SELECT owner FROM @owners WHERE set_id=?1 ORDER BY owner",
    [TL_STORE_OWNER_EACH_BLOCK] = "SELECT owner, block_id FROM @owners WHERE set_id=?1",
    [TL_STORE_DATA_VERSION] = "PRAGMA $.data_version",
    [TL_STORE_PAGE_SIZE] = "PRAGMA $.page_size",
};
