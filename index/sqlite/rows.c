/* Owns NAME_rows and who has an id: the SQL of both is here alone. */
#include "index/sqlite/rows.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_SQL = 1 << 16 };

_Static_assert(TL_TABLE_SET == 1, "texts name the set by its number");

static bool has_columns(const tl_table *table)
{
    return table->options.column_count != 0;
}

bool tl_rows__create(tl_table *table, tl_error *err)
{
    tl_string sql;
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_string_append_text(&sql, "CREATE TABLE @rows(id INTEGER PRIMARY KEY", err);
    for (size_t i = 0; ok && i < table->options.column_count; i++)
        ok = tl_string_append_format(&sql, err, ", \"%s\" %s", table->options.columns[i].name, table->options.columns[i].type);
    for (size_t i = 0; ok && i < table->options.column_count; i++)
        if (table->options.columns[i].is_indexed) /* an index that is renamed with its table (index/vectors/tables.c) */
            ok = tl_string_append_format(&sql, err, ", UNIQUE(\"%s\", id)", table->options.columns[i].name);
    ok = ok && tl_string_append_text(&sql, ") STRICT", err);
    ok = ok && tl_table__execute(table, sql.data, err);
    tl_string_clear(&sql);
    return ok;
}

bool tl_rows__drop(tl_table *table, tl_error *err)
{
    return tl_table__execute(table, "DROP TABLE IF EXISTS @rows", err);
}

void tl_rows__rest(tl_table *table)
{
    sqlite3_stmt **all[] = {&table->row_insert, &table->row_update, &table->row_remove, &table->row_find, &table->row_last};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sqlite3_finalize(*all[i]);
        *all[i] = NULL;
    }
}

bool tl_rows__select(const tl_table *table, bool with_columns, const char *where, const char *end, tl_string *sql, tl_error *err)
{
    tl_names names = tl_table__names(table);
    bool ok = tl_string_append_text(sql, "SELECT id", err);
    for (size_t i = 0; ok && with_columns && i < table->options.column_count; i++)
        ok = tl_string_append_format(sql, err, ", \"%s\"", table->options.columns[i].name);
    ok = ok && tl_statements__expand(" FROM @rows", &names, sql, err) && tl_string_append_text(sql, where, err);
    /* UNION: a table that was filled before owners stood for their rows has both. */
    if (ok && !has_columns(table))
        ok = tl_statements__expand(" UNION SELECT id FROM (SELECT owner AS id FROM @owners WHERE set_id=1)", &names, sql, err) &&
             tl_string_append_text(sql, where, err);
    return ok && tl_string_append_text(sql, end, err);
}

/* start, the columns in the form of names, "=" and parameters as form has n, = and ?, end. */
static bool write_sql(tl_table *table, const char *start, const char *form, const char *end, tl_string *sql, tl_error *err)
{
    bool ok = tl_string_append_text(sql, start, err);
    for (size_t i = 0; ok && i < table->options.column_count; i++)
        ok = tl_string_append_format(sql, err, ", ") &&
             (strchr(form, 'n') == NULL || tl_string_append_format(sql, err, "\"%s\"", table->options.columns[i].name)) &&
             (strchr(form, '=') == NULL || tl_string_append_text(sql, "=", err)) &&
             (strchr(form, '?') == NULL || tl_string_append_format(sql, err, "?%zu", i + 3));
    return ok && tl_string_append_text(sql, end, err);
}

/* Parameters: ?1 the id, ?2 the id that it gets, ?3 and on the columns. */
static sqlite3_stmt *statement_of(tl_table *table, sqlite3_stmt **kept, const char *start, const char *form, const char *middle,
                                  const char *form_of_values, const char *end, tl_error *err)
{
    if (*kept != NULL) {
        sqlite3_reset(*kept);
        sqlite3_clear_bindings(*kept);
        return *kept;
    }
    tl_string sql;
    tl_string_init(&sql, MAX_SQL);
    bool ok = write_sql(table, start, form, middle, &sql, err) &&
              (form_of_values == NULL || write_sql(table, "", form_of_values, end, &sql, err)) &&
              tl_table__prepare(table, sql.data, kept, err);
    tl_string_clear(&sql);
    return ok ? *kept : NULL;
}

static sqlite3_stmt *insert_statement(tl_table *table, tl_error *err)
{
    return statement_of(table, &table->row_insert, "INSERT INTO @rows(id", "n", ") VALUES(?1", "?", ")", err);
}

static bool fail_taken(const tl_table *table, bool *is_taken, tl_error *err)
{
    *is_taken = true;
    return tl_fail(err, TL_ERROR_INVALID, "UNIQUE constraint failed: %s.rowid", table->name);
}

static bool run(tl_table *table, sqlite3_stmt *statement, bool *is_taken, tl_error *err)
{
    int code = sqlite3_step(statement), extended = sqlite3_extended_errcode(table->database);
    bool ok = code == SQLITE_DONE || code == SQLITE_ROW;
    if ((code & 0xff) == SQLITE_CONSTRAINT && (extended == SQLITE_CONSTRAINT_ROWID || extended == SQLITE_CONSTRAINT_PRIMARYKEY))
        fail_taken(table, is_taken, err);
    else if (!ok)
        tl_database_fail(table->database, err);
    sqlite3_reset(statement);
    return ok;
}

