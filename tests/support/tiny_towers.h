/*
 * Tiny two-tower models for tests, with parameters and inputs made by an integer rule that tests/golden/tiny_values.py repeats,
 * so that no weights need to be stored. Included by test programs.
 */
#ifndef TL_TESTS_SUPPORT_TINY_TOWERS_H
#define TL_TESTS_SUPPORT_TINY_TOWERS_H

#include "base/core/arena.h"
#include "base/core/memory.h"
#include "encoders/objectives/objective.h"
#include "encoders/towers/towers.h"
#include "tests/support/tiny_value.h"

#include <math.h>
#include <string.h>

enum { TINY_BATCH = 3, TINY_MOST_TOKENS = 16 };
static const float tiny_logit_scale = 1.5f;

typedef struct tiny_variant {
    const char *name;
    tl_model_config config;
} tiny_variant;

static const tiny_variant tiny_variants[] = {
    {"tok",
     {.embedding_dim = 12,
      .vision = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 16,
                 .patch_size = 8,
                 .width = 16,
                 .layers = 2,
                 .heads = 2,
                 .mlp_width = 48,
                 .pooling = TL_POOL_CLASS_TOKEN},
      .text = {.activation = TL_GELU,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 2,
               .heads = 2,
               .mlp_width = 48,
               .pooling = TL_POOL_EOS,
               .eos_id = 3}}},
    {"avg",
     {.embedding_dim = 12,
      .vision = {.activation = TL_QUICK_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 12,
                 .patch_size = 4,
                 .width = 16,
                 .layers = 2,
                 .heads = 4,
                 .mlp_width = 32,
                 .pooling = TL_POOL_AVERAGE},
      .text = {.activation = TL_QUICK_GELU,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 2,
               .heads = 4,
               .mlp_width = 64,
               .pooling = TL_POOL_ARGMAX,
               .eos_id = 3}}},
    {"full",
     {.embedding_dim = 12,
      .vision = {.activation = TL_GELU_TANH,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 16,
                 .patch_size = 8,
                 .width = 16,
                 .layers = 1,
                 .heads = 1,
                 .mlp_width = 48,
                 .pooling = TL_POOL_CLASS_TOKEN},
      .text = {.activation = TL_GELU_TANH,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 2,
               .heads = 2,
               .mlp_width = 48,
               .without_causal_mask = true,
               .pooling = TL_POOL_EOS,
               .eos_id = 3}}},
    {"odd",
     {.embedding_dim = 7,
      .vision = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 9,
                 .patch_size = 3,
                 .width = 10,
                 .layers = 2,
                 .heads = 2,
                 .mlp_width = 30,
                 .pooling = TL_POOL_CLASS_TOKEN},
      .text = {.activation = TL_GELU,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 11,
               .vocabulary_size = 23,
               .width = 18,
               .layers = 1,
               .heads = 3,
               .mlp_width = 36,
               .pooling = TL_POOL_LAST,
               .eos_id = 3}}},
};
enum { TINY_VARIANT_COUNT = sizeof tiny_variants / sizeof tiny_variants[0] };

