/* The training run as a whole: repeatable, the same for any number of threads, unharmed by a bad batch, refusing wrong options.
 */
#include "tests/support/training_fixture.h"

#include "encoders/encoders.h"

static tl_training_options sound_options(void)
{
    return (tl_training_options){.seed = 5, .steps = 12, .warmup_steps = 2, .learning_rate = 2e-3, .max_batch = FIXTURE_BATCH};
}

static void run_steps(tl_trainer *trainer, const fixture_batches *batches, size_t count)
{
    tl_error err;
    for (size_t i = 0; i < count; i++) {
        tl_step_metrics metrics;
        tl_training_batch batch = batch_of_step(batches, (size_t)tl_trainer_steps_done(trainer));
        if (!tl_trainer_step(trainer, &batch, &metrics, &err))
            fail_msg("%s", err.message);
    }
}

static void assert_same_weights(tl_trainer *a, tl_trainer *b, bool are_equal)
{
    tl_safetensors *names = open_fixture(TRAINING_FIXTURES "/model/model.safetensors");
    size_t different = 0;
    for (size_t i = 0; i < tl_safetensors_count(names); i++) {
        size_t count = 0;
        const char *name = tl_safetensors_item(names, i)->name;
        const float *ours = tl_trainer_parameter(a, name, &count);
        const float *theirs = tl_trainer_parameter(b, name, &count);
        different += memcmp(ours, theirs, count * sizeof(float)) != 0;
    }
    tl_safetensors_close(names);
    assert_int_equal(different == 0, are_equal);
}

static void thread_counts_give_the_same_bits(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *alone = make_trainer(&options, NULL);
    run_steps(alone, &batches, 6);
    for (size_t threads = 1; threads <= 3; threads++) {
        tl_thread_pool *pool;
        assert_true(tl_thread_pool_create(threads, &pool, &err));
        tl_trainer *together = make_trainer(&options, pool);
        run_steps(together, &batches, 6);
        assert_same_weights(alone, together, true);
        tl_trainer_destroy(together);
        tl_thread_pool_destroy(pool);
    }
    tl_trainer_destroy(alone);
    tl_safetensors_close(batches.file);
}

/* Large enough that products, rows and the optimizer's pieces are really split: two steps, all weights. */
static void threads_that_share_the_work_give_the_same_bits(void **state)
{
    (void)state;
    tl_error err;
    enum { PAIRS = 24, SIDE = 32, CONTEXT = 16, VOCABULARY = 600, DIM = 64 };
    tl_model_config config = {.embedding_dim = DIM,
                              .vision = {.image_size = SIDE,
                                         .patch_size = 4,
                                         .width = 64,
                                         .layers = 1,
                                         .heads = 2,
                                         .mlp_width = 256,
                                         .pooling = TL_POOL_AVERAGE,
                                         .layer_norm_epsilon = 1e-5F},
                              .text = {.context_length = CONTEXT,
                                       .vocabulary_size = VOCABULARY,
                                       .width = 64,
                                       .layers = 1,
                                       .heads = 4,
                                       .mlp_width = 256,
                                       .pooling = TL_POOL_EOS,
                                       .eos_id = 3,
                                       .layer_norm_epsilon = 1e-5F}};
    tl_image_recipe recipe = tl_image_recipe_default(SIDE);
    tl_training_options options = {.seed = 1, .steps = 2, .max_batch = PAIRS, .constant_rate = true};
    float *pixels = tl_memory_allocate(PAIRS * 3 * SIDE * SIDE, sizeof(float), NULL);
    int32_t ids[PAIRS * CONTEXT] = {0};
    uint32_t lengths[PAIRS];
    assert_non_null(pixels);
    for (size_t i = 0; i < PAIRS * 3 * SIDE * SIDE; i++)
        pixels[i] = sinf((float)i * 0.37F) + (float)(i % 11) * 0.1F;
    for (uint32_t i = 0; i < PAIRS; i++) {
        lengths[i] = 4 + i % 12;
        for (uint32_t at = 0; at + 1 < lengths[i]; at++)
            ids[i * CONTEXT + at] = (int32_t)(4 + (i * 37 + at * 11) % (VOCABULARY - 4));
        ids[i * CONTEXT + lengths[i] - 1] = 3;
    }
    tl_training_batch batch = {PAIRS, pixels, ids, lengths};
    static const char *const names[] = {"visual.conv1.weight",    "visual.transformer.resblocks.0.attn.in_proj_weight",
                                        "token_embedding.weight", "transformer.resblocks.0.mlp.c_fc.bias",
                                        "ln_final.weight",        "logit_scale"};
    tl_trainer *trainers[4] = {NULL};
    for (size_t threads = 1; threads <= 4; threads++) {
        tl_thread_pool *pool;
        tl_step_metrics metrics;
        assert_true(tl_thread_pool_create(threads, &pool, &err));
        tl_trainer **trainer = &trainers[threads - 1];
        assert_true(tl_trainer_create(&config, &recipe, &options, pool, trainer, &err));
        for (size_t step = 0; step < 2; step++)
            if (!tl_trainer_step(*trainer, &batch, &metrics, &err))
                fail_msg("%s", err.message);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            size_t count = 0;
            const float *alone = tl_trainer_parameter(trainers[0], names[i], &count);
            assert_true(count != 0);
            assert_memory_equal(tl_trainer_parameter(*trainer, names[i], &count), alone, count * sizeof(float));
        }
        tl_thread_pool_destroy(pool); /* the trainer makes no further step */
    }
    for (size_t i = 0; i < 4; i++)
        tl_trainer_destroy(trainers[i]);
    tl_memory_free(pixels);
}

