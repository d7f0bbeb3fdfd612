/*
 * Bump allocation by lifetime: one arena per session, batch or job; everything in it goes at once.
 * Blocks are aligned to 64 bytes. Growing adds a chunk, so earlier pointers stay valid until rewind, reset or destroy.
 */
#ifndef TL_BASE_CORE_ARENA_H
#define TL_BASE_CORE_ARENA_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_arena tl_arena;
typedef struct tl_arena_mark {
    void *chunk;
    size_t used;
} tl_arena_mark;

/* first_size: bytes of the first chunk; plan it so that no second one is needed in a hot loop. */
bool tl_arena_create(size_t first_size, tl_arena **out, tl_error *err) TL_MUST_USE;
/* The chunks are in large pages from here on: tl_memory_allocate_large says when. Before anything is allocated. */
void tl_arena_use_large_pages(tl_arena *arena);
void tl_arena_destroy(tl_arena *arena);
/* count * item_size bytes, not zeroed; NULL with err on failure. */
void *tl_arena_allocate(tl_arena *arena, size_t count, size_t item_size, tl_error *err) TL_MUST_USE;
/* A copy with a NUL after it. */
char *tl_arena_copy_text(tl_arena *arena, const char *text, size_t size, tl_error *err) TL_MUST_USE;
tl_arena_mark tl_arena_save(const tl_arena *arena);
void tl_arena_rewind(tl_arena *arena, tl_arena_mark mark);
/* Empties it and keeps the first chunk. */
void tl_arena_reset(tl_arena *arena);

#ifdef __cplusplus
}
#endif

#endif
