/*
 * Owns the memory of kept heads. Room is made by a hand that goes round and passes over what was used since it last came by (a
 * clock). A head is read by one copy, from the page to where it stays.
 */
#include "index/ann/heads.h"

#include "base/core/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void drop(tl_heads *heads, tl_kept_head *head)
{
    if (head->bytes == NULL)
        return;
    tl_memory_free(head->bytes);
    heads->kept_bytes -= head->size;
    head->bytes = NULL;
    head->is_sure = false;
}

void tl_heads__clear(tl_heads *heads)
{
    for (size_t i = 0; i < heads->count; i++)
        drop(heads, &heads->items[i]);
    for (size_t i = 0; i < heads->before_count; i++)
        drop(heads, &heads->before[i]);
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
    if (!tl_memory_reserve((void **)&heads->before, &heads->before_capacity, kept, sizeof *heads->before, err))
        return false;
    for (size_t i = 0; i < heads->count; i++)
        if (heads->items[i].bytes != NULL)
            heads->before[heads->before_count++] = heads->items[i];
    heads->count = heads->hand = 0;
    if (heads->before_count != 0)
        qsort(heads->before, heads->before_count, sizeof *heads->before, by_id);
    return true;
}

bool tl_heads__append(tl_heads *heads, int64_t block_id, tl_error *err)
{
    tl_kept_head key = {.id = block_id}, *found = NULL;
    if (!tl_memory_reserve((void **)&heads->items, &heads->capacity, heads->count + 1, sizeof *heads->items, err))
        return false;
    if (heads->before_count != 0)
        found = bsearch(&key, heads->before, heads->before_count, sizeof key, by_id);
    if (found != NULL) {
        key = *found;
        key.is_sure = false;
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

static void make_room(tl_heads *heads, size_t size)
{
    size_t limit = heads->limit != 0 ? heads->limit : TL_HEADS_BYTES;
    for (size_t passed = 0; heads->kept_bytes + size > limit && passed < 2 * heads->count; passed++) {
        tl_kept_head *head = &heads->items[heads->hand];
        heads->hand = (heads->hand + 1) % heads->count;
        if (!head->was_used)
            drop(heads, head);
        head->was_used = false;
    }
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
    if (is_new) {
        make_room(heads, size);
        if ((head->bytes = tl_memory_allocate_aligned(size, 1, err)) == NULL)
            return false;
        head->size = size;
        heads->kept_bytes += size;
    }
    if ((is_new && !read_head(store, head->bytes, size, err)) || !tl_block__view_head(view, head->bytes, size, shape, err) ||
        (is_new && !tl_block__verify_head(view, shape, err))) {
        drop(heads, head);
        return false;
    }
    head->is_sure = head->was_used = true;
    return true;
}
