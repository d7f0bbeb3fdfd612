/*
 * Owns the exact scan of what is in no list: blocks of a set's tail in the order of their ids, checksum, dot products, heap. A
 * block's checksum is verified when this searcher first sees it, and again when it has changed since; the set's count says
 * whether all blocks were there.
 */
#include "index/ann/flat.h"

#include "base/core/memory.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>

void tl_flat__clear(tl_flat *flat)
{
    tl_memory_free(flat->scores);
    tl_memory_free(flat->verified);
    *flat = (tl_flat){0};
}

/* number: how many blocks came before it in this scan. */
static bool verify_once(tl_flat *flat, size_t number, const tl_block_view *view, tl_block_shape shape, tl_error *err)
{
    if (number < flat->verified_count && flat->verified[number].id == view->id &&
        flat->verified[number].checksum == view->checksum)
        return true;
    if (!tl_block__verify(view, shape, err) ||
        !tl_memory_reserve(&flat->verified, &flat->verified_capacity, number + 1, sizeof *flat->verified, err))
        return false;
    flat->verified[number] = (tl_verified_block){view->id, view->checksum};
    if (flat->verified_count <= number)
        flat->verified_count = number + 1;
    return true;
}

/* False when it holds none that is wanted. */
static bool holds_wanted(const tl_block_view *view, const tl_filter *filter)
{
    for (size_t i = 0; i < view->count; i++)
        if (tl_filter__wants(filter, view->owners[i]))
            return true;
    return false;
}

static void offer_block(const tl_block_view *view, const float *scores, const tl_filter *filter, tl_top_k *top)
{
    for (size_t i = 0; i < view->count; i++)
        if (tl_top_k__may_enter(top, scores[i]) && (filter == NULL || tl_filter__wants(filter, view->owners[i])))
            tl_top_k__offer(top, view->owners[i], scores[i]);
}

bool tl_flat__scan(tl_flat *flat, tl_store *store, const tl_stored_set *set, const tl_vector_query *query,
                   const tl_filter *filter, uint64_t expected, tl_top_k *top, tl_error *err)
{
    bool ok = false, row = true;
    uint64_t seen = 0;
    tl_block_shape shape = {set->dim, set->storage};
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_BLOCK_EACH_OF_TAIL, err);
    if (statement == NULL ||
        !tl_memory_reserve(&flat->scores, &flat->scores_capacity, tl_block__capacity(shape), sizeof *flat->scores, err))
        goto done;
    sqlite3_bind_int64(statement, 1, set->id);
    for (size_t number = 0;; number++) {
        tl_block_view view;
        if (!tl_statements__step(&store->statements, statement, &row, err))
            goto done;
        if (!row)
            break;
        if (!tl_block__view(statement, shape, &view, err) || !verify_once(flat, number, &view, shape, err))
            goto done;
        seen += view.count;
        if (filter != NULL && !holds_wanted(&view, filter))
            continue;
        tl_block__score(shape, query->metric, view.vectors, view.count, query->vector, flat->scores);
        offer_block(&view, flat->scores, filter, top);
    }
    ok =
        seen == expected || tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu64 " vectors, found %" PRIu64,
                                    set->id, expected, seen);
done:
    if (statement != NULL)
        sqlite3_reset(statement);
    return ok;
}
