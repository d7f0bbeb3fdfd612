/*
 * The objectives against open_clip and torch (tests/golden/make_objectives.py), against central differences of the formulas
 * written out in double, for several captions a picture and batches of more than one tile, and the same bits for any number of
 * threads.
 */
#include "encoders/objectives/objective.h"
#include "encoders/weights/safetensors.h"
#include "tests/support/assert_ok.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/objectives"
enum { DIM = 5 };
static const float scale = 1.9f, bias = -1.3f;

static tl_safetensors *open_file(const char *name)
{
    char path[512];
    tl_safetensors *file = NULL;
    snprintf(path, sizeof path, "%s/%s.safetensors", FIXTURES, name);
    assert_ok(tl_safetensors_open(path, &file, err));
    return file;
}

static const float *floats_of(tl_safetensors *file, const char *name)
{
    return tl_tensor_view_floats(tl_safetensors_find(file, name));
}

static double distance(const float *a, const float *b, size_t count)
{
    double difference = 0.0, size = 0.0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(difference) / (sqrt(size) + 1e-12);
}

/* ---- the reference ---- */

typedef struct found_gradients {
    float images[70 * DIM], texts[140 * DIM], by_scale, by_bias;
    tl_objective_result result;
} found_gradients;

static void run(const tl_objective *objective, const tl_objective_input *input, tl_thread_pool *pool, found_gradients *found)
{
    tl_error err;
    tl_arena *arena;
    const size_t captions = input->pictures * input->captions_per_picture;
    assert_true(tl_arena_create(tl_objective_scratch_size(input->pictures, captions, input->dim, tl_thread_pool_size(pool)),
                                &arena, &err));
    void *only_chunk = tl_arena_save(arena).chunk;
    found->by_scale = found->by_bias = 0.0f;
    const tl_objective_gradients gradients = {found->images, found->texts, &found->by_scale, &found->by_bias};
    if (!objective->run(input, pool, arena, &found->result, &gradients, &err))
        fail_msg("%s", err.message);
    assert_ptr_equal(tl_arena_save(arena).chunk, only_chunk); /* the announced scratch is enough */
    tl_arena_destroy(arena);
}

static void read_keys(tl_safetensors *file, const char *name, uint64_t *keys, size_t count)
{
    tl_slice bytes = tl_safetensors_find(file, name)->bytes;
    assert_int_equal(bytes.size, count * sizeof(int32_t));
    for (size_t i = 0; i < count; i++) {
        int32_t key;
        memcpy(&key, bytes.data + i * sizeof key, sizeof key);
        keys[i] = (uint64_t)key;
    }
}

/* by_picture: what is equal are the pictures, whose captions are then each other's own. */
static void check_case(const tl_objective *objective, const char *treatment, bool is_many, bool by_picture)
{
    char name[64];
    uint64_t keys[70];
    const size_t pairs = is_many ? 70 : 9;
    const bool is_plain = strcmp(treatment, "plain") == 0;
    tl_safetensors *inputs = open_file("inputs");
    read_keys(inputs, is_many ? "many_keys" : "keys", keys, pairs);
    tl_objective_input input = {.pictures = pairs,
                                .captions_per_picture = 1,
                                .dim = DIM,
                                .images = floats_of(inputs, is_many ? "many_images" : "images"),
                                .texts = floats_of(inputs, is_many ? "many_texts" : "texts"),
                                .caption_keys = is_plain || by_picture ? NULL : keys,
                                .picture_keys = by_picture ? keys : NULL,
                                .equals_are_positives = !by_picture && strcmp(treatment, "positives") == 0,
                                .logit_scale = scale,
                                .logit_bias = objective->has_logit_bias ? bias : 0.0f};
    found_gradients found;
    run(objective, &input, NULL, &found);
    snprintf(name, sizeof name, "%s_%s_%s", objective->name, treatment, is_many ? "many" : "few");
    tl_safetensors *expected = open_file(name);
    if (!(fabs(found.result.loss / (double)floats_of(expected, "loss")[0] - 1.0) < 1e-5))
        fail_msg("%s: expected loss %g, found %g", name, (double)floats_of(expected, "loss")[0], found.result.loss);
    double worst = fmax(distance(found.images, floats_of(expected, "images"), pairs * DIM),
                        distance(found.texts, floats_of(expected, "texts"), pairs * DIM));
    worst = fmax(worst, distance(&found.by_scale, floats_of(expected, "scale"), 1));
    if (objective->has_logit_bias)
        worst = fmax(worst, distance(&found.by_bias, floats_of(expected, "bias"), 1));
    if (!(worst < 2e-5))
        fail_msg("%s: relative distance of a gradient %g", name, worst);
    /* What is left out or counted otherwise must show. */
    if (!is_plain) {
        input.equals_are_positives = !by_picture && !input.equals_are_positives;
        input.picture_keys = NULL;
        run(objective, &input, NULL, &found);
        assert_true(distance(found.images, floats_of(expected, "images"), pairs * DIM) > 1e-3);
    }
    tl_safetensors_close(expected);
    tl_safetensors_close(inputs);
}

