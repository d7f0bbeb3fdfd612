/*
 * Owns the life of a virtual table: made, found again, renamed, dropped, and its part in the caller's transactions. The vectors
 * lie in a vector store under the table's name; the columns of the user in NAME_rows beside it. All of these are shadow tables,
 * so they are part of the caller's database, its transactions, its backups.
 *
 * The store holds the block it fills in memory. It is written before anything could look: at a savepoint, before a search, before
 * the commit; and dropped with whatever is rolled back.
 */
#include "index/sqlite/rows.h"

#include "base/core/memory.h"
#include "index/vectors/tables.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_SQL = 1 << 16 };

bool tl_table__enter(tl_table *table, tl_error *err)
{
    if (table->is_inside)
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected shadow tables that are tables, found one that asks this table",
                       table->name);
    table->is_inside = true;
    return true;
}

/* After a rollback of everything there is nothing to take back, and nothing that is held is true. */
static void begin_anew(tl_table *table)
{
    tl_vector_store_rest(table->store);
    tl_vector_store_forget(table->store);
    table->changes++;
    table->is_spoiled = table->is_changed = table->is_over = false;
    table->savepoint = table->spoiled_at = -1;
}

void tl_table__leave(tl_table *table)
{
    table->is_inside = false;
    if (table->is_over)
        begin_anew(table);
}

static int code_of(const tl_table *table, const tl_error *err)
{
    int code = sqlite3_errcode(table->database) & 0xff;
    switch (err->kind) {
    case TL_ERROR_NO_MEMORY:
        return SQLITE_NOMEM;
    case TL_ERROR_CORRUPT:
        return SQLITE_CORRUPT_VTAB;
    case TL_ERROR_CANCELLED:
        return SQLITE_INTERRUPT;
    case TL_ERROR_IO: /* what SQLite itself said of a lock or a full disk */
        return code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE ? code : SQLITE_IOERR;
    default:
        return SQLITE_ERROR;
    }
}

int tl_table__refuse(tl_table *table, const tl_error *err)
{
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = sqlite3_mprintf("%s", err->message);
    return code_of(table, err);
}

int tl_table__fail(tl_table *table, const tl_error *err)
{
    int code = tl_table__refuse(table, err);
    /* In a hostile schema a statement of ours may hold this very table, which then could not be closed. */
    if (err->kind != TL_ERROR_INVALID) {
        tl_rows__rest(table);
        tl_vector_store_let_go(table->store);
    }
    tl_table__leave(table);
    return code;
}

bool tl_table__execute(tl_table *table, const char *text, tl_error *err)
{
    tl_string sql;
    tl_names names = tl_table__names(table);
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_statements__expand(text, &names, &sql, err) && tl_database_execute(table->database, sql.data, err);
    tl_string_clear(&sql);
    return ok;
}

/*
 * Of a savepoint that was open when a table was made, and of what is rolled back to it, SQLite tells the table only after another
 * has been opened. That is what a statement does that may fail after its first row, though it has none.
 */
bool tl_table__begin_change(tl_table *table, tl_error *err)
{
    if (table->is_new && !tl_table__execute(table, "INSERT INTO @sets SELECT * FROM @sets WHERE 0", err))
        return false;
    table->is_new = table->is_retired = false;
    table->changes++;
    if (!table->is_changed)
        table->changed_at = table->savepoint;
    table->is_changed = true;
    return true;
}

void tl_table__spoil(tl_table *table)
{
    if (!table->is_spoiled)
        table->spoiled_at = table->savepoint;
    table->is_spoiled = true;
}

tl_names tl_table__names(const tl_table *table)
{
    return (tl_names){table->schema, table->name, true};
}

bool tl_table__prepare(tl_table *table, const char *text, sqlite3_stmt **out, tl_error *err)
{
    tl_string sql;
    tl_names names = tl_table__names(table);
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_statements__expand(text, &names, &sql, err) && tl_database_prepare(table->database, sql.data, out, err);
    tl_string_clear(&sql);
    return ok;
}

