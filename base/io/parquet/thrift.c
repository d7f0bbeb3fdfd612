/*
 * Thrift compact protocol (thrift-compact-protocol.md): integers as zigzag varints, fields as a delta of ids and a type in one
 * byte, lists as a count and a type. Every read is checked against the end, counts against the bytes that are left, nesting
 * against a depth.
 */
#include "base/io/parquet/thrift_internal.h"

enum { MAX_DEPTH = 24 };

static bool cut(tl_thrift_reader *reader, tl_error *err)
{
    reader->is_cut = true;
    return tl_fail(err, TL_ERROR_CORRUPT, "expected more metadata, found its end");
}

static bool read_byte(tl_thrift_reader *reader, uint8_t *value, tl_error *err)
{
    if (reader->at == reader->end)
        return cut(reader, err);
    *value = *reader->at++;
    return true;
}

bool tl_varint__read(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < TL_MAX_VARINT && *at < end; i++) {
        uint8_t byte = *(*at)++;
        if (i == TL_MAX_VARINT - 1 && byte > 1)
            return false;
        *value |= (uint64_t)(byte & 0x7F) << 7 * i;
        if (byte < 0x80)
            return true;
    }
    return false;
}

bool tl_varint__append(tl_string *out, uint64_t value, tl_error *err)
{
    char bytes[TL_MAX_VARINT];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (char)(uint8_t)(value | 0x80);
    bytes[size++] = (char)value;
    return tl_string_append(out, bytes, size, err);
}

static bool read_varint(tl_thrift_reader *reader, uint64_t *value, tl_error *err)
{
    const uint8_t *start = reader->at;
    if (tl_varint__read(&reader->at, reader->end, value))
        return true;
    if (reader->at == reader->end && reader->end - start < TL_MAX_VARINT)
        return cut(reader, err);
    return tl_fail(err, TL_ERROR_CORRUPT, "expected an integer of 64 bits, found a longer one");
}

static const char *type_name(tl_thrift_type type)
{
    static const char *const names[] = {"nothing",  "a boolean", "a boolean", "a byte", "an i16", "an i32",  "an i64",
                                        "a double", "a binary",  "a list",    "a set",  "a map",  "a struct"};
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : "an unknown type";
}

static bool expect(tl_thrift_field field, tl_thrift_type type, tl_error *err)
{
    return field.type == type || tl_fail(err, TL_ERROR_CORRUPT, "metadata field %d: expected %s, found %s", (int)field.id,
                                         type_name(type), type_name(field.type));
}

static bool next_field(tl_thrift_reader *reader, tl_thrift_field *field, tl_error *err)
{
    uint8_t header = 0;
    if (!read_byte(reader, &header, err))
        return false;
    field->type = (tl_thrift_type)(header & 0x0F);
    if (field->type == TL_THRIFT_STOP)
        return true;
    if (header >> 4 != 0) {
        field->id += header >> 4;
    } else {
        uint64_t id;
        if (!read_varint(reader, &id, err))
            return false;
        if (tl_zigzag_decode(id) < 0 || tl_zigzag_decode(id) > INT16_MAX)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected the number of a metadata field, found %lld",
                           (long long)tl_zigzag_decode(id));
        field->id = (int32_t)tl_zigzag_decode(id);
    }
    if (field->id > INT16_MAX || field->type > TL_THRIFT_STRUCT)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a metadata field, found number %d of type %d", (int)field->id,
                       (int)field->type);
    return true;
}

bool tl_thrift__read_struct(tl_thrift_reader *reader, tl_thrift_take *take, void *context, tl_error *err)
{
    tl_thrift_field field = {0, TL_THRIFT_STOP};
    for (;;) {
        if (!next_field(reader, &field, err))
            return false;
        if (field.type == TL_THRIFT_STOP)
            return true;
        if (!take(context, reader, field, err))
            return false;
    }
}

bool tl_thrift__struct(tl_thrift_reader *reader, tl_thrift_field field, tl_thrift_take *take, void *context, tl_error *err)
{
    return expect(field, TL_THRIFT_STRUCT, err) && tl_thrift__read_struct(reader, take, context, err);
}

