/* What the parts of the writer share: columns that hold the values of the open row group, and what was written of them. */
#ifndef TL_BASE_IO_PARQUET_WRITER_INTERNAL_H
#define TL_BASE_IO_PARQUET_WRITER_INTERNAL_H

#include "base/io/file.h"
#include "base/io/parquet/codec_internal.h"
#include "base/io/parquet/parquet_writer.h"
#include "base/io/parquet/values_internal.h"

/* Distinct values of a column of the open row group: open addressing over entries in the order of their coming. */
typedef struct tl_parquet_distinct {
    bool is_given_up;        /* grown too large: this row group is written plain */
    tl_parquet_bytes values; /* PLAIN */
    uint32_t count;
    uint32_t *slots; /* [slot_count] entry + 1, or 0 */
    size_t slot_count;
    size_t *offsets; /* [count] of an entry in values */
    size_t offset_capacity;
} tl_parquet_distinct;

typedef struct tl_parquet_written_chunk {
    uint64_t dictionary_offset; /* 0: none */
    uint64_t data_offset;
    uint64_t value_count, unpacked_size, packed_size; /* headers and pages */
} tl_parquet_written_chunk;

typedef struct tl_parquet_output_column {
    tl_parquet_written_column column; /* its name is owned */
    bool is_set;                      /* in the open row */
    tl_parquet_bytes values;          /* PLAIN, booleans a byte each; of the rows that have one */
    tl_parquet_bytes present;         /* nullable: a byte a row */
    tl_parquet_distinct distinct;     /* text and bytes */
    uint32_t *indexes;                /* of values in distinct, while it is not given up */
    size_t index_count, index_capacity;
} tl_parquet_output_column;

struct tl_parquet_writer {
    char *path;
    tl_file_writer *file;
    uint64_t offset; /* bytes written */
    tl_parquet_output_column *columns;
    size_t column_count;
    tl_parquet_packing packing;
    uint32_t max_group_rows;
    size_t max_group_bytes;
    char *created_by;
    uint32_t group_rows; /* ended rows of the open row group */
    uint64_t row_count;
    bool has_failed, is_committed;
    tl_parquet_written_chunk *chunks; /* [group_count, column_count] */
    size_t chunk_count, chunk_capacity;
    uint32_t *rows_of_groups; /* [group_count] */
    size_t group_count, group_capacity;
    /* Scratch of pages. */
    tl_string body, packed, header;
    uint32_t *levels;
    size_t level_capacity;
};

enum { TL_PARQUET_MAX_VALUE_SIZE = 1 << 28, TL_PARQUET_MAX_COLUMN_SIZE = 1 << 30, TL_PARQUET_MAX_DICTIONARY_SIZE = 1 << 20 };

/* Adds a value, or gives up. */
bool tl_parquet__distinct_add(tl_parquet_distinct *distinct, tl_slice value, uint32_t *index, tl_error *err) TL_MUST_USE;
void tl_parquet__distinct_reset(tl_parquet_distinct *distinct);
void tl_parquet__distinct_clear(tl_parquet_distinct *distinct);
/* Writes the pages of the open row group and what the footer will say of them. */
bool tl_parquet__write_chunk(tl_parquet_writer *writer, tl_parquet_output_column *column, tl_parquet_written_chunk *chunk,
                             tl_error *err) TL_MUST_USE;
bool tl_parquet__write_bytes(tl_parquet_writer *writer, const void *bytes, size_t size, tl_error *err) TL_MUST_USE;
bool tl_parquet__write_footer(tl_parquet_writer *writer, tl_error *err) TL_MUST_USE;

#endif
