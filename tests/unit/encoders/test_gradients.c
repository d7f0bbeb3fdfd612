/*
 * Gradients of the loss and of every tensor of both towers against central differences of a double-precision oracle.
 *
 * A tensor is compared along random directions (each weighs all its elements) and at single elements. Central differences with
 * step 1e-4 in double are good to some 1e-8; the product computes in f32, so 2e-4 of the gradient's size is allowed. Three
 * mistakes that training would forgive are then made on purpose: the comparison must see each.
 */
#include "encoders/layers/patch_embed.h"
#include "encoders/towers/transformer.h"
#include "tests/support/double_oracle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { DIRECTIONS = 2, ELEMENTS = 3 };
static const double step = 1e-4, tolerance = 2e-4;

static bool is_close(double found, double expected, double size)
{
    return fabs(found - expected) <= tolerance * size + 1e-7;
}

/* ---- the loss ---- */

typedef struct loss_case {
    float images[TINY_BATCH * ORACLE_MOST_DIM], texts[TINY_BATCH * ORACLE_MOST_DIM];
    float images_gradient[TINY_BATCH * ORACLE_MOST_DIM], texts_gradient[TINY_BATCH * ORACLE_MOST_DIM];
    float scale, scale_gradient;
} loss_case;

enum { LOSS_DIM = 5, LOSS_FLOATS = TINY_BATCH * LOSS_DIM };

static void make_loss_case(loss_case *at)
{
    memset(at, 0, sizeof *at);
    at->scale = 1.2f;
    for (uint32_t i = 0; i < LOSS_FLOATS; i++) {
        at->images[i] = tiny_value(11, i);
        at->texts[i] = tiny_value(12, i);
    }
    tl_arena *arena;
    assert_true(tl_arena_create(1 << 12, &arena, NULL));
    tl_objective_result result;
    assert_true(tiny_loss(&tl_objective_contrastive, at->images, at->texts, TINY_BATCH, LOSS_DIM, at->scale, NULL, arena, &result,
                          at->images_gradient, at->texts_gradient, &at->scale_gradient, NULL));
    tl_arena_destroy(arena);
    double images[LOSS_FLOATS], texts[LOSS_FLOATS];
    for (size_t i = 0; i < LOSS_FLOATS; i++) {
        images[i] = (double)at->images[i];
        texts[i] = (double)at->texts[i];
    }
    assert_true(fabs(result.loss - oracle_loss(images, texts, TINY_BATCH, LOSS_DIM, (double)at->scale, 0.5, 0.5)) < 1e-6);
    assert_true(fabs(result.mutual_information - (log((double)TINY_BATCH) - result.loss)) < 1e-12);
}

/* Central differences of the oracle by images, texts and the scale, [2 * LOSS_FLOATS + 1]. */
static void difference_loss(const loss_case *at, double row_share, double column_share, double *out)
{
    double inputs[2 * LOSS_FLOATS + 1];
    for (size_t i = 0; i < LOSS_FLOATS; i++) {
        inputs[i] = (double)at->images[i];
        inputs[LOSS_FLOATS + i] = (double)at->texts[i];
    }
    inputs[2 * LOSS_FLOATS] = (double)at->scale;
    for (size_t i = 0; i <= 2 * LOSS_FLOATS; i++) {
        double sides[2], kept = inputs[i];
        for (int side = 0; side < 2; side++) {
            inputs[i] = kept + (side == 0 ? -step : step);
            sides[side] =
                oracle_loss(inputs, inputs + LOSS_FLOATS, TINY_BATCH, LOSS_DIM, inputs[2 * LOSS_FLOATS], row_share, column_share);
        }
        inputs[i] = kept;
        out[i] = (sides[1] - sides[0]) / (2.0 * step);
    }
}

/* The comparison itself: images, texts and scale each within tolerance of their own size. */
static bool loss_gradients_agree(const loss_case *at, const double *expected)
{
    double size[2] = {0.0, 0.0};
    for (size_t i = 0; i < 2 * LOSS_FLOATS; i++)
        size[i / LOSS_FLOATS] = fmax(size[i / LOSS_FLOATS], fabs(expected[i]));
    for (size_t i = 0; i < LOSS_FLOATS; i++)
        if (!is_close((double)at->images_gradient[i], expected[i], size[0]) ||
            !is_close((double)at->texts_gradient[i], expected[LOSS_FLOATS + i], size[1]))
            return false;
    return is_close((double)at->scale_gradient, expected[2 * LOSS_FLOATS], fabs(expected[2 * LOSS_FLOATS]));
}

