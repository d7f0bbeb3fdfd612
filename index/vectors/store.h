/*
 * The writing side of the vectors: vector_blocks and vector_owners kept in step, inside the caller's transaction. The block
 * worked on last is held in memory, so that a run of vectors writes each block once; tl_vector_store__flush writes it back. After
 * a failure what is held is void: roll back and call tl_vector_store__forget.
 */
#ifndef TL_INDEX_VECTORS_STORE_H
#define TL_INDEX_VECTORS_STORE_H

#include "index/catalogue/vector_sets.h"
#include "index/vectors/held_block.h"

typedef struct tl_vector_store {
    tl_statements *statements; /* borrowed */
    tl_held_block held;        /* id 0: none */
    int64_t added;             /* to the set's count since the last flush */
    uint8_t *row;              /* one vector as it is stored */
    size_t row_capacity;
    bool is_changed;
} tl_vector_store;

void tl_vector_store__init(tl_vector_store *store, tl_statements *statements);
void tl_vector_store__clear(tl_vector_store *store);
/* Adds or replaces the vector [dim] of owner. A vector that stood in a list leaves it: all that is put goes to the tail. */
bool tl_vector_store__put(tl_vector_store *store, const tl_set_row *set, int64_t owner, const float *vector,
                          tl_error *err) TL_MUST_USE;
/* Removes the vectors of owner from all sets of the kind ("image" or "caption"). */
bool tl_vector_store__remove_everywhere(tl_vector_store *store, const char *kind, int64_t owner, tl_error *err) TL_MUST_USE;
bool tl_vector_store__flush(tl_vector_store *store, tl_error *err) TL_MUST_USE;

#endif
