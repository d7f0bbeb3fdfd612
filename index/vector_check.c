/*
 * Owns the full check of a set: each block's checksum and numbers, what its codes promise, each vector's row of owners and
 * whatever it belongs to, and that the counts agree both ways.
 */
#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "index/ann/centroids.h"
#include "index/ann/code.h"
#include "index/vector_store_internal.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>
#include <math.h>

/* What a check needs of a divided set; of another it is empty. */
typedef struct division {
    tl_centroids centroids;
    tl_coder coder;
    float *vector, *centre; /* [dim] */
} division;

static bool division_load(division *lists, tl_store *store, const tl_stored_set *set, tl_error *err)
{
    return (lists->vector = tl_memory_allocate(set->dim, sizeof *lists->vector, err)) != NULL &&
           (lists->centre = tl_memory_allocate(set->dim, sizeof *lists->centre, err)) != NULL &&
           (set->lists == 0 ||
            (tl_centroids__load(&lists->centroids, store, set, err) && tl_coder__init(&lists->coder, set->dim, err)));
}

static void division_clear(division *lists)
{
    tl_centroids__clear(&lists->centroids);
    tl_coder__clear(&lists->coder);
    tl_memory_free(lists->vector);
    tl_memory_free(lists->centre);
}

/* The number of its list, what the index on lists says of it, and that no code promises more than it keeps. */
static bool check_listed(tl_store *store, const tl_block_view *view, tl_block_shape shape, division *lists, tl_error *err)
{
    bool row = false;
    if (view->list > lists->centroids.count)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected one of %" PRIu32 " lists, found %" PRId64,
                       view->id, lists->centroids.count, view->list);
    sqlite3_stmt *place = tl_statements__get(&store->statements, TL_STORE_BLOCK_PLACE, err);
    if (place == NULL)
        return false;
    sqlite3_bind_int64(place, 1, view->id);
    if (!tl_statements__step(&store->statements, place, &row, err))
        return false;
    double radius = row ? sqlite3_column_double(place, 0) : 0;
    bool is_marked =
        row && sqlite3_column_int64(place, 1) == tl_block__mark(view->id, view->set_id, view->list, (int64_t)view->count, radius);
    sqlite3_reset(place);
    if (!is_marked)
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector block %" PRId64 ": expected the mark of its list, count and radius, found another", view->id);
    tl_widen_from_f16(lists->centroids.rows + (size_t)(view->list - 1) * shape.dim, lists->centre, shape.dim);
    for (size_t i = 0; i < view->count; i++) {
        tl_row_code code = {view->factors[i], view->errors[i], view->norms[i], view->codes + i * tl_block__code_bytes(shape)};
        float reach[2];
        uint16_t halves[2] = {view->errors[i], view->norms[i]};
        tl_widen_from_f16(halves, reach, 2);
        tl_block__load_vector(shape, view->vectors + i * tl_block__row_bytes(shape), lists->vector);
        for (uint32_t j = 0; j < shape.dim; j++)
            lists->vector[j] -= lists->centre[j];
        if (!((double)(reach[0] + reach[1]) <= radius) || !tl_coder__holds(&lists->coder, lists->vector, &code))
            return tl_fail(err, TL_ERROR_CORRUPT,
                           "vector block %" PRId64 ": expected a code within its bound for %" PRId64 ", found one outside",
                           view->id, view->owners[i]);
    }
    return true;
}

typedef struct question {
    bool (*check_owner)(void *context, int64_t owner, tl_error *err);
    void *context;
} question;

static bool check_block(tl_store *store, const tl_block_view *view, const tl_stored_set *set, division *lists,
                        const question *asked, tl_error *err)
{
    tl_block_shape shape = {set->dim, set->storage};
    if (!tl_block__verify(view, shape, err) || (view->list != 0 && !check_listed(store, view, shape, lists, err)))
        return false;
    for (size_t i = 0; i < view->count; i++) {
        int64_t block_id;
        if (!tl_store__find_block(store, view->set_id, view->owners[i], &block_id, err))
            return false;
        if (block_id != view->id)
            return tl_fail(err, TL_ERROR_CORRUPT,
                           "vector block %" PRId64 ": expected a row of %s_owners for %" PRId64 ", found %s", view->id,
                           store->prefix, view->owners[i], block_id != 0 ? "one of another block" : "none");
        if (asked->check_owner != NULL && !asked->check_owner(asked->context, view->owners[i], err))
            return tl_fail_within(err, "vector block %" PRId64, view->id);
    }
    for (size_t i = 0; i < view->count; i++) {
        tl_block__load_vector(shape, view->vectors + i * tl_block__row_bytes(shape), lists->vector);
        for (uint32_t j = 0; j < set->dim; j++)
            if (!isfinite(lists->vector[j]))
                return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected finite numbers, found %g", view->id,
                               (double)lists->vector[j]);
    }
    return true;
}

static bool count_owners(tl_store *store, int64_t set_id, int64_t *count, tl_error *err)
{
    bool row;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_OWNER_COUNT, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set_id);
    if (!tl_statements__step(&store->statements, statement, &row, err))
        return false;
    *count = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return true;
}

static bool check_blocks(tl_store *store, const tl_stored_set *set, division *lists, const question *asked, tl_error *err)
{
    bool row = true;
    uint64_t seen = 0;
    int64_t owner_count;
    sqlite3_stmt *blocks = tl_statements__get(&store->statements, TL_STORE_BLOCK_EACH, err);
    if (blocks == NULL)
        return false;
    sqlite3_bind_int64(blocks, 1, set->id);
    for (;;) {
        tl_block_view view;
        if (!tl_statements__step(&store->statements, blocks, &row, err))
            return false;
        if (!row)
            break;
        if (!tl_block__view(blocks, (tl_block_shape){set->dim, set->storage}, &view, err) ||
            !check_block(store, &view, set, lists, asked, err))
            return false;
        if (view.count == 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected at least 1 vector, found 0", view.id);
        seen += view.count;
    }
    if (!count_owners(store, set->id, &owner_count, err))
        return false;
    /* Every vector has its row and their numbers are the same, so no owner stands in two blocks and no row points nowhere. */
    if (seen != set->count || (uint64_t)owner_count != seen)
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector set %" PRId64 ": expected %" PRIu64 " vectors, found %" PRIu64 " in blocks and %" PRId64 " owners",
                       set->id, set->count, seen, owner_count);
    return true;
}

bool tl_vector_store_check(tl_vector_store *store, const tl_stored_set *set,
                           bool (*check_owner)(void *context, int64_t owner, tl_error *err), void *context, tl_error *err)
{
    division lists = {0};
    question asked = {check_owner, context};
    tl_store *tables = tl_vector_store__tables(store);
    bool ok = division_load(&lists, tables, set, err) && check_blocks(tables, set, &lists, &asked, err);
    division_clear(&lists);
    tl_store__rest(tables);
    return ok;
}
