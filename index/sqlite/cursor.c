/*
 * Owns reading: a search, or a scan of NAME_rows. A search of k has k rows whenever k rows meet the conditions that were pushed
 * down; without k it has all, nearest first. A LIMIT says how many are found at first; who asks for more gets more, since SQLite
 * also counts by it what it drops itself (in a comparison of row values, say).
 */
#include "index/sqlite/plan.h"
#include "index/sqlite/rows.h"

#include "base/core/memory.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

int tl_cursor__open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    tl_error err = {0};
    tl_table_cursor *cursor = tl_memory_allocate(1, sizeof *cursor, &err);
    if (cursor == NULL)
        return tl_table__refuse((tl_table *)base, &err);
    cursor->at_end = true;
    ((tl_table *)base)->cursor_count++;
    *out = &cursor->base;
    return SQLITE_OK;
}

static tl_table *table_of(const tl_table_cursor *cursor)
{
    return (tl_table *)cursor->base.pVtab;
}

static void rewind_cursor(tl_table_cursor *cursor)
{
    sqlite3_finalize(cursor->rows);
    tl_memory_free(cursor->hits);
    tl_memory_free(cursor->vector);
    tl_memory_free(cursor->ids.items);
    sqlite3_vtab_cursor base = cursor->base;
    *cursor = (tl_table_cursor){.base = base, .at_end = true};
}

int tl_cursor__close(sqlite3_vtab_cursor *base)
{
    tl_table_cursor *cursor = (tl_table_cursor *)base;
    rewind_cursor(cursor);
    table_of(cursor)->cursor_count--;
    tl_memory_free(cursor);
    return SQLITE_OK;
}

static bool read_count(sqlite3_value *value, const char *what, int64_t least, uint64_t most, uint64_t *out, tl_error *err)
{
    int64_t number = sqlite3_value_int64(value);
    if (sqlite3_value_numeric_type(value) != SQLITE_INTEGER || number < least)
        return tl_fail(err, TL_ERROR_INVALID, "%s: expected a whole number of at least %" PRId64 ", found '%.64s'", what, least,
                       sqlite3_value_type(value) == SQLITE_NULL ? "NULL" : (const char *)sqlite3_value_text(value));
    *out = (uint64_t)number < most ? (uint64_t)number : most;
    return true;
}

/* *most: k, else all there are. *first: of these, as many as LIMIT and OFFSET are likely to need. */
static bool read_k(const tl_plan_call *call, size_t *most, size_t *first, tl_error *err)
{
    uint64_t wanted = SIZE_MAX / 2, limit = 0, offset = 0;
    if (call->k != NULL && !read_count(call->k, "k", 1, wanted, &wanted, err))
        return false;
    *most = (size_t)wanted;
    bool has_limit = call->limit != NULL && sqlite3_value_numeric_type(call->limit) == SQLITE_INTEGER &&
                     sqlite3_value_int64(call->limit) >= 0; /* below 0: no limit */
    if (has_limit) {
        limit = (uint64_t)sqlite3_value_int64(call->limit);
        if (call->offset != NULL && sqlite3_value_int64(call->offset) > 0)
            offset = (uint64_t)sqlite3_value_int64(call->offset);
        if (limit <= wanted && offset <= wanted - limit)
            wanted = limit + offset;
    }
    *first = wanted != 0 ? (size_t)wanted : 1;
    return true;
}

static bool compares(double distance, char op, double limit)
{
    return op == '<' ? distance < limit : op == '{' ? distance <= limit : op == '>' ? distance > limit : distance >= limit;
}

/*
 * From a limit of distances to one of scores, exactly: distances fall as scores rise, so there is a first score that meets
 * "nearer than" and a last that meets "farther than". A guess is moved to it number by number.
 */
static void limit_scores(const tl_table *table, char op, double limit, tl_vector_query *query)
{
    bool is_nearer = op == '<' || op == '{';
    double guess = table->options.metric == TL_TABLE_COSINE ? 1.0 - limit
                   : table->options.metric == TL_TABLE_DOT  ? -limit
                   : limit > 0                              ? -limit * limit
                                                            : 0;
    float score = guess > FLT_MAX ? INFINITY : guess < -FLT_MAX ? -INFINITY : (float)guess;
    float toward = is_nearer ? -INFINITY : INFINITY; /* where scores stop meeting it */
    for (int i = 0; i < 16 && !compares(tl_table__distance(table, score), op, limit) && isfinite(score); i++)
        score = nextafterf(score, -toward);
    for (int i = 0; i < 16 && isfinite(score); i++) {
        float next = nextafterf(score, toward);
        if (!compares(tl_table__distance(table, next), op, limit))
            break;
        score = next;
    }
    if (is_nearer && (!query->has_least || score > query->least)) {
        query->has_least = true;
        query->least = score;
    }
    if (!is_nearer && (!query->has_most || score < query->most)) {
        query->has_most = true;
        query->most = score;
    }
}

