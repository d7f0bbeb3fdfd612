/*
 * Owns the set: open addressing, linear probing, at most three quarters full. Two keys of the same 64-bit hash would be taken for
 * one; among ten million keys the chance of a single such pair is 3 in a million.
 */
#include "crawler-import/key_set.h"

#include "base/core/memory.h"

enum { FIRST_SLOTS = 1024 };

static size_t find_slot(const tl_key_set *set, uint64_t hash)
{
    size_t slot = (size_t)hash & (set->slot_count - 1);
    while (set->hashes[slot] != 0 && set->hashes[slot] != hash)
        slot = (slot + 1) & (set->slot_count - 1);
    return slot;
}

static bool grow(tl_key_set *set, tl_error *err)
{
    tl_key_set larger = {.slot_count = set->slot_count != 0 ? set->slot_count * 2 : FIRST_SLOTS,
                         .count = set->count,
                         .without_sources = set->without_sources};
    larger.hashes = tl_memory_allocate(larger.slot_count, sizeof *larger.hashes, err);
    if (larger.hashes == NULL)
        return false;
    if (!set->without_sources && (larger.sources = tl_memory_allocate(larger.slot_count, sizeof *larger.sources, err)) == NULL) {
        tl_memory_free(larger.hashes);
        return false;
    }
    for (size_t i = 0; i < set->slot_count; i++) {
        if (set->hashes[i] == 0)
            continue;
        size_t slot = find_slot(&larger, set->hashes[i]);
        larger.hashes[slot] = set->hashes[i];
        if (larger.sources != NULL)
            larger.sources[slot] = set->sources[i];
    }
    tl_key_set_clear(set);
    *set = larger;
    return true;
}

static uint64_t stored_form(uint64_t hash)
{
    return hash != 0 ? hash : 1; /* 0 marks a free slot */
}

bool tl_key_set_add(tl_key_set *set, uint64_t hash, uint32_t source, tl_error *err)
{
    if (set->count >= set->slot_count / 4 * 3 && !grow(set, err))
        return false;
    size_t slot = find_slot(set, stored_form(hash));
    if (set->hashes[slot] == 0) {
        set->hashes[slot] = stored_form(hash);
        if (set->sources != NULL)
            set->sources[slot] = source;
        set->count++;
    }
    return true;
}

bool tl_key_set_find(const tl_key_set *set, uint64_t hash, uint32_t *source)
{
    if (set->count == 0)
        return false;
    size_t slot = find_slot(set, stored_form(hash));
    *source = set->sources != NULL ? set->sources[slot] : 0;
    return set->hashes[slot] != 0;
}

void tl_key_set_clear(tl_key_set *set)
{
    tl_memory_free(set->hashes);
    tl_memory_free(set->sources);
    *set = (tl_key_set){0};
}
