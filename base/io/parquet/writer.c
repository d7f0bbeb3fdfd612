/* Rows in, row groups out: values are kept PLAIN a column until the group is full, then written column after column. */
#include "base/io/parquet/writer_internal.h"

#include "base/core/memory.h"

enum { DEFAULT_GROUP_ROWS = 1 << 17, MAX_GROUP_ROWS = 1 << 20, MAX_LIST_SIZE = 1000000, MAX_COLUMNS = 10000 };
static const size_t default_group_bytes = (size_t)1 << 26, most_group_bytes = (size_t)1 << 30;

static bool has_bytes(tl_parquet_written_kind kind)
{
    return kind == TL_PARQUET_WRITE_TEXT || kind == TL_PARQUET_WRITE_JSON || kind == TL_PARQUET_WRITE_BYTES;
}

static bool check_columns(const tl_parquet_written_column *columns, size_t count, tl_error *err)
{
    if (count == 0 || count > MAX_COLUMNS)
        return tl_fail(err, TL_ERROR_INVALID, "expected 1 to %d columns, found %zu", MAX_COLUMNS, count);
    for (size_t i = 0; i < count; i++) {
        const tl_parquet_written_column *column = &columns[i];
        if (column->name == NULL || column->name[0] == '\0' || !tl_text_is_utf8(tl_slice_of(column->name), NULL))
            return tl_fail(err, TL_ERROR_INVALID, "column %zu: expected a name in UTF-8, found %s", i,
                           column->name == NULL ? "none" : "another");
        for (size_t j = 0; j < i; j++)
            if (strcmp(columns[j].name, column->name) == 0)
                return tl_fail(err, TL_ERROR_INVALID, "expected columns of different names, found '%s' twice", column->name);
        bool is_list = column->kind == TL_PARQUET_WRITE_FLOATS;
        if (is_list ? column->list_size == 0 || column->list_size > MAX_LIST_SIZE : column->list_size != 0)
            return tl_fail(err, TL_ERROR_INVALID, "column '%s': expected %s, found lists of %u", column->name,
                           is_list ? "lists of 1 to 1000000" : "no size of lists", (unsigned)column->list_size);
    }
    return true;
}

static tl_parquet_packing packing_of(tl_parquet_codec codec)
{
    switch (codec) {
    case TL_PARQUET_SNAPPY:
        return TL_PACKING_SNAPPY;
    case TL_PARQUET_GZIP:
        return TL_PACKING_GZIP;
    case TL_PARQUET_UNCOMPRESSED:
        return TL_PACKING_NONE;
    default:
        return TL_PACKING_ZSTD;
    }
}

static bool copy_columns(tl_parquet_writer *writer, const tl_parquet_written_column *columns, size_t count, tl_error *err)
{
    writer->columns = tl_memory_allocate(count, sizeof *writer->columns, err);
    if (writer->columns == NULL)
        return false;
    writer->column_count = count;
    for (size_t i = 0; i < count; i++) {
        tl_parquet_output_column *column = &writer->columns[i];
        column->column = columns[i];
        column->column.name = tl_memory_copy_text(columns[i].name, strlen(columns[i].name), err);
        if (column->column.name == NULL)
            return false;
        column->values.max_size = column->present.max_size = TL_PARQUET_MAX_COLUMN_SIZE;
        column->distinct.values.max_size = TL_PARQUET_MAX_DICTIONARY_SIZE;
    }
    return true;
}

static bool begin_writer(tl_parquet_writer *writer, const char *path, const tl_parquet_written_column *columns,
                         size_t column_count, tl_parquet_writer_options options, tl_error *err)
{
    writer->packing = packing_of(options.codec);
    writer->max_group_rows = options.max_group_rows != 0 ? options.max_group_rows : DEFAULT_GROUP_ROWS;
    writer->max_group_rows = writer->max_group_rows < MAX_GROUP_ROWS ? writer->max_group_rows : MAX_GROUP_ROWS;
    writer->max_group_bytes = options.max_group_bytes != 0 ? options.max_group_bytes : default_group_bytes;
    writer->max_group_bytes = writer->max_group_bytes < most_group_bytes ? writer->max_group_bytes : most_group_bytes;
    const char *created_by = options.created_by != NULL ? options.created_by : "twinlens";
    writer->path = tl_memory_copy_text(path, strlen(path), err);
    writer->created_by = writer->path != NULL ? tl_memory_copy_text(created_by, strlen(created_by), err) : NULL;
    return writer->created_by != NULL && copy_columns(writer, columns, column_count, err) &&
           tl_file_writer_open(path, &writer->file, err) && tl_parquet__write_bytes(writer, "PAR1", 4, err);
}

