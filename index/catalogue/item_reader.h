/* Reads item rows with their captions into one block of memory. */
#ifndef TL_INDEX_CATALOGUE_ITEM_READER_H
#define TL_INDEX_CATALOGUE_ITEM_READER_H

#include "index/catalogue/statements.h"
#include "index/index.h"

/* Grows as needed and is used again for the next item; block is freed with tl_memory_free. */
typedef struct tl_item_block {
    char *block;
    size_t capacity;
} tl_item_block;

/* Fills item from the row of TL_SQL_ITEM_READ or _EACH... that the statement stands on; its texts lie in block. */
bool tl_item_block__read(tl_item_block *block, tl_statements *statements, sqlite3_stmt *row, tl_item *item,
                         tl_error *err) TL_MUST_USE;

#endif
