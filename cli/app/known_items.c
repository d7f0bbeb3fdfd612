#include "cli/app/known_items_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ARENA_SIZE = 1 << 16 };

static uint64_t add_text(uint64_t hash, tl_slice text)
{
    uint64_t both[2] = {hash, tl_hash64(text.data, text.size)};
    return tl_hash64(both, sizeof both);
}

static uint64_t add_places(uint64_t hash, const char *split, const char *url)
{
    return add_text(add_text(hash, tl_slice_of(split != NULL ? split : "")), tl_slice_of(url != NULL ? url : ""));
}

uint64_t tl_words_hash(const tl_slice *captions, size_t count, const char *split, const char *url)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++)
        hash = add_text(hash, captions[i]);
    return add_places(hash, split, url);
}

static bool keep_item(void *context, const tl_item *item, tl_error *err)
{
    tl_known_items *known = context;
    if (!tl_memory_reserve(&known->items, &known->capacity, known->count + 1, sizeof *known->items, err))
        return false;
    const char *hash = item->hash != NULL ? item->hash : "";
    tl_known_item *kept = &known->items[known->count];
    *kept = (tl_known_item){.id = item->id, .size = item->size, .modified_ns = item->modified_ns};
    kept->path = tl_arena_copy_text(known->arena, item->path, strlen(item->path), err);
    kept->hash = kept->path != NULL ? tl_arena_copy_text(known->arena, hash, strlen(hash), err) : NULL;
    if (kept->hash == NULL)
        return false;
    kept->words_hash = item->caption_count;
    for (size_t i = 0; i < item->caption_count; i++)
        kept->words_hash = add_text(kept->words_hash, tl_slice_of(item->captions[i]));
    kept->words_hash = add_places(kept->words_hash, item->split, item->url);
    known->count++;
    return true;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const tl_known_item *)a)->path, ((const tl_known_item *)b)->path);
}

static int compare_hashes(const void *a, const void *b)
{
    const tl_known_item *first = *(tl_known_item *const *)a;
    const tl_known_item *second = *(tl_known_item *const *)b;
    int order = strcmp(first->hash, second->hash);
    return order != 0 ? order : (first->id > second->id) - (first->id < second->id);
}

bool tl_known_items_load(tl_known_items *known, tl_index *index, const char *root, tl_error *err)
{
    *known = (tl_known_items){0};
    if (!tl_arena_create(FIRST_ARENA_SIZE, &known->arena, err) ||
        (known->root = tl_arena_copy_text(known->arena, root, strlen(root), err)) == NULL ||
        !tl_index_each_item(index, root, keep_item, known, err))
        goto failed;
    known->by_hash = tl_memory_allocate(known->count, sizeof *known->by_hash, err);
    if (known->by_hash == NULL)
        goto failed;
    if (known->count != 0) {
        qsort(known->items, known->count, sizeof *known->items, compare_paths);
        for (size_t i = 0; i < known->count; i++)
            known->by_hash[i] = &known->items[i];
        qsort(known->by_hash, known->count, sizeof(tl_known_item *), compare_hashes);
    }
    return true;
failed:
    tl_known_items_clear(known);
    return false;
}

void tl_known_items_clear(tl_known_items *known)
{
    tl_memory_free(known->by_hash);
    tl_memory_free(known->items);
    tl_arena_destroy(known->arena);
    *known = (tl_known_items){0};
}

tl_known_item *tl_known_items_find(const tl_known_items *known, const char *path)
{
    tl_known_item wanted = {.path = path};
    return known->count != 0 ? bsearch(&wanted, known->items, known->count, sizeof wanted, compare_paths) : NULL;
}

tl_known_item *tl_known_items_find_content(const tl_known_items *known, const char *hash, uint64_t size)
{
    size_t low = 0;
    size_t high = known->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(known->by_hash[middle]->hash, hash) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < known->count && strcmp(known->by_hash[low]->hash, hash) == 0; low++)
        if (!known->by_hash[low]->seen && known->by_hash[low]->size == size)
            return known->by_hash[low];
    return NULL;
}