bool tl_thrift__integer(tl_thrift_reader *reader, tl_thrift_field field, int64_t least, int64_t most, int64_t *value,
                        tl_error *err)
{
    if (field.type == TL_THRIFT_BYTE) {
        uint8_t byte = 0;
        if (!read_byte(reader, &byte, err))
            return false;
        *value = (int8_t)byte;
    } else {
        uint64_t raw;
        if (field.type != TL_THRIFT_I16 && field.type != TL_THRIFT_I32 && !expect(field, TL_THRIFT_I64, err))
            return false;
        if (!read_varint(reader, &raw, err))
            return false;
        *value = tl_zigzag_decode(raw);
    }
    if (*value < least || *value > most)
        return tl_fail(err, TL_ERROR_CORRUPT, "metadata field %d: expected %lld to %lld, found %lld", (int)field.id,
                       (long long)least, (long long)most, (long long)*value);
    return true;
}

bool tl_thrift__boolean(tl_thrift_field field, bool *value, tl_error *err)
{
    *value = field.type == TL_THRIFT_TRUE;
    return *value || expect(field, TL_THRIFT_FALSE, err);
}

static bool read_binary(tl_thrift_reader *reader, tl_slice *value, tl_error *err)
{
    uint64_t size;
    if (!read_varint(reader, &size, err))
        return false;
    if (size > (uint64_t)(reader->end - reader->at))
        return cut(reader, err);
    *value = (tl_slice){(const char *)reader->at, (size_t)size};
    reader->at += size;
    return true;
}

bool tl_thrift__binary(tl_thrift_reader *reader, tl_thrift_field field, tl_slice *value, tl_error *err)
{
    return expect(field, TL_THRIFT_BINARY, err) && read_binary(reader, value, err);
}

static bool read_list(tl_thrift_reader *reader, tl_thrift_type *items, uint32_t *count, tl_error *err)
{
    uint8_t header = 0;
    if (!read_byte(reader, &header, err))
        return false;
    uint64_t size = header >> 4;
    if (size == 15 && !read_varint(reader, &size, err))
        return false;
    *items = (tl_thrift_type)(header & 0x0F);
    /* Every item takes a byte at least. */
    if (size > (uint64_t)(reader->end - reader->at))
        return cut(reader, err);
    if (size > UINT32_MAX)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a list in metadata, found one of %llu items", (unsigned long long)size);
    *count = (uint32_t)size;
    return true;
}

bool tl_thrift__list(tl_thrift_reader *reader, tl_thrift_field field, tl_thrift_type items, uint32_t *count, tl_error *err)
{
    tl_thrift_type found;
    if (!expect(field, TL_THRIFT_LIST, err) || !read_list(reader, &found, count, err))
        return false;
    return found == items || *count == 0 ||
           tl_fail(err, TL_ERROR_CORRUPT, "metadata field %d: expected items of %s, found %s", (int)field.id, type_name(items),
                   type_name(found));
}

static bool skip_value(tl_thrift_reader *reader, tl_thrift_type type, bool is_item, unsigned depth, tl_error *err);

static bool skip_items(tl_thrift_reader *reader, unsigned depth, tl_error *err)
{
    tl_thrift_type items;
    uint32_t count;
    if (!read_list(reader, &items, &count, err))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!skip_value(reader, items, true, depth, err))
            return false;
    return true;
}

static bool skip_map(tl_thrift_reader *reader, unsigned depth, tl_error *err)
{
    uint64_t count;
    uint8_t types = 0;
    if (!read_varint(reader, &count, err))
        return false;
    if (count == 0)
        return true;
    if (!read_byte(reader, &types, err))
        return false;
    for (; count != 0; count--)
        if (!skip_value(reader, (tl_thrift_type)(types >> 4), true, depth, err) ||
            !skip_value(reader, (tl_thrift_type)(types & 0x0F), true, depth, err))
            return false;
    return true;
}

static bool skip_field(void *context, tl_thrift_reader *reader, tl_thrift_field field, tl_error *err)
{
    return skip_value(reader, field.type, false, *(const unsigned *)context, err);
}

