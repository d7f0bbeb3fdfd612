/*
 * CLIP's ResNet against itself: an item's answer does not depend on its batch, on the number of threads or on the type its
 * weights are kept in; sizes that do not work, training and missing memory are errors; scratch is planned to the byte.
 */
#include "tests/support/failing_memory.c"

#include "tests/support/tiny_resnet.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { DIM = 5, MOST_BATCH = 17 };

static void encode(const tiny_resnet *model, const float *pixels, size_t batch, tl_thread_pool *pool, float *out)
{
    tl_arena *arena;
    assert_true(tl_arena_create(tl_vision_tower_scratch_size(model->tower, batch, false), &arena, NULL));
    assert_true(tl_vision_tower_forward(model->tower, model->weights, pixels, batch, pool, arena, NULL, out, NULL, NULL));
    tl_arena_destroy(arena);
}

static void expect_close(const float *found, const float *expected, size_t count, double tolerance)
{
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    assert_true(largest > 0.0);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - (double)expected[i]) <= tolerance * largest))
            fail_msg("number %zu: expected %.9g, found %.9g", i, (double)expected[i], (double)found[i]);
}

/* Sides from which the stages take 1 to many items at once, and odd ones; channels that fill no vector. */
static const tl_model_config *config_of(size_t number)
{
    static tl_model_config configs[3];
    configs[0] = tiny_resnet_config(32, 2, 4, DIM);
    configs[1] = tiny_resnet_config(102, 6, 3, DIM);
    configs[2] = tiny_resnet_config(128, 18, 16, DIM);
    return &configs[number];
}

static void batches_and_threads(void **state)
{
    (void)state;
    for (size_t number = 0; number < 3; number++) {
        tiny_resnet model;
        tiny_resnet_create(&model, config_of(number));
        const size_t image_floats = (size_t)3 * model.config.vision.image_size * model.config.vision.image_size;
        float *pixels = tiny_resnet_pixels(&model, MOST_BATCH), whole[MOST_BATCH * DIM], part[MOST_BATCH * DIM];
        encode(&model, pixels, MOST_BATCH, NULL, whole);
        for (size_t item = 0; item < MOST_BATCH; item++)
            encode(&model, pixels + item * image_floats, 1, NULL, part + item * DIM);
        expect_close(part, whole, (size_t)MOST_BATCH * DIM, 1e-5);
        for (size_t item = 0; item < MOST_BATCH; item += 3)
            encode(&model, pixels + item * image_floats, MOST_BATCH - item < 3 ? MOST_BATCH - item : 3, NULL, part + item * DIM);
        expect_close(part, whole, (size_t)MOST_BATCH * DIM, 1e-5);
        for (size_t threads = 1; threads <= 3; threads++) {
            tl_thread_pool *pool;
            assert_true(tl_thread_pool_create(threads, &pool, NULL));
            memset(part, 0, sizeof part);
            encode(&model, pixels, MOST_BATCH, pool, part);
            assert_memory_equal(part, whole, sizeof part);
            tl_thread_pool_destroy(pool);
        }
        tl_memory_free(pixels);
        tiny_resnet_destroy(&model);
    }
}

/* f16 that holds |x| < 2 to 2^-10 or better of itself, by cutting; numbers below 2^-14 become 0. */
static uint16_t half_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000, exponent = bits >> 23 & 0xFF;
    return (uint16_t)(exponent < 113 ? sign : sign | (exponent - 112) << 10 | (bits >> 13 & 0x3FF));
}

static void types_of_weights(void **state)
{
    (void)state;
    static const tl_dtype dtypes[] = {TL_F16, TL_BF16};
    for (size_t d = 0; d < 2; d++) {
        tiny_resnet model;
        tiny_resnet_create(&model, config_of(1));
        float *pixels = tiny_resnet_pixels(&model, 3), expected[3 * DIM], found[3 * DIM];
        uint16_t *halves = tl_memory_allocate(model.table.flat_count, sizeof *halves, NULL);
        for (size_t row = 0; row < model.table.count; row++) {
            const tl_parameter *parameter = &model.table.items[row];
            if (parameter->rank < 2 || parameter->is_read_as_floats)
                continue;
            uint16_t *own = halves + parameter->offset;
            for (size_t i = 0; i < parameter->count; i++) {
                uint32_t bits;
                memcpy(&bits, &model.values[row][i], sizeof bits);
                own[i] = dtypes[d] == TL_F16 ? half_of(model.values[row][i]) : (uint16_t)(bits >> 16);
            }
            tl_widen(dtypes[d], own, parameter->count, model.values[row]);
        }
        encode(&model, pixels, 3, NULL, expected);
        for (size_t row = 0; row < model.table.count; row++) {
            const tl_parameter *parameter = &model.table.items[row];
            if (parameter->rank < 2 || parameter->is_read_as_floats)
                continue;
            model.weights[row].parts[0] = halves + parameter->offset;
            model.weights[row].dtype = dtypes[d];
        }
        encode(&model, pixels, 3, NULL, found);
        expect_close(found, expected, (size_t)3 * DIM, 1e-5);
        tl_memory_free(halves);
        tl_memory_free(pixels);
        tiny_resnet_destroy(&model);
    }
}

