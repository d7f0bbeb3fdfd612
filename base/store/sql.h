/*
 * SQL on a connection, whoever opened it. The one header that includes SQLite: its library where we open files of our own, the
 * table of calls that the host hands over (TL_SQLITE_EXTENSION) in a loadable extension, which must not bring a second SQLite.
 */
#ifndef TL_BASE_STORE_SQL_H
#define TL_BASE_STORE_SQL_H

#include "base/core/error.h"

#ifdef TL_SQLITE_EXTENSION
#include <sqlite3ext.h>
extern const sqlite3_api_routines *sqlite3_api;
#else
#include <sqlite3.h>
#endif

bool tl_database_execute(sqlite3 *database, const char *sql, tl_error *err) TL_MUST_USE;
bool tl_database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **out, tl_error *err) TL_MUST_USE;
/* Steps once: *row says whether a row is there. */
bool tl_database_step(sqlite3 *database, sqlite3_stmt *statement, bool *row, tl_error *err) TL_MUST_USE;
/* The error of the last call on this connection, with its kind: full disk and permissions io, not a database or malformed
 * corrupt. */
bool tl_database_fail(sqlite3 *database, tl_error *err);

#endif
