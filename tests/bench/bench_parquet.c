/*
 * Rows a second out of a Parquet file, one thread: all readable columns, every value looked at.
 * usage: bench_parquet FILE      tests/bench/parquet/compare.sh runs it beside pyarrow
 *
 * Times are of the processor, the file in the page cache; the best of TRIES rounds.
 */
#include "base/core/memory.h"
#include "base/io/parquet/parquet.h"
#include "tests/bench/processor_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 5 };

/* Sums sizes of texts and values of numbers, so that nothing is left undone. */
static double look_at(const tl_parquet_column *column, const tl_parquet_vector *vector, size_t row_count)
{
    double sum = 0;
    size_t first = vector->offsets != NULL ? vector->offsets[0] : 0,
           end = vector->offsets != NULL ? vector->offsets[row_count] : row_count;
    for (size_t i = first; i < end; i++)
        switch (column->kind) {
        case TL_PARQUET_BOOLEAN:
            sum += vector->values.booleans[i];
            break;
        case TL_PARQUET_FLOAT:
            sum += (double)vector->values.floats[i];
            break;
        case TL_PARQUET_DOUBLE:
            sum += vector->values.doubles[i];
            break;
        case TL_PARQUET_TEXT:
        case TL_PARQUET_BYTES:
            sum += (double)vector->values.texts[i].size;
            break;
        default:
            sum += (double)vector->values.integers[i];
            break;
        }
    return sum;
}

static bool read_once(const char *path, double *sum, uint64_t *rows, tl_error *err)
{
    tl_parquet_file *file = NULL;
    tl_parquet_reader *reader = NULL;
    if (!tl_parquet_open(path, &file, err))
        return false;
    size_t count = tl_parquet_column_count(file), readable = 0;
    size_t *columns = tl_memory_allocate(count, sizeof *columns, err);
    for (size_t i = 0; columns != NULL && i < count; i++)
        if (tl_parquet_column_at(file, i)->kind != TL_PARQUET_UNREADABLE)
            columns[readable++] = i;
    bool ok = columns != NULL && tl_parquet_reader_create(file, columns, readable, NULL, &reader, err);
    tl_parquet_batch batch = {0};
    while (ok && (ok = tl_parquet_reader_next(reader, &batch, err)) && batch.row_count != 0)
        for (size_t i = 0; i < readable; i++)
            *sum += look_at(tl_parquet_column_at(file, columns[i]), &batch.vectors[i], batch.row_count);
    *rows = tl_parquet_row_count(file);
    tl_parquet_reader_destroy(reader);
    tl_parquet_close(file);
    tl_memory_free(columns);
    return ok;
}

int main(int argc, char **argv)
{
    tl_error err = {0};
    double best = 1e9, sum = 0;
    uint64_t rows = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: bench_parquet FILE\n");
        return 2;
    }
    for (int try = 0; try < TRIES; try++) {
        double start = processor_seconds();
        sum = 0;
        if (!read_once(argv[1], &sum, &rows, &err)) {
            fprintf(stderr, "bench_parquet: %s\n", err.message);
            return 1;
        }
        double seconds = processor_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    printf("{\"bench\": \"parquet\", \"reader\": \"twinlens\", \"file\": \"%s\", \"rows\": %" PRIu64
           ", \"rows_per_second\": %.0f, "
           "\"sum\": %.6g}\n",
           argv[1], rows, (double)rows / best, sum);
    return 0;
}
