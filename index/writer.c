/*
 * Owns a writer: its connection, its transaction and what it keeps between calls. Every call first checks all that it was given,
 * then changes the file. What a check refuses leaves the writer as it was, so one bad item never costs the others. A failure
 * while the file is being changed (disk full, corrupt block) rolls back to the last commit and makes every later call fail with
 * that first reason: the transaction is gone, and going on would commit a part of what the caller believes is there.
 */
#include "base/core/memory.h"
#include "index/catalogue/items.h"
#include "index/catalogue/vector_sets.h"
#include "index/index_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CHECKPOINT_WAIT_MS = 100 };

struct tl_index_writer {
    sqlite3 *database;
    tl_statements statements;
    tl_vector_store *store;
    tl_table_sums sums;
    bool is_spoiled;
    tl_error reason; /* of the failure that spoiled it */
};

static void rest(tl_index_writer *writer)
{
    tl_statements__rest(&writer->statements);
    tl_vector_store_rest(writer->store);
}

static void roll_back(tl_index_writer *writer)
{
    writer->sums = (tl_table_sums){0};
    tl_statements__rest(&writer->statements);
    if (writer->store != NULL) {
        tl_vector_store_rest(writer->store);
        tl_vector_store_forget(writer->store);
    }
    if (!sqlite3_get_autocommit(writer->database))
        sqlite3_exec(writer->database, "ROLLBACK", NULL, NULL, NULL);
}

static bool spoil(tl_index_writer *writer, const tl_error *reason, tl_error *err)
{
    writer->reason = *reason;
    tl_index__fail_in_file(writer->database, &writer->reason);
    writer->is_spoiled = true;
    roll_back(writer);
    return tl_fail_as(err, &writer->reason);
}

static bool begin(tl_index_writer *writer, tl_error *err)
{
    if (writer->is_spoiled) {
        tl_fail_as(err, &writer->reason);
        return tl_fail_within(err, "nothing more can be written after an earlier failure");
    }
    return !sqlite3_get_autocommit(writer->database) ||
           tl_statements__run_integers(&writer->statements, TL_SQL_BEGIN_WRITE, 0, 0, err);
}

/* The end of a call that only looked, or was refused before it changed anything. */
static bool finish_look(tl_index_writer *writer, bool ok, tl_error *err)
{
    rest(writer);
    return ok || tl_index__fail_in_file(writer->database, err);
}

static bool finish_change(tl_index_writer *writer, bool ok, const tl_error *reason, tl_error *err)
{
    if (!ok)
        return spoil(writer, reason, err);
    rest(writer);
    return true;
}

static tl_catalogue_writer catalogue(tl_index_writer *writer)
{
    return (tl_catalogue_writer){&writer->statements, writer->store, &writer->sums};
}

bool tl_index_writer_open(tl_index *index, tl_index_writer **out, tl_error *err)
{
    if (index->mode == TL_INDEX_READ)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected an index opened for writing, found one opened for reading",
                       index->path);
    tl_index_writer *writer = tl_memory_allocate(1, sizeof *writer, err);
    if (writer == NULL)
        return false;
    bool ok = tl_index__connect(index->path, TL_INDEX_WRITE, &writer->database, err) &&
              tl_vector_store_open(writer->database, "main", "vector", TL_TABLES_OF_CATALOGUE, &writer->store, err);
    writer->statements = tl_catalogue__statements(writer->database);
    ok = ok && begin(writer, err); /* a second writer learns now that it is one, before it computes anything */
    if (ok)
        *out = writer;
    else
        tl_index_writer_close(writer);
    return ok;
}

