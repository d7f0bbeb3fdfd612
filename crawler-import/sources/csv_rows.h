/* Rows of a CSV or TSV file, one at a time, with the line each begins on. Bounded: a row of more than 1 MiB is told of and passed
 * over. */
#ifndef TL_CRAWLER_IMPORT_SOURCES_CSV_ROWS_H
#define TL_CRAWLER_IMPORT_SOURCES_CSV_ROWS_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

typedef struct tl_csv_rows tl_csv_rows;

typedef struct tl_csv_row {
    const tl_slice *fields; /* borrowed until the next call */
    size_t field_count;
    uint64_t line;     /* from 1 */
    bool is_too_large; /* no fields then */
} tl_csv_row;

bool tl_csv_rows_open(const char *path, char delimiter, tl_csv_rows **out, tl_error *err) TL_MUST_USE;
/* The next row that is not blank. */
bool tl_csv_rows_next(tl_csv_rows *rows, tl_csv_row *out, bool *done, tl_error *err) TL_MUST_USE;
/* Share of the file read. */
double tl_csv_rows_progress(const tl_csv_rows *rows);
void tl_csv_rows_close(tl_csv_rows *rows);

#endif
