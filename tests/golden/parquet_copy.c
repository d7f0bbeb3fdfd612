/*
 * parquet_copy FROM TO CODEC GROUP-ROWS: reads a Parquet file and writes it anew; CODEC is a number of tl_parquet_codec. Lists
 * must be of floats, as long as the first one.
 */
#include "base/io/parquet/parquet.h"
#include "base/io/parquet/parquet_writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_COLUMNS = 64 };

static tl_parquet_written_kind written_kind(const tl_parquet_column *column)
{
    switch (column->kind) {
    case TL_PARQUET_BOOLEAN:
        return TL_PARQUET_WRITE_BOOLEAN;
    case TL_PARQUET_INTEGER:
        return TL_PARQUET_WRITE_INTEGER;
    case TL_PARQUET_FLOAT:
        return column->is_list ? TL_PARQUET_WRITE_FLOATS : TL_PARQUET_WRITE_FLOAT;
    case TL_PARQUET_DOUBLE:
        return TL_PARQUET_WRITE_DOUBLE;
    case TL_PARQUET_TEXT:
        return column->is_json ? TL_PARQUET_WRITE_JSON : TL_PARQUET_WRITE_TEXT;
    default:
        return TL_PARQUET_WRITE_BYTES;
    }
}

static bool copy_value(tl_parquet_writer *writer, size_t column, const tl_parquet_column *from, const tl_parquet_vector *vector,
                       size_t row, tl_error *err)
{
    switch (from->kind) {
    case TL_PARQUET_BOOLEAN:
        return tl_parquet_writer_set_boolean(writer, column, vector->values.booleans[row], err);
    case TL_PARQUET_INTEGER:
        return tl_parquet_writer_set_integer(writer, column, vector->values.integers[row], err);
    case TL_PARQUET_FLOAT:
        return from->is_list ? tl_parquet_writer_set_floats(writer, column, vector->values.floats + vector->offsets[row], err)
                             : tl_parquet_writer_set_float(writer, column, vector->values.floats[row], err);
    case TL_PARQUET_DOUBLE:
        return tl_parquet_writer_set_double(writer, column, vector->values.doubles[row], err);
    default:
        return tl_parquet_writer_set_text(writer, column, vector->values.texts[row], err);
    }
}

static bool copy_rows(tl_parquet_file *file, tl_parquet_reader *reader, tl_parquet_writer *writer, tl_parquet_batch *batch,
                      tl_error *err)
{
    size_t count = tl_parquet_column_count(file);
    for (; batch->row_count != 0;) {
        for (size_t row = 0; row < batch->row_count; row++) {
            for (size_t i = 0; i < count; i++)
                if (batch->vectors[i].present == NULL || batch->vectors[i].present[row])
                    if (!copy_value(writer, i, tl_parquet_column_at(file, i), &batch->vectors[i], row, err))
                        return false;
            if (!tl_parquet_writer_end_row(writer, err))
                return false;
        }
        if (!tl_parquet_reader_next(reader, batch, err))
            return false;
    }
    return tl_parquet_writer_commit(writer, err);
}

/* The length of the first list that is there. */
static uint32_t list_size(const tl_parquet_batch *batch, size_t column)
{
    const tl_parquet_vector *vector = &batch->vectors[column];
    for (size_t row = 0; row < batch->row_count; row++)
        if (vector->offsets[row + 1] != vector->offsets[row])
            return vector->offsets[row + 1] - vector->offsets[row];
    return 1;
}

static bool copy_file(const char *from, const char *to, tl_parquet_writer_options options, tl_error *err)
{
    tl_parquet_file *file = NULL;
    tl_parquet_reader *reader = NULL;
    tl_parquet_writer *writer = NULL;
    tl_parquet_written_column columns[MAX_COLUMNS];
    size_t indexes[MAX_COLUMNS];
    bool ok = tl_parquet_open(from, &file, err);
    size_t count = ok ? tl_parquet_column_count(file) : 0;
    for (size_t i = 0; i < count && i < MAX_COLUMNS; i++)
        indexes[i] = i;
    tl_parquet_batch batch;
    ok = ok && count <= MAX_COLUMNS && tl_parquet_reader_create(file, indexes, count, NULL, &reader, err) &&
         tl_parquet_reader_next(reader, &batch, err);
    for (size_t i = 0; ok && i < count; i++) {
        const tl_parquet_column *column = tl_parquet_column_at(file, i);
        columns[i] = (tl_parquet_written_column){column->name, written_kind(column), column->is_nullable, 0};
        if (column->is_list)
            columns[i].list_size = batch.row_count != 0 ? list_size(&batch, i) : 1;
    }
    ok = ok && tl_parquet_writer_open(to, columns, count, &options, &writer, err) && copy_rows(file, reader, writer, &batch, err);
    tl_parquet_writer_close(writer);
    tl_parquet_reader_destroy(reader);
    tl_parquet_close(file);
    return ok;
}

int main(int argc, char **argv)
{
    tl_error err = {0};
    if (argc != 5) {
        fprintf(stderr, "usage: parquet_copy FROM TO CODEC GROUP-ROWS\n");
        return 2;
    }
    tl_parquet_writer_options options = {.codec = (tl_parquet_codec)strtol(argv[3], NULL, 10),
                                         .max_group_rows = (uint32_t)strtoul(argv[4], NULL, 10)};
    if (!copy_file(argv[1], argv[2], options, &err)) {
        fprintf(stderr, "parquet_copy: %s\n", err.message);
        return 1;
    }
    return 0;
}
