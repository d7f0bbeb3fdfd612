/*
 * Twin of base/core/memory.c whose n-th allocation fails, once. A test that includes this file carries these symbols itself, so
 * the archive's memory.o is never pulled in. Everything else is as in the original, sizes and zeroing included.
 */
#include "tests/support/failing_memory.h"
#include "base/core/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FAILING_MEMORY_ALIGNMENT = 64 };

static atomic_size_t allocations_asked;
static atomic_size_t allocation_to_fail; /* 0: none */

void failing_memory_arm(size_t number)
{
    atomic_store(&allocations_asked, 0);
    atomic_store(&allocation_to_fail, number);
}

size_t failing_memory_disarm(void)
{
    atomic_store(&allocation_to_fail, 0);
    return atomic_load(&allocations_asked);
}

static bool refuses(void)
{
    return atomic_fetch_add(&allocations_asked, 1) + 1 == atomic_load(&allocation_to_fail);
}

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
    if (refuses() || !tl_size_multiply(count, item_size, &size))
        return no_memory(count, item_size, err);
    void *block = calloc(size != 0 ? size : 1, 1);
    return block != NULL ? block : no_memory(count, item_size, err);
}

void *tl_memory_allocate_aligned(size_t count, size_t item_size, tl_error *err)
{
    size_t size;
    if (refuses() || !tl_size_multiply(count, item_size, &size) || size > SIZE_MAX - FAILING_MEMORY_ALIGNMENT)
        return no_memory(count, item_size, err);
    size_t rounded = size != 0 ? (size + FAILING_MEMORY_ALIGNMENT - 1) / FAILING_MEMORY_ALIGNMENT * FAILING_MEMORY_ALIGNMENT
                               : FAILING_MEMORY_ALIGNMENT;
    void *block = aligned_alloc(FAILING_MEMORY_ALIGNMENT, rounded);
    if (block == NULL)
        return no_memory(count, item_size, err);
    memset(block, 0, rounded);
    return block;
}

void *tl_memory_resize(void *block, size_t count, size_t item_size, tl_error *err)
{
    size_t size;
    if (refuses() || !tl_size_multiply(count, item_size, &size))
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

bool tl_memory_reserve(void **items, size_t *capacity, size_t needed, size_t item_size, tl_error *err)
{
    if (needed <= *capacity)
        return true;
    size_t grown = *capacity <= SIZE_MAX / 2 ? *capacity * 2 : SIZE_MAX;
    if (grown < needed)
        grown = needed;
    if (grown < 8)
        grown = 8;
    void *resized = tl_memory_resize(*items, grown, item_size, err);
    if (resized == NULL)
        return false;
    *items = resized;
    *capacity = grown;
    return true;
}
