/*
 * PE-Core's and EVA's image towers against timm: the rotary tables of the published models' grids (1e-6), then small towers of
 * each kind, stage by stage (1e-5 of the stage's largest magnitude). Fixtures: tests/golden/make_rotary.py. Last, the pooled
 * block against the full one, for every row that could be read.
 */
#include "encoders/towers/transformer.h"
#include "tests/support/assert_ok.h"
#include "tests/support/golden_entries.h"
#include "tests/support/tiny_towers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- tables ---- */

static void tables_are_those_of_timm(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t head_dim, side;
        tl_rotary_config config;
    } grids[] = {
        {"pe_core_T_S", 64, 24, {true, true, 10000.0f, 1.0f, 24}},  {"pe_core_B", 64, 14, {true, true, 10000.0f, 1.0f, 14}},
        {"pe_core_bigG", 96, 32, {true, true, 10000.0f, 0.0f, 32}}, {"eva02_B", 64, 14, {true, false, 10000.0f, 0.0f, 16}},
        {"eva02_L_336", 64, 24, {true, false, 10000.0f, 0.0f, 16}},
    };
    read_golden("rotary", "tables");
    assert_int_equal(reference.entry_count, sizeof grids / sizeof grids[0]);
    for (size_t g = 0; g < sizeof grids / sizeof grids[0]; g++) {
        const size_t dim = grids[g].head_dim, side = grids[g].side;
        size_t count = 0;
        const float *expected = golden_entry(grids[g].name, &count);
        assert_int_equal(count, side * 2 * dim);
        tl_rotary rotary;
        assert_true(tl_rotary_init(&rotary, &grids[g].config, side, dim, 0, NULL));
        for (size_t i = 0; i < side; i++) {
            const float *found = rotary.angles + (i * side + side - 1 - i) * 2 * dim, *sines = expected + i * 2 * dim;
            for (size_t j = 0; j < dim; j++) {
                const double sign = j % 2 == 0 ? -1.0 : 1.0;
                const double off =
                    fmax(fabs((double)found[j] - (double)sines[dim + j]), fabs(sign * (double)found[dim + j] - (double)sines[j]));
                if (!(off <= 1e-6))
                    fail_msg("%s: patch (%zu, %zu), number %zu: off by %g", grids[g].name, i, side - 1 - i, j, off);
            }
        }
        tl_rotary_clear(&rotary);
    }
}

/* ---- towers ---- */

#define ROTARY_TEXT                                                                                        \
    {                                                                                                      \
        .context_length = 8, .vocabulary_size = 50, .width = 16, .layers = 1, .heads = 2, .mlp_width = 16, \
        .pooling = TL_POOL_ARGMAX, .layer_norm_epsilon = 1e-5f                                             \
    }

typedef struct rotary_variant {
    tiny_variant tower;
    bool without_key_bias; /* then it is zero */
} rotary_variant;

