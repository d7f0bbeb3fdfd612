/*
 * SQL on a connection, whoever opened it. The one header that includes SQLite: its library where we open files of our own, the
 * table of calls that the host hands over (TL_SQLITE_EXTENSION) in a loadable extension, which must not bring a second SQLite.
 */
#ifndef TL_BASE_STORE_SQL_H
#define TL_BASE_STORE_SQL_H

#include "base/core/error.h"

#include <stdint.h>

#ifdef TL_SQLITE_EXTENSION
#include <sqlite3ext.h>
extern const sqlite3_api_routines *sqlite3_api;
#else
#include <sqlite3.h>
#endif

/* The text of a row's column, borrowed until the next step; "" where it is NULL. */
static inline const char *tl_row_text(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    return text != NULL ? (const char *)text : "";
}
/* The number in a row's column that counts something; 0 where it is negative. */
static inline uint64_t tl_row_count(sqlite3_stmt *row, int column)
{
    const int64_t value = sqlite3_column_int64(row, column);
    return value > 0 ? (uint64_t)value : 0;
}

bool tl_database_execute(sqlite3 *database, const char *sql, tl_error *err) TL_MUST_USE;
bool tl_database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **out, tl_error *err) TL_MUST_USE;
/* Steps once: *row says whether a row is there. */
bool tl_database_step(sqlite3 *database, sqlite3_stmt *statement, bool *row, tl_error *err) TL_MUST_USE;
/* The error of the last call on this connection, with its kind: full disk and permissions io, not a database or malformed
 * corrupt. */
bool tl_database_fail(sqlite3 *database, tl_error *err);

#endif
