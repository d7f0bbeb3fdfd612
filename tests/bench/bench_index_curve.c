/*
 * The index on rows from outside, a step a call, so that each step's time and memory stand alone (tests/bench/index/curves.py):
 *   bench_index_curve add FILE ROWS.npy FROM TO [f16|f32]     rows FROM..TO-1; that of row n is item n + 1
 *   bench_index_curve divide FILE [LISTS]
 *   bench_index_curve remove FILE FROM TO STEP                every STEPth item of these rows
 *   bench_index_curve compact FILE
 *   bench_index_curve check FILE
 *   bench_index_curve search FILE QUERIES.npy TRUTH.npy COUNT MODE...
 *                                MODE: exact, a number of probes (0: the default), or cold and a number: from a cold page cache
 * Rows and queries are float16, the truth int32 rows [queries, 10]. One JSON line a step or mode. Rates are of the processor time
 * of the thread ("cpu") and of the clock ("wall").
 */
#include "base/compute/codes.h"
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "index/index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { K = 10, BATCH = 1024, HEADER = 128 };

static const char model[] = "0123456789abcdef0123456789abcdef";

static void expect(bool ok, const tl_error *error)
{
    if (!ok) {
        fprintf(stderr, "bench_index_curve: %s\n", error->message);
        exit(1);
    }
}

static void expect_input(bool ok, const char *name, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_index_curve: '%s': expected %s\n", name, what);
        exit(1);
    }
}

/* A matrix whose rows are read as they are wanted. */
typedef struct matrix {
    FILE *file;
    size_t count, dim, start;
} matrix;

static matrix open_matrix(const char *name, const char *type)
{
    char header[HEADER + 1] = {0};
    unsigned long long count = 0, dim = 0;
    matrix out = {.file = fopen(name, "rb")};
    expect_input(out.file != NULL && fread(header, 1, HEADER, out.file) == HEADER, name, "an array");
    const char *shape = strstr(header + 10, "'shape': (");
    expect_input(strstr(header + 10, type) != NULL && shape != NULL && sscanf(shape, "'shape': (%llu, %llu)", &count, &dim) == 2,
                 name, type);
    out.count = (size_t)count;
    out.dim = (size_t)dim;
    out.start = 10 + (size_t)(unsigned char)header[8] + 256 * (size_t)(unsigned char)header[9];
    return out;
}

static void read_rows(const matrix *from, size_t first, size_t count, size_t size, void *out)
{
    expect_input(fseek(from->file, (long)(from->start + first * from->dim * size), SEEK_SET) == 0 &&
                     fread(out, from->dim * size, count, from->file) == count,
                 "rows", "as many as the header says");
}

static void *allocate(size_t count, size_t size)
{
    tl_error error;
    void *memory = tl_memory_allocate(count, size, &error);
    expect(memory != NULL, &error);
    return memory;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A line of /proc/self/status, in MiB. */
static double status_mib(const char *name)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtod(line + strlen(name) + 1, NULL);
    if (file != NULL)
        fclose(file);
    return kib / 1024;
}

static void say(const char *step, double cpu, double wall, size_t rows, tl_index *index)
{
    tl_error error;
    tl_index_stats stats;
    expect(tl_index_stats_read(index, &stats, &error), &error);
    printf("{\"step\":\"%s\",\"rows\":%zu,\"cpu_s\":%.2f,\"wall_s\":%.2f,\"peak_mib\":%.1f,\"bytes\":%llu}\n", step, rows, cpu,
           wall, status_mib("VmHWM"), (unsigned long long)stats.file_bytes);
}