/* Pieces of published towers, and stems: the oracle computes them, make_towers.py the first stem only. */
static const tiny_variant tiny_published_variants[] = {
    {"siglip",
     {.embedding_dim = 16,
      .vision = {.activation = TL_GELU_TANH,
                 .layer_norm_epsilon = 1e-6f,
                 .image_size = 12,
                 .patch_size = 4,
                 .width = 16,
                 .layers = 2,
                 .heads = 4,
                 .mlp_width = 32,
                 .pooling = TL_POOL_ATTENTION,
                 .pool_heads = 2,
                 .pool_mlp_width = 24,
                 .projection = TL_PROJECTION_NONE,
                 .without_class_token = true,
                 .without_pre_norm = true,
                 .with_patch_bias = true},
      .text = {.activation = TL_GELU_TANH,
               .layer_norm_epsilon = 1e-6f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 1,
               .heads = 2,
               .mlp_width = 48,
               .without_causal_mask = true,
               .pooling = TL_POOL_LAST,
               .eos_id = 3,
               .projection = TL_PROJECTION_LINEAR}}},
    {"map with a projection",
     {.embedding_dim = 12,
      .vision = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 16,
                 .patch_size = 8,
                 .width = 16,
                 .layers = 1,
                 .heads = 2,
                 .mlp_width = 48,
                 .pooling = TL_POOL_ATTENTION,
                 .pool_heads = 4,
                 .projection = TL_PROJECTION_LINEAR},
      .text = {.activation = TL_GELU,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 12,
               .layers = 2,
               .heads = 2,
               .mlp_width = 24,
               .pooling = TL_POOL_EOS,
               .eos_id = 3,
               .projection = TL_PROJECTION_NONE}}},
    {"norm after the mean",
     {.embedding_dim = 12,
      .vision = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 12,
                 .patch_size = 4,
                 .width = 16,
                 .layers = 2,
                 .heads = 2,
                 .mlp_width = 32,
                 .pooling = TL_POOL_AVERAGE,
                 .norm_after_pooling = true,
                 .with_patch_bias = true},
      .text = {.activation = TL_GELU,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 1,
               .heads = 2,
               .mlp_width = 48,
               .pooling = TL_POOL_EOS,
               .eos_id = 3}}},
    {"mean without a class token",
     {.embedding_dim = 12,
      .vision = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 12,
                 .patch_size = 4,
                 .width = 16,
                 .layers = 1,
                 .heads = 2,
                 .mlp_width = 32,
                 .pooling = TL_POOL_AVERAGE,
                 .without_class_token = true},
      .text = {.activation = TL_GELU,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 1,
               .heads = 2,
               .mlp_width = 48,
               .pooling = TL_POOL_EOS,
               .eos_id = 3}}},
    {"stem",
     {.embedding_dim = 12,
      .vision = {.activation = TL_GELU,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 24,
                 .patch_size = 8,
                 .stem_stage_count = 2,
                 .stem_stages = {{2, 6, 2, 18}, {2, 10, 1, 20}},
                 .stem_kernel = 5,
                 .width = 16,
                 .layers = 1,
                 .heads = 2,
                 .mlp_width = 32,
                 .pooling = TL_POOL_AVERAGE},
      .text = {.activation = TL_GELU,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 1,
               .heads = 2,
               .mlp_width = 48,
               .pooling = TL_POOL_EOS,
               .eos_id = 3}}},
    {"stem that reduces all by itself",
     {.embedding_dim = 12,
      .vision = {.activation = TL_GELU_TANH,
                 .layer_norm_epsilon = 1e-5f,
                 .image_size = 12,
                 .patch_size = 4,
                 .stem_stage_count = 1,
                 .stem_stages = {{4, 9, 1, 21}},
                 .stem_kernel = 3,
                 .width = 16,
                 .layers = 1,
                 .heads = 2,
                 .mlp_width = 32,
                 .pooling = TL_POOL_AVERAGE,
                 .without_class_token = true,
                 .without_pre_norm = true,
                 .with_patch_bias = true},
      .text = {.activation = TL_GELU_TANH,
               .layer_norm_epsilon = 1e-5f,
               .context_length = 8,
               .vocabulary_size = 50,
               .width = 16,
               .layers = 1,
               .heads = 2,
               .mlp_width = 48,
               .pooling = TL_POOL_EOS,
               .eos_id = 3}}},
};
enum { TINY_PUBLISHED_COUNT = sizeof tiny_published_variants / sizeof tiny_published_variants[0], TINY_STEM = 4 };

