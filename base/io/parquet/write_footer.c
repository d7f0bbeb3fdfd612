/* FileMetaData of a file of ours: schema, row groups, who wrote it. */
#include "base/io/parquet/writer_internal.h"

enum { FORMAT_VERSION = 1, CONVERTED_UTF8 = 0, CONVERTED_LIST = 3, CONVERTED_JSON = 19 };
enum { LOGICAL_STRING = 1, LOGICAL_LIST = 3, LOGICAL_JSON = 12 };
enum { REQUIRED, OPTIONAL, REPEATED };

static tl_parquet_physical physical_of(tl_parquet_written_kind kind)
{
    switch (kind) {
    case TL_PARQUET_WRITE_INTEGER:
        return TL_PHYSICAL_INT64;
    case TL_PARQUET_WRITE_DOUBLE:
        return TL_PHYSICAL_DOUBLE;
    case TL_PARQUET_WRITE_FLOAT:
    case TL_PARQUET_WRITE_FLOATS:
        return TL_PHYSICAL_FLOAT;
    case TL_PARQUET_WRITE_BOOLEAN:
        return TL_PHYSICAL_BOOLEAN;
    default:
        return TL_PHYSICAL_BYTE_ARRAY;
    }
}

/* A field of LogicalType: a union of structs, here empty ones. */
static bool write_logical(tl_thrift_writer *out, int32_t logical, tl_error *err)
{
    int32_t outer, member;
    return tl_thrift__begin_struct(out, 10, &outer, err) && tl_thrift__begin_struct(out, logical, &member, err) &&
           tl_thrift__end_struct(out, member, err) && tl_thrift__end_struct(out, outer, err);
}

/* physical, repetition, children, converted type and logical type below 0 are left out. */
static bool write_element(tl_thrift_writer *out, const char *name, int physical, int repetition, int64_t child_count,
                          int converted, int logical, tl_error *err)
{
    int32_t outer;
    return tl_thrift__begin_struct(out, 0, &outer, err) &&
           (physical < 0 || tl_thrift__write_integer(out, 1, TL_THRIFT_I32, physical, err)) &&
           (repetition < 0 || tl_thrift__write_integer(out, 3, TL_THRIFT_I32, repetition, err)) &&
           tl_thrift__write_binary(out, 4, tl_slice_of(name), err) &&
           (child_count < 0 || tl_thrift__write_integer(out, 5, TL_THRIFT_I32, child_count, err)) &&
           (converted < 0 || tl_thrift__write_integer(out, 6, TL_THRIFT_I32, converted, err)) &&
           (logical < 0 || write_logical(out, logical, err)) && tl_thrift__end_struct(out, outer, err);
}

static bool write_column_elements(tl_thrift_writer *out, const tl_parquet_written_column *column, tl_error *err)
{
    int repetition = column->is_nullable ? OPTIONAL : REQUIRED;
    int physical = (int)physical_of(column->kind);
    switch (column->kind) {
    case TL_PARQUET_WRITE_TEXT:
        return write_element(out, column->name, physical, repetition, -1, CONVERTED_UTF8, LOGICAL_STRING, err);
    case TL_PARQUET_WRITE_JSON:
        return write_element(out, column->name, physical, repetition, -1, CONVERTED_JSON, LOGICAL_JSON, err);
    case TL_PARQUET_WRITE_FLOATS:
        return write_element(out, column->name, -1, repetition, 1, CONVERTED_LIST, LOGICAL_LIST, err) &&
               write_element(out, "list", -1, REPEATED, 1, -1, -1, err) &&
               write_element(out, "element", physical, REQUIRED, -1, -1, -1, err);
    default:
        return write_element(out, column->name, physical, repetition, -1, -1, -1, err);
    }
}

static bool write_schema(tl_thrift_writer *out, const tl_parquet_writer *writer, tl_error *err)
{
    size_t count = 1;
    for (size_t i = 0; i < writer->column_count; i++)
        count += writer->columns[i].column.kind == TL_PARQUET_WRITE_FLOATS ? 3 : 1;
    if (!tl_thrift__write_list(out, 2, TL_THRIFT_STRUCT, count, err) ||
        !write_element(out, "schema", -1, -1, (int64_t)writer->column_count, -1, -1, err))
        return false;
    for (size_t i = 0; i < writer->column_count; i++)
        if (!write_column_elements(out, &writer->columns[i].column, err))
            return false;
    return true;
}

static bool write_path(tl_thrift_writer *out, const tl_parquet_written_column *column, tl_error *err)
{
    bool is_list = column->kind == TL_PARQUET_WRITE_FLOATS;
    return tl_thrift__write_list(out, 3, TL_THRIFT_BINARY, is_list ? 3 : 1, err) &&
           tl_thrift__write_item_binary(out, tl_slice_of(column->name), err) &&
           (!is_list || (tl_thrift__write_item_binary(out, tl_slice_of("list"), err) &&
                         tl_thrift__write_item_binary(out, tl_slice_of("element"), err)));
}

