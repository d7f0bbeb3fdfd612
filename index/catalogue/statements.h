/*
 * Every statement that runs on the catalogue and the vectors, by name, prepared at its first use and kept with its connection.
 * One thread at a time, as its connection.
 */
#ifndef TL_INDEX_CATALOGUE_STATEMENTS_H
#define TL_INDEX_CATALOGUE_STATEMENTS_H

#include "index/sqlite_api.h"

typedef enum tl_statement {
    TL_SQL_BEGIN_READ,
    TL_SQL_BEGIN_WRITE,
    TL_SQL_COMMIT,
    TL_SQL_ROOT_FIND,
    TL_SQL_ROOT_ADD,
    TL_SQL_ROOT_RENAME,
    TL_SQL_ROOT_REMOVE_EMPTY,
    TL_SQL_ROOT_CLASH,
    TL_SQL_ROOT_MERGE,
    TL_SQL_ROOT_EACH,
    TL_SQL_ITEM_FIND,
    TL_SQL_ITEM_PLACE,
    TL_SQL_ITEM_ADD,
    TL_SQL_ITEM_UPDATE,
    TL_SQL_ITEM_MOVE,
    TL_SQL_ITEM_TOUCH,
    TL_SQL_ITEM_REMOVE,
    TL_SQL_ITEM_READ,
    TL_SQL_ITEM_EACH,
    TL_SQL_ITEM_EACH_OF_ROOT,
    TL_SQL_ITEM_IDS_IN_RANGE,
    TL_SQL_CAPTION_OF_ITEM,
    TL_SQL_CAPTION_ADD,
    TL_SQL_CAPTION_PLACE,
    TL_SQL_CAPTION_REMOVE,
    TL_SQL_CAPTION_ITEM,
    TL_SQL_CAPTION_IDS_IN_RANGE,
    TL_SQL_SET_FIND,
    TL_SQL_SET_ADD,
    TL_SQL_SET_COUNT,
    TL_SQL_SET_DIVIDED,
    TL_SQL_SET_EACH,
    TL_SQL_SET_DIVIDED_EACH,
    TL_SQL_BLOCK_READ,
    TL_SQL_BLOCK_EACH,
    TL_SQL_BLOCK_EACH_OF_TAIL,
    TL_SQL_BLOCK_DIRECTORY,
    TL_SQL_BLOCK_HEAD,
    TL_SQL_BLOCK_PLACE,
    TL_SQL_BLOCK_WITH_ROOM,
    TL_SQL_BLOCK_SMALL,
    TL_SQL_BLOCK_ADD,
    TL_SQL_BLOCK_REPLACE,
    TL_SQL_BLOCK_REMOVE,
    TL_SQL_TAIL_COUNT,
    TL_SQL_CENTROIDS_ADD,
    TL_SQL_CENTROIDS_EACH,
    TL_SQL_CENTROIDS_REMOVE,
    TL_SQL_OWNER_FIND,
    TL_SQL_OWNER_ADD,
    TL_SQL_OWNER_MOVE,
    TL_SQL_OWNER_REMOVE,
    TL_SQL_OWNER_SETS,
    TL_SQL_OWNER_COUNT,
    TL_SQL_ITEM_MISSING,
    TL_SQL_CAPTION_MISSING,
    TL_SQL_DATA_VERSION,
    TL_SQL_COUNTS,
    TL_STATEMENT_COUNT
} tl_statement;

typedef struct tl_statements {
    sqlite3 *database; /* borrowed */
    sqlite3_stmt *prepared[TL_STATEMENT_COUNT];
} tl_statements;

/* The statement, reset and with every parameter NULL; NULL with err on failure. */
sqlite3_stmt *tl_statements__get(tl_statements *statements, tl_statement which, tl_error *err) TL_MUST_USE;
/* Runs a statement that was bound to its end; rows are passed over. */
bool tl_statements__run(tl_statements *statements, sqlite3_stmt *statement, tl_error *err) TL_MUST_USE;
bool tl_statements__step(tl_statements *statements, sqlite3_stmt *statement, bool *row, tl_error *err) TL_MUST_USE;
/* Resets all, so that none holds a read transaction or borrowed memory. */
void tl_statements__rest(tl_statements *statements);
void tl_statements__clear(tl_statements *statements);

/* NULL binds NULL. The text is borrowed until the statement is reset. */
void tl_statements__bind_text(sqlite3_stmt *statement, int position, const char *text);
/* Runs the statement with one or two integers. */
bool tl_statements__run_integers(tl_statements *statements, tl_statement which, int64_t first, int64_t second,
                                 tl_error *err) TL_MUST_USE;

/* Growing list of ids, owned by the caller (tl_memory_free(items)). */
typedef struct tl_ids {
    int64_t *items;
    size_t count, capacity;
} tl_ids;
bool tl_ids__append(tl_ids *ids, int64_t id, tl_error *err) TL_MUST_USE;
bool tl_ids__contain(const tl_ids *ids, int64_t id); /* of ids in ascending order */
/* Appends column 0 of the remaining rows. */
bool tl_statements__collect_ids(tl_statements *statements, sqlite3_stmt *statement, tl_ids *ids, tl_error *err) TL_MUST_USE;

#endif