bool tl_parquet_writer_open(const char *path, const tl_parquet_written_column *columns, size_t column_count,
                            const tl_parquet_writer_options *options, tl_parquet_writer **out, tl_error *err)
{
    if (!check_columns(columns, column_count, err))
        return tl_fail_within(err, "'%s'", path);
    tl_parquet_writer *writer = tl_memory_allocate(1, sizeof *writer, err);
    if (writer == NULL)
        return false;
    tl_string_init(&writer->body, INT32_MAX);
    tl_string_init(&writer->packed, INT32_MAX);
    tl_string_init(&writer->header, 4096);
    if (!begin_writer(writer, path, columns, column_count, options != NULL ? *options : (tl_parquet_writer_options){0}, err)) {
        tl_parquet_writer_close(writer);
        return false;
    }
    *out = writer;
    return true;
}

/* Begins the setting of a value; on failure the writer is of no more use. */
static bool begin_value(tl_parquet_writer *writer, size_t index, bool fits, size_t size, tl_error *err)
{
    TL_ASSERT(index < writer->column_count);
    tl_parquet_output_column *column = &writer->columns[index];
    if (writer->has_failed || writer->is_committed)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a writer that is open and has not failed", writer->path);
    bool ok = true;
    if (!fits)
        ok = tl_fail(err, TL_ERROR_INVALID, "expected a value of the column's kind, found another");
    else if (column->is_set)
        ok = tl_fail(err, TL_ERROR_INVALID, "expected one value a row, found another");
    else if (size > TL_PARQUET_MAX_VALUE_SIZE)
        ok = tl_fail(err, TL_ERROR_INVALID, "expected a value of at most %d bytes, found %zu", TL_PARQUET_MAX_VALUE_SIZE, size);
    else
        ok = tl_parquet__bytes_reserve(&column->values, size, err);
    writer->has_failed = !ok;
    column->is_set = ok;
    return ok || tl_fail_within(err, "'%s': column '%s': row %llu", writer->path, column->column.name,
                                (unsigned long long)writer->row_count);
}

static bool set_plain(tl_parquet_writer *writer, size_t index, tl_parquet_written_kind kind, const void *value, size_t size,
                      tl_error *err)
{
    if (!begin_value(writer, index, writer->columns[index].column.kind == kind, size, err))
        return false;
    tl_parquet_bytes *values = &writer->columns[index].values;
    memcpy(values->data + values->size, value, size);
    values->size += size;
    return true;
}

bool tl_parquet_writer_set_integer(tl_parquet_writer *writer, size_t column, int64_t value, tl_error *err)
{
    return set_plain(writer, column, TL_PARQUET_WRITE_INTEGER, &value, sizeof value, err);
}

bool tl_parquet_writer_set_double(tl_parquet_writer *writer, size_t column, double value, tl_error *err)
{
    return set_plain(writer, column, TL_PARQUET_WRITE_DOUBLE, &value, sizeof value, err);
}

bool tl_parquet_writer_set_float(tl_parquet_writer *writer, size_t column, float value, tl_error *err)
{
    return set_plain(writer, column, TL_PARQUET_WRITE_FLOAT, &value, sizeof value, err);
}

bool tl_parquet_writer_set_boolean(tl_parquet_writer *writer, size_t column, bool value, tl_error *err)
{
    uint8_t byte = value;
    return set_plain(writer, column, TL_PARQUET_WRITE_BOOLEAN, &byte, sizeof byte, err);
}

bool tl_parquet_writer_set_floats(tl_parquet_writer *writer, size_t column, const float *values, tl_error *err)
{
    TL_ASSERT(column < writer->column_count);
    return set_plain(writer, column, TL_PARQUET_WRITE_FLOATS, values, writer->columns[column].column.list_size * sizeof *values,
                     err);
}

static bool add_index(tl_parquet_output_column *column, tl_slice value, tl_error *err)
{
    uint32_t index = 0;
    if (column->distinct.is_given_up)
        return true;
    if (!tl_parquet__distinct_add(&column->distinct, value, &index, err) ||
        !tl_memory_reserve(&column->indexes, &column->index_capacity, column->index_count + 1, sizeof *column->indexes, err))
        return false;
    column->indexes[column->index_count++] = index;
    return true;
}

