/*
 * Pages of version 1 out of the values of a row group: levels and dictionary indexes in the hybrid of runs and bit packing,
 * values PLAIN. Pages end at 20,000 rows or some 1 MiB, the same row in every column of narrow values, so that readers get whole
 * batches.
 */
#include "base/io/parquet/writer_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"

enum { PAGE_ROWS = 20000, PAGE_SIZE = 1 << 20, LEAST_RUN = 8 };

void tl_parquet__distinct_reset(tl_parquet_distinct *distinct)
{
    distinct->is_given_up = false;
    distinct->values.size = 0;
    distinct->count = 0;
    if (distinct->slot_count != 0)
        memset(distinct->slots, 0, distinct->slot_count * sizeof *distinct->slots);
}

void tl_parquet__distinct_clear(tl_parquet_distinct *distinct)
{
    tl_memory_free(distinct->values.data);
    tl_memory_free(distinct->slots);
    tl_memory_free(distinct->offsets);
    *distinct = (tl_parquet_distinct){0};
}

static tl_slice distinct_at(const tl_parquet_distinct *distinct, uint32_t entry)
{
    const uint8_t *value = distinct->values.data + distinct->offsets[entry];
    return (tl_slice){(const char *)value + 4, tl_little_endian_32(value)};
}

/* The slot of the value, or the free one where it belongs. */
static size_t find_slot(const tl_parquet_distinct *distinct, tl_slice value)
{
    size_t mask = distinct->slot_count - 1, slot = (size_t)tl_hash64(value.data, value.size) & mask;
    while (distinct->slots[slot] != 0 && !tl_slice_equal(distinct_at(distinct, distinct->slots[slot] - 1), value))
        slot = (slot + 1) & mask;
    return slot;
}

static bool grow_slots(tl_parquet_distinct *distinct, tl_error *err)
{
    size_t count = distinct->slot_count != 0 ? distinct->slot_count * 2 : 256;
    uint32_t *slots = tl_memory_allocate(count, sizeof *slots, err);
    if (slots == NULL)
        return false;
    tl_memory_free(distinct->slots);
    distinct->slots = slots;
    distinct->slot_count = count;
    for (uint32_t i = 0; i < distinct->count; i++)
        distinct->slots[find_slot(distinct, distinct_at(distinct, i))] = i + 1;
    return true;
}

bool tl_parquet__distinct_add(tl_parquet_distinct *distinct, tl_slice value, uint32_t *index, tl_error *err)
{
    if (distinct->count * 2 >= distinct->slot_count && !grow_slots(distinct, err))
        return false;
    size_t slot = find_slot(distinct, value);
    if (distinct->slots[slot] != 0) {
        *index = distinct->slots[slot] - 1;
        return true;
    }
    tl_parquet_bytes *values = &distinct->values;
    if (value.size + 4 > values->max_size - values->size) {
        distinct->is_given_up = true;
        return true;
    }
    if (!tl_parquet__bytes_reserve(values, value.size + 4, err) ||
        !tl_memory_reserve(&distinct->offsets, &distinct->offset_capacity, distinct->count + 1, sizeof *distinct->offsets, err))
        return false;
    uint32_t size = (uint32_t)value.size;
    distinct->offsets[distinct->count] = values->size;
    memcpy(values->data + values->size, &size, sizeof size);
    if (size != 0)
        memcpy(values->data + values->size + 4, value.data, size);
    values->size += value.size + 4;
    *index = distinct->count++;
    distinct->slots[slot] = distinct->count;
    return true;
}

static size_t run_at(const uint32_t *values, size_t count, size_t at)
{
    size_t end = at + 1;
    while (end < count && values[end] == values[at])
        end++;
    return end - at;
}

/* Eight values of `width` bits each make `width` bytes; values past the end are 0. */
static bool append_packed(tl_string *out, const uint32_t *values, size_t count, unsigned width, tl_error *err)
{
    for (size_t i = 0; i < count; i += 8) {
        uint8_t bytes[32] = {0};
        for (size_t j = 0; j < 8 && i + j < count; j++)
            for (unsigned bit = 0; bit < width; bit++)
                bytes[(j * width + bit) / 8] |= (uint8_t)((values[i + j] >> bit & 1) << (j * width + bit) % 8);
        if (!tl_string_append(out, (const char *)bytes, width, err))
            return false;
    }
    return true;
}

static bool append_hybrid(tl_string *out, const uint32_t *values, size_t count, unsigned width, tl_error *err)
{
    for (size_t at = 0; at < count;) {
        size_t run = run_at(values, count, at);
        if (run >= LEAST_RUN) {
            uint32_t value = values[at];
            if (!tl_varint__append(out, (uint64_t)run << 1, err) ||
                !tl_string_append(out, (const char *)&value, (width + 7) / 8, err))
                return false;
            at += run;
            continue;
        }
        /* Groups of eight up to one that starts a run. */
        size_t end = at;
        do
            end += 8;
        while (end < count && run_at(values, end + LEAST_RUN < count ? end + LEAST_RUN : count, end) < LEAST_RUN);
        end = end < count ? end : count;
        if (!tl_varint__append(out, (uint64_t)((end - at + 7) / 8) << 1 | 1, err) ||
            !append_packed(out, values + at, end - at, width, err))
            return false;
        at = end;
    }
    return true;
}

