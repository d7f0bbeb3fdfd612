/* Rows of a table for which an SQL expression over its columns is true: SQLite evaluates it over a virtual table. */
#ifndef TL_CRAWLER_IMPORT_LISTS_ROW_FILTER_H
#define TL_CRAWLER_IMPORT_LISTS_ROW_FILTER_H

#include "crawler-import/lists/list.h"
#include "crawler-import/tables/table.h"

typedef struct tl_row_filter tl_row_filter;

/* The table must outlive the filter. TL_ERROR_INVALID: not one expression over the table's columns, or one that uses more than
 * reading and plain functions. */
bool tl_row_filter_create(tl_table *table, const char *expression, tl_row_filter **out, tl_error *err) TL_MUST_USE;
/* Told while tl_row_filter_next passes over row after row. */
void tl_row_filter_set_watch(tl_row_filter *filter, tl_list_watch watch);
/* Sets wanted[column] for the columns that the expression reads. */
void tl_row_filter_mark(const tl_row_filter *filter, bool *wanted);
/* The next row that holds or has a problem; *passed is the number of rows read for it, itself included. */
bool tl_row_filter_next(tl_row_filter *filter, tl_table_row *out, uint64_t *passed, bool *done, tl_error *err) TL_MUST_USE;
void tl_row_filter_destroy(tl_row_filter *filter);

#endif
