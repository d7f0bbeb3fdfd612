/*
 * Steps of training at the sizes of tests/bench/train/peer.py: ViT 6 x 256, patch 16 at 128 px, text 4 x 256, context 32,
 * vocabulary 8,192, batch 128, with AdamW. Captions are random tokens of so many each, or real ones, one a line of a file, by a
 * vocabulary trained on all of them; every step brings others.
 * usage: bench_train [threads [tokens | CAPTIONS.txt [batch [chunk [f32 | bf16 [IDS]]]]]]   IDS: a file for the ids of the steps,
 * int32 [steps, batch, 32], for the peer
 */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "base/io/file.h"
#include "encoders/training.h"
#include "tokenizer/tokenizer.h"

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

typedef struct bench_call {
    size_t threads, batch, chunk;
    const char *tokens, *ids_path;
    bool in_bf16;
} bench_call;

/* What all steps bring. */
typedef struct made_batches {
    float *pixels;     /* [B, 3, S, S], of every step */
    int32_t *ids;      /* [steps, B, T] */
    uint32_t *lengths; /* [steps, B] */
} made_batches;

static void draw_ids(size_t length, size_t texts, made_batches *out)
{
    tl_random random = tl_random_stream(1, 2);
    if (length < 3 || length > CONTEXT)
        length = CONTEXT;
    for (size_t i = 0; i < texts; i++) {
        out->lengths[i] = (uint32_t)length;
        for (size_t t = 0; t + 1 < length; t++)
            out->ids[i * CONTEXT + t] = (int32_t)(EOS + 1 + tl_random_below(&random, VOCABULARY - EOS - 1));
        out->ids[i * CONTEXT + length - 1] = EOS;
    }
}

typedef struct caption_lines {
    tl_slice all; /* ends with a line break */
    size_t at;
} caption_lines;

static bool next_line(void *context, tl_slice *text, bool *done, tl_error *err)
{
    caption_lines *lines = context;
    (void)err;
    const char *start = lines->all.data + lines->at;
    *done = lines->at == lines->all.size;
    *text = (tl_slice){start, *done ? 0 : (size_t)((const char *)memchr(start, '\n', lines->all.size - lines->at) - start)};
    lines->at += *done ? 0 : text->size + 1;
    return true;
}

/* The vocabulary of all lines, and the ids of as many as the steps want, in a drawn order. */
static bool encode_lines(tl_slice all, const char *vocabulary_path, size_t texts, made_batches *out, tl_error *err)
{
    bool ok = false, done = false;
    size_t count = 0, reached;
    caption_lines lines = {all, 0};
    const tl_text_source source = {&lines, next_line};
    const tl_tokenizer_training training = {VOCABULARY};
    const tl_tokenizer_options options = {.context_length = CONTEXT};
    tl_tokenizer *tokenizer = NULL;
    for (size_t i = 0; i < all.size; i++)
        count += all.data[i] == '\n';
    uint32_t *order = tl_memory_allocate(count, sizeof *order, err);
    tl_slice *slices = order != NULL ? tl_memory_allocate(count + texts, sizeof *slices, err) : NULL;
    if (slices == NULL || !tl_tokenizer_train(&source, &training, vocabulary_path, &reached, err) ||
        !tl_tokenizer_open(vocabulary_path, &options, &tokenizer, err))
        goto done;
    lines.at = 0;
    for (size_t i = 0; i < count; i++)
        if (!next_line(&lines, &slices[i], &done, err))
            goto done;
    tl_random random = tl_random_stream(1, 3);
    tl_random_permutation(&random, order, count);
    for (size_t i = 0; i < texts; i++)
        slices[count + i] = slices[order[i % count]];
    ok = tl_tokenizer_encode(tokenizer, slices + count, texts, out->ids, out->lengths, err);
done:
    tl_tokenizer_close(tokenizer);
    tl_memory_free(slices);
    tl_memory_free(order);
    return ok;
}

static bool read_ids(const char *path, size_t texts, made_batches *out, tl_error *err)
{
    char vocabulary_path[256];
    tl_string bytes;
    tl_string_init(&bytes, (size_t)1 << 28);
    bool ok = tl_file_read(path, &bytes, err) && tl_string_append_text(&bytes, "\n", err);
    snprintf(vocabulary_path, sizeof vocabulary_path, "%s.vocabulary", path);
    ok = ok && encode_lines(tl_string_slice(&bytes), vocabulary_path, texts, out, err);
    tl_string_clear(&bytes);
    return ok;
}

