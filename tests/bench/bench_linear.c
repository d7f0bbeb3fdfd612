/*
 * tl_linear over weights as published files hold them: the four products of every block of a ViT-B/32 picture tower, weights
 * coming from memory, for one row (a pooled token), 50 (a picture) and 400 (eight). usage: bench_linear [threads]
 */
#include "base/compute/compute.h"
#include "base/core/clock.h"
#include "base/core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 5, BLOCKS = 12, WIDTH = 768, MLP = 3072, MAX_ROWS = 400 };

static const struct product {
    size_t in, out;
} products[] = {{WIDTH, 3 * WIDTH}, {WIDTH, WIDTH}, {WIDTH, MLP}, {MLP, WIDTH}};

enum { PRODUCT_COUNT = sizeof products / sizeof products[0] };

static const size_t row_counts[] = {1, 4, 16, 50, 400};
static const char *const dtype_names[] = {[TL_F32] = "f32", [TL_F16] = "f16", [TL_BF16] = "bf16"};

/* Small numbers of either sign, none denormal. */
static void fill(tl_dtype dtype, void *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float value = (float)((int)(i * 7919 % 251) - 125) * 0x1p-10f;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint16_t half = (uint16_t)(bits >> 16);
        if (dtype == TL_F16 && value != 0.0f)
            half = (uint16_t)((bits >> 16 & 0x8000u) | ((bits >> 23 & 0xffu) - 112u) << 10 | (bits >> 13 & 0x3ffu));
        if (dtype == TL_F32)
            ((float *)values)[i] = value;
        else
            ((uint16_t *)values)[i] = half;
    }
}

static double pass_seconds(tl_thread_pool *pool, tl_dtype dtype, bool is_transposed, const char *weights, const float *x,
                           size_t rows, float *y)
{
    double best = 1e9;
    for (int i = 0; i < TRIES; i++) {
        double start = tl_clock_seconds();
        const char *at = weights;
        for (int block = 0; block < BLOCKS; block++)
            for (size_t p = 0; p < PRODUCT_COUNT; p++) {
                tl_weight weight = {.parts = {at}, .part_rows = {SIZE_MAX}, .part_count = 1, .dtype = dtype};
                weight.is_transposed = is_transposed;
                tl_linear(pool, x, rows, products[p].in, &weight, NULL, NULL, products[p].out, y);
                at += products[p].in * products[p].out * tl_dtype_size(dtype);
            }
        double seconds = tl_clock_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    tl_error err;
    tl_thread_pool *pool;
    size_t count = 0;
    for (size_t p = 0; p < PRODUCT_COUNT; p++)
        count += products[p].in * products[p].out * BLOCKS;
    char *weights = tl_memory_allocate_aligned(count, sizeof(float), &err);
    float *x = tl_memory_allocate_aligned((size_t)MAX_ROWS * MLP, sizeof *x, &err);
    float *y = tl_memory_allocate_aligned((size_t)MAX_ROWS * MLP, sizeof *y, &err);
    if (weights == NULL || x == NULL || y == NULL ||
        !tl_thread_pool_create(argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 0, &pool, &err)) {
        fprintf(stderr, "bench_linear: %s\n", err.message);
        return 1;
    }
    fill(TL_F32, x, (size_t)MAX_ROWS * MLP);
    for (tl_dtype dtype = TL_F32; dtype <= TL_BF16; dtype++) {
        fill(dtype, weights, count);
        for (int transposed = 0; transposed < 2; transposed++)
            for (size_t i = 0; i < sizeof row_counts / sizeof row_counts[0]; i++) {
                double seconds = pass_seconds(pool, dtype, transposed != 0, weights, x, row_counts[i], y);
                printf("{\"what\": \"linear of 12 blocks, ms\", \"weights\": \"%s%s\", \"rows\": %zu, \"threads\": %zu, "
                       "\"value\": %.2f, \"GFLOP/s\": %.1f, \"GB/s\": %.1f}\n",
                       dtype_names[dtype], transposed != 0 ? " transposed" : "", row_counts[i], tl_thread_pool_size(pool),
                       seconds * 1e3, 2e-9 * (double)count * (double)row_counts[i] / seconds,
                       1e-9 * (double)(count * tl_dtype_size(dtype)) / seconds);
            }
    }
    tl_thread_pool_destroy(pool);
    tl_memory_free(y);
    tl_memory_free(x);
    tl_memory_free(weights);
    return 0;
}
