/*
 * Owns writing: INSERT, UPDATE, DELETE and the commands. All that can be refused is looked at before the first change, since
 * SQLite does not take back what one call has done when that call fails; a failure after it (a full disk) spoils the table until
 * a rollback.
 */
#include "index/sqlite/rows.h"

#include <math.h>
#include <string.h>

/* f16 ends at 65504, and lists keep differences of vectors as f16. */
static const double most_length = 32752;

bool tl_change__settle(tl_table *table, tl_error *err)
{
    tl_stored_set set;
    if (!tl_table__find_set(table, &set, err))
        return false;
    bool is_due = set.count >= TL_TABLE_AT_ONCE && (set.lists == 0 || set.count / 2 > set.divided || set.count < set.divided / 2);
    if (table->options.divides_itself && is_due)
        return tl_vector_store_divide(table->store, &set, 0, NULL, err);
    return set.lists == 0 || tl_vector_store_move_tails(table->store, err);
}

static bool check_length(const tl_table *table, tl_error *err)
{
    double length = tl_vector_value__length(table->vector.numbers, table->vector.dim);
    return length <= most_length ||
           tl_fail(err, TL_ERROR_INVALID, "embedding: expected a vector of a length up to %g, found one of %g", most_length,
                   length);
}

static bool read_embedding(tl_table *table, sqlite3_value *value, tl_error *err)
{
    return tl_table__read_vector(table, value, "embedding", err) && check_length(table, err);
}

static bool remove_row(tl_table *table, const tl_stored_set *set, int64_t id, tl_error *err)
{
    bool ok = tl_vector_store_remove(table->store, set, id, err) && tl_rows__remove(table, id, err);
    if (!ok)
        tl_table__spoil(table);
    return ok;
}

static bool put_vector(tl_table *table, const tl_stored_set *set, int64_t id, tl_error *err)
{
    bool ok = tl_vector_store_put(table->store, set, id, table->vector.numbers, err);
    if (!ok)
        tl_table__spoil(table);
    return ok;
}

/* What OR REPLACE wants: whatever has the id goes. *is_changed: something may have gone. */
static bool make_room(tl_table *table, const tl_stored_set *set, int64_t id, bool *is_changed, tl_error *err)
{
    *is_changed = sqlite3_vtab_on_conflict(table->database) == SQLITE_REPLACE;
    return !*is_changed || remove_row(table, set, id, err);
}

static bool insert(tl_table *table, const tl_stored_set *set, sqlite3_value *id, sqlite3_value **values, sqlite3_int64 *rowid,
                   bool *is_taken, tl_error *err)
{
    bool has_vector = sqlite3_value_type(values[0]) != SQLITE_NULL;
    if (sqlite3_value_type(id) != SQLITE_NULL && sqlite3_value_numeric_type(id) != SQLITE_INTEGER)
        return tl_fail(err, TL_ERROR_INVALID, "rowid: expected a whole number");
    if (has_vector && !read_embedding(table, values[0], err))
        return false;
    bool is_changed = false;
    if (sqlite3_value_type(id) != SQLITE_NULL && !make_room(table, set, sqlite3_value_int64(id), &is_changed, err))
        return false;
    if (!tl_rows__insert(table, id, has_vector, values + 1, rowid, is_taken, err)) {
        if (is_changed)
            tl_table__spoil(table);
        return false;
    }
    return !has_vector || put_vector(table, set, *rowid, err);
}

static bool update(tl_table *table, const tl_stored_set *set, int64_t id, sqlite3_value *to, sqlite3_value **values,
                   bool *is_taken, tl_error *err)
{
    if (sqlite3_value_numeric_type(to) != SQLITE_INTEGER)
        return tl_fail(err, TL_ERROR_INVALID, "rowid: expected a whole number");
    int64_t new_id = sqlite3_value_int64(to);
    bool keeps = sqlite3_value_nochange(values[0]) != 0, has_vector = keeps || sqlite3_value_type(values[0]) != SQLITE_NULL;
    if (has_vector && !keeps && !read_embedding(table, values[0], err))
        return false;
    if (keeps && new_id == id && table->options.column_count == 0)
        return true; /* there is nothing else that it could have changed */
    float *moved = NULL;
    if (keeps && new_id != id) {
        moved = sqlite3_malloc64((sqlite3_uint64)set->dim * sizeof *moved);
        if (moved == NULL)
            return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a vector");
    }
    bool ok = true, is_changed = false;
    if (moved != NULL)
        ok = tl_vector_store_read(table->store, set, id, moved, &has_vector, err);
    ok = ok && (new_id == id || make_room(table, set, new_id, &is_changed, err));
    if (ok) {
        ok = tl_rows__update(table, id, new_id, has_vector, values + 1, is_taken, err);
        if (!ok && is_changed)
            tl_table__spoil(table);
    }
    if (ok && !(keeps && new_id == id)) {
        const float *vector = moved != NULL ? moved : table->vector.numbers;
        ok = (new_id == id && has_vector) || tl_vector_store_remove(table->store, set, id, err);
        ok = ok && (!has_vector || tl_vector_store_put(table->store, set, new_id, vector, err));
        if (!ok)
            tl_table__spoil(table);
    }
    sqlite3_free(moved);
    return ok;
}

