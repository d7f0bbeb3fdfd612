/*
 * Speed of a training step's arithmetic, forward, loss and backward of both towers, by part and as a share of this machine's
 * product speed, measured in the same run. usage: bench_towers [threads [kernels]]
 *
 * Times are kept twice: by the wall, and in processor seconds, which other programs on the machine disturb less. The share of
 * sgemm is of processor time, against one core's.
 *
 * Operations counted are those of the products done (multiply and add are two): the last block's queries and what follows only
 * where pooling reads, as computed; norms, activations and softmax count nothing.
 */
#include "base/compute/compute.h"
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "encoders/objectives/objective.h"
#include "encoders/towers/towers.h"
#include "tests/bench/processor_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 4, BATCH = 128 };

typedef struct bench_subject {
    const char *name;
    tl_model_config config;
    uint32_t text_length; /* tokens of a caption, at most the context */
} bench_subject;

static const bench_subject subjects[] = {
    {"vit 192x6 p8 64px + text 192x4, ~10 tokens",
     {.embedding_dim = 256,
      .vision = {.layer_norm_epsilon = 1e-5f,
                 .image_size = 64,
                 .patch_size = 8,
                 .width = 192,
                 .layers = 6,
                 .heads = 3,
                 .mlp_width = 768},
      .text = {.layer_norm_epsilon = 1e-5f,
               .context_length = 32,
               .vocabulary_size = 8192,
               .width = 192,
               .layers = 4,
               .heads = 3,
               .mlp_width = 768,
               .eos_id = 3}},
     10},
    {"vit 256x6 p16 128px + text 256x4, 32 tokens",
     {.embedding_dim = 256,
      .vision = {.layer_norm_epsilon = 1e-5f,
                 .image_size = 128,
                 .patch_size = 16,
                 .width = 256,
                 .layers = 6,
                 .heads = 4,
                 .mlp_width = 1024},
      .text = {.layer_norm_epsilon = 1e-5f,
               .context_length = 32,
               .vocabulary_size = 8192,
               .width = 256,
               .layers = 4,
               .heads = 4,
               .mlp_width = 1024,
               .eos_id = 3}},
     32},
};

/* Operations of one block forward; rows: all of the batch, read: those after attention, pairs: sum over items of queries x keys.
 */
static double block_operations(double rows, double read, double pairs, double width, double mlp)
{
    return 2.0 * rows * width * 2.0 * width + 2.0 * read * width * (2.0 * width + 2.0 * mlp) + 4.0 * pairs * width;
}

static double step_operations(const tl_model_config *config, double text_length)
{
    const double items = BATCH, patches = (double)(config->vision.image_size / config->vision.patch_size);
    const double vision_tokens = patches * patches + 1.0, vision_width = config->vision.width, text_width = config->text.width;
    double total = 0.0;
    for (uint32_t i = 0; i < config->vision.layers; i++) {
        double queries = i + 1 == config->vision.layers ? 1.0 : vision_tokens;
        total += block_operations(items * vision_tokens, items * queries, items * queries * vision_tokens, vision_width,
                                  config->vision.mlp_width);
    }
    for (uint32_t i = 0; i < config->text.layers; i++) {
        double queries = i + 1 == config->text.layers ? 1.0 : text_length;
        total += block_operations(items * text_length, items * queries, items * queries * text_length, text_width,
                                  config->text.mlp_width);
    }
    total += 2.0 * items * config->embedding_dim * (vision_width + text_width);
    double patch_floats = 3.0 * config->vision.patch_size * config->vision.patch_size;
    return 3.0 * total + 2.0 * 2.0 * items * vision_tokens * vision_width * patch_floats;
}

/* Products of one core, operations per processor second. */
static double product_speed(void)
{
    enum { SIDE = 1536 };
    float *blocks = tl_memory_allocate_aligned((size_t)3 * SIDE * SIDE, sizeof(float), NULL);
    if (blocks == NULL)
        return 0.0;
    for (size_t i = 0; i < (size_t)2 * SIDE * SIDE; i++)
        blocks[i] = (float)(i % 7) * 0.1f;
    tl_matmul_call call = {.m = SIDE,
                           .n = SIDE,
                           .k = SIDE,
                           .alpha = 1.0f,
                           .a = blocks,
                           .a_row = SIDE,
                           .b = blocks + SIDE * SIDE,
                           .b_row = SIDE,
                           .c = blocks + 2 * SIDE * SIDE,
                           .c_row = SIDE};
    double best = 0.0;
    for (int i = 0; i < 2 * TRIES; i++) {
        double start = processor_seconds();
        tl_matmul(NULL, &call);
        double speed = 2.0 * SIDE * SIDE * SIDE / (processor_seconds() - start);
        best = speed > best ? speed : best;
    }
    tl_memory_free(blocks);
    return best;
}

