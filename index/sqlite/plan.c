/*
 * Owns which conditions are pushed down. A search must know all that narrows it, or it would find k rows of which some are then
 * dropped: conditions on the user's columns become SQL over NAME_rows, with the same operators and collations, so that they mean
 * what they mean in SQLite. What stays with SQLite (an OR, a function) is asked of the k found.
 */
#include "index/sqlite/plan.h"

#include "base/core/memory.h"

#include <string.h>

enum { MAX_PLAN = 1 << 14, MAX_SQL = 1 << 20, MAX_LISTED = 30000 };

static const struct {
    int constraint;
    char letter;
    const char *sql; /* NULL: not of columns */
} operators[] = {
    {SQLITE_INDEX_CONSTRAINT_EQ, '=', "="},      {SQLITE_INDEX_CONSTRAINT_GT, '>', ">"},
    {SQLITE_INDEX_CONSTRAINT_LE, '{', "<="},     {SQLITE_INDEX_CONSTRAINT_LT, '<', "<"},
    {SQLITE_INDEX_CONSTRAINT_GE, '}', ">="},     {SQLITE_INDEX_CONSTRAINT_NE, '!', "<>"},
    {SQLITE_INDEX_CONSTRAINT_IS, 'i', "IS"},     {SQLITE_INDEX_CONSTRAINT_ISNOT, 'I', "IS NOT"},
    {SQLITE_INDEX_CONSTRAINT_LIKE, 'L', "LIKE"}, {SQLITE_INDEX_CONSTRAINT_GLOB, 'G', "GLOB"},
    {SQLITE_INDEX_CONSTRAINT_ISNULL, 'n', NULL}, {SQLITE_INDEX_CONSTRAINT_ISNOTNULL, 'N', NULL},
};
enum { OPERATOR_COUNT = sizeof operators / sizeof operators[0] };

static char letter_of(int constraint)
{
    for (size_t i = 0; i < OPERATOR_COUNT; i++)
        if (operators[i].constraint == constraint)
            return operators[i].letter;
    return '\0';
}

static const char *sql_of(char letter)
{
    for (size_t i = 0; i < OPERATOR_COUNT; i++)
        if (operators[i].letter == letter)
            return operators[i].sql;
    return NULL;
}

typedef struct planning {
    const tl_table *table;
    sqlite3_index_info *info;
    tl_string plan;
    int value_count;
    bool is_search, is_one_row, has[TL_HIDDEN_COMMAND];
    size_t distances;
} planning;

/* Takes condition i into the plan; omit: SQLite need not look at it again. */
static void take(planning *at, int i, bool omit)
{
    at->info->aConstraintUsage[i].argvIndex = ++at->value_count;
    at->info->aConstraintUsage[i].omit = omit;
}

static bool plan_column(planning *at, int i, size_t column, char letter, tl_error *err)
{
    const char *collation = strchr("nNLG", letter) == NULL ? sqlite3_vtab_collation(at->info, i) : "";
    if (collation == NULL || strpbrk(collation, ";\"") != NULL || at->value_count >= 500)
        return true;
    if (letter == '=' && sqlite3_vtab_in(at->info, i, -1)) {
        sqlite3_vtab_in(at->info, i, 1);
        letter = '~';
    }
    take(at, i, false);
    return tl_string_append_format(&at->plan, err, "c%02zu%c%s;", column, letter, collation);
}

static bool plan_id(planning *at, int i, char letter, tl_error *err)
{
    if (letter == '=' && at->is_search) {
        if (sqlite3_vtab_in(at->info, i, -1))
            sqlite3_vtab_in(at->info, i, 1);
        letter = '~';
    }
    at->is_one_row = at->is_one_row || letter == '=';
    take(at, i, false);
    return tl_string_append_format(&at->plan, err, "r%c", letter);
}

static bool plan_hidden(planning *at, int i, int hidden, char letter, tl_error *err)
{
    static const char letters[] = {[TL_HIDDEN_K] = 'k', [TL_HIDDEN_PROBES] = 'p', [TL_HIDDEN_EXACT] = 'x'};
    if (hidden == TL_HIDDEN_DISTANCE) {
        if (strchr("<>{}", letter) == NULL || at->distances == TL_PLAN_DISTANCES)
            return true;
        at->distances++;
        take(at, i, false);
        return tl_string_append_format(&at->plan, err, "d%c", letter);
    }
    if (letter != '=' || hidden >= TL_HIDDEN_COMMAND || at->has[hidden])
        return true;
    at->has[hidden] = true;
    take(at, i, true);
    return tl_string_append_format(&at->plan, err, "%c", letters[hidden]);
}