static bool check(tl_table *table, const tl_stored_set *set, tl_error *err)
{
    bool ok = tl_vector_store_check(table->store, set, tl_rows__check_owner, table, err);
    tl_rows__rest(table); /* not kept: it may name a view that holds this table */
    return ok;
}

/* "build=LISTS" */
static bool read_lists(const char *text, uint32_t *lists)
{
    size_t digits = strspn(text, "0123456789");
    *lists = 0;
    for (size_t i = 0; i < digits && digits <= 7; i++)
        *lists = 10 * *lists + (uint32_t)(text[i] - '0');
    return digits >= 1 && digits <= 7 && text[digits] == '\0' && *lists >= 1 && *lists <= TL_MAX_LISTS;
}

static bool command(tl_table *table, sqlite3_value *value, tl_error *err)
{
    tl_stored_set set;
    uint32_t lists = 0;
    const char *text = (const char *)sqlite3_value_text(value);
    if (text == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a command");
    bool is_build = strcmp(text, "build") == 0 || (strncmp(text, "build=", 6) == 0 && read_lists(text + 6, &lists)),
         is_compact = strcmp(text, "compact") == 0;
    if (!is_build && !is_compact && strcmp(text, "check") != 0)
        return tl_fail(err, TL_ERROR_INVALID, "%s: expected the command build, build=LISTS, compact or check, found '%.64s'",
                       table->name, text);
    if (!tl_vector_store_flush(table->store, err) || !tl_table__find_set(table, &set, err)) {
        tl_table__spoil(table);
        return false;
    }
    if (!is_build && !is_compact)
        return check(table, &set, err);
    /* Compacting writes the lists of a divided set anew, as many as it then should have; another has no gaps. */
    bool ok = (is_compact && set.lists == 0) || tl_vector_store_divide(table->store, &set, lists, NULL, err);
    if (!ok)
        tl_table__spoil(table);
    return ok;
}

/* Whether a value is given to one of the columns from first to before end; what an update leaves as it is comes as NULL. */
static bool says_any(sqlite3_value **values, int first, int end)
{
    for (int i = first; i < end; i++)
        if (sqlite3_value_type(values[i]) != SQLITE_NULL)
            return true;
    return false;
}

static bool change(tl_table *table, int count, sqlite3_value **values, sqlite3_int64 *rowid, bool *is_taken, tl_error *err)
{
    tl_stored_set set;
    if (table->is_spoiled)
        return tl_fail(err, TL_ERROR_INVALID, "%s: expected a rollback after a change that failed half-way", table->name);
    if (!tl_table__begin_change(table, err))
        return false;
    if (count > 1) {
        bool is_update = sqlite3_value_type(values[0]) != SQLITE_NULL;
        int first = 2 + tl_table__hidden(table, TL_HIDDEN_DISTANCE), last = 2 + tl_table__hidden(table, TL_HIDDEN_COMMAND);
        if (says_any(values, first, last))
            return tl_fail(err, TL_ERROR_INVALID, "%s: expected no value of distance, k, probes or exact: they are of a search",
                           table->name);
        if (says_any(values, last, last + 1))
            return is_update || says_any(values, 1, first)
                       ? tl_fail(err, TL_ERROR_INVALID, "%s: expected a command to be inserted alone", table->name)
                       : command(table, values[last], err);
    }
    if (!tl_table__find_set(table, &set, err))
        return false;
    if (count == 1)
        return remove_row(table, &set, sqlite3_value_int64(values[0]), err);
    if (sqlite3_value_type(values[0]) == SQLITE_NULL)
        return insert(table, &set, values[1], values + 2, rowid, is_taken, err);
    return update(table, &set, sqlite3_value_int64(values[0]), values[1], values + 2, is_taken, err);
}

int tl_change__update(sqlite3_vtab *base, int count, sqlite3_value **values, sqlite3_int64 *rowid)
{
    tl_table *table = (tl_table *)base;
    tl_error err = {0};
    bool is_taken = false;
    if (!tl_table__enter(table, &err))
        return tl_table__refuse(table, &err);
    bool ok = change(table, count, values, rowid, &is_taken, &err);
    tl_vector_store_rest(table->store);
    if (!ok) {
        int code = tl_table__fail(table, &err);
        return is_taken ? SQLITE_CONSTRAINT : code;
    }
    tl_table__leave(table);
    return SQLITE_OK;
}
