/*
 * Owns how our SQLite files are opened: who they belong to (application_id), which version they are (user_version, raised by
 * ordered migrations in one transaction), and the pragmas that every connection gets. Nothing is written to a file before it is
 * known to be ours. A file is never opened by other means than SQLite here: closing a descriptor of one's own would drop SQLite's
 * POSIX locks.
 *
 * Mode read opens the file for reading and writing where the system allows it, with query_only on: the last connection that
 * closes can then fold the write-ahead log into the file and remove it. Where nothing can be written, a file without a log opens
 * immutable.
 */
#include "base/store/database.h"

#include "base/core/string.h"
#include "base/io/file.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    BUSY_TIMEOUT_MS = 5000,
    PAGE_SIZE = 16384, /* bytes: large values span few pages, small rows still share one */
    MAX_PATH_SIZE = 65536,
    LOG_PAGES = 1000,    /* from which on a commit folds the log into the file */
    READERS_WAIT_MS = 5, /* of one try */
    READERS_TRIES = 4
};

void tl_database_close(sqlite3 *database)
{
    int code = sqlite3_close(database);
    TL_ASSERT(code == SQLITE_OK); /* else a statement was not finalised, and the file would stay locked */
}

/*
 * After a commit. Folding alone bounds nothing beside readers that come one after the other: the log begins anew only when none
 * of them reads from it. So once it is twice as long as it should be, those at work are waited for a moment, while new ones find
 * all they need in the file. It is several short tries, since one waits for the place where a reader stood when it began, though
 * the next readers may have taken that place for what is new. One that stays longer is left alone, and the next commit tries
 * again. The commit stands in any case.
 */
static int fold_log(void *context, sqlite3 *database, const char *name, int pages)
{
    (void)context;
    if (pages < LOG_PAGES)
        return SQLITE_OK;
    if (pages < 2 * LOG_PAGES) {
        sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        return SQLITE_OK;
    }
    sqlite3_busy_timeout(database, READERS_WAIT_MS);
    for (int i = 0; i < READERS_TRIES; i++)
        if (sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_RESTART, NULL, NULL) != SQLITE_BUSY)
            break;
    sqlite3_busy_timeout(database, BUSY_TIMEOUT_MS);
    return SQLITE_OK;
}

static bool read_integer(sqlite3 *database, const char *sql, int64_t *out, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok = tl_database_prepare(database, sql, &statement, err) && tl_database_step(database, statement, &row, err);
    if (ok)
        *out = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return ok;
}

/* What SQLite opens for a path: never a URI or ":memory:", whatever the file is called. */
static bool write_plain_name(const char *path, tl_string *name, tl_error *err)
{
    return (path[0] == '/' || tl_string_append_text(name, "./", err)) && tl_string_append_text(name, path, err);
}

static bool write_immutable_uri(const char *path, tl_string *name, tl_error *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    if (!tl_string_append_text(name, path[0] == '/' ? "file:" : "file:./", err))
        return false;
    for (const char *byte = path; *byte != '\0'; byte++)
        if (strchr(plain, *byte) != NULL ? !tl_string_append(name, byte, 1, err)
                                         : !tl_string_append_format(name, err, "%%%02X", (unsigned)(unsigned char)*byte))
            return false;
    return tl_string_append_text(name, "?immutable=1", err);
}

static bool set_up_connection(sqlite3 *database, tl_database_mode mode, tl_error *err)
{
    sqlite3_busy_timeout(database, BUSY_TIMEOUT_MS);
    sqlite3_wal_hook(database, fold_log, NULL);
    /* The file may come from anywhere: its schema gets no powers, and its pages are looked at before they are believed. */
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return tl_database_execute(database, "PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL", err) &&
           (mode != TL_DATABASE_READ || tl_database_execute(database, "PRAGMA query_only=ON", err));
}

typedef struct tl_database_identity {
    int64_t application_id, version, object_count;
} tl_database_identity;

static bool read_identity(sqlite3 *database, tl_database_identity *out, tl_error *err)
{
    return read_integer(database, "PRAGMA application_id", &out->application_id, err) &&
           read_integer(database, "PRAGMA user_version", &out->version, err) &&
           read_integer(database, "SELECT count(*) FROM sqlite_schema", &out->object_count, err);
}

