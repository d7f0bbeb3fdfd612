/* Owns the fetching of named vectors: block by block, so that each is opened once. */
#include "index/ann/pick.h"

#include "base/core/memory.h"
#include "index/vectors/owner_check.h"

#include <stdlib.h>

/* A vector that is fetched alone costs some ten microseconds, as much as looking at this many codes. */
enum { ROWS_PER_PICK = 512 };

void tl_pick__clear(tl_pick *pick)
{
    tl_memory_free(pick->rows);
    *pick = (tl_pick){0};
}

bool tl_pick__pays(const tl_stored_set *set, size_t owners)
{
    size_t block = tl_block__capacity((tl_block_shape){set->dim, set->storage});
    /* Without lists each vector may cost the reading of a whole block. */
    return owners <= set->count / (set->lists != 0 || block < ROWS_PER_PICK ? ROWS_PER_PICK : 2 * block);
}

static int by_block(const void *a, const void *b)
{
    const tl_picked *left = a, *right = b;
    if (left->block != right->block)
        return left->block < right->block ? -1 : 1;
    return (left->owner > right->owner) - (left->owner < right->owner);
}

bool tl_pick__search(tl_pick *pick, tl_store *store, const tl_stored_set *set, const tl_vector_query *query, tl_top_k *top,
                     tl_error *err)
{
    size_t count = 0;
    bool is_whole = true;
    for (size_t i = 0; i < query->allowed_count; i++) {
        int64_t block;
        if (!tl_store__find_block(store, set->id, query->allowed[i], &block, err) ||
            !tl_memory_reserve(&pick->rows, &pick->capacity, count + 1, sizeof *pick->rows, err))
            return false;
        if (block != 0)
            pick->rows[count++] = (tl_picked){block, query->allowed[i]};
        is_whole = is_whole && block != 0;
    }
    if (!is_whole && !tl_store__know_owners(store, set, err))
        return false;
    if (count != 0)
        qsort(pick->rows, count, sizeof *pick->rows, by_block);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *stored;
        float score;
        if (!tl_store__fetch(store, set, pick->rows[i].block, pick->rows[i].owner, &stored, err))
            return false;
        tl_block__score((tl_block_shape){set->dim, set->storage}, query->metric, stored, 1, query->vector, &score);
        tl_top_k__offer(top, pick->rows[i].owner, score);
    }
    return true;
}