static bool make_batches(const bench_call *call, made_batches *out, tl_error *err)
{
    const size_t floats = call->batch * 3 * SIDE * SIDE, texts = (WARMUP + STEPS) * call->batch;
    out->pixels = tl_memory_allocate_aligned(floats, sizeof *out->pixels, err);
    out->ids = out->pixels != NULL ? tl_memory_allocate(texts * CONTEXT, sizeof *out->ids, err) : NULL;
    out->lengths = out->ids != NULL ? tl_memory_allocate(texts, sizeof *out->lengths, err) : NULL;
    if (out->lengths == NULL)
        return false;
    tl_random random = tl_random_stream(1, 1);
    for (size_t i = 0; i < floats; i++)
        out->pixels[i] = tl_random_normal(&random);
    char *end;
    const size_t length = (size_t)strtoull(call->tokens, &end, 10);
    if (*end == '\0')
        draw_ids(length, texts, out);
    else if (!read_ids(call->tokens, texts, out, err))
        return false;
    return call->ids_path == NULL ||
           tl_file_replace(call->ids_path, (tl_slice){(const char *)out->ids, texts * CONTEXT * sizeof *out->ids}, err);
}

static double mean_length(const made_batches *made, size_t texts)
{
    double sum = 0.0;
    for (size_t i = 0; i < texts; i++)
        sum += made->lengths[i];
    return sum / (double)texts;
}

static bool run(const bench_call *call, tl_thread_pool *pool, tl_error *err)
{
    made_batches made = {0};
    tl_trainer *trainer = NULL;
    tl_image_recipe recipe = tl_image_recipe_default(SIDE);
    const size_t pairs = call->batch;
    const tl_training_options options = {
        .steps = WARMUP + STEPS, .constant_rate = true, .max_batch = pairs, .chunk = call->chunk, .in_bf16 = call->in_bf16};
    bool ok = make_batches(call, &made, err) && tl_trainer_create(&config, &recipe, &options, pool, &trainer, err);
    double best = 0;
    for (size_t step = 0; ok && step < WARMUP + STEPS; step++) {
        const tl_training_batch batch = {.pairs = pairs,
                                         .pixels = made.pixels,
                                         .ids = made.ids + step * pairs * CONTEXT,
                                         .lengths = made.lengths + step * pairs};
        tl_step_metrics metrics;
        double started = tl_clock_seconds();
        ok = tl_trainer_step(trainer, &batch, &metrics, err);
        double seconds = tl_clock_seconds() - started;
        if (step >= WARMUP && (best == 0 || seconds < best))
            best = seconds;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (ok)
        printf("{\"what\": \"training\", \"precision\": \"%s\", \"threads\": %zu, \"batch\": %zu, \"chunk\": %zu, "
               "\"mean_length\": %.2f, \"pairs_per_second\": %.2f, \"peak_mib\": %.0f}\n",
               call->in_bf16 ? "bf16" : "f32", tl_thread_pool_size(pool), pairs, call->chunk,
               mean_length(&made, (WARMUP + STEPS) * pairs), (double)pairs / best, (double)usage.ru_maxrss / 1024);
    tl_trainer_destroy(trainer);
    tl_memory_free(made.lengths);
    tl_memory_free(made.ids);
    tl_memory_free(made.pixels);
    return ok;
}

static size_t number(int argc, char **argv, int index, size_t fallback)
{
    return argc > index ? (size_t)strtoull(argv[index], NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
    const bench_call call = {.threads = number(argc, argv, 1, 2),
                             .tokens = argc > 2 ? argv[2] : "32",
                             .batch = number(argc, argv, 3, 128),
                             .chunk = number(argc, argv, 4, 0),
                             .in_bf16 = argc > 5 && strcmp(argv[5], "bf16") == 0,
                             .ids_path = argc > 6 ? argv[6] : NULL};
    tl_error err;
    tl_thread_pool *pool;
    bool ok = tl_thread_pool_create(call.threads, &pool, &err);
    if (ok) {
        ok = run(&call, pool, &err);
        tl_thread_pool_destroy(pool);
    }
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    return ok ? 0 : 1;
}
