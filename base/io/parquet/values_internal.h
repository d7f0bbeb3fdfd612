/*
 * The values of one column's pages: bytes in an encoding become arrays of the column's kind. One object a column, begun anew for
 * each page; the dictionary stays for all pages of a row group.
 */
#ifndef TL_BASE_IO_PARQUET_VALUES_INTERNAL_H
#define TL_BASE_IO_PARQUET_VALUES_INTERNAL_H

#include "base/io/parquet/bits_internal.h"
#include "base/io/parquet/format_internal.h"

/* Bytes that grow up to a ceiling and are never zeroed. */
typedef struct tl_parquet_bytes {
    uint8_t *data;
    size_t size, capacity, max_size;
} tl_parquet_bytes;

/* Room for more bytes after size, and TL_PARQUET_PADDING beyond. */
bool tl_parquet__bytes_reserve(tl_parquet_bytes *bytes, size_t more, tl_error *err) TL_MUST_USE;

typedef struct tl_parquet_value_reader {
    const tl_parquet_leaf *leaf;
    size_t max_count; /* of values in one read */
    int32_t encoding;
    const uint8_t *at, *end;
    uint64_t position, value_count; /* PLAIN booleans: bits; BYTE_STREAM_SPLIT: values */
    tl_hybrid indexes;
    tl_delta numbers, suffixes; /* numbers: values, lengths, or lengths of prefixes */
    void *raw;                  /* [max_count] physical values before their conversion */
    int64_t *lengths;           /* [2 * max_count] */
    uint32_t *index_values;     /* [max_count] */
    tl_parquet_bytes joined;    /* values that do not lie in the page in one piece */
    tl_parquet_bytes previous;  /* DELTA_BYTE_ARRAY: the last value of the read before */
    tl_parquet_bytes text;      /* of converted values */
    tl_parquet_bytes dictionary_bytes, dictionary_text;
    void *dictionary; /* [dictionary_count] of the column's kind */
    size_t dictionary_capacity;
    uint32_t dictionary_count;
} tl_parquet_value_reader;

/* Bytes of a value of a kind as it is delivered. */
size_t tl_parquet__value_size(tl_parquet_kind kind);

bool tl_parquet__values_init(tl_parquet_value_reader *values, const tl_parquet_leaf *leaf, size_t max_count, size_t max_bytes,
                             tl_error *err) TL_MUST_USE;
void tl_parquet__values_clear(tl_parquet_value_reader *values);
/* Takes the dictionary's page, which the caller has put into dictionary_bytes. */
bool tl_parquet__values_set_dictionary(tl_parquet_value_reader *values, uint32_t count, tl_error *err) TL_MUST_USE;
/* Values of a page, of which there are at most most_count; the bytes must stay until the next begin. */
bool tl_parquet__values_begin(tl_parquet_value_reader *values, int32_t encoding, const uint8_t *bytes, size_t size,
                              uint32_t most_count, tl_error *err) TL_MUST_USE;
/* The next count <= max_count values. Texts lie in the page, the dictionary, or in here until the next read. */
bool tl_parquet__values_read(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err) TL_MUST_USE;

/* Physical values to delivered ones. Texts are appended to `text`: they have sizes, and get their places from
 * tl_parquet__place_texts when all are there. */
bool tl_parquet__convert(const tl_parquet_leaf *leaf, const void *raw, size_t count, void *out, tl_parquet_bytes *text,
                         tl_error *err) TL_MUST_USE;
void tl_parquet__place_texts(tl_slice *texts, size_t count, const uint8_t *bytes);

#endif
