/*
 * Recall against queries a second of the index, on rows from outside:
 *   bench_index_curve ROWS.npy QUERIES.npy [f16|f32 [LISTS [QUERIES]]]
 * The arrays are float16, C order, as tests/bench/index/compare.sh makes them. One JSON line a setting: exact without lists,
 * exact by codes, and each number of probes. Rates are of the processor time of the thread ("cpu") and of the clock ("wall");
 * recall@10 is against the exact search of what is stored. The file lies in the working directory.
 */
#include "base/compute/codes.h"
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "index/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { K = 10, BATCH = 1024, MAX_EXACT = 100 };

static const char path[] = "bench_index_curve.twinlens";

typedef struct array {
    tl_string bytes;
    const uint16_t *rows;
    size_t count, dim;
} array;

static void expect(bool ok, const tl_error *error)
{
    if (!ok) {
        fprintf(stderr, "bench_index_curve: %s\n", error->message);
        exit(1);
    }
}

static void read_array(const char *name, array *out)
{
    tl_error error;
    tl_string_init(&out->bytes, (size_t)4 << 30);
    expect(tl_file_read(name, &out->bytes, &error), &error);
    const char *shape = strstr(out->bytes.data + 10, "'shape': (");
    unsigned long long count = 0, dim = 0;
    if (out->bytes.size < 128 || strstr(out->bytes.data + 10, "'<f2'") == NULL || shape == NULL ||
        sscanf(shape, "'shape': (%llu, %llu)", &count, &dim) != 2) {
        fprintf(stderr, "bench_index_curve: '%s': expected a float16 matrix\n", name);
        exit(1);
    }
    size_t header = 10 + (size_t)(unsigned char)out->bytes.data[8] + 256 * (size_t)(unsigned char)out->bytes.data[9];
    out->count = (size_t)count;
    out->dim = (size_t)dim;
    out->rows = (const uint16_t *)(const void *)(out->bytes.data + header);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void insert(tl_index *index, const tl_vector_set *set, const array *rows)
{
    tl_error error;
    tl_index_writer *writer;
    int64_t owners[BATCH];
    float *vectors = tl_memory_allocate(BATCH * rows->dim, sizeof *vectors, &error);
    double vector_seconds = 0;
    expect(vectors != NULL && tl_index_writer_open(index, &writer, &error), &error);
    double start = tl_clock_seconds();
    for (size_t row = 0; row < rows->count; row += BATCH) {
        size_t count = rows->count - row < BATCH ? rows->count - row : BATCH;
        for (size_t i = 0; i < count; i++) {
            char name[32];
            snprintf(name, sizeof name, "%zu", row + i);
            tl_item item = {.root = "/r", .path = name};
            expect(tl_index_writer_put_item(writer, &item, &owners[i], &error), &error);
        }
        tl_widen_from_f16(rows->rows + row * rows->dim, vectors, count * rows->dim);
        double before = tl_clock_seconds();
        expect(tl_index_writer_put_vectors(writer, set, owners, vectors, count, &error) && tl_index_writer_commit(writer, &error),
               &error);
        vector_seconds += tl_clock_seconds() - before;
    }
    printf("{\"bench\":\"insert\",\"rows_per_s\":%.0f,\"vectors_per_s\":%.0f}\n",
           (double)rows->count / (tl_clock_seconds() - start), (double)rows->count / vector_seconds);
    tl_index_writer_close(writer);
    tl_memory_free(vectors);
}

/* Fills found [queries, K]; the first search, which verifies, is not counted. */
static void search_all(const tl_vector_set *set, const array *queries, size_t count, const tl_search_options *options,
                       const char *what, const int64_t *truth, int64_t *found)
{
    tl_error error;
    tl_index *index;
    tl_index_searcher *searcher;
    tl_hit hits[K];
    size_t hit_count, right = 0;
    float *query = tl_memory_allocate(queries->dim, sizeof *query, &error);
    expect(query != NULL, &error);
    tl_widen_from_f16(queries->rows, query, queries->dim);
    double opened = tl_clock_seconds();
    expect(tl_index_open(path, TL_INDEX_READ, &index, &error) &&
               tl_index_searcher_create(index, set->model, set->kind, &searcher, &error) &&
               tl_index_searcher_search(searcher, query, options, hits, &hit_count, &error),
           &error);
    double cold = tl_clock_seconds() - opened;
    double cpu = 0, wall = 0;
    for (int pass = 0; pass < 2; pass++) {
        cpu = cpu_seconds();
        wall = tl_clock_seconds();
        right = 0;
        for (size_t q = 0; q < count; q++) {
            tl_widen_from_f16(queries->rows + q * queries->dim, query, queries->dim);
            expect(tl_index_searcher_search(searcher, query, options, hits, &hit_count, &error), &error);
            for (size_t i = 0; i < K; i++) {
                found[q * K + i] = hits[i].item_id;
                for (size_t j = 0; truth != NULL && j < K; j++)
                    right += truth[q * K + j] == hits[i].item_id;
            }
        }
        cpu = cpu_seconds() - cpu;
        wall = tl_clock_seconds() - wall;
    }
    printf("{\"bench\":\"search\",\"what\":\"%s\",\"probes\":%u,\"recall\":%.4f,\"qps_cpu\":%.1f,\"qps_wall\":%.1f,\"cold_ms\":%."
           "2f}\n",
           what, (unsigned)options->probes, truth != NULL ? (double)right / (double)(count * K) : 1.0, (double)count / cpu,
           (double)count / wall, cold * 1e3);
    fflush(stdout);
    tl_index_searcher_destroy(searcher);
    tl_index_close(index);
    tl_memory_free(query);
}

static void print_size(tl_index *index, const array *rows, const char *what)
{
    tl_error error;
    tl_index_stats stats;
    expect(tl_index_stats_read(index, &stats, &error), &error);
    printf("{\"bench\":\"size\",\"what\":\"%s\",\"bytes\":%llu,\"of_raw_f16\":%.3f}\n", what,
           (unsigned long long)stats.file_bytes, (double)stats.file_bytes / (double)(2 * rows->count * rows->dim));
}

int main(int argc, char **argv)
{
    array rows, queries;
    tl_error error;
    tl_index *index;
    tl_index_writer *writer;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_index_curve ROWS.npy QUERIES.npy [f16|f32 [LISTS [QUERIES]]]\n");
        return 2;
    }
    read_array(argv[1], &rows);
    read_array(argv[2], &queries);
    uint32_t lists = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
    size_t count = argc > 5 ? (size_t)strtoul(argv[5], NULL, 10) : 1000;
    count = count < queries.count ? count : queries.count;
    tl_vector_set set = {.model = "0123456789abcdef0123456789abcdef",
                         .kind = TL_VECTOR_IMAGE,
                         .dim = (uint32_t)rows.dim,
                         .model_name = "bench",
                         .storage = argc > 3 && strcmp(argv[3], "f32") == 0 ? TL_VECTOR_STORE_F32 : TL_VECTOR_STORE_F16};
    unlink(path);
    expect(tl_index_open(path, TL_INDEX_CREATE, &index, &error), &error);
    insert(index, &set, &rows);
    print_size(index, &rows, "undivided");
    int64_t *truth = tl_memory_allocate(count * K, sizeof *truth, &error),
            *found = tl_memory_allocate(count * K, sizeof *found, &error);
    expect(truth != NULL && found != NULL, &error);
    size_t exact = count < MAX_EXACT ? count : MAX_EXACT;
    search_all(&set, &queries, exact, &(tl_search_options){.k = K}, "scan", NULL, truth);

    double cpu = cpu_seconds(), wall = tl_clock_seconds();
    expect(tl_index_writer_open(index, &writer, &error) &&
               tl_index_writer_divide(writer, set.model, set.kind, lists, NULL, &error) && tl_index_writer_commit(writer, &error),
           &error);
    printf("{\"bench\":\"divide\",\"cpu_s\":%.2f,\"wall_s\":%.2f}\n", cpu_seconds() - cpu, tl_clock_seconds() - wall);
    tl_index_writer_close(writer);
    print_size(index, &rows, "divided");
    expect(tl_index_vacuum(index, &error), &error);
    tl_index_close(index);
    expect(tl_index_open(path, TL_INDEX_WRITE, &index, &error), &error);
    print_size(index, &rows, "compact");
    search_all(&set, &queries, exact, &(tl_search_options){.k = K, .exact = true}, "exact by codes", truth, found);
    search_all(&set, &queries, count, &(tl_search_options){.k = K, .exact = true}, "exact by codes", NULL, truth);
    static const uint32_t probes[] = {1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128};
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
        search_all(&set, &queries, count, &(tl_search_options){.k = K, .probes = probes[i]}, "probes", truth, found);
    search_all(&set, &queries, count, &(tl_search_options){.k = K}, "default probes", truth, found);
    double check = tl_clock_seconds();
    expect(tl_index_check(index, &error), &error);
    printf("{\"bench\":\"check\",\"s\":%.2f}\n", tl_clock_seconds() - check);
    tl_index_close(index);
    tl_memory_free(truth);
    tl_memory_free(found);
    tl_string_clear(&rows.bytes);
    tl_string_clear(&queries.bytes);
    return 0;
}
