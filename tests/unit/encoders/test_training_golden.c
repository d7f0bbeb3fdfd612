/*
 * The trainer against PyTorch and open_clip (tests/golden/make_training.py): raw gradients of every tensor, then what ten steps
 * of gradient descent and ten of AdamW with clipping and schedule do to every tensor. Descent shows a wrong scale of a gradient,
 * which AdamW forgives.
 */
#include "tests/support/training_fixture.h"

static const double gradient_tolerance = 1e-4;
static const double change_tolerance = 1e-3;

static void gradients_are_those_of_the_reference(void **state)
{
    (void)state;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = {.steps = 10, .max_batch = FIXTURE_BATCH, .gradient_clip = -1.0};
    tl_trainer *trainer = make_trainer(&options, NULL);
    load_weights(trainer, TRAINING_FIXTURES "/model/model.safetensors");
    tl_training_batch batch = batch_of_step(&batches, 0);
    tl_step_metrics metrics;
    assert_ok(tl_trainer_gradients(trainer, &batch, &metrics, err));
    tl_safetensors *file = open_fixture(TRAINING_FIXTURES "/gradients.safetensors");
    double expected_loss = (double)tl_tensor_view_floats(tl_safetensors_find(file, "loss"))[0];
    tl_safetensors_close(file);
    assert_true(fabs(metrics.loss - expected_loss) < 1e-5);
    assert_true(fabs(metrics.mutual_information - (log(FIXTURE_BATCH) - metrics.loss)) < 1e-12);
    char worst[128] = "";
    double distance = worst_gradient_distance(trainer, worst);
    print_message("gradients: largest relative distance %.2e in %s\n", distance, worst);
    if (!(distance <= gradient_tolerance))
        fail_msg("gradient of '%s': relative distance %g", worst, distance);
    assert_int_equal(tl_trainer_steps_done(trainer), 0);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

/*
 * The key part of an attention's bias adds the same number to all scores of a query, so its true gradient is 0 and what both
 * programs compute is rounding noise, which AdamW then scales up to whole steps. Its change is not compared there.
 */
static void key_bias_range(const char *name, size_t count, bool is_adaptive, size_t *from, size_t *to)
{
    bool is_attention_bias = strstr(name, "attn.in_proj_bias") != NULL;
    *from = is_attention_bias && is_adaptive ? count / 3 : 0;
    *to = is_attention_bias && is_adaptive ? 2 * (count / 3) : 0;
}

static void compare_changes(tl_trainer *trainer, const char *reference_path, bool is_adaptive)
{
    tl_safetensors *before = open_fixture(TRAINING_FIXTURES "/model/model.safetensors");
    tl_safetensors *after = open_fixture(reference_path);
    double largest = 0.0;
    char worst[128] = "";
    for (size_t i = 0; i < tl_safetensors_count(before); i++) {
        const tl_tensor_view *view = tl_safetensors_item(before, i);
        const float *start = tl_tensor_view_floats(view);
        const float *reference = tl_safetensors_expect(after, view->name, view->rank, view->shape, NULL);
        size_t count = 0;
        const float *ours = tl_trainer_parameter(trainer, view->name, &count);
        assert_non_null(reference);
        float *our_change = tl_memory_allocate(count, sizeof(float), NULL);
        float *their_change = tl_memory_allocate(count, sizeof(float), NULL);
        assert_true(our_change != NULL && their_change != NULL);
        for (size_t at = 0; at < count; at++) {
            our_change[at] = ours[at] - start[at];
            their_change[at] = reference[at] - start[at];
        }
        size_t from;
        size_t to;
        key_bias_range(view->name, count, is_adaptive, &from, &to);
        double distance = relative_distance(our_change, their_change, count, from, to);
        if (!(distance <= change_tolerance))
            print_message("change of '%s': relative distance %g\n", view->name, distance);
        if (!(distance <= largest)) {
            largest = distance;
            snprintf(worst, sizeof worst, "%s", view->name);
        }
        tl_memory_free(our_change);
        tl_memory_free(their_change);
    }
    print_message("changes: largest relative distance %.2e in %s\n", largest, worst);
    if (!(largest <= change_tolerance))
        fail_msg("change of '%s': relative distance %g", worst, largest);
    tl_safetensors_close(before);
    tl_safetensors_close(after);
}

static const float *series(tl_safetensors *file, const char *name)
{
    size_t shape[] = {FIXTURE_STEPS};
    const float *values = tl_safetensors_expect(file, name, 1, shape, NULL);
    assert_non_null(values);
    return values;
}

static void run_and_compare(const tl_training_options *options, const char *reference_path, bool is_adaptive)
{
    fixture_batches batches;
    load_batches(&batches);
    tl_safetensors *reference = open_fixture(reference_path);
    tl_trainer *trainer = make_trainer(options, NULL);
    load_weights(trainer, TRAINING_FIXTURES "/model/model.safetensors");
    for (size_t step = 0; step < FIXTURE_STEPS; step++) {
        tl_step_metrics metrics;
        tl_training_batch batch = batch_of_step(&batches, step);
        assert_ok(tl_trainer_step(trainer, &batch, &metrics, err));
        assert_int_equal(metrics.step, step + 1);
        assert_true(fabs(metrics.loss / (double)series(reference, "losses")[step] - 1.0) < 1e-3);
        if (is_adaptive) {
            assert_true(fabs(metrics.gradient_norm / (double)series(reference, "norms")[step] - 1.0) < 1e-3);
            assert_true(fabs(metrics.learning_rate - (double)series(reference, "rates")[step]) < 1e-9);
        }
    }
    compare_changes(trainer, reference_path, is_adaptive);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(reference);
    tl_safetensors_close(batches.file);
}

static void ten_steps_of_descent_end_where_the_reference_does(void **state)
{
    (void)state;
    tl_training_options options = {.steps = FIXTURE_STEPS,
                                   .max_batch = FIXTURE_BATCH,
                                   .plain_sgd = true,
                                   .learning_rate = FIXTURE_SGD_RATE,
                                   .gradient_clip = -1.0};
    run_and_compare(&options, TRAINING_FIXTURES "/sgd.safetensors", false);
}

static void ten_steps_of_adamw_end_where_the_reference_does(void **state)
{
    (void)state;
    tl_training_options options = {.steps = FIXTURE_STEPS,
                                   .warmup_steps = 3,
                                   .max_batch = FIXTURE_BATCH,
                                   .learning_rate = FIXTURE_ADAMW_RATE,
                                   .weight_decay = 0.1,
                                   .beta1 = 0.9,
                                   .beta2 = 0.98,
                                   .epsilon = 1e-6,
                                   .gradient_clip = 1.0};
    run_and_compare(&options, TRAINING_FIXTURES "/adamw.safetensors", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_reference),
        cmocka_unit_test(ten_steps_of_descent_end_where_the_reference_does),
        cmocka_unit_test(ten_steps_of_adamw_end_where_the_reference_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
