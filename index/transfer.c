/* Owns what takes an index elsewhere: its vectors one by one, and copies of the whole file. */
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "index/catalogue/vector_sets.h"
#include "index/index_internal.h"

#include <inttypes.h>
#include <stdio.h>

static bool visit_vectors(tl_index *index, const char *model, tl_vector_kind kind,
                          bool (*visit)(void *context, int64_t owner, const float *vector, tl_error *err), void *context,
                          tl_error *err)
{
    bool ok = false;
    tl_stored_set set;
    tl_vector_store *store = NULL;
    int64_t *owners = NULL;
    float *vector = NULL;
    size_t count = 0;
    if (!tl_sets__find(&index->statements, model, kind, &set, err) ||
        (set.id == 0 && !tl_sets__fail_not_found(&index->statements, model, kind, err)))
        goto done;
    vector = tl_memory_allocate(set.dim, sizeof *vector, err);
    if (vector == NULL || !tl_vector_store_open(index->database, "main", "vector", TL_TABLES_OF_CATALOGUE, &store, err) ||
        !tl_vector_store_owners(store, &set, &owners, &count, err))
        goto done;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        if (!tl_vector_store_read(store, &set, owners[i], vector, &found, err))
            goto done;
        if (!found) {
            tl_fail(err, TL_ERROR_CORRUPT, "expected a vector of %" PRId64 ", found none", owners[i]);
            goto done;
        }
        if (!visit(context, owners[i], vector, err))
            goto done;
    }
    ok = true;
done:
    tl_vector_store_close(store);
    tl_memory_free(owners);
    tl_memory_free(vector);
    return ok;
}

bool tl_index_each_vector(tl_index *index, const char *model_fingerprint, tl_vector_kind kind,
                          bool (*visit)(void *context, int64_t owner, const float *vector, tl_error *err), void *context,
                          tl_error *err)
{
    tl_statements *statements = &index->statements;
    bool ok = tl_statements__run_integers(statements, TL_SQL_BEGIN_READ, 0, 0, err) &&
              visit_vectors(index, model_fingerprint, kind, visit, context, err);
    tl_statements__rest(statements);
    if (!sqlite3_get_autocommit(index->database))
        ok = tl_statements__run_integers(statements, TL_SQL_COMMIT, 0, 0, ok ? err : NULL) && ok;
    return ok || tl_index__fail_in_file(index->database, err);
}

bool tl_index_caption_item(tl_index *index, int64_t caption_id, int64_t *item_id, tl_error *err)
{
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(&index->statements, TL_SQL_CAPTION_ITEM, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, caption_id);
    bool ok = tl_statements__step(&index->statements, statement, &row, err) &&
              (row || tl_fail(err, TL_ERROR_NOT_FOUND, "expected a caption with id %" PRId64 ", found none", caption_id));
    *item_id = ok ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return ok;
}

/* All in one step, which sees one state: between steps, a writer that commits often would have it begin anew each time. */
static bool copy_pages(sqlite3 *from, sqlite3 *into, tl_error *err)
{
    enum { WAIT_MS = 20, MOST_WAITS = 500 };
    sqlite3_backup *backup = sqlite3_backup_init(into, "main", from, "main");
    if (backup == NULL)
        return tl_database_fail(into, err);
    int code = SQLITE_OK;
    for (int waits = 0; (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) && waits < MOST_WAITS;) {
        code = sqlite3_backup_step(backup, -1);
        if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
            sqlite3_sleep(WAIT_MS);
            waits++;
        }
    }
    bool done = code == SQLITE_DONE;
    code = sqlite3_backup_finish(backup);
    return (done && code == SQLITE_OK) || tl_database_fail(into, err);
}

bool tl_index_backup(tl_index *index, const char *path, tl_error *err)
{
    sqlite3 *copy = NULL;
    tl_file_status status;
    tl_index *opened = NULL;
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind != TL_FILE_MISSING)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected no file of that name to copy the index to", path);
    char *name = tl_path_join(path[0] == '/' ? "/" : ".", path[0] == '/' ? path + 1 : path, err); /* never ":memory:" */
    if (name == NULL)
        return false;
    int code = sqlite3_open_v2(name, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    tl_memory_free(name);
    if (code != SQLITE_OK) {
        tl_fail(err, code == SQLITE_NOMEM ? TL_ERROR_NO_MEMORY : TL_ERROR_IO, "'%s': cannot make a copy there: %s", path,
                sqlite3_errstr(code));
        tl_database_close(copy);
        return false;
    }
    tl_statements__rest(&index->statements);
    bool ok = copy_pages(index->database, copy, err);
    tl_database_close(copy);
    /* A copy that cannot be opened is none. */
    ok = ok && tl_index_open(path, TL_INDEX_WRITE, &opened, err);
    tl_index_close(opened);
    if (!ok)
        remove(path);
    return ok;
}
