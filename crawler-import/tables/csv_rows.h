/* Rows of a CSV or TSV file (plain, .gz or .zst), one at a time, with the line each begins on. Bounded: a row of more than 1 MiB
 * is told of and passed over. */
#ifndef TL_CRAWLER_IMPORT_TABLES_CSV_ROWS_H
#define TL_CRAWLER_IMPORT_TABLES_CSV_ROWS_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

typedef struct tl_csv_rows tl_csv_rows;

typedef enum tl_csv_quotes {
    TL_CSV_QUOTES_SPAN_LINES, /* RFC 4180: a field in quotes may hold line ends */
    TL_CSV_QUOTES_IN_LINE,    /* a line is a row; a quote that is not closed within its field is a character like others */
    TL_CSV_QUOTES_NONE        /* every quote is a character like others */
} tl_csv_quotes;

typedef struct tl_csv_row {
    const tl_slice *fields; /* borrowed until the next call */
    size_t field_count;     /* at most 4096: what is after those is left out */
    uint64_t line;          /* from 1 */
    bool is_too_large;      /* no fields then */
} tl_csv_row;

/* delimiter '\n': every line is one field. */
bool tl_csv_rows_open(const char *path, char delimiter, tl_csv_quotes quotes, tl_csv_rows **out, tl_error *err) TL_MUST_USE;
/* The next row that is not blank. An error names file and line. */
bool tl_csv_rows_next(tl_csv_rows *rows, tl_csv_row *out, bool *done, tl_error *err) TL_MUST_USE;
/* Passes over up to count rows as _next would, without taking them apart; adds their number to *passed. */
bool tl_csv_rows_skip(tl_csv_rows *rows, uint64_t count, uint64_t *passed, tl_error *err) TL_MUST_USE;
/* Share of the file read. */
double tl_csv_rows_progress(const tl_csv_rows *rows);
void tl_csv_rows_close(tl_csv_rows *rows);

#endif