static void add(tl_index *index, const matrix *rows, size_t first, size_t end, tl_vector_storage storage)
{
    tl_error error;
    tl_index_writer *writer;
    tl_vector_set set = {.kind = TL_VECTOR_IMAGE, .dim = (uint32_t)rows->dim, .model_name = "bench", .storage = storage};
    int64_t owners[BATCH];
    uint16_t *halves = allocate(BATCH * rows->dim, sizeof *halves);
    float *vectors = allocate(BATCH * rows->dim, sizeof *vectors);
    memcpy(set.model, model, sizeof model);
    expect(tl_index_writer_open(index, &writer, &error), &error);
    for (size_t row = first; row < end; row += BATCH) {
        size_t count = end - row < BATCH ? end - row : BATCH;
        read_rows(rows, row, count, sizeof *halves, halves);
        tl_widen_from_f16(halves, vectors, count * rows->dim);
        for (size_t i = 0; i < count; i++) {
            char name[32];
            snprintf(name, sizeof name, "%zu", row + i);
            tl_item item = {.root = "/r", .path = name};
            expect(tl_index_writer_put_item(writer, &item, &owners[i], &error), &error);
        }
        expect(tl_index_writer_put_vectors(writer, &set, owners, vectors, count, &error) &&
                   tl_index_writer_commit(writer, &error),
               &error);
    }
    tl_index_writer_close(writer);
    tl_memory_free(halves);
    tl_memory_free(vectors);
}

static void divide(tl_index *index, uint32_t lists)
{
    tl_error error;
    tl_index_writer *writer;
    expect(tl_index_writer_open(index, &writer, &error) &&
               tl_index_writer_divide(writer, model, TL_VECTOR_IMAGE, lists, NULL, &error) &&
               tl_index_writer_commit(writer, &error),
           &error);
    tl_index_writer_close(writer);
}

static void remove_some(tl_index *index, size_t first, size_t end, size_t step)
{
    tl_error error;
    tl_index_writer *writer;
    expect(tl_index_writer_open(index, &writer, &error), &error);
    for (size_t row = first; row < end; row += step)
        expect(tl_index_writer_remove_item(writer, (int64_t)row + 1, &error), &error);
    expect(tl_index_writer_commit(writer, &error), &error);
    tl_index_writer_close(writer);
}