static bool is_limit(const struct sqlite3_index_constraint *constraint)
{
    return constraint->op == SQLITE_INDEX_CONSTRAINT_LIMIT || constraint->op == SQLITE_INDEX_CONSTRAINT_OFFSET;
}

static bool plan_constraint(planning *at, int i, tl_error *err)
{
    const struct sqlite3_index_constraint *constraint = &at->info->aConstraint[i];
    int column = constraint->iColumn, first_hidden = tl_table__hidden(at->table, TL_HIDDEN_DISTANCE);
    char letter = letter_of(constraint->op);
    if (!constraint->usable || letter == '\0')
        return true;
    if (column < 0)
        return plan_id(at, i, letter, err);
    if (column == 0)
        return true;
    if (column < first_hidden)
        return plan_column(at, i, (size_t)column - 1, letter, err);
    return !at->is_search || plan_hidden(at, i, column - first_hidden, letter, err);
}

/* Results of a search come by distance, then id; of a scan by id. */
static void plan_order(planning *at)
{
    sqlite3_index_info *info = at->info;
    int distance = tl_table__hidden(at->table, TL_HIDDEN_DISTANCE);
    if (info->nOrderBy == 0)
        return;
    if (at->is_search) {
        bool is_ours = info->aOrderBy[0].iColumn == distance && !info->aOrderBy[0].desc;
        bool ends = info->nOrderBy == 1 || (info->nOrderBy == 2 && info->aOrderBy[1].iColumn < 0 && !info->aOrderBy[1].desc);
        info->orderByConsumed = is_ours && ends;
    } else if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn < 0) {
        info->orderByConsumed = 1;
        info->idxNum |= info->aOrderBy[0].desc ? TL_PLAN_DESCENDING : 0;
    }
}

/* LIMIT and OFFSET: of a search that gives its rows in the order that is asked for. Some may yet be dropped, by what SQLite keeps
 * to itself: it goes on asking then, and the search goes on (cursor.c). */
static bool plan_limits(planning *at, tl_error *err)
{
    sqlite3_index_info *info = at->info;
    if (!at->is_search || (info->nOrderBy != 0 && !info->orderByConsumed))
        return true;
    for (int i = 0; i < info->nConstraint; i++)
        if (is_limit(&info->aConstraint[i]) && info->aConstraint[i].usable) {
            take(at, i, false);
            if (!tl_string_append_text(&at->plan, info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_LIMIT ? "l" : "o", err))
                return false;
        }
    return true;
}

/* What is of a search is NULL in a scan: a comparison with it would find nothing, without a word. */
static bool refuse_search_terms(const planning *at, tl_error *err)
{
    static const char *const names[] = {
        [TL_HIDDEN_DISTANCE] = "distance", [TL_HIDDEN_K] = "k", [TL_HIDDEN_PROBES] = "probes", [TL_HIDDEN_EXACT] = "exact"};
    int first = tl_table__hidden(at->table, TL_HIDDEN_DISTANCE), count = (int)(sizeof names / sizeof names[0]);
    for (int i = 0; i < at->info->nConstraint; i++) {
        const struct sqlite3_index_constraint *constraint = &at->info->aConstraint[i];
        int hidden = constraint->iColumn - first;
        char letter = letter_of(constraint->op);
        if (!is_limit(constraint) && hidden >= 0 && hidden < count && letter != '\0' && strchr("=<>{}", letter) != NULL)
            return tl_fail(err, TL_ERROR_INVALID, "%s: expected embedding MATCH beside it, which makes the SELECT a search",
                           names[hidden]);
    }
    return true;
}

static bool plan(planning *at, tl_error *err)
{
    sqlite3_index_info *info = at->info;
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_MATCH && info->aConstraint[i].iColumn == 0 &&
            info->aConstraint[i].usable && !at->is_search) {
            at->is_search = true;
            take(at, i, true);
            if (!tl_string_append_text(&at->plan, "m", err))
                return false;
        }
    for (int i = 0; i < info->nConstraint; i++)
        if (!plan_constraint(at, i, err))
            return false;
    if (!at->is_search && !refuse_search_terms(at, err))
        return false;
    info->idxNum = at->is_search ? TL_PLAN_SEARCH : 0;
    plan_order(at);
    if (!plan_limits(at, err))
        return false;
    /* The numbers only say which plan is better: a search, one row, rows that are narrowed, all rows. */
    double narrowed = at->value_count != 0 ? 1e5 : 1e6;
    info->estimatedCost = at->is_search ? 1e4 : at->is_one_row ? 10 : narrowed;
    info->estimatedRows = at->is_search ? 10 : at->is_one_row ? 1 : (sqlite3_int64)narrowed;
    if (at->is_one_row && !at->is_search)
        info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    return true;
}