static bool bind_columns(tl_table *table, sqlite3_stmt *statement, sqlite3_value **values, tl_error *err)
{
    for (size_t i = 0; i < table->options.column_count; i++)
        if (sqlite3_bind_value(statement, (int)i + 3, values[i]) != SQLITE_OK)
            return tl_database_fail(table->database, err);
    return true;
}

static bool find(tl_table *table, int64_t id, bool *found, tl_error *err)
{
    static const char row[] = "SELECT 1 FROM @rows WHERE id=?1",
                      row_or_owner[] = "SELECT 1 FROM @rows WHERE id=?1 "
                                       "UNION ALL SELECT 1 FROM @owners WHERE set_id=1 AND owner=?1";
    if (table->row_find == NULL && !tl_table__prepare(table, has_columns(table) ? row : row_or_owner, &table->row_find, err))
        return false;
    sqlite3_bind_int64(table->row_find, 1, id);
    bool ok = tl_database_step(table->database, table->row_find, found, err);
    sqlite3_reset(table->row_find);
    return ok;
}

static bool expect_free(tl_table *table, int64_t id, bool *is_taken, tl_error *err)
{
    bool found = false;
    return find(table, id, &found, err) && (!found || fail_taken(table, is_taken, err));
}

/* As SQLite chooses an id: after the greatest. */
static bool choose_id(tl_table *table, int64_t *id, tl_error *err)
{
    static const char text[] = "SELECT max(id) FROM (SELECT max(id) AS id FROM @rows UNION ALL "
                               "SELECT max(owner) FROM @owners WHERE set_id=1)";
    bool row = false;
    if (table->row_last == NULL && !tl_table__prepare(table, text, &table->row_last, err))
        return false;
    bool ok = tl_database_step(table->database, table->row_last, &row, err);
    int64_t last = row ? sqlite3_column_int64(table->row_last, 0) : 0;
    sqlite3_reset(table->row_last);
    if (ok && last == INT64_MAX)
        return tl_fail(err, TL_ERROR_INVALID, "rowid: expected one to be given, as the greatest there is, %" PRId64 ", is taken",
                       last);
    *id = last + 1;
    return ok;
}

static bool add_without_vector(tl_table *table, int64_t id, bool *is_taken, tl_error *err)
{
    sqlite3_stmt *statement = insert_statement(table, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, id);
    return run(table, statement, is_taken, err);
}

static bool insert_id(tl_table *table, sqlite3_value *id, bool has_vector, sqlite3_int64 *rowid, bool *is_taken, tl_error *err)
{
    int64_t chosen = sqlite3_value_int64(id);
    bool ok = sqlite3_value_type(id) == SQLITE_NULL ? choose_id(table, &chosen, err) : expect_free(table, chosen, is_taken, err);
    *rowid = chosen;
    return ok && (has_vector || add_without_vector(table, chosen, is_taken, err));
}

bool tl_rows__insert(tl_table *table, sqlite3_value *id, bool has_vector, sqlite3_value **values, sqlite3_int64 *rowid,
                     bool *is_taken, tl_error *err)
{
    if (!has_columns(table))
        return insert_id(table, id, has_vector, rowid, is_taken, err);
    sqlite3_stmt *statement = insert_statement(table, err);
    if (statement == NULL)
        return false;
    if (sqlite3_value_type(id) != SQLITE_NULL)
        sqlite3_bind_int64(statement, 1, sqlite3_value_int64(id));
    if (!bind_columns(table, statement, values, err) || !run(table, statement, is_taken, err))
        return false;
    *rowid = sqlite3_last_insert_rowid(table->database);
    return true;
}

static bool update_id(tl_table *table, int64_t from, int64_t to, bool has_vector, bool *is_taken, tl_error *err)
{
    if (from != to && !expect_free(table, to, is_taken, err))
        return false;
    bool ok = tl_rows__remove(table, from, err) && (has_vector || add_without_vector(table, to, is_taken, err));
    if (!ok)
        tl_table__spoil(table);
    return ok;
}

bool tl_rows__update(tl_table *table, int64_t from, int64_t to, bool has_vector, sqlite3_value **values, bool *is_taken,
                     tl_error *err)
{
    if (!has_columns(table))
        return update_id(table, from, to, has_vector, is_taken, err);
    sqlite3_stmt *statement =
        statement_of(table, &table->row_update, "UPDATE @rows SET id=?2", "n=?", " WHERE id=?1", NULL, NULL, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, from);
    sqlite3_bind_int64(statement, 2, to);
    return bind_columns(table, statement, values, err) && run(table, statement, is_taken, err);
}

bool tl_rows__remove(tl_table *table, int64_t id, tl_error *err)
{
    bool unused;
    if (table->row_remove == NULL && !tl_table__prepare(table, "DELETE FROM @rows WHERE id=?1", &table->row_remove, err))
        return false;
    sqlite3_bind_int64(table->row_remove, 1, id);
    return run(table, table->row_remove, &unused, err);
}

bool tl_rows__check_owner(void *context, int64_t owner, tl_error *err)
{
    tl_table *table = context;
    bool found = false;
    return find(table, owner, &found, err) &&
           (found || tl_fail(err, TL_ERROR_CORRUPT, "expected row %" PRId64 ", found none", owner));
}
