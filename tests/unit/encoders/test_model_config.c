/* config.json: reading, defaults, refusals, and that writing gives back what was read. */
#include "encoders/model_config.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const char sound[] = "{\"model_type\":\"twinlens\",\"embed_dim\":8,\"activation\":\"quick_gelu\","
                            "\"vision_cfg\":{\"image_size\":32,\"patch_size\":8,\"width\":24,\"layers\":2,\"head_width\":12,"
                            "\"mlp_ratio\":2.5,\"pool_type\":\"avg\"},"
                            "\"text_cfg\":{\"context_length\":16,\"vocab_size\":100,\"width\":20,\"heads\":4,\"layers\":3,\"mlp_"
                            "width\":33,\"no_causal_mask\":true,"
                            "\"pool_type\":\"eos\",\"eos_id\":3,\"pad_id\":1}}";

static bool read_text(const char *text, tl_model_config *config, tl_error *err)
{
    tl_json *json;
    if (!tl_json_parse(tl_slice_of(text), "test", &json, err))
        return false;
    bool ok = tl_model_config_read(json, config, err);
    tl_json_free(json);
    return ok;
}

static void a_sound_config_is_read(void **state)
{
    (void)state;
    tl_model_config config;
    assert_ok(read_text(sound, &config, err));
    assert_int_equal(config.embedding_dim, 8);
    assert_int_equal(config.vision.activation, TL_QUICK_GELU);
    assert_true(config.text.layer_norm_epsilon == 1e-5F);
    assert_int_equal(config.vision.image_size, 32);
    assert_int_equal(config.vision.patch_size, 8);
    assert_int_equal(config.vision.width, 24);
    assert_int_equal(config.vision.layers, 2);
    assert_int_equal(config.vision.heads, 2);
    assert_int_equal(config.vision.mlp_width, 60);
    assert_int_equal(config.vision.pooling, TL_POOL_AVERAGE);
    assert_int_equal(config.text.context_length, 16);
    assert_int_equal(config.text.vocabulary_size, 100);
    assert_int_equal(config.text.width, 20);
    assert_int_equal(config.text.heads, 4);
    assert_int_equal(config.text.layers, 3);
    assert_int_equal(config.text.mlp_width, 33);
    assert_true(config.text.without_causal_mask);
    assert_int_equal(config.text.pooling, TL_POOL_EOS);
    assert_int_equal(config.text.eos_id, 3);
    assert_int_equal(config.text.pad_id, 1);
}

static void open_clips_defaults_apply(void **state)
{
    (void)state;
    tl_model_config config;
    assert_ok(read_text("{\"model_type\":\"twinlens\",\"embed_dim\":512,"
                        "\"vision_cfg\":{\"image_size\":224,\"patch_size\":32,\"width\":768,\"layers\":12},"
                        "\"text_cfg\":{\"context_length\":77,\"vocab_size\":49408,\"width\":512,\"heads\":8,\"layers\":12}}",
                        &config, err));
    assert_int_equal(config.text.activation, TL_GELU);
    assert_int_equal(config.vision.heads, 12);
    assert_int_equal(config.vision.mlp_width, 3072);
    assert_int_equal(config.vision.pooling, TL_POOL_CLASS_TOKEN);
    assert_int_equal(config.text.mlp_width, 2048);
    assert_int_equal(config.text.pooling, TL_POOL_ARGMAX);
    assert_int_equal(config.text.pad_id, 0);
    assert_false(config.text.without_causal_mask);
}

static void written_config_reads_back(void **state)
{
    (void)state;
    /* Two ratios: one that open_clip's mlp_ratio can say, one that it cannot. */
    static const uint32_t mlp_widths[] = {60, 61, 1, 65536};
    for (size_t i = 0; i < sizeof mlp_widths / sizeof mlp_widths[0]; i++) {
        tl_error error;
        tl_model_config config;
        tl_model_config again;
        tl_json *json;
        assert_true(read_text(sound, &config, &error));
        config.vision.mlp_width = mlp_widths[i];
        config.vision.layer_norm_epsilon = 3.3e-6F;
        assert_ok(tl_model_config_write(&config, &json, err));
        tl_string text;
        tl_string_init(&text, 65536);
        assert_true(tl_json_write(json, TL_JSON_INDENTED, &text, &error));
        tl_json_free(json);
        if (!read_text(text.data, &again, &error))
            fail_msg("%s: %s", error.message, text.data);
        tl_string_clear(&text);
        assert_int_equal(again.vision.mlp_width, mlp_widths[i]);
        assert_true(again.vision.layer_norm_epsilon == config.vision.layer_norm_epsilon);
        assert_int_equal(again.vision.heads, config.vision.heads);
        assert_int_equal(again.text.mlp_width, config.text.mlp_width);
        assert_int_equal(again.text.eos_id, config.text.eos_id);
        assert_int_equal(again.text.pooling, config.text.pooling);
        assert_int_equal(again.text.without_causal_mask, config.text.without_causal_mask);
        assert_int_equal(again.vision.activation, config.vision.activation);
    }
}

