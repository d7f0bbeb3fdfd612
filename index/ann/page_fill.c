/*
 * Owns the estimate of what a row takes of its page, after SQLite's file format ("B-tree Pages"), and the order: the largest
 * piece that still fits the page that is being filled, else the largest there is. A wrong estimate costs space and nothing else.
 */
#include "index/ann/page_fill.h"

#include "base/core/memory.h"

#include <stdlib.h>

/* Of a row beside its blobs: its header and numbers. Of a cell beside its row: its place, its size, its id, where it goes on. Of
 * a page beside its cells. */
enum { ROW_BYTES = 40, CELL_BYTES = 12, PAGE_BYTES = 8 };

static uint32_t cell_of(uint32_t count, tl_block_shape shape, size_t page_size)
{
    size_t most = page_size - 35, least = (page_size - 12) * 32 / 255 - 23;
    size_t row = ROW_BYTES + tl_block__head_size(shape, 1, count) + count * tl_block__row_bytes(shape);
    if (row > most) {
        size_t rest = least + (row - least) % (page_size - 4);
        row = rest <= most ? rest : least;
    }
    return (uint32_t)(row + CELL_BYTES);
}

static int by_cell(const void *a, const void *b)
{
    const tl_block_plan *left = a, *right = b;
    if (left->cell != right->cell)
        return left->cell > right->cell ? -1 : 1;
    return (left->first > right->first) - (left->first < right->first);
}

/* The first that is not taken, from `at` on; next [count + 1] leads there, by shorter ways each time. */
static size_t first_left(size_t *next, size_t at)
{
    while (next[at] != at) {
        next[at] = next[next[at]];
        at = next[at];
    }
    return at;
}

static size_t first_that_fits(const tl_block_plan *plans, size_t count, size_t room)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plans[middle].cell > room)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool tl_page_fill__order(tl_block_plan *plans, size_t count, tl_block_shape shape, size_t page_size, tl_error *err)
{
    bool ok = false;
    tl_block_plan *sorted = tl_memory_allocate(count, sizeof *sorted, err);
    size_t *next = tl_memory_allocate(count + 1, sizeof *next, err), room = 0;
    if (sorted == NULL || next == NULL)
        goto done;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = plans[i];
        sorted[i].cell = cell_of(plans[i].count, shape, page_size);
    }
    if (count != 0)
        qsort(sorted, count, sizeof *sorted, by_cell);
    for (size_t i = 0; i <= count; i++)
        next[i] = i;
    for (size_t i = 0; i < count; i++) {
        size_t at = first_left(next, first_that_fits(sorted, count, room));
        if (at == count) {
            room = page_size - PAGE_BYTES;
            at = first_left(next, 0);
        }
        plans[i] = sorted[at];
        next[at] = at + 1;
        room -= tl_smaller(room, sorted[at].cell);
    }
    ok = true;
done:
    tl_memory_free(sorted);
    tl_memory_free(next);
    return ok;
}