bool tl_table__find_set(tl_table *table, tl_stored_set *set, tl_error *err)
{
    if (!tl_vector_store_find_set(table->store, TL_TABLE_SET, set, err))
        return false;
    if (set->id == 0 || set->dim != table->options.dim || set->storage != table->options.storage)
        return tl_fail(err, TL_ERROR_CORRUPT, "%s_sets: expected vectors of dimension %" PRIu32 " as declared, found %" PRIu32,
                       table->name, table->options.dim, set->dim);
    return true;
}

bool tl_table__read_vector(tl_table *table, sqlite3_value *value, const char *what, tl_error *err)
{
    if (!tl_vector_value__read(&table->vector, value, err))
        return tl_fail_within(err, "%s", what);
    if (table->vector.dim != table->options.dim)
        return tl_fail(err, TL_ERROR_INVALID, "%s: expected a vector of dimension %" PRIu32 ", found %zu numbers", what,
                       table->options.dim, table->vector.dim);
    return table->options.metric != TL_TABLE_COSINE || tl_vector_value__normalize(&table->vector, err) ||
           tl_fail_within(err, "%s", what);
}

double tl_table__distance(const tl_table *table, float score)
{
    switch (table->options.metric) {
    case TL_TABLE_COSINE:
        return 1.0 - (double)score;
    case TL_TABLE_DOT:
        return -(double)score;
    default:
        return sqrt(fmax(0.0, -(double)score));
    }
}

static void close_table(tl_table *table)
{
    for (tl_table **at = &table->list->first; *at != NULL; at = &(*at)->next)
        if (*at == table) {
            *at = table->next;
            break;
        }
    tl_rows__rest(table);
    sqlite3_free(table->base.zErrMsg); /* of a savepoint: SQLite takes the others */
    tl_vector_store_close(table->store);
    tl_vector_value__clear(&table->vector);
    tl_kept_ids__clear(&table->kept);
    tl_memory_free(table->schema);
    tl_memory_free(table->name);
    tl_memory_free(table);
}

static bool declare(tl_table *table, tl_error *err)
{
    tl_string sql;
    tl_names names = tl_table__names(table);
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_string_append_text(&sql, "CREATE TABLE x(embedding BLOB", err);
    for (size_t i = 0; ok && i < table->options.column_count; i++)
        ok = tl_string_append_format(&sql, err, ", \"%s\" %s", table->options.columns[i].name, table->options.columns[i].type);
    ok = ok &&
         tl_string_append_text(&sql, ", distance REAL HIDDEN, k INTEGER HIDDEN, probes INTEGER HIDDEN, exact INTEGER HIDDEN, ",
                               err) &&
         tl_statements__expand("# HIDDEN)", &names, &sql, err);
    if (ok && (sqlite3_declare_vtab(table->database, sql.data) != SQLITE_OK ||
               sqlite3_vtab_config(table->database, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1) != SQLITE_OK))
        ok = tl_database_fail(table->database, err);
    tl_string_clear(&sql);
    return ok;
}

/* What stood under the name before writes what it holds. */
static void retire_others(tl_table *table)
{
    for (tl_table *other = table->list->first; other != NULL; other = other->next) {
        if (other == table || other->is_retired || sqlite3_stricmp(other->name, table->name) != 0 ||
            sqlite3_stricmp(other->schema, table->schema) != 0)
            continue;
        if (other->is_inside || (!other->is_spoiled && !tl_vector_store_flush(other->store, NULL)))
            tl_table__spoil(other);
        if (other->is_inside)
            continue;
        tl_vector_store_rest(other->store);
        tl_vector_store_forget(other->store);
        other->is_retired = true;
    }
}

static bool open_table(sqlite3 *database, tl_table_list *list, int count, const char *const *texts, tl_table **out, tl_error *err)
{
    tl_table *table = tl_memory_allocate(1, sizeof *table, err);
    if (table == NULL)
        return false;
    table->database = database;
    table->list = list;
    table->savepoint = table->spoiled_at = -1;
    tl_kept_ids__init(&table->kept);
    /* The module's name, the schema's, the table's, then what stood in the brackets. */
    bool ok = (table->schema = tl_memory_copy_text(texts[1], strlen(texts[1]), err)) != NULL &&
              (table->name = tl_memory_copy_text(texts[2], strlen(texts[2]), err)) != NULL &&
              tl_table_options__parse(texts + 3, (size_t)count - 3, table->name, &table->options, err) && declare(table, err) &&
              tl_vector_store_open(database, table->schema, table->name, TL_TABLES_OWN, &table->store, err);
    if (!ok) {
        close_table(table);
        return false;
    }
    retire_others(table);
    table->next = list->first;
    list->first = table;
    *out = table;
    return true;
}