/* Writes and reads again; the text, for messages, is freed. */
static void round_trip(const tl_model_config *config, tl_model_config *again)
{
    tl_error error;
    tl_json *json;
    tl_string text;
    assert_ok(tl_model_config_write(config, &json, err));
    tl_string_init(&text, 65536);
    assert_true(tl_json_write(json, TL_JSON_INDENTED, &text, &error));
    tl_json_free(json);
    if (!read_text(text.data, again, &error))
        fail_msg("%s: %s", error.message, text.data);
    tl_string_clear(&text);
}

static void rotary_positions_and_their_pooling_are_read_and_written(void **state)
{
    (void)state;
    static const char with_rotary[] =
        "{\"model_type\":\"twinlens\",\"embed_dim\":8,"
        "\"vision_cfg\":{\"image_size\":32,\"patch_size\":8,\"width\":24,\"layers\":2,\"head_width\":12,\"pool_type\":\"map\","
        "\"pool_heads\":8,\"pool_mlp_width\":33,\"rotary\":{\"offset\":1,\"indexing\":\"xy\",\"reference_side\":24}},"
        "\"text_cfg\":{\"context_length\":16,\"vocab_size\":100,\"width\":20,\"heads\":4,\"layers\":3}}";
    tl_model_config config, again;
    tl_error error;
    assert_ok(read_text(with_rotary, &config, err));
    const tl_rotary_config *rotary = &config.vision.rotary;
    assert_true(rotary->is_used && rotary->columns_first);
    assert_true(rotary->temperature == 10000.0F && rotary->offset == 1.0F);
    assert_int_equal(rotary->reference_side, 24);
    assert_int_equal(config.vision.pool_heads, 8);
    assert_int_equal(config.vision.pool_mlp_width, 33);
    config.vision.rotary.temperature = 100.0F;
    config.vision.rotary.offset = -0.3F;
    for (int i = 0; i < 2; i++) {
        round_trip(&config, &again);
        assert_int_equal(again.vision.pool_mlp_width, config.vision.pool_mlp_width);
        assert_true(again.vision.rotary.is_used);
        assert_int_equal(again.vision.rotary.columns_first, config.vision.rotary.columns_first);
        assert_true(again.vision.rotary.temperature == config.vision.rotary.temperature);
        assert_true(again.vision.rotary.offset == config.vision.rotary.offset);
        assert_int_equal(again.vision.rotary.reference_side, config.vision.rotary.reference_side);
        config.vision.rotary.columns_first = false;
        config.vision.rotary.reference_side = 0;
        config.vision.pool_mlp_width = 0;
    }
    config.vision.with_gated_mlp = config.vision.norms_last = true;
    round_trip(&config, &again);
    assert_true(again.vision.with_gated_mlp && again.vision.norms_last && !again.vision.with_inner_norms);
    config.vision.with_gated_mlp = config.vision.norms_last = false;
    config.vision.with_inner_norms = true;
    round_trip(&config, &again);
    assert_true(!again.vision.with_gated_mlp && !again.vision.norms_last && again.vision.with_inner_norms);
    config.vision.with_inner_norms = false;

    config.vision.pooling = TL_POOL_CLASS_TOKEN;
    assert_false(tl_model_config_check_trainable(&config, false, &error));
    assert_non_null(strstr(error.message, "rotary"));
    config.vision.rotary.is_used = false;
    bool *const pieces[] = {&config.vision.with_gated_mlp, &config.vision.with_inner_norms, &config.vision.norms_last};
    for (size_t i = 0; i < 3; i++) {
        *pieces[i] = true;
        assert_false(tl_model_config_check_trainable(&config, false, &error));
        assert_true(tl_model_config_check_trainable(&config, true, &error)); /* frozen: no gradient is asked for */
        *pieces[i] = false;
    }
    assert_true(tl_model_config_check_trainable(&config, false, &error));
}

