/* Objects of a JSON document (or one a line) as rows: their members are the columns. What json, jsonl, coco and karpathy share.
 */
#ifndef TL_CRAWLER_IMPORT_TABLES_JSON_ROWS_H
#define TL_CRAWLER_IMPORT_TABLES_JSON_ROWS_H

#include "base/io/json.h"
#include "crawler-import/tables/table_internal.h"

typedef struct tl_json_rows tl_json_rows;

/* A value as a cell, which borrows from it; the text of an array or object is appended to nested, and moves when that grows. NULL
 * gives a NULL cell. */
bool tl_json_cell_of(const tl_json *value, tl_string *nested, tl_cell *cell, tl_error *err) TL_MUST_USE;

/*
 * Opens the rows of the root's member, "" for the root itself, NULL for a file of lines. Adds a column to the table for every
 * member that one of the first rows has; these are the table's first columns.
 */
bool tl_json_rows_open(tl_table *table, const char *member, tl_json_rows **out, tl_error *err) TL_MUST_USE;
/* The next row: line, problem, the cells of its columns, and the object itself, borrowed until the next call (NULL where there is
 * a problem). */
bool tl_json_rows_next(tl_json_rows *rows, tl_table_row *row, const tl_json **object, bool *done, tl_error *err) TL_MUST_USE;
/* As tl_table_skip. */
bool tl_json_rows_skip(tl_json_rows *rows, uint64_t count, uint64_t *passed, tl_error *err) TL_MUST_USE;
double tl_json_rows_progress(const tl_json_rows *rows);
void tl_json_rows_close(tl_json_rows *rows);

#endif