static const rotary_variant variants[] = {
    {{"perception",
      {.embedding_dim = 7,
       .vision = {.image_size = 32,
                  .patch_size = 8,
                  .width = 48,
                  .layers = 2,
                  .heads = 3,
                  .mlp_width = 192,
                  .pooling = TL_POOL_ATTENTION,
                  .activation = TL_GELU,
                  .layer_norm_epsilon = 1e-5f,
                  .projection = TL_PROJECTION_LINEAR,
                  .pool_heads = 8,
                  .rotary = {true, true, 10000.0f, 1.0f, 4}},
       .text = ROTARY_TEXT}},
     false},
    {{"gigantic",
      {.embedding_dim = 7,
       .vision = {.image_size = 21,
                  .patch_size = 6,
                  .width = 24,
                  .layers = 2,
                  .heads = 2,
                  .mlp_width = 36,
                  .pooling = TL_POOL_ATTENTION,
                  .activation = TL_GELU,
                  .layer_norm_epsilon = 1e-5f,
                  .projection = TL_PROJECTION_LINEAR,
                  .without_class_token = true,
                  .pool_heads = 8,
                  .pool_mlp_width = 216,
                  .rotary = {true, true, 10000.0f, 0.0f, 5}},
       .text = ROTARY_TEXT}},
     false},
    {{"token",
      {.embedding_dim = 7,
       .vision = {.image_size = 24,
                  .patch_size = 8,
                  .width = 32,
                  .layers = 2,
                  .heads = 4,
                  .mlp_width = 128,
                  .pooling = TL_POOL_CLASS_TOKEN,
                  .activation = TL_GELU,
                  .layer_norm_epsilon = 1e-5f,
                  .projection = TL_PROJECTION_LINEAR,
                  .rotary = {true, false, 10000.0f, 0.0f, 16}},
       .text = ROTARY_TEXT}},
     false},
    {{"eva02",
      {.embedding_dim = 7,
       .vision = {.image_size = 24,
                  .patch_size = 8,
                  .width = 32,
                  .layers = 2,
                  .heads = 4,
                  .mlp_width = 70,
                  .pooling = TL_POOL_CLASS_TOKEN,
                  .activation = TL_GELU,
                  .layer_norm_epsilon = 1e-6f,
                  .projection = TL_PROJECTION_LINEAR,
                  .without_pre_norm = true,
                  .with_patch_bias = true,
                  .rotary = {true, false, 10000.0f, 0.0f, 16},
                  .with_gated_mlp = true,
                  .with_inner_norms = true},
       .text = ROTARY_TEXT}},
     true},
    {{"eva01",
      {.embedding_dim = 7,
       .vision =
           {
               .image_size = 16,
               .patch_size = 8,
               .width = 24,
               .layers = 2,
               .heads = 2,
               .mlp_width = 60,
               .pooling = TL_POOL_CLASS_TOKEN,
               .activation = TL_GELU,
               .layer_norm_epsilon = 1e-6f,
               .projection = TL_PROJECTION_LINEAR,
               .without_pre_norm = true,
               .with_patch_bias = true,
           },
       .text = ROTARY_TEXT}},
     true},
    {{"enormous",
      {.embedding_dim = 7,
       .vision = {.image_size = 16,
                  .patch_size = 8,
                  .width = 24,
                  .layers = 3,
                  .heads = 2,
                  .mlp_width = 12,
                  .pooling = TL_POOL_CLASS_TOKEN,
                  .activation = TL_GELU,
                  .layer_norm_epsilon = 1e-6f,
                  .projection = TL_PROJECTION_LINEAR,
                  .without_pre_norm = true,
                  .with_patch_bias = true,
                  .norms_last = true},
       .text = ROTARY_TEXT}},
     true},
};

typedef struct comparison {
    size_t tokens, stages;
    double worst;
} comparison;

/* Stages come chunk after chunk; all pictures of a tiny batch are one chunk. */
static void compare(void *context, const char *stage, size_t index, const float *rows, size_t row_count, size_t width)
{
    comparison *work = context;
    char name[64];
    size_t count = 0;
    if (strcmp(stage, "visual.middle") == 0) /* of which the reference tells nothing */
        return;
    snprintf(name, sizeof name, "%s.%zu", stage, index);
    const float *expected = golden_entry(name, &count);
    size_t stride = width;                                             /* between the rows compared */
    if (strcmp(stage, "visual.block") == 0 && row_count == TINY_BATCH) /* the pooled block: class tokens only */
        stride = work->tokens * width;
    assert_int_equal(row_count * stride, count);
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (size_t row = 0; row < row_count; row++)
        for (size_t i = 0; i < width; i++) {
            const double off = fabs((double)rows[row * width + i] - (double)expected[row * stride + i]);
            if (!(off <= 1e-5 * largest))
                fail_msg("%s: row %zu, column %zu: off by %g of %g", name, row, i, off, largest);
            work->worst = fmax(work->worst, off / largest);
        }
    work->stages++;
}

static void fill(const tl_parameter_table *table, float *block)
{
    for (size_t row = 0; row < table->count; row++) {
        const tl_parameter *parameter = &table->items[row];
        const size_t length = strlen(parameter->name);
        const bool is_gain = strstr(parameter->name, "ln_") != NULL && strcmp(parameter->name + length - 6, "weight") == 0;
        for (size_t i = 0; i < parameter->count; i++)
            block[parameter->offset + i] =
                (is_gain ? 1.0f : 0.0f) + 0.25f * tiny_value(tiny_stream(parameter->name), (uint32_t)i);
    }
}