static void seeds_matter(void **state)
{
    (void)state;
    tl_training_options options = sound_options();
    tl_trainer *first = make_trainer(&options, NULL);
    tl_trainer *again = make_trainer(&options, NULL);
    options.seed = 6;
    tl_trainer *other = make_trainer(&options, NULL);
    assert_same_weights(first, again, true);
    assert_same_weights(first, other, false);
    tl_trainer_destroy(first);
    tl_trainer_destroy(again);
    tl_trainer_destroy(other);
}

static void the_loss_of_a_repeated_batch_falls(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = {.seed = 5, .steps = 60, .learning_rate = 3e-3, .max_batch = FIXTURE_BATCH};
    tl_trainer *trainer = make_trainer(&options, NULL);
    tl_training_batch batch = batch_of_step(&batches, 0);
    tl_step_metrics first;
    tl_step_metrics last;
    if (!tl_trainer_step(trainer, &batch, &first, &err))
        fail_msg("%s", err.message);
    for (size_t i = 1; i < 60; i++)
        if (!tl_trainer_step(trainer, &batch, &last, &err))
            fail_msg("%s", err.message);
    print_message("loss %.4f -> %.4f, accuracy %.2f -> %.2f\n", first.loss, last.loss, first.accuracy, last.accuracy);
    assert_true(last.loss < 0.2 * first.loss);
    assert_true(last.accuracy == 1.0);
    assert_true(fabs(first.logit_scale - 1.0 / 0.07) < 0.5);
    /* The run is over. */
    assert_false(tl_trainer_step(trainer, &batch, &last, &err));
    assert_non_null(strstr(err.message, "step 61"));
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

static void a_batch_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    tl_trainer *untouched = make_trainer(&options, NULL);
    run_steps(trainer, &batches, 3);
    run_steps(untouched, &batches, 3);
    float pixels[FIXTURE_BATCH * FIXTURE_PIXELS];
    tl_training_batch bad = batch_of_step(&batches, 3);
    memcpy(pixels, bad.pixels, sizeof pixels);
    pixels[400] = NAN;
    bad.pixels = pixels;
    tl_step_metrics metrics;
    assert_false(tl_trainer_step(trainer, &bad, &metrics, &err));
    assert_non_null(strstr(err.message, "step 4"));
    assert_int_equal(tl_trainer_steps_done(trainer), 3);
    assert_same_weights(trainer, untouched, true);
    /* The moments neither: the next steps are the same. */
    run_steps(trainer, &batches, 2);
    run_steps(untouched, &batches, 2);
    assert_same_weights(trainer, untouched, true);
    tl_trainer_destroy(trainer);
    tl_trainer_destroy(untouched);
    tl_safetensors_close(batches.file);
}

static void scale_parameter(tl_trainer *trainer, const char *name, float factor)
{
    size_t count = 0;
    float *values = tl_trainer_parameter(trainer, name, &count);
    for (size_t i = 0; i < count; i++)
        values[i] *= factor;
}

/* A finite loss whose gradient is too large for a float: the projection's direction is what the loss depends on, so its gradient
 * is inverse to its size, and that is made about 1e-40 here; rows of 1e29 before it keep the vectors above the guard of their
 * length. */
