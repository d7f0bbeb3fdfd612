/*
 * A stack of chunks; each allocation is rounded to 64 bytes and, under ASan, followed by a poisoned gap so that an overrun
 * inside the arena is seen.
 */
#include "base/core/arena.h"

#include "base/core/memory.h"
#include "base/core/sanitizer.h"

#include <stdint.h>
#include <string.h>

#ifdef TL_HAS_ADDRESS_SANITIZER
/* Gaps come on top of what the owner planned: the first chunk has room for 16,384 of them. */
enum { GAP = 64, FIRST_CHUNK_GAPS = 1 << 20 };
#else
enum { GAP = 0, FIRST_CHUNK_GAPS = 0 };
#endif

enum { ALIGNMENT = 64 };

typedef struct chunk {
    struct chunk *below;
    size_t size;
    size_t used;
    void *block; /* of its own */
    char *bytes; /* aligned, in the block */
} chunk;

struct tl_arena {
    chunk *top;
    bool uses_large_pages;
};

static bool push_chunk(tl_arena *arena, size_t size, tl_error *err)
{
    chunk *added = tl_memory_allocate(1, sizeof *added, err);
    if (added == NULL)
        return false;
    /* Aligned here, since the allocator's own aligned blocks would have to be zeroed by hand: most of a scratch that is planned
     * for the worst case is never touched, and need not be there. */
    added->block = size <= SIZE_MAX - ALIGNMENT ? tl_memory_allocate(size + ALIGNMENT, 1, err) : NULL;
    if (added->block == NULL) {
        tl_memory_free(added);
        return false;
    }
    added->bytes = (char *)added->block + (ALIGNMENT - (uintptr_t)added->block % ALIGNMENT) % ALIGNMENT;
    if (arena->uses_large_pages)
        tl_memory_use_large_pages(added->bytes, size);
    tl_forbid(added->bytes, size);
    added->size = size;
    added->below = arena->top;
    arena->top = added;
    return true;
}

static void pop_chunk(tl_arena *arena)
{
    chunk *removed = arena->top;
    arena->top = removed->below;
    tl_allow(removed->bytes, removed->size);
    tl_memory_free(removed->block);
    tl_memory_free(removed);
}

bool tl_arena_create(size_t first_size, tl_arena **out, tl_error *err)
{
    tl_arena *arena = tl_memory_allocate(1, sizeof *arena, err);
    if (arena == NULL)
        return false;
    if (!push_chunk(arena, (first_size != 0 ? first_size : ALIGNMENT) + FIRST_CHUNK_GAPS, err)) {
        tl_memory_free(arena);
        return false;
    }
    *out = arena;
    return true;
}

void tl_arena_use_large_pages(tl_arena *arena)
{
    arena->uses_large_pages = true;
    tl_memory_use_large_pages(arena->top->bytes, arena->top->size);
}

void tl_arena_destroy(tl_arena *arena)
{
    if (arena == NULL)
        return;
    while (arena->top != NULL)
        pop_chunk(arena);
    tl_memory_free(arena);
}

void *tl_arena_allocate(tl_arena *arena, size_t count, size_t item_size, tl_error *err)
{
    size_t size;
    if (!tl_size_multiply(count, item_size, &size) || size > SIZE_MAX / 4) {
        tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for %zu items of %zu bytes", count, item_size);
        return NULL;
    }
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + GAP;
    if (arena->top->size - arena->top->used < rounded) {
        size_t grown = arena->top->size < SIZE_MAX / 4 ? arena->top->size * 2 : arena->top->size;
        if (!push_chunk(arena, grown > rounded ? grown : rounded, err))
            return NULL;
    }
    char *block = arena->top->bytes + arena->top->used;
    arena->top->used += rounded;
    tl_allow(block, size);
    return block;
}

char *tl_arena_copy_text(tl_arena *arena, const char *text, size_t size, tl_error *err)
{
    char *copy = size != SIZE_MAX ? tl_arena_allocate(arena, size + 1, 1, err) : NULL;
    if (copy == NULL)
        return NULL;
    if (size != 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

tl_arena_mark tl_arena_save(const tl_arena *arena)
{
    return (tl_arena_mark){arena->top, arena->top->used};
}

void tl_arena_rewind(tl_arena *arena, tl_arena_mark mark)
{
    while (arena->top != mark.chunk) {
        TL_ASSERT(arena->top->below != NULL); /* else the mark was taken before a reset or in another arena */
        pop_chunk(arena);
    }
    TL_ASSERT(mark.used <= arena->top->used);
    tl_forbid(arena->top->bytes + mark.used, arena->top->size - mark.used);
    arena->top->used = mark.used;
}

void tl_arena_reset(tl_arena *arena)
{
    while (arena->top->below != NULL)
        pop_chunk(arena);
    tl_arena_rewind(arena, (tl_arena_mark){arena->top, 0});
}
