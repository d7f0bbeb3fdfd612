/*
 * A table: rows of cells under named columns, whatever kind of file they come from (CSV and TSV, lines of URLs, JSON, JSONL,
 * Parquet, COCO captions, Karpathy splits), recognised by its bytes. Bytes to cells and nothing more: what a column means is for
 * lists and sources to say. Adding a kind: one file, one row in registry.c, tests, fuzz seeds.
 */
#ifndef TL_CRAWLER_IMPORT_TABLES_TABLE_H
#define TL_CRAWLER_IMPORT_TABLES_TABLE_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

typedef enum tl_cell_kind {
    TL_CELL_NULL, /* nothing there, an empty field of a text table too */
    TL_CELL_TEXT, /* any bytes: that they are UTF-8 is not checked */
    TL_CELL_INTEGER,
    TL_CELL_REAL,
    TL_CELL_BOOL, /* `integer` is 0 or 1 */
    TL_CELL_JSON  /* the text of an array or object */
} tl_cell_kind;

typedef struct tl_cell {
    tl_cell_kind kind;
    tl_slice text; /* of TEXT and JSON; not NUL-terminated */
    union {
        int64_t integer;
        double real;
    } number;
} tl_cell;

/* Borrowed until the next call on the table. */
typedef struct tl_table_row {
    const tl_cell *cells; /* one a column, NULL cells in those that were not selected; of no meaning when there is a problem */
    uint64_t line;        /* from 1: the line of text formats, the row of others */
    const char *problem;  /* NULL, or short fixed words: "row too large", "wrong column count", "broken json" */
} tl_table_row;

typedef enum tl_table_header {
    TL_TABLE_HEADER_SNIFFED, /* there is one unless the first row has a URL in it */
    TL_TABLE_HEADER_IS_THERE
} tl_table_header;

typedef struct tl_table_options {
    const char *kind;       /* as tl_table_kind says it, NULL: told from the bytes */
    tl_table_header header; /* of CSV and TSV */
    /* Asked of CSV and TSV for every delimiter in turn: whether these are the columns. NULL or never true: the delimiter that
     * gives the most columns. */
    bool (*has_columns)(void *context, const char *const *names, size_t count);
    void *context;
} tl_table_options;

typedef struct tl_table tl_table;

/* Fails with TL_ERROR_UNSUPPORTED when the file is none of the kinds. Options may be NULL. */
bool tl_table_open(const char *path, const tl_table_options *options, tl_table **out, tl_error *err) TL_MUST_USE;
/* "csv", "lines", "json", "jsonl", "coco", "karpathy", "parquet". */
const char *tl_table_kind(const tl_table *table);
/* Names are valid UTF-8 on one line, and no two are equal but for case: the second "url" is "url_2". Without a header they are
 * "url" and "caption" where two columns leave no doubt, else "1", "2", ... */
size_t tl_table_column_count(const tl_table *table);
const char *const *tl_table_column_names(const tl_table *table);
/* The column of this name, exactly or but for case, or, in a table without a header, of this number from 1. */
bool tl_table_find_column(const tl_table *table, const char *name, size_t *index);
/* Returns false and TL_ERROR_INVALID: expected `wanted`, or when it is NULL one of `usual` (ends with NULL), found these columns.
 */
bool tl_table_fail_missing_column(const tl_table *table, const char *wanted, const char *const *usual, tl_error *err);
/* Which columns are wanted, before the first row: [column_count]. Without a call all are. */
void tl_table_select(tl_table *table, const bool *wanted);
/* The next row. Errors name the file and the row. */
bool tl_table_next(tl_table *table, tl_table_row *out, bool *done, tl_error *err) TL_MUST_USE;
/* Passes over up to count rows without taking them apart; *passed is less only at the end. */
bool tl_table_skip(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err) TL_MUST_USE;
double tl_table_progress(const tl_table *table);
void tl_table_close(tl_table *table);

#endif
