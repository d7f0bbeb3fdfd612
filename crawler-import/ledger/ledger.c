/* Owns the ledger's schema and its statements. docs/FORMATS.md describes the tables for people. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "crawler-import/ledger/ledger_internal.h"

#include <inttypes.h>

static const tl_migration migrations[] = {
    {1, "CREATE TABLE sources(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, path TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
        " position INTEGER NOT NULL, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL);"
        "CREATE TABLE shards(number INTEGER PRIMARY KEY, name TEXT NOT NULL, samples INTEGER NOT NULL, bytes INTEGER NOT NULL,"
        " state TEXT NOT NULL);"
        "CREATE TABLE parts(shard INTEGER NOT NULL REFERENCES shards(number), source_id INTEGER NOT NULL REFERENCES sources(id),"
        " samples INTEGER NOT NULL, key_hashes BLOB NOT NULL, PRIMARY KEY(shard, source_id));"
        "CREATE TABLE skipped(id INTEGER PRIMARY KEY, source_id INTEGER NOT NULL REFERENCES sources(id), origin TEXT NOT NULL,"
        " reason TEXT NOT NULL);"},
    {2, "ALTER TABLE sources ADD COLUMN items_hash INTEGER;"}, /* NULL: not known */
    {3, TL_LEDGER_DOWNLOAD_TABLES},
};

static const tl_database_schema schema = {.application_id = 0x544c696d, /* "TLim" */
                                          .what = "import ledger",
                                          .migrations = migrations,
                                          .migration_count = sizeof migrations / sizeof migrations[0]};

static bool open_database(const char *path, bool create, sqlite3 **out, tl_error *err)
{
    tl_error reason;
    if (tl_database_open(path, &schema, create ? TL_DATABASE_CREATE : TL_DATABASE_READ, out, &reason))
        return true;
    /* What is only read of an older version is the same in all of them. */
    for (size_t count = schema.migration_count; !create && reason.kind == TL_ERROR_UNSUPPORTED && count-- > 1;) {
        tl_database_schema older = schema;
        older.migration_count = count;
        if (tl_database_open(path, &older, TL_DATABASE_READ, out, NULL))
            return true;
    }
    return tl_fail_as(err, &reason);
}

bool tl_ledger_open(const char *dataset, bool create, tl_ledger **out, tl_error *err)
{
    return tl_ledger_open_file(dataset, "ledger.db", create, out, err);
}

bool tl_ledger_open_file(const char *dataset, const char *name, bool create, tl_ledger **out, tl_error *err)
{
    tl_ledger *ledger = tl_memory_allocate(1, sizeof *ledger, err);
    if (ledger == NULL)
        return false;
    ledger->path = tl_path_join(dataset, name, err);
    if (ledger->path == NULL || !open_database(ledger->path, create, &ledger->database, err) ||
        !tl_database_prepare(ledger->database, "INSERT INTO skipped(source_id, origin, reason) VALUES(?1, ?2, ?3)",
                             &ledger->add_skipped, err)) {
        tl_ledger_close(ledger);
        return false;
    }
    *out = ledger;
    return true;
}

void tl_ledger_close(tl_ledger *ledger)
{
    if (ledger == NULL)
        return;
    sqlite3_finalize(ledger->add_skipped);
    if (ledger->database != NULL && !sqlite3_get_autocommit(ledger->database))
        sqlite3_exec(ledger->database, "ROLLBACK", NULL, NULL, NULL);
    tl_database_close(ledger->database);
    tl_memory_free(ledger->path);
    tl_memory_free(ledger);
}

static bool run(tl_ledger *ledger, sqlite3_stmt *statement, tl_error *err)
{
    bool row;
    bool ok = tl_database_step(ledger->database, statement, &row, err);
    sqlite3_reset(statement);
    return ok;
}

bool tl_ledger__run_once(tl_ledger *ledger, sqlite3_stmt *statement, tl_error *err)
{
    bool ok = run(ledger, statement, err);
    sqlite3_finalize(statement);
    return ok;
}

bool tl_ledger_begin(tl_ledger *ledger, uint64_t *shard_count, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    if (!tl_database_execute(ledger->database, "BEGIN IMMEDIATE", err) || !tl_ledger__check_no_download(ledger, err) ||
        !tl_database_prepare(ledger->database, "SELECT coalesce(max(number) + 1, 0) FROM shards", &statement, err))
        return false;
    bool ok = tl_database_step(ledger->database, statement, &row, err);
    if (ok)
        *shard_count = tl_row_count(statement, 0);
    sqlite3_finalize(statement);
    return ok;
}

