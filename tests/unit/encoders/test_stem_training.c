/*
 * Training with a convolutional stem: chunks give the gradients of the whole batch, bf16's are near f32's, any number of threads
 * gives the same bits, a repeated batch's loss falls, and what is exported opens and gives the same rows at every precision.
 */
#include "base/io/file.h"
#include "encoders/encoders.h"
#include "encoders/training.h"
#include "encoders/weights/safetensors.h"
#include "tests/support/assert_ok.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PAIRS = 70, SIDE = 16, PIXELS = 3 * SIDE * SIDE, CONTEXT = 8, VOCABULARY = 40, DIM = 16 };

static const tl_model_config config = {
    .embedding_dim = DIM,
    .vision = {.image_size = SIDE,
               .patch_size = 8,
               .stem_stage_count = 2,
               .stem_stages = {{2, 24, 2, 96}, {2, 40, 1, 80}},
               .stem_kernel = 3,
               .width = 32,
               .layers = 2,
               .heads = 2,
               .mlp_width = 64,
               .pooling = TL_POOL_AVERAGE,
               .layer_norm_epsilon = 1e-5F},
    .text = {.context_length = CONTEXT,
             .vocabulary_size = VOCABULARY,
             .width = 32,
             .layers = 1,
             .heads = 2,
             .mlp_width = 64,
             .pooling = TL_POOL_EOS,
             .eos_id = 3,
             .layer_norm_epsilon = 1e-5F},
};

typedef struct stem_batch {
    float pixels[PAIRS * PIXELS];
    int32_t ids[PAIRS * CONTEXT];
    uint32_t lengths[PAIRS];
} stem_batch;

static stem_batch shared;

static tl_training_batch make_batch(void)
{
    for (size_t i = 0; i < (size_t)PAIRS * PIXELS; i++)
        shared.pixels[i] = sinf((float)i * 0.37F) + 0.5F * cosf((float)(i / PIXELS) * 1.3F);
    memset(shared.ids, 0, sizeof shared.ids);
    for (uint32_t i = 0; i < PAIRS; i++) {
        shared.lengths[i] = 3 + i % 6;
        for (uint32_t at = 0; at + 1 < shared.lengths[i]; at++)
            shared.ids[i * CONTEXT + at] = (int32_t)(4 + (i * 7 + at * 11) % 35);
        shared.ids[i * CONTEXT + shared.lengths[i] - 1] = 3;
    }
    return (tl_training_batch){.pairs = PAIRS, .pixels = shared.pixels, .ids = shared.ids, .lengths = shared.lengths};
}

static tl_trainer *make_dropping_trainer(size_t chunk, bool in_bf16, double patch_dropout, tl_thread_pool *pool)
{
    const tl_training_options options = {.seed = 5,
                                         .steps = 30,
                                         .max_batch = PAIRS,
                                         .constant_rate = true,
                                         .learning_rate = 3e-3,
                                         .chunk = chunk,
                                         .patch_dropout = patch_dropout,
                                         .in_bf16 = in_bf16};
    const tl_image_recipe recipe = tl_image_recipe_default(SIDE);
    tl_trainer *trainer = NULL;
    assert_ok(tl_trainer_create(&config, &recipe, &options, pool, &trainer, err));
    return trainer;
}

static tl_trainer *make_trainer(size_t chunk, bool in_bf16, tl_thread_pool *pool)
{
    return make_dropping_trainer(chunk, in_bf16, 0.0, pool);
}

