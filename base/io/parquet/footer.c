/*
 * FileMetaData and PageHeader as parquet.thrift defines them, reduced to what reading columns needs. Statistics and indexes are
 * passed over. Every place in the file that is kept was checked to lie in it.
 */
#include "base/io/parquet/format_internal.h"

#include "base/core/memory.h"

enum { LEADING_MAGIC = 4 };

const char *tl_parquet__encoding_name(int32_t encoding)
{
    static const char *const names[] = {"PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
                                        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
                                        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
    return encoding >= 0 && (size_t)encoding < sizeof names / sizeof names[0] ? names[encoding] : "unknown";
}

typedef struct chunk_metadata {
    int64_t physical, packing, value_count, size, data_offset, dictionary_offset;
} chunk_metadata;

static bool take_chunk_metadata(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    chunk_metadata *chunk = context;
    int64_t *number = field.id == 1    ? &chunk->physical
                      : field.id == 4  ? &chunk->packing
                      : field.id == 5  ? &chunk->value_count
                      : field.id == 7  ? &chunk->size
                      : field.id == 9  ? &chunk->data_offset
                      : field.id == 11 ? &chunk->dictionary_offset
                                       : NULL;
    return number != NULL ? tl_thrift__integer(in, field, 0, INT64_MAX, number, err) : tl_thrift__skip(in, field.type, err);
}

static bool add_chunk(tl_parquet_file *file, const chunk_metadata *metadata, tl_error *err)
{
    const tl_parquet_leaf *leaf = &file->leaves[file->chunk_count % file->leaf_count];
    if (metadata->physical != (int64_t)leaf->physical)
        return tl_fail(err, TL_ERROR_CORRUPT, "column '%s': expected physical type %d as in the schema, found %lld",
                       leaf->column.path, (int)leaf->physical, (long long)metadata->physical);
    if (metadata->packing >= TL_PACKING_COUNT)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "column '%s': expected a codec that Parquet names, found number %lld",
                       leaf->column.path, (long long)metadata->packing);
    bool has_dictionary = metadata->dictionary_offset > 0 && metadata->dictionary_offset < metadata->data_offset;
    uint64_t offset = (uint64_t)(has_dictionary ? metadata->dictionary_offset : metadata->data_offset);
    uint64_t size = (uint64_t)metadata->size;
    /* A column of no values may lie anywhere. */
    if (metadata->value_count == 0)
        offset = LEADING_MAGIC, size = 0;
    if (offset < LEADING_MAGIC || offset > file->size || size > file->size - offset)
        return tl_fail(err, TL_ERROR_CORRUPT, "column '%s': expected its pages within %llu bytes, found %llu bytes from %llu on",
                       leaf->column.path, (unsigned long long)file->size, (unsigned long long)size, (unsigned long long)offset);
    if (!tl_memory_reserve(&file->chunks, &file->chunk_capacity, file->chunk_count + 1, sizeof *file->chunks, err))
        return false;
    file->chunks[file->chunk_count++] =
        (tl_parquet_chunk){offset, size, (uint64_t)metadata->value_count, (tl_parquet_packing)metadata->packing};
    return true;
}

static bool take_chunk_field(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    tl_slice path;
    switch (field.id) {
    case 1:
        return tl_thrift__binary(in, field, &path, err) &&
               (path.size == 0 || tl_fail(err, TL_ERROR_UNSUPPORTED, "a column lies in another file, which is not read"));
    case 3:
        return tl_thrift__struct(in, field, take_chunk_metadata, context, err);
    case 8:
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "the column is encrypted, which is not read");
    default:
        return tl_thrift__skip(in, field.type, err);
    }
}

static bool read_chunk(tl_parquet_file *file, tl_thrift_reader *in, tl_error *err)
{
    chunk_metadata chunk = {-1, -1, -1, -1, -1, -1};
    if (!tl_thrift__read_struct(in, take_chunk_field, &chunk, err))
        return false;
    if (chunk.physical < 0 || chunk.packing < 0 || chunk.value_count < 0 || chunk.size < 0 || chunk.data_offset < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected type, codec, values, size and offset of a column, found fewer");
    return add_chunk(file, &chunk, err);
}

static bool read_chunks(tl_parquet_file *file, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    uint32_t count;
    if (!tl_thrift__list(in, field, TL_THRIFT_STRUCT, &count, err))
        return false;
    if (count != file->leaf_count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu columns as in the schema, found %u", file->leaf_count,
                       (unsigned)count);
    for (uint32_t i = 0; i < count; i++)
        if (!read_chunk(file, in, err))
            return false;
    return true;
}

typedef struct group_fields {
    tl_parquet_file *file;
    int64_t row_count;
    bool has_chunks;
} group_fields;

static bool take_group_field(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    group_fields *group = context;
    if (field.id == 1 && !group->has_chunks)
        return group->has_chunks = read_chunks(group->file, in, field, err);
    if (field.id == 3)
        return tl_thrift__integer(in, field, 0, INT64_MAX, &group->row_count, err);
    return tl_thrift__skip(in, field.type, err);
}

static bool read_group(tl_parquet_file *file, tl_thrift_reader *in, tl_error *err)
{
    group_fields group = {file, -1, false};
    if (!tl_thrift__read_struct(in, take_group_field, &group, err))
        return false;
    if (group.row_count < 0 || !group.has_chunks)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected columns and the number of rows, found fewer");
    if (group.row_count > INT64_MAX - (int64_t)file->row_count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected at most %lld rows, found more in the row groups", (long long)INT64_MAX);
    if (!tl_memory_reserve(&file->group_rows, &file->group_capacity, file->group_count + 1, sizeof *file->group_rows, err))
        return false;
    file->group_rows[file->group_count++] = (uint64_t)group.row_count;
    file->row_count += (uint64_t)group.row_count;
    return true;
}

static bool read_groups(tl_parquet_file *file, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    uint32_t count;
    if (!tl_thrift__list(in, field, TL_THRIFT_STRUCT, &count, err))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!read_group(file, in, err))
            return tl_fail_within(err, "row group %u", (unsigned)i);
    return true;
}

typedef struct footer_fields {
    tl_parquet_file *file;
    bool has_schema, has_groups;
} footer_fields;

/* What the file says of all rows together is not needed, and some writers leave it 0. */
static bool take_footer_field(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    footer_fields *footer = context;
    if (field.id == 2 && !footer->has_schema)
        return footer->has_schema = tl_parquet__read_schema(footer->file, in, field, err);
    if (field.id == 4 && footer->has_schema && !footer->has_groups)
        return footer->has_groups = read_groups(footer->file, in, field, err);
    if (field.id == 8)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "the file is encrypted, which is not read");
    return tl_thrift__skip(in, field.type, err);
}

