/* The one file that calls the C allocator. */
#include "base/core/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64 };

bool tl_size_multiply(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *product = a * b;
    return true;
}

static void *no_memory(size_t count, size_t item_size, tl_error *err)
{
    tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for %zu items of %zu bytes", count, item_size);
    return NULL;
}

void *tl_memory_allocate(size_t count, size_t item_size, tl_error *err)
{
    size_t size;
    if (!tl_size_multiply(count, item_size, &size))
        return no_memory(count, item_size, err);
    void *block = calloc(size != 0 ? size : 1, 1);
    return block != NULL ? block : no_memory(count, item_size, err);
}

void tl_memory_use_large_pages(void *block, size_t size)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t first = ((uintptr_t)block + TL_LARGE_PAGE_SIZE - 1) / TL_LARGE_PAGE_SIZE * TL_LARGE_PAGE_SIZE;
    const uintptr_t end = ((uintptr_t)block + size) / TL_LARGE_PAGE_SIZE * TL_LARGE_PAGE_SIZE;
    if (first < end) /* a wish: where it is refused the pages are small */
        (void)madvise((char *)block + (first - (uintptr_t)block), end - first, MADV_HUGEPAGE);
#else
    (void)block;
    (void)size;
#endif
}

static void *allocate_aligned(size_t count, size_t item_size, bool is_large, tl_error *err)
{
    size_t size;
    if (!tl_size_multiply(count, item_size, &size) || size > SIZE_MAX - ALIGNMENT)
        return no_memory(count, item_size, err);
    /* aligned_alloc wants a multiple of the alignment. */
    size_t rounded = size != 0 ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    void *block = aligned_alloc(ALIGNMENT, rounded);
    if (block == NULL)
        return no_memory(count, item_size, err);
    if (is_large)
        tl_memory_use_large_pages(block, rounded);
    memset(block, 0, rounded);
    return block;
}

void *tl_memory_allocate_aligned(size_t count, size_t item_size, tl_error *err)
{
    return allocate_aligned(count, item_size, false, err);
}

void *tl_memory_allocate_large(size_t count, size_t item_size, tl_error *err)
{
    return allocate_aligned(count, item_size, true, err);
}

void *tl_memory_resize(void *block, size_t count, size_t item_size, tl_error *err)
{
    size_t size;
    if (!tl_size_multiply(count, item_size, &size))
        return no_memory(count, item_size, err);
    void *resized = realloc(block, size != 0 ? size : 1);
    return resized != NULL ? resized : no_memory(count, item_size, err);
}

char *tl_memory_copy_text(const char *text, size_t size, tl_error *err)
{
    if (size == SIZE_MAX)
        return no_memory(size, 1, err);
    char *copy = tl_memory_allocate(size + 1, 1, err);
    if (copy != NULL && size != 0)
        memcpy(copy, text, size);
    return copy;
}

void tl_memory_free(void *block)
{
    free(block);
}

bool tl_memory_reserve(void *items, size_t *capacity, size_t needed, size_t item_size, tl_error *err)
{
    if (needed <= *capacity)
        return true;
    size_t grown = *capacity <= SIZE_MAX / 2 ? *capacity * 2 : SIZE_MAX;
    if (grown < needed)
        grown = needed;
    if (grown < 8)
        grown = 8;
    void *block; /* copied, since the caller's pointer is of another type */
    memcpy(&block, items, sizeof block);
    block = tl_memory_resize(block, grown, item_size, err);
    if (block == NULL)
        return false;
    memcpy(items, &block, sizeof block);
    *capacity = grown;
    return true;
}
