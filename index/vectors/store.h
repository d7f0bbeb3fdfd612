/*
 * The writing side of a vector store: blocks and owners kept in step, inside the caller's transaction. The block worked on last
 * is held in memory, so that a run of vectors writes each block once; tl_store__flush writes it back. After a failure what is
 * held is void: roll back and call tl_store__forget.
 */
#ifndef TL_INDEX_VECTORS_STORE_H
#define TL_INDEX_VECTORS_STORE_H

#include "index/vectors/held_block.h"

typedef struct tl_store {
    tl_statements statements;
    char *schema, *prefix, *blocks; /* blocks: name of the table */
    tl_held_block held;             /* id 0: none */
    int64_t added;                  /* to the set's count since the last flush */
    uint8_t *row;                   /* one vector as it is stored */
    size_t row_capacity;
    bool is_changed;
    uint64_t changes;  /* other numbers whenever this connection changed the blocks */
    int64_t known_set; /* its owners were held against its blocks (index/vectors/owner_check.h); 0: none */
    sqlite3_blob *vectors, *heads;
} tl_store;

bool tl_store__init(tl_store *store, sqlite3 *database, const char *schema, const char *prefix, bool has_own_tables,
                    tl_error *err) TL_MUST_USE;
void tl_store__clear(tl_store *store);
void tl_store__rest(tl_store *store);
void tl_store__forget(tl_store *store);
bool tl_store__flush(tl_store *store, tl_error *err) TL_MUST_USE;
/* Adds or replaces the vector [dim] of owner. A vector that stood in a list leaves it: all that is put goes to the tail. */
bool tl_store__put(tl_store *store, const tl_stored_set *set, int64_t owner, const float *vector, tl_error *err) TL_MUST_USE;
bool tl_store__remove(tl_store *store, const tl_stored_set *set, int64_t owner, tl_error *err) TL_MUST_USE;
/* *block_id 0: the owner has no vector. */
bool tl_store__find_block(tl_store *store, int64_t set_id, int64_t owner, int64_t *block_id, tl_error *err) TL_MUST_USE;
/* The stored vector of owner, which stands in that block of a list or of the tail; *stored is borrowed until the next call. */
bool tl_store__fetch(tl_store *store, const tl_stored_set *set, int64_t block_id, int64_t owner, const uint8_t **stored,
                     tl_error *err) TL_MUST_USE;
/* Opens a blob of the row of blocks with that id, or moves there. */
bool tl_store__seek(tl_store *store, sqlite3_blob **blob, const char *column, int64_t block_id, tl_error *err) TL_MUST_USE;

/* The row of TL_STORE_SET_READ or one with the same columns. */
bool tl_stored_set__read(sqlite3_stmt *row, tl_stored_set *out, tl_error *err) TL_MUST_USE;
bool tl_stored_set__check(int64_t id, int64_t dim, int64_t count, int64_t lists, tl_error *err) TL_MUST_USE;
/* Column `dtype`. */
tl_vector_storage tl_vector_storage__read(sqlite3_stmt *row, int column);
const char *tl_vector_storage__name(tl_vector_storage storage);

#endif
