/* What several ranks compute together is what one computes alone: every rank makes both, of the same batches. */
#include "tests/support/training_fixture.h"

#include "tests/mpi/ranks_group.h"

static tl_training_options options_with(tl_ranks *together)
{
    return (tl_training_options){.seed = 5,
                                 .steps = FIXTURE_STEPS,
                                 .warmup_steps = 2,
                                 .learning_rate = 2e-3,
                                 .max_batch = FIXTURE_BATCH,
                                 .ranks = together};
}

/* Largest relative distance of all tensors' gradients, or weights. */
static double worst_distance(tl_trainer *ours, tl_trainer *theirs, bool of_gradients)
{
    tl_safetensors *names = open_fixture(TRAINING_FIXTURES "/model/model.safetensors");
    double worst = 0.0;
    for (size_t i = 0; i < tl_safetensors_count(names); i++) {
        size_t count = 0;
        const char *name = tl_safetensors_item(names, i)->name;
        const float *a = of_gradients ? tl_trainer_gradient(ours, name, &count) : tl_trainer_parameter(ours, name, &count);
        const float *b = of_gradients ? tl_trainer_gradient(theirs, name, &count) : tl_trainer_parameter(theirs, name, &count);
        const double distance = relative_distance(a, b, count, 0, 0);
        worst = distance <= worst ? worst : distance;
    }
    tl_safetensors_close(names);
    return worst;
}

static void compare(const tl_training_options *changes, const tl_training_batch *batch)
{
    tl_error err;
    tl_step_metrics found, expected;
    tl_training_options options = *changes;
    options.ranks = ranks;
    tl_trainer *together = make_trainer(&options, NULL);
    options.ranks = NULL;
    tl_trainer *alone = make_trainer(&options, NULL);
    if (!tl_trainer_gradients(together, batch, &found, &err) || !tl_trainer_gradients(alone, batch, &expected, &err))
        fail_msg("%s", err.message);
    assert_float_equal(found.loss, expected.loss, 1e-6);
    assert_float_equal(found.accuracy, expected.accuracy, 1e-12);
    assert_true(isnan(expected.mutual_information) || fabs(found.mutual_information - expected.mutual_information) < 1e-6);
    assert_true(expected.gradient_norm > 1e-3);
    const double worst = worst_distance(together, alone, true);
    if (!(worst <= 1e-5))
        fail_msg("gradients: expected a distance of at most 1e-5, found %g", worst);
    tl_trainer_destroy(alone);
    tl_trainer_destroy(together);
}

static void gradients_are_those_of_one_rank(void **state)
{
    (void)state;
    static const uint64_t caption_keys[FIXTURE_BATCH] = {1, 2, 3, 2, 1, 4}, picture_keys[FIXTURE_BATCH] = {9, 8, 7, 6, 9, 5};
    fixture_batches batches;
    load_batches(&batches);
    const char *const losses[] = {"contrastive", "sigmoid"};
    for (size_t loss = 0; loss < 2; loss++) {
        tl_training_options options = options_with(NULL);
        tl_training_batch batch = batch_of_step(&batches, loss);
        options.loss = losses[loss];
        compare(&options, &batch);
        batch.pairs = 5; /* shares that differ */
        compare(&options, &batch);
        batch.pairs = FIXTURE_BATCH;
        batch.caption_keys = caption_keys;
        batch.picture_keys = picture_keys;
        compare(&options, &batch);
        options.equals_are_positives = true;
        compare(&options, &batch);
        options.chunk = 1;
        compare(&options, &batch);
        options.freeze_images = true;
        compare(&options, &batch);
    }
    tl_safetensors_close(batches.file);
}

static void parts_and_captions_are_shared_too(void **state)
{
    (void)state;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = options_with(NULL);
    tl_training_batch batch = batch_of_step(&batches, 3);
    options.captions_per_picture = 2;
    options.max_batch = batch.pairs = 3; /* the six captions are theirs */
    compare(&options, &batch);
    batch = batch_of_step(&batches, 4);
    options = options_with(NULL);
    options.parts = 2;
    compare(&options, &batch);
    options.chunk = 1;
    compare(&options, &batch);
    tl_safetensors_close(batches.file);
}

static void ranks_stay_together(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = options_with(ranks);
    options.average_decay = 0.9;
    tl_trainer *together = make_trainer(&options, NULL);
    options.ranks = NULL;
    tl_trainer *alone = make_trainer(&options, NULL);
    for (size_t step = 0; step < FIXTURE_STEPS; step++) {
        tl_step_metrics metrics;
        const tl_training_batch batch = batch_of_step(&batches, step);
        if (!tl_trainer_step(together, &batch, &metrics, &err) || !tl_trainer_step(alone, &batch, &metrics, &err))
            fail_msg("%s", err.message);
    }
    assert_true(tl_trainer_check_ranks(together, &err));
    /* AdamW makes large steps of tiny gradients at first, so that what sums in another order differ by grows. */
    const double worst = worst_distance(together, alone, false);
    if (!(worst <= 1e-3))
        fail_msg("weights: expected a distance of at most 1e-3, found %g", worst);
    tl_trainer_destroy(alone);
    tl_trainer_destroy(together);
    tl_safetensors_close(batches.file);
}

/* Last, as after each failure the ranks are over: the one weight that a rank has lost. */
static void other_weights_are_noticed(void **state)
{
    (void)state;
    tl_error err;
    size_t count;
    tl_training_options options = options_with(ranks);
    tl_trainer *trainer = make_trainer(&options, NULL);
    if (tl_ranks_number(ranks) == 1)
        tl_trainer_parameter(trainer, "text_projection", &count)[3] += 1e-3F;
    assert_false(tl_trainer_check_ranks(trainer, &err));
    assert_string_equal(err.message, "rank 1: expected the same weights as rank 0, found others");
    tl_trainer_destroy(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_one_rank),
        cmocka_unit_test(parts_and_captions_are_shared_too),
        cmocka_unit_test(ranks_stay_together),
        cmocka_unit_test(other_weights_are_noticed),
    };
    return cmocka_run_group_tests(tests, open_ranks, close_ranks);
}
