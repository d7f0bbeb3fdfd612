/*
 * A block: up to tl_block__capacity vectors of one set in one row of vector_blocks, with the ids they belong to.
 * owners is int64[count], vectors is float[count, dim], both little-endian; the checksum covers ids, sizes and all bytes.
 */
#ifndef TL_INDEX_VECTORS_BLOCK_H
#define TL_INDEX_VECTORS_BLOCK_H

#include "index/sqlite_api.h"

enum { TL_BLOCK_BYTES = 262144, TL_MAX_DIM = 65536 };

typedef struct tl_block_view {
    int64_t id, set_id, checksum;
    size_t count;
    const int64_t *owners; /* [count] */
    const float *vectors;  /* [count, dim]; both borrowed from the statement until its next step */
} tl_block_view;

/* How many vectors a block holds at most: as many as fit TL_BLOCK_BYTES, at least one. dim is 1..TL_MAX_DIM. */
size_t tl_block__capacity(uint32_t dim);
int64_t tl_block__checksum(int64_t id, int64_t set_id, uint32_t dim, size_t count, const int64_t *owners, const float *vectors);
/* Reads the row of TL_SQL_BLOCK_READ or _EACH that the statement stands on and checks sizes, not the checksum. */
bool tl_block__view(sqlite3_stmt *row, uint32_t dim, tl_block_view *out, tl_error *err) TL_MUST_USE;
bool tl_block__verify(const tl_block_view *view, uint32_t dim, tl_error *err) TL_MUST_USE;

#endif