static bool read_limits(const tl_table *table, const tl_plan_call *call, tl_vector_query *query, bool *is_empty, tl_error *err)
{
    for (size_t i = 0; i < call->distance_count; i++) {
        sqlite3_value *value = call->distances[i].value;
        int type = sqlite3_value_numeric_type(value);
        double limit = sqlite3_value_double(value);
        if (type == SQLITE_NULL) {
            *is_empty = true;
            return true;
        }
        if ((type != SQLITE_INTEGER && type != SQLITE_FLOAT) || isnan(limit))
            return tl_fail(err, TL_ERROR_INVALID, "distance: expected to be compared with a number");
        limit_scores(table, call->distances[i].op, limit, query);
    }
    /* What must lie within a distance is all that does, and the nearest beyond one are in no list that could be foretold. */
    query->exact = query->exact || query->has_least || query->has_most;
    return true;
}

static bool select_ids(tl_table *table, const tl_plan_call *call, tl_ids *found, tl_error *err)
{
    bool ok = false, row = true;
    tl_string sql;
    sqlite3_stmt *statement = NULL;
    tl_string_init(&sql, (size_t)1 << 21);
    if (!tl_rows__select(table, false, call->conditions.data, "", &sql, err) ||
        !tl_database_prepare(table->database, sql.data, &statement, err) || !tl_plan__bind(call, table->database, statement, err))
        goto done;
    while (row) {
        if (!tl_database_step(table->database, statement, &row, err))
            goto done;
        if (row && !tl_ids__append(found, sqlite3_column_int64(statement, 0), err))
            goto done;
    }
    if (!tl_ids__sort(found, err))
        goto done;
    for (size_t i = 1; i < found->count; i++)
        if (found->items[i - 1] == found->items[i]) {
            tl_fail(err, TL_ERROR_CORRUPT, "%s_rows: expected an id once, found %" PRId64 " again", table->name, found->items[i]);
            goto done;
        }
    ok = true;
done:
    sqlite3_finalize(statement);
    tl_string_clear(&sql);
    return ok;
}

/* Those that the conditions hold for, as long as nothing changes from one search to the next asked once. */
static bool find_ids(tl_table *table, const tl_plan_call *call, tl_ids *found, tl_error *err)
{
    tl_string question;
    bool is_kept = false,
         may_keep = !call->is_fickle && tl_kept_ids__ask(&call->conditions, call->values, call->value_count, &question);
    bool ok = !may_keep || tl_kept_ids__find(&table->kept, table->database, table->schema, &question, found, &is_kept, err);
    if (ok && !is_kept) {
        ok = select_ids(table, call, found, err);
        if (ok && may_keep)
            tl_kept_ids__keep(&table->kept, table->database, table->schema, &question, found);
    }
    if (!call->is_fickle)
        tl_string_clear(&question);
    return ok;
}

static bool collect_ids(tl_table *table, tl_plan_call *call, tl_error *err)
{
    tl_ids found = {0};
    bool ok = find_ids(table, call, &found, err);
    if (ok && call->has_ids) {
        tl_ids__intersect(&call->ids, &found);
    } else if (ok) {
        tl_memory_free(call->ids.items);
        call->ids = found;
        found = (tl_ids){0};
        call->has_ids = true;
    }
    tl_memory_free(found.items);
    return ok;
}

static bool comes_after(const tl_scored *hit, const tl_scored *other)
{
    return hit->score < other->score || (hit->score == other->score && hit->owner > other->owner);
}

/* Finds the query's k hits, of which the first `given` stay as they were given. */
static bool find_hits(tl_table_cursor *cursor, size_t given, tl_error *err)
{
    tl_table *table = table_of(cursor);
    tl_stored_set set;
    const tl_scored *found;
    size_t count, first = 0;
    if (table->is_retired) /* a statement that began before: what it knows of the tables may be old */
        tl_vector_store_forget(table->store);
    if (!tl_vector_store_flush(table->store, err) || !tl_table__find_set(table, &set, err) ||
        !tl_vector_store_search(table->store, &set, &cursor->query, &found, &count, err))
        return false;
    while (given != 0 && first < count && !comes_after(&found[first], &cursor->hits[given - 1]))
        first++;
    tl_scored *hits = tl_memory_resize(cursor->hits, given + count - first, sizeof *hits, err);
    if (hits == NULL)
        return false;
    if (count != first)
        memcpy(hits + given, found + first, (count - first) * sizeof *hits);
    cursor->hits = hits;
    cursor->count = given + count - first;
    cursor->has_all = count < cursor->query.k || cursor->query.k >= cursor->k;
    cursor->at_end = cursor->count == given;
    return true;
}