static void names_are_open_clips(void **state)
{
    (void)state;
    static const char *const names[] = {"visual.conv1.weight",
                                        "visual.bn1.running_var",
                                        "visual.conv3.weight",
                                        "visual.layer1.0.conv1.weight",
                                        "visual.layer1.0.downsample.0.weight",
                                        "visual.layer4.0.downsample.1.running_mean",
                                        "visual.layer4.0.bn3.bias",
                                        "visual.attnpool.positional_embedding",
                                        "visual.attnpool.k_proj.bias",
                                        "visual.attnpool.c_proj.weight"};
    tiny_resnet model;
    tiny_resnet_create(&model, config_of(1));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (tl_parameter_table_find(&model.table, names[i]) == SIZE_MAX)
            fail_msg("no parameter '%s'", names[i]);
    assert_int_equal(model.table.count, 3 * 5 + 4 * 4 * 5 + 9);
    tiny_resnet_destroy(&model);
}

static void what_cannot_be(void **state)
{
    (void)state;
    tl_error err;
    tl_parameter_table table = {0};
    tl_vision_tower *tower;
    tl_model_config config = tiny_resnet_config(63, 6, 3, DIM); /* five halvings leave 2 pixels, 63 / 32 is 1 */
    assert_false(tl_vision_tower_create(&config, &table, &tower, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_non_null(strstr(err.message, "image_size"));
    tl_parameter_table_clear(&table);

    tiny_resnet model;
    tiny_resnet_create(&model, config_of(0));
    float *pixels = tiny_resnet_pixels(&model, 1), out[DIM];
    tl_arena *arena;
    tl_tower_state *kept = NULL;
    assert_true(tl_arena_create(1 << 16, &arena, NULL));
    assert_false(tl_vision_tower_forward(model.tower, model.weights, pixels, 1, NULL, arena, NULL, out, &kept, &err));
    assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
    assert_false(tl_vision_tower_backward(model.tower, model.weights, model.values, NULL, out, NULL, arena, &err));
    assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
    assert_true(tl_vision_tower_forward(model.tower, model.weights, pixels, 0, NULL, arena, NULL, out, NULL, &err));
    tl_arena_destroy(arena);
    tl_memory_free(pixels);
    tiny_resnet_destroy(&model);
}

/* One tower created and used, with scratch from an arena too small for it. */
static bool create_and_encode(const float *pixels, tl_error *err)
{
    tl_parameter_table table = {0};
    tl_vision_tower *tower = NULL;
    tl_arena *arena = NULL;
    float *block = NULL, out[DIM];
    tl_weight *weights = NULL;
    bool ok = false;
    if (!tl_vision_tower_create(config_of(0), &table, &tower, err) || !tl_arena_create(64, &arena, err))
        goto done;
    block = tl_memory_allocate(table.flat_count, sizeof *block, err);
    weights = tl_memory_allocate(table.count, sizeof *weights, err);
    if (block == NULL || weights == NULL)
        goto done;
    for (size_t i = 0; i < table.flat_count; i++)
        block[i] = 0.5f;
    tl_parameter_table_point_weights(&table, block, weights);
    ok = tl_vision_tower_forward(tower, weights, pixels, 1, NULL, arena, NULL, out, NULL, err);
done:
    tl_memory_free(weights);
    tl_memory_free(block);
    tl_arena_destroy(arena);
    tl_vision_tower_destroy(tower);
    tl_parameter_table_clear(&table);
    return ok;
}

static void memory_fails(void **state)
{
    (void)state;
    static float pixels[3 * 32 * 32];
    failing_memory_sweep sweep = {.job = "create and encode", .least_failures = 12};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, create_and_encode(pixels, &sweep.err));
}

static void scratch_is_enough(void **state)
{
    (void)state;
    for (size_t number = 0; number < 3; number++)
        for (size_t batch = 1; batch <= MOST_BATCH; batch += 4) {
            tiny_resnet model;
            tiny_resnet_create(&model, config_of(number));
            float *pixels = tiny_resnet_pixels(&model, batch), out[MOST_BATCH * DIM];
            tl_arena *arena;
            assert_true(tl_arena_create(tl_vision_tower_scratch_size(model.tower, batch, false), &arena, NULL));
            for (int again = 0; again < 2; again++) {
                tl_arena_reset(arena);
                failing_memory_arm(0);
                bool ok = tl_vision_tower_forward(model.tower, model.weights, pixels, batch, NULL, arena, NULL, out, NULL, NULL);
                assert_int_equal(failing_memory_disarm(), 0);
                assert_true(ok);
            }
            tl_arena_destroy(arena);
            tl_memory_free(pixels);
            tiny_resnet_destroy(&model);
        }
    /* However many items: no more than the last stage takes at once. */
    tiny_resnet model;
    tiny_resnet_create(&model, config_of(2));
    assert_true(tl_vision_tower_scratch_size(model.tower, 1 << 20, false) ==
                tl_vision_tower_scratch_size(model.tower, 1 << 10, false));
    tiny_resnet_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_and_threads), cmocka_unit_test(types_of_weights), cmocka_unit_test(names_are_open_clips),
        cmocka_unit_test(what_cannot_be),      cmocka_unit_test(memory_fails),     cmocka_unit_test(scratch_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
