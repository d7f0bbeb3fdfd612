/* Owns how SQLite's results become errors of ours. */
#include "base/store/sql.h"

static tl_error_kind kind_of_code(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return TL_ERROR_NO_MEMORY;
    case SQLITE_INTERRUPT:
        return TL_ERROR_CANCELLED;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
        return TL_ERROR_INVALID;
    case SQLITE_ERROR: /* our statements are right, so a table or column they name is gone */
    case SQLITE_SCHEMA:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
        return TL_ERROR_CORRUPT;
    default:
        return TL_ERROR_IO;
    }
}

static bool fail_with(sqlite3 *database, int code, const char *message, tl_error *err)
{
    const char *file = sqlite3_db_filename(database, "main");
    const char *name = file != NULL && file[0] != '\0' ? file : "database";
    tl_error_kind kind = kind_of_code(code);
    if ((code & 0xff) == SQLITE_BUSY)
        return tl_fail(err, kind, "'%s': another program is writing to it", name);
    int system_error = sqlite3_system_errno(database);
    if (kind == TL_ERROR_IO && system_error != 0 && (code & 0xff) != SQLITE_FULL) {
        tl_fail_errno(err, system_error, "'%s': %s", name, message);
        if (err != NULL)
            err->kind = TL_ERROR_IO;
        return false;
    }
    return tl_fail(err, kind, "'%s': %s", name, message);
}

bool tl_database_fail(sqlite3 *database, tl_error *err)
{
    if (database == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a database connection");
    return fail_with(database, sqlite3_extended_errcode(database), sqlite3_errmsg(database), err);
}

bool tl_database_execute(sqlite3 *database, const char *sql, tl_error *err)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK || tl_database_fail(database, err);
}

bool tl_database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **out, tl_error *err)
{
    return sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK ||
           tl_database_fail(database, err);
}

bool tl_database_step(sqlite3 *database, sqlite3_stmt *statement, bool *row, tl_error *err)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return true;
    /* Inside another statement's run, the connection may not have the reason yet: it is then the statement that has it. */
    if ((sqlite3_errcode(database) & 0xff) != (code & 0xff))
        code = sqlite3_reset(statement);
    return (sqlite3_errcode(database) & 0xff) == (code & 0xff) ? tl_database_fail(database, err)
                                                               : fail_with(database, code, sqlite3_errstr(code), err);
}
