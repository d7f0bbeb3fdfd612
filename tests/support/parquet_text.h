/*
 * Every readable column of a Parquet file as text, which tests/golden/parquet_reference.py makes of the same file by another
 * reader: a line `column NAME KIND UNIT` each, a line `rows COUNT`, then a line a row: its number and a word a column. `-` has no
 * value; integers are decimal; floats their bits in hex; texts and bytes hex after an `x`; lists in brackets.
 */
#ifndef TL_TESTS_SUPPORT_PARQUET_TEXT_H
#define TL_TESTS_SUPPORT_PARQUET_TEXT_H

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/parquet/parquet.h"

#include <inttypes.h>

static bool append_parquet_value(tl_string *out, const tl_parquet_column *column, tl_parquet_values values, size_t i,
                                 tl_error *err)
{
    uint32_t bits_32;
    uint64_t bits_64;
    switch (column->kind) {
    case TL_PARQUET_BOOLEAN:
        return tl_string_append_format(out, err, "%d", values.booleans[i]);
    case TL_PARQUET_INTEGER:
        return tl_string_append_format(out, err, "%" PRId64, values.integers[i]);
    case TL_PARQUET_NATURAL:
        return tl_string_append_format(out, err, "%" PRIu64, values.naturals[i]);
    case TL_PARQUET_FLOAT:
        memcpy(&bits_32, &values.floats[i], sizeof bits_32);
        return tl_string_append_format(out, err, "%08" PRIx32, bits_32);
    case TL_PARQUET_DOUBLE:
        memcpy(&bits_64, &values.doubles[i], sizeof bits_64);
        return tl_string_append_format(out, err, "%016" PRIx64, bits_64);
    default:
        break;
    }
    bool ok = tl_string_append(out, "x", 1, err);
    for (size_t j = 0; ok && j < values.texts[i].size; j++) {
        unsigned byte = (unsigned char)values.texts[i].data[j];
        char digits[2] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
        ok = tl_string_append(out, digits, 2, err);
    }
    return ok;
}

static bool append_parquet_cell(tl_string *out, const tl_parquet_column *column, const tl_parquet_vector *vector, size_t row,
                                tl_error *err)
{
    if (vector->present != NULL && !vector->present[row])
        return tl_string_append(out, "-", 1, err);
    if (vector->offsets == NULL)
        return append_parquet_value(out, column, vector->values, row, err);
    bool ok = tl_string_append(out, "[", 1, err);
    for (uint32_t i = vector->offsets[row]; ok && i < vector->offsets[row + 1]; i++) {
        ok = i == vector->offsets[row] || tl_string_append(out, ",", 1, err);
        if (vector->item_present != NULL && !vector->item_present[i])
            ok = ok && tl_string_append(out, "-", 1, err);
        else
            ok = ok && append_parquet_value(out, column, vector->values, i, err);
    }
    return ok && tl_string_append(out, "]", 1, err);
}

static bool append_parquet_batch(tl_string *out, const tl_parquet_file *file, const size_t *columns, size_t column_count,
                                 const tl_parquet_batch *batch, tl_error *err)
{
    for (size_t row = 0; row < batch->row_count; row++) {
        if (!tl_string_append_format(out, err, "%" PRIu64, batch->first_row + row))
            return false;
        for (size_t i = 0; i < column_count; i++)
            if (!tl_string_append(out, " ", 1, err) ||
                !append_parquet_cell(out, tl_parquet_column_at(file, columns[i]), &batch->vectors[i], row, err))
                return false;
        if (!tl_string_append(out, "\n", 1, err))
            return false;
    }
    return true;
}

/* skip: after every batch passes over as many rows. */
static bool append_parquet_rows(tl_string *out, const tl_parquet_file *file, const size_t *columns, size_t column_count,
                                tl_parquet_options options, uint64_t skip, tl_error *err)
{
    tl_parquet_reader *reader = NULL;
    tl_parquet_batch batch;
    if (column_count == 0)
        return true;
    if (!tl_parquet_reader_create(file, columns, column_count, &options, &reader, err))
        return false;
    bool ok;
    while ((ok = tl_parquet_reader_next(reader, &batch, err)) && batch.row_count != 0)
        if (!(ok = append_parquet_batch(out, file, columns, column_count, &batch, err) &&
                   (skip == 0 || tl_parquet_reader_skip(reader, skip, err))))
            break;
    tl_parquet_reader_destroy(reader);
    return ok;
}

static bool append_parquet_text(tl_string *out, const tl_parquet_file *file, tl_parquet_options options, uint64_t skip,
                                tl_error *err)
{
    static const char *const kinds[] = {"boolean", "integer", "natural", "float", "double", "text", "bytes", "unreadable"};
    static const char *const units[] = {"number", "days", "millis", "micros", "nanos"};
    size_t count = tl_parquet_column_count(file), readable = 0;
    size_t *columns = tl_memory_allocate(count, sizeof *columns, err);
    bool ok = columns != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        const tl_parquet_column *column = tl_parquet_column_at(file, i);
        ok = tl_string_append_format(out, err, "column %s %s %s\n", column->name, kinds[column->kind], units[column->unit]);
        if (column->kind != TL_PARQUET_UNREADABLE)
            columns[readable++] = i;
    }
    ok = ok && tl_string_append_format(out, err, "rows %" PRIu64 "\n", tl_parquet_row_count(file)) &&
         append_parquet_rows(out, file, columns, readable, options, skip, err);
    tl_memory_free(columns);
    return ok;
}

#endif
