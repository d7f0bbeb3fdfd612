/* What the tests of the SQL surface share: a connection with it, and statements that must succeed or must fail. */
#ifndef TL_TESTS_INDEX_SQL_FIXTURE_H
#define TL_TESTS_INDEX_SQL_FIXTURE_H

#include "tests/unit/index/index_fixture.h"

#include "index/sqlite/register.h"

#include <sqlite3.h>

static inline sqlite3 *open_sql(const char *path)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_ok(tl_sqlite_register(database, NULL, err));
    return database;
}

static inline void run_sql(sqlite3 *database, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%.300s: %s", sql, message);
}

/* Fails, and the message holds the text. */
static inline void refuse_sql(sqlite3 *database, const char *sql, const char *text)
{
    char *message = NULL;
    if (sqlite3_exec(database, sql, NULL, NULL, &message) == SQLITE_OK)
        fail_msg("%.300s: expected an error with '%s', found none", sql, text);
    if (message == NULL || strstr(message, text) == NULL)
        fail_msg("%.300s: expected an error with '%s', found: %s", sql, text, message != NULL ? message : "(none)");
    sqlite3_free(message);
}

static int join_row(void *context, int count, char **values, char **names)
{
    tl_string *out = context;
    (void)names;
    for (int i = 0; i < count; i++) {
        const char *value = values[i] != NULL ? values[i] : "NULL";
        if (!tl_string_append_text(out, i == 0 ? (out->size == 0 ? "" : ";") : "|", NULL) ||
            !tl_string_append_text(out, value, NULL))
            return 1;
    }
    return 0;
}

/* Rows joined by ';', columns by '|'. */
static inline void expect_sql(sqlite3 *database, const char *sql, const char *expected)
{
    tl_string out;
    char *message = NULL;
    tl_string_init(&out, 1 << 20);
    if (sqlite3_exec(database, sql, join_row, &out, &message) != SQLITE_OK)
        fail_msg("%.300s: %s", sql, message);
    if (strcmp(out.data, expected) != 0)
        fail_msg("%.300s:\nexpected %s\nfound    %s", sql, expected, out.data);
    tl_string_clear(&out);
}

#endif
