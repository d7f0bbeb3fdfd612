/*
 * NAME_rows: a row of the user's columns for each id. A table without columns keeps only the ids there that have no vector, since
 * the others are the owners of the store's vectors: what a vector takes in the file is what the store needs for it.
 */
#ifndef TL_INDEX_SQLITE_ROWS_H
#define TL_INDEX_SQLITE_ROWS_H

#include "index/sqlite/table.h"

bool tl_rows__create(tl_table *table, tl_error *err) TL_MUST_USE;
bool tl_rows__drop(tl_table *table, tl_error *err) TL_MUST_USE;
/* Ends the prepared statements. */
void tl_rows__rest(tl_table *table);

/* Appends "SELECT id FROM ...", the columns after id where they are wanted, with a condition over "id" and the columns (" WHERE
 * ...", or nothing) and an end (" ORDER BY id", say). */
bool tl_rows__select(const tl_table *table, bool with_columns, const char *where, const char *end, tl_string *sql,
                     tl_error *err) TL_MUST_USE;
/* values: of the columns. *is_taken: it failed since there is such an id, and nothing was changed. */
bool tl_rows__insert(tl_table *table, sqlite3_value *id, bool has_vector, sqlite3_value **values, sqlite3_int64 *rowid,
                     bool *is_taken, tl_error *err) TL_MUST_USE;
/* has_vector: it will have one, whatever stands in the store now. */
bool tl_rows__update(tl_table *table, int64_t from, int64_t to, bool has_vector, sqlite3_value **values, bool *is_taken,
                     tl_error *err) TL_MUST_USE;
bool tl_rows__remove(tl_table *table, int64_t id, tl_error *err) TL_MUST_USE;
/* Of a check of the store (tl_vector_store_check): the owner of a vector must be a row. context: the table. */
bool tl_rows__check_owner(void *context, int64_t owner, tl_error *err) TL_MUST_USE;

#endif
