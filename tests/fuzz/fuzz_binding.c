/*
 * encoders/weights/binding over arbitrary headers of a safetensors file, which get as many bytes of values as they ask for: the
 * table and the names by the first byte. What is bound is read to its end, packed in every way, and encodes.
 */
#include "base/core/memory.h"
#include "encoders/families/open_clip_names.h"
#include "encoders/families/transformers_names.h"
#include "encoders/towers/towers.h"
#include "encoders/weights/packed_weights.h"

#include <string.h>

enum { PREFIX_SIZE = 8, MOST_VALUES = 1 << 16, WIDTH = 4, MLP_WIDTH = 8, SIDE = 4, CONTEXT = 4, VOCABULARY = 8, CASES = 6 };

static tl_model_config config_of(uint8_t number)
{
    tl_model_config config = {
        .embedding_dim = WIDTH,
        .vision = {.image_size = SIDE,
                   .patch_size = 2,
                   .width = WIDTH,
                   .layers = 1,
                   .heads = 1,
                   .mlp_width = MLP_WIDTH,
                   .layer_norm_epsilon = 1e-5F},
        .text = {.context_length = CONTEXT,
                 .vocabulary_size = VOCABULARY,
                 .width = WIDTH,
                 .layers = 1,
                 .heads = 1,
                 .mlp_width = MLP_WIDTH,
                 .pooling = TL_POOL_ARGMAX,
                 .layer_norm_epsilon = 1e-5F},
    };
    if (number == 1 || number == 4) { /* SigLIP */
        config.vision.pooling = TL_POOL_ATTENTION;
        config.vision.pool_heads = 1;
        config.vision.projection = TL_PROJECTION_NONE;
        config.vision.without_class_token = config.vision.without_pre_norm = config.vision.with_patch_bias = true;
        config.text.projection = TL_PROJECTION_LINEAR;
        config.has_logit_bias = true;
    }
    if (number == 2) { /* EVA-02 */
        config.vision.projection = TL_PROJECTION_LINEAR;
        config.vision.without_pre_norm = config.vision.with_patch_bias = true;
        config.vision.with_gated_mlp = config.vision.with_inner_norms = true;
        config.vision.rotary = (tl_rotary_config){true, false, 10000.0F, 0.0F, 2};
    }
    return config;
}

static const tl_tensor_map *map_of(uint8_t number)
{
    return number == 5 ? NULL : number >= 3 ? &tl_transformers_names : &tl_open_clip_names;
}

/* The end of the last tensor, at most MOST_VALUES. */
static bool note_end(void *context, const char *name, const tl_json *value)
{
    size_t *largest = context;
    int64_t end;
    (void)name;
    if (tl_json_integer(tl_json_array_item(tl_json_member(value, "data_offsets"), 1), &end) && end > (int64_t)*largest &&
        end <= MOST_VALUES)
        *largest = (size_t)end;
    return true;
}

static size_t size_of_values(tl_slice header)
{
    tl_json *json = NULL;
    size_t size = 0;
    if (tl_json_parse(header, "header", &json, NULL) && tl_json_is_object(json))
        (void)tl_json_each_member(json, note_end, &size);
    tl_json_free(json);
    return size;
}

/* Every value is the same number in its type. */
static void check_values(const tl_parameter_table *table, const tl_binding *binding)
{
    float row[CONTEXT * VOCABULARY * MLP_WIDTH];
    for (size_t i = 0; i < table->count; i++) {
        const tl_parameter *parameter = &table->items[i];
        const tl_weight *weight = &binding->values[i];
        const size_t rows = parameter->rank > 1 ? parameter->shape[0] : 1, columns = parameter->count / rows;
        TL_ASSERT(columns <= sizeof row / sizeof row[0]);
        if (parameter->rank <= 1 || parameter->is_read_as_floats)
            (void)tl_weight_floats(weight);
        for (size_t r = 0; r < rows; r++) {
            if (weight->is_transposed)
                tl_widen(weight->dtype, (const char *)weight->parts[0] + r * columns * tl_dtype_size(weight->dtype), columns,
                         row);
            else
                tl_weight_widen_row(weight, r, columns, row);
            for (size_t c = 0; c < columns; c++)
                TL_ASSERT(row[c] >= 0.0F && row[c] < 2.0F);
        }
    }
}