static void leave_page_cache(const char *path)
{
    int file = open(path, O_RDONLY);
    expect_input(file >= 0 && fsync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, path, "a file");
    close(file);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

typedef struct questions {
    const float *queries; /* [count, dim] */
    const int32_t *truth; /* [count, K] */
    size_t count, dim;
} questions;

/* One pass; the first search, which verifies, is told apart unless the pass is cold. */
static void search(const char *path, const questions *asked, const char *mode)
{
    tl_error error;
    tl_index *index;
    tl_index_searcher *searcher;
    tl_hit hits[K];
    size_t hit_count, right = 0;
    bool is_cold = strncmp(mode, "cold", 4) == 0;
    tl_search_options options = {.k = K, .exact = strcmp(mode, "exact") == 0};
    options.probes = (uint32_t)strtoul(is_cold ? mode + 4 : mode, NULL, 10);
    double *seconds = allocate(asked->count, sizeof *seconds), first = 0, cpu = 0, wall = 0;
    if (is_cold)
        leave_page_cache(path);
    double opened = tl_clock_seconds();
    expect(tl_index_open(path, TL_INDEX_READ, &index, &error) &&
               tl_index_searcher_create(index, model, TL_VECTOR_IMAGE, &searcher, &error),
           &error);
    for (int pass = is_cold; pass < 2; pass++) {
        cpu = cpu_seconds();
        wall = tl_clock_seconds();
        right = 0;
        for (size_t q = 0; q < asked->count; q++) {
            double start = tl_clock_seconds();
            expect(tl_index_searcher_search(searcher, asked->queries + q * asked->dim, &options, hits, &hit_count, &error),
                   &error);
            seconds[q] = tl_clock_seconds() - start;
            if (q == 0 && first == 0)
                first = tl_clock_seconds() - opened;
            for (size_t i = 0; i < hit_count; i++)
                for (size_t j = 0; j < K; j++)
                    right += asked->truth[q * K + j] == hits[i].item_id - 1;
        }
        cpu = cpu_seconds() - cpu;
        wall = tl_clock_seconds() - wall;
    }
    qsort(seconds, asked->count, sizeof *seconds, by_value);
    printf("{\"step\":\"search\",\"mode\":\"%s\",\"recall\":%.4f,\"qps_cpu\":%.1f,\"qps_wall\":%.1f,\"median_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"first_ms\":%.2f,\"anon_mib\":%.1f}\n",
           mode, (double)right / (double)(asked->count * K), (double)asked->count / cpu, (double)asked->count / wall,
           seconds[asked->count / 2] * 1e3, seconds[asked->count * 99 / 100] * 1e3, first * 1e3, status_mib("RssAnon"));
    fflush(stdout);
    tl_index_searcher_destroy(searcher);
    tl_index_close(index);
    tl_memory_free(seconds);
}

static void search_all(const char *path, char **arguments, int modes)
{
    matrix queries = open_matrix(arguments[0], "'<f2'"), truth = open_matrix(arguments[1], "'<i4'");
    size_t count = (size_t)strtoul(arguments[2], NULL, 10);
    count = count < queries.count ? count : queries.count;
    expect_input(truth.count >= count && truth.dim == K, arguments[1], "ten rows for each query");
    uint16_t *halves = allocate(count * queries.dim, sizeof *halves);
    float *vectors = allocate(count * queries.dim, sizeof *vectors);
    int32_t *rows = allocate(count * K, sizeof *rows);
    read_rows(&queries, 0, count, sizeof *halves, halves);
    read_rows(&truth, 0, count, sizeof *rows, rows);
    tl_widen_from_f16(halves, vectors, count * queries.dim);
    for (int i = 0; i < modes; i++)
        search(path, &(questions){vectors, rows, count, queries.dim}, arguments[3 + i]);
    tl_memory_free(halves);
    tl_memory_free(vectors);
    tl_memory_free(rows);
    fclose(queries.file);
    fclose(truth.file);
}

int main(int argc, char **argv)
{
    tl_error error;
    tl_index *index;
    const char *step = argc > 2 ? argv[1] : "";
    size_t numbers[3] = {0};
    for (int i = 0; i < 3 && 3 + i < argc; i++)
        numbers[i] = (size_t)strtoul(argv[3 + i], NULL, 10);
    if (strcmp(step, "search") == 0 && argc > 6) {
        search_all(argv[2], argv + 3, argc - 6);
        return 0;
    }
    bool adds = strcmp(step, "add") == 0 && argc > 5, divides = strcmp(step, "divide") == 0,
         removes = strcmp(step, "remove") == 0 && argc > 5 && numbers[2] != 0, compacts = strcmp(step, "compact") == 0,
         checks = strcmp(step, "check") == 0;
    if (!adds && !divides && !removes && !compacts && !checks) {
        fprintf(stderr, "usage: bench_index_curve add|divide|remove|compact|check|search FILE ... (as its source says)\n");
        return 2;
    }
    expect(tl_index_open(argv[2], adds ? TL_INDEX_CREATE : TL_INDEX_WRITE, &index, &error), &error);
    double cpu = cpu_seconds(), wall = tl_clock_seconds();
    size_t rows = 0;
    if (adds) {
        matrix from = open_matrix(argv[3], "'<f2'");
        rows = numbers[2] - numbers[1];
        expect_input(numbers[1] < numbers[2] && numbers[2] <= from.count, argv[3], "so many rows");
        add(index, &from, numbers[1], numbers[2],
            argc > 6 && strcmp(argv[6], "f32") == 0 ? TL_VECTOR_STORE_F32 : TL_VECTOR_STORE_F16);
        fclose(from.file);
    } else if (divides) {
        divide(index, (uint32_t)numbers[0]);
    } else if (removes) {
        remove_some(index, numbers[0], numbers[1], numbers[2]);
    } else if (compacts) {
        expect(tl_index_vacuum(index, &error), &error);
    } else {
        expect(tl_index_check(index, &error), &error);
    }
    say(step, cpu_seconds() - cpu, tl_clock_seconds() - wall, rows, index);
    tl_index_close(index);
    return 0;
}