static void a_stem_is_read_and_written(void **state)
{
    (void)state;
    static const char with_stem[] =
        "{\"model_type\":\"twinlens\",\"embed_dim\":8,"
        "\"vision_cfg\":{\"image_size\":48,\"patch_size\":12,\"width\":24,\"layers\":2,\"head_width\":12,\"pool_type\":\"avg\","
        "\"stem\":{\"stages\":[{\"patch_size\":3,\"width\":8,\"layers\":2},"
        "{\"patch_size\":2,\"width\":16,\"layers\":3,\"mlp_width\":33}]}},"
        "\"text_cfg\":{\"context_length\":16,\"vocab_size\":100,\"width\":20,\"heads\":4,\"layers\":3}}";
    tl_model_config config, again;
    tl_error error;
    assert_ok(read_text(with_stem, &config, err));
    assert_int_equal(config.vision.stem_kernel, 5);
    assert_int_equal(config.vision.stem_stage_count, 2);
    const tl_stem_stage_config expected[2] = {{3, 8, 2, 32}, {2, 16, 3, 33}};
    assert_memory_equal(config.vision.stem_stages, expected, sizeof expected);
    assert_true(tl_model_config_check_trainable(&config, false, &error));
    config.vision.stem_kernel = 7;
    round_trip(&config, &again);
    assert_memory_equal(&again.vision, &config.vision, sizeof config.vision);

    /* Products: 16^2 pixels of 3x3x3 to 8, 8^2 of 2x2x8 to 16, 4^2 of 2x2x16 to 24, and the blocks'. */
    double of_pixels;
    const double first = 256.0 * 27 * 8, blocks = 2.0 * 256 * 8 * (49 + 64) + 3.0 * 64 * 16 * (49 + 66);
    assert_true(tl_vision_config_embedding_products(&config.vision, &of_pixels) ==
                first + 64.0 * 32 * 16 + 16.0 * 64 * 24 + blocks);
    assert_true(of_pixels == first);
    config.vision.stem_stage_count = 5;
    assert_false(tl_model_config_check(&config, &error));
    assert_non_null(strstr(error.message, "stem"));
}

/* One replacement in the sound text must be refused, by a message that names the member. */
typedef struct bad_config {
    const char *from;
    const char *to;
    const char *named;
} bad_config;

static char *replaced(const char *from, const char *to)
{
    tl_string text;
    tl_string_init(&text, 65536);
    const char *at = strstr(sound, from);
    assert_non_null(at);
    assert_true(tl_string_append(&text, sound, (size_t)(at - sound), NULL));
    assert_true(tl_string_append_text(&text, to, NULL));
    assert_true(tl_string_append_text(&text, at + strlen(from), NULL));
    return text.data;
}

