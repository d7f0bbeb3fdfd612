/* The tiny model and batches of tests/golden/make_training.py, for the tests of the trainer and of the model folder. */
#ifndef TL_TESTS_SUPPORT_TRAINING_FIXTURE_H
#define TL_TESTS_SUPPORT_TRAINING_FIXTURE_H

#include "base/core/memory.h"
#include "base/io/file.h"
#include "encoders/training.h"
#include "encoders/weights/safetensors.h"
#include "tests/support/assert_ok.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TRAINING_FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/training"
enum {
    FIXTURE_STEPS = 10,
    FIXTURE_BATCH = 6,
    FIXTURE_CONTEXT = 8,
    FIXTURE_SIDE = 8,
    FIXTURE_DIM = 8,
    FIXTURE_PIXELS = 3 * 8 * 8
};

/* The same numbers as at the top of the script. */
#define FIXTURE_SGD_RATE 0.01
#define FIXTURE_ADAMW_RATE 3e-3

typedef struct fixture_batches {
    tl_safetensors *file;
    const float *pixels;                                          /* [10, 6, 3, 8, 8] */
    int32_t ids[FIXTURE_STEPS * FIXTURE_BATCH * FIXTURE_CONTEXT]; /* [10, 6, 8] */
    uint32_t lengths[FIXTURE_STEPS * FIXTURE_BATCH];
} fixture_batches;

static inline tl_safetensors *open_fixture(const char *path)
{
    tl_safetensors *file = NULL;
    assert_ok(tl_safetensors_open(path, &file, err));
    return file;
}

static inline void load_batches(fixture_batches *out)
{
    tl_error err;
    size_t shape[] = {FIXTURE_STEPS, FIXTURE_BATCH, 3, FIXTURE_SIDE, FIXTURE_SIDE};
    out->file = open_fixture(TRAINING_FIXTURES "/batches.safetensors");
    out->pixels = tl_safetensors_expect(out->file, "pixels", 5, shape, &err);
    assert_non_null(out->pixels);
    tl_slice ids = tl_safetensors_find(out->file, "ids")->bytes;
    tl_slice lengths = tl_safetensors_find(out->file, "lengths")->bytes;
    assert_int_equal(ids.size, sizeof out->ids);
    assert_int_equal(lengths.size, sizeof out->lengths);
    memcpy(out->ids, ids.data, ids.size);
    memcpy(out->lengths, lengths.data, lengths.size);
}

static inline tl_training_batch batch_of_step(const fixture_batches *batches, size_t step)
{
    step %= FIXTURE_STEPS;
    return (tl_training_batch){.pairs = FIXTURE_BATCH,
                               .pixels = batches->pixels + step * FIXTURE_BATCH * FIXTURE_PIXELS,
                               .ids = batches->ids + step * FIXTURE_BATCH * FIXTURE_CONTEXT,
                               .lengths = batches->lengths + step * FIXTURE_BATCH};
}

static inline tl_model_config fixture_config(void)
{
    tl_error err;
    tl_json *json = NULL;
    tl_model_config config = {0};
    if (!tl_json_read_file(TRAINING_FIXTURES "/model/config.json", 65536, &json, &err) ||
        !tl_model_config_read(json, &config, &err))
        fail_msg("%s", err.message);
    tl_json_free(json);
    return config;
}

static inline tl_trainer *make_trainer(const tl_training_options *options, tl_thread_pool *pool)
{
    tl_trainer *trainer = NULL;
    tl_model_config config = fixture_config();
    tl_image_recipe recipe = tl_image_recipe_default(FIXTURE_SIDE);
    assert_ok(tl_trainer_create(&config, &recipe, options, pool, &trainer, err));
    return trainer;
}

/* Overwrites the trainer's weights by those of a file of the script. */
static inline void load_weights(tl_trainer *trainer, const char *path)
{
    tl_safetensors *file = open_fixture(path);
    size_t loaded = 0;
    for (size_t i = 0; i < tl_safetensors_count(file); i++) {
        const tl_tensor_view *view = tl_safetensors_item(file, i);
        size_t count = 0;
        float *parameter = tl_trainer_parameter(trainer, view->name, &count);
        if (parameter == NULL || count != view->count)
            fail_msg("trainer has no parameter '%s' of %zu values", view->name, view->count);
        memcpy(parameter, tl_tensor_view_floats(view), count * sizeof(float));
        loaded++;
    }
    assert_true(loaded > 50);
    tl_safetensors_close(file);
}

/* |a - b| / |b|; with indices from..to-1 left out. */
static inline double relative_distance(const float *a, const float *b, size_t count, size_t from, size_t to)
{
    double difference = 0.0;
    double size = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (i >= from && i < to)
            continue;
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return difference == 0.0 ? 0.0 : sqrt(difference / size);
}

/* Largest relative distance of the trainer's last gradients from the script's over all tensors; *worst names it. */
static inline double worst_gradient_distance(const tl_trainer *trainer, char worst[128])
{
    tl_safetensors *file = open_fixture(TRAINING_FIXTURES "/gradients.safetensors");
    double largest = 0.0;
    size_t compared = 0;
    for (size_t i = 0; i < tl_safetensors_count(file); i++) {
        const tl_tensor_view *view = tl_safetensors_item(file, i);
        size_t count = 0;
        const float *gradient = tl_trainer_gradient(trainer, view->name, &count);
        if (strcmp(view->name, "loss") == 0)
            continue;
        if (gradient == NULL || count != view->count)
            fail_msg("trainer has no gradient '%s' of %zu values", view->name, view->count);
        double distance = relative_distance(gradient, tl_tensor_view_floats(view), count, 0, 0);
        compared++;
        if (!(distance <= largest)) {
            largest = distance;
            snprintf(worst, 128, "%s", view->name);
        }
    }
    assert_int_equal(compared, 62);
    tl_safetensors_close(file);
    return largest;
}

/* A copy of the fixture's model folder under the working directory: opening a model writes its fingerprint. */
static inline void copy_model_folder(const char *directory)
{
    static const char *const names[] = {"config.json", "preprocessor_config.json", "model.safetensors"};
    tl_error err;
    if (!tl_directory_remove(directory, &err) || !tl_directory_create(directory, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < 3; i++) {
        char from[512];
        char to[512];
        tl_string bytes;
        tl_string_init(&bytes, 1 << 20);
        snprintf(from, sizeof from, "%s/model/%s", TRAINING_FIXTURES, names[i]);
        snprintf(to, sizeof to, "%s/%s", directory, names[i]);
        if (!tl_file_read(from, &bytes, &err) || !tl_file_replace(to, tl_string_slice(&bytes), &err))
            fail_msg("%s", err.message);
        tl_string_clear(&bytes);
    }
}

#endif
