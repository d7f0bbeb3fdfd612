/*
 * The index: rows in, searches out. `bench_index [ROWS...]` (default 10000 100000), dimension 512, in a file in the working
 * directory.
 *
 * insert   items with one image vector each, batches of 64, a commit every 1024
 * cold     what one `twinlens search` does, from no connection to none: open, find the set, search, close; the file is in the
 * page cache warm     one more search by the same searcher, whose blocks are verified remove   every second item
 */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "index/index.h"
#include "tests/bench/unit_vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DIM = 512, BATCH = 64, COMMIT_EVERY = 1024, REPEATS = 15, K = 10 };

static const char path[] = "bench_index.twinlens";

static void expect(bool ok, const tl_error *error)
{
    if (!ok) {
        fprintf(stderr, "bench_index: %s\n", error->message);
        exit(1);
    }
}

static tl_vector_set image_set(void)
{
    tl_vector_set set = {.model = "0123456789abcdef0123456789abcdef", .kind = TL_VECTOR_IMAGE, .dim = DIM, .model_name = "bench"};
    return set;
}

/* Seconds without the making of vectors. */
static double insert_rows(tl_index *index, size_t rows)
{
    static float vectors[BATCH * DIM];
    int64_t owners[BATCH];
    tl_error error;
    tl_index_writer *writer;
    tl_vector_set set = image_set();
    tl_random random = tl_random_stream(1, 0);
    double seconds = 0;
    expect(tl_index_writer_open(index, &writer, &error), &error);
    for (size_t row = 0; row < rows; row += BATCH) {
        size_t count = rows - row < BATCH ? rows - row : BATCH;
        fill_unit_vectors(&random, vectors, count, DIM);
        double start = tl_clock_seconds();
        for (size_t i = 0; i < count; i++) {
            char name[64];
            snprintf(name, sizeof name, "%03zu/%06zu.jpg", (row + i) / 1000, row + i);
            const char *captions[] = {"a photo of something that somebody saw"};
            tl_item item = {.root = "/photos",
                            .path = name,
                            .hash = "0123456789abcdef0123456789abcdef",
                            .size = 12345,
                            .width = 640,
                            .height = 480,
                            .captions = captions,
                            .caption_count = 1};
            expect(tl_index_writer_put_item(writer, &item, &owners[i], &error), &error);
        }
        expect(tl_index_writer_put_vectors(writer, &set, owners, vectors, count, &error), &error);
        if ((row + count) % COMMIT_EVERY == 0 || row + count == rows)
            expect(tl_index_writer_commit(writer, &error), &error);
        seconds += tl_clock_seconds() - start;
    }
    tl_index_writer_close(writer);
    return seconds;
}

static bool collect_id(void *context, const tl_item *item, tl_error *err)
{
    int64_t **next = context;
    (void)err;
    *(*next)++ = item->id;
    return true;
}

static double remove_half(tl_index *index, size_t rows)
{
    tl_error error;
    tl_index_writer *writer;
    int64_t *ids = tl_memory_allocate(rows, sizeof *ids, &error);
    expect(ids != NULL, &error);
    int64_t *next = ids;
    expect(tl_index_each_item(index, NULL, collect_id, &next, &error), &error);
    expect(tl_index_writer_open(index, &writer, &error), &error);
    double start = tl_clock_seconds();
    for (size_t i = 0; i < rows; i += 2)
        expect(tl_index_writer_remove_item(writer, ids[i], &error), &error);
    expect(tl_index_writer_commit(writer, &error), &error);
    double seconds = tl_clock_seconds() - start;
    tl_index_writer_close(writer);
    tl_memory_free(ids);
    return seconds;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median_ms(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof *seconds, by_value);
    return seconds[count / 2] * 1e3;
}

static void bench_searches(size_t rows)
{
    double open[REPEATS], cold[REPEATS], warm[REPEATS];
    tl_error error;
    tl_vector_set set = image_set();
    tl_search_options options = {.k = K};
    static float query[DIM];
    tl_random random = tl_random_stream(2, 0);
    for (size_t i = 0; i < REPEATS; i++) {
        tl_index *index;
        tl_index_searcher *searcher;
        tl_hit hits[K];
        size_t count;
        fill_unit_vectors(&random, query, 1, DIM);
        double start = tl_clock_seconds();
        expect(tl_index_open(path, TL_INDEX_READ, &index, &error), &error);
        expect(tl_index_searcher_create(index, set.model, set.kind, &searcher, &error), &error);
        open[i] = tl_clock_seconds() - start;
        expect(tl_index_searcher_search(searcher, query, &options, hits, &count, &error), &error);
        double between = tl_clock_seconds();
        expect(tl_index_searcher_search(searcher, query, &options, hits, &count, &error), &error);
        warm[i] = tl_clock_seconds() - between;
        double closing = tl_clock_seconds();
        tl_index_searcher_destroy(searcher);
        tl_index_close(index);
        cold[i] = (between - start) + (tl_clock_seconds() - closing);
    }
    printf("{\"bench\":\"index_search\",\"rows\":%zu,\"dim\":%d,\"open_ms\":%.2f,\"cold_ms\":%.2f,\"warm_ms\":%.2f}\n", rows, DIM,
           median_ms(open, REPEATS), median_ms(cold, REPEATS), median_ms(warm, REPEATS));
}

int main(int argc, char **argv)
{
    static const size_t defaults[] = {10000, 100000};
    size_t runs = argc > 1 ? (size_t)argc - 1 : 2;
    for (size_t i = 0; i < runs; i++) {
        size_t rows = argc > 1 ? (size_t)strtoull(argv[i + 1], NULL, 10) : defaults[i];
        tl_error error;
        tl_index *index;
        unlink(path);
        expect(tl_index_open(path, TL_INDEX_CREATE, &index, &error), &error);
        double seconds = insert_rows(index, rows);
        tl_index_stats stats;
        tl_index_close(index);
        expect(tl_index_open(path, TL_INDEX_WRITE, &index, &error), &error);
        expect(tl_index_stats_read(index, &stats, &error), &error);
        printf("{\"bench\":\"index_insert\",\"rows\":%zu,\"dim\":%d,\"rows_per_s\":%.0f,\"file_mb\":%.1f}\n", rows, DIM,
               (double)rows / seconds, (double)stats.file_bytes / 1e6);
        bench_searches(rows);
        double start = tl_clock_seconds();
        expect(tl_index_check(index, &error), &error);
        printf("{\"bench\":\"index_check\",\"rows\":%zu,\"s\":%.2f}\n", rows, tl_clock_seconds() - start);
        seconds = remove_half(index, rows);
        printf("{\"bench\":\"index_remove\",\"rows\":%zu,\"rows_per_s\":%.0f}\n", rows, (double)(rows / 2) / seconds);
        fflush(stdout);
        tl_index_close(index);
    }
    unlink(path);
    return 0;
}
