/*
 * Owns the full check of an index file, in one read transaction: SQLite's own integrity_check and foreign keys, every set of
 * vectors (index/vector_check.c) with the item or caption of each, the sums over the catalogue's tables, and the words of
 * captions.
 */
#include "base/core/memory.h"
#include "index/catalogue/table_sums.h"
#include "index/catalogue/vector_sets.h"
#include "index/catalogue/words_check.h"
#include "index/index_internal.h"

#include <inttypes.h>
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

typedef struct owner_lookup {
    tl_statements *statements;
    bool is_item;
} owner_lookup;

static bool check_owner(void *context, int64_t owner, tl_error *err)
{
    bool found;
    owner_lookup *lookup = context;
    sqlite3_stmt *statement =
        tl_statements__get(lookup->statements, lookup->is_item ? TL_SQL_ITEM_PLACE : TL_SQL_CAPTION_ITEM, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, owner);
    if (!tl_statements__step(lookup->statements, statement, &found, err))
        return false;
    sqlite3_reset(statement);
    return found ||
           tl_fail(err, TL_ERROR_CORRUPT, "expected %s %" PRId64 ", found none", lookup->is_item ? "item" : "caption", owner);
}

static bool check_set(tl_index *index, const tl_vector_set *set, int64_t id, tl_error *err)
{
    owner_lookup lookup = {&index->statements, set->kind == TL_VECTOR_IMAGE};
    tl_vector_store *store = NULL;
    tl_stored_set row;
    bool ok = tl_vector_store_open(index->database, "main", "vector", TL_TABLES_OF_CATALOGUE, &store, err) &&
              tl_vector_store_find_set(store, id, &row, err) && tl_vector_store_check(store, &row, check_owner, &lookup, err);
    tl_vector_store_close(store);
    return ok;
}

static bool check_sums(tl_statements *statements, tl_error *err)
{
    for (int table = 0; table < TL_SUMMED_COUNT; table++)
        for (int part = 0; part < TL_SUMMED_PARTS; part++)
            if (!tl_table_sums__verify(statements, (tl_summed)table, (tl_summed_part)part, err))
                return false;
    return true;
}

static bool check_in_transaction(tl_index *index, tl_error *err)
{
    tl_vector_set *sets = NULL;
    tl_ids ids = {0};
    size_t count = 0;
    tl_statements *statements = &index->statements;
    bool ok = expect_no_complaint(statements->database, "PRAGMA integrity_check(1)", "a sound database", err) &&
              expect_no_complaint(statements->database, "PRAGMA foreign_key_check", "no row that refers to a missing one", err) &&
              tl_sets__list(statements, &sets, &ids, &count, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = check_set(index, &sets[i], ids.items[i], err);
    ok = ok && check_sums(statements, err) && tl_words__check(index->database, index->mode == TL_INDEX_READ, err);
    tl_memory_free(sets);
    tl_memory_free(ids.items);
    return ok;
}

bool tl_index_check(tl_index *index, tl_error *err)
{
    tl_statements *statements = &index->statements;
    bool ok = tl_statements__run_integers(statements, TL_SQL_BEGIN_READ, 0, 0, err) && check_in_transaction(index, err);
    tl_statements__rest(statements);
    if (!sqlite3_get_autocommit(index->database))
        ok = tl_statements__run_integers(statements, TL_SQL_COMMIT, 0, 0, ok ? err : NULL) && ok;
    return ok || tl_index__fail_in_file(index->database, err);
}