static void towers_agree_with_timm(void **state)
{
    const rotary_variant *told = *state;
    const tiny_variant *variant = &told->tower;
    const tl_vision_config *vision = &variant->config.vision;
    read_golden("rotary", variant->name);
    assert_ok(tl_model_config_check(&variant->config, err));
    tl_parameter_table table = {0};
    tl_vision_tower *tower;
    tl_arena *arena;
    assert_true(tl_vision_tower_create(&variant->config, &table, &tower, NULL) && tl_arena_create(1 << 16, &arena, NULL));
    float *block = tl_memory_allocate_aligned(table.flat_count, sizeof(float), NULL);
    tl_weight *weights = tl_memory_allocate(table.count, sizeof *weights, NULL);
    tl_parameter_table_point_weights(&table, block, weights);
    fill(&table, block);
    for (size_t row = 0; told->without_key_bias && row < table.count; row++)
        if (strstr(table.items[row].name, "in_proj_bias") != NULL)
            memset(block + table.items[row].offset + vision->width, 0, vision->width * sizeof *block);
    const size_t pixel_count = (size_t)TINY_BATCH * 3 * vision->image_size * vision->image_size;
    float *pixels = tl_memory_allocate(pixel_count, sizeof *pixels, NULL);
    for (size_t i = 0; i < pixel_count; i++)
        pixels[i] = tiny_value(1, (uint32_t)i);

    const size_t side = vision->image_size / vision->patch_size;
    comparison work = {.tokens = side * side + !vision->without_class_token};
    const tl_stage_observer observer = {&work, compare};
    float out[TINY_BATCH * 7], again[TINY_BATCH * 7];
    assert_true(tl_vision_tower_forward(tower, weights, pixels, TINY_BATCH, NULL, arena, &observer, out, NULL, NULL));
    assert_int_equal(work.stages, reference.entry_count);
    assert_true(work.stages == vision->layers + 3);
    print_message("%s: worst stage off by %.1e\n", variant->name, work.worst);

    /* The same bits on a pool, and one picture at a time. */
    tl_thread_pool *pool;
    assert_true(tl_thread_pool_create(2, &pool, NULL));
    tl_arena_reset(arena);
    assert_true(tl_vision_tower_forward(tower, weights, pixels, TINY_BATCH, pool, arena, NULL, again, NULL, NULL));
    assert_memory_equal(again, out, sizeof out);
    for (size_t i = 0; i < TINY_BATCH; i++) {
        tl_arena_reset(arena);
        assert_true(tl_vision_tower_forward(tower, weights, pixels + i * pixel_count / TINY_BATCH, 1, pool, arena, NULL, again,
                                            NULL, NULL));
        for (size_t j = 0; j < 7; j++)
            assert_true(fabs((double)again[j] - (double)out[i * 7 + j]) <= 1e-5 * (1.0 + fabs((double)out[i * 7 + j])));
    }
    tl_thread_pool_destroy(pool);
    tl_memory_free(pixels);
    tl_memory_free(weights);
    tl_memory_free(block);
    tl_arena_destroy(arena);
    tl_vision_tower_destroy(tower);
    tl_parameter_table_clear(&table);
}

/* ---- the pooled block ---- */

enum { WIDTH = 24, HEADS = 2, SIDE = 3, ITEMS = 2, TOKENS = SIDE * SIDE + 1, ROWS = ITEMS * TOKENS };

static float *floats(tl_arena *arena, size_t count)
{
    float *out;
    assert_true(tl_take_floats(arena, count, &out, NULL));
    return out;
}

static void forward(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *weights,
                    const tl_chunk *chunk, const tl_block_state *state, float *scratch)
{
    tl_block_forward_attention(shape, parameters, weights, chunk, NULL, state, scratch);
    tl_block_forward_mlp(shape, parameters, weights, chunk, NULL, state, scratch);
}

