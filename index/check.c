/*
 * Owns the full check of an index file, in one read transaction: SQLite's own integrity_check and foreign keys, then for every
 * set each block's checksum and numbers, each vector's row in vector_owners and its item or caption, and that the counts agree
 * both ways.
 */
#include "base/core/memory.h"
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

static bool check_block(tl_statements *statements, const tl_block_view *view, const tl_vector_set *set, tl_error *err)
{
    if (!tl_block__verify(view, set->dim, err))
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
    for (size_t i = 0; i < view->count * set->dim; i++)
        if (!isfinite(view->vectors[i]))
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected finite numbers, found %g", view->id,
                           (double)view->vectors[i]);
    return true;
}

static bool check_set(tl_statements *statements, const tl_vector_set *set, int64_t id, tl_error *err)
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
        if (!tl_block__view(blocks, set->dim, &view, err) || !check_block(statements, &view, set, err))
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
