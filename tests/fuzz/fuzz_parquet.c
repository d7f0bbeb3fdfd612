/*
 * base/io/parquet over arbitrary bytes: what opens is read, a few columns at a time, in small batches with rows passed over
 * between them. Every value that is handed out can be read to its end, and batches never say more rows than the file.
 */
#include "base/io/parquet/parquet.h"

#include "base/core/string.h"

enum { MAX_COLUMNS = 6, MAX_ROWS = 3000, MAX_PAGE = 1 << 18 };

static unsigned sum_bytes(const void *bytes, size_t size)
{
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += ((const unsigned char *)bytes)[i];
    return sum;
}

static size_t value_size(tl_parquet_kind kind)
{
    return kind == TL_PARQUET_BOOLEAN ? 1 : kind == TL_PARQUET_FLOAT ? 4 : 8;
}

static unsigned sum_values(const tl_parquet_column *column, const tl_parquet_vector *vector, size_t first, size_t count)
{
    if (column->kind != TL_PARQUET_TEXT && column->kind != TL_PARQUET_BYTES) {
        size_t size = value_size(column->kind);
        return sum_bytes(vector->values.booleans + first * size, count * size);
    }
    unsigned sum = 0;
    for (size_t i = first; i < first + count; i++)
        sum += sum_bytes(vector->values.texts[i].data, vector->values.texts[i].size);
    return sum;
}

static unsigned check_vector(const tl_parquet_column *column, const tl_parquet_vector *vector, size_t row_count)
{
    for (size_t i = 0; vector->present != NULL && i < row_count; i++)
        TL_ASSERT(vector->present[i] <= 1);
    TL_ASSERT((vector->offsets != NULL) == column->is_list);
    if (vector->offsets == NULL)
        return sum_values(column, vector, 0, row_count);
    for (size_t i = 0; i < row_count; i++) {
        TL_ASSERT(vector->offsets[i] <= vector->offsets[i + 1]);
        TL_ASSERT(vector->present == NULL || vector->present[i] || vector->offsets[i] == vector->offsets[i + 1]);
    }
    for (size_t i = vector->offsets[0]; vector->item_present != NULL && i < vector->offsets[row_count]; i++)
        TL_ASSERT(vector->item_present[i] <= 1);
    return sum_values(column, vector, vector->offsets[0], vector->offsets[row_count] - vector->offsets[0]);
}

static void check_error(const tl_error *err)
{
    TL_ASSERT(err->kind == TL_ERROR_CORRUPT || err->kind == TL_ERROR_UNSUPPORTED);
    TL_ASSERT(tl_text_is_utf8(tl_slice_of(err->message), NULL));
}

static void read_columns(const tl_parquet_file *file, const size_t *columns, size_t count, size_t batch_rows, uint64_t skip)
{
    tl_error err;
    tl_parquet_reader *reader = NULL;
    tl_parquet_options options = {.max_batch_rows = batch_rows, .max_page_size = MAX_PAGE};
    if (!tl_parquet_reader_create(file, columns, count, &options, &reader, &err)) {
        check_error(&err);
        return;
    }
    uint64_t reached = 0;
    unsigned sum = 0;
    for (size_t read = 0; read < MAX_ROWS;) {
        tl_parquet_batch batch;
        if (!tl_parquet_reader_next(reader, &batch, &err)) {
            check_error(&err);
            break;
        }
        if (batch.row_count == 0)
            break;
        TL_ASSERT(batch.row_count <= batch_rows && batch.first_row >= reached);
        reached = batch.first_row + batch.row_count;
        TL_ASSERT(reached <= tl_parquet_row_count(file));
        for (size_t i = 0; i < count; i++)
            sum += check_vector(tl_parquet_column_at(file, columns[i]), &batch.vectors[i], batch.row_count);
        read += batch.row_count;
        if (skip != 0 && !tl_parquet_reader_skip(reader, skip, &err)) {
            check_error(&err);
            break;
        }
    }
    TL_ASSERT(sum + 1 != 0 || reached != 0);
    tl_parquet_reader_destroy(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error err;
    tl_parquet_file *file = NULL;
    if (!tl_parquet_parse((tl_slice){(const char *)data, size}, "input", &file, &err)) {
        check_error(&err);
        return 0;
    }
    size_t columns[MAX_COLUMNS], count = 0;
    for (size_t i = 0; i < tl_parquet_column_count(file) && count < MAX_COLUMNS; i++) {
        const tl_parquet_column *column = tl_parquet_column_at(file, i);
        size_t found = SIZE_MAX;
        TL_ASSERT(tl_parquet_column_find(file, column->name, &found) && found <= i);
        TL_ASSERT((column->kind == TL_PARQUET_UNREADABLE) == (column->unreadable != NULL));
        if (column->kind == TL_PARQUET_UNREADABLE)
            continue;
        columns[count] = i;
        read_columns(file, &columns[count], 1, 64, 0);
        count++;
    }
    if (count > 1) {
        read_columns(file, columns, count, 5, 0);
        read_columns(file, columns, count, 5, 11);
    }
    tl_parquet_close(file);
    return 0;
}
