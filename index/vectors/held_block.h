/* A block in memory, to be filled or changed and then written as one row. */
#ifndef TL_INDEX_VECTORS_HELD_BLOCK_H
#define TL_INDEX_VECTORS_HELD_BLOCK_H

#include "index/statements.h"
#include "index/vectors/block.h"

/* What a coded row has beside its vector. */
typedef struct tl_row_code {
    float factor;
    uint16_t error, norm;
    const uint8_t *codes; /* [code bytes] */
} tl_row_code;

typedef struct tl_held_block {
    int64_t id, set_id, list; /* id 0: none */
    tl_block_shape shape;
    size_t count;
    int64_t *owners;
    uint8_t *vectors;
    float *factors;
    uint32_t *hashes;
    uint16_t *errors, *norms;
    uint8_t *codes;
    uint8_t *head; /* as written */
    size_t owners_capacity, vectors_capacity, factors_capacity, hashes_capacity, errors_capacity, norms_capacity, codes_capacity,
        head_capacity;
} tl_held_block;

void tl_held_block__clear(tl_held_block *held);
/* Room for a full block of that shape; holds no row. */
bool tl_held_block__start(tl_held_block *held, int64_t id, int64_t set_id, int64_t list, tl_block_shape shape,
                          tl_error *err) TL_MUST_USE;
bool tl_held_block__load(tl_held_block *held, const tl_block_view *view, tl_block_shape shape, tl_error *err) TL_MUST_USE;
/* There must be room. code: NULL in list 0. */
void tl_held_block__append(tl_held_block *held, int64_t owner, const uint8_t *vector, const tl_row_code *code);
/* The last row takes its place. */
void tl_held_block__remove(tl_held_block *held, size_t row);
/* Replaces the row of vector_blocks with its id, or removes it when it is empty. */
bool tl_held_block__write(tl_held_block *held, tl_statements *statements, tl_error *err) TL_MUST_USE;

#endif
