/*
 * Owns the full check of an index file, in one read transaction: SQLite's own integrity_check and foreign keys, then for every
 * set each block's checksum and numbers, each vector's row in vector_owners and its item or caption, and that the counts agree
 * both ways.
 */
#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "index/ann/centroids.h"
#include "index/ann/code.h"
#include "index/catalogue/vector_sets.h"
#include "index/index_internal.h"
#include "index/vectors/block.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Runs a pragma whose rows are complaints; "ok" is none. */
static bool expect_no_complaint(sqlite3 *database, const char *sql, const char *what, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok = tl_database_prepare(database, sql, &statement, err) && tl_database_step(database, statement, &row, err);
    if (ok && row) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text == NULL || strcmp(text, "ok") != 0)
            ok = tl_fail(err, TL_ERROR_CORRUPT, "expected %s, found: %s", what, text != NULL ? text : "(none)");
    }
    sqlite3_finalize(statement);
    return ok;
}

/* Column 0 of the one row, or *found false. */
static bool look_up(tl_statements *statements, tl_statement which, int64_t first, int64_t second, bool *found, int64_t *value,
                    tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(statements, which, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) >= 2)
        sqlite3_bind_int64(statement, 2, second);
    if (!tl_statements__step(statements, statement, found, err))
        return false;
    *value = *found ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return true;
}

/* What a check needs of a divided set; of another it is empty. */
typedef struct division {
    tl_centroids centroids;
    tl_coder coder;
    float *vector, *centre; /* [dim] */
} division;

static bool division_load(division *lists, tl_statements *statements, const tl_set_row *set, tl_error *err)
{
    return (lists->vector = tl_memory_allocate(set->dim, sizeof *lists->vector, err)) != NULL &&
           (lists->centre = tl_memory_allocate(set->dim, sizeof *lists->centre, err)) != NULL &&
           (set->lists == 0 ||
            (tl_centroids__load(&lists->centroids, statements, set, err) && tl_coder__init(&lists->coder, set->dim, err)));
}

static void division_clear(division *lists)
{
    tl_centroids__clear(&lists->centroids);
    tl_coder__clear(&lists->coder);
    tl_memory_free(lists->vector);
    tl_memory_free(lists->centre);
}

/* The number of its list, what the index on lists says of it, and that no code promises more than it keeps. */
static bool check_listed(tl_statements *statements, const tl_block_view *view, tl_block_shape shape, division *lists,
                         tl_error *err)
{
    bool row = false;
    if (view->list > lists->centroids.count)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected one of %" PRIu32 " lists, found %" PRId64,
                       view->id, lists->centroids.count, view->list);
    sqlite3_stmt *place = tl_statements__get(statements, TL_SQL_BLOCK_PLACE, err);
    if (place == NULL)
        return false;
    sqlite3_bind_int64(place, 1, view->id);
    if (!tl_statements__step(statements, place, &row, err))
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

static bool check_block(tl_statements *statements, const tl_block_view *view, const tl_vector_set *set, division *lists,
                        tl_error *err)
{
    tl_block_shape shape = {set->dim, set->storage};
    if (!tl_block__verify(view, shape, err) || (view->list != 0 && !check_listed(statements, view, shape, lists, err)))
        return false;
    for (size_t i = 0; i < view->count; i++) {
        bool found;
        int64_t block_id, unused;
        if (!look_up(statements, TL_SQL_OWNER_FIND, view->set_id, view->owners[i], &found, &block_id, err))
            return false;
        if (!found || block_id != view->id)
            return tl_fail(err, TL_ERROR_CORRUPT,
                           "vector block %" PRId64 ": expected a row of vector_owners for %" PRId64 ", found %s", view->id,
                           view->owners[i], found ? "one of another block" : "none");
        if (!look_up(statements, set->kind == TL_VECTOR_IMAGE ? TL_SQL_ITEM_PLACE : TL_SQL_CAPTION_ITEM, view->owners[i], 0,
                     &found, &unused, err))
            return false;
        if (!found)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected %s %" PRId64 ", found none", view->id,
                           set->kind == TL_VECTOR_IMAGE ? "item" : "caption", view->owners[i]);
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

static bool check_blocks(tl_statements *statements, const tl_vector_set *set, int64_t id, division *lists, tl_error *err)
{
    bool row = true, found;
    uint64_t seen = 0;
    int64_t owner_count;
    sqlite3_stmt *blocks = tl_statements__get(statements, TL_SQL_BLOCK_EACH, err);
    if (blocks == NULL)
        return false;
    sqlite3_bind_int64(blocks, 1, id);
    for (;;) {
        tl_block_view view;
        if (!tl_statements__step(statements, blocks, &row, err))
            return false;
        if (!row)
            break;
        if (!tl_block__view(blocks, (tl_block_shape){set->dim, set->storage}, &view, err) ||
            !check_block(statements, &view, set, lists, err))
            return false;
        if (view.count == 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected at least 1 vector, found 0", view.id);
        seen += view.count;
    }
    if (!look_up(statements, TL_SQL_OWNER_COUNT, id, 0, &found, &owner_count, err))
        return false;
    /* Every vector has its row and their numbers are the same, so no owner stands in two blocks and no row points nowhere. */
    if (seen != set->count || (uint64_t)owner_count != seen)
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector set %" PRId64 ": expected %" PRIu64 " vectors, found %" PRIu64 " in blocks and %" PRId64 " owners",
                       id, set->count, seen, owner_count);
    return true;
}

static bool check_set(tl_statements *statements, const tl_vector_set *set, int64_t id, tl_error *err)
{
    division lists = {0};
    tl_set_row row = {.id = id, .dim = set->dim, .count = set->count, .storage = set->storage, .lists = set->lists};
    bool ok = division_load(&lists, statements, &row, err) && check_blocks(statements, set, id, &lists, err);
    division_clear(&lists);
    return ok;
}

static bool check_in_transaction(tl_statements *statements, tl_error *err)
{
    tl_vector_set *sets = NULL;
    tl_ids ids = {0};
    size_t count = 0;
    bool ok = expect_no_complaint(statements->database, "PRAGMA integrity_check(1)", "a sound database", err) &&
              expect_no_complaint(statements->database, "PRAGMA foreign_key_check", "no row that refers to a missing one", err) &&
              tl_sets__list(statements, &sets, &ids, &count, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = check_set(statements, &sets[i], ids.items[i], err);
    tl_memory_free(sets);
    tl_memory_free(ids.items);
    return ok;
}

bool tl_index_check(tl_index *index, tl_error *err)
{
    tl_statements *statements = &index->statements;
    bool ok = tl_statements__run_integers(statements, TL_SQL_BEGIN_READ, 0, 0, err) && check_in_transaction(statements, err);
    tl_statements__rest(statements);
    if (!sqlite3_get_autocommit(index->database))
        ok = tl_statements__run_integers(statements, TL_SQL_COMMIT, 0, 0, ok ? err : NULL) && ok;
    return ok || tl_index__fail_in_file(index->database, err);
}