static bool search(tl_table_cursor *cursor, tl_plan_call *call, tl_error *err)
{
    static const int64_t nobody;
    tl_table *table = table_of(cursor);
    tl_vector_query *query = &cursor->query;
    bool is_empty = false;
    uint64_t probes = 0, exact = 0;
    *query = (tl_vector_query){.metric = table->options.metric == TL_TABLE_L2 ? TL_METRIC_L2 : TL_METRIC_DOT};
    if (sqlite3_value_type(call->vector) == SQLITE_NULL)
        return true; /* as any comparison with NULL */
    if (!tl_table__read_vector(table, call->vector, "MATCH", err) || !read_k(call, &cursor->k, &query->k, err) ||
        (call->probes != NULL && !read_count(call->probes, "probes", 0, UINT32_MAX, &probes, err)) ||
        (call->exact != NULL && !read_count(call->exact, "exact", 0, 1, &exact, err)))
        return false;
    cursor->vector = tl_memory_allocate(table->vector.dim, sizeof *cursor->vector, err);
    if (cursor->vector == NULL)
        return false;
    memcpy(cursor->vector, table->vector.numbers, table->vector.dim * sizeof *cursor->vector);
    query->vector = cursor->vector;
    query->probes = (uint32_t)probes;
    query->exact = exact != 0;
    if (!read_limits(table, call, query, &is_empty, err) || (call->conditions.size != 0 && !collect_ids(table, call, err)))
        return false;
    if (call->has_ids) {
        cursor->ids = call->ids;
        call->ids = (tl_ids){0};
        query->allowed = cursor->ids.count != 0 ? cursor->ids.items : &nobody;
        query->allowed_count = cursor->ids.count;
    }
    cursor->changes = table->changes;
    return is_empty || find_hits(cursor, 0, err);
}

/* After the last hit: looks for four times as many, where there may be more. */
static bool find_more(tl_table_cursor *cursor, tl_error *err)
{
    tl_vector_query *query = &cursor->query;
    while (cursor->count == cursor->at && !cursor->has_all) {
        query->k = query->k < cursor->k / 4 ? 4 * query->k : cursor->k;
        if (!find_hits(cursor, cursor->at, err))
            return false;
    }
    cursor->at_end = cursor->at >= cursor->count;
    return true;
}

static bool step_scan(tl_table_cursor *cursor, tl_error *err)
{
    bool ok = tl_database_step(table_of(cursor)->database, cursor->rows, &cursor->has_row, err);
    cursor->at_end = !ok || !cursor->has_row;
    return ok;
}

static bool scan(tl_table_cursor *cursor, const tl_plan_call *call, bool descends, tl_error *err)
{
    tl_table *table = table_of(cursor);
    tl_string sql;
    tl_string_init(&sql, (size_t)1 << 21);
    bool ok = tl_rows__select(table, true, call->conditions.data, descends ? " ORDER BY id DESC" : " ORDER BY id", &sql, err) &&
              tl_database_prepare(table->database, sql.data, &cursor->rows, err) &&
              tl_plan__bind(call, table->database, cursor->rows, err) && tl_vector_store_flush(table->store, err) &&
              step_scan(cursor, err);
    tl_string_clear(&sql);
    return ok;
}

int tl_cursor__filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
    tl_table_cursor *cursor = (tl_table_cursor *)base;
    tl_table *table = table_of(cursor);
    tl_error err = {0};
    tl_plan_call call;
    if (!tl_table__enter(table, &err))
        return tl_table__refuse(table, &err);
    rewind_cursor(cursor);
    cursor->is_search = (number & TL_PLAN_SEARCH) != 0;
    sqlite3_int64 last = sqlite3_last_insert_rowid(table->database);
    bool ok = tl_plan__read(table, plan != NULL ? plan : "", count, values, &call, &err);
    if (ok && cursor->is_search != (call.vector != NULL))
        ok = tl_fail(&err, TL_ERROR_INVALID, "expected a plan of this table, found another");
    if (ok)
        ok = cursor->is_search ? search(cursor, &call, &err) : scan(cursor, &call, (number & TL_PLAN_DESCENDING) != 0, &err);
    tl_plan_call__clear(&call);
    tl_vector_store_rest(table->store);
    sqlite3_set_last_insert_rowid(table->database, last);
    if (!ok)
        return tl_table__fail(table, &err);
    tl_table__leave(table);
    return SQLITE_OK;
}

