/* Owns mappings of no file that begin where a large page does: what is mapped before that place and behind the end goes back. */
#include "base/core/page_memory.h"

#include "base/core/memory.h"

#include <stdint.h>
#include <sys/mman.h>

static size_t whole_pages(size_t size)
{
    return (size + TL_LARGE_PAGE_SIZE - 1) / TL_LARGE_PAGE_SIZE * TL_LARGE_PAGE_SIZE;
}

void *tl_page_memory_allocate(size_t size, tl_error *err)
{
    void *found = MAP_FAILED;
    if (size <= SIZE_MAX - 2 * (size_t)TL_LARGE_PAGE_SIZE)
        found = mmap(NULL, whole_pages(size) + TL_LARGE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) {
        tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for %zu bytes", size);
        return NULL;
    }
    size_t before = (TL_LARGE_PAGE_SIZE - (uintptr_t)found % TL_LARGE_PAGE_SIZE) % TL_LARGE_PAGE_SIZE;
    char *block = (char *)found + before;
    if (before != 0)
        (void)munmap(found, before);
    (void)munmap(block + whole_pages(size), TL_LARGE_PAGE_SIZE - before);
    tl_memory_use_large_pages(block, whole_pages(size));
    return block;
}

void tl_page_memory_free(void *block, size_t size)
{
    if (block != NULL)
        (void)munmap(block, whole_pages(size));
}
