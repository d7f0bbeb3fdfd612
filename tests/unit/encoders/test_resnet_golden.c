/*
 * CLIP's ResNet against the reference framework, stage by stage, so that a drift names the stage where it starts. Fixtures:
 * tests/golden/make_resnet.py. Tolerance: 1e-5 of the stage's largest magnitude.
 */
#include "tests/support/golden_entries.h"
#include "tests/support/tiny_resnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { BATCH = 3, STAGE_COUNT = 7 };

/* A stage's rows, as many items as were shown, one visit after the other. */
typedef struct shown_stage {
    float *rows;
    size_t count, width;
} shown_stage;

/* 0 to 4: the blocks, then pooled and projected. */
static size_t stage_number(const char *stage, size_t index)
{
    if (strcmp(stage, "visual.block") == 0)
        return index;
    return strcmp(stage, "visual.pooled") == 0 ? 5 : strcmp(stage, "visual.projected") == 0 ? 6 : STAGE_COUNT;
}

static void keep_stage(void *context, const char *stage, size_t index, const float *rows, size_t row_count, size_t width)
{
    size_t number = stage_number(stage, index);
    assert_true(number < STAGE_COUNT);
    shown_stage *shown = (shown_stage *)context + number;
    size_t capacity = shown->count;
    assert_true(tl_memory_reserve(&shown->rows, &capacity, shown->count + row_count * width, sizeof(float), NULL));
    memcpy(shown->rows + shown->count, rows, row_count * width * sizeof(float));
    shown->count += row_count * width;
    shown->width = width;
}

static void expect_stage(const char *name, const shown_stage *shown)
{
    size_t count = 0;
    const float *expected = golden_entry(name, &count);
    double largest = 0.0, worst = 0.0;
    assert_true(shown->count >= count && shown->count <= BATCH * count);
    const float *found = shown->rows + shown->count - count; /* of pictures the last item, of outputs all */
    for (size_t i = 0; i < count; i++) {
        assert_true(isfinite(found[i]));
        largest = fmax(largest, fabs((double)expected[i]));
        worst = fmax(worst, fabs((double)found[i] - (double)expected[i]));
    }
    if (!(worst <= 1e-5 * largest))
        fail_msg("%s: largest difference %g of %g", name, worst, largest);
}

typedef struct variant {
    const char *name;
    uint32_t width, heads, image_size, dim, stage_layers[4];
} variant;

static const variant variants[] = {
    {"plain", 8, 4, 64, 12, {1, 1, 2, 1}},
    {"odd", 6, 3, 38, 7, {2, 1, 1, 1}},
};

static void check_variant(void **state)
{
    const variant *at = *state;
    read_golden("resnet", at->name);
    tl_model_config config = tiny_resnet_config(at->image_size, at->width, at->heads, at->dim);
    memcpy(config.vision.stage_layers, at->stage_layers, sizeof at->stage_layers);
    config.vision.layers = 5;
    assert_true(tl_model_config_check_trainable(&config, false, NULL) == false);
    tiny_resnet model;
    tiny_resnet_create(&model, &config);
    size_t statistics = 0;
    for (size_t row = 0; row < model.table.count; row++) {
        const tl_parameter *parameter = &model.table.items[row];
        if (!tiny_resnet_name_has(parameter->name, ".running_"))
            continue;
        size_t count = 0;
        const float *values = golden_entry(parameter->name, &count);
        assert_int_equal(count, parameter->count);
        memcpy(model.values[row], values, count * sizeof(float));
        statistics++;
    }
    assert_int_equal(statistics + STAGE_COUNT, reference.entry_count);

    shown_stage shown[STAGE_COUNT] = {0};
    const tl_stage_observer observer = {shown, keep_stage};
    float *pixels = tiny_resnet_pixels(&model, BATCH), out[BATCH * 12];
    tl_arena *arena;
    assert_true(tl_arena_create(tl_vision_tower_scratch_size(model.tower, BATCH, false), &arena, NULL));
    assert_true(tl_vision_tower_forward(model.tower, model.weights, pixels, BATCH, NULL, arena, &observer, out, NULL, NULL));
    static const char *const names[STAGE_COUNT] = {"block.0", "block.1", "block.2", "block.3", "block.4", "pooled", "projected"};
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        expect_stage(names[i], &shown[i]);
        assert_int_equal(shown[i].width, i == 6 ? at->dim : i == 5 ? 32 * at->width : i == 0 ? at->width : (2 * at->width) << i);
        tl_memory_free(shown[i].rows);
    }
    tl_arena_destroy(arena);
    tl_memory_free(pixels);
    tiny_resnet_destroy(&model);
}

int main(void)
{
    enum { COUNT = sizeof variants / sizeof variants[0] };
    struct CMUnitTest tests[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){variants[i].name, check_variant, NULL, NULL, (void *)(uintptr_t)&variants[i]};
    return cmocka_run_group_tests_name("resnet_golden", tests, NULL, NULL);
}
