/*
 * SQL of anybody's over a virtual table, its shadow tables included: the input is statements, one a line. Errors are fine; the
 * right to crash is not given, nor to run for long.
 */
#include "index/sqlite/register.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUT = 1 << 16, MAX_STEPS = 300, STEP_OPERATIONS = 1000 };

static const char prelude[] =
    "CREATE VIRTUAL TABLE v USING twinlens(dim=3, dtype=f32, metric=l2, label TEXT, price REAL INDEXED);"
    "INSERT INTO v(rowid, embedding, label, price) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
    "SELECT i, '[' || i || ',' || (i % 7) || ',' || (i % 5) || ']', 'l' || (i % 3), i / 4.0 FROM n;";

static int count_steps(void *context)
{
    return ++*(int *)context > MAX_STEPS;
}

/* Nothing that reaches files. */
static int authorize(void *context, int action, const char *first, const char *second, const char *schema, const char *source)
{
    (void)context;
    (void)second;
    (void)schema;
    (void)source;
    if (action == SQLITE_ATTACH || action == SQLITE_DETACH)
        return SQLITE_DENY;
    if (action == SQLITE_PRAGMA)
        return first != NULL &&
                       (sqlite3_stricmp(first, "writable_schema") == 0 || sqlite3_stricmp(first, "integrity_check") == 0 ||
                        sqlite3_stricmp(first, "recursive_triggers") == 0)
                   ? SQLITE_OK
                   : SQLITE_DENY;
    return SQLITE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sqlite3 *database = NULL;
    int steps = 0;
    tl_error error;
    char *sql = size <= MAX_INPUT ? malloc(size + 1) : NULL;
    if (sql == NULL)
        return 0;
    memcpy(sql, data, size);
    sql[size] = '\0';
    if (sqlite3_open(":memory:", &database) == SQLITE_OK && tl_sqlite_register(database, NULL, &error) &&
        sqlite3_exec(database, prelude, NULL, NULL, NULL) == SQLITE_OK) {
        sqlite3_limit(database, SQLITE_LIMIT_LENGTH, 1 << 20);
        sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, MAX_INPUT);
        sqlite3_progress_handler(database, STEP_OPERATIONS, count_steps, &steps);
        sqlite3_set_authorizer(database, authorize, NULL);
        for (char *line = sql; line != NULL;) {
            char *end = strchr(line, '\n');
            if (end != NULL)
                *end++ = '\0';
            sqlite3_exec(database, line, NULL, NULL, NULL);
            line = end;
        }
    }
    if (sqlite3_close(database) != SQLITE_OK)
        abort();
    free(sql);
    return 0;
}
