/*
 * Speed from picture files to a tower's input: decoding, recipe, and the augmented view that training takes of each frame.
 * usage: bench_image FILE...      files that are no pictures are left out
 *
 * Times are of the processor, one thread, files already in memory; the best of TRIES rounds. Rivals are run by hand in the same
 * session on the same files (docs/BENCHMARKS.md).
 */
#include "base/core/random.h"
#include "base/image/decode.h"
#include "base/io/file.h"
#include "encoders/preprocess/recipe.h"
#include "encoders/views/augment.h"
#include "tests/bench/processor_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 3, VIEWS = 500 };

static void end_with(const tl_error *err)
{
    fprintf(stderr, "bench_image: %s\n", err->message);
    exit(1);
}

static void bench_files(const tl_string *files, size_t count, const char *name, const tl_image_recipe *recipe, uint32_t min_side,
                        float *out)
{
    tl_image_decode_options options = {.min_side = min_side};
    double best_decode = 1e9, best_apply = 1e9;
    for (int try = 0; try < TRIES; try++) {
        double decode = 0, apply = 0;
        for (size_t i = 0; i < count; i++) {
            tl_image image = {0};
            tl_error err = {0};
            double start = processor_seconds();
            if (!tl_image_decode(tl_string_slice(&files[i]), &options, &image, &err))
                end_with(&err);
            double decoded = processor_seconds();
            if (!tl_image_recipe_apply(recipe, &image, out, &err))
                end_with(&err);
            apply += processor_seconds() - decoded;
            decode += decoded - start;
            tl_image_clear(&image);
        }
        best_decode = decode < best_decode ? decode : best_decode;
        best_apply = apply < best_apply ? apply : best_apply;
    }
    double pictures = (double)count;
    printf("{\"bench\": \"picture to input\", \"pictures\": %zu, \"recipe\": \"%s\", \"side\": %u, \"min_side\": %u, "
           "\"images_per_second\": %.0f, "
           "\"decode_us\": %.0f, \"recipe_us\": %.0f}\n",
           count, name, recipe->size, min_side, pictures / (best_decode + best_apply), best_decode / pictures * 1e6,
           best_apply / pictures * 1e6);
}

static void bench_views(uint32_t size, float *out)
{
    tl_image_recipe recipe = tl_image_recipe_default(size);
    tl_augment_options options = {.min_area = 0.4f, .aspect = 4.0f / 3, .flip = 0.5f};
    tl_random random = tl_random_stream(1, size);
    tl_image frame = {0};
    tl_error err = {0};
    if (!tl_image_create(size, size, &frame, &err))
        end_with(&err);
    for (size_t i = 0; i < (size_t)size * size * 3; i++)
        frame.pixels[i] = (uint8_t)tl_random_below(&random, 256);
    double best = 1e9;
    for (int try = 0; try < TRIES; try++) {
        double start = processor_seconds();
        for (int i = 0; i < VIEWS; i++)
            if (!tl_augment_apply(&options, &recipe, frame.pixels, &random, out, &err))
                end_with(&err);
        double taken = processor_seconds() - start;
        best = taken < best ? taken : best;
    }
    printf("{\"bench\": \"augmented view\", \"side\": %u, \"view_us\": %.1f}\n", size, best / VIEWS * 1e6);
    tl_image_clear(&frame);
}

int main(int argc, char **argv)
{
    static const uint32_t sides[] = {64, 224};
    tl_string *files = calloc((size_t)argc, sizeof *files);
    float *out = calloc((size_t)3 * 224 * 224, sizeof *out);
    size_t count = 0;
    if (files == NULL || out == NULL) {
        free(files);
        free(out);
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        tl_image image;
        tl_string_init(&files[count], (size_t)64 << 20);
        if (tl_file_read(argv[i], &files[count], NULL) && tl_image_decode(tl_string_slice(&files[count]), NULL, &image, NULL)) {
            tl_image_clear(&image);
            count++;
        } else {
            tl_string_clear(&files[count]);
        }
    }
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        if (count != 0) {
            tl_image_recipe recipe = tl_image_recipe_default(sides[i]);
            bench_files(files, count, "ours", &recipe, 0, out);
            bench_files(files, count, "ours", &recipe, sides[i], out);
        }
        bench_views(sides[i], out);
    }
    tl_image_recipe published;
    if (count != 0 && tl_image_recipe_read_open_clip(NULL, 224, &published, NULL)) {
        bench_files(files, count, "open_clip", &published, 0, out);
        bench_files(files, count, "open_clip", &published, 448, out);
    }
    for (size_t i = 0; i < count; i++)
        tl_string_clear(&files[i]);
    free(files);
    free(out);
    return 0;
}