static void both_are_those_of_the_reference(void **state)
{
    (void)state;
    static const char *const treatments[] = {"plain", "left_out", "positives"};
    for (size_t i = 0; i < 3; i++)
        for (int is_many = 0; is_many < 2; is_many++) {
            check_case(&tl_objective_contrastive, treatments[i], is_many != 0, false);
            check_case(&tl_objective_sigmoid, treatments[i], is_many != 0, false);
        }
}

/* The same picture twice is as good as the same caption twice: the reference is the one of equal captions. */
static void a_picture_shown_twice_is_its_own(void **state)
{
    (void)state;
    for (int is_many = 0; is_many < 2; is_many++) {
        check_case(&tl_objective_contrastive, "positives", is_many != 0, true);
        check_case(&tl_objective_sigmoid, "positives", is_many != 0, true);
    }
}

/* ---- central differences ---- */

enum { MOST_PICTURES = 70, MOST_CAPTIONS = 2 * MOST_PICTURES };

typedef struct plain_batch {
    size_t pictures, each;
    double images[MOST_PICTURES][DIM], texts[MOST_CAPTIONS][DIM];
    uint64_t keys[MOST_CAPTIONS];
    uint64_t known[3 * MOST_PICTURES]; /* three of each picture */
    bool is_more_known;
    bool equals_are_positives;
    double scale, bias;
} plain_batch;

static double plain_logit(const plain_batch *batch, size_t picture, size_t caption)
{
    double dot = 0.0, a = 0.0, b = 0.0;
    for (size_t d = 0; d < DIM; d++) {
        dot += batch->images[picture][d] * batch->texts[caption][d];
        a += batch->images[picture][d] * batch->images[picture][d];
        b += batch->texts[caption][d] * batch->texts[caption][d];
    }
    return exp(batch->scale) * dot / sqrt(a * b) + batch->bias;
}

/* 1: belongs, 0: does not, -1: left out. */
static int plain_kind(const plain_batch *batch, size_t picture, size_t caption)
{
    bool is_equal = false;
    for (size_t k = 0; k < batch->each; k++) {
        if (picture * batch->each + k == caption)
            return 1;
        is_equal |= batch->keys[picture * batch->each + k] == batch->keys[caption];
    }
    for (size_t k = 0; batch->is_more_known && k < 3; k++)
        is_equal |= batch->known[3 * picture + k] == batch->keys[caption];
    return !is_equal ? 0 : batch->equals_are_positives ? 1 : -1;
}

