/*
 * Owns `--where`. The statement is SELECT 1 FROM rows WHERE problem OR (expression): one sqlite3_step runs over as many rows as
 * do not hold, and only cells that the expression names are handed to SQLite.
 *
 * The expression is a stranger's text. The connection is in memory; the authorizer lets through one SELECT, columns of the
 * virtual table and functions of a list (none that is random, reads the clock or makes large texts); names in double quotes are
 * columns and never texts; an interrupt ends what runs too long on a row. Columns have numeric affinity, so that "0.31" in a text
 * table is more than 0.3, and what says that there is no number ("nan") is NULL, as an empty field is.
 */
#include "crawler-import/lists/row_filter.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/store/database.h"

#include <strings.h>

enum {
    MAX_EXPRESSION_SIZE = 64 * 1024,
    MAX_VALUE_SIZE = 16 * 1024 * 1024,
    MAX_DEPTH = 200,
    STEPS_BETWEEN_LOOKS = 10000,
    MAX_LOOKS_A_ROW = 100,
    ROWS_BETWEEN_WATCHES = 8192,
    PROBLEM_COLUMN = 0
};

struct tl_row_filter {
    tl_table *table;
    sqlite3 *database;
    sqlite3_stmt *statement;
    char problem[32]; /* name of the column that tells of one */
    bool *is_read;    /* [columns of the table] */
    size_t select_count;
    bool is_declaring; /* the columns: a statement of ours */
    tl_table_row row;
    bool done;
    bool has_cursor;
    uint64_t passed; /* rows read by this step */
    int looks;       /* of the progress handler since the last row */
    tl_list_watch watch;
    bool has_failed; /* reading the table did: */
    tl_error failure;
};

typedef struct rows_table {
    sqlite3_vtab base;
    tl_row_filter *filter;
} rows_table;

typedef struct rows_cursor {
    sqlite3_vtab_cursor base;
    tl_row_filter *filter;
} rows_cursor;

static bool read_row(tl_row_filter *filter)
{
    filter->looks = 0;
    if (!tl_table_next(filter->table, &filter->row, &filter->done, &filter->failure))
        filter->has_failed = true;
    else if (!filter->done && ++filter->passed % ROWS_BETWEEN_WATCHES == 0 && filter->watch.tell != NULL)
        filter->has_failed = !filter->watch.tell(filter->watch.context, &filter->failure);
    return !filter->has_failed;
}

static void name_problem(tl_row_filter *filter)
{
    size_t index;
    sqlite3_snprintf(sizeof filter->problem, filter->problem, "problem");
    for (int i = 2; tl_table_find_column(filter->table, filter->problem, &index); i++)
        sqlite3_snprintf(sizeof filter->problem, filter->problem, "problem_%d", i);
}

/* CREATE TABLE of the columns, the first of which tells whether there is a problem. */
static char *declare_columns(const tl_row_filter *filter)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "CREATE TABLE rows(%s HIDDEN", filter->problem);
    for (size_t i = 0; i < tl_table_column_count(filter->table); i++)
        sqlite3_str_appendf(text, ", \"%w\" NUMERIC", tl_table_column_names(filter->table)[i]);
    sqlite3_str_appendall(text, ")");
    return sqlite3_str_finish(text);
}

static int connect_rows(sqlite3 *database, void *context, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
    (void)argc;
    (void)argv;
    tl_row_filter *filter = context;
    char *declaration = declare_columns(filter);
    rows_table *table = sqlite3_malloc(sizeof *table);
    filter->is_declaring = true;
    int code = declaration != NULL && table != NULL ? sqlite3_declare_vtab(database, declaration) : SQLITE_NOMEM;
    filter->is_declaring = false;
    sqlite3_free(declaration);
    if (code != SQLITE_OK) {
        *message = sqlite3_mprintf("%s", sqlite3_errmsg(database)); /* too many columns */
        sqlite3_free(table);
        return code;
    }
    *table = (rows_table){.filter = filter};
    *out = &table->base;
    return SQLITE_OK;
}