void tl_index_writer_close(tl_index_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->database != NULL) {
        roll_back(writer);
        tl_vector_store_close(writer->store);
        tl_statements__clear(&writer->statements);
        /* Best effort: a reader in the middle of a search keeps the log, and the last one to close folds it in. */
        sqlite3_busy_timeout(writer->database, CHECKPOINT_WAIT_MS);
        sqlite3_wal_checkpoint_v2(writer->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    tl_database_close(writer->database);
    tl_memory_free(writer);
}

bool tl_index_writer_divide(tl_index_writer *writer, const char *model_fingerprint, tl_vector_kind kind, uint32_t lists,
                            tl_thread_pool *pool, tl_error *err)
{
    tl_stored_set set;
    tl_error reason = {0};
    if (kind != TL_VECTOR_IMAGE && kind != TL_VECTOR_CAPTION)
        return tl_fail(err, TL_ERROR_INVALID, "expected vectors of kind image or caption, found %d", (int)kind);
    if (lists > TL_MAX_LISTS)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %d lists, found %" PRIu32, TL_MAX_LISTS, lists);
    if (!begin(writer, err))
        return false;
    /* Blocks that are still held would be missing from what is divided, and their rows from the count. */
    if (!tl_vector_store_flush(writer->store, &reason))
        return finish_change(writer, false, &reason, err);
    if (!tl_sets__find(&writer->statements, model_fingerprint, kind, &set, err) ||
        (set.id == 0 && !tl_sets__fail_not_found(&writer->statements, model_fingerprint, kind, err)))
        return finish_look(writer, false, err);
    return finish_change(writer, tl_vector_store_divide(writer->store, &set, lists, pool, &reason), &reason, err);
}

bool tl_index_writer_commit(tl_index_writer *writer, tl_error *err)
{
    tl_error reason = {0};
    if (writer->is_spoiled)
        return begin(writer, err);
    if (sqlite3_get_autocommit(writer->database))
        return true; /* nothing was begun since the last commit */
    bool ok = tl_vector_store_flush(writer->store, &reason) && tl_vector_store_move_tails(writer->store, &reason) &&
              tl_table_sums__write(&writer->sums, &writer->statements, &reason) &&
              tl_statements__run_integers(&writer->statements, TL_SQL_COMMIT, 0, 0, &reason);
    return finish_change(writer, ok, &reason, err);
}

bool tl_index_writer_put_item(tl_index_writer *writer, const tl_item *item, int64_t *id, tl_error *err)
{
    tl_error reason = {0};
    if (!tl_items__check(item, err) || !begin(writer, err))
        return false;
    tl_catalogue_writer rows = catalogue(writer);
    bool ok = tl_items__put(&rows, item, id, &reason);
    return finish_change(writer, ok, &reason, err);
}

/* Refuses an id that is no item's. */
static bool find_item(tl_index_writer *writer, int64_t id, int64_t *root_id, tl_error *err)
{
    return tl_items__find_root_of(&writer->statements, id, root_id, err) &&
           (*root_id != 0 || tl_fail(err, TL_ERROR_NOT_FOUND, "expected an item with id %" PRId64 ", found none", id));
}

bool tl_index_writer_move_item(tl_index_writer *writer, int64_t id, const char *root, const char *path, tl_error *err)
{
    int64_t root_id, there;
    tl_error reason = {0};
    if (!tl_items__check_place(root, path, err) || !begin(writer, err))
        return false;
    if (!find_item(writer, id, &root_id, err) || !tl_items__find(&writer->statements, root, path, &there, err))
        return finish_look(writer, false, err);
    if (there == id)
        return finish_look(writer, true, err);
    if (there != 0) {
        tl_fail(err, TL_ERROR_INVALID, "'%.200s': expected no item in the way of the one that moves, found item %" PRId64, path,
                there);
        return finish_look(writer, false, err);
    }
    tl_catalogue_writer rows = catalogue(writer);
    bool ok = tl_items__move(&rows, id, root_id, root, path, &reason);
    return finish_change(writer, ok, &reason, err);
}

bool tl_index_writer_touch_item(tl_index_writer *writer, int64_t id, int64_t modified_ns, tl_error *err)
{
    int64_t root_id;
    tl_error reason = {0};
    if (!begin(writer, err))
        return false;
    if (!find_item(writer, id, &root_id, err))
        return finish_look(writer, false, err);
    tl_catalogue_writer rows = catalogue(writer);
    bool ok = tl_items__touch(&rows, id, modified_ns, &reason);
    return finish_change(writer, ok, &reason, err);
}

bool tl_index_writer_remove_item(tl_index_writer *writer, int64_t id, tl_error *err)
{
    int64_t root_id;
    tl_error reason = {0};
    if (!begin(writer, err))
        return false;
    if (!find_item(writer, id, &root_id, err))
        return finish_look(writer, false, err);
    tl_catalogue_writer rows = catalogue(writer);
    bool ok = tl_items__remove(&rows, id, root_id, &reason);
    return finish_change(writer, ok, &reason, err);
}

bool tl_index_writer_move_root(tl_index_writer *writer, const char *old_root, const char *new_root, tl_error *err)
{
    int64_t from, into;
    tl_error reason = {0};
    const char *clash = NULL;
    if (!tl_items__check_place(old_root, "-", err) || !tl_items__check_place(new_root, "-", err) || !begin(writer, err))
        return false;
    if (!tl_roots__find(&writer->statements, old_root, &from, err) || !tl_roots__find(&writer->statements, new_root, &into, err))
        return finish_look(writer, false, err);
    if (from == 0) {
        tl_fail(err, TL_ERROR_NOT_FOUND, "expected items of the folder '%.200s', found none", old_root);
        return finish_look(writer, false, err);
    }
    if (from == into)
        return finish_look(writer, true, err);
    if (into != 0 && !tl_roots__find_clash(&writer->statements, from, into, &clash, err))
        return finish_look(writer, false, err);
    if (clash != NULL) {
        tl_fail(err, TL_ERROR_INVALID, "expected no item in both '%.120s' and '%.120s', found '%.120s'", old_root, new_root,
                clash);
        return finish_look(writer, false, err);
    }
    tl_catalogue_writer rows = catalogue(writer);
    bool ok = into == 0 ? tl_roots__rename(&rows, from, new_root, &reason) : tl_roots__merge(&rows, from, into, &reason);
    return finish_change(writer, ok, &reason, err);
}

bool tl_index_writer_caption_ids(tl_index_writer *writer, int64_t item_id, int64_t **ids, size_t *count, tl_error *err)
{
    int64_t root_id;
    tl_ids found = {0};
    bool ok = find_item(writer, item_id, &root_id, err) && tl_captions__ids(&writer->statements, item_id, &found, err);
    if (ok) {
        *ids = found.items;
        *count = found.count;
    } else {
        tl_memory_free(found.items);
    }
    return finish_look(writer, ok, err);
}

static bool check_vectors(const tl_vector_set *set, const int64_t *owners, const float *vectors, size_t count, tl_error *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < set->dim; j++)
            if (!isfinite(vectors[i * set->dim + j]))
                return tl_fail(err, TL_ERROR_INVALID, "vector of %s %" PRId64 ": expected finite numbers, found %g at %zu",
                               tl_vector_kind__name(set->kind), owners[i], (double)vectors[i * set->dim + j], j);
    return true;
}