static void test_loss(void **state)
{
    (void)state;
    loss_case at;
    double expected[2 * LOSS_FLOATS + 1];
    make_loss_case(&at);
    difference_loss(&at, 0.5, 0.5, expected);
    assert_true(loss_gradients_agree(&at, expected));
}

static void test_mutant_halved_direction(void **state)
{
    (void)state;
    loss_case at;
    double expected[2 * LOSS_FLOATS + 1], mutant[2 * LOSS_FLOATS + 1];
    make_loss_case(&at);
    difference_loss(&at, 0.5, 0.5, expected);
    for (int direction = 0; direction < 2; direction++) {
        difference_loss(&at, direction == 0 ? 0.25 : 0.5, direction == 0 ? 0.5 : 0.25, mutant);
        loss_case wrong = at;
        for (size_t i = 0; i < LOSS_FLOATS; i++) {
            wrong.images_gradient[i] = (float)mutant[i];
            wrong.texts_gradient[i] = (float)mutant[LOSS_FLOATS + i];
        }
        wrong.scale_gradient = (float)mutant[2 * LOSS_FLOATS];
        assert_false(loss_gradients_agree(&wrong, expected));
    }
}

static void test_mutant_sum_for_mean(void **state)
{
    (void)state;
    loss_case at;
    double expected[2 * LOSS_FLOATS + 1];
    make_loss_case(&at);
    difference_loss(&at, 0.5, 0.5, expected);
    for (size_t i = 0; i < LOSS_FLOATS; i++) {
        at.images_gradient[i] *= (float)TINY_BATCH;
        at.texts_gradient[i] *= (float)TINY_BATCH;
    }
    assert_false(loss_gradients_agree(&at, expected));
}

static void test_mutant_scale_without_gradient(void **state)
{
    (void)state;
    loss_case at;
    double expected[2 * LOSS_FLOATS + 1];
    make_loss_case(&at);
    difference_loss(&at, 0.5, 0.5, expected);
    at.scale_gradient = 0.0f;
    assert_false(loss_gradients_agree(&at, expected));
}

