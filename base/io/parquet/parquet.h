/*
 * Reading Parquet: named columns of a file, a batch of rows at a time, in file order. Only the pages of the columns asked for are
 * read (pread), and one page of each is in memory at a time, so memory does not grow with the file or its row groups.
 *
 *     open file -> find columns -> create a reader of them -> next, next, ... (or skip) -> destroy, close
 *
 * A column is a leaf of the schema. What it holds is a kind, and values of a kind come as one C array (tl_parquet_values):
 *
 *     BOOLEAN   uint8_t 0 or 1
 *     INTEGER   int64_t: int8 to int64; dates (days since 1970), times and timestamps in the column's unit; INT96 (unit NANOS,
 * held at the ends of int64_t) NATURAL   uint64_t: uint8 to uint64 FLOAT     float: float and float16 DOUBLE    double TEXT
 * tl_slice: string, enum, JSON, and decimals of up to 76 digits as exact text ("-12.50"). Bytes are as in the file: that they are
 * UTF-8 is not checked BYTES     tl_slice: binary, fixed-length binary, UUID, BSON
 *
 * A column inside a struct is named with dots ("meta.width"). A column inside a list has one list a row: offsets[r]..offsets[r +
 * 1]-1 are the items of row r. The wrapper groups that Parquet puts around the items are not part of `name` ("captions"; of a
 * list of structs "boxes.x"), `path` has them ("captions.list.element"). Lists of lists are listed and cannot be read.
 *
 * Read: encodings PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY, RLE, BIT_PACKED (levels), DELTA_BINARY_PACKED,
 * DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT; pages v1 and v2, their CRC where there is one; codecs
 * uncompressed, snappy, gzip, zstd, lz4, lz4_raw. Refused by name: brotli, lzo, encryption.
 *
 * Errors name file, column, row group and page. Bytes of the file never decide alone how much memory is taken: see the options.
 */
#ifndef TL_BASE_IO_PARQUET_PARQUET_H
#define TL_BASE_IO_PARQUET_PARQUET_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_parquet_file tl_parquet_file;     /* footer and schema: immutable, shared by any number of readers */
typedef struct tl_parquet_reader tl_parquet_reader; /* a place in some of its columns: belongs to one thread */

typedef enum tl_parquet_kind {
    TL_PARQUET_BOOLEAN,
    TL_PARQUET_INTEGER,
    TL_PARQUET_NATURAL,
    TL_PARQUET_FLOAT,
    TL_PARQUET_DOUBLE,
    TL_PARQUET_TEXT,
    TL_PARQUET_BYTES,
    TL_PARQUET_UNREADABLE /* see `unreadable` */
} tl_parquet_kind;

/* What an INTEGER counts. */
typedef enum tl_parquet_unit {
    TL_PARQUET_NUMBER,
    TL_PARQUET_DAYS,
    TL_PARQUET_MILLIS,
    TL_PARQUET_MICROS,
    TL_PARQUET_NANOS
} tl_parquet_unit;

typedef struct tl_parquet_column {
    const char *name; /* with dots, without list wrappers */
    const char *path; /* with dots, every group */
    tl_parquet_kind kind;
    tl_parquet_unit unit;
    bool is_json;           /* TEXT that the file declares to be JSON */
    bool is_list;           /* vectors have offsets */
    bool is_nullable;       /* a row may have no value */
    const char *unreadable; /* why kind is UNREADABLE; else NULL */
} tl_parquet_column;

/* By the column's kind; a value that is absent is 0 or empty. */
typedef union tl_parquet_values {
    const uint8_t *booleans;
    const int64_t *integers;
    const uint64_t *naturals;
    const float *floats;
    const double *doubles;
    const tl_slice *texts; /* TEXT and BYTES; not NUL-terminated */
} tl_parquet_values;

/* One column of a batch. Borrowed from the reader until its next call. */
typedef struct tl_parquet_vector {
    const uint8_t *present;      /* [row_count] 1: the row has a value (a list, be it empty); NULL: all have */
    const uint32_t *offsets;     /* [row_count + 1] for lists, from offsets[0] on into values; else NULL */
    const uint8_t *item_present; /* for lists: [offsets[row_count]] as present, for items; NULL: all are there, or no list */
    tl_parquet_values values;    /* [row_count], or for lists [offsets[row_count]] */
} tl_parquet_vector;

typedef struct tl_parquet_batch {
    uint64_t first_row;               /* of the file, from 0 */
    size_t row_count;                 /* 0: the end */
    const tl_parquet_vector *vectors; /* [columns of the reader], in the order asked for */
} tl_parquet_batch;

/* Zero is the default of every field. */
typedef struct tl_parquet_options {
    size_t max_batch_rows; /* 0: 1024. Batches end early where a page of some column does */
    size_t max_page_size;  /* most bytes of a page, packed or unpacked, and of what a batch builds for a column; 0: 512 MiB */
} tl_parquet_options;

/* Reads the footer (at most 256 MiB). The file stays open until tl_parquet_close, and must outlive its readers. */
bool tl_parquet_open(const char *path, tl_parquet_file **out, tl_error *err) TL_MUST_USE;
/* The same over bytes in memory, which stay the caller's and must outlive the file; name is for messages. */
bool tl_parquet_parse(tl_slice bytes, const char *name, tl_parquet_file **out, tl_error *err) TL_MUST_USE;
void tl_parquet_close(tl_parquet_file *file);

uint64_t tl_parquet_row_count(const tl_parquet_file *file);
size_t tl_parquet_column_count(const tl_parquet_file *file);
/* In schema order; index < tl_parquet_column_count. */
const tl_parquet_column *tl_parquet_column_at(const tl_parquet_file *file, size_t index);
/* The first column with this name or path; false, with *index untouched, when there is none. */
bool tl_parquet_column_find(const tl_parquet_file *file, const char *name, size_t *index);

/* columns: [column_count] indexes into the file's columns, at least one. Options may be NULL. Unreadable columns are refused. */
bool tl_parquet_reader_create(const tl_parquet_file *file, const size_t *columns, size_t column_count,
                              const tl_parquet_options *options, tl_parquet_reader **out, tl_error *err) TL_MUST_USE;
/* The next 1..max_batch_rows rows, or row_count 0 at the end. After a failure the reader can only be destroyed. */
bool tl_parquet_reader_next(tl_parquet_reader *reader, tl_parquet_batch *out, tl_error *err) TL_MUST_USE;
/* Passes over rows: whole row groups and pages unread where it can. Past the end is the end. */
bool tl_parquet_reader_skip(tl_parquet_reader *reader, uint64_t row_count, tl_error *err) TL_MUST_USE;
void tl_parquet_reader_destroy(tl_parquet_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
