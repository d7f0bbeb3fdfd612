/*
 * Configurations of every family over arbitrary JSON, the family by the first byte: what passes the check is written and read
 * back in our own words, and, where it is small, makes two towers that encode one picture and one text with weights of zero.
 */
#include "base/core/memory.h"
#include "encoders/families/family.h"
#include "encoders/towers/towers.h"

#include <string.h>

enum { MOST_PATCHES = 256, MOST_IMAGE = 64, MOST_FLOATS = 1 << 16 };

static const tl_family *const families[] = {&tl_family_open_clip, &tl_family_clip, &tl_family_metaclip_2, &tl_family_siglip,
                                            &tl_family_twinlens};

static void encode(const tl_model_config *config, const tl_parameter_table *table, const tl_vision_tower *vision,
                   const tl_text_tower *text)
{
    tl_error err;
    tl_arena *arena;
    const size_t pixel_count = (size_t)3 * config->vision.image_size * config->vision.image_size;
    float *block = tl_memory_allocate(table->flat_count, sizeof *block, &err);
    float *pixels = tl_memory_allocate(pixel_count, sizeof *pixels, &err);
    float *out = tl_memory_allocate(config->embedding_dim, sizeof *out, &err);
    int32_t *ids = tl_memory_allocate(config->text.context_length, sizeof *ids, &err);
    tl_weight *values = tl_memory_allocate(table->count, sizeof *values, &err);
    const uint32_t length = config->text.context_length;
    TL_ASSERT(block != NULL && pixels != NULL && out != NULL && ids != NULL && values != NULL);
    tl_parameter_table_point_weights(table, block, values);
    TL_ASSERT(tl_arena_create(tl_vision_tower_scratch_size(vision, 1, false), &arena, &err));
    TL_ASSERT(tl_vision_tower_forward(vision, values, pixels, 1, NULL, arena, NULL, out, NULL, &err));
    for (size_t i = 0; i < config->embedding_dim; i++)
        TL_ASSERT(out[i] == 0.0F);
    tl_arena_destroy(arena);
    TL_ASSERT(tl_arena_create(tl_text_tower_scratch_size(text, 1, false), &arena, &err));
    TL_ASSERT(tl_text_tower_forward(text, values, ids, &length, 1, NULL, arena, NULL, out, NULL, &err));
    for (size_t i = 0; i < config->embedding_dim; i++)
        TL_ASSERT(out[i] == 0.0F);
    tl_arena_destroy(arena);
    tl_memory_free(values);
    tl_memory_free(ids);
    tl_memory_free(out);
    tl_memory_free(pixels);
    tl_memory_free(block);
}

static void make_towers(const tl_model_config *config)
{
    tl_error err;
    tl_parameter_table table = {0};
    tl_vision_tower *vision;
    tl_text_tower *text;
    TL_ASSERT(tl_vision_tower_create(config, &table, &vision, &err));
    TL_ASSERT(tl_text_tower_create(config, &table, &text, &err));
    size_t floats = 0;
    for (size_t i = 0; i < table.count; i++)
        floats += table.items[i].count;
    TL_ASSERT(floats != 0 && floats <= table.flat_count);
    if (table.flat_count <= MOST_FLOATS)
        encode(config, &table, vision, text);
    tl_text_tower_destroy(text);
    tl_vision_tower_destroy(vision);
    tl_parameter_table_clear(&table);
}

static bool is_small(const tl_model_config *config)
{
    const tl_vision_config *vision = &config->vision;
    const size_t side = vision->image_size / vision->patch_size;
    return vision->image_size <= MOST_IMAGE && side * side <= MOST_PATCHES && vision->layers <= 16 && config->text.layers <= 16 &&
           config->text.context_length <= MOST_PATCHES;
}

static void write_and_read(const tl_model_config *config)
{
    tl_error err;
    tl_json *json = NULL;
    tl_model_config again;
    TL_ASSERT(tl_model_config_write(config, &json, &err) && tl_model_config_read(json, &again, &err));
    tl_json_free(json);
    TL_ASSERT(again.embedding_dim == config->embedding_dim && again.has_logit_bias == config->has_logit_bias);
    TL_ASSERT(again.vision.heads == config->vision.heads && again.text.heads == config->text.heads);
    TL_ASSERT(again.vision.width == config->vision.width && again.text.width == config->text.width);
    TL_ASSERT(again.vision.trunk == config->vision.trunk && again.vision.pooling == config->vision.pooling);
    TL_ASSERT(again.vision.projection == config->vision.projection && again.text.projection == config->text.projection);
    TL_ASSERT(again.vision.trunk == TL_TRUNK_RESNET || again.vision.mlp_width == config->vision.mlp_width);
    TL_ASSERT(again.text.mlp_width == config->text.mlp_width && again.text.pooling == config->text.pooling);
    TL_ASSERT(again.text.pooling != TL_POOL_EOS || again.text.eos_id == config->text.eos_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error err;
    tl_json *json = NULL;
    tl_model_config config;
    if (size == 0 || !tl_json_parse((tl_slice){(const char *)data + 1, size - 1}, "input", &json, &err))
        return 0;
    const tl_family *family = families[data[0] % (sizeof families / sizeof families[0])];
    (void)family->recognises(json);
    if (family->states_activation != NULL)
        (void)family->states_activation(json);
    bool ok = family->read_config(json, &config, &err);
    tl_json_free(json);
    if (!ok || !tl_model_config_check(&config, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT || err.kind == TL_ERROR_UNSUPPORTED || (ok && err.kind == TL_ERROR_INVALID));
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        return 0;
    }
    write_and_read(&config);
    if (is_small(&config))
        make_towers(&config);
    return 0;
}