/* Levels with their size before them. */
static bool append_levels(tl_string *out, const uint32_t *levels, size_t count, unsigned width, tl_error *err)
{
    size_t start = out->size;
    if (!tl_string_append(out, "\0\0\0\0", 4, err) || !append_hybrid(out, levels, count, width, err))
        return false;
    uint32_t size = (uint32_t)(out->size - start - 4);
    memcpy(out->data + start, &size, sizeof size);
    return true;
}

bool tl_parquet__write_bytes(tl_parquet_writer *writer, const void *bytes, size_t size, tl_error *err)
{
    writer->offset += size;
    return tl_file_writer_write(writer->file, bytes, size, err);
}

static bool build_header(tl_parquet_writer *writer, bool is_dictionary, uint32_t value_count, tl_parquet_encoding encoding,
                         tl_error *err)
{
    tl_thrift_writer out = {&writer->header, 0};
    int32_t outer, root;
    tl_string_reset(&writer->header);
    int32_t crc = (int32_t)tl_parquet__crc(writer->packed.data, writer->packed.size);
    bool ok = tl_thrift__begin_struct(&out, 0, &root, err) &&
              tl_thrift__write_integer(&out, 1, TL_THRIFT_I32, is_dictionary ? TL_PAGE_DICTIONARY : TL_PAGE_DATA, err) &&
              tl_thrift__write_integer(&out, 2, TL_THRIFT_I32, (int64_t)writer->body.size, err) &&
              tl_thrift__write_integer(&out, 3, TL_THRIFT_I32, (int64_t)writer->packed.size, err) &&
              tl_thrift__write_integer(&out, 4, TL_THRIFT_I32, crc, err) &&
              tl_thrift__begin_struct(&out, is_dictionary ? 7 : 5, &outer, err) &&
              tl_thrift__write_integer(&out, 1, TL_THRIFT_I32, value_count, err) &&
              tl_thrift__write_integer(&out, 2, TL_THRIFT_I32, encoding, err);
    if (!is_dictionary)
        ok = ok && tl_thrift__write_integer(&out, 3, TL_THRIFT_I32, TL_ENCODING_RLE, err) &&
             tl_thrift__write_integer(&out, 4, TL_THRIFT_I32, TL_ENCODING_RLE, err);
    return ok && tl_thrift__end_struct(&out, outer, err) && tl_thrift__end_struct(&out, root, err);
}

/* Packs and writes what is in writer->body. */
static bool write_page(tl_parquet_writer *writer, bool is_dictionary, uint32_t value_count, tl_parquet_encoding encoding,
                       tl_parquet_written_chunk *chunk, tl_error *err)
{
    tl_string_reset(&writer->packed);
    if (!tl_parquet__pack(writer->packing, tl_string_slice(&writer->body), &writer->packed, err) ||
        !build_header(writer, is_dictionary, value_count, encoding, err))
        return false;
    chunk->unpacked_size += writer->header.size + writer->body.size;
    chunk->packed_size += writer->header.size + writer->packed.size;
    if (!is_dictionary)
        chunk->value_count += value_count;
    return tl_parquet__write_bytes(writer, writer->header.data, writer->header.size, err) &&
           tl_parquet__write_bytes(writer, writer->packed.data, writer->packed.size, err);
}

/* A place in the values of a column, which moves page by page. */
typedef struct page_cursor {
    uint32_t row;
    size_t value;  /* counts values that are there */
    size_t offset; /* of it in the plain bytes */
} page_cursor;

static size_t value_size_at(const tl_parquet_output_column *column, size_t offset)
{
    switch (column->column.kind) {
    case TL_PARQUET_WRITE_INTEGER:
    case TL_PARQUET_WRITE_DOUBLE:
        return 8;
    case TL_PARQUET_WRITE_FLOAT:
        return 4;
    case TL_PARQUET_WRITE_BOOLEAN:
        return 1;
    case TL_PARQUET_WRITE_FLOATS:
        return (size_t)column->column.list_size * sizeof(float);
    default:
        return 4 + (size_t)tl_little_endian_32(column->values.data + offset);
    }
}

static bool is_present(const tl_parquet_output_column *column, uint32_t row)
{
    return !column->column.is_nullable || column->present.data[row] != 0;
}

/* Where a page that starts here ends. */
static page_cursor page_end(const tl_parquet_output_column *column, uint32_t group_rows, page_cursor start)
{
    page_cursor end = start;
    while (end.row < group_rows && end.row - start.row < PAGE_ROWS && end.offset - start.offset < PAGE_SIZE) {
        if (is_present(column, end.row)) {
            end.offset += value_size_at(column, end.offset);
            end.value++;
        }
        end.row++;
    }
    return end;
}

