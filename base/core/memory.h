/*
 * The only allocator of the project: overflow-checked, zeroed, with an error instead of a NULL to forget.
 * Test builds link tests/support/failing_memory.c in its place and make the n-th allocation fail.
 */
#ifndef TL_BASE_CORE_MEMORY_H
#define TL_BASE_CORE_MEMORY_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* count * item_size zeroed bytes, owned by the caller (tl_memory_free). A count of 0 gives a valid, unreadable pointer. NULL on
 * failure. */
void *tl_memory_allocate(size_t count, size_t item_size, tl_error *err) TL_MUST_USE;
/* The same, aligned to 64 bytes (a cache line, an AVX-512 register). Freed with tl_memory_free. */
void *tl_memory_allocate_aligned(size_t count, size_t item_size, tl_error *err) TL_MUST_USE;
/* The same in large pages, where the system has them: for tens of MiB that are gone through again and again in strides longer
 * than a small page, whose addresses are then found without a walk. */
void *tl_memory_allocate_large(size_t count, size_t item_size, tl_error *err) TL_MUST_USE;
/* What a large page is taken to be: wherever the system has others, the wish for them goes unheard at worst. */
enum { TL_LARGE_PAGE_SIZE = 2 << 20 };
/* Asks for large pages within a block of which nothing has been touched yet. */
void tl_memory_use_large_pages(void *block, size_t size);
/* Grows or shrinks a block of tl_memory_allocate; added bytes are not zeroed. On failure NULL, the old block stays valid and
 * owned. */
void *tl_memory_resize(void *block, size_t count, size_t item_size, tl_error *err) TL_MUST_USE;
/* A copy of size bytes with a NUL after them. */
char *tl_memory_copy_text(const char *text, size_t size, tl_error *err) TL_MUST_USE;
void tl_memory_free(void *block);

/*
 * Makes room for `needed` items in a growable array: `items` is where the pointer to its block (or NULL) lies, `&array->items`,
 * whatever it points to; `*capacity` counts items. Doubles, so that appending is amortised.
 */
bool tl_memory_reserve(void *items, size_t *capacity, size_t needed, size_t item_size, tl_error *err) TL_MUST_USE;

/* Rounded up to whole lines of the cache: pieces of one aligned block start there. Of bytes, and of floats. */
static inline size_t tl_whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}
static inline size_t tl_whole_line_floats(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

static inline size_t tl_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}
static inline size_t tl_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* a * b, or false when it does not fit size_t. */
bool tl_size_multiply(size_t a, size_t b, size_t *product) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
