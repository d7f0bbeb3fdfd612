/*
 * Owns the memory of kept heads. They lie one behind the other on shelves of large pages, so that a search, which reads here and
 * there, finds its way by few of them. A shelf that is full stays until its turn comes again: then what was not used since goes,
 * the rest closes ranks, and there is room behind it. A head is read by one copy, from the page to where it stays.
 */
#include "index/ann/heads.h"

#include "base/core/memory.h"
#include "base/core/page_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHELF_BYTES = 2 << 20, SHELVES_OF_LIMIT = 8, SPACE_BEFORE = 64 };

/* What lies on a shelf before each head, SPACE_BEFORE bytes that end where a line of the cache does. */
typedef struct label {
    size_t size;  /* up to the next label */
    size_t place; /* SIZE_MAX: the head was dropped */
} label;

static label *label_of(const tl_kept_head *head)
{
    return (label *)(void *)(head->bytes - SPACE_BEFORE);
}

static void drop(tl_heads *heads, tl_kept_head *head)
{
    if (head->bytes == NULL)
        return;
    heads->live_bytes -= label_of(head)->size;
    label_of(head)->place = SIZE_MAX;
    head->bytes = NULL;
    head->is_sure = false;
}

void tl_heads__clear(tl_heads *heads)
{
    for (size_t i = 0; i < heads->shelf_count; i++)
        tl_page_memory_free(heads->shelves[i].bytes, heads->shelves[i].size);
    tl_memory_free(heads->shelves);
    tl_memory_free(heads->items);
    tl_memory_free(heads->before);
    *heads = (tl_heads){0};
}

