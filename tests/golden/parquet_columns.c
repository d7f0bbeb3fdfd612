/*
 * parquet_columns FILE [BATCH-ROWS [SKIP]]: every readable column of a Parquet file as text that check_parquet.py makes of the
 * same file by another reader. First a line `column NAME KIND UNIT` each; then a line a row: a word a column. `-` has no value;
 * integers are decimal; floats their bits in hex; texts and bytes hex after an `x`; lists in brackets.
 *
 * SKIP: reads one batch, passes over SKIP rows, and so on.
 */
#include "base/io/parquet/parquet.h"

#include "base/core/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_value(const tl_parquet_column *column, tl_parquet_values values, size_t i)
{
    uint32_t bits_32;
    uint64_t bits_64;
    switch (column->kind) {
    case TL_PARQUET_BOOLEAN:
        printf("%d", values.booleans[i]);
        break;
    case TL_PARQUET_INTEGER:
        printf("%" PRId64, values.integers[i]);
        break;
    case TL_PARQUET_NATURAL:
        printf("%" PRIu64, values.naturals[i]);
        break;
    case TL_PARQUET_FLOAT:
        memcpy(&bits_32, &values.floats[i], sizeof bits_32);
        printf("%08" PRIx32, bits_32);
        break;
    case TL_PARQUET_DOUBLE:
        memcpy(&bits_64, &values.doubles[i], sizeof bits_64);
        printf("%016" PRIx64, bits_64);
        break;
    default:
        putchar('x');
        for (size_t j = 0; j < values.texts[i].size; j++)
            printf("%02x", (unsigned char)values.texts[i].data[j]);
        break;
    }
}

static void print_cell(const tl_parquet_column *column, const tl_parquet_vector *vector, size_t row)
{
    if (vector->present != NULL && !vector->present[row]) {
        putchar('-');
    } else if (vector->offsets == NULL) {
        print_value(column, vector->values, row);
    } else {
        putchar('[');
        for (uint32_t i = vector->offsets[row]; i < vector->offsets[row + 1]; i++) {
            if (i != vector->offsets[row])
                putchar(',');
            if (vector->item_present != NULL && !vector->item_present[i])
                putchar('-');
            else
                print_value(column, vector->values, i);
        }
        putchar(']');
    }
}

static bool print_rows(const tl_parquet_file *file, const size_t *columns, size_t column_count, size_t batch_rows, uint64_t skip,
                       tl_error *err)
{
    tl_parquet_reader *reader = NULL;
    tl_parquet_options options = {.max_batch_rows = batch_rows};
    tl_parquet_batch batch;
    if (column_count == 0)
        return true;
    if (!tl_parquet_reader_create(file, columns, column_count, &options, &reader, err))
        return false;
    bool ok;
    while ((ok = tl_parquet_reader_next(reader, &batch, err)) && batch.row_count != 0) {
        for (size_t row = 0; row < batch.row_count; row++) {
            printf("%" PRIu64, batch.first_row + row);
            for (size_t i = 0; i < column_count; i++) {
                putchar(' ');
                print_cell(tl_parquet_column_at(file, columns[i]), &batch.vectors[i], row);
            }
            putchar('\n');
        }
        if (skip != 0 && !(ok = tl_parquet_reader_skip(reader, skip, err)))
            break;
    }
    tl_parquet_reader_destroy(reader);
    return ok;
}

static bool print_file(const char *path, size_t batch_rows, uint64_t skip, tl_error *err)
{
    static const char *const kinds[] = {"boolean", "integer", "natural", "float", "double", "text", "bytes", "unreadable"};
    static const char *const units[] = {"number", "days", "millis", "micros", "nanos"};
    tl_parquet_file *file = NULL;
    if (!tl_parquet_open(path, &file, err))
        return false;
    size_t count = tl_parquet_column_count(file), readable = 0;
    size_t *columns = tl_memory_allocate(count, sizeof *columns, err);
    for (size_t i = 0; columns != NULL && i < count; i++) {
        const tl_parquet_column *column = tl_parquet_column_at(file, i);
        printf("column %s %s %s\n", column->name, kinds[column->kind], units[column->unit]);
        if (column->kind != TL_PARQUET_UNREADABLE)
            columns[readable++] = i;
    }
    printf("rows %" PRIu64 "\n", tl_parquet_row_count(file));
    bool ok = columns != NULL && print_rows(file, columns, readable, batch_rows, skip, err);
    tl_memory_free(columns);
    tl_parquet_close(file);
    return ok;
}

int main(int argc, char **argv)
{
    tl_error err;
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: parquet_columns FILE [BATCH-ROWS [SKIP]]\n");
        return 2;
    }
    if (!print_file(argv[1], argc > 2 ? strtoul(argv[2], NULL, 10) : 0, argc > 3 ? strtoull(argv[3], NULL, 10) : 0, &err)) {
        fprintf(stderr, "parquet_columns: %s\n", err.message);
        return 1;
    }
    return 0;
}
