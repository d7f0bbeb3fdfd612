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

static bool read_chunk_metadata(tl_thrift_reader *in, tl_thrift_field outer, chunk_metadata *chunk, tl_error *err)
{
    *chunk = (chunk_metadata){-1, -1, -1, -1, -1, -1};
    tl_thrift_field field = {0, TL_THRIFT_STOP};
    if (!tl_thrift__expect(outer, TL_THRIFT_STRUCT, err))
        return false;
    for (;;) {
        if (!tl_thrift__next_field(in, &field, err))
            return false;
        if (field.type == TL_THRIFT_STOP)
            break;
        int64_t *number = field.id == 1    ? &chunk->physical
                          : field.id == 4  ? &chunk->packing
                          : field.id == 5  ? &chunk->value_count
                          : field.id == 7  ? &chunk->size
                          : field.id == 9  ? &chunk->data_offset
                          : field.id == 11 ? &chunk->dictionary_offset
                                           : NULL;
        if (number != NULL ? !tl_thrift__integer(in, field, 0, INT64_MAX, number, err) : !tl_thrift__skip(in, field.type, err))
            return false;
    }
    if (chunk->physical < 0 || chunk->packing < 0 || chunk->value_count < 0 || chunk->size < 0 || chunk->data_offset < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected type, codec, values, size and offset of a column, found fewer");
    return true;
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
    if (!tl_memory_reserve((void **)&file->chunks, &file->chunk_capacity, file->chunk_count + 1, sizeof *file->chunks, err))
        return false;
    file->chunks[file->chunk_count++] =
        (tl_parquet_chunk){offset, size, (uint64_t)metadata->value_count, (tl_parquet_packing)metadata->packing};
    return true;
}

static bool read_chunk(tl_parquet_file *file, tl_thrift_reader *in, tl_error *err)
{
    chunk_metadata metadata;
    bool has_metadata = false;
    tl_slice path = {NULL, 0};
    tl_thrift_field field = {0, TL_THRIFT_STOP};
    for (;;) {
        if (!tl_thrift__next_field(in, &field, err))
            return false;
        if (field.type == TL_THRIFT_STOP)
            break;
        bool ok = true;
        if (field.id == 1)
            ok = tl_thrift__binary(in, field, &path, err);
        else if (field.id == 3 && !has_metadata)
            ok = has_metadata = read_chunk_metadata(in, field, &metadata, err);
        else if (field.id == 8)
            ok = tl_fail(err, TL_ERROR_UNSUPPORTED, "the column is encrypted, which is not read");
        else
            ok = tl_thrift__skip(in, field.type, err);
        if (!ok)
            return false;
    }
    if (path.size != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "a column lies in another file, which is not read");
    if (!has_metadata)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the metadata of a column, found none");
    return add_chunk(file, &metadata, err);
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

static bool read_group(tl_parquet_file *file, tl_thrift_reader *in, tl_error *err)
{
    int64_t row_count = -1;
    bool has_chunks = false;
    tl_thrift_field field = {0, TL_THRIFT_STOP};
    for (;;) {
        if (!tl_thrift__next_field(in, &field, err))
            return false;
        if (field.type == TL_THRIFT_STOP)
            break;
        bool ok;
        if (field.id == 1 && !has_chunks)
            ok = has_chunks = read_chunks(file, in, field, err);
        else if (field.id == 3)
            ok = tl_thrift__integer(in, field, 0, INT64_MAX, &row_count, err);
        else
            ok = tl_thrift__skip(in, field.type, err);
        if (!ok)
            return false;
    }
    if (row_count < 0 || !has_chunks)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected columns and the number of rows, found fewer");
    if (!tl_memory_reserve((void **)&file->group_rows, &file->group_capacity, file->group_count + 1, sizeof *file->group_rows,
                           err))
        return false;
    file->group_rows[file->group_count++] = (uint64_t)row_count;
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

bool tl_parquet__read_footer(tl_parquet_file *file, tl_thrift_reader *in, tl_error *err)
{
    bool has_schema = false, has_groups = false;
    tl_thrift_field field = {0, TL_THRIFT_STOP};
    for (;;) {
        if (!tl_thrift__next_field(in, &field, err))
            return false;
        if (field.type == TL_THRIFT_STOP)
            break;
        bool ok;
        if (field.id == 2 && !has_schema)
            ok = has_schema = tl_parquet__read_schema(file, in, field, err);
        else if (field.id == 4 && has_schema && !has_groups)
            ok = has_groups = read_groups(file, in, field, err);
        else if (field.id == 8)
            ok = tl_fail(err, TL_ERROR_UNSUPPORTED, "the file is encrypted, which is not read");
        else
            ok = tl_thrift__skip(in, field.type, err);
        if (!ok)
            return false;
    }
    if (!has_schema || !has_groups)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected schema and row groups, found %s",
                       has_schema ? "no row groups" : "no schema");
    /* What the file says of all rows is not needed, and some writers leave it 0. */
    for (size_t i = 0; i < file->group_count; i++) {
        if (file->group_rows[i] > (uint64_t)INT64_MAX - file->row_count)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected at most %lld rows, found more in the row groups",
                           (long long)INT64_MAX);
        file->row_count += file->group_rows[i];
    }
    return true;
}

/* The header of a data page (v1), of a dictionary page, or of a data page v2. */
static bool read_page_part(tl_thrift_reader *in, tl_thrift_field outer, tl_parquet_page *page, tl_error *err)
{
    bool is_2 = page->type == TL_PAGE_DATA_2, is_1 = page->type == TL_PAGE_DATA;
    int64_t values = -1, rows = is_2 ? -1 : 0, encoding = -1, definition = is_1 ? -1 : 0, repetition = is_1 ? -1 : 0;
    int64_t definition_size = is_2 ? -1 : 0, repetition_size = is_2 ? -1 : 0;
    tl_thrift_field field = {0, TL_THRIFT_STOP};
    if (!tl_thrift__expect(outer, TL_THRIFT_STRUCT, err))
        return false;
    page->is_packed = true;
    for (;;) {
        if (!tl_thrift__next_field(in, &field, err))
            return false;
        if (field.type == TL_THRIFT_STOP)
            break;
        int64_t *number = field.id == 1                ? &values
                          : field.id == (is_2 ? 4 : 2) ? &encoding
                          : is_1 && field.id == 3      ? &definition
                          : is_1 && field.id == 4      ? &repetition
                          : is_2 && field.id == 3      ? &rows
                          : is_2 && field.id == 5      ? &definition_size
                          : is_2 && field.id == 6      ? &repetition_size
                                                       : NULL;
        bool ok = number != NULL          ? tl_thrift__integer(in, field, 0, INT32_MAX, number, err)
                  : is_2 && field.id == 7 ? tl_thrift__boolean(field, &page->is_packed, err)
                                          : tl_thrift__skip(in, field.type, err);
        if (!ok)
            return false;
    }
    if (values < 0 || rows < 0 || encoding < 0 || definition < 0 || repetition < 0 || definition_size < 0 || repetition_size < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected values, encodings and sizes in the page's header, found fewer");
    page->has_header = true;
    page->value_count = (uint32_t)values;
    page->row_count = (uint32_t)rows;
    page->encoding = (int32_t)encoding;
    page->definition_encoding = (int32_t)definition;
    page->repetition_encoding = (int32_t)repetition;
    page->definition_size = (uint32_t)definition_size;
    page->repetition_size = (uint32_t)repetition_size;
    return true;
}

bool tl_parquet__read_page_header(tl_thrift_reader *in, tl_parquet_page *page, tl_error *err)
{
    int64_t type = -1, unpacked = -1, packed = -1, crc = 0;
    *page = (tl_parquet_page){.type = TL_PAGE_INDEX};
    tl_thrift_field field = {0, TL_THRIFT_STOP};
    for (;;) {
        if (!tl_thrift__next_field(in, &field, err))
            return false;
        if (field.type == TL_THRIFT_STOP)
            break;
        bool ok;
        if (field.id == 1) {
            ok = tl_thrift__integer(in, field, TL_PAGE_DATA, TL_PAGE_DATA_2, &type, err);
            if (ok)
                page->type = (int)type == TL_PAGE_DATA    ? TL_PAGE_DATA
                             : type == TL_PAGE_DICTIONARY ? TL_PAGE_DICTIONARY
                             : type == TL_PAGE_DATA_2     ? TL_PAGE_DATA_2
                                                          : TL_PAGE_INDEX;
        } else if (field.id == 2) {
            ok = tl_thrift__integer(in, field, 0, INT32_MAX, &unpacked, err);
        } else if (field.id == 3) {
            ok = tl_thrift__integer(in, field, 0, INT32_MAX, &packed, err);
        } else if (field.id == 4) {
            ok = page->has_crc = tl_thrift__integer(in, field, INT32_MIN, UINT32_MAX, &crc, err);
        } else if (type >= 0 && field.id == (type == TL_PAGE_DATA         ? 5
                                             : type == TL_PAGE_DICTIONARY ? 7
                                             : type == TL_PAGE_DATA_2     ? 8
                                                                          : -1)) {
            ok = read_page_part(in, field, page, err);
        } else {
            ok = tl_thrift__skip(in, field.type, err);
        }
        if (!ok)
            return false;
    }
    if (type < 0 || unpacked < 0 || packed < 0 || (type != TL_PAGE_INDEX && !page->has_header))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected type, sizes and header of a page, found fewer");
    page->unpacked_size = (uint32_t)unpacked;
    page->packed_size = (uint32_t)packed;
    page->crc = (uint32_t)crc;
    return true;
}