static void bad_configs_are_refused(void **state)
{
    (void)state;
    static const bad_config cases[] = {
        {"\"twinlens\"", "\"clip\"", "model_type"},
        {"\"model_type\":\"twinlens\",", "", "model_type"},
        {"\"embed_dim\":8", "\"embed_dim\":0", "embed_dim"},
        {"\"embed_dim\":8", "\"embed_dim\":99999999999", "embed_dim"},
        {"\"embed_dim\":8", "\"embed_dim\":8.5", "embed_dim"},
        {"\"quick_gelu\"", "\"relu\"", "gelu_tanh"},
        {"\"quick_gelu\"", "7", "activation"},
        {"\"image_size\":32", "\"image_size\":-32", "image_size"},
        {"\"image_size\":32,\"patch_size\":8", "\"image_size\":4096,\"patch_size\":1", "patches"},
        {"\"patch_size\":8", "\"patch_size\":0", "patch_size"},
        {"\"head_width\":12", "\"head_width\":7", "head_width"},
        {"\"mlp_ratio\":2.5", "\"mlp_ratio\":-1", "mlp_ratio"},
        {"\"mlp_ratio\":2.5", "\"mlp_ratio\":1e30", "mlp_ratio"},
        {"\"mlp_ratio\":2.5", "\"mlp_ratio\":2.5,\"mlp_width\":60", "both"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"max\"", "pool_type"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"qk_norm\":true", "qk_norm"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"rotary\":true", "rotary"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"rotary\":{\"jitter\":1}", "jitter"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"rotary\":{\"indexing\":\"yx\"}", "indexing"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"rotary\":{\"temperature\":1}", "temperature"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"rotary\":{\"temperature\":1e300}", "temperature"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"rotary\":{\"offset\":-1e300}", "offset"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"rotary\":{\"reference_side\":0}", "reference_side"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"stem\":[]", "stem: expected an object"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"stem\":{}", "1 to 4 stages"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"stem\":{\"stages\":[]}", "1 to 4 stages"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"avg\",\"stem\":{\"stages\":[3]}", "stages[0]: expected an object"},
        {"\"pool_type\":\"avg\"", "\"stem\":{\"stages\":[{\"patch_size\":2,\"width\":4,\"layer\":1}]},\"pool_type\":\"avg\"",
         "'layer'"},
        {"\"pool_type\":\"avg\"", "\"stem\":{\"stages\":[{\"patch_size\":3,\"width\":4,\"layers\":1}]},\"pool_type\":\"avg\"",
         "divide the patch size 8, found 3"},
        {"\"pool_type\":\"avg\"", "\"stem\":{\"stages\":[{\"patch_size\":16,\"width\":4,\"layers\":1}]},\"pool_type\":\"avg\"",
         "'patch_size'"},
        {"\"image_size\":32", "\"image_size\":30,\"stem\":{\"stages\":[{\"patch_size\":2,\"width\":4,\"layers\":1}]}",
         "expected a multiple of patch_size 8, found 30"},
        {"\"image_size\":32",
         "\"image_size\":32,\"stem\":{\"kernel\":4,\"stages\":[{\"patch_size\":2,\"width\":4,\"layers\":1}]}", "kernel"},
        {"\"head_width\":12,", "\"head_width\":6,\"rotary\":{},", "head_width"},
        {"\"width\":24,\"layers\":2,\"head_width\":12,", "\"width\":260,\"layers\":2,\"head_width\":260,\"rotary\":{},",
         "head_width"},
        {"\"pool_type\":\"avg\"", "\"pool_type\":\"map\",\"pool_mlp_width\":0", "pool_mlp_width"},
        {"\"layers\":2", "\"layers\":257", "layers"},
        {"\"heads\":4", "\"heads\":3", "heads"},
        {"\"heads\":4", "\"heads\":21", "heads"},
        {"\"vocab_size\":100", "\"vocab_size\":4194305", "vocab_size"},
        {"\"vocab_size\":100", "\"vocab_size\":3", "eos_id"},
        {"\"no_causal_mask\":true", "\"no_causal_mask\":1", "no_causal_mask"},
        {"\"eos_id\":3", "\"eos_id\":-3", "eos_id"},
        {"\"pad_id\":1", "\"pad_id\":100", "pad_id"},
        {"\"context_length\":16", "\"context_length\":\"16\"", "context_length"},
        {"\"text_cfg\":{", "\"text_config\":{", "text_cfg"},
        {"\"embed_dim\":8", "\"embed_dim\":8,\"layer_norm_epsilon\":0.5", "layer_norm_epsilon"},
        {"\"embed_dim\":8", "\"embed_dim\":8,\"layer_norm_epsilon\":1e300", "layer_norm_epsilon"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_error err = {0};
        tl_model_config config;
        char *text = replaced(cases[i].from, cases[i].to);
        if (read_text(text, &config, &err))
            fail_msg("accepted: %s", text);
        if (strstr(err.message, cases[i].named) == NULL)
            fail_msg("expected '%s' in: %s", cases[i].named, err.message);
        assert_true(err.kind == TL_ERROR_CORRUPT || err.kind == TL_ERROR_UNSUPPORTED);
        free(text);
    }
}

static void a_bad_argument_is_not_a_corrupt_file(void **state)
{
    (void)state;
    tl_error err;
    tl_model_config config;
    assert_true(read_text(sound, &config, &err));
    config.vision.heads = 5;
    assert_false(tl_model_config_check(&config, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_config_is_read),
        cmocka_unit_test(open_clips_defaults_apply),
        cmocka_unit_test(written_config_reads_back),
        cmocka_unit_test(a_stem_is_read_and_written),
        cmocka_unit_test(rotary_positions_and_their_pooling_are_read_and_written),
        cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(a_bad_argument_is_not_a_corrupt_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