static void any_row_can_be_the_one_that_is_read(void **state)
{
    (void)state;
    const tl_rotary_config config = {true, true, 100.0f, 1.0f, 0};
    tl_rotary rotary;
    assert_true(tl_rotary_init(&rotary, &config, SIDE, WIDTH / HEADS, 1, NULL));
    const tl_block_shape shape = {.width = WIDTH, .heads = HEADS, .mlp_width = 3 * WIDTH, .epsilon = 1e-5f, .rotary = &rotary};
    const tl_block_initialization initialization = {.is_normal = false};
    tl_parameter_table table = {0};
    tl_block_parameters parameters;
    tl_arena *arena = NULL;
    assert_true(tl_block_create(&shape, "block.", &initialization, &table, &parameters, NULL) &&
                tl_arena_create(1 << 16, &arena, NULL));
    float *block = floats(arena, table.flat_count);
    fill(&table, block);
    tl_weight *weights = tl_arena_allocate(arena, table.count, sizeof *weights, NULL);
    tl_parameter_table_point_weights(&table, block, weights);

    const size_t offsets[ITEMS + 1] = {0, TOKENS, ROWS}, pooled_offsets[ITEMS + 1] = {0, 1, 2};
    tl_block_state whole = {.input = floats(arena, ROWS * WIDTH),
                            .normal_1 = floats(arena, ROWS * WIDTH),
                            .qkv = floats(arena, ROWS * 3 * WIDTH),
                            .query_input = floats(arena, ITEMS * WIDTH),
                            .query_normal = floats(arena, ITEMS * WIDTH),
                            .query = floats(arena, ITEMS * WIDTH),
                            .attended = floats(arena, ROWS * WIDTH),
                            .middle = floats(arena, ROWS * WIDTH),
                            .normal_2 = floats(arena, ROWS * WIDTH),
                            .before = floats(arena, ROWS * 3 * WIDTH),
                            .after = floats(arena, ROWS * 3 * WIDTH),
                            .output = floats(arena, ROWS * WIDTH)};
    float *scratch = floats(arena, tl_block_scratch_count(&shape, ROWS, TOKENS));
    for (uint32_t i = 0; i < ROWS * WIDTH; i++)
        whole.input[i] = tiny_value(5, i);
    tl_chunk chunk = {.item_count = ITEMS, .row_count = ROWS, .offsets = offsets, .pooled_offsets = pooled_offsets};
    forward(&shape, &parameters, weights, &chunk, &whole, scratch);
    tl_block_state pooled = whole;
    pooled.output = floats(arena, ITEMS * WIDTH);
    for (size_t row = 0; row < TOKENS; row++) {
        const size_t pooled_rows[ITEMS] = {row, TOKENS + (row + 4) % TOKENS};
        chunk.pooled_rows = pooled_rows;
        forward(&shape, &parameters, weights, &chunk, &pooled, scratch);
        for (size_t item = 0; item < ITEMS; item++)
            for (size_t i = 0; i < WIDTH; i++) {
                const float expected = whole.output[pooled_rows[item] * WIDTH + i], found = pooled.output[item * WIDTH + i];
                if (!(fabs((double)found - (double)expected) <= 1e-5))
                    fail_msg("item %zu read at %zu, column %zu: expected %g, found %g", item, pooled_rows[item], i,
                             (double)expected, (double)found);
            }
    }
    tl_arena_destroy(arena);
    tl_parameter_table_clear(&table);
    tl_rotary_clear(&rotary);
}

int main(void)
{
    enum { VARIANT_COUNT = sizeof variants / sizeof variants[0] };
    struct CMUnitTest tests[VARIANT_COUNT + 2] = {cmocka_unit_test(tables_are_those_of_timm),
                                                  cmocka_unit_test(any_row_can_be_the_one_that_is_read)};
    for (size_t i = 0; i < VARIANT_COUNT; i++)
        tests[2 + i] =
            (struct CMUnitTest){variants[i].tower.name, towers_agree_with_timm, NULL, NULL, (void *)(uintptr_t)&variants[i]};
    return cmocka_run_group_tests_name("rotary_golden", tests, NULL, NULL);
}
