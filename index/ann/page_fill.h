/*
 * In what order the blocks of a division are written. Of a row that is too large for a page SQLite keeps what does not fill whole
 * pages beside the rows next to it, as many of these pieces to a page as fit: in the order of lists a quarter of those pages
 * would stay empty.
 */
#ifndef TL_INDEX_ANN_PAGE_FILL_H
#define TL_INDEX_ANN_PAGE_FILL_H

#include "index/vectors/block.h"

/* Vectors that will be one block: places [first, first + count) of a division. */
typedef struct tl_block_plan {
    size_t first;
    uint32_t count;
    uint32_t cell; /* bytes that its row takes of a page of rows */
} tl_block_plan;

/* Puts them in an order that fills pages of that size. */
bool tl_page_fill__order(tl_block_plan *plans, size_t count, tl_block_shape shape, size_t page_size, tl_error *err) TL_MUST_USE;

#endif
