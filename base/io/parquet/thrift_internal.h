/* Thrift's compact protocol over borrowed bytes, both ways: as much of it as Parquet's metadata needs. */
#ifndef TL_BASE_IO_PARQUET_THRIFT_INTERNAL_H
#define TL_BASE_IO_PARQUET_THRIFT_INTERNAL_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

/* Types of fields and items on the wire. */
typedef enum tl_thrift_type {
    TL_THRIFT_STOP = 0,
    TL_THRIFT_TRUE = 1, /* as a field: the value itself; as an item: any boolean */
    TL_THRIFT_FALSE = 2,
    TL_THRIFT_BYTE = 3,
    TL_THRIFT_I16 = 4,
    TL_THRIFT_I32 = 5,
    TL_THRIFT_I64 = 6,
    TL_THRIFT_DOUBLE = 7,
    TL_THRIFT_BINARY = 8,
    TL_THRIFT_LIST = 9,
    TL_THRIFT_SET = 10,
    TL_THRIFT_MAP = 11,
    TL_THRIFT_STRUCT = 12
} tl_thrift_type;

/* A place in the bytes. Whatever is read is within them; a failure that more bytes could mend sets is_cut. */
typedef struct tl_thrift_reader {
    const uint8_t *at, *end;
    bool is_cut;
} tl_thrift_reader;

typedef struct tl_thrift_field {
    int32_t id;
    tl_thrift_type type;
} tl_thrift_field;

/* Takes the value of a field, or passes over it. */
typedef bool tl_thrift_take(void *context, tl_thrift_reader *reader, tl_thrift_field field, tl_error *err);

/* A struct: take is called for each of its fields. */
bool tl_thrift__read_struct(tl_thrift_reader *reader, tl_thrift_take *take, void *context, tl_error *err) TL_MUST_USE;
/* The value of a field, which must be of a fitting type: any integer within least..most, TRUE or FALSE, BINARY. */
bool tl_thrift__integer(tl_thrift_reader *reader, tl_thrift_field field, int64_t least, int64_t most, int64_t *value,
                        tl_error *err) TL_MUST_USE;
bool tl_thrift__boolean(tl_thrift_field field, bool *value, tl_error *err) TL_MUST_USE;
bool tl_thrift__binary(tl_thrift_reader *reader, tl_thrift_field field, tl_slice *value, tl_error *err) TL_MUST_USE;
/* A list whose items are of this type. count is at most the bytes that are left. */
bool tl_thrift__list(tl_thrift_reader *reader, tl_thrift_field field, tl_thrift_type items, uint32_t *count,
                     tl_error *err) TL_MUST_USE;
/* A field that is a struct. */
bool tl_thrift__struct(tl_thrift_reader *reader, tl_thrift_field field, tl_thrift_take *take, void *context,
                       tl_error *err) TL_MUST_USE;
/* Passes over a value; structures within structures to a fixed depth. */
bool tl_thrift__skip(tl_thrift_reader *reader, tl_thrift_type type, tl_error *err) TL_MUST_USE;

enum { TL_MAX_VARINT = 10 };

/* Varints stand outside of Thrift as well. False: the bytes end, or it is longer than 64 bits. */
bool tl_varint__read(const uint8_t **at, const uint8_t *end, uint64_t *value) TL_MUST_USE;
bool tl_varint__append(tl_string *out, uint64_t value, tl_error *err) TL_MUST_USE;

static inline int64_t tl_zigzag_decode(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* Writing: a struct is its fields in rising order of id, each after a header that knows the one before, and a stop. */
typedef struct tl_thrift_writer {
    tl_string *bytes;
    int32_t last_id; /* of the open struct; kept by the caller around a nested one */
} tl_thrift_writer;

bool tl_thrift__write_integer(tl_thrift_writer *writer, int32_t id, tl_thrift_type type, int64_t value,
                              tl_error *err) TL_MUST_USE;
bool tl_thrift__write_binary(tl_thrift_writer *writer, int32_t id, tl_slice value, tl_error *err) TL_MUST_USE;
/* The header of a list of count items, which follow by tl_thrift__write_item_* or as structs. */
bool tl_thrift__write_list(tl_thrift_writer *writer, int32_t id, tl_thrift_type items, size_t count, tl_error *err) TL_MUST_USE;
bool tl_thrift__write_item_integer(tl_thrift_writer *writer, int64_t value, tl_error *err) TL_MUST_USE;
bool tl_thrift__write_item_binary(tl_thrift_writer *writer, tl_slice value, tl_error *err) TL_MUST_USE;
/* The header of a field that is a struct, or (id 0) of an item that is one; *outer is given back to tl_thrift__end_struct. */
bool tl_thrift__begin_struct(tl_thrift_writer *writer, int32_t id, int32_t *outer, tl_error *err) TL_MUST_USE;
bool tl_thrift__end_struct(tl_thrift_writer *writer, int32_t outer, tl_error *err) TL_MUST_USE;

#endif