int tl_plan__best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    tl_table *table = (tl_table *)base;
    tl_error err = {0};
    /* A query vector that this order of tables cannot give: some other order can. */
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_MATCH && !info->aConstraint[i].usable)
            return SQLITE_CONSTRAINT;
    planning at = {.table = table, .info = info};
    tl_string_init(&at.plan, MAX_PLAN);
    bool ok = plan(&at, &err);
    if (ok) {
        info->idxStr = sqlite3_mprintf("%s", at.plan.data);
        info->needToFreeIdxStr = 1;
        ok = info->idxStr != NULL || tl_fail(&err, TL_ERROR_NO_MEMORY, "out of memory for a plan");
    }
    tl_string_clear(&at.plan);
    return ok ? SQLITE_OK : tl_table__refuse(table, &err);
}

static bool keep_value(tl_plan_call *call, sqlite3_value *value, tl_error *err)
{
    if (!tl_memory_reserve(&call->values, &call->value_capacity, call->value_count + 1, sizeof *call->values, err))
        return false;
    sqlite3_value *copy = sqlite3_value_dup(value);
    if (copy == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a condition");
    call->values[call->value_count++] = copy;
    return true;
}

/* Calls use for each value of a list, or for the value itself where it is none. */
static bool each_value(sqlite3_value *list, bool (*use)(tl_plan_call *call, sqlite3_value *value, tl_error *err),
                       tl_plan_call *call, tl_error *err)
{
    sqlite3_value *value = NULL;
    int code = sqlite3_vtab_in_first(list, &value);
    if (code != SQLITE_OK && code != SQLITE_DONE && value == NULL && sqlite3_value_type(list) != SQLITE_NULL)
        return use(call, list, err);
    for (; code == SQLITE_OK && value != NULL; code = sqlite3_vtab_in_next(list, &value))
        if (!use(call, value, err))
            return false;
    return code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ERROR ||
           tl_fail(err, code == SQLITE_NOMEM ? TL_ERROR_NO_MEMORY : TL_ERROR_IO, "cannot read a list of values");
}

/* An id in the way that a column INTEGER PRIMARY KEY would take the value; others equal no id. */
static bool keep_id(tl_plan_call *call, sqlite3_value *value, tl_error *err)
{
    sqlite3_value *copy = sqlite3_value_dup(value);
    if (copy == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for an id");
    int type = sqlite3_value_numeric_type(copy);
    double real = sqlite3_value_double(copy);
    int64_t id = sqlite3_value_int64(copy);
    bool is_id = type == SQLITE_INTEGER || (type == SQLITE_FLOAT && real >= -9e15 && real <= 9e15 && (double)id == real);
    sqlite3_value_free(copy);
    return !is_id || tl_ids__append(&call->ids, id, err);
}

static bool read_ids(tl_plan_call *call, sqlite3_value *list, tl_error *err)
{
    tl_ids before = call->ids;
    call->ids = (tl_ids){0};
    bool ok = each_value(list, keep_id, call, err) && tl_ids__sort(&call->ids, err);
    size_t unique = 0;
    for (size_t i = 0; i < call->ids.count; i++)
        if (i == 0 || call->ids.items[i] != call->ids.items[i - 1])
            call->ids.items[unique++] = call->ids.items[i];
    call->ids.count = unique;
    if (call->has_ids)
        tl_ids__intersect(&call->ids, &before);
    tl_memory_free(before.items);
    call->has_ids = true;
    return ok;
}

static bool list_values(tl_plan_call *call, size_t first, tl_error *err)
{
    if (!tl_string_append_text(&call->conditions, " IN (", err))
        return false;
    for (size_t i = first; i < call->value_count; i++)
        if (!tl_string_append_format(&call->conditions, err, "%s?%zu", i == first ? "" : ",", i + 1))
            return false;
    return tl_string_append_text(&call->conditions, ")", err);
}

static bool has_number(const tl_plan_call *call, size_t first)
{
    for (size_t i = first; i < call->value_count; i++)
        if (sqlite3_value_type(call->values[i]) == SQLITE_INTEGER || sqlite3_value_type(call->values[i]) == SQLITE_FLOAT)
            return true;
    return false;
}

/* Numbers of another table's column are found in texts that read as them ('07'), numbers that are written out in their own texts
 * alone. Which these are is not told: both are found, and SQLite drops what it does not mean. */
static bool add_list(tl_plan_call *call, const char *column, sqlite3_value *list, tl_error *err)
{
    size_t first = call->value_count;
    if (!each_value(list, keep_value, call, err) || !list_values(call, first, err))
        return false;
    if (call->value_count > MAX_LISTED)
        return tl_fail(err, TL_ERROR_INVALID, "IN: expected at most %d values for a column, found more", MAX_LISTED);
    return !has_number(call, first) || (tl_string_append_format(&call->conditions, err, " OR CAST(\"%s\" AS NUMERIC)", column) &&
                                        list_values(call, first, err));
}

static bool add_condition(tl_plan_call *call, const char *column, const char *collation, size_t collation_size, char letter,
                          sqlite3_value *value, tl_error *err)
{
    tl_string *sql = &call->conditions;
    if (!tl_string_append_format(sql, err, "%s%s\"%s\"", sql->size == 0 ? " WHERE " : " AND ", letter == '~' ? "(" : "", column))
        return false;
    if (letter == 'n' || letter == 'N')
        return tl_string_append_text(sql, letter == 'n' ? " IS NULL" : " IS NOT NULL", err);
    bool is_plain = collation_size == 0 || (collation_size == 6 && sqlite3_strnicmp(collation, "BINARY", 6) == 0);
    call->is_fickle = call->is_fickle || letter == 'L' || letter == 'G' || !is_plain;
    if (collation_size != 0 && !tl_string_append_format(sql, err, " COLLATE \"%.*s\"", (int)collation_size, collation))
        return false;
    if (letter == '~')
        return add_list(call, column, value, err) && tl_string_append_text(sql, ")", err);
    return tl_string_append_format(sql, err, " %s ?%zu", sql_of(letter), call->value_count + 1) && keep_value(call, value, err);
}

/* The plan is a text of ours, but it comes back through SQLite: what does not read is refused, never followed. */
bool tl_plan__read(const tl_table *table, const char *plan, int count, sqlite3_value **values, tl_plan_call *out, tl_error *err)
{
    *out = (tl_plan_call){.k = NULL};
    tl_string_init(&out->conditions, MAX_SQL);
    for (int i = 0; i < count; i++, values++) {
        char entry = *plan != '\0' ? *plan++ : '\0';
        sqlite3_value **plain = entry == 'm'   ? &out->vector
                                : entry == 'k' ? &out->k
                                : entry == 'l' ? &out->limit
                                : entry == 'o' ? &out->offset
                                : entry == 'p' ? &out->probes
                                : entry == 'x' ? &out->exact
                                               : NULL;
        if (plain != NULL) {
            *plain = *values;
        } else if (entry == 'd' && *plan != '\0' && out->distance_count < TL_PLAN_DISTANCES) {
            out->distances[out->distance_count].op = *plan++;
            out->distances[out->distance_count++].value = *values;
        } else if (entry == 'r' && *plan != '\0') {
            char letter = *plan++;
            if (letter == '~' ? !read_ids(out, *values, err) : !add_condition(out, "id", "", 0, letter, *values, err))
                return false;
        } else if (entry == 'c' && strlen(plan) >= 4) {
            size_t column = (size_t)(plan[0] - '0') * 10 + (size_t)(plan[1] - '0'), size = strcspn(plan + 3, ";");
            if (column >= table->options.column_count ||
                !add_condition(out, table->options.columns[column].name, plan + 3, size, plan[2], *values, err))
                return false;
            plan += 3 + size + (plan[3 + size] == ';');
        } else {
            return tl_fail(err, TL_ERROR_INVALID, "expected a plan of this table, found another");
        }
    }
    return true;
}

void tl_plan_call__clear(tl_plan_call *call)
{
    for (size_t i = 0; i < call->value_count; i++)
        sqlite3_value_free(call->values[i]);
    tl_memory_free(call->values);
    tl_memory_free(call->ids.items);
    tl_string_clear(&call->conditions);
}

bool tl_plan__bind(const tl_plan_call *call, sqlite3 *database, sqlite3_stmt *statement, tl_error *err)
{
    for (size_t i = 0; i < call->value_count; i++)
        if (sqlite3_bind_value(statement, (int)i + 1, call->values[i]) != SQLITE_OK)
            return tl_database_fail(database, err);
    return true;
}
