/*
 * The entry of twinlens_sqlite.so, a loadable extension of SQLite (docs/SQLITE.md). It is linked to no SQLite: every call goes
 * through the table that the host hands over, so that it serves whichever SQLite the host has.
 */
#include "cli/app/sql_embedder.h"

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT1

int sqlite3_twinlens_init(sqlite3 *database, char **message, const sqlite3_api_routines *api);
int sqlite3_twinlenssqlite_init(sqlite3 *database, char **message, const sqlite3_api_routines *api);

int sqlite3_twinlens_init(sqlite3 *database, char **message, const sqlite3_api_routines *api)
{
    tl_error err = {0};
    SQLITE_EXTENSION_INIT2(api);
    if (tl_sql_surface_register(database, &err))
        return SQLITE_OK;
    if (message != NULL)
        *message = sqlite3_mprintf("%s", err.message);
    return SQLITE_ERROR;
}

/* The name that SQLite derives from the file's. */
int sqlite3_twinlenssqlite_init(sqlite3 *database, char **message, const sqlite3_api_routines *api)
{
    return sqlite3_twinlens_init(database, message, api);
}
