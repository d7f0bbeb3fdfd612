/*
 * Heads of listed blocks that a searcher has read and verified, kept for its next searches: as many as fit a limit. After
 * a change of the tables a kept one counts again when the checksum that stands in the file is still its own.
 */
#ifndef TL_INDEX_ANN_HEADS_H
#define TL_INDEX_ANN_HEADS_H

#include "index/vectors/store.h"

/* The codes of a million vectors of 512 numbers. */
enum { TL_HEADS_BYTES = 272 << 20 };

typedef struct tl_kept_head {
    int64_t id; /* of the block */
    uint8_t *bytes;
    size_t size;
    bool is_sure; /* compared with the file since the tables last changed */
    bool was_used;
} tl_kept_head;

/* Memory that heads lie in one behind the other. */
typedef struct tl_shelf {
    uint8_t *bytes;
    size_t size, used;
} tl_shelf;

typedef struct tl_heads {
    tl_kept_head *items; /* [count], a place for each block */
    size_t count, capacity;
    tl_kept_head *before; /* those of the arrangement before, by id */
    size_t before_count, before_capacity;
    tl_shelf *shelves;
    size_t shelf_count, shelf_capacity, current; /* current: the shelf that is being filled */
    size_t kept_bytes, live_bytes;               /* of all shelves; of the heads on them */
    size_t limit;                                /* of kept bytes; 0: TL_HEADS_BYTES */
} tl_heads;

void tl_heads__clear(tl_heads *heads);
/* Begins a new arrangement of blocks; what is kept waits to be given its new place. */
bool tl_heads__rearrange(tl_heads *heads, tl_error *err) TL_MUST_USE;
bool tl_heads__append(tl_heads *heads, int64_t block_id, tl_error *err) TL_MUST_USE;
/* Drops what got no place. */
void tl_heads__settle(tl_heads *heads);
/* Points view, whose numbers are set, into the head of the block at that place; until the next call. */
bool tl_heads__view(tl_heads *heads, size_t place, tl_store *store, tl_block_shape shape, tl_block_view *view,
                    tl_error *err) TL_MUST_USE;

#endif