static int by_id(const void *a, const void *b)
{
    const tl_kept_head *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

bool tl_heads__rearrange(tl_heads *heads, tl_error *err)
{
    size_t kept = heads->before_count;
    for (size_t i = 0; i < heads->count; i++)
        kept += heads->items[i].bytes != NULL;
    if (!tl_memory_reserve(&heads->before, &heads->before_capacity, kept, sizeof *heads->before, err))
        return false;
    for (size_t i = 0; i < heads->count; i++)
        if (heads->items[i].bytes != NULL)
            heads->before[heads->before_count++] = heads->items[i];
    heads->count = 0;
    if (heads->before_count != 0)
        qsort(heads->before, heads->before_count, sizeof *heads->before, by_id);
    return true;
}

bool tl_heads__append(tl_heads *heads, int64_t block_id, tl_error *err)
{
    tl_kept_head key = {.id = block_id}, *found = NULL;
    if (!tl_memory_reserve(&heads->items, &heads->capacity, heads->count + 1, sizeof *heads->items, err))
        return false;
    if (heads->before_count != 0)
        found = bsearch(&key, heads->before, heads->before_count, sizeof key, by_id);
    if (found != NULL) {
        key = *found;
        key.is_sure = false;
        label_of(&key)->place = heads->count;
        found->bytes = NULL;
    }
    heads->items[heads->count++] = key;
    return true;
}

void tl_heads__settle(tl_heads *heads)
{
    for (size_t i = 0; i < heads->before_count; i++)
        drop(heads, &heads->before[i]);
    heads->before_count = 0;
}

/* Drops what need not stay on a shelf, and leaves at most so many bytes of it; the others move together. */
static void close_ranks(tl_heads *heads, tl_shelf *shelf, bool is_used_only, size_t most)
{
    size_t end = shelf->used, size;
    shelf->used = 0;
    for (size_t at = 0; at < end; at += size) {
        const label *its = (const label *)(void *)(shelf->bytes + at);
        size = its->size;
        if (its->place == SIZE_MAX)
            continue;
        tl_kept_head *head = &heads->items[its->place];
        bool stays = (head->was_used || !is_used_only) && shelf->used + size <= most;
        head->was_used = head->was_used && !is_used_only;
        if (!stays) {
            drop(heads, head);
            continue;
        }
        memmove(shelf->bytes + shelf->used, shelf->bytes + at, size);
        head->bytes = shelf->bytes + shelf->used + SPACE_BEFORE;
        shelf->used += size;
    }
}

static bool add_shelf(tl_heads *heads, size_t size, tl_error *err)
{
    if (!tl_memory_reserve(&heads->shelves, &heads->shelf_capacity, heads->shelf_count + 1, sizeof *heads->shelves, err))
        return false;
    tl_shelf shelf = {.bytes = tl_page_memory_allocate(size, err), .size = size};
    if (shelf.bytes == NULL)
        return false;
    heads->current = heads->shelf_count++;
    heads->shelves[heads->current] = shelf;
    heads->kept_bytes += size;
    return true;
}

/* The last shelf takes its turn. */
static void remove_current(tl_heads *heads)
{
    tl_shelf *shelf = &heads->shelves[heads->current];
    close_ranks(heads, shelf, true, 0);
    tl_page_memory_free(shelf->bytes, shelf->size);
    heads->kept_bytes -= shelf->size;
    *shelf = heads->shelves[--heads->shelf_count];
    heads->current = heads->current != 0 ? heads->current - 1 : heads->shelf_count;
}

/* Makes the current shelf one with so much room. */
static bool make_room(tl_heads *heads, size_t needed, tl_error *err)
{
    size_t limit = heads->limit != 0 ? heads->limit : TL_HEADS_BYTES;
    size_t usual = tl_smaller(SHELF_BYTES, tl_whole_lines(limit / SHELVES_OF_LIMIT)), wanted = tl_larger(usual, needed);
    for (size_t turns = 0;; turns++) {
        if (heads->shelf_count != 0 && heads->current < heads->shelf_count &&
            heads->shelves[heads->current].size - heads->shelves[heads->current].used >= needed)
            return true;
        bool is_full = heads->kept_bytes + wanted > limit, is_sparse = heads->kept_bytes > 2 * (heads->live_bytes + usual);
        if (heads->shelf_count == 0 || (!is_full && (!is_sparse || turns > heads->shelf_count)))
            return add_shelf(heads, wanted, err);
        heads->current = heads->current + 1 < heads->shelf_count ? heads->current + 1 : 0;
        tl_shelf *shelf = &heads->shelves[heads->current];
        if (is_full && shelf->size != wanted)
            remove_current(heads);
        else
            close_ranks(heads, shelf, is_full, is_full ? tl_smaller(shelf->size / 2, shelf->size - needed) : shelf->size);
    }
}

static bool place_head(tl_heads *heads, size_t place, size_t size, tl_error *err)
{
    label its = {.size = SPACE_BEFORE + tl_whole_lines(size), .place = place};
    if (!make_room(heads, its.size, err))
        return false;
    tl_shelf *shelf = &heads->shelves[heads->current];
    tl_kept_head *head = &heads->items[place];
    memcpy(shelf->bytes + shelf->used, &its, sizeof its);
    head->bytes = shelf->bytes + shelf->used + SPACE_BEFORE;
    head->size = size;
    shelf->used += its.size;
    heads->live_bytes += its.size;
    return true;
}

static bool read_head(tl_store *store, uint8_t *out, size_t size, tl_error *err)
{
    return sqlite3_blob_read(store->heads, out, (int)size, 0) == SQLITE_OK || tl_database_fail(store->statements.database, err);
}

bool tl_heads__view(tl_heads *heads, size_t place, tl_store *store, tl_block_shape shape, tl_block_view *view, tl_error *err)
{
    tl_kept_head *head = &heads->items[place];
    size_t size = tl_block__head_size(shape, view->list, view->count);
    if (!head->is_sure) {
        if (!tl_store__seek(store, &store->heads, "head", head->id, err))
            return false;
        if ((size_t)sqlite3_blob_bytes(store->heads) != size)
            return tl_block__view_head(view, NULL, (size_t)sqlite3_blob_bytes(store->heads), shape, err);
        uint8_t checksum[sizeof(uint64_t)];
        if (head->bytes != NULL && !read_head(store, checksum, sizeof checksum, err))
            return false;
        if (head->bytes != NULL && (head->size != size || memcmp(checksum, head->bytes, sizeof checksum) != 0))
            drop(heads, head);
    }
    bool is_new = head->bytes == NULL;
    if (is_new && !place_head(heads, place, size, err))
        return false;
    if ((is_new && !read_head(store, head->bytes, size, err)) || !tl_block__view_head(view, head->bytes, size, shape, err) ||
        (is_new && !tl_block__verify_head(view, shape, err))) {
        drop(heads, head);
        return false;
    }
    head->is_sure = head->was_used = true;
    return true;
}