static void a_gradient_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    load_weights(trainer, TRAINING_FIXTURES "/model/model.safetensors");
    scale_parameter(trainer, "ln_final.weight", 1e29F);
    scale_parameter(trainer, "ln_final.bias", 1e29F);
    scale_parameter(trainer, "text_projection", 1e-38F);
    scale_parameter(trainer, "text_projection", 1e-2F);
    size_t count = 0;
    float kept = tl_trainer_parameter(trainer, "visual.proj", &count)[5];
    tl_step_metrics metrics;
    tl_training_batch batch = batch_of_step(&batches, 0);
    assert_false(tl_trainer_step(trainer, &batch, &metrics, &err));
    if (strstr(err.message, "step 1: expected finite gradients") == NULL || strstr(err.message, "text_projection") == NULL)
        fail_msg("%s", err.message);
    assert_int_equal(tl_trainer_steps_done(trainer), 0);
    assert_true(tl_trainer_parameter(trainer, "visual.proj", &count)[5] == kept);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

static void bad_batches_are_refused(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    tl_step_metrics metrics;
    tl_training_batch batch = batch_of_step(&batches, 0);
    batch.pairs = FIXTURE_BATCH + 1;
    assert_false(tl_trainer_step(trainer, &batch, &metrics, &err));
    assert_non_null(strstr(err.message, "pairs"));
    batch.pairs = 0;
    assert_false(tl_trainer_step(trainer, &batch, &metrics, &err));
    uint32_t lengths[FIXTURE_BATCH] = {3, 3, FIXTURE_CONTEXT + 1, 3, 3, 3};
    batch = batch_of_step(&batches, 0);
    batch.lengths = lengths;
    assert_false(tl_trainer_step(trainer, &batch, &metrics, &err));
    assert_non_null(strstr(err.message, "pair 2"));
    int32_t ids[FIXTURE_BATCH * FIXTURE_CONTEXT];
    batch = batch_of_step(&batches, 0);
    memcpy(ids, batch.ids, sizeof ids);
    ids[1] = 40;
    batch.ids = ids;
    assert_false(tl_trainer_step(trainer, &batch, &metrics, &err));
    ids[1] = -1;
    assert_false(tl_trainer_step(trainer, &batch, &metrics, &err));
    assert_int_equal(tl_trainer_steps_done(trainer), 0);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

static void the_logit_scale_stays_in_its_range(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    size_t count = 0;
    float *scale = tl_trainer_parameter(trainer, "logit_scale", &count);
    assert_int_equal(count, 1);
    static const float started[] = {7.0F, -3.0F};
    static const double ended[] = {100.0, 1.0};
    for (size_t i = 0; i < 2; i++) {
        tl_step_metrics metrics;
        tl_training_batch batch = batch_of_step(&batches, i);
        *scale = started[i];
        if (!tl_trainer_step(trainer, &batch, &metrics, &err))
            fail_msg("%s", err.message);
        assert_true(fabs(metrics.logit_scale - ended[i]) < 1e-4 && metrics.logit_scale <= 100.0);
        assert_true(fabs((double)*scale - log(ended[i])) < 1e-6);
    }
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

static void wrong_options_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        tl_training_options options;
        const char *named;
    } cases[] = {
        {{.max_batch = 4}, "steps"},
        {{.steps = 5}, "max_batch"},
        {{.steps = 5, .max_batch = 4, .warmup_steps = 6}, "warmup_steps"},
        {{.steps = 5, .max_batch = 4, .learning_rate = -1.0}, "learning_rate"},
        {{.steps = 5, .max_batch = 4, .learning_rate = NAN}, "learning_rate"},
        {{.steps = 5, .max_batch = 4, .beta1 = 1.0}, "beta1"},
        {{.steps = 5, .max_batch = 4, .beta2 = -0.5}, "beta2"},
        {{.steps = 5, .max_batch = 4, .weight_decay = -0.5}, "weight_decay"},
        {{.steps = 5, .max_batch = 4, .epsilon = INFINITY}, "epsilon"},
        {{.steps = 5, .max_batch = 4, .gradient_clip = NAN}, "gradient_clip"},
    };
    tl_model_config config = fixture_config();
    tl_image_recipe recipe = tl_image_recipe_default(FIXTURE_SIDE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_error err = {0};
        tl_trainer *trainer;
        assert_false(tl_trainer_create(&config, &recipe, &cases[i].options, NULL, &trainer, &err));
        if (strstr(err.message, cases[i].named) == NULL)
            fail_msg("expected '%s' in: %s", cases[i].named, err.message);
    }
    tl_error err;
    tl_trainer *trainer;
    tl_training_options options = sound_options();
    recipe.size = 16;
    assert_false(tl_trainer_create(&config, &recipe, &options, NULL, &trainer, &err));
    assert_non_null(strstr(err.message, "recipe"));
}