static int create(sqlite3 *database, void *context, int count, const char *const *texts, sqlite3_vtab **out, char **message)
{
    tl_error err = {0};
    tl_table *table = NULL;
    bool ok = open_table(database, context, count, texts, &table, &err);
    if (ok)
        ok = tl_rows__create(table, &err) && tl_vector_store_create_tables(table->store, &err) &&
             tl_vector_store_add_set(table->store, TL_TABLE_SET, table->options.dim, table->options.storage, &err);
    if (ok) {
        tl_vector_store_rest(table->store);
        table->is_new = true;
        *out = &table->base;
        return SQLITE_OK;
    }
    if (table != NULL)
        close_table(table);
    *message = sqlite3_mprintf("%s", err.message);
    return err.kind == TL_ERROR_NO_MEMORY ? SQLITE_NOMEM : SQLITE_ERROR;
}

static int connect_table(sqlite3 *database, void *context, int count, const char *const *texts, sqlite3_vtab **out,
                         char **message)
{
    tl_error err = {0};
    tl_table *table = NULL;
    if (open_table(database, context, count, texts, &table, &err)) {
        *out = &table->base;
        return SQLITE_OK;
    }
    *message = sqlite3_mprintf("%s", err.message);
    return err.kind == TL_ERROR_NO_MEMORY ? SQLITE_NOMEM : SQLITE_ERROR;
}

static int disconnect(sqlite3_vtab *base)
{
    close_table((tl_table *)base);
    return SQLITE_OK;
}

static int destroy(sqlite3_vtab *base)
{
    tl_table *table = (tl_table *)base;
    tl_error err = {0};
    if (!tl_table__enter(table, &err))
        return tl_table__refuse(table, &err);
    tl_rows__rest(table);
    if (!tl_vector_store_drop_tables(table->store, &err) || !tl_rows__drop(table, &err))
        return tl_table__fail(table, &err);
    close_table(table);
    return SQLITE_OK;
}

static int rename_table(sqlite3_vtab *base, const char *name)
{
    tl_table *table = (tl_table *)base;
    tl_error err = {0};
    if (table->cursor_count != 0) { /* their statements know the old names */
        tl_fail(&err, TL_ERROR_INVALID, "%s: expected no statement that still reads the table while it is renamed", table->name);
        tl_table__refuse(table, &err);
        return SQLITE_LOCKED;
    }
    if (!tl_table__enter(table, &err))
        return tl_table__refuse(table, &err);
    tl_rows__rest(table);
    tl_names names = tl_table__names(table);
    char *copy = tl_memory_copy_text(name, strlen(name), &err);
    tl_vector_store *store = NULL;
    bool ok = copy != NULL && tl_vector_store_flush(table->store, &err) &&
              tl_vector_store_rename_tables(table->store, name, &err) &&
              tl_tables__rename_one(table->database, &names, "rows", name, &err) &&
              tl_vector_store_open(table->database, table->schema, name, TL_TABLES_OWN, &store, &err);
    if (!ok) {
        tl_memory_free(copy);
        if (sqlite3_errcode(table->database) == SQLITE_ERROR) /* the name is somebody's */
            err.kind = TL_ERROR_INVALID;
        return tl_table__fail(table, &err);
    }
    tl_vector_store_close(table->store);
    table->store = store;
    tl_memory_free(table->name);
    table->name = copy;
    table->is_retired = true; /* SQLite reads the schema anew, and opens the table of the new name */
    tl_table__leave(table);
    return SQLITE_OK;
}

static int begin(sqlite3_vtab *base)
{
    tl_table *table = (tl_table *)base;
    tl_error err = {0};
    if (!tl_table__enter(table, &err)) /* by a trigger on a shadow table */
        return tl_table__refuse(table, &err);
    table->savepoint = -1;
    table->is_changed = false;
    /* A block that was read before is of another transaction; nothing waits to be written. */
    bool ok = tl_vector_store_flush(table->store, &err);
    if (!ok)
        return tl_table__fail(table, &err);
    tl_table__leave(table);
    return SQLITE_OK;
}