bool tl_parquet_writer_set_text(tl_parquet_writer *writer, size_t index, tl_slice value, tl_error *err)
{
    tl_parquet_output_column *column = &writer->columns[index];
    tl_parquet_written_kind kind = column->column.kind;
    if (!begin_value(writer, index, has_bytes(kind), value.size + 4, err))
        return false;
    size_t bad = 0;
    bool ok = true;
    if (kind != TL_PARQUET_WRITE_BYTES && !tl_text_is_utf8(value, &bad))
        ok = tl_fail(err, TL_ERROR_INVALID, "expected UTF-8, found another byte at %zu", bad);
    ok = ok && add_index(column, value, err);
    if (!ok) {
        writer->has_failed = true;
        return tl_fail_within(err, "'%s': column '%s': row %llu", writer->path, column->column.name,
                              (unsigned long long)writer->row_count);
    }
    uint32_t size = (uint32_t)value.size;
    uint8_t *to = column->values.data + column->values.size;
    memcpy(to, &size, sizeof size);
    if (size != 0)
        memcpy(to + 4, value.data, size);
    column->values.size += value.size + 4;
    return true;
}

static bool end_column_row(tl_parquet_output_column *column, tl_error *err)
{
    if (!column->is_set && !column->column.is_nullable)
        return tl_fail(err, TL_ERROR_INVALID, "expected a value in every row, found none");
    if (column->column.is_nullable) {
        if (!tl_parquet__bytes_reserve(&column->present, 1, err))
            return false;
        column->present.data[column->present.size++] = column->is_set;
    }
    column->is_set = false;
    return true;
}

static bool write_group(tl_parquet_writer *writer, tl_error *err)
{
    size_t count = writer->column_count;
    if (!tl_memory_reserve(&writer->chunks, &writer->chunk_capacity, writer->chunk_count + count, sizeof *writer->chunks, err) ||
        !tl_memory_reserve(&writer->rows_of_groups, &writer->group_capacity, writer->group_count + 1,
                           sizeof *writer->rows_of_groups, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        tl_parquet_output_column *column = &writer->columns[i];
        if (!tl_parquet__write_chunk(writer, column, &writer->chunks[writer->chunk_count + i], err))
            return tl_fail_within(err, "'%s': column '%s'", writer->path, column->column.name);
        column->values.size = column->present.size = column->index_count = 0;
        tl_parquet__distinct_reset(&column->distinct);
    }
    writer->chunk_count += count;
    writer->rows_of_groups[writer->group_count++] = writer->group_rows;
    writer->group_rows = 0;
    return true;
}

static bool end_row(tl_parquet_writer *writer, tl_error *err)
{
    size_t held = 0;
    for (size_t i = 0; i < writer->column_count; i++) {
        if (!end_column_row(&writer->columns[i], err))
            return tl_fail_within(err, "'%s': column '%s': row %llu", writer->path, writer->columns[i].column.name,
                                  (unsigned long long)writer->row_count);
        held += writer->columns[i].values.size + writer->columns[i].present.size;
    }
    writer->group_rows++;
    writer->row_count++;
    return (writer->group_rows < writer->max_group_rows && held < writer->max_group_bytes) || write_group(writer, err);
}

bool tl_parquet_writer_end_row(tl_parquet_writer *writer, tl_error *err)
{
    if (writer->has_failed || writer->is_committed)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a writer that is open and has not failed", writer->path);
    writer->has_failed = !end_row(writer, err);
    return !writer->has_failed;
}

bool tl_parquet_writer_commit(tl_parquet_writer *writer, tl_error *err)
{
    if (writer->has_failed || writer->is_committed)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a writer that is open and has not failed", writer->path);
    for (size_t i = 0; i < writer->column_count; i++)
        if (writer->columns[i].is_set)
            return tl_fail(err, TL_ERROR_INVALID, "'%s': expected the end of row %llu, found the end of the file", writer->path,
                           (unsigned long long)writer->row_count);
    writer->is_committed = (writer->group_rows == 0 || write_group(writer, err)) && tl_parquet__write_footer(writer, err) &&
                           tl_file_writer_commit(writer->file, err);
    writer->has_failed = !writer->is_committed;
    return writer->is_committed;
}

void tl_parquet_writer_close(tl_parquet_writer *writer)
{
    if (writer == NULL)
        return;
    tl_file_writer_close(writer->file);
    for (size_t i = 0; i < writer->column_count; i++) {
        tl_parquet_output_column *column = &writer->columns[i];
        tl_memory_free((char *)column->column.name);
        tl_memory_free(column->values.data);
        tl_memory_free(column->present.data);
        tl_memory_free(column->indexes);
        tl_parquet__distinct_clear(&column->distinct);
    }
    tl_memory_free(writer->columns);
    tl_memory_free(writer->path);
    tl_memory_free(writer->created_by);
    tl_memory_free(writer->chunks);
    tl_memory_free(writer->rows_of_groups);
    tl_memory_free(writer->levels);
    tl_string_clear(&writer->body);
    tl_string_clear(&writer->packed);
    tl_string_clear(&writer->header);
    tl_memory_free(writer);
}
