/*
 * What this machine can do, to hold other figures against: f32 products per second of one core and of all, reading speed of one
 * core, and which kernels run. usage: bench_machine [threads]
 */
#include "base/compute/compute.h"
#include "base/core/clock.h"
#include "base/core/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 5 };

static double product_gflops(tl_thread_pool *pool, size_t side)
{
    float *blocks = tl_memory_allocate_aligned(3 * side * side, sizeof(float), NULL);
    if (blocks == NULL)
        return 0.0;
    for (size_t i = 0; i < 2 * side * side; i++)
        blocks[i] = (float)(i % 7) * 0.1f;
    tl_matmul_call call = {.m = side,
                           .n = side,
                           .k = side,
                           .alpha = 1.0f,
                           .a = blocks,
                           .a_row = side,
                           .b = blocks + side * side,
                           .b_row = side,
                           .c = blocks + 2 * side * side,
                           .c_row = side};
    double best = 0.0;
    for (int i = 0; i < TRIES; i++) {
        double start = tl_clock_seconds();
        tl_matmul(pool, &call);
        double speed = 2.0 * (double)side * (double)side * (double)side / (tl_clock_seconds() - start) * 1e-9;
        best = speed > best ? speed : best;
    }
    tl_memory_free(blocks);
    return best;
}

static double read_gbytes(void)
{
    enum { DIM = 256, ROWS = 1 << 18 }; /* 256 MiB: past any cache */
    float *rows = tl_memory_allocate_aligned((size_t)DIM * ROWS, sizeof(float), NULL);
    float *scores = tl_memory_allocate_aligned(ROWS, sizeof(float), NULL);
    double best = 0.0;
    if (rows != NULL && scores != NULL)
        for (int i = 0; i < TRIES; i++) {
            double start = tl_clock_seconds();
            tl_dot_rows(rows, ROWS, DIM, rows, scores);
            double speed = (double)DIM * ROWS * sizeof(float) / (tl_clock_seconds() - start) * 1e-9;
            best = speed > best ? speed : best;
        }
    tl_memory_free(scores);
    tl_memory_free(rows);
    return best;
}

int main(int argc, char **argv)
{
    tl_error err;
    tl_thread_pool *pool;
    if (!tl_thread_pool_create(argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 0, &pool, &err)) {
        fprintf(stderr, "bench_machine: %s\n", err.message);
        return 1;
    }
    double one = 0.0, all = 0.0;
    for (size_t side = 768; side <= 3072; side *= 2) {
        double single = product_gflops(NULL, side), shared = product_gflops(pool, side);
        one = single > one ? single : one;
        all = shared > all ? shared : all;
    }
    printf("{\"what\": \"kernels\", \"value\": \"%s\"}\n", tl_kernels_name());
    printf("{\"what\": \"sgemm GFLOP/s\", \"threads\": 1, \"value\": %.1f}\n", one);
    printf("{\"what\": \"sgemm GFLOP/s\", \"threads\": %zu, \"value\": %.1f}\n", tl_thread_pool_size(pool), all);
    printf("{\"what\": \"read GB/s\", \"threads\": 1, \"value\": %.1f}\n", read_gbytes());
    tl_thread_pool_destroy(pool);
    return 0;
}
