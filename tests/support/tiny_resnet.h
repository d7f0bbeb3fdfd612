/*
 * Tiny ResNet towers for tests, with parameters and pixels made by the integer rule of tiny_towers.h, which
 * tests/golden/tiny_values.py repeats. Included by test programs.
 */
#ifndef TL_TESTS_SUPPORT_TINY_RESNET_H
#define TL_TESTS_SUPPORT_TINY_RESNET_H

#include "tests/support/tiny_towers.h"

typedef struct tiny_resnet {
    tl_model_config config;
    tl_parameter_table table;
    tl_vision_tower *tower;
    float *block;
    float **values;
    tl_weight *weights;
} tiny_resnet;

static inline tl_model_config tiny_resnet_config(uint32_t image_size, uint32_t width, uint32_t heads, uint32_t dim)
{
    return (tl_model_config){.embedding_dim = dim,
                             .vision = {.trunk = TL_TRUNK_RESNET,
                                        .layer_norm_epsilon = 1e-5f,
                                        .image_size = image_size,
                                        .patch_size = 32,
                                        .width = width,
                                        .heads = heads,
                                        .layers = 4,
                                        .stage_layers = {1, 1, 1, 1}}};
}

static inline bool tiny_resnet_name_has(const char *name, const char *part)
{
    return strstr(name, part) != NULL;
}

/* Running statistics by the rule as well: means around 0, variances around 1. */
static inline void tiny_resnet_create(tiny_resnet *model, const tl_model_config *config)
{
    memset(model, 0, sizeof *model);
    model->config = *config;
    bool ok = tl_vision_tower_create(config, &model->table, &model->tower, NULL);
    TL_ASSERT(ok);
    model->block = tl_memory_allocate_aligned(model->table.flat_count, sizeof(float), NULL);
    model->values = tl_memory_allocate(model->table.count, sizeof *model->values, NULL);
    model->weights = tl_memory_allocate(model->table.count, sizeof *model->weights, NULL);
    tl_parameter_table_point(&model->table, model->block, model->values);
    tl_parameter_table_point_weights(&model->table, model->block, model->weights);
    for (size_t row = 0; row < model->table.count; row++) {
        const tl_parameter *parameter = &model->table.items[row];
        const char *name = parameter->name;
        const bool is_of_norm = tiny_resnet_name_has(name, "bn") || tiny_resnet_name_has(name, "downsample.1");
        const bool is_around_1 =
            is_of_norm && (tiny_resnet_name_has(name, ".weight") || tiny_resnet_name_has(name, ".running_var"));
        for (size_t i = 0; i < parameter->count; i++)
            model->values[row][i] = (is_around_1 ? 1.0f : 0.0f) + 0.25f * tiny_value(tiny_stream(name), (uint32_t)i);
    }
}

static inline void tiny_resnet_destroy(tiny_resnet *model)
{
    tl_memory_free(model->weights);
    tl_memory_free(model->values);
    tl_memory_free(model->block);
    tl_vision_tower_destroy(model->tower);
    tl_parameter_table_clear(&model->table);
}

/* [batch, 3, S, S], the caller's. */
static inline float *tiny_resnet_pixels(const tiny_resnet *model, size_t batch)
{
    const size_t count = batch * 3 * model->config.vision.image_size * model->config.vision.image_size;
    float *pixels = tl_memory_allocate(count, sizeof *pixels, NULL);
    for (size_t i = 0; i < count; i++)
        pixels[i] = tiny_value(1, (uint32_t)i);
    return pixels;
}

#endif
