/*
 * Both towers and the loss against the reference framework, stage by stage, so that a drift names the layer where it starts, then
 * the raw gradient of every tensor. Fixtures: tests/golden/make_towers.py. Tolerances: activations 1e-5 of the stage's largest
 * magnitude, loss 1e-6, gradients 1e-4 in relative L2 (all far above f32 rounding in nets this small, far below any mistake).
 */
#include "encoders/towers/transformer.h"
#include "tests/support/golden_entries.h"
#include "tests/support/tiny_towers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_close(const char *what, const float *found, const float *expected, size_t count, double tolerance)
{
    double largest = 0.0, worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
        worst = fmax(worst, fabs((double)found[i] - (double)expected[i]));
        assert_true(isfinite(found[i]));
    }
    if (worst > tolerance * largest)
        fail_msg("%s: largest difference %g of %g", what, worst, largest);
}

static double relative_l2(const float *found, const float *expected, size_t count)
{
    double difference = 0.0, size = 0.0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)found[i] - (double)expected[i]) * ((double)found[i] - (double)expected[i]);
        size += (double)expected[i] * (double)expected[i];
    }
    return sqrt(difference) / (sqrt(size) + 1e-12);
}

/*
 * Rows of a stage in golden order [B, T, W] against our packed rows: an item of ours may be shorter (nothing after the end of
 * text is computed), and the last block has only the row that pooling reads.
 */
static void expect_stages(const char *tower, const tl_tower_state *state, size_t layers, size_t width, size_t tokens,
                          bool is_pooled)
{
    for (size_t stage = 0; stage <= layers; stage++) {
        char name[64];
        size_t count = 0;
        snprintf(name, sizeof name, "%s.stage.%zu", tower, stage);
        const float *expected = golden_entry(name, &count);
        assert_int_equal(count, TINY_BATCH * tokens * width);
        const float *ours = stage < layers ? state->blocks[stage].input : state->blocks[layers - 1].output;
        for (size_t c = 0; c < state->chunk_count; c++) {
            const tl_chunk *chunk = &state->chunks[c];
            for (size_t i = 0; i < chunk->item_count; i++) {
                size_t item = chunk->first_item + i, start = chunk->offsets[i], length = chunk->offsets[i + 1] - start;
                if (stage == layers && is_pooled)
                    expect_close(name, ours + item * width, expected + (item * tokens + chunk->pooled_rows[i] - start) * width,
                                 width, 1e-5);
                else
                    expect_close(name, ours + (chunk->first_row + start) * width, expected + item * tokens * width,
                                 length * width, 1e-5);
            }
        }
    }
}

static void check_variant(const tiny_variant *variant)
{
    read_golden("towers", variant->name);
    const tl_model_config *config = &variant->config;
    tiny_model model;
    tiny_model_create(&model, config);
    tl_tower_state *vision, *text;
    tl_objective_result result = tiny_model_forward(&model, NULL, &vision, &text);

    size_t count = 0, side = config->vision.image_size / config->vision.patch_size,
           outputs = (size_t)TINY_BATCH * config->embedding_dim;
    const float *embedded = golden_entry("vision.embedded", &count);
    expect_close("vision.embedded", vision->embedded, embedded, count, 1e-5);
    expect_stages("vision", vision, config->vision.layers, config->vision.width, side * side + 1,
                  config->vision.pooling == TL_POOL_CLASS_TOKEN);
    expect_stages("text", text, config->text.layers, config->text.width, config->text.context_length, true);
    expect_close("vision.out", model.images, golden_entry("vision.out", &count), outputs, 1e-5);
    expect_close("text.out", model.texts, golden_entry("text.out", &count), outputs, 1e-5);
    assert_true(fabs(result.loss - (double)*golden_entry("loss", &count)) <= 1e-6);

    tiny_model_backward(&model, NULL, vision, text);
    for (size_t row = 0; row < model.table.count; row++) {
        char name[128];
        snprintf(name, sizeof name, "gradient.%s", model.table.items[row].name);
        const float *expected = golden_entry(name, &count);
        assert_int_equal(count, model.table.items[row].count);
        double error = relative_l2(model.gradients[row], expected, count);
        if (!(error <= 1e-4))
            fail_msg("%s: %s: relative error %g", variant->name, name, error);
    }
    const float *by_scale = golden_entry("gradient.logit_scale", &count);
    assert_true(fabs((double)model.logit_scale_gradient - (double)*by_scale) <= 1e-4 * fabs((double)*by_scale));
    assert_int_equal(reference.entry_count, model.table.count + 1 + 1 + 3 + config->vision.layers + 1 + config->text.layers + 1);

    /* Inference gives the same answer without keeping anything. */
    float again[2][TINY_BATCH * 32];
    const tl_weight *values = model.weights;
    assert_true(
        tl_vision_tower_forward(model.vision, values, model.pixels, TINY_BATCH, NULL, model.arena, NULL, again[0], NULL, NULL));
    assert_true(tl_text_tower_forward(model.text, values, model.ids, model.lengths, TINY_BATCH, NULL, model.arena, NULL, again[1],
                                      NULL, NULL));
    assert_memory_equal(again[0], model.images, outputs * sizeof(float));
    assert_memory_equal(again[1], model.texts, outputs * sizeof(float));
    tiny_model_destroy(&model);
}

static void test_variant(void **state)
{
    check_variant(*state);
}

int main(void)
{
    struct CMUnitTest tests[TINY_VARIANT_COUNT + 1];
    for (size_t i = 0; i < TINY_VARIANT_COUNT; i++)
        tests[i] = (struct CMUnitTest){tiny_variants[i].name, test_variant, NULL, NULL, (void *)(uintptr_t)&tiny_variants[i]};
    const tiny_variant *stem = &tiny_published_variants[TINY_STEM];
    tests[TINY_VARIANT_COUNT] = (struct CMUnitTest){stem->name, test_variant, NULL, NULL, (void *)(uintptr_t)stem};
    return cmocka_run_group_tests_name("towers_golden", tests, NULL, NULL);
}