static bool write_encodings(tl_thrift_writer *out, bool has_dictionary, tl_error *err)
{
    return tl_thrift__write_list(out, 2, TL_THRIFT_I32, has_dictionary ? 3 : 2, err) &&
           tl_thrift__write_item_integer(out, TL_ENCODING_PLAIN, err) &&
           tl_thrift__write_item_integer(out, TL_ENCODING_RLE, err) &&
           (!has_dictionary || tl_thrift__write_item_integer(out, TL_ENCODING_RLE_DICTIONARY, err));
}

static bool write_chunk(tl_thrift_writer *out, const tl_parquet_writer *writer, const tl_parquet_written_column *column,
                        const tl_parquet_written_chunk *chunk, tl_error *err)
{
    int32_t outer, inner;
    bool has_dictionary = chunk->dictionary_offset != 0;
    return tl_thrift__begin_struct(out, 0, &outer, err) &&
           tl_thrift__write_integer(out, 2, TL_THRIFT_I64,
                                    (int64_t)(has_dictionary ? chunk->dictionary_offset : chunk->data_offset), err) &&
           tl_thrift__begin_struct(out, 3, &inner, err) &&
           tl_thrift__write_integer(out, 1, TL_THRIFT_I32, physical_of(column->kind), err) &&
           write_encodings(out, has_dictionary, err) && write_path(out, column, err) &&
           tl_thrift__write_integer(out, 4, TL_THRIFT_I32, writer->packing, err) &&
           tl_thrift__write_integer(out, 5, TL_THRIFT_I64, (int64_t)chunk->value_count, err) &&
           tl_thrift__write_integer(out, 6, TL_THRIFT_I64, (int64_t)chunk->unpacked_size, err) &&
           tl_thrift__write_integer(out, 7, TL_THRIFT_I64, (int64_t)chunk->packed_size, err) &&
           tl_thrift__write_integer(out, 9, TL_THRIFT_I64, (int64_t)chunk->data_offset, err) &&
           (!has_dictionary || tl_thrift__write_integer(out, 11, TL_THRIFT_I64, (int64_t)chunk->dictionary_offset, err)) &&
           tl_thrift__end_struct(out, inner, err) && tl_thrift__end_struct(out, outer, err);
}

static bool write_group(tl_thrift_writer *out, const tl_parquet_writer *writer, size_t group, tl_error *err)
{
    int32_t outer;
    const tl_parquet_written_chunk *chunks = &writer->chunks[group * writer->column_count];
    uint64_t unpacked_size = 0, packed_size = 0;
    if (!tl_thrift__begin_struct(out, 0, &outer, err) ||
        !tl_thrift__write_list(out, 1, TL_THRIFT_STRUCT, writer->column_count, err))
        return false;
    for (size_t i = 0; i < writer->column_count; i++) {
        if (!write_chunk(out, writer, &writer->columns[i].column, &chunks[i], err))
            return false;
        unpacked_size += chunks[i].unpacked_size;
        packed_size += chunks[i].packed_size;
    }
    uint64_t offset = chunks[0].dictionary_offset != 0 ? chunks[0].dictionary_offset : chunks[0].data_offset;
    return tl_thrift__write_integer(out, 2, TL_THRIFT_I64, (int64_t)unpacked_size, err) &&
           tl_thrift__write_integer(out, 3, TL_THRIFT_I64, writer->rows_of_groups[group], err) &&
           tl_thrift__write_integer(out, 5, TL_THRIFT_I64, (int64_t)offset, err) &&
           tl_thrift__write_integer(out, 6, TL_THRIFT_I64, (int64_t)packed_size, err) && tl_thrift__end_struct(out, outer, err);
}

bool tl_parquet__write_footer(tl_parquet_writer *writer, tl_error *err)
{
    int32_t root;
    tl_thrift_writer out = {&writer->body, 0};
    tl_string_reset(&writer->body);
    if (!tl_thrift__begin_struct(&out, 0, &root, err) || !tl_thrift__write_integer(&out, 1, TL_THRIFT_I32, FORMAT_VERSION, err) ||
        !write_schema(&out, writer, err) || !tl_thrift__write_integer(&out, 3, TL_THRIFT_I64, (int64_t)writer->row_count, err) ||
        !tl_thrift__write_list(&out, 4, TL_THRIFT_STRUCT, writer->group_count, err))
        return false;
    for (size_t i = 0; i < writer->group_count; i++)
        if (!write_group(&out, writer, i, err))
            return false;
    if (!tl_thrift__write_binary(&out, 6, tl_slice_of(writer->created_by), err) || !tl_thrift__end_struct(&out, root, err))
        return false;
    uint32_t size = (uint32_t)writer->body.size;
    return tl_parquet__write_bytes(writer, writer->body.data, writer->body.size, err) &&
           tl_parquet__write_bytes(writer, &size, sizeof size, err) && tl_parquet__write_bytes(writer, "PAR1", 4, err);
}