bool tl_ledger_commit(tl_ledger *ledger, tl_error *err)
{
    return tl_database_execute(ledger->database, "COMMIT", err);
}

/* The status that tells whether a source changed; a folder's says nothing about what is in it. */
static bool read_status(const char *path, tl_file_status *status, tl_error *err)
{
    if (!tl_file_status_read(path, status, err))
        return false;
    if (status->kind != TL_FILE_REGULAR)
        *status = (tl_file_status){.kind = status->kind};
    return true;
}

static bool add_source(tl_ledger *ledger, const char *path, const char *kind, const tl_file_status *status, tl_ledger_source *out,
                       tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!tl_database_prepare(ledger->database,
                             "INSERT INTO sources(kind, path, state, position, size, modified_ns, items_hash) VALUES(?1, ?2, "
                             "'reading', 0, ?3, ?4, 0)",
                             &statement, err))
        return false;
    sqlite3_bind_text(statement, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, path, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)status->size);
    sqlite3_bind_int64(statement, 4, status->modified_ns);
    if (!tl_ledger__run_once(ledger, statement, err))
        return false;
    *out = (tl_ledger_source){.id = sqlite3_last_insert_rowid(ledger->database),
                              .has_items_hash = true,
                              .is_folder = status->kind == TL_FILE_DIRECTORY};
    return true;
}

bool tl_ledger_put_source(tl_ledger *ledger, const char *path, const char *kind, tl_ledger_source *out, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    tl_file_status status;
    bool row = false;
    if (!read_status(path, &status, err) ||
        !tl_database_prepare(ledger->database,
                             "SELECT id, position, state, size, modified_ns, items_hash FROM sources WHERE path = ?1", &statement,
                             err))
        return false;
    sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
    bool ok = tl_database_step(ledger->database, statement, &row, err);
    bool is_same = true;
    if (ok && row) {
        *out = (tl_ledger_source){.id = sqlite3_column_int64(statement, 0),
                                  .position = tl_row_count(statement, 1),
                                  .is_done = strcmp(tl_row_text(statement, 2), "done") == 0,
                                  .items_hash = (uint64_t)sqlite3_column_int64(statement, 5),
                                  .has_items_hash = sqlite3_column_type(statement, 5) == SQLITE_INTEGER,
                                  .is_folder = status.kind == TL_FILE_DIRECTORY};
        is_same = tl_row_count(statement, 3) == status.size && sqlite3_column_int64(statement, 4) == status.modified_ns;
    }
    sqlite3_finalize(statement);
    if (!ok)
        return false;
    if (row && out->is_done && !is_same)
        return tl_fail(
            err, TL_ERROR_INVALID,
            "'%s' changed since it was imported: expected the file that this dataset has, found another size or time; import "
            "it into a new dataset",
            path);
    if (row && out->position != 0 && !is_same)
        return tl_fail(err, TL_ERROR_INVALID,
                       "'%s': expected the file whose import began, found it changed since; import it into a new dataset", path);
    return row || add_source(ledger, path, kind, &status, out, err);
}

bool tl_ledger_set_position(tl_ledger *ledger, const tl_ledger_source *source, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!tl_database_prepare(ledger->database, "UPDATE sources SET position = ?1, state = ?2, items_hash = ?4 WHERE id = ?3",
                             &statement, err))
        return false;
    sqlite3_bind_int64(statement, 1, (int64_t)source->position);
    sqlite3_bind_text(statement, 2, source->is_done ? "done" : "reading", -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, source->id);
    sqlite3_bind_int64(statement, 4, (int64_t)source->items_hash);
    return tl_ledger__run_once(ledger, statement, err);
}

bool tl_ledger_add_skipped(tl_ledger *ledger, int64_t source_id, const char *origin, const char *reason, tl_error *err)
{
    sqlite3_bind_int64(ledger->add_skipped, 1, source_id);
    sqlite3_bind_text(ledger->add_skipped, 2, origin, -1, SQLITE_STATIC);
    sqlite3_bind_text(ledger->add_skipped, 3, reason, -1, SQLITE_STATIC);
    bool ok = run(ledger, ledger->add_skipped, err);
    sqlite3_clear_bindings(ledger->add_skipped);
    return ok;
}

bool tl_ledger_add_shard(tl_ledger *ledger, uint64_t number, const char *name, uint64_t samples, uint64_t bytes, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!tl_database_prepare(ledger->database,
                             "INSERT INTO shards(number, name, samples, bytes, state) VALUES(?1, ?2, ?3, ?4, 'done')", &statement,
                             err))
        return false;
    sqlite3_bind_int64(statement, 1, (int64_t)number);
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)samples);
    sqlite3_bind_int64(statement, 4, (int64_t)bytes);
    return tl_ledger__run_once(ledger, statement, err);
}

