/* Every statement that runs on the catalogue, by name. */
#ifndef TL_INDEX_CATALOGUE_STATEMENTS_H
#define TL_INDEX_CATALOGUE_STATEMENTS_H

#include "index/statements.h"

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
    TL_SQL_ITEM_PATHS,
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
    TL_SQL_SET_EACH,
    TL_SQL_SET_OF_OWNER,
    TL_SQL_ITEM_MISSING,
    TL_SQL_CAPTION_MISSING,
    TL_SQL_COUNTS,
    TL_STATEMENT_COUNT
} tl_statement;

/* Columns of an item in TL_SQL_ITEM_READ and _EACH...; TL_SQL_ITEM_READ has one more: 1 when the indexes of paths agree. */
enum { TL_ITEM_COLUMNS = 14 };

tl_statements tl_catalogue__statements(sqlite3 *database);

#endif
