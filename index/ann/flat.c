/*
 * Owns the exact scan of what is in no list: blocks of a set's tail in the order of their ids, checksum, dot products, heap. A
 * block's checksum is verified when this searcher first sees it, and again when it has changed since; the set's count says
 * whether all blocks were there.
 */
#include "index/ann/flat.h"

#include "base/core/memory.h"
#include "index/vectors/block.h"

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
        !tl_memory_reserve((void **)&flat->verified, &flat->verified_capacity, number + 1, sizeof *flat->verified, err))
        return false;
    flat->verified[number] = (tl_verified_block){view->id, view->checksum};
    if (flat->verified_count <= number)
        flat->verified_count = number + 1;
    return true;
}

static void offer_block(const tl_block_view *view, const float *scores, const tl_ids *allowed, tl_top_k *top)
{
    for (size_t i = 0; i < view->count; i++)
        if (tl_top_k__may_enter(top, scores[i]) && (allowed == NULL || tl_ids__contain(allowed, view->owners[i])))
            tl_top_k__offer(top, view->owners[i], scores[i]);
}

bool tl_flat__scan(tl_flat *flat, tl_statements *statements, const tl_set_row *set, const float *query, const tl_ids *allowed,
                   uint64_t expected, tl_top_k *top, tl_error *err)
{
    bool ok = false, row = true;
    uint64_t seen = 0;
    tl_block_shape shape = {set->dim, set->storage};
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_BLOCK_EACH_OF_TAIL, err);
    if (statement == NULL ||
        !tl_memory_reserve((void **)&flat->scores, &flat->scores_capacity, tl_block__capacity(shape), sizeof *flat->scores, err))
        goto done;
    sqlite3_bind_int64(statement, 1, set->id);
    for (size_t number = 0;; number++) {
        tl_block_view view;
        if (!tl_statements__step(statements, statement, &row, err))
            goto done;
        if (!row)
            break;
        if (!tl_block__view(statement, shape, &view, err) || !verify_once(flat, number, &view, shape, err))
            goto done;
        tl_block__dot(shape, view.vectors, view.count, query, flat->scores);
        offer_block(&view, flat->scores, allowed, top);
        seen += view.count;
    }
    ok =
        seen == expected || tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu64 " vectors, found %" PRIu64,
                                    set->id, expected, seen);
done:
    if (statement != NULL)
        sqlite3_reset(statement);
    return ok;
}