static int flush_for(tl_table *table, bool is_commit)
{
    tl_error err = {0};
    if (!tl_table__enter(table, &err))
        return tl_table__refuse(table, &err);
    sqlite3_int64 last = sqlite3_last_insert_rowid(table->database);
    bool ok = !table->is_spoiled ||
              tl_fail(&err, TL_ERROR_INVALID, "%s: expected a rollback after a change that failed half-way", table->name);
    if (ok && !table->is_retired)
        ok = tl_vector_store_flush(table->store, &err) && (!is_commit || !table->is_changed || tl_change__settle(table, &err));
    tl_vector_store_rest(table->store);
    sqlite3_set_last_insert_rowid(table->database, last);
    if (!ok) {
        tl_table__spoil(table);
        return tl_table__fail(table, &err);
    }
    tl_table__leave(table);
    return SQLITE_OK;
}

static int sync_table(sqlite3_vtab *base)
{
    return flush_for((tl_table *)base, true);
}

static int commit(sqlite3_vtab *base)
{
    ((tl_table *)base)->savepoint = -1;
    ((tl_table *)base)->is_changed = false;
    return SQLITE_OK;
}

static int rollback(sqlite3_vtab *base)
{
    tl_table *table = (tl_table *)base;
    /* A statement of ours that fails for want of memory or room, or is interrupted, takes all back while the call that runs it
     * still stands on what would be dropped here. */
    if (table->is_inside)
        table->is_over = true;
    else
        begin_anew(table);
    return SQLITE_OK;
}

static int savepoint(sqlite3_vtab *base, int number)
{
    tl_table *table = (tl_table *)base;
    if (table->is_inside) { /* of a statement of ours, which is part of the change that runs it */
        table->savepoint = table->is_new ? number - 1 : table->savepoint;
        table->is_new = false;
        return SQLITE_OK;
    }
    int code = flush_for(table, false);
    table->savepoint = number;
    table->is_new = false;
    return code;
}

static int release(sqlite3_vtab *base, int number)
{
    tl_table *table = (tl_table *)base;
    if (table->is_inside)
        return SQLITE_OK;
    table->savepoint = number - 1;
    if (table->is_spoiled && table->spoiled_at > table->savepoint)
        table->spoiled_at = table->savepoint;
    if (table->is_changed && table->changed_at > table->savepoint)
        table->changed_at = table->savepoint;
    return SQLITE_OK;
}

static int rollback_to(sqlite3_vtab *base, int number)
{
    tl_table *table = (tl_table *)base;
    if (table->is_inside) { /* a statement of ours was taken back: the change that ran it fails */
        tl_table__spoil(table);
        return SQLITE_OK;
    }
    tl_vector_store_rest(table->store);
    tl_vector_store_forget(table->store);
    table->changes++;
    if (table->is_spoiled && table->spoiled_at >= number)
        table->is_spoiled = false;
    if (table->is_changed && table->changed_at >= number)
        table->is_changed = false;
    table->savepoint = number;
    return SQLITE_OK;
}

static int is_shadow(const char *name)
{
    static const char *const names[] = {"rows", "sets", "blocks", "centroids", "owners"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sqlite3_stricmp(name, names[i]) == 0)
            return 1;
    return 0;
}

const sqlite3_module tl_table__module = {
    .iVersion = 3,
    .xCreate = create,
    .xConnect = connect_table,
    .xBestIndex = tl_plan__best_index,
    .xDisconnect = disconnect,
    .xDestroy = destroy,
    .xOpen = tl_cursor__open,
    .xClose = tl_cursor__close,
    .xFilter = tl_cursor__filter,
    .xNext = tl_cursor__next,
    .xEof = tl_cursor__eof,
    .xColumn = tl_cursor__column,
    .xRowid = tl_cursor__rowid,
    .xUpdate = tl_change__update,
    .xBegin = begin,
    .xSync = sync_table,
    .xCommit = commit,
    .xRollback = rollback,
    .xRename = rename_table,
    .xSavepoint = savepoint,
    .xRelease = release,
    .xRollbackTo = rollback_to,
    .xShadowName = is_shadow,
};
