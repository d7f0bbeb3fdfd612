/*
 * Writing Parquet: flat columns of rows that come one at a time, a file that appears only on commit (base/io/file.h).
 *
 *     open with columns -> (set values of a row, end the row)* -> commit -> close
 *
 * Row groups are bounded by rows and by bytes held, so memory stays flat. TEXT columns are written with a dictionary while that
 * is small, else plain; numbers plain; lists of floats have one fixed length a column. Pages are v1 with a CRC.
 */
#ifndef TL_BASE_IO_PARQUET_PARQUET_WRITER_H
#define TL_BASE_IO_PARQUET_PARQUET_WRITER_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_parquet_writer tl_parquet_writer;

typedef enum tl_parquet_written_kind {
    TL_PARQUET_WRITE_TEXT,    /* string; what is set must be UTF-8 without NUL */
    TL_PARQUET_WRITE_JSON,    /* the same, declared as JSON */
    TL_PARQUET_WRITE_BYTES,   /* set as text */
    TL_PARQUET_WRITE_INTEGER, /* int64 */
    TL_PARQUET_WRITE_DOUBLE,
    TL_PARQUET_WRITE_FLOAT,
    TL_PARQUET_WRITE_BOOLEAN,
    TL_PARQUET_WRITE_FLOATS /* LIST of float32 of list_size each */
} tl_parquet_written_kind;

typedef struct tl_parquet_written_column {
    const char *name; /* UTF-8, not empty, no two alike */
    tl_parquet_written_kind kind;
    bool is_nullable;   /* else a row without a value is an error */
    uint32_t list_size; /* FLOATS: 1..1,000,000 items a row; else 0 */
} tl_parquet_written_column;

typedef enum tl_parquet_codec { TL_PARQUET_ZSTD, TL_PARQUET_SNAPPY, TL_PARQUET_GZIP, TL_PARQUET_UNCOMPRESSED } tl_parquet_codec;

/* Zero is the default of every field. */
typedef struct tl_parquet_writer_options {
    tl_parquet_codec codec;
    uint32_t max_group_rows; /* 0: 131,072 */
    size_t max_group_bytes;  /* of values held; 0: 64 MiB */
    const char *created_by;  /* 0: "twinlens" */
} tl_parquet_writer_options;

/* columns: [column_count], at least one; copied. Options may be NULL. */
bool tl_parquet_writer_open(const char *path, const tl_parquet_written_column *columns, size_t column_count,
                            const tl_parquet_writer_options *options, tl_parquet_writer **out, tl_error *err) TL_MUST_USE;
/* The value of a column in the row that is being made: once a row and column, by the column's kind, at most 256 MiB. Bytes are
 * copied. */
bool tl_parquet_writer_set_text(tl_parquet_writer *writer, size_t column, tl_slice value, tl_error *err) TL_MUST_USE;
bool tl_parquet_writer_set_integer(tl_parquet_writer *writer, size_t column, int64_t value, tl_error *err) TL_MUST_USE;
bool tl_parquet_writer_set_double(tl_parquet_writer *writer, size_t column, double value, tl_error *err) TL_MUST_USE;
bool tl_parquet_writer_set_float(tl_parquet_writer *writer, size_t column, float value, tl_error *err) TL_MUST_USE;
bool tl_parquet_writer_set_boolean(tl_parquet_writer *writer, size_t column, bool value, tl_error *err) TL_MUST_USE;
/* values: [list_size of the column] */
bool tl_parquet_writer_set_floats(tl_parquet_writer *writer, size_t column, const float *values, tl_error *err) TL_MUST_USE;
/* Ends the row; columns that were not set have no value in it. May write a row group. */
bool tl_parquet_writer_end_row(tl_parquet_writer *writer, tl_error *err) TL_MUST_USE;
/* Writes what is left and the footer, and lets the file appear. The writer must still be closed. */
bool tl_parquet_writer_commit(tl_parquet_writer *writer, tl_error *err) TL_MUST_USE;
/* Without a commit before it nothing appears. */
void tl_parquet_writer_close(tl_parquet_writer *writer);

#ifdef __cplusplus
}
#endif

#endif