enum { VISION_FORWARD, TEXT_FORWARD, LOSS, TEXT_BACKWARD, VISION_BACKWARD, PART_COUNT };
static const char *const part_names[PART_COUNT] = {"vision forward", "text forward", "loss", "text backward", "vision backward"};

typedef struct towers_bench {
    const bench_subject *subject;
    tl_thread_pool *pool;
    tl_parameter_table table;
    tl_vision_tower *vision;
    tl_text_tower *text;
    tl_arena *arena;
    float *blocks; /* values, then gradients */
    tl_weight *values;
    float **gradients;
    float *pixels, *outputs; /* outputs: images, texts and their gradients, [4, B, D] */
    int32_t *ids;
    uint32_t lengths[BATCH];
} towers_bench;

static bool prepare(towers_bench *bench, tl_error *err)
{
    const tl_model_config *config = &bench->subject->config;
    const size_t side = config->vision.image_size, tokens = config->text.context_length,
                 pixel_count = (size_t)BATCH * 3 * side * side;
    if (!tl_vision_tower_create(config, &bench->table, &bench->vision, err) ||
        !tl_text_tower_create(config, &bench->table, &bench->text, err) ||
        !tl_arena_create(tl_vision_tower_scratch_size(bench->vision, BATCH, true) +
                             tl_text_tower_scratch_size(bench->text, BATCH, true) + (1 << 20),
                         &bench->arena, err))
        return false;
    bench->blocks = tl_memory_allocate_aligned(2 * bench->table.flat_count, sizeof(float), err);
    bench->values = tl_memory_allocate(bench->table.count, sizeof *bench->values, err);
    bench->gradients = tl_memory_allocate(bench->table.count, sizeof *bench->gradients, err);
    bench->pixels = tl_memory_allocate_aligned(pixel_count, sizeof(float), err);
    bench->outputs = tl_memory_allocate_aligned((size_t)4 * BATCH * config->embedding_dim, sizeof(float), err);
    bench->ids = tl_memory_allocate(BATCH * tokens, sizeof *bench->ids, err);
    if (bench->blocks == NULL || bench->values == NULL || bench->gradients == NULL || bench->pixels == NULL ||
        bench->outputs == NULL || bench->ids == NULL)
        return false;
    tl_parameter_table_point_weights(&bench->table, bench->blocks, bench->values);
    tl_parameter_table_point(&bench->table, bench->blocks + bench->table.flat_count, bench->gradients);
    tl_parameter_table_initialize(&bench->table, 1, bench->blocks);
    tl_random random = tl_random_stream(1, 1);
    for (size_t i = 0; i < pixel_count; i++)
        bench->pixels[i] = tl_random_normal(&random);
    for (size_t b = 0; b < BATCH; b++) {
        /* Captions of other than full length vary by a few tokens around it. */
        uint32_t length = bench->subject->text_length;
        if (length < tokens)
            length += (uint32_t)(b % 5) - 2;
        bench->lengths[b] = length;
        for (size_t t = 0; t + 1 < length; t++)
            bench->ids[b * tokens + t] = (int32_t)(4 + tl_random_below(&random, config->text.vocabulary_size - 4));
        bench->ids[b * tokens + length - 1] = config->text.eos_id;
    }
    return true;
}

