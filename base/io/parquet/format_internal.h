/* Parquet's own numbers (parquet.thrift), and a file's footer as the reader keeps it. */
#ifndef TL_BASE_IO_PARQUET_FORMAT_INTERNAL_H
#define TL_BASE_IO_PARQUET_FORMAT_INTERNAL_H

#include "base/core/arena.h"
#include "base/io/parquet/parquet.h"
#include "base/io/parquet/thrift_internal.h"

typedef enum tl_parquet_physical {
    TL_PHYSICAL_BOOLEAN,
    TL_PHYSICAL_INT32,
    TL_PHYSICAL_INT64,
    TL_PHYSICAL_INT96,
    TL_PHYSICAL_FLOAT,
    TL_PHYSICAL_DOUBLE,
    TL_PHYSICAL_BYTE_ARRAY,
    TL_PHYSICAL_FIXED,
    TL_PHYSICAL_COUNT
} tl_parquet_physical;

typedef enum tl_parquet_encoding {
    TL_ENCODING_PLAIN = 0,
    TL_ENCODING_PLAIN_DICTIONARY = 2,
    TL_ENCODING_RLE = 3,
    TL_ENCODING_BIT_PACKED = 4,
    TL_ENCODING_DELTA_BINARY_PACKED = 5,
    TL_ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
    TL_ENCODING_DELTA_BYTE_ARRAY = 7,
    TL_ENCODING_RLE_DICTIONARY = 8,
    TL_ENCODING_BYTE_STREAM_SPLIT = 9
} tl_parquet_encoding;

typedef enum tl_parquet_packing {
    TL_PACKING_NONE,
    TL_PACKING_SNAPPY,
    TL_PACKING_GZIP,
    TL_PACKING_LZO,
    TL_PACKING_BROTLI,
    TL_PACKING_LZ4_HADOOP,
    TL_PACKING_ZSTD,
    TL_PACKING_LZ4_RAW,
    TL_PACKING_COUNT
} tl_parquet_packing;

/* What is done to a physical value to make it one of the column's kind. */
typedef enum tl_parquet_conversion {
    TL_CONVERT_NOTHING,
    TL_CONVERT_SIGNED_32,   /* INT32 to int64_t */
    TL_CONVERT_UNSIGNED_32, /* INT32 to uint64_t */
    TL_CONVERT_INT96,       /* to nanoseconds */
    TL_CONVERT_FLOAT16,
    TL_CONVERT_DECIMAL_32, /* from INT32, INT64, or big-endian bytes */
    TL_CONVERT_DECIMAL_64,
    TL_CONVERT_DECIMAL_BYTES
} tl_parquet_conversion;

enum {
    TL_PARQUET_MAX_LEVEL = 250,
    TL_PARQUET_MAX_DECIMAL_BYTES = 32,
    TL_PARQUET_MAX_DECIMAL_DIGITS = 76,
    TL_PARQUET_INT96_SIZE = 12,
    TL_PARQUET_PADDING = 64 /* bytes that may be read, not used, after the bytes of any page */
};

/* A leaf of the schema. */
typedef struct tl_parquet_leaf {
    tl_parquet_column column;
    tl_parquet_physical physical;
    uint32_t type_length;     /* of FIXED; 12 of INT96; else 0 */
    uint32_t max_definition;  /* level of a value that is there */
    uint32_t max_repetition;  /* 0, or 1 for a list; more is unreadable */
    uint32_t list_definition; /* least level of an item, there or not */
    tl_parquet_conversion conversion;
    uint32_t scale; /* of a decimal */
} tl_parquet_leaf;

typedef struct tl_parquet_chunk {
    uint64_t offset, size; /* of its pages in the file; within it */
    uint64_t value_count;
    tl_parquet_packing packing;
} tl_parquet_chunk;

struct tl_parquet_file {
    int file;       /* or -1 */
    tl_slice bytes; /* when there is no file */
    uint64_t size;
    char *name;
    tl_arena *arena; /* leaves, their names */
    tl_parquet_leaf *leaves;
    size_t leaf_count;
    uint64_t row_count;
    uint64_t *group_rows; /* [group_count] */
    size_t group_count, group_capacity;
    tl_parquet_chunk *chunks; /* [group_count, leaf_count] */
    size_t chunk_count, chunk_capacity;
};

/* Fills bytes[0..size) from the file; what is past its end is an error. */
bool tl_parquet__read_at(const tl_parquet_file *file, uint64_t offset, uint8_t *bytes, size_t size, tl_error *err) TL_MUST_USE;
/* The schema: leaves of a list of elements in depth-first order. */
bool tl_parquet__read_schema(tl_parquet_file *file, tl_thrift_reader *in, tl_thrift_field field, tl_error *err) TL_MUST_USE;
/* The whole footer but its magic. */
bool tl_parquet__read_footer(tl_parquet_file *file, tl_thrift_reader *in, tl_error *err) TL_MUST_USE;

enum { TL_PAGE_DATA = 0, TL_PAGE_INDEX = 1, TL_PAGE_DICTIONARY = 2, TL_PAGE_DATA_2 = 3 };

typedef struct tl_parquet_page {
    uint8_t type;
    uint32_t unpacked_size, packed_size; /* bytes; packed_size lie in the file */
    bool has_crc;
    uint32_t crc;
    uint32_t value_count;
    uint32_t row_count; /* of DATA_2 */
    int32_t encoding, definition_encoding, repetition_encoding;
    uint32_t definition_size, repetition_size; /* of DATA_2, before what is packed */
    bool is_packed;
} tl_parquet_page;

bool tl_parquet__read_page_header(tl_thrift_reader *in, tl_parquet_page *page, tl_error *err) TL_MUST_USE;
const char *tl_parquet__encoding_name(int32_t encoding);

#endif