static inline uint32_t tiny_stream(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

/* One model of a variant with parameters, gradients and a batch, all owned. */
typedef struct tiny_model {
    const tl_model_config *config;
    tl_parameter_table table;
    tl_vision_tower *vision;
    tl_text_tower *text;
    float *values_block, *gradients_block;
    float **values, **gradients;
    tl_weight *weights; /* the same values, as the towers take them */
    tl_arena *arena;
    float *pixels;
    int32_t ids[TINY_BATCH * TINY_MOST_TOKENS];
    uint32_t lengths[TINY_BATCH];
    float *images, *texts, *images_gradient, *texts_gradient; /* [B, D] */
    float logit_scale_gradient;
    const tl_patch_dropout *dropout; /* of training; NULL: none */
} tiny_model;

static inline void tiny_model_create(tiny_model *model, const tl_model_config *config)
{
    memset(model, 0, sizeof *model);
    model->config = config;
    bool ok = tl_vision_tower_create(config, &model->table, &model->vision, NULL) &&
              tl_text_tower_create(config, &model->table, &model->text, NULL);
    TL_ASSERT(ok);
    model->values_block = tl_memory_allocate_aligned(model->table.flat_count, sizeof(float), NULL);
    model->gradients_block = tl_memory_allocate_aligned(model->table.flat_count, sizeof(float), NULL);
    model->values = tl_memory_allocate(model->table.count, sizeof *model->values, NULL);
    model->gradients = tl_memory_allocate(model->table.count, sizeof *model->gradients, NULL);
    model->weights = tl_memory_allocate(model->table.count, sizeof *model->weights, NULL);
    tl_parameter_table_point(&model->table, model->values_block, model->values);
    tl_parameter_table_point_weights(&model->table, model->values_block, model->weights);
    tl_parameter_table_point(&model->table, model->gradients_block, model->gradients);
    for (size_t row = 0; row < model->table.count; row++) {
        const tl_parameter *parameter = &model->table.items[row];
        size_t length = strlen(parameter->name);
        bool is_gain = (strstr(parameter->name, "ln_") != NULL || strstr(parameter->name, "attn_pool.ln.") != NULL) &&
                       length > 6 && strcmp(parameter->name + length - 6, "weight") == 0;
        for (size_t i = 0; i < parameter->count; i++)
            model->values[row][i] = (is_gain ? 1.0f : 0.0f) + 0.25f * tiny_value(tiny_stream(parameter->name), (uint32_t)i);
    }
    size_t pixel_count = (size_t)TINY_BATCH * 3 * config->vision.image_size * config->vision.image_size;
    model->pixels = tl_memory_allocate(pixel_count, sizeof(float), NULL);
    for (size_t i = 0; i < pixel_count; i++)
        model->pixels[i] = tiny_value(1, (uint32_t)i);
    uint32_t tokens = config->text.context_length;
    const uint32_t lengths[TINY_BATCH] = {3, 6, tokens};
    for (uint32_t b = 0; b < TINY_BATCH; b++) {
        model->lengths[b] = lengths[b];
        for (uint32_t t = 0; t + 1 < lengths[b]; t++)
            model->ids[b * tokens + t] = (int32_t)(4 + (b * 7 + t * t * 3 + t) % (config->text.vocabulary_size - 4));
        model->ids[b * tokens + lengths[b] - 1] = 3;
    }
    size_t outputs = (size_t)TINY_BATCH * config->embedding_dim;
    model->images = tl_memory_allocate(4 * outputs, sizeof(float), NULL);
    model->texts = model->images + outputs;
    model->images_gradient = model->texts + outputs;
    model->texts_gradient = model->images_gradient + outputs;
    ok = tl_arena_create(1 << 16, &model->arena, NULL);
    TL_ASSERT(ok);
}

static inline void tiny_model_destroy(tiny_model *model)
{
    tl_arena_destroy(model->arena);
    tl_memory_free(model->images);
    tl_memory_free(model->pixels);
    tl_memory_free(model->gradients);
    tl_memory_free(model->values);
    tl_memory_free(model->weights);
    tl_memory_free(model->gradients_block);
    tl_memory_free(model->values_block);
    tl_text_tower_destroy(model->text);
    tl_vision_tower_destroy(model->vision);
    tl_parameter_table_clear(&model->table);
}

/* An objective on so many pairs, one caption a picture. Gradients may all be NULL. */
static inline bool tiny_loss(const tl_objective *objective, const float *images, const float *texts, size_t pairs, size_t dim,
                             float logit_scale, tl_thread_pool *pool, tl_arena *arena, tl_objective_result *result,
                             float *images_gradient, float *texts_gradient, float *logit_scale_gradient, tl_error *err)
{
    const tl_objective_input input = {
        .pictures = pairs, .captions_per_picture = 1, .dim = dim, .images = images, .texts = texts, .logit_scale = logit_scale};
    const tl_objective_gradients gradients = {images_gradient, texts_gradient, logit_scale_gradient, NULL};
    return objective->run(&input, pool, arena, result, images_gradient != NULL ? &gradients : NULL, err);
}

/* Forward of both towers for training, then the loss; states stay valid until the arena is reset. */
static inline tl_objective_result tiny_model_forward(tiny_model *model, tl_thread_pool *pool, tl_tower_state **vision,
                                                     tl_tower_state **text)
{
    tl_objective_result result = {0};
    const tl_weight *values = model->weights;
    tl_arena_reset(model->arena);
    model->logit_scale_gradient = 0.0f;
    bool ok = tl_vision_tower_forward_some(model->vision, values, model->pixels, TINY_BATCH, model->dropout, pool, model->arena,
                                           model->images, vision, NULL) &&
              tl_text_tower_forward(model->text, values, model->ids, model->lengths, TINY_BATCH, pool, model->arena, NULL,
                                    model->texts, text, NULL) &&
              tiny_loss(&tl_objective_contrastive, model->images, model->texts, TINY_BATCH, model->config->embedding_dim,
                        tiny_logit_scale, pool, model->arena, &result, model->images_gradient, model->texts_gradient,
                        &model->logit_scale_gradient, NULL);
    TL_ASSERT(ok);
    return result;
}

static inline void tiny_model_backward(tiny_model *model, tl_thread_pool *pool, tl_tower_state *vision, tl_tower_state *text)
{
    const tl_weight *values = model->weights;
    memset(model->gradients_block, 0, model->table.flat_count * sizeof(float));
    bool ok =
        tl_vision_tower_backward(model->vision, values, model->gradients, vision, model->images_gradient, pool, model->arena,
                                 NULL) &&
        tl_text_tower_backward(model->text, values, model->gradients, text, model->texts_gradient, pool, model->arena, NULL);
    TL_ASSERT(ok);
}

#endif