bool tl_ledger_add_part(tl_ledger *ledger, uint64_t shard_number, int64_t source_id, const uint64_t *key_hashes, size_t count,
                        tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    unsigned char *bytes = tl_memory_allocate(count, 8, err);
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        for (int byte = 0; byte < 8; byte++)
            bytes[i * 8 + (size_t)byte] = (unsigned char)(key_hashes[i] >> (8 * byte));
    bool ok = tl_database_prepare(
        ledger->database, "INSERT INTO parts(shard, source_id, samples, key_hashes) VALUES(?1, ?2, ?3, ?4)", &statement, err);
    if (ok) {
        sqlite3_bind_int64(statement, 1, (int64_t)shard_number);
        sqlite3_bind_int64(statement, 2, source_id);
        sqlite3_bind_int64(statement, 3, (int64_t)count);
        sqlite3_bind_blob64(statement, 4, bytes, count * 8, SQLITE_STATIC);
        ok = tl_ledger__run_once(ledger, statement, err);
    }
    tl_memory_free(bytes);
    return ok;
}

bool tl_ledger_each_key(tl_ledger *ledger, bool (*visit)(void *context, uint64_t key_hash, int64_t source_id, tl_error *err),
                        void *context, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok = tl_database_prepare(ledger->database, "SELECT source_id, key_hashes FROM parts ORDER BY shard, source_id",
                                  &statement, err);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row) {
        const unsigned char *bytes = sqlite3_column_blob(statement, 1);
        size_t size = (size_t)sqlite3_column_bytes(statement, 1);
        for (size_t at = 0; ok && at + 8 <= size; at += 8) {
            uint64_t hash = 0;
            for (int byte = 0; byte < 8; byte++)
                hash |= (uint64_t)bytes[at + (size_t)byte] << (8 * byte);
            ok = visit(context, hash, sqlite3_column_int64(statement, 0), err);
        }
    }
    sqlite3_finalize(statement);
    return ok;
}

/* Prepares a query with one parameter, the source. */
static bool prepare_for_source(tl_ledger *ledger, const char *sql, int64_t source_id, sqlite3_stmt **statement, tl_error *err)
{
    if (!tl_database_prepare(ledger->database, sql, statement, err))
        return false;
    sqlite3_bind_int64(*statement, 1, source_id);
    return true;
}

bool tl_ledger_each_reason(tl_ledger *ledger, int64_t source_id,
                           bool (*visit)(void *context, const char *reason, uint64_t count, tl_error *err), void *context,
                           tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok =
        prepare_for_source(ledger, "SELECT reason, count(*) FROM skipped WHERE source_id = ?1 GROUP BY reason ORDER BY reason",
                           source_id, &statement, err);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row)
        ok = visit(context, tl_row_text(statement, 0), tl_row_count(statement, 1), err);
    sqlite3_finalize(statement);
    return ok;
}

bool tl_ledger_count_samples(tl_ledger *ledger, int64_t source_id, uint64_t *samples, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok = prepare_for_source(ledger, "SELECT coalesce(sum(samples), 0) FROM parts WHERE source_id = ?1", source_id,
                                 &statement, err) &&
              tl_database_step(ledger->database, statement, &row, err);
    if (ok)
        *samples = tl_row_count(statement, 0);
    sqlite3_finalize(statement);
    return ok;
}

bool tl_ledger_each_shard(tl_ledger *ledger, int64_t source_id,
                          bool (*visit)(void *context, uint64_t number, uint64_t bytes, tl_error *err), void *context,
                          tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok = prepare_for_source(
        ledger, "SELECT number, bytes FROM shards JOIN parts ON parts.shard = shards.number WHERE source_id = ?1 ORDER BY number",
        source_id, &statement, err);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row)
        ok = visit(context, tl_row_count(statement, 0), tl_row_count(statement, 1), err);
    sqlite3_finalize(statement);
    return ok;
}

bool tl_ledger_each_skipped(tl_ledger *ledger, bool (*visit)(void *context, const char *origin, const char *reason),
                            void *context, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok = tl_database_prepare(ledger->database, "SELECT origin, reason FROM skipped ORDER BY id", &statement, err);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row)
        if (!visit(context, tl_row_text(statement, 0), tl_row_text(statement, 1)))
            break;
    sqlite3_finalize(statement);
    return ok;
}