/* What would become infinite as f16. */
static bool check_range(const tl_vector_set *set, const int64_t *owners, const float *vectors, size_t count, tl_error *err)
{
    for (size_t i = 0; i < count * set->dim; i++)
        if (fabsf(vectors[i]) >= 65520.0f)
            return tl_fail(err, TL_ERROR_INVALID, "vector of %s %" PRId64 ": expected numbers within f16, found %g",
                           tl_vector_kind__name(set->kind), owners[i / set->dim], (double)vectors[i]);
    return true;
}

static bool check_owners(tl_index_writer *writer, tl_vector_kind kind, const int64_t *owners, size_t count, tl_error *err)
{
    sqlite3_stmt *statement =
        tl_statements__get(&writer->statements, kind == TL_VECTOR_IMAGE ? TL_SQL_ITEM_PLACE : TL_SQL_CAPTION_ITEM, err);
    if (statement == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool row = false;
        sqlite3_bind_int64(statement, 1, owners[i]);
        if (!tl_statements__step(&writer->statements, statement, &row, err))
            return false;
        sqlite3_reset(statement);
        if (!row)
            return tl_fail(err, TL_ERROR_NOT_FOUND, "vector of %s %" PRId64 ": expected %s with that id, found none",
                           tl_vector_kind__name(kind), owners[i], kind == TL_VECTOR_IMAGE ? "an item" : "a caption");
    }
    return true;
}

bool tl_index_writer_put_vectors(tl_index_writer *writer, const tl_vector_set *set, const int64_t *owners, const float *vectors,
                                 size_t count, tl_error *err)
{
    tl_error reason = {0};
    tl_stored_set row;
    if (!tl_sets__check(set, err) || !check_vectors(set, owners, vectors, count, err) || !begin(writer, err))
        return false;
    if (!check_owners(writer, set->kind, owners, count, err) || !tl_sets__find_or_add(&writer->statements, set, &row, err))
        return finish_look(writer, false, err);
    if (row.storage == TL_VECTOR_STORE_F16 && !check_range(set, owners, vectors, count, err))
        return finish_look(writer, false, err);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = tl_vector_store_put(writer->store, &row, owners[i], vectors + i * row.dim, &reason);
    return finish_change(writer, ok, &reason, err);
}

bool tl_index_writer_missing(tl_index_writer *writer, const tl_vector_set *set, int64_t **owners, size_t *count, tl_error *err)
{
    tl_stored_set row;
    tl_ids found = {0};
    if (!tl_sets__check(set, err))
        return false;
    bool ok = tl_sets__find(&writer->statements, set->model, set->kind, &row, err);
    if (ok && row.id != 0 && row.dim != set->dim)
        ok = tl_fail(err, TL_ERROR_INVALID,
                     "%s vectors of model '%s': expected dimension %" PRIu32 " as those in the index, found %" PRIu32,
                     tl_vector_kind__name(set->kind), set->model_name, row.dim, set->dim);
    sqlite3_stmt *statement = NULL;
    if (ok)
        statement = tl_statements__get(&writer->statements,
                                       set->kind == TL_VECTOR_IMAGE ? TL_SQL_ITEM_MISSING : TL_SQL_CAPTION_MISSING, err);
    if (statement != NULL)
        sqlite3_bind_int64(statement, 1, row.id); /* 0, that of no set, finds all */
    ok = statement != NULL && tl_statements__collect_ids(&writer->statements, statement, &found, err);
    if (ok) {
        *owners = found.items;
        *count = found.count;
    } else {
        tl_memory_free(found.items);
    }
    return finish_look(writer, ok, err);
}