bool tl_parquet__read_footer(tl_parquet_file *file, tl_thrift_reader *in, tl_error *err)
{
    footer_fields footer = {file, false, false};
    if (!tl_thrift__read_struct(in, take_footer_field, &footer, err))
        return false;
    return (footer.has_schema && footer.has_groups) || tl_fail(err, TL_ERROR_CORRUPT, "expected schema and row groups, found %s",
                                                               footer.has_schema ? "no row groups" : "no schema");
}

/* Numbers of a page's header, and of the part that belongs to its type; -1: not there. */
typedef struct page_fields {
    int64_t type, unpacked_size, packed_size, crc;
    bool has_crc, has_part, is_packed;
    int64_t value_count, row_count, encoding, definition_encoding, repetition_encoding, definition_size, repetition_size;
} page_fields;

/* DataPageHeader, DictionaryPageHeader or DataPageHeaderV2. */
static bool take_part_field(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    page_fields *page = context;
    bool is_1 = page->type == TL_PAGE_DATA, is_2 = page->type == TL_PAGE_DATA_2;
    if (is_2 && field.id == 7)
        return tl_thrift__boolean(field, &page->is_packed, err);
    int64_t *number = field.id == 1                ? &page->value_count
                      : field.id == (is_2 ? 4 : 2) ? &page->encoding
                      : is_1 && field.id == 3      ? &page->definition_encoding
                      : is_1 && field.id == 4      ? &page->repetition_encoding
                      : is_2 && field.id == 3      ? &page->row_count
                      : is_2 && field.id == 5      ? &page->definition_size
                      : is_2 && field.id == 6      ? &page->repetition_size
                                                   : NULL;
    return number != NULL ? tl_thrift__integer(in, field, 0, INT32_MAX, number, err) : tl_thrift__skip(in, field.type, err);
}

static bool take_page_field(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    page_fields *page = context;
    int32_t part = page->type == TL_PAGE_DATA ? 5 : page->type == TL_PAGE_DICTIONARY ? 7 : page->type == TL_PAGE_DATA_2 ? 8 : -1;
    if (field.id == 4)
        return page->has_crc = tl_thrift__integer(in, field, INT32_MIN, UINT32_MAX, &page->crc, err);
    if (field.id == part)
        return page->has_part = tl_thrift__struct(in, field, take_part_field, page, err);
    int64_t *number = field.id == 1   ? &page->type
                      : field.id == 2 ? &page->unpacked_size
                      : field.id == 3 ? &page->packed_size
                                      : NULL;
    int64_t most = field.id == 1 ? TL_PAGE_DATA_2 : INT32_MAX;
    return number != NULL ? tl_thrift__integer(in, field, 0, most, number, err) : tl_thrift__skip(in, field.type, err);
}

bool tl_parquet__read_page_header(tl_thrift_reader *in, tl_parquet_page *page, tl_error *err)
{
    page_fields fields = {-1, -1, -1, 0, false, false, true, -1, -1, -1, -1, -1, -1, -1};
    if (!tl_thrift__read_struct(in, take_page_field, &fields, err))
        return false;
    bool is_1 = fields.type == TL_PAGE_DATA, is_2 = fields.type == TL_PAGE_DATA_2, is_index = fields.type == TL_PAGE_INDEX;
    bool has_part = fields.has_part && fields.value_count >= 0 && fields.encoding >= 0;
    bool has_1 = !is_1 || (fields.definition_encoding >= 0 && fields.repetition_encoding >= 0);
    bool has_2 = !is_2 || (fields.row_count >= 0 && fields.definition_size >= 0 && fields.repetition_size >= 0);
    if (fields.type < 0 || fields.unpacked_size < 0 || fields.packed_size < 0 || !(is_index || (has_part && has_1 && has_2)))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected type, sizes, values and encodings in the page's header, found fewer");
    *page = (tl_parquet_page){.type = (uint8_t)fields.type,
                              .unpacked_size = (uint32_t)fields.unpacked_size,
                              .packed_size = (uint32_t)fields.packed_size,
                              .has_crc = fields.has_crc,
                              .crc = (uint32_t)fields.crc,
                              .value_count = is_index ? 0 : (uint32_t)fields.value_count,
                              .row_count = is_2 ? (uint32_t)fields.row_count : 0,
                              .encoding = (int32_t)fields.encoding,
                              .definition_encoding = (int32_t)fields.definition_encoding,
                              .repetition_encoding = (int32_t)fields.repetition_encoding,
                              .definition_size = is_2 ? (uint32_t)fields.definition_size : 0,
                              .repetition_size = is_2 ? (uint32_t)fields.repetition_size : 0,
                              .is_packed = fields.is_packed};
    return true;
}