static bool skip_value(tl_thrift_reader *reader, tl_thrift_type type, bool is_item, unsigned depth, tl_error *err)
{
    uint64_t number;
    uint8_t byte = 0;
    tl_slice binary;
    if (depth == MAX_DEPTH)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected metadata nested at most %d deep, found more", MAX_DEPTH);
    switch (type) {
    case TL_THRIFT_TRUE:
    case TL_THRIFT_FALSE:
        return !is_item || read_byte(reader, &byte, err);
    case TL_THRIFT_BYTE:
        return read_byte(reader, &byte, err);
    case TL_THRIFT_I16:
    case TL_THRIFT_I32:
    case TL_THRIFT_I64:
        return read_varint(reader, &number, err);
    case TL_THRIFT_DOUBLE:
        if (reader->end - reader->at < 8)
            return cut(reader, err);
        reader->at += 8;
        return true;
    case TL_THRIFT_BINARY:
        return read_binary(reader, &binary, err);
    case TL_THRIFT_LIST:
    case TL_THRIFT_SET:
        return skip_items(reader, depth + 1, err);
    case TL_THRIFT_MAP:
        return skip_map(reader, depth + 1, err);
    case TL_THRIFT_STRUCT:
        depth++;
        return tl_thrift__read_struct(reader, skip_field, &depth, err);
    case TL_THRIFT_STOP:
        break;
    }
    return tl_fail(err, TL_ERROR_CORRUPT, "expected a type of metadata, found number %d", (int)type);
}

bool tl_thrift__skip(tl_thrift_reader *reader, tl_thrift_type type, tl_error *err)
{
    return skip_value(reader, type, false, 0, err);
}

static uint64_t to_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static bool write_byte(tl_thrift_writer *writer, unsigned value, tl_error *err)
{
    char byte = (char)(uint8_t)value;
    return tl_string_append(writer->bytes, &byte, 1, err);
}

/* Ids rise by 1 to 15 in everything that Parquet defines. */
static bool write_header(tl_thrift_writer *writer, int32_t id, tl_thrift_type type, tl_error *err)
{
    TL_ASSERT(id > writer->last_id && id - writer->last_id <= 15);
    unsigned header = (unsigned)(id - writer->last_id) << 4 | (unsigned)type;
    writer->last_id = id;
    return write_byte(writer, header, err);
}

bool tl_thrift__write_integer(tl_thrift_writer *writer, int32_t id, tl_thrift_type type, int64_t value, tl_error *err)
{
    if (!write_header(writer, id, type, err))
        return false;
    return type == TL_THRIFT_BYTE ? write_byte(writer, (unsigned)value & 0xFF, err)
                                  : tl_varint__append(writer->bytes, to_zigzag(value), err);
}

bool tl_thrift__write_item_binary(tl_thrift_writer *writer, tl_slice value, tl_error *err)
{
    return tl_varint__append(writer->bytes, value.size, err) && tl_string_append(writer->bytes, value.data, value.size, err);
}

bool tl_thrift__write_binary(tl_thrift_writer *writer, int32_t id, tl_slice value, tl_error *err)
{
    return write_header(writer, id, TL_THRIFT_BINARY, err) && tl_thrift__write_item_binary(writer, value, err);
}

bool tl_thrift__write_list(tl_thrift_writer *writer, int32_t id, tl_thrift_type items, size_t count, tl_error *err)
{
    if (!write_header(writer, id, TL_THRIFT_LIST, err))
        return false;
    if (count < 15)
        return write_byte(writer, (unsigned)count << 4 | (unsigned)items, err);
    return write_byte(writer, 0xF0 | (unsigned)items, err) && tl_varint__append(writer->bytes, count, err);
}

bool tl_thrift__write_item_integer(tl_thrift_writer *writer, int64_t value, tl_error *err)
{
    return tl_varint__append(writer->bytes, to_zigzag(value), err);
}

bool tl_thrift__begin_struct(tl_thrift_writer *writer, int32_t id, int32_t *outer, tl_error *err)
{
    if (id != 0 && !write_header(writer, id, TL_THRIFT_STRUCT, err))
        return false;
    *outer = writer->last_id;
    writer->last_id = 0;
    return true;
}

bool tl_thrift__end_struct(tl_thrift_writer *writer, int32_t outer, tl_error *err)
{
    writer->last_id = outer;
    return write_byte(writer, TL_THRIFT_STOP, err);
}