/* Equal embeddings know nothing: loss ln B, no hit, and a batch of one has loss 0. */
static void test_loss_at_its_limits(void **state)
{
    (void)state;
    tl_arena *arena;
    assert_true(tl_arena_create(1 << 12, &arena, NULL));
    tl_objective_result result;
    const float same[4][2] = {{1, 2}, {1, 2}, {1, 2}, {1, 2}};
    assert_true(tiny_loss(&tl_objective_contrastive, same[0], same[0], 4, 2, 3.0f, NULL, arena, &result, NULL, NULL, NULL, NULL));
    assert_true(fabs(result.loss - log(4.0)) < 1e-6 && result.accuracy == 0.0 && fabs(result.mutual_information) < 1e-6);
    assert_true(tiny_loss(&tl_objective_contrastive, same[0], same[0], 1, 2, 3.0f, NULL, arena, &result, NULL, NULL, NULL, NULL));
    assert_true(fabs(result.loss) < 1e-6 && result.accuracy == 1.0);
    const float axes[2][2] = {{3, 0}, {0, 5}};
    assert_true(
        tiny_loss(&tl_objective_contrastive, axes[0], axes[0], 2, 2, logf(100.0f), NULL, arena, &result, NULL, NULL, NULL, NULL));
    assert_true(result.loss < 1e-6 && result.accuracy == 1.0 && fabs(result.mutual_information - log(2.0)) < 1e-6);
    tl_error err;
    assert_false(
        tiny_loss(&tl_objective_contrastive, same[0], same[0], 0, 2, 3.0f, NULL, arena, &result, NULL, NULL, NULL, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tl_arena_destroy(arena);
}

/* ---- the towers ---- */

/* d loss / d t of parameters + t * direction on one tensor. */
static double difference_along(tower_oracle *oracle, const tl_parameter *parameter, const double *direction, double *images,
                               double *texts)
{
    const bool is_vision = strncmp(parameter->name, "visual.", 7) == 0;
    double *values = oracle->values + parameter->offset, sides[2];
    for (int side = 0; side < 2; side++) {
        double by = side == 0 ? -step : step;
        for (size_t i = 0; i < parameter->count; i++)
            values[i] += by * direction[i];
        sides[side] = oracle_run(oracle, is_vision, !is_vision, images, texts);
        for (size_t i = 0; i < parameter->count; i++)
            values[i] = (double)oracle->model->values_block[parameter->offset + i];
    }
    oracle_run(oracle, is_vision, !is_vision, images, texts);
    return (sides[1] - sides[0]) / (2.0 * step);
}

static void check_tensor(tower_oracle *oracle, size_t row, double *images, double *texts)
{
    const tl_parameter *parameter = &oracle->model->table.items[row];
    const float *gradient = oracle->model->gradients[row];
    double *direction = tl_memory_allocate(parameter->count, sizeof *direction, NULL), size = 0.0;
    for (size_t i = 0; i < parameter->count; i++)
        size += (double)gradient[i] * (double)gradient[i];
    size = sqrt(size);
    for (uint32_t pass = 0; pass < DIRECTIONS + ELEMENTS; pass++) {
        double along = 0.0;
        size_t element =
            (size_t)((tiny_value(99, pass + 7 * (uint32_t)row) + 1.0f) / 2.0f * (float)parameter->count) % parameter->count;
        for (size_t i = 0; i < parameter->count; i++) {
            direction[i] = pass < DIRECTIONS ? (double)tiny_value(100 + pass, (uint32_t)i) : i == element ? 1.0 : 0.0;
            along += direction[i] * (double)gradient[i];
        }
        double expected = difference_along(oracle, parameter, direction, images, texts);
        if (!is_close(along, expected, size))
            fail_msg("%s, pass %u: expected %.9g, found %.9g", parameter->name, pass, expected, along);
    }
    tl_memory_free(direction);
}

static void check_towers(const tiny_variant *variant, const tl_patch_dropout *dropout)
{
    tiny_model model;
    tiny_model_create(&model, &variant->config);
    model.dropout = dropout;
    tl_tower_state *vision, *text;
    tl_objective_result result = tiny_model_forward(&model, NULL, &vision, &text);
    tiny_model_backward(&model, NULL, vision, text);

    tower_oracle oracle;
    oracle_create(&oracle, &model);
    if (dropout != NULL) {
        const size_t side = variant->config.vision.image_size / variant->config.vision.patch_size;
        oracle.patch_numbers = vision->patch_numbers;
        oracle.patch_count = side * side / 2;
        assert_non_null(vision->patch_numbers);
        assert_int_equal(vision->rows, TINY_BATCH * (oracle.patch_count + !variant->config.vision.without_class_token));
    }
    double images[TINY_BATCH * ORACLE_MOST_DIM], texts[TINY_BATCH * ORACLE_MOST_DIM];
    assert_true(fabs(oracle_run(&oracle, true, true, images, texts) - result.loss) < 1e-6);
    for (size_t row = 0; row < model.table.count; row++)
        check_tensor(&oracle, row, images, texts);
    tl_memory_free(oracle.values);
    tiny_model_destroy(&model);
}

static void test_towers(void **state)
{
    check_towers(*state, NULL);
}

/* With a class token that is read, that is only there, and without one; with attention pooling; of a stem's patches. */
static void test_dropped_patches(void **state)
{
    (void)state;
    const tl_patch_dropout dropout = {0.5f, 77, 3};
    check_towers(&tiny_variants[0], &dropout);
    check_towers(&tiny_variants[1], &dropout);
    for (size_t v = 0; v < TINY_PUBLISHED_COUNT; v++)
        check_towers(&tiny_published_variants[v], &dropout);
}

/* Ascending, each number as likely as any other, and an item's own whatever lies before it. */
static void test_choice_of_patches(void **state)
{
    (void)state;
    enum { ITEMS = 4000, PATCHES = 10, KEPT = 4, LATER = 1234 };
    static uint32_t numbers[ITEMS * KEPT], later[KEPT];
    size_t seen[PATCHES] = {0}, pairs = 0;
    tl_patches_choose(9, 0, ITEMS, PATCHES, KEPT, numbers);
    for (size_t i = 0; i < ITEMS * KEPT; i++) {
        assert_true(numbers[i] < PATCHES && (i % KEPT == 0 || numbers[i] > numbers[i - 1]));
        seen[numbers[i]]++;
        pairs += i % KEPT != 0 && numbers[i] == numbers[i - 1] + 1;
    }
    for (size_t p = 0; p < PATCHES; p++) /* 1600 and five deviations */
        assert_true(seen[p] > 1445 && seen[p] < 1755);
    assert_true(pairs > 4600 && pairs < 5000); /* neighbours: 9 of 45 pairs, of 6 in each item: 4800 */
    tl_patches_choose(9, LATER, 1, PATCHES, KEPT, later);
    assert_memory_equal(later, numbers + LATER * KEPT, sizeof later);
    tl_patches_choose(10, LATER, 1, PATCHES, PATCHES / 2 * 2 - 6, later);
    assert_true(memcmp(later, numbers + LATER * KEPT, sizeof later) != 0);
}

/* ---- threads ---- */

/*
 * Enough items for several chunks: no pool and pools of 1, 2 and 3 give the same bits, forward and backward; inference gives
 * those of training; and an arena of the announced size never grows.
 */
static void test_threads_do_not_change_bits(void **state)
{
    (void)state;
    enum { ITEMS = 160 };
    for (size_t v = 0; v < TINY_VARIANT_COUNT + TINY_PUBLISHED_COUNT; v++) {
        tiny_model model;
        tiny_model_create(&model, v < TINY_VARIANT_COUNT ? &tiny_variants[v].config
                                                         : &tiny_published_variants[v - TINY_VARIANT_COUNT].config);
        const tl_model_config *config = model.config;
        const size_t image_floats = (size_t)3 * config->vision.image_size * config->vision.image_size,
                     tokens = config->text.context_length;
        const size_t outputs = (size_t)ITEMS * config->embedding_dim, flat = model.table.flat_count;
        float *pixels = tl_memory_allocate(ITEMS * image_floats, sizeof(float), NULL);
        int32_t *ids = tl_memory_allocate(ITEMS * tokens, sizeof *ids, NULL);
        uint32_t lengths[ITEMS];
        for (uint32_t i = 0; i < ITEMS * image_floats; i++)
            pixels[i] = tiny_value(21, i);
        for (uint32_t i = 0; i < ITEMS; i++) {
            lengths[i] = 2 + i % (uint32_t)(tokens - 1);
            for (uint32_t t = 0; t < lengths[i]; t++)
                ids[i * tokens + t] = t + 1 == lengths[i] ? 3 : (int32_t)(4 + (i + 5 * t) % (config->text.vocabulary_size - 4));
        }
        /* out: images, texts, then all gradients; the outputs themselves serve as the gradients handed back. */
        float *first = NULL, *again = tl_memory_allocate(2 * outputs, sizeof(float), NULL);
        for (size_t threads = 0; threads <= 3; threads++) {
            tl_thread_pool *pool = NULL;
            assert_true(threads == 0 || tl_thread_pool_create(threads, &pool, NULL));
            float *found = tl_memory_allocate_aligned(2 * outputs + flat, sizeof(float), NULL);
            const tl_weight *values = model.weights;
            tl_tower_state *vision, *text;
            tl_arena *arena;
            assert_true(tl_arena_create(tl_vision_tower_scratch_size(model.vision, ITEMS, true) +
                                            tl_text_tower_scratch_size(model.text, ITEMS, true),
                                        &arena, NULL));
            void *only_chunk = tl_arena_save(arena).chunk;
            memset(model.gradients_block, 0, flat * sizeof(float));
            assert_true(tl_vision_tower_forward(model.vision, values, pixels, ITEMS, pool, arena, NULL, found, &vision, NULL));
            assert_true(
                tl_text_tower_forward(model.text, values, ids, lengths, ITEMS, pool, arena, NULL, found + outputs, &text, NULL));
            assert_true(vision->chunk_count > 1 && text->chunk_count > 1);
            assert_true(tl_vision_tower_backward(model.vision, values, model.gradients, vision, found, pool, arena, NULL));
            assert_true(tl_text_tower_backward(model.text, values, model.gradients, text, found + outputs, pool, arena, NULL));
            assert_ptr_equal(tl_arena_save(arena).chunk, only_chunk);
            tl_arena_destroy(arena);

            size_t for_vision = tl_vision_tower_scratch_size(model.vision, ITEMS, false);
            size_t for_text = tl_text_tower_scratch_size(model.text, ITEMS, false);
            assert_true(tl_arena_create(for_vision > for_text ? for_vision : for_text, &arena, NULL));
            only_chunk = tl_arena_save(arena).chunk;
            assert_true(tl_vision_tower_forward(model.vision, values, pixels, ITEMS, pool, arena, NULL, again, NULL, NULL));
            tl_arena_reset(arena);
            assert_true(
                tl_text_tower_forward(model.text, values, ids, lengths, ITEMS, pool, arena, NULL, again + outputs, NULL, NULL));
            assert_ptr_equal(tl_arena_save(arena).chunk, only_chunk);
            assert_memory_equal(found, again, 2 * outputs * sizeof(float));
            tl_arena_destroy(arena);
            memcpy(found + 2 * outputs, model.gradients_block, flat * sizeof(float));
            if (first == NULL) {
                first = found;
            } else {
                assert_memory_equal(first, found, (2 * outputs + flat) * sizeof(float));
                tl_memory_free(found);
            }
            tl_thread_pool_destroy(pool);
        }
        tl_memory_free(again);
        tl_memory_free(first);
        tl_memory_free(ids);
        tl_memory_free(pixels);
        tiny_model_destroy(&model);
    }
}

/* One picture is one chunk, whose products are shared among the threads instead: again the same bits. */
static void test_one_item_uses_the_pool_with_the_same_bits(void **state)
{
    (void)state;
    tl_model_config config = tiny_variants[0].config;
    config.vision.width = 256;
    config.vision.heads = 4;
    config.vision.mlp_width = 1024;
    tiny_model model;
    tiny_model_create(&model, &config);
    const tl_weight *values = model.weights;
    for (size_t threads = 0; threads <= 3; threads++) {
        tl_thread_pool *pool = NULL;
        assert_true(threads == 0 || tl_thread_pool_create(threads, &pool, NULL));
        assert_true(tl_vision_tower_forward(model.vision, values, model.pixels, 1, pool, model.arena, NULL,
                                            threads == 0 ? model.images : model.texts, NULL, NULL));
        if (threads != 0)
            assert_memory_equal(model.images, model.texts, config.embedding_dim * sizeof(float));
        tl_thread_pool_destroy(pool);
    }
    tiny_model_destroy(&model);
}

static void test_ids_are_checked(void **state)
{
    (void)state;
    tiny_model model;
    tiny_model_create(&model, &tiny_variants[0].config);
    const tl_weight *values = model.weights;
    tl_error err;
    const int32_t wrong[] = {-1, (int32_t)model.config->text.vocabulary_size, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int32_t kept = model.ids[9];
        model.ids[9] = wrong[i];
        assert_false(tl_text_tower_forward(model.text, values, model.ids, model.lengths, TINY_BATCH, NULL, model.arena, NULL,
                                           model.texts, NULL, &err));
        assert_int_equal(err.kind, TL_ERROR_INVALID);
        assert_non_null(strstr(err.message, "text 1, token 1"));
        model.ids[9] = kept;
    }
    model.lengths[2] = model.config->text.context_length + 1;
    assert_false(tl_text_tower_forward(model.text, values, model.ids, model.lengths, TINY_BATCH, NULL, model.arena, NULL,
                                       model.texts, NULL, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tiny_model_destroy(&model);
}

/* Pooling by the largest id reads the first of equals, by the end of text the first too, and row 0 where there is none. */
static void test_pooled_row_is_the_first_of_equals(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) { /* "tok" pools by eos, "avg" by the largest id; both are causal */
        tiny_model model;
        tiny_model_create(&model, &tiny_variants[v].config);
        const tl_weight *values = model.weights;
        const int32_t read = v == 0 ? 3 : 49;
        const int32_t texts[2][TINY_BATCH][8] = {{{5, read, 7, read, 9}, {7, read}, {read, 8, 9}},
                                                 {{5, read, 8}, {7, read, 6, read}, {read}}};
        const size_t outputs = (size_t)TINY_BATCH * model.config->embedding_dim;
        for (size_t i = 0; i < 2; i++)
            assert_true(tl_text_tower_forward(model.text, values, texts[i][0], model.lengths, TINY_BATCH, NULL, model.arena, NULL,
                                              i == 0 ? model.texts : model.images, NULL, NULL));
        assert_memory_equal(model.texts, model.images, outputs * sizeof(float));
        if (v == 0) { /* no end of text: the answer is that of the first row, whatever follows */
            const int32_t endless[2][TINY_BATCH][8] = {{{5, 6, 7}, {7}, {9}}, {{5, 8, 9, 10}, {7, 11}, {9}}};
            for (size_t i = 0; i < 2; i++)
                assert_true(tl_text_tower_forward(model.text, values, endless[i][0], model.lengths, TINY_BATCH, NULL, model.arena,
                                                  NULL, i == 0 ? model.texts : model.images, NULL, NULL));
            assert_memory_equal(model.texts, model.images, outputs * sizeof(float));
        }
        tiny_model_destroy(&model);
    }
}

/* The announced scratch is enough: an arena of that size never grows a second chunk. */
static void test_scratch_size_is_enough(void **state)
{
    (void)state;
    for (size_t v = 0; v < TINY_VARIANT_COUNT + TINY_PUBLISHED_COUNT; v++)
        for (int training = 0; training < 2; training++) {
            tiny_model model;
            tiny_model_create(&model, v < TINY_VARIANT_COUNT ? &tiny_variants[v].config
                                                             : &tiny_published_variants[v - TINY_VARIANT_COUNT].config);
            const tl_weight *values = model.weights;
            tl_tower_state *vision, **kept = training ? &vision : NULL;
            tl_arena *arena;
            assert_true(tl_arena_create(tl_vision_tower_scratch_size(model.vision, TINY_BATCH, training != 0), &arena, NULL));
            void *empty_chunk = tl_arena_save(arena).chunk;
            assert_true(tl_vision_tower_forward(model.vision, values, model.pixels, TINY_BATCH, NULL, arena, NULL, model.images,
                                                kept, NULL));
            if (training)
                assert_true(
                    tl_vision_tower_backward(model.vision, values, model.gradients, vision, model.images, NULL, arena, NULL));
            assert_ptr_equal(tl_arena_save(arena).chunk, empty_chunk);
            tl_arena_destroy(arena);
            assert_true(tl_arena_create(tl_text_tower_scratch_size(model.text, TINY_BATCH, training != 0), &arena, NULL));
            empty_chunk = tl_arena_save(arena).chunk;
            assert_true(tl_text_tower_forward(model.text, values, model.ids, model.lengths, TINY_BATCH, NULL, arena, NULL,
                                              model.texts, kept, NULL));
            if (training)
                assert_true(tl_text_tower_backward(model.text, values, model.gradients, vision, model.texts, NULL, arena, NULL));
            assert_ptr_equal(tl_arena_save(arena).chunk, empty_chunk);
            tl_arena_destroy(arena);
            tiny_model_destroy(&model);
        }
}

int main(void)
{
    struct CMUnitTest tests[12 + TINY_VARIANT_COUNT + TINY_PUBLISHED_COUNT] = {
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_choice_of_patches),
        cmocka_unit_test(test_dropped_patches),
        cmocka_unit_test(test_mutant_halved_direction),
        cmocka_unit_test(test_mutant_sum_for_mean),
        cmocka_unit_test(test_mutant_scale_without_gradient),
        cmocka_unit_test(test_loss_at_its_limits),
        cmocka_unit_test(test_threads_do_not_change_bits),
        cmocka_unit_test(test_one_item_uses_the_pool_with_the_same_bits),
        cmocka_unit_test(test_ids_are_checked),
        cmocka_unit_test(test_scratch_size_is_enough),
        cmocka_unit_test(test_pooled_row_is_the_first_of_equals),
    };
    for (size_t i = 0; i < TINY_VARIANT_COUNT; i++)
        tests[12 + i] = (struct CMUnitTest){tiny_variants[i].name, test_towers, NULL, NULL, (void *)(uintptr_t)&tiny_variants[i]};
    for (size_t i = 0; i < TINY_PUBLISHED_COUNT; i++)
        tests[12 + TINY_VARIANT_COUNT + i] = (struct CMUnitTest){tiny_published_variants[i].name, test_towers, NULL, NULL,
                                                                 (void *)(uintptr_t)&tiny_published_variants[i]};
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