/* True when the place can only be read and no log waits beside the file, so that its bytes are all there is. */
static bool may_open_immutable(sqlite3 *database, const char *path, tl_error *err)
{
    int code = sqlite3_errcode(database) & 0xff;
    if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY)
        return false;
    tl_file_status log;
    tl_string log_path;
    tl_string_init(&log_path, MAX_PATH_SIZE);
    bool known = tl_string_append_text(&log_path, path, NULL) && tl_string_append_text(&log_path, "-wal", NULL) &&
                 tl_file_status_read(log_path.data, &log, NULL);
    tl_string_clear(&log_path);
    if (known && (log.kind == TL_FILE_MISSING || log.size == 0))
        return true;
    if (known)
        tl_fail(err, TL_ERROR_IO, "'%s': expected a writable folder, since changes wait in '%s-wal'", path, path);
    return false;
}

/* Opens and reads the first page, which is when SQLite first looks at the file. */
static bool open_connection(const char *path, tl_database_mode mode, sqlite3 **out, tl_database_identity *identity, tl_error *err)
{
    bool ok = false;
    tl_string name;
    tl_string_init(&name, 4 * MAX_PATH_SIZE);
    int flags = SQLITE_OPEN_READWRITE | (mode == TL_DATABASE_CREATE ? SQLITE_OPEN_CREATE : 0);
    if (!write_plain_name(path, &name, err))
        goto done;
    if (sqlite3_open_v2(name.data, out, flags, NULL) != SQLITE_OK) {
        tl_database_fail(*out, err);
    } else {
        sqlite3_extended_result_codes(*out, 1);
        ok = set_up_connection(*out, mode, err) && read_identity(*out, identity, err);
    }
    if (ok || mode != TL_DATABASE_READ || *out == NULL || !may_open_immutable(*out, path, err))
        goto done;
    tl_database_close(*out);
    *out = NULL;
    tl_string_reset(&name);
    if (!write_immutable_uri(path, &name, err))
        goto done;
    if (sqlite3_open_v2(name.data, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK) {
        tl_database_fail(*out, err);
        goto done;
    }
    sqlite3_extended_result_codes(*out, 1);
    ok = set_up_connection(*out, mode, err) && read_identity(*out, identity, err);
done:
    tl_string_clear(&name);
    return ok;
}

/* SQLite keeps the map for the sake of making files smaller; the mode in which it never does so unasked is what is wanted. It has
 * an effect on a blank file, and on one that is written anew. */
static bool map_pages(sqlite3 *database, const tl_database_schema *schema, tl_error *err)
{
    return !schema->maps_pages || tl_database_execute(database, "PRAGMA auto_vacuum=INCREMENTAL", err);
}

bool tl_database_rewrite(sqlite3 *database, const tl_database_schema *schema, tl_error *err)
{
    return map_pages(database, schema, err) && tl_database_execute(database, "VACUUM", err);
}

static int newest_version(const tl_database_schema *schema)
{
    return schema->migration_count != 0 ? schema->migrations[schema->migration_count - 1].version : 0;
}

static bool is_blank(const tl_database_identity *identity)
{
    return identity->application_id == 0 && identity->version == 0 && identity->object_count == 0;
}

static bool check_identity(const char *path, const tl_database_schema *schema, tl_database_mode mode,
                           const tl_database_identity *identity, tl_error *err)
{
    if (is_blank(identity)) {
        if (mode == TL_DATABASE_CREATE)
            return true;
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a %s, found an empty database", path, schema->what);
    }
    if (identity->application_id != schema->application_id)
        return tl_fail(err, TL_ERROR_INVALID,
                       "'%s': expected a %s, found a database of another application (application_id %" PRId64 ")", path,
                       schema->what, identity->application_id);
    int newest = newest_version(schema);
    if (identity->version > newest)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected a %s of version %d or older, found version %" PRId64, path,
                       schema->what, newest, identity->version);
    if (identity->version < 1)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected a %s of version 1 or newer, found version %" PRId64, path,
                       schema->what, identity->version);
    if (identity->version < newest && mode == TL_DATABASE_READ)
        return tl_fail(err, TL_ERROR_UNSUPPORTED,
                       "'%s': expected a %s of version %d, found version %" PRId64
                       "; opening it once for writing brings it up to date",
                       path, schema->what, newest, identity->version);
    return true;
}