static bool append_flat_levels(tl_parquet_writer *writer, const tl_parquet_output_column *column, page_cursor start,
                               page_cursor end, tl_error *err)
{
    if (!column->column.is_nullable)
        return true;
    size_t count = end.row - start.row;
    if (!tl_memory_reserve(&writer->levels, &writer->level_capacity, count, sizeof *writer->levels, err))
        return false;
    for (size_t i = 0; i < count; i++)
        writer->levels[i] = column->present.data[start.row + i];
    return append_levels(&writer->body, writer->levels, count, 1, err);
}

/* A list has list_size levels, one that is missing has one. Definition levels of a nullable list: 0 none, 1 empty, 2 an item. */
static bool append_list_levels(tl_parquet_writer *writer, const tl_parquet_output_column *column, page_cursor start,
                               page_cursor end, uint32_t *level_count, tl_error *err)
{
    size_t most = (size_t)(end.row - start.row) * column->column.list_size, count = 0;
    if (!tl_memory_reserve(&writer->levels, &writer->level_capacity, most, sizeof *writer->levels, err))
        return false;
    for (uint32_t row = start.row; row < end.row; row++) {
        writer->levels[count++] = 0;
        for (uint32_t i = 1; is_present(column, row) && i < column->column.list_size; i++)
            writer->levels[count++] = 1;
    }
    *level_count = (uint32_t)count;
    if (!append_levels(&writer->body, writer->levels, count, 1, err))
        return false;
    count = 0;
    uint32_t item = column->column.is_nullable ? 2 : 1;
    for (uint32_t row = start.row; row < end.row; row++) {
        bool is_there = is_present(column, row);
        for (uint32_t i = 0; i < (is_there ? column->column.list_size : 1); i++)
            writer->levels[count++] = is_there ? item : 0;
    }
    return append_levels(&writer->body, writer->levels, count, column->column.is_nullable ? 2 : 1, err);
}

static bool append_booleans(tl_parquet_writer *writer, const tl_parquet_output_column *column, page_cursor start, page_cursor end,
                            tl_error *err)
{
    for (size_t i = start.value; i < end.value; i += 8) {
        char byte = 0;
        for (size_t j = 0; j < 8 && i + j < end.value; j++)
            byte = (char)(byte | column->values.data[i + j] << j);
        if (!tl_string_append(&writer->body, &byte, 1, err))
            return false;
    }
    return true;
}

static bool append_indexes(tl_parquet_writer *writer, const tl_parquet_output_column *column, page_cursor start, page_cursor end,
                           tl_error *err)
{
    unsigned width = 0;
    for (uint32_t most = column->distinct.count - 1; most != 0; most >>= 1)
        width++;
    char byte = (char)width;
    return tl_string_append(&writer->body, &byte, 1, err) &&
           append_hybrid(&writer->body, column->indexes + start.value, end.value - start.value, width, err);
}

static bool write_data_page(tl_parquet_writer *writer, const tl_parquet_output_column *column, bool has_dictionary,
                            page_cursor start, page_cursor end, tl_parquet_written_chunk *chunk, tl_error *err)
{
    uint32_t level_count = end.row - start.row;
    tl_string_reset(&writer->body);
    bool ok = column->column.kind == TL_PARQUET_WRITE_FLOATS ? append_list_levels(writer, column, start, end, &level_count, err)
                                                             : append_flat_levels(writer, column, start, end, err);
    if (ok && has_dictionary)
        ok = append_indexes(writer, column, start, end, err);
    else if (ok && column->column.kind == TL_PARQUET_WRITE_BOOLEAN)
        ok = append_booleans(writer, column, start, end, err);
    else if (ok && end.offset != start.offset)
        ok = tl_string_append(&writer->body, (const char *)column->values.data + start.offset, end.offset - start.offset, err);
    return ok &&
           write_page(writer, false, level_count, has_dictionary ? TL_ENCODING_RLE_DICTIONARY : TL_ENCODING_PLAIN, chunk, err);
}

bool tl_parquet__write_chunk(tl_parquet_writer *writer, tl_parquet_output_column *column, tl_parquet_written_chunk *chunk,
                             tl_error *err)
{
    const tl_parquet_distinct *distinct = &column->distinct;
    /* A dictionary that saves little costs readers more than it gives. */
    bool has_dictionary = distinct->count != 0 && !distinct->is_given_up && distinct->values.size < column->values.size / 2;
    *chunk = (tl_parquet_written_chunk){0};
    if (has_dictionary) {
        chunk->dictionary_offset = writer->offset;
        tl_string_reset(&writer->body);
        if (!tl_string_append(&writer->body, (const char *)distinct->values.data, distinct->values.size, err) ||
            !write_page(writer, true, distinct->count, TL_ENCODING_PLAIN, chunk, err))
            return false;
    }
    chunk->data_offset = writer->offset;
    for (page_cursor at = {0}, end; at.row < writer->group_rows; at = end) {
        end = page_end(column, writer->group_rows, at);
        if (!write_data_page(writer, column, has_dictionary, at, end, chunk, err))
            return false;
    }
    return true;
}
