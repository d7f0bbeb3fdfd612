/* encoders/model_config over arbitrary JSON: what is accepted passes the check, is written, and reads back as the same config. */
#include "encoders/model_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error err;
    tl_json *json = NULL;
    tl_model_config config;
    if (!tl_json_parse((tl_slice){(const char *)data, size}, "input", &json, &err))
        return 0;
    if (!tl_model_config_read(json, &config, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT || err.kind == TL_ERROR_UNSUPPORTED);
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        tl_json_free(json);
        return 0;
    }
    tl_json_free(json);
    TL_ASSERT(tl_model_config_check(&config, &err));

    tl_model_config again;
    tl_string text;
    tl_string_init(&text, 65536);
    TL_ASSERT(tl_model_config_write(&config, &json, &err) && tl_json_write(json, TL_JSON_COMPACT, &text, &err));
    tl_json_free(json);
    TL_ASSERT(tl_json_parse(tl_string_slice(&text), "again", &json, &err) && tl_model_config_read(json, &again, &err));
    tl_json_free(json);
    tl_string_clear(&text);
    TL_ASSERT(again.embedding_dim == config.embedding_dim && again.vision.activation == config.vision.activation);
    TL_ASSERT(again.text.layer_norm_epsilon == config.text.layer_norm_epsilon);
    TL_ASSERT(again.vision.image_size == config.vision.image_size && again.vision.patch_size == config.vision.patch_size);
    TL_ASSERT(again.vision.width == config.vision.width && again.vision.layers == config.vision.layers);
    TL_ASSERT(again.vision.heads == config.vision.heads && again.vision.mlp_width == config.vision.mlp_width);
    TL_ASSERT(again.vision.pooling == config.vision.pooling && again.text.pooling == config.text.pooling);
    TL_ASSERT(again.text.context_length == config.text.context_length &&
              again.text.vocabulary_size == config.text.vocabulary_size);
    TL_ASSERT(again.text.width == config.text.width && again.text.layers == config.text.layers);
    TL_ASSERT(again.text.heads == config.text.heads && again.text.mlp_width == config.text.mlp_width);
    TL_ASSERT(again.text.without_causal_mask == config.text.without_causal_mask);
    TL_ASSERT(again.text.pad_id == config.text.pad_id && again.text.eos_id == config.text.eos_id);
    return 0;
}