static int disconnect_rows(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int plan_rows(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 1e9;
    info->estimatedRows = 1000000000;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    tl_row_filter *filter = ((rows_table *)table)->filter;
    rows_cursor *cursor = filter->has_cursor ? NULL : sqlite3_malloc(sizeof *cursor);
    if (cursor == NULL)
        return filter->has_cursor ? SQLITE_BUSY : SQLITE_NOMEM; /* rows come once */
    *cursor = (rows_cursor){.filter = filter};
    filter->has_cursor = true;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    ((rows_cursor *)cursor)->filter->has_cursor = false;
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int begin_rows(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc, sqlite3_value **argv)
{
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    return read_row(((rows_cursor *)cursor)->filter) ? SQLITE_OK : SQLITE_ERROR;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
    return read_row(((rows_cursor *)cursor)->filter) ? SQLITE_OK : SQLITE_ERROR;
}

static int is_past_end(sqlite3_vtab_cursor *cursor)
{
    return ((rows_cursor *)cursor)->filter->done;
}

static bool says_no_number(tl_slice text)
{
    static const char *const words[] = {"nan", "NaN", "NAN", "NULL", "null", "None", "NA", "N/A"};
    if (text.size > 4)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (tl_slice_equal(text, tl_slice_of(words[i])))
            return true;
    return false;
}

static int read_column(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
    const tl_row_filter *filter = ((rows_cursor *)cursor)->filter;
    if (column == PROBLEM_COLUMN) {
        sqlite3_result_int(out, filter->row.problem != NULL);
        return SQLITE_OK;
    }
    if (filter->row.problem != NULL)
        return SQLITE_OK; /* NULL */
    const tl_cell *cell = &filter->row.cells[column - 1];
    switch (cell->kind) {
    case TL_CELL_TEXT:
    case TL_CELL_JSON:
        if (!says_no_number(cell->text))
            sqlite3_result_text(out, cell->text.data, (int)cell->text.size, SQLITE_STATIC);
        break;
    case TL_CELL_INTEGER:
    case TL_CELL_BOOL:
        sqlite3_result_int64(out, cell->number.integer);
        break;
    case TL_CELL_REAL:
        sqlite3_result_double(out, cell->number.real);
        break;
    case TL_CELL_NULL:
        break;
    }
    return SQLITE_OK;
}

static int read_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((rows_cursor *)cursor)->filter->row.line;
    return SQLITE_OK;
}

/* Without xCreate: the table is there under the module's name, and no statement can make another. */
static const sqlite3_module rows_module = {.iVersion = 1,
                                           .xConnect = connect_rows,
                                           .xBestIndex = plan_rows,
                                           .xDisconnect = disconnect_rows,
                                           .xOpen = open_cursor,
                                           .xClose = close_cursor,
                                           .xFilter = begin_rows,
                                           .xNext = next_row,
                                           .xEof = is_past_end,
                                           .xColumn = read_column,
                                           .xRowid = read_rowid};

static bool is_plain_function(const char *name)
{
    static const char *const names[] = {
        "abs",          "coalesce",  "glob",       "iif",       "ifnull", "instr",  "json_array_length",
        "json_extract", "json_type", "json_valid", "length",    "like",   "likely", "lower",
        "ltrim",        "max",       "min",        "nullif",    "->",     "->>",    "round",
        "rtrim",        "sign",      "substr",     "substring", "trim",   "typeof", "unicode",
        "unlikely",     "upper"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static int authorize(void *context, int action, const char *first, const char *second, const char *third, const char *fourth)
{
    (void)third;
    (void)fourth;
    tl_row_filter *filter = context;
    size_t column;
    if (filter->is_declaring)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
        return filter->select_count++ == 0 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_READ:
        if (strcmp(first, "rows") != 0)
            return SQLITE_DENY;
        if (tl_table_find_column(filter->table, second, &column))
            filter->is_read[column] = true;
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return is_plain_function(second) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static int look_at_progress(void *context)
{
    tl_row_filter *filter = context;
    return ++filter->looks > MAX_LOOKS_A_ROW;
}

static bool fail_expression(const tl_row_filter *filter, const char *expression, tl_error *err)
{
    tl_string names;
    tl_string_init(&names, 65536);
    bool ok = true;
    if (sqlite3_errcode(filter->database) == SQLITE_NOMEM)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for the expression '%s'", expression);
    for (size_t i = 0; ok && i < tl_table_column_count(filter->table) && names.size < 250; i++)
        ok = tl_string_append_format(&names, err, "%s%.60s", i == 0 ? "" : ", ", tl_table_column_names(filter->table)[i]);
    if (ok)
        tl_fail(err, TL_ERROR_INVALID, "expected an expression over the columns %s, found '%.120s': %.120s", names.data,
                expression, sqlite3_errmsg(filter->database));
    tl_string_clear(&names);
    return false;
}

/* Prepares one statement around the expression, which must end it. */
static bool prepare(tl_row_filter *filter, const char *before, const char *expression, const char *after, sqlite3_stmt **out,
                    tl_error *err)
{
    tl_string text;
    const char *rest = NULL;
    tl_string_init(&text, 2 * (size_t)MAX_EXPRESSION_SIZE);
    filter->select_count = 0;
    /* The line end ends a comment in the expression. */
    bool ok = tl_string_append_format(&text, err, "%s(%s\n)%s", before, expression, after);
    if (ok && (sqlite3_prepare_v3(filter->database, text.data, -1, SQLITE_PREPARE_PERSISTENT, out, &rest) != SQLITE_OK))
        ok = fail_expression(filter, expression, err);
    if (ok && (*out == NULL || rest[strspn(rest, " \t\r\n")] != '\0'))
        ok = tl_fail(err, TL_ERROR_INVALID, "expected one expression, found '%.120s'", expression);
    tl_string_clear(&text);
    return ok;
}

static bool set_up_connection(tl_row_filter *filter, tl_error *err)
{
    static const struct {
        int limit;
        int value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, MAX_VALUE_SIZE}, {SQLITE_LIMIT_EXPR_DEPTH, MAX_DEPTH},    {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_COMPOUND_SELECT, 1},     {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500}, {SQLITE_LIMIT_WORKER_THREADS, 0},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 0}};
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(":memory:", &filter->database, flags, NULL) != SQLITE_OK ||
        sqlite3_create_module_v2(filter->database, "rows", &rows_module, filter, NULL) != SQLITE_OK)
        return tl_database_fail(filter->database, err);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        sqlite3_limit(filter->database, limits[i].limit, limits[i].value);
    sqlite3_db_config(filter->database, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(filter->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(filter->database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_set_authorizer(filter->database, authorize, filter);
    sqlite3_progress_handler(filter->database, STEPS_BETWEEN_LOOKS, look_at_progress, filter);
    return true;
}

/* As the operand of CASE as well as of WHERE: what is a whole expression in both is one. */
static bool prepare_all(tl_row_filter *filter, const char *expression, tl_error *err)
{
    sqlite3_stmt *check = NULL;
    char before[96];
    sqlite3_snprintf(sizeof before, before, "SELECT 1 FROM rows WHERE %s OR ", filter->problem);
    if (strlen(expression) > MAX_EXPRESSION_SIZE)
        return tl_fail(err, TL_ERROR_INVALID, "expected an expression of at most %d bytes, found %zu", MAX_EXPRESSION_SIZE,
                       strlen(expression));
    bool ok = prepare(filter, "SELECT CASE WHEN ", expression, " THEN 1 END FROM rows", &check, err);
    sqlite3_finalize(check);
    return ok && prepare(filter, before, expression, "", &filter->statement, err);
}

bool tl_row_filter_create(tl_table *table, const char *expression, tl_row_filter **out, tl_error *err)
{
    tl_row_filter *filter = tl_memory_allocate(1, sizeof *filter, err);
    if (filter == NULL)
        return false;
    filter->table = table;
    name_problem(filter);
    filter->is_read = tl_memory_allocate(tl_table_column_count(table), sizeof *filter->is_read, err);
    if (filter->is_read == NULL || !set_up_connection(filter, err) || !prepare_all(filter, expression, err)) {
        tl_row_filter_destroy(filter);
        return false;
    }
    *out = filter;
    return true;
}

void tl_row_filter_set_watch(tl_row_filter *filter, tl_list_watch watch)
{
    filter->watch = watch;
}

void tl_row_filter_mark(const tl_row_filter *filter, bool *wanted)
{
    for (size_t i = 0; i < tl_table_column_count(filter->table); i++)
        wanted[i] = wanted[i] || filter->is_read[i];
}

bool tl_row_filter_next(tl_row_filter *filter, tl_table_row *out, uint64_t *passed, bool *done, tl_error *err)
{
    filter->passed = 0;
    int code = filter->done ? SQLITE_DONE : sqlite3_step(filter->statement);
    *passed = filter->passed;
    *done = code == SQLITE_DONE;
    *out = filter->row;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return true;
    if (filter->has_failed)
        return tl_fail_as(err, &filter->failure);
    if (code == SQLITE_NOMEM)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for the expression");
    /* This row's values are beyond the expression ("malformed JSON"). Started again, the statement goes on with the next row. */
    sqlite3_reset(filter->statement);
    out->problem = "where failed";
    return true;
}

void tl_row_filter_destroy(tl_row_filter *filter)
{
    if (filter == NULL)
        return;
    sqlite3_finalize(filter->statement);
    tl_database_close(filter->database);
    tl_memory_free(filter->is_read);
    tl_memory_free(filter);
}