int tl_cursor__next(sqlite3_vtab_cursor *base)
{
    tl_table_cursor *cursor = (tl_table_cursor *)base;
    tl_table *table = table_of(cursor);
    tl_error err = {0};
    if (cursor->is_search) {
        cursor->has_row = false;
        cursor->at_end = ++cursor->at >= cursor->count;
        if (!cursor->at_end || cursor->has_all)
            return SQLITE_OK;
    }
    if (!tl_table__enter(table, &err))
        return tl_table__refuse(table, &err);
    if (!(cursor->is_search ? find_more(cursor, &err) : step_scan(cursor, &err)))
        return tl_table__fail(table, &err);
    tl_table__leave(table);
    return SQLITE_OK;
}

int tl_cursor__eof(sqlite3_vtab_cursor *base)
{
    return ((tl_table_cursor *)base)->at_end;
}

int tl_cursor__rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    tl_table_cursor *cursor = (tl_table_cursor *)base;
    *out = cursor->is_search ? cursor->hits[cursor->at].owner : sqlite3_column_int64(cursor->rows, 0);
    return SQLITE_OK;
}

/* Puts the statement of a search on the row of the hit; on none when it was deleted since it was found. */
static bool find_row(tl_table_cursor *cursor, tl_error *err)
{
    tl_table *table = table_of(cursor);
    if (cursor->has_row)
        return true;
    if (cursor->rows == NULL) {
        tl_string sql;
        tl_string_init(&sql, (size_t)1 << 16);
        bool ok = tl_rows__select(table, true, " WHERE id=?1", "", &sql, err) &&
                  tl_database_prepare(table->database, sql.data, &cursor->rows, err);
        tl_string_clear(&sql);
        if (!ok)
            return false;
    }
    sqlite3_reset(cursor->rows);
    sqlite3_bind_int64(cursor->rows, 1, cursor->hits[cursor->at].owner);
    if (!tl_database_step(table->database, cursor->rows, &cursor->has_row, err))
        return false;
    return cursor->has_row || cursor->changes != table->changes ||
           tl_fail(err, TL_ERROR_CORRUPT, "%s_rows: expected a row of vector %" PRId64 ", found none", table->name,
                   cursor->hits[cursor->at].owner);
}

static bool result_vector(tl_table_cursor *cursor, sqlite3_context *context, tl_error *err)
{
    tl_table *table = table_of(cursor);
    sqlite3_int64 id = 0;
    tl_stored_set set;
    bool found = false;
    tl_cursor__rowid(&cursor->base, &id);
    if (!tl_table__find_set(table, &set, err))
        return false;
    /* Not table->vector, which an update may be holding: this runs between its values. */
    float *numbers = sqlite3_malloc64((sqlite3_uint64)set.dim * sizeof *numbers);
    if (numbers == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a vector");
    if (!tl_vector_store_read(table->store, &set, id, numbers, &found, err) || !found) {
        sqlite3_free(numbers);
        sqlite3_result_null(context);
        return err->message[0] == '\0';
    }
    sqlite3_result_blob(context, numbers, (int)(set.dim * sizeof *numbers), sqlite3_free);
    return true;
}

static bool result_column(tl_table_cursor *cursor, sqlite3_context *context, int column, tl_error *err)
{
    tl_table *table = table_of(cursor);
    if (column == 0) {
        bool ok = result_vector(cursor, context, err);
        tl_vector_store_rest(table->store);
        return ok;
    }
    if (column <= (int)table->options.column_count) {
        if (cursor->is_search && !find_row(cursor, err))
            return false;
        if (cursor->has_row)
            sqlite3_result_value(context, sqlite3_column_value(cursor->rows, column));
        return true;
    }
    if (cursor->is_search && column == tl_table__hidden(table, TL_HIDDEN_DISTANCE))
        sqlite3_result_double(context, tl_table__distance(table, cursor->hits[cursor->at].score));
    else if (cursor->is_search && column == tl_table__hidden(table, TL_HIDDEN_K))
        sqlite3_result_int64(context, (sqlite3_int64)cursor->k);
    return true; /* else NULL */
}

int tl_cursor__column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    tl_table_cursor *cursor = (tl_table_cursor *)base;
    tl_table *table = table_of(cursor);
    tl_error err = {0};
    bool is_of_rows = column > 0 && column <= (int)table->options.column_count;
    if (!is_of_rows && sqlite3_vtab_nochange(context))
        return SQLITE_OK; /* an update that leaves the vector need not read it, and what it sets is told from what is read */
    if (!tl_table__enter(table, &err))
        return tl_table__refuse(table, &err);
    if (!result_column(cursor, context, column, &err))
        return tl_table__fail(table, &err);
    tl_table__leave(table);
    return SQLITE_OK;
}
