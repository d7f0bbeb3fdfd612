/*
 * Steps of training at the sizes of tests/bench/train/peer.py: ViT 6 x 256, patch 16 at 128 px, text 4 x 256, context 32,
 * vocabulary 8,192, batch 128, with AdamW. Captions are random tokens of full length, or of lengths drawn about a mean (real
 * captions: flickr8k's have some 13 tokens). usage: bench_train [threads [mean length [batch [chunk [bf16]]]]]
 */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "encoders/training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WARMUP = 1, STEPS = 3, SIDE = 128, CONTEXT = 32, VOCABULARY = 8192, EOS = 3 };

static const tl_model_config config = {.embedding_dim = 256,
                                       .vision = {.image_size = SIDE,
                                                  .patch_size = 16,
                                                  .width = 256,
                                                  .layers = 6,
                                                  .heads = 4,
                                                  .mlp_width = 1024,
                                                  .pooling = TL_POOL_CLASS_TOKEN,
                                                  .layer_norm_epsilon = 1e-5F},
                                       .text = {.context_length = CONTEXT,
                                                .vocabulary_size = VOCABULARY,
                                                .width = 256,
                                                .layers = 4,
                                                .heads = 4,
                                                .mlp_width = 1024,
                                                .pooling = TL_POOL_EOS,
                                                .eos_id = EOS,
                                                .layer_norm_epsilon = 1e-5F}};

typedef struct made_batch {
    float *pixels;
    int32_t *ids;
    uint32_t *lengths;
    tl_training_batch batch;
} made_batch;

/* Lengths are uniform about the mean, as far as the context lets them. */
static uint32_t draw_length(tl_random *random, size_t mean)
{
    if (mean >= CONTEXT)
        return CONTEXT;
    size_t length = mean / 2 + (size_t)tl_random_below(random, mean + 1);
    return (uint32_t)(length < 3 ? 3 : length > CONTEXT ? CONTEXT : length);
}

static bool make_batch(size_t pairs, size_t mean_length, made_batch *out, tl_error *err)
{
    const size_t floats = pairs * 3 * SIDE * SIDE;
    out->pixels = tl_memory_allocate_aligned(floats, sizeof *out->pixels, err);
    out->ids = out->pixels != NULL ? tl_memory_allocate(pairs * CONTEXT, sizeof *out->ids, err) : NULL;
    out->lengths = out->ids != NULL ? tl_memory_allocate(pairs, sizeof *out->lengths, err) : NULL;
    if (out->lengths == NULL)
        return false;
    tl_random random = tl_random_stream(1, 1);
    for (size_t i = 0; i < floats; i++)
        out->pixels[i] = tl_random_normal(&random);
    for (size_t i = 0; i < pairs; i++) {
        out->lengths[i] = draw_length(&random, mean_length);
        for (size_t t = 0; t + 1 < out->lengths[i]; t++)
            out->ids[i * CONTEXT + t] = (int32_t)(EOS + 1 + tl_random_below(&random, VOCABULARY - EOS - 1));
        out->ids[i * CONTEXT + out->lengths[i] - 1] = EOS;
    }
    out->batch = (tl_training_batch){.pairs = pairs, .pixels = out->pixels, .ids = out->ids, .lengths = out->lengths};
    return true;
}

static bool run(tl_thread_pool *pool, size_t mean_length, size_t pairs, size_t chunk, bool in_bf16, tl_error *err)
{
    made_batch made = {0};
    tl_trainer *trainer = NULL;
    tl_image_recipe recipe = tl_image_recipe_default(SIDE);
    const tl_training_options options = {
        .steps = WARMUP + STEPS, .constant_rate = true, .max_batch = pairs, .chunk = chunk, .in_bf16 = in_bf16};
    bool ok = make_batch(pairs, mean_length, &made, err) && tl_trainer_create(&config, &recipe, &options, pool, &trainer, err);
    double best = 0;
    for (size_t step = 0; ok && step < WARMUP + STEPS; step++) {
        tl_step_metrics metrics;
        double started = tl_clock_seconds();
        ok = tl_trainer_step(trainer, &made.batch, &metrics, err);
        double seconds = tl_clock_seconds() - started;
        if (step >= WARMUP && (best == 0 || seconds < best))
            best = seconds;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (ok)
        printf("{\"what\": \"training\", \"precision\": \"%s\", \"threads\": %zu, \"batch\": %zu, \"chunk\": %zu, "
               "\"mean_length\": %zu, "
               "\"pairs_per_second\": %.2f, \"peak_mib\": %.0f}\n",
               in_bf16 ? "bf16" : "f32", tl_thread_pool_size(pool), pairs, chunk, mean_length, (double)pairs / best,
               (double)usage.ru_maxrss / 1024);
    tl_trainer_destroy(trainer);
    tl_memory_free(made.lengths);
    tl_memory_free(made.ids);
    tl_memory_free(made.pixels);
    return ok;
}

int main(int argc, char **argv)
{
    size_t numbers[4] = {2, CONTEXT, 128, 0};
    for (int i = 1; i < argc && i <= 4; i++)
        numbers[i - 1] = (size_t)strtoull(argv[i], NULL, 10);
    tl_error err;
    tl_thread_pool *pool;
    bool ok = tl_thread_pool_create(numbers[0], &pool, &err);
    if (ok) {
        ok = run(pool, numbers[1], numbers[2], numbers[3], argc > 5 && strcmp(argv[5], "bf16") == 0, &err);
        tl_thread_pool_destroy(pool);
    }
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    return ok ? 0 : 1;
}