static bool run_migrations(sqlite3 *database, const tl_database_schema *schema, int64_t version, tl_error *err)
{
    for (size_t i = 0; i < schema->migration_count; i++) {
        const tl_migration *migration = &schema->migrations[i];
        char pragma[64];
        snprintf(pragma, sizeof pragma, "PRAGMA user_version=%d", migration->version);
        if (migration->version > version &&
            (!tl_database_execute(database, migration->sql, err) || !tl_database_execute(database, pragma, err)))
            return tl_fail_within(err, "cannot bring the %s to version %d", schema->what, migration->version);
    }
    return schema->finish == NULL || schema->finish(database, version, err);
}

/* Brings a blank or older file up to date, all of it or none; another process may be doing the same, so it looks again under the
 * lock. */
static bool migrate(sqlite3 *database, const char *path, const tl_database_schema *schema, tl_database_mode mode, tl_error *err)
{
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA application_id=%" PRId32, schema->application_id);
    if (!tl_database_execute(database, "BEGIN IMMEDIATE", err))
        return false;
    tl_database_identity identity;
    bool ok = read_identity(database, &identity, err) && check_identity(path, schema, mode, &identity, err) &&
              tl_database_execute(database, pragma, err) && run_migrations(database, schema, identity.version, err) &&
              tl_database_execute(database, "COMMIT", err);
    if (!ok && !sqlite3_get_autocommit(database))
        sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
    return ok;
}

/*
 * A blank file becomes one with a write-ahead log only while nobody else holds it, and for that SQLite does not wait as the busy
 * timeout says: of several processes that make the same file, all but one would fail.
 */
static bool write_ahead(sqlite3 *database, tl_error *err)
{
    enum { STEP_MS = 5 };
    for (int waited = 0;; waited += STEP_MS) {
        if (tl_database_execute(database, "PRAGMA journal_mode=WAL", err))
            return true;
        if ((sqlite3_extended_errcode(database) & 0xff) != SQLITE_BUSY || waited >= BUSY_TIMEOUT_MS)
            return false;
        sqlite3_sleep(STEP_MS);
    }
}

bool tl_database_open(const char *path, const tl_database_schema *schema, tl_database_mode mode, sqlite3 **out, tl_error *err)
{
    bool ok = false;
    sqlite3 *database = NULL;
    tl_database_identity identity;
    tl_file_status status;
    *out = NULL;
    if (path[0] == '\0')
        return tl_fail(err, TL_ERROR_INVALID, "expected the path of a %s, found an empty text", schema->what);
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind == TL_FILE_MISSING && mode != TL_DATABASE_CREATE)
        return tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': there is no such %s", path, schema->what);
    if (status.kind != TL_FILE_MISSING && status.kind != TL_FILE_REGULAR)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a %s, found a folder or device", path, schema->what);
    if (!open_connection(path, mode, &database, &identity, err) || !check_identity(path, schema, mode, &identity, err))
        goto done;
    if (mode != TL_DATABASE_READ) {
        if (sqlite3_db_readonly(database, "main") == 1) {
            tl_fail(err, TL_ERROR_IO, "'%s': expected a %s that can be written, found a read-only file", path, schema->what);
            goto done;
        }
        char pragma[64];
        snprintf(pragma, sizeof pragma, "PRAGMA page_size=%d", PAGE_SIZE); /* has an effect on a blank file only */
        if (identity.version < newest_version(schema) &&
            !(tl_database_execute(database, pragma, err) && map_pages(database, schema, err) &&
              migrate(database, path, schema, mode, err)))
            goto done;
        if (!write_ahead(database, err))
            goto done;
    }
    ok = true;
done:
    if (ok)
        *out = database;
    else
        tl_database_close(database);
    return ok;
}