static void encode(const tl_model_config *config, const tl_vision_tower *vision, const tl_text_tower *text,
                   const tl_weight *values)
{
    tl_error err;
    tl_arena *arena;
    const float pixels[3 * SIDE * SIDE] = {0.25F};
    const int32_t ids[CONTEXT] = {1, VOCABULARY - 1};
    const uint32_t length = 2;
    float out[WIDTH];
    (void)config;
    TL_ASSERT(tl_arena_create(1 << 16, &arena, &err));
    TL_ASSERT(tl_vision_tower_forward(vision, values, pixels, 1, NULL, arena, NULL, out, NULL, &err));
    for (size_t i = 0; i < WIDTH; i++)
        TL_ASSERT(out[i] - out[i] == 0.0F);
    TL_ASSERT(tl_text_tower_forward(text, values, ids, &length, 1, NULL, arena, NULL, out, NULL, &err));
    for (size_t i = 0; i < WIDTH; i++)
        TL_ASSERT(out[i] - out[i] == 0.0F);
    tl_arena_destroy(arena);
}

static void bind(uint8_t number, tl_weight_files *files)
{
    tl_error err;
    size_t row;
    const tl_model_config config = config_of(number);
    tl_parameter_table table = {0};
    tl_vision_tower *vision;
    tl_text_tower *text;
    tl_binding binding;
    TL_ASSERT(tl_model_config_check(&config, &err) && tl_vision_tower_create(&config, &table, &vision, &err) &&
              tl_text_tower_create(&config, &table, &text, &err) &&
              tl_parameter_table_add(&table, "logit_scale", 0, NULL, false, TL_INITIALIZE_CONSTANT, 0.0F, &row, &err) &&
              (!config.has_logit_bias ||
               tl_parameter_table_add(&table, "logit_bias", 0, NULL, false, TL_INITIALIZE_CONSTANT, 0.0F, &row, &err)));
    if (tl_binding_create(&table, files, map_of(number), &binding, &err)) {
        check_values(&table, &binding);
        encode(&config, vision, text, binding.values);
        for (int kind = TL_PACKED_F32; kind <= TL_PACKED_INT8; kind++) {
            tl_packed_weights *packed;
            const tl_packed_part part = {.kind = (tl_packed_kind)kind, .table = &table, .count = table.count};
            TL_ASSERT(tl_packed_weights_create(&part, binding.values, NULL, &packed, &err));
            encode(&config, vision, text, binding.values);
            tl_packed_weights_destroy(packed);
        }
        tl_binding_clear(&binding);
    } else {
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT || err.kind == TL_ERROR_UNSUPPORTED);
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        TL_ASSERT(binding.values == NULL && binding.floats == NULL);
    }
    tl_text_tower_destroy(text);
    tl_vision_tower_destroy(vision);
    tl_parameter_table_clear(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error err;
    tl_weight_files *files;
    if (size < 2)
        return 0;
    const tl_slice header = {(const char *)data + 1, size - 1};
    const size_t value_size = size_of_values(header), whole = PREFIX_SIZE + header.size + value_size;
    char *bytes = tl_memory_allocate(whole, 1, &err);
    TL_ASSERT(bytes != NULL);
    for (size_t i = 0; i < PREFIX_SIZE; i++)
        bytes[i] = (char)((uint64_t)header.size >> (8 * i));
    memcpy(bytes + PREFIX_SIZE, header.data, header.size);
    memset(bytes + PREFIX_SIZE + header.size, 0x3c, value_size); /* small in all three types */
    const tl_weight_bytes file = {"model.safetensors", {bytes, whole}};
    if (tl_weight_files_parse(&file, 1, &files, &err)) {
        bind(data[0] % CASES, files);
        tl_weight_files_close(files);
    }
    tl_memory_free(bytes);
    return 0;
}
