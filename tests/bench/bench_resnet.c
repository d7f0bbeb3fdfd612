/*
 * Encoding speed of CLIP's ResNet-50 (random weights; speed does not depend on them), by batch and type of the weights.
 * usage: bench_resnet [threads [kernels]]   JSON lines; "per core second" is by processor time, which other programs disturb
 * less.
 */
#include "base/compute/compute.h"
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "encoders/towers/towers.h"
#include "tests/bench/processor_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 4, MOST_BATCH = 32 };

static const tl_model_config config = {
    .embedding_dim = 1024,
    .vision = {.trunk = TL_TRUNK_RESNET,
               .layer_norm_epsilon = 1e-5f,
               .image_size = 224,
               .patch_size = 32,
               .width = 64,
               .layers = 16,
               .heads = 32,
               .stage_layers = {3, 4, 6, 3}},
};

typedef struct resnet_bench {
    tl_parameter_table table;
    tl_vision_tower *tower;
    tl_thread_pool *pool;
    tl_arena *arena;
    tl_weight *values;
    float *block, *pixels, *out;
    uint16_t *halves; /* the matrices in bf16, where they lie in the block */
} resnet_bench;

static bool prepare(resnet_bench *bench, size_t threads, tl_error *err)
{
    const size_t pixel_count = (size_t)MOST_BATCH * 3 * config.vision.image_size * config.vision.image_size;
    if (!tl_thread_pool_create(threads, &bench->pool, err) ||
        !tl_vision_tower_create(&config, &bench->table, &bench->tower, err) ||
        !tl_arena_create(tl_vision_tower_scratch_size(bench->tower, MOST_BATCH, false), &bench->arena, err))
        return false;
    bench->block = tl_memory_allocate_aligned(bench->table.flat_count, sizeof(float), err);
    bench->halves = tl_memory_allocate_aligned(bench->table.flat_count, sizeof *bench->halves, err);
    bench->values = tl_memory_allocate(bench->table.count, sizeof *bench->values, err);
    bench->pixels = tl_memory_allocate_aligned(pixel_count, sizeof(float), err);
    bench->out = tl_memory_allocate_aligned((size_t)MOST_BATCH * config.embedding_dim, sizeof(float), err);
    if (bench->block == NULL || bench->halves == NULL || bench->values == NULL || bench->pixels == NULL || bench->out == NULL)
        return false;
    tl_parameter_table_point_weights(&bench->table, bench->block, bench->values);
    tl_parameter_table_initialize(&bench->table, 1, bench->block);
    for (size_t i = 0; i < bench->table.flat_count; i++) {
        uint32_t bits;
        memcpy(&bits, &bench->block[i], sizeof bits);
        bench->halves[i] = (uint16_t)(bits >> 16);
    }
    for (size_t i = 0; i < pixel_count; i++)
        bench->pixels[i] = (float)(i % 255) / 255.0f - 0.5f;
    return true;
}

static void use_halves(resnet_bench *bench)
{
    for (size_t row = 0; row < bench->table.count; row++) {
        const tl_parameter *parameter = &bench->table.items[row];
        if (parameter->rank < 2 || parameter->is_read_as_floats)
            continue;
        bench->values[row].parts[0] = bench->halves + parameter->offset;
        bench->values[row].dtype = TL_BF16;
    }
}

static bool measure(resnet_bench *bench, const char *weights, size_t batch, tl_error *err)
{
    double best = 0.0, best_processor = 0.0;
    for (int i = 0; i <= TRIES; i++) { /* the first warms up */
        tl_arena_reset(bench->arena);
        double start = tl_clock_seconds(), processor_start = processor_seconds();
        if (!tl_vision_tower_forward(bench->tower, bench->values, bench->pixels, batch, bench->pool, bench->arena, NULL,
                                     bench->out, NULL, err))
            return false;
        double seconds = tl_clock_seconds() - start, processor = processor_seconds() - processor_start;
        best = i == 1 || (i > 1 && seconds < best) ? seconds : best;
        best_processor = i == 1 || (i > 1 && processor < best_processor) ? processor : best_processor;
    }
    printf("{\"what\": \"rn50 image/s\", \"weights\": \"%s\", \"threads\": %zu, \"batch\": %zu, \"value\": %.2f, "
           "\"per core second\": %.2f, \"kernels\": \"%s\"}\n",
           weights, tl_thread_pool_size(bench->pool), batch, (double)batch / best, (double)batch / best_processor,
           tl_kernels_name());
    return true;
}

int main(int argc, char **argv)
{
    tl_error err;
    resnet_bench bench = {0};
    bool ok = tl_kernels_select(argc > 2 ? argv[2] : NULL, &err) &&
              prepare(&bench, argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 0, &err) && measure(&bench, "f32", 1, &err) &&
              measure(&bench, "f32", MOST_BATCH, &err);
    if (ok) {
        use_halves(&bench);
        ok = measure(&bench, "bf16", 1, &err) && measure(&bench, "bf16", MOST_BATCH, &err);
    }
    if (!ok)
        fprintf(stderr, "bench_resnet: %s\n", err.message);
    tl_memory_free(bench.out);
    tl_memory_free(bench.pixels);
    tl_memory_free(bench.values);
    tl_memory_free(bench.halves);
    tl_memory_free(bench.block);
    tl_arena_destroy(bench.arena);
    tl_vision_tower_destroy(bench.tower);
    tl_parameter_table_clear(&bench.table);
    tl_thread_pool_destroy(bench.pool);
    return ok ? 0 : 1;
}