/* Largest relative distance (L2) of two trainers' gradients, over the tensors of an exported model. */
static double gradients_apart(const tl_trainer *a, const tl_trainer *b)
{
    tl_safetensors *names;
    double largest = 0.0;
    size_t of_stem = 0;
    assert_ok(tl_safetensors_open("stem_model/model.safetensors", &names, err));
    for (size_t i = 0; i < tl_safetensors_count(names); i++) {
        size_t count = 0;
        const char *name = tl_safetensors_item(names, i)->name;
        const float *found = tl_trainer_gradient(a, name, &count), *expected = tl_trainer_gradient(b, name, &count);
        double difference = 0.0, size = 0.0;
        for (size_t at = 0; at < count; at++) {
            difference += pow((double)found[at] - (double)expected[at], 2.0);
            size += pow((double)expected[at], 2.0);
        }
        assert_true(size > 0.0);
        largest = fmax(largest, sqrt(difference / size));
        of_stem += strncmp(name, "visual.stem.", 12) == 0;
    }
    assert_int_equal(of_stem, 2 * 4 + 3 * 8);
    tl_safetensors_close(names);
    return largest;
}

static int export_a_model(void **state)
{
    (void)state;
    tl_trainer *trainer = make_trainer(0, false, NULL);
    assert_ok(tl_directory_remove("stem_model", err) && tl_trainer_export(trainer, "stem_model", err));
    tl_trainer_destroy(trainer);
    return 0;
}

static void chunks_and_roundings_give_the_gradients_of_the_whole_batch(void **state)
{
    (void)state;
    const tl_training_batch batch = make_batch();
    tl_step_metrics metrics;
    tl_trainer *whole = make_trainer(0, false, NULL), *chunked = make_trainer(16, false, NULL),
               *rounded = make_trainer(0, true, NULL);
    assert_ok(tl_trainer_gradients(whole, &batch, &metrics, err));
    assert_ok(tl_trainer_gradients(chunked, &batch, &metrics, err));
    assert_ok(tl_trainer_gradients(rounded, &batch, &metrics, err));
    const double by_chunks = gradients_apart(chunked, whole), by_rounding = gradients_apart(rounded, whole);
    print_message("gradients of chunks at most %.2e from the whole batch's, in bf16 %.2e\n", by_chunks, by_rounding);
    assert_true(by_chunks <= 1e-4);
    assert_true(by_rounding >= 1e-4 && by_rounding <= 6e-2);
    tl_trainer_destroy(rounded);
    tl_trainer_destroy(chunked);
    tl_trainer_destroy(whole);
}

/* A chunk drops the same patches each time it is run, and a picture the same in whatever chunk; not the same at every step. */
static void chunks_drop_the_patches_that_the_whole_batch_drops(void **state)
{
    (void)state;
    const tl_training_batch batch = make_batch();
    tl_step_metrics expected, metrics, next;
    tl_trainer *all = make_trainer(0, false, NULL), *whole = make_dropping_trainer(0, false, 0.5, NULL),
               *chunked = make_dropping_trainer(16, false, 0.5, NULL);
    assert_ok(tl_trainer_gradients(all, &batch, &metrics, err));
    assert_ok(tl_trainer_gradients(whole, &batch, &expected, err));
    assert_true(fabs(metrics.loss - expected.loss) > 1e-3);
    assert_ok(tl_trainer_gradients(chunked, &batch, &metrics, err));
    assert_true(fabs(metrics.loss - expected.loss) < 1e-5);
    assert_true(gradients_apart(chunked, whole) <= 1e-4);
    assert_ok(tl_trainer_gradients(whole, &batch, &metrics, err));
    assert_true(metrics.loss == expected.loss);
    assert_ok(tl_trainer_step(whole, &batch, &metrics, err)); /* of a rate near 0 */
    assert_ok(tl_trainer_gradients(whole, &batch, &next, err));
    assert_true(next.loss != metrics.loss);
    tl_trainer_destroy(chunked);
    tl_trainer_destroy(whole);
    tl_trainer_destroy(all);
}

