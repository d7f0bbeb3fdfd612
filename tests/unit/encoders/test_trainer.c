/* The training run as a whole: repeatable, the same for any number of threads, unharmed by a bad batch, refusing wrong options.
 */
#include "tests/support/many_pairs.h"
#include "tests/support/training_fixture.h"

#include "encoders/encoders.h"

static tl_training_options sound_options(void)
{
    return (tl_training_options){.seed = 5, .steps = 12, .warmup_steps = 2, .learning_rate = 2e-3, .max_batch = FIXTURE_BATCH};
}

static void run_steps(tl_trainer *trainer, const fixture_batches *batches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tl_step_metrics metrics;
        tl_training_batch batch = batch_of_step(batches, (size_t)tl_trainer_steps_done(trainer));
        assert_ok(tl_trainer_step(trainer, &batch, &metrics, err));
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
static void check_that_threads_agree(bool in_bf16)
{
    tl_error error;
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
    tl_training_options options = {.seed = 1, .steps = 2, .max_batch = PAIRS, .constant_rate = true, .in_bf16 = in_bf16};
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
    tl_training_batch batch = {.pairs = PAIRS, .pixels = pixels, .ids = ids, .lengths = lengths};
    static const char *const names[] = {"visual.conv1.weight",    "visual.transformer.resblocks.0.attn.in_proj_weight",
                                        "token_embedding.weight", "transformer.resblocks.0.mlp.c_fc.bias",
                                        "ln_final.weight",        "logit_scale"};
    tl_trainer *trainers[4] = {NULL};
    for (size_t threads = 1; threads <= 4; threads++) {
        tl_thread_pool *pool;
        tl_step_metrics metrics;
        assert_true(tl_thread_pool_create(threads, &pool, &error));
        tl_trainer **trainer = &trainers[threads - 1];
        assert_true(tl_trainer_create(&config, &recipe, &options, pool, trainer, &error));
        for (size_t step = 0; step < 2; step++)
            assert_ok(tl_trainer_step(*trainer, &batch, &metrics, err));
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

static void threads_that_share_the_work_give_the_same_bits(void **state)
{
    (void)state;
    check_that_threads_agree(false);
    check_that_threads_agree(true);
}

/* ---- chunks and parts ---- */

static void chunks_give_the_gradients_of_the_whole_batch(void **state)
{
    (void)state;
    static const char *const losses[] = {"contrastive", "sigmoid"};
    tl_error error;
    many_pairs pairs;
    make_many(&pairs);
    for (size_t i = 0; i < 2; i++) {
        tl_pixel_source source = {&pairs, hand_out};
        tl_training_options options = {.seed = 5, .steps = 3, .max_batch = MANY, .loss = losses[i]};
        tl_training_batch batch = {
            .pairs = MANY, .pixels = pairs.pixels, .ids = pairs.ids, .lengths = pairs.lengths, .caption_keys = pairs.keys};
        tl_trainer *whole = make_trainer(&options, NULL);
        options.chunk = 100; /* the last one is smaller */
        tl_trainer *chunked = make_trainer(&options, NULL);
        tl_step_metrics expected, found;
        assert_true(tl_trainer_gradients(whole, &batch, &expected, &error));
        batch.pixels = NULL;
        batch.source = &source;
        pairs.asked = 0;
        assert_ok(tl_trainer_gradients(chunked, &batch, &found, err));
        assert_int_equal(pairs.asked, 2 * MANY); /* embedded once, and once more to hand the gradient back */
        assert_true(fabs(found.loss / expected.loss - 1.0) < 1e-6 && found.accuracy == expected.accuracy);
        double apart = gradients_apart(chunked, whole);
        print_message("%s: gradients of chunks at most %.2e from those of the whole batch\n", losses[i], apart);
        assert_true(apart <= 1e-4);
        /* A chunk's gradient left out would be seen. */
        pairs.pixels[7] += 1.0F;
        assert_true(tl_trainer_gradients(chunked, &batch, &found, &error));
        assert_true(gradients_apart(chunked, whole) > 1e-4);
        pairs.pixels[7] -= 1.0F;
        tl_trainer_destroy(chunked);
        tl_trainer_destroy(whole);
    }
    tl_memory_free(pairs.pixels);
}

/* Four parts: the mean of four batches' losses and gradients. */
static void parts_are_averaged(void **state)
{
    (void)state;
    enum { PARTS = 4, PART = 16 };
    tl_error error;
    many_pairs pairs;
    make_many(&pairs);
    tl_training_options options = {.seed = 5, .steps = 3, .max_batch = PARTS * PART, .parts = PARTS, .chunk = 5};
    tl_trainer *all = make_trainer(&options, NULL);
    options = (tl_training_options){.seed = 5, .steps = 3, .max_batch = PART};
    tl_trainer *one = make_trainer(&options, NULL);
    tl_step_metrics found, part;
    tl_training_batch batch = {.pairs = PARTS * PART, .pixels = pairs.pixels, .ids = pairs.ids, .lengths = pairs.lengths};
    assert_ok(tl_trainer_gradients(all, &batch, &found, err));
    double loss = 0.0;
    size_t count = 0;
    double sums[16 * 48] = {0.0};
    for (size_t i = 0; i < PARTS; i++) {
        tl_training_batch of_part = {.pairs = PART,
                                     .pixels = pairs.pixels + i * PART * MANY_PIXELS,
                                     .ids = pairs.ids + i * PART * MANY_CONTEXT,
                                     .lengths = pairs.lengths + i * PART};
        assert_true(tl_trainer_gradients(one, &of_part, &part, &error));
        loss += part.loss / PARTS;
        const float *gradient = tl_trainer_gradient(one, "visual.conv1.weight", &count);
        assert_int_equal(count, 16 * 48);
        for (size_t at = 0; at < count; at++)
            sums[at] += (double)gradient[at] / PARTS;
    }
    assert_true(fabs(found.loss - loss) < 1e-6);
    const float *gradient = tl_trainer_gradient(all, "visual.conv1.weight", &count);
    double difference = 0.0, size = 0.0;
    for (size_t at = 0; at < count; at++) {
        difference += ((double)gradient[at] - sums[at]) * ((double)gradient[at] - sums[at]);
        size += sums[at] * sums[at];
    }
    assert_true(sqrt(difference / size) < 1e-5);
    batch.pairs = PARTS * PART - 1;
    assert_false(tl_trainer_gradients(all, &batch, &found, &error));
    assert_non_null(strstr(error.message, "multiple of 4"));
    tl_trainer_destroy(one);
    tl_trainer_destroy(all);
    tl_memory_free(pairs.pixels);
}

static void chunks_are_chosen_by_memory(void **state)
{
    (void)state;
    tl_error err;
    tl_model_config config = fixture_config();
    tl_training_options options = {.steps = 1, .max_batch = 4096};
    size_t whole, few, least;
    assert_true(tl_training_choose_chunk(&config, &options, UINT64_C(1) << 40, &whole, &err));
    assert_int_equal(whole, 4096);
    assert_true(tl_training_choose_chunk(&config, &options, 16 << 20, &few, &err));
    assert_true(tl_training_choose_chunk(&config, &options, 1, &least, &err));
    assert_true(few < 4096 && few > 16 && few % 16 == 0);
    assert_int_equal(least, 16);
}

/* ---- towers apart ---- */

static void a_frozen_tower_keeps_its_bits(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    for (int frozen = 0; frozen < 2; frozen++) {
        tl_training_options options = sound_options();
        tl_trainer *fresh = make_trainer(&options, NULL);
        options.freeze_images = frozen == 0;
        options.freeze_texts = frozen == 1;
        tl_trainer *trainer = make_trainer(&options, NULL);
        run_steps(trainer, &batches, 3);
        static const char *const rows[] = {"visual.proj", "text_projection"};
        size_t count;
        for (int row = 0; row < 2; row++) {
            const float *before = tl_trainer_parameter(fresh, rows[row], &count),
                        *after = tl_trainer_parameter(trainer, rows[row], &count);
            assert_int_equal(memcmp(before, after, count * sizeof(float)) == 0, row == frozen);
        }
        tl_trainer_destroy(trainer);
        tl_trainer_destroy(fresh);
    }
    tl_training_options both = sound_options();
    both.freeze_images = both.freeze_texts = true;
    tl_model_config config = fixture_config();
    tl_image_recipe recipe = tl_image_recipe_default(FIXTURE_SIDE);
    tl_trainer *trainer;
    assert_false(tl_trainer_create(&config, &recipe, &both, NULL, &trainer, &err));
    assert_non_null(strstr(err.message, "freeze"));
    tl_safetensors_close(batches.file);
}

/* The first step of AdamW moves a number by its rate, whatever the gradient's size. */
static void each_tower_has_its_rate(void **state)
{
    (void)state;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = {
        .seed = 5, .steps = 3, .constant_rate = true, .learning_rate = 1e-3, .max_batch = FIXTURE_BATCH, .weight_decay = 1e-9};
    tl_trainer *fresh = make_trainer(&options, NULL);
    options.image_learning_rate = 1e-4;
    options.text_learning_rate = 2e-3;
    tl_trainer *trainer = make_trainer(&options, NULL);
    run_steps(trainer, &batches, 1);
    static const struct {
        const char *name;
        double rate;
    } rows[] = {{"visual.proj", 1e-4}, {"text_projection", 2e-3}, {"logit_scale", 1e-3}};
    for (size_t i = 0; i < 3; i++) {
        size_t count;
        const float *before = tl_trainer_parameter(fresh, rows[i].name, &count),
                    *after = tl_trainer_parameter(trainer, rows[i].name, &count);
        double largest = 0.0;
        for (size_t at = 0; at < count; at++)
            largest = fmax(largest, fabs((double)after[at] - (double)before[at]));
        assert_true(fabs(largest / rows[i].rate - 1.0) < 2e-2);
    }
    tl_trainer_destroy(trainer);
    tl_trainer_destroy(fresh);
    tl_safetensors_close(batches.file);
}

/* The average of the weights after each step, by the formula, is what is exported. */
static void the_moving_average_is_exported(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    options.average_decay = 0.6;
    tl_trainer *trainer = make_trainer(&options, NULL);
    size_t count;
    double average = (double)tl_trainer_parameter(trainer, "visual.proj", &count)[3];
    for (size_t step = 1; step <= 8; step++) {
        run_steps(trainer, &batches, 1);
        double decay = fmin(0.6, (1.0 + (double)step) / (10.0 + (double)step));
        average += (1.0 - decay) * ((double)tl_trainer_parameter(trainer, "visual.proj", &count)[3] - average);
    }
    if (!tl_directory_remove("averaged", &err) || !tl_trainer_export(trainer, "averaged", &err))
        fail_msg("%s", err.message);
    tl_safetensors *file = open_fixture("averaged/model.safetensors");
    float exported = tl_tensor_view_floats(tl_safetensors_find(file, "visual.proj"))[3];
    assert_true(fabs((double)exported - average) < 1e-7);
    assert_true(exported != tl_trainer_parameter(trainer, "visual.proj", &count)[3]);
    tl_safetensors_close(file);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
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
    tl_error error;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = {.seed = 5, .steps = 60, .learning_rate = 3e-3, .max_batch = FIXTURE_BATCH};
    tl_trainer *trainer = make_trainer(&options, NULL);
    tl_training_batch batch = batch_of_step(&batches, 0);
    tl_step_metrics first;
    tl_step_metrics last;
    assert_ok(tl_trainer_step(trainer, &batch, &first, err));
    for (size_t i = 1; i < 60; i++)
        assert_ok(tl_trainer_step(trainer, &batch, &last, err));
    print_message("loss %.4f -> %.4f, accuracy %.2f -> %.2f\n", first.loss, last.loss, first.accuracy, last.accuracy);
    assert_true(last.loss < 0.2 * first.loss);
    assert_true(last.accuracy == 1.0);
    assert_true(fabs(first.logit_scale - 1.0 / 0.07) < 0.5);
    /* The run is over. */
    assert_false(tl_trainer_step(trainer, &batch, &last, &error));
    assert_non_null(strstr(error.message, "step 61"));
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
        assert_ok(tl_trainer_step(trainer, &batch, &metrics, err));
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
        {{.steps = 5, .max_batch = 4, .loss = "hinge"}, "loss"},
        {{.steps = 5, .max_batch = 4, .parts = 3}, "parts"},
        {{.steps = 5, .max_batch = 4097, .parts = 4097}, "parts"},
        {{.steps = 5, .max_batch = 2 * ((1 << 20) + 1), .parts = 2}, "max_batch"},
        {{.steps = 5, .max_batch = 4, .average_decay = 1.5}, "average_decay"},
        {{.steps = 5, .max_batch = 4, .captions_per_picture = 65}, "captions_per_picture"},
        {{.steps = 5, .max_batch = 4, .warmup_steps = 2, .cooldown_steps = 4}, "cooldown_steps"},
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
    /* A step of many parts may have more pairs than one part. */
    const tl_training_options many = {.steps = 5, .max_batch = (size_t)4096 << 10, .parts = 4096};
    size_t chunk;
    assert_ok(tl_training_choose_chunk(&config, &many, UINT64_C(1) << 40, &chunk, err));
    assert_int_equal(chunk, 1 << 10);
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
    tl_error error;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    load_weights(trainer, TRAINING_FIXTURES "/model/model.safetensors");
    if (!tl_directory_remove("exported", &error) || !tl_trainer_export(trainer, "exported/model", &error))
        fail_msg("%s", error.message);
    tl_file_status status;
    assert_true(tl_file_status_read("exported/model/fingerprint.json", &status, &error));
    assert_int_equal(status.kind, TL_FILE_REGULAR);
    tl_model *model;
    tl_model_session *session = NULL;
    if (!tl_model_open("exported/model", &model, &error) || !tl_model_session_create(model, 4, NULL, &session, &error))
        fail_msg("%s", error.message);
    assert_int_equal(tl_model_info_read(model)->parameter_count, 8769);
    float rows[FIXTURE_BATCH * FIXTURE_DIM];
    tl_safetensors *expected = open_fixture(TRAINING_FIXTURES "/embeddings.safetensors");
    size_t shape[] = {FIXTURE_BATCH, FIXTURE_DIM};
    tl_training_batch batch = batch_of_step(&batches, 0);
    /* Six items through a session for four: two runs. */
    assert_ok(tl_model_session_encode_pixels(session, batch.pixels, FIXTURE_BATCH, rows, err));
    assert_true(relative_distance(rows, tl_safetensors_expect(expected, "image", 2, shape, &error), 48, 0, 0) < 1e-5);
    assert_ok(tl_model_session_encode_tokens(session, batch.ids, batch.lengths, FIXTURE_BATCH, rows, err));
    assert_true(relative_distance(rows, tl_safetensors_expect(expected, "text", 2, shape, &error), 48, 0, 0) < 1e-5);
    tl_safetensors_close(expected);
    tl_model_session_destroy(session);
    tl_model_close(model);
    /* Weights that are not finite are not exported, and the model that is there stays. */
    size_t count = 0;
    tl_trainer_parameter(trainer, "visual.proj", &count)[3] = INFINITY;
    assert_false(tl_trainer_export(trainer, "exported/model", &error));
    assert_non_null(strstr(error.message, "visual.proj"));
    assert_true(tl_model_open("exported/model", &model, &error));
    tl_model_close(model);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_counts_give_the_same_bits),
        cmocka_unit_test(threads_that_share_the_work_give_the_same_bits),
        cmocka_unit_test(chunks_give_the_gradients_of_the_whole_batch),
        cmocka_unit_test(parts_are_averaged),
        cmocka_unit_test(chunks_are_chosen_by_memory),
        cmocka_unit_test(a_frozen_tower_keeps_its_bits),
        cmocka_unit_test(each_tower_has_its_rate),
        cmocka_unit_test(the_moving_average_is_exported),
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
