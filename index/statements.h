/*
 * Prepared statements of one connection, by number in a table of texts, prepared at their first use and kept. One thread at a
 * time, as its connection. In texts of a vector store, whose names are known only when it is opened, `@blocks` stands for the
 * table "SCHEMA"."PREFIX_blocks", `#blocks` for its name alone, `$` for "SCHEMA", `~1` for the index of blocks by list and `~2`
 * for that by count.
 */
#ifndef TL_INDEX_STATEMENTS_H
#define TL_INDEX_STATEMENTS_H

#include "base/core/string.h"
#include "index/sqlite_api.h"

enum { TL_STATEMENT_LIMIT = 64 };

typedef struct tl_names {
    const char *schema, *prefix; /* borrowed */
    bool has_own_tables;         /* whose indexes are those of UNIQUE constraints, which SQLite renames with their table */
} tl_names;

typedef struct tl_statements {
    sqlite3 *database;        /* borrowed */
    const char *const *texts; /* borrowed */
    tl_names names;           /* prefix NULL: texts are taken as they are */
    sqlite3_stmt *prepared[TL_STATEMENT_LIMIT];
} tl_statements;

/* The statement, reset and with every parameter NULL; NULL with err on failure. */
sqlite3_stmt *tl_statements__get(tl_statements *statements, int which, tl_error *err) TL_MUST_USE;
/* Appends the text with its names put in. */
bool tl_statements__expand(const char *text, const tl_names *names, tl_string *out, tl_error *err) TL_MUST_USE;
/* Runs a statement that was bound to its end; rows are passed over. */
bool tl_statements__run(tl_statements *statements, sqlite3_stmt *statement, tl_error *err) TL_MUST_USE;
bool tl_statements__step(tl_statements *statements, sqlite3_stmt *statement, bool *row, tl_error *err) TL_MUST_USE;
/* Resets all, so that none holds a read transaction or borrowed memory. */
void tl_statements__rest(tl_statements *statements);
void tl_statements__clear(tl_statements *statements);

/* NULL binds NULL. The text is borrowed until the statement is reset. */
void tl_statements__bind_text(sqlite3_stmt *statement, int position, const char *text);
/* Runs the statement with one or two integers. */
bool tl_statements__run_integers(tl_statements *statements, int which, int64_t first, int64_t second, tl_error *err) TL_MUST_USE;

/* Growing list of ids, owned by the caller (tl_memory_free(items)). */
typedef struct tl_ids {
    int64_t *items;
    size_t count, capacity;
} tl_ids;
bool tl_ids__append(tl_ids *ids, int64_t id, tl_error *err) TL_MUST_USE;
/* Puts them in ascending order; ids that are so already cost one look. */
bool tl_ids__sort(tl_ids *ids, tl_error *err) TL_MUST_USE;
/* Keeps those of ids that are in others too; both ascending. */
void tl_ids__intersect(tl_ids *ids, const tl_ids *others);
/* Appends column 0 of the remaining rows. */
bool tl_statements__collect_ids(tl_statements *statements, sqlite3_stmt *statement, tl_ids *ids, tl_error *err) TL_MUST_USE;

#endif
