/*
 * A virtual table and its cursors: what the files that answer SQLite's calls share. Columns, as SQLite numbers them: embedding,
 * those of the user, then the hidden ones.
 */
#ifndef TL_INDEX_SQLITE_TABLE_H
#define TL_INDEX_SQLITE_TABLE_H

#include "index/sqlite/kept_ids.h"
#include "index/sqlite/table_options.h"
#include "index/sqlite/vector_value.h"
#include "index/statements.h"

enum { TL_TABLE_SET = 1, TL_TABLE_AT_ONCE = 50000 };

/* After the columns of the user. */
typedef enum tl_hidden_column {
    TL_HIDDEN_DISTANCE,
    TL_HIDDEN_K,
    TL_HIDDEN_PROBES,
    TL_HIDDEN_EXACT,
    TL_HIDDEN_COMMAND
} tl_hidden_column;

/* The tables of one connection. SQLite keeps one that took part in a transaction until its end, also when it has opened the table
 * anew since, after a change of the schema that was rolled back, say. */
typedef struct tl_table_list {
    struct tl_table *first;
} tl_table_list;

typedef struct tl_table {
    sqlite3_vtab base; /* first: SQLite's pointer is ours */
    tl_table_list *list;
    struct tl_table *next;
    sqlite3 *database; /* borrowed: the caller's connection */
    char *schema, *name;
    tl_table_options options;
    tl_vector_store *store;
    sqlite3_stmt *row_insert, *row_update, *row_remove, *row_find, *row_last;
    tl_vector_value vector; /* the last that was read */
    tl_kept_ids kept;       /* of the last conditions */
    bool is_inside;         /* within a call that runs statements of its own: whatever these lead to must not come back here */
    bool is_new;            /* made in this transaction, and not yet told of its savepoints */
    bool is_retired;        /* another stands in its place, or it was renamed: it holds nothing */
    bool is_over;           /* the transaction was rolled back within a call */
    bool is_changed;        /* rows were, in this transaction */
    int changed_at;         /* savepoint open when the first of them was, -1 for none */
    bool is_spoiled;        /* a change failed half-way: only a rollback helps */
    int spoiled_at;         /* savepoint open at that time, -1 for none */
    int savepoint;          /* innermost one open, -1 for none */
    int cursor_count;       /* open ones */
    uint64_t changes;       /* another number whenever this connection changed rows */
} tl_table;

typedef struct tl_table_cursor {
    sqlite3_vtab_cursor base;
    bool is_search;        /* hits of a search, else rows in the order of their ids */
    tl_vector_query query; /* how hits are found: vector and allowed point to the next two; k: those so far */
    float *vector;         /* owned */
    tl_ids ids;            /* owned */
    tl_scored *hits;       /* owned */
    size_t count, at, k;   /* k: at most so many in all */
    uint64_t changes;      /* of the table when the hits were found */
    sqlite3_stmt *rows;    /* of a scan: stands on the row; of a search: reads the row of a hit */
    bool has_row, at_end;
    bool has_all; /* no more than the hits are to be had */
} tl_table_cursor;

/* Column numbers. */
static inline int tl_table__hidden(const tl_table *table, tl_hidden_column which)
{
    return 1 + (int)table->options.column_count + (int)which;
}

/* From scores, higher is better, to distances, lower is nearer; and the limits of scores whose distance compares so. */
double tl_table__distance(const tl_table *table, float score);

/* Keeps statements of a hostile schema from calling the table that they belong to: false with err while one is running. */
bool tl_table__enter(tl_table *table, tl_error *err) TL_MUST_USE;
void tl_table__leave(tl_table *table);
/* SQLite's code for an error, whose sentence it gets; the second leaves as well. */
int tl_table__refuse(tl_table *table, const tl_error *err);
int tl_table__fail(tl_table *table, const tl_error *err);
/* The set's row; a table whose dimension or storage is not what was declared is corrupt. */
bool tl_table__find_set(tl_table *table, tl_stored_set *set, tl_error *err) TL_MUST_USE;
/* Reads a vector of the table's dimension into table->vector, of length 1 where the metric is cosine. */
bool tl_table__read_vector(tl_table *table, sqlite3_value *value, const char *what, tl_error *err) TL_MUST_USE;
tl_names tl_table__names(const tl_table *table);
/* Prepares a text with the names of the table's tables put in (index/statements.h). */
bool tl_table__prepare(tl_table *table, const char *text, sqlite3_stmt **out, tl_error *err) TL_MUST_USE;
/* Runs such a text. */
bool tl_table__execute(tl_table *table, const char *text, tl_error *err) TL_MUST_USE;
/* Before a change: of it a commit, and a rollback to a savepoint, must be told. */
bool tl_table__begin_change(tl_table *table, tl_error *err) TL_MUST_USE;
/* A change failed after it had begun. */
void tl_table__spoil(tl_table *table);

/* The callbacks, by file. */
int tl_plan__best_index(sqlite3_vtab *base, sqlite3_index_info *info);
int tl_cursor__open(sqlite3_vtab *base, sqlite3_vtab_cursor **out);
int tl_cursor__close(sqlite3_vtab_cursor *base);
int tl_cursor__filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values);
int tl_cursor__next(sqlite3_vtab_cursor *base);
int tl_cursor__eof(sqlite3_vtab_cursor *base);
int tl_cursor__column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column);
int tl_cursor__rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out);
int tl_change__update(sqlite3_vtab *base, int count, sqlite3_value **values, sqlite3_int64 *rowid);
/* Divides the set when that is due, else moves a long tail; before a commit. */
bool tl_change__settle(tl_table *table, tl_error *err) TL_MUST_USE;

extern const sqlite3_module tl_table__module;

#endif
