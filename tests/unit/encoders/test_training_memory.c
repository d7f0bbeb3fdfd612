/*
 * What a step keeps: in bf16 the activations that products round anyway, at widths that whole panels fit; gradients stay near
 * those of f32, the memory that was planned is enough and no more is planned than is needed.
 */
#include "tests/support/many_pairs.h"

#include "base/compute/compute.h"
#include "encoders/training/trainer_internal.h"

/* The fixture's names at other widths; a width that is no multiple of 32 keeps f32. */
static tl_model_config config_of_width(uint32_t width)
{
    tl_model_config config = fixture_config();
    config.vision.width = config.text.width = width;
    config.vision.heads = config.text.heads = 2;
    config.vision.mlp_width = config.text.mlp_width = 2 * width + 8;
    return config;
}

static tl_trainer *make_trainer_of(const tl_model_config *config, const tl_training_options *options)
{
    tl_trainer *trainer = NULL;
    tl_image_recipe recipe = tl_image_recipe_default(FIXTURE_SIDE);
    assert_ok(tl_trainer_create(config, &recipe, options, NULL, &trainer, err));
    return trainer;
}

static tl_step_metrics gradients_of(tl_trainer *trainer, const tl_training_batch *batch)
{
    tl_step_metrics found;
    assert_ok(tl_trainer_gradients(trainer, batch, &found, err));
    return found;
}

/* Every tensor's gradient, of each instruction set, and that it was rounded at all; whole and in chunks. */
static void gradients_in_bf16_are_near_those_in_f32(void **state)
{
    (void)state;
    enum { MOST_LEVELS = 16 };
    static const uint32_t widths[] = {16, 64};
    tl_error err;
    many_pairs pairs;
    make_many(&pairs);
    const char *names[MOST_LEVELS];
    const size_t levels = tl_kernels_available(names, MOST_LEVELS);
    const tl_training_batch batch = {.pairs = MANY, .pixels = pairs.pixels, .ids = pairs.ids, .lengths = pairs.lengths};
    for (size_t level = 0; level < levels; level++)
        for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
            assert_true(tl_kernels_select(names[level], &err));
            const tl_model_config config = config_of_width(widths[i]);
            tl_training_options options = {.seed = 5, .steps = 3, .max_batch = MANY};
            tl_trainer *exact = make_trainer_of(&config, &options);
            options.in_bf16 = true;
            tl_trainer *rounded = make_trainer_of(&config, &options);
            options.chunk = 100;
            tl_trainer *chunked = make_trainer_of(&config, &options);
            const double expected = gradients_of(exact, &batch).loss, found = gradients_of(rounded, &batch).loss;
            const double apart = gradients_apart(rounded, exact);
            print_message("%s, %u wide: gradients in bf16 at most %.2e from those in f32\n", names[level], widths[i], apart);
            assert_true(fabs(found / expected - 1.0) < 1e-3);
            assert_true(apart <= 3e-2 && apart >= 1e-4);
            gradients_of(chunked, &batch);
            assert_true(gradients_apart(chunked, rounded) <= 1e-2);
            tl_trainer_destroy(chunked);
            tl_trainer_destroy(rounded);
            tl_trainer_destroy(exact);
        }
    assert_true(tl_kernels_select(NULL, &err));
    tl_memory_free(pairs.pixels);
}

/* The arena never takes a second block, whatever is kept of what: the plan covers all of it. */
static void planned_memory_is_enough(void **state)
{
    (void)state;
    many_pairs pairs;
    make_many(&pairs);
    const tl_training_batch batch = {.pairs = MANY, .pixels = pairs.pixels, .ids = pairs.ids, .lengths = pairs.lengths};
    const tl_model_config config = config_of_width(64);
    for (unsigned flags = 0; flags < 32; flags++) {
        if ((flags & 24) == 24)
            continue; /* at most one tower is frozen */
        const tl_training_options options = {.seed = 5,
                                             .steps = 3,
                                             .max_batch = MANY,
                                             .in_bf16 = (flags & 1) != 0,
                                             .patch_dropout = (flags & 2) != 0 ? 0.6 : 0.0,
                                             .chunk = (flags & 4) != 0 ? 60 : 0,
                                             .freeze_images = (flags & 8) != 0,
                                             .freeze_texts = (flags & 16) != 0};
        tl_trainer *trainer = make_trainer_of(&config, &options);
        void *only_block = tl_arena_save(trainer->arena).chunk;
        gradients_of(trainer, &batch);
        assert_ptr_equal(tl_arena_save(trainer->arena).chunk, only_block);
        tl_trainer_destroy(trainer);
    }
    tl_memory_free(pairs.pixels);
}

static size_t chunk_within(const tl_model_config *config, const tl_training_options *options, uint64_t bytes)
{
    size_t chunk;
    assert_ok(tl_training_choose_chunk(config, options, bytes, &chunk, err));
    return chunk;
}

/* In the same memory go more pairs of which less is kept. */
static void what_is_not_kept_is_not_counted(void **state)
{
    (void)state;
    const uint64_t bytes = UINT64_C(400) << 20;
    tl_model_config config = config_of_width(64);
    config.vision.image_size = 32;
    tl_training_options options = {.steps = 1, .max_batch = 65536};
    const size_t plain = chunk_within(&config, &options, bytes);
    options.patch_dropout = 0.5;
    const size_t dropping = chunk_within(&config, &options, bytes);
    options.patch_dropout = 0.0;
    options.in_bf16 = true;
    const size_t rounded = chunk_within(&config, &options, bytes);
    print_message("chunks of %zu pairs, with half of the patches %zu, in bf16 %zu\n", plain, dropping, rounded);
    assert_true(plain > 16 && plain < 4096);
    assert_true((double)dropping > 1.5 * (double)plain && (double)dropping < 2.5 * (double)plain);
    assert_true((double)rounded > 1.1 * (double)plain && (double)rounded < 2.0 * (double)plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_in_bf16_are_near_those_in_f32),
        cmocka_unit_test(planned_memory_is_enough),
        cmocka_unit_test(what_is_not_kept_is_not_counted),
    };
    return cmocka_run_group_tests_name("training memory", tests, NULL, NULL);
}