static bool run_step(towers_bench *bench, double seconds[PART_COUNT], tl_error *err)
{
    const size_t dim = bench->subject->config.embedding_dim, outputs = BATCH * dim;
    const tl_weight *values = bench->values;
    float *images = bench->outputs, *texts = images + outputs, *images_gradient = texts + outputs,
          *texts_gradient = images_gradient + outputs;
    tl_tower_state *vision, *text;
    tl_objective_result result;
    float by_scale = 0.0f;
    tl_arena_reset(bench->arena);
    memset(bench->gradients[0], 0, bench->table.flat_count * sizeof(float));
    double start = tl_clock_seconds(), now;
#define PART(number, call)         \
    if (!(call))                   \
        return false;              \
    now = tl_clock_seconds();      \
    seconds[number] = now - start; \
    start = now
    PART(VISION_FORWARD, tl_vision_tower_forward(bench->vision, values, bench->pixels, BATCH, bench->pool, bench->arena, NULL,
                                                 images, &vision, err));
    PART(TEXT_FORWARD, tl_text_tower_forward(bench->text, values, bench->ids, bench->lengths, BATCH, bench->pool, bench->arena,
                                             NULL, texts, &text, err));
    const tl_objective_input input = {
        .pictures = BATCH, .captions_per_picture = 1, .dim = dim, .images = images, .texts = texts, .logit_scale = 2.66f};
    const tl_objective_gradients by = {images_gradient, texts_gradient, &by_scale, NULL};
    PART(LOSS, tl_objective_contrastive.run(&input, bench->pool, bench->arena, &result, &by, err));
    PART(TEXT_BACKWARD,
         tl_text_tower_backward(bench->text, values, bench->gradients, text, texts_gradient, bench->pool, bench->arena, err));
    PART(VISION_BACKWARD, tl_vision_tower_backward(bench->vision, values, bench->gradients, vision, images_gradient, bench->pool,
                                                   bench->arena, err));
#undef PART
    return true;
}

static bool run(const bench_subject *subject, tl_thread_pool *pool, tl_error *err)
{
    towers_bench bench = {.subject = subject, .pool = pool};
    double best = 0.0, best_processor = 0.0, parts[PART_COUNT] = {0.0};
    bool ok = prepare(&bench, err);
    for (int i = 0; ok && i <= TRIES; i++) { /* the first warms up */
        double seconds[PART_COUNT], start = tl_clock_seconds(), processor_start = processor_seconds();
        ok = run_step(&bench, seconds, err);
        double total = tl_clock_seconds() - start, processor = processor_seconds() - processor_start;
        if (!ok || i == 0)
            continue;
        if (best_processor == 0.0 || processor < best_processor)
            best_processor = processor;
        if (best == 0.0 || total < best) {
            best = total;
            memcpy(parts, seconds, sizeof parts);
        }
    }
    if (ok) {
        double operations = step_operations(&subject->config, subject->text_length);
        size_t threads = tl_thread_pool_size(pool);
        for (int part = 0; part < PART_COUNT; part++)
            printf("{\"what\": \"%s\", \"model\": \"%s\", \"threads\": %zu, \"ms\": %.1f}\n", part_names[part], subject->name,
                   threads, 1e3 * parts[part]);
        printf("{\"what\": \"train pairs/s\", \"model\": \"%s\", \"threads\": %zu, \"batch\": %d, \"value\": %.1f, "
               "\"per core second\": %.1f, \"GFLOP/s\": %.1f, \"share of sgemm\": %.3f, \"kernels\": \"%s\"}\n",
               subject->name, threads, BATCH, BATCH / best, BATCH / best_processor, operations / best * 1e-9,
               operations / best_processor / product_speed(), tl_kernels_name());
    }
    tl_memory_free(bench.ids);
    tl_memory_free(bench.outputs);
    tl_memory_free(bench.pixels);
    tl_memory_free(bench.gradients);
    tl_memory_free(bench.values);
    tl_memory_free(bench.blocks);
    tl_arena_destroy(bench.arena);
    tl_text_tower_destroy(bench.text);
    tl_vision_tower_destroy(bench.vision);
    tl_parameter_table_clear(&bench.table);
    return ok;
}

int main(int argc, char **argv)
{
    tl_error err;
    tl_thread_pool *pool = NULL;
    bool ok = tl_kernels_select(argc > 2 ? argv[2] : NULL, &err) &&
              tl_thread_pool_create(argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 0, &pool, &err);
    for (size_t i = 0; ok && i < sizeof subjects / sizeof subjects[0]; i++)
        ok = run(&subjects[i], pool, &err);
    tl_thread_pool_destroy(pool);
    if (!ok)
        fprintf(stderr, "bench_towers: %s\n", err.message);
    return ok ? 0 : 1;
}