static double plain_loss(const plain_batch *batch, bool is_sigmoid)
{
    const size_t captions = batch->pictures * batch->each;
    double loss = 0.0;
    for (size_t i = 0; is_sigmoid && i < batch->pictures; i++)
        for (size_t j = 0; j < captions; j++) {
            int kind = plain_kind(batch, i, j);
            double logit = plain_logit(batch, i, j);
            loss += kind < 0 ? 0.0 : log1p(exp(kind == 1 ? -logit : logit)) / (double)captions;
        }
    for (int side = 0; !is_sigmoid && side < 2; side++) {
        const size_t rows = side == 0 ? batch->pictures : captions, columns = side == 0 ? captions : batch->pictures;
        for (size_t row = 0; row < rows; row++) {
            double sum = 0.0, positive = 0.0, positives = 0.0;
            for (size_t column = 0; column < columns; column++) {
                size_t picture = side == 0 ? row : column, caption = side == 0 ? column : row;
                int kind = plain_kind(batch, picture, caption);
                double logit = plain_logit(batch, picture, caption);
                sum += kind < 0 ? 0.0 : exp(logit);
                positive += kind == 1 ? logit : 0.0;
                positives += kind == 1;
            }
            loss += 0.5 * (log(sum) - positive / positives) / (double)rows;
        }
    }
    return loss;
}

static void check_differences(const tl_objective *objective, size_t pictures, size_t each, bool equals_are_positives,
                              bool is_more_known)
{
    const bool is_sigmoid = objective->has_logit_bias;
    static const double step = 1e-5;
    const size_t captions = pictures * each;
    plain_batch batch = {.pictures = pictures,
                         .each = each,
                         .is_more_known = is_more_known,
                         .equals_are_positives = equals_are_positives,
                         .scale = (double)scale,
                         .bias = is_sigmoid ? (double)bias : 0.0};
    float images[MOST_PICTURES * DIM], texts[MOST_CAPTIONS * DIM];
    for (size_t i = 0; i < pictures * DIM; i++)
        batch.images[i / DIM][i % DIM] = (double)(images[i] = sinf(1.7f * (float)i + 0.3f));
    for (size_t i = 0; i < captions * DIM; i++)
        batch.texts[i / DIM][i % DIM] = (double)(texts[i] = cosf(2.3f * (float)i + 0.1f * (float)(i % 7)));
    for (size_t i = 0; i < captions; i++)
        batch.keys[i] = i % (captions - captions / 4);
    size_t starts[MOST_PICTURES + 1];
    for (size_t i = 0; i < pictures; i++) { /* one that is there, one that has its bit of the mask, one that is nowhere */
        batch.known[3 * i] = batch.keys[(5 * i + 3) % captions];
        batch.known[3 * i + 1] = batch.keys[(3 * i + 1) % captions] + 64000;
        batch.known[3 * i + 2] = 12345 + i;
    }
    for (size_t i = 0; i <= pictures; i++)
        starts[i] = 3 * i;
    const tl_objective_input input = {.pictures = pictures,
                                      .captions_per_picture = each,
                                      .dim = DIM,
                                      .images = images,
                                      .texts = texts,
                                      .caption_keys = batch.keys,
                                      .known_keys = is_more_known ? batch.known : NULL,
                                      .known_starts = starts,
                                      .equals_are_positives = equals_are_positives,
                                      .logit_scale = scale,
                                      .logit_bias = (float)batch.bias};
    found_gradients found;
    run(objective, &input, NULL, &found);
    assert_true(fabs(found.result.loss / plain_loss(&batch, is_sigmoid) - 1.0) < 1e-5);
    double largest = 0.0;
    for (size_t i = 0; i < pictures * DIM; i++)
        largest = fmax(largest, fabs((double)found.images[i]));
    for (size_t i = 0; i < (pictures + captions) * DIM + 2; i += i < (pictures + captions) * DIM - 13 ? 13 : 1) {
        const size_t text = i - pictures * DIM;
        double *at = i < pictures * DIM                 ? &batch.images[i / DIM][i % DIM]
                     : i < (pictures + captions) * DIM  ? &batch.texts[text / DIM][text % DIM]
                     : i == (pictures + captions) * DIM ? &batch.scale
                                                        : &batch.bias;
        const double ours = (double)(i < pictures * DIM                 ? found.images[i]
                                     : i < (pictures + captions) * DIM  ? found.texts[text]
                                     : i == (pictures + captions) * DIM ? found.by_scale
                                     : is_sigmoid                       ? found.by_bias
                                                                        : 0.0f);
        const double kept = *at;
        double sides[2];
        for (int side = 0; side < 2; side++) {
            *at = kept + (side == 0 ? -step : step);
            sides[side] = plain_loss(&batch, is_sigmoid);
        }
        *at = kept;
        double expected = (sides[1] - sides[0]) / (2.0 * step);
        if (i == (pictures + captions) * DIM + 1 && !is_sigmoid)
            continue; /* the contrastive loss has no bias */
        if (!(fabs(ours - expected) < 1e-4 * fmax(largest, fabs(expected)) + 1e-7))
            fail_msg("%s, number %zu: expected %.9g, found %.9g", objective->name, i, expected, ours);
    }
}

