/*
 * Encoding speed of both towers at the size of ViT-B/32 (random weights; speed does not depend on them), by batch.
 * usage: bench_encode [threads [kernels]]   JSON lines; "per core second" is by processor time, which other programs disturb
 * less.
 */
#include "base/compute/compute.h"
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "encoders/towers/towers.h"

#include "encoders/weights/packed_weights.h"
#include "tests/bench/processor_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 4, MOST_BATCH = 32, CAPTION_TOKENS = 12 };

static const tl_model_config config = {
    .embedding_dim = 512,
    .vision = {.activation = TL_QUICK_GELU,
               .layer_norm_epsilon = 1e-5f,
               .image_size = 224,
               .patch_size = 32,
               .width = 768,
               .layers = 12,
               .heads = 12,
               .mlp_width = 3072},
    .text = {.activation = TL_QUICK_GELU,
             .layer_norm_epsilon = 1e-5f,
             .context_length = 77,
             .vocabulary_size = 49408,
             .width = 512,
             .layers = 12,
             .heads = 8,
             .mlp_width = 2048,
             .eos_id = 2},
};

typedef struct encode_bench {
    tl_parameter_table table;
    tl_vision_tower *vision;
    tl_text_tower *text;
    tl_thread_pool *pool;
    tl_arena *arena;
    tl_weight *values;
    tl_packed_weights *packed;
    const char *precision; /* "raw": the weights as they lie */
    float *block, *pixels, *out;
    int32_t *ids;
    uint32_t lengths[MOST_BATCH];
} encode_bench;

static bool prepare(encode_bench *bench, size_t threads, tl_error *err)
{
    const size_t pixel_count = (size_t)MOST_BATCH * 3 * config.vision.image_size * config.vision.image_size;
    if (!tl_thread_pool_create(threads, &bench->pool, err) ||
        !tl_vision_tower_create(&config, &bench->table, &bench->vision, err) ||
        !tl_text_tower_create(&config, &bench->table, &bench->text, err) ||
        !tl_arena_create(tl_vision_tower_scratch_size(bench->vision, MOST_BATCH, false), &bench->arena, err))
        return false;
    bench->block = tl_memory_allocate_aligned(bench->table.flat_count, sizeof(float), err);
    bench->values = tl_memory_allocate(bench->table.count, sizeof *bench->values, err);
    bench->pixels = tl_memory_allocate_aligned(pixel_count, sizeof(float), err);
    bench->out = tl_memory_allocate_aligned((size_t)MOST_BATCH * config.embedding_dim, sizeof(float), err);
    bench->ids = tl_memory_allocate((size_t)MOST_BATCH * config.text.context_length, sizeof *bench->ids, err);
    if (bench->block == NULL || bench->values == NULL || bench->pixels == NULL || bench->out == NULL || bench->ids == NULL)
        return false;
    tl_parameter_table_point_weights(&bench->table, bench->block, bench->values);
    tl_parameter_table_initialize(&bench->table, 1, bench->block);
    for (size_t i = 0; i < pixel_count; i++)
        bench->pixels[i] = (float)(i % 255) / 255.0f - 0.5f;
    for (size_t b = 0; b < MOST_BATCH; b++) {
        bench->lengths[b] = CAPTION_TOKENS;
        for (size_t t = 0; t < CAPTION_TOKENS; t++)
            bench->ids[b * config.text.context_length + t] = t + 1 == CAPTION_TOKENS ? 2 : (int32_t)(1000 + 31 * b + t);
    }
    return true;
}

static bool pack(encode_bench *bench, tl_error *err)
{
    static const char *const names[] = {"f32", "bf16", "int8"};
    for (int kind = 0; kind < 3; kind++)
        if (strcmp(bench->precision, names[kind]) == 0) {
            const tl_packed_part part = {.kind = (tl_packed_kind)kind, .table = &bench->table, .count = bench->table.count};
            return tl_packed_weights_create(&part, bench->values, bench->pool, &bench->packed, err);
        }
    return strcmp(bench->precision, "raw") == 0 ||
           tl_fail(err, TL_ERROR_INVALID, "expected raw, f32, bf16 or int8, found '%s'", bench->precision);
}

static bool measure(encode_bench *bench, bool is_image, size_t batch, tl_error *err)
{
    const tl_weight *values = bench->values;
    double best = 0.0, best_processor = 0.0;
    for (int i = 0; i <= TRIES; i++) { /* the first warms up */
        tl_arena_reset(bench->arena);
        double start = tl_clock_seconds(), processor_start = processor_seconds();
        if (is_image ? !tl_vision_tower_forward(bench->vision, values, bench->pixels, batch, bench->pool, bench->arena, NULL,
                                                bench->out, NULL, err)
                     : !tl_text_tower_forward(bench->text, values, bench->ids, bench->lengths, batch, bench->pool, bench->arena,
                                              NULL, bench->out, NULL, err))
            return false;
        double seconds = tl_clock_seconds() - start, processor = processor_seconds() - processor_start;
        best = i == 1 || (i > 1 && seconds < best) ? seconds : best;
        best_processor = i == 1 || (i > 1 && processor < best_processor) ? processor : best_processor;
    }
    printf("{\"what\": \"vit-b-32 %s\", \"threads\": %zu, \"batch\": %zu, \"value\": %.2f, \"per core second\": %.2f, "
           "\"precision\": \"%s\", \"kernels\": \"%s\"}\n",
           is_image ? "image/s" : "text/s, 12 tokens", tl_thread_pool_size(bench->pool), batch, (double)batch / best,
           (double)batch / best_processor, bench->precision, tl_kernels_name());
    return true;
}

int main(int argc, char **argv)
{
    tl_error err;
    encode_bench bench = {0};
    bench.precision = argc > 3 ? argv[3] : "raw";
    bool ok = tl_kernels_select(argc > 2 ? argv[2] : NULL, &err) &&
              prepare(&bench, argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 0, &err) && pack(&bench, &err) &&
              measure(&bench, true, 1, &err) && measure(&bench, true, MOST_BATCH, &err) && measure(&bench, false, 1, &err) &&
              measure(&bench, false, MOST_BATCH, &err);
    if (!ok)
        fprintf(stderr, "bench_encode: %s\n", err.message);
    tl_packed_weights_destroy(bench.packed);
    tl_memory_free(bench.ids);
    tl_memory_free(bench.out);
    tl_memory_free(bench.pixels);
    tl_memory_free(bench.values);
    tl_memory_free(bench.block);
    tl_arena_destroy(bench.arena);
    tl_text_tower_destroy(bench.text);
    tl_vision_tower_destroy(bench.vision);
    tl_parameter_table_clear(&bench.table);
    tl_thread_pool_destroy(bench.pool);
    return ok ? 0 : 1;
}