static void threads_give_the_same_bits_and_the_loss_falls(void **state)
{
    (void)state;
    enum { STEPS = 30, SAME_STEPS = 3 };
    static const char *const names[] = {"visual.stem.0.patch.weight", "visual.stem.0.blocks.1.depthwise.weight",
                                        "visual.stem.1.blocks.0.mlp.c_fc.weight", "visual.conv1.weight"};
    const tl_training_batch batch = make_batch();
    for (int in_bf16 = 0; in_bf16 < 2; in_bf16++) {
        tl_trainer *alone = make_trainer(0, in_bf16 != 0, NULL);
        tl_step_metrics first, last;
        assert_ok(tl_trainer_step(alone, &batch, &first, err));
        for (size_t step = 1; step < SAME_STEPS; step++)
            assert_ok(tl_trainer_step(alone, &batch, &last, err));
        for (size_t threads = 2; threads <= 3; threads++) {
            tl_thread_pool *pool;
            assert_ok(tl_thread_pool_create(threads, &pool, err));
            tl_trainer *shared_work = make_trainer(0, in_bf16 != 0, pool);
            for (size_t step = 0; step < SAME_STEPS; step++)
                assert_ok(tl_trainer_step(shared_work, &batch, &last, err));
            for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                size_t count = 0;
                const float *expected = tl_trainer_parameter(alone, names[i], &count);
                assert_true(count != 0);
                assert_memory_equal(tl_trainer_parameter(shared_work, names[i], &count), expected, count * sizeof(float));
            }
            tl_trainer_destroy(shared_work);
            tl_thread_pool_destroy(pool);
        }
        for (size_t step = SAME_STEPS; step < STEPS; step++)
            assert_ok(tl_trainer_step(alone, &batch, &last, err));
        print_message("%s: loss %.3f, then %.3f\n", in_bf16 != 0 ? "bf16" : "f32", first.loss, last.loss);
        assert_true(last.loss < 0.7 * first.loss);
        tl_trainer_destroy(alone);
    }
}

/* Unit rows [PAIRS, DIM] of the exported model. */
static void embed(tl_precision precision, float *rows)
{
    tl_model *model;
    tl_model_session *session;
    assert_ok(tl_model_open("stem_model", &model, err));
    assert_ok(tl_model_pack(model, TL_TOWER_IMAGE, precision, NULL, err));
    assert_ok(tl_model_session_create(model, PAIRS, NULL, &session, err));
    assert_ok(tl_model_session_encode_pixels(session, shared.pixels, PAIRS, rows, err));
    tl_model_session_destroy(session);
    tl_model_close(model);
}

static void what_is_exported_gives_the_same_rows_at_every_precision(void **state)
{
    (void)state;
    static float expected[PAIRS * DIM], found[PAIRS * DIM];
    static const double goals[] = {[TL_PRECISION_F32] = 1.0 - 1e-6, [TL_PRECISION_BF16] = 0.9999, [TL_PRECISION_INT8] = 0.999};
    tl_model *model;
    tl_model_session *session;
    make_batch();
    assert_ok(tl_model_open("stem_model", &model, err)); /* without packed weights, one picture at a time */
    assert_memory_equal(&tl_model_info_read(model)->config.vision, &config.vision, sizeof config.vision);
    assert_ok(tl_model_session_create(model, 1, NULL, &session, err));
    for (size_t i = 0; i < PAIRS; i++)
        assert_ok(tl_model_session_encode_pixels(session, shared.pixels + i * PIXELS, 1, expected + i * DIM, err));
    tl_model_session_destroy(session);
    tl_model_close(model);
    for (int precision = TL_PRECISION_F32; precision <= TL_PRECISION_INT8; precision++) {
        embed((tl_precision)precision, found);
        double least = 1.0;
        for (size_t i = 0; i < PAIRS; i++) {
            double product = 0.0;
            for (size_t d = 0; d < DIM; d++)
                product += (double)found[i * DIM + d] * (double)expected[i * DIM + d];
            least = fmin(least, product);
        }
        print_message("precision %d: cosine at least %.7f\n", precision, least);
        assert_true(least >= goals[precision]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_and_roundings_give_the_gradients_of_the_whole_batch),
        cmocka_unit_test(chunks_drop_the_patches_that_the_whole_batch_drops),
        cmocka_unit_test(threads_give_the_same_bits_and_the_loss_falls),
        cmocka_unit_test(what_is_exported_gives_the_same_rows_at_every_precision),
    };
    return cmocka_run_group_tests(tests, export_a_model, NULL);
}