static void the_count_of_operations_is_the_sum_by_hand(void **state)
{
    (void)state;
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    /* Vision: 5 tokens, D 16, M 32, 2 layers; 4 patches of 48 values. Text: 6 tokens, D 12, M 24, 2 layers, causal. */
    double vision = 2.0 * (5.0 * (4.0 * 256.0 + 2.0 * 16.0 * 32.0) + 2.0 * 25.0 * 16.0) + 16.0 * 8.0;
    double text = 2.0 * (6.0 * (4.0 * 144.0 + 2.0 * 12.0 * 24.0) + 2.0 * 21.0 * 12.0) + 12.0 * 8.0;
    double patches = 4.0 * 48.0 * 16.0;
    assert_true(fabs(tl_trainer_flops_per_pair(trainer, 6.0) - (6.0 * (vision + text) + 4.0 * patches)) < 1e-6);
    tl_trainer_destroy(trainer);
}

static void an_exported_model_opens_and_agrees_with_the_reference(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    load_weights(trainer, TRAINING_FIXTURES "/model/model.safetensors");
    if (!tl_directory_remove("exported", &err) || !tl_trainer_export(trainer, "exported/model", &err))
        fail_msg("%s", err.message);
    tl_file_status status;
    assert_true(tl_file_status_read("exported/model/fingerprint.json", &status, &err));
    assert_int_equal(status.kind, TL_FILE_REGULAR);
    tl_model *model;
    tl_model_session *session = NULL;
    if (!tl_model_open("exported/model", &model, &err) || !tl_model_session_create(model, 4, NULL, &session, &err))
        fail_msg("%s", err.message);
    assert_int_equal(tl_model_info_read(model)->parameter_count, 8769);
    float rows[FIXTURE_BATCH * FIXTURE_DIM];
    tl_safetensors *expected = open_fixture(TRAINING_FIXTURES "/embeddings.safetensors");
    size_t shape[] = {FIXTURE_BATCH, FIXTURE_DIM};
    tl_training_batch batch = batch_of_step(&batches, 0);
    /* Six items through a session for four: two runs. */
    if (!tl_model_session_encode_pixels(session, batch.pixels, FIXTURE_BATCH, rows, &err))
        fail_msg("%s", err.message);
    assert_true(relative_distance(rows, tl_safetensors_expect(expected, "image", 2, shape, &err), 48, 0, 0) < 1e-5);
    if (!tl_model_session_encode_tokens(session, batch.ids, batch.lengths, FIXTURE_BATCH, rows, &err))
        fail_msg("%s", err.message);
    assert_true(relative_distance(rows, tl_safetensors_expect(expected, "text", 2, shape, &err), 48, 0, 0) < 1e-5);
    tl_safetensors_close(expected);
    tl_model_session_destroy(session);
    tl_model_close(model);
    /* Weights that are not finite are not exported, and the model that is there stays. */
    size_t count = 0;
    tl_trainer_parameter(trainer, "visual.proj", &count)[3] = INFINITY;
    assert_false(tl_trainer_export(trainer, "exported/model", &err));
    assert_non_null(strstr(err.message, "visual.proj"));
    assert_true(tl_model_open("exported/model", &model, &err));
    tl_model_close(model);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_counts_give_the_same_bits),
        cmocka_unit_test(threads_that_share_the_work_give_the_same_bits),
        cmocka_unit_test(seeds_matter),
        cmocka_unit_test(the_loss_of_a_repeated_batch_falls),
        cmocka_unit_test(a_batch_that_is_not_finite_changes_nothing),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing),
        cmocka_unit_test(bad_batches_are_refused),
        cmocka_unit_test(the_logit_scale_stays_in_its_range),
        cmocka_unit_test(wrong_options_are_refused_by_name),
        cmocka_unit_test(the_count_of_operations_is_the_sum_by_hand),
        cmocka_unit_test(an_exported_model_opens_and_agrees_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