static void both_agree_with_central_differences(void **state)
{
    (void)state;
    static const tl_objective *const objectives[] = {&tl_objective_contrastive, &tl_objective_sigmoid};
    for (size_t i = 0; i < 2; i++)
        for (int which = 0; which < 4; which++) {
            const bool positives = which % 2 != 0, is_more_known = which / 2 != 0;
            check_differences(objectives[i], 8, 1, positives, is_more_known);
            check_differences(objectives[i], 6, 3, positives, is_more_known);
            check_differences(objectives[i], 67, 2, positives, is_more_known); /* several tiles of both kinds of rows */
        }
}

/* ---- the rest ---- */

static void threads_do_not_change_bits(void **state)
{
    (void)state;
    tl_safetensors *inputs = open_file("inputs");
    const tl_objective_input input = {.pictures = 70,
                                      .captions_per_picture = 1,
                                      .dim = DIM,
                                      .images = floats_of(inputs, "many_images"),
                                      .texts = floats_of(inputs, "many_texts"),
                                      .logit_scale = scale};
    found_gradients alone, together;
    memset(&alone, 0, sizeof alone);
    memset(&together, 0, sizeof together);
    run(&tl_objective_contrastive, &input, NULL, &alone);
    for (size_t threads = 1; threads <= 3; threads++) {
        tl_thread_pool *pool;
        assert_true(tl_thread_pool_create(threads, &pool, NULL));
        run(&tl_objective_contrastive, &input, pool, &together);
        assert_memory_equal(&alone, &together, sizeof alone);
        tl_thread_pool_destroy(pool);
    }
    tl_safetensors_close(inputs);
}

/* Scales of 100 with opposite rows: exponentials far beyond a float's range on the way. */
static void large_logits_stay_finite(void **state)
{
    (void)state;
    const float images[] = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0}, texts[] = {-1, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    tl_objective_input input = {
        .pictures = 2, .captions_per_picture = 1, .dim = DIM, .images = images, .texts = texts, .logit_scale = logf(100.0f)};
    found_gradients found;
    run(&tl_objective_contrastive, &input, NULL, &found);
    assert_true(fabs(found.result.loss - 200.0) < 1e-3 && found.result.accuracy == 0.0);
    run(&tl_objective_sigmoid, &input, NULL, &found);
    assert_true(fabs(found.result.loss - 200.0) < 1e-3 && isfinite(found.by_scale) && isnan(found.result.mutual_information));
}

static void names_are_looked_up(void **state)
{
    (void)state;
    tl_error err;
    assert_ptr_equal(tl_objective_find(NULL, &err), &tl_objective_contrastive);
    assert_ptr_equal(tl_objective_find("sigmoid", &err), &tl_objective_sigmoid);
    assert_null(tl_objective_find("triplet", &err));
    assert_non_null(strstr(err.message, "'contrastive' or 'sigmoid', found 'triplet'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_those_of_the_reference),
        cmocka_unit_test(a_picture_shown_twice_is_its_own),
        cmocka_unit_test(both_agree_with_central_differences),
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(large_logits_stay_finite),
        cmocka_unit_test(names_are_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
