/* One column of a reader: rows of its pages as vectors. */
#ifndef TL_BASE_IO_PARQUET_COLUMN_INTERNAL_H
#define TL_BASE_IO_PARQUET_COLUMN_INTERNAL_H

#include "base/io/parquet/pages_internal.h"

typedef struct tl_parquet_column_reader {
    tl_parquet_pages pages;
    size_t max_rows;
    uint8_t *present; /* [max_rows] */
    void *flat;       /* [max_rows] values of a flat column */
    /* A list column: rows that were put together and not all delivered. */
    uint32_t *repetitions, *definitions; /* [max_rows] levels that were read */
    size_t level_at, level_count;
    uint64_t group_rows_left; /* that were not begun */
    uint32_t *offsets;        /* [max_rows + 1] */
    size_t row_at, row_count;
    tl_parquet_bytes items, item_present, text;
} tl_parquet_column_reader;

bool tl_parquet__column_init(tl_parquet_column_reader *column, const tl_parquet_file *file, const tl_parquet_leaf *leaf,
                             size_t max_rows, size_t max_page_size, tl_parquet_unpacker *unpacker, tl_error *err) TL_MUST_USE;
void tl_parquet__column_clear(tl_parquet_column_reader *column);
bool tl_parquet__column_begin(tl_parquet_column_reader *column, const tl_parquet_chunk *chunk, uint64_t row_count,
                              tl_error *err) TL_MUST_USE;
/* How many rows, 1..most, can be taken at once. There must be `most` rows left in the row group. */
bool tl_parquet__column_ready(tl_parquet_column_reader *column, size_t most, size_t *count, tl_error *err) TL_MUST_USE;
/* Takes as many rows, or fewer. */
bool tl_parquet__column_take(tl_parquet_column_reader *column, size_t count, tl_parquet_vector *out, tl_error *err) TL_MUST_USE;
bool tl_parquet__column_skip(tl_parquet_column_reader *column, uint64_t count, tl_error *err) TL_MUST_USE;

#endif
