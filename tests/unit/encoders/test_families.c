/*
 * Folders of other frameworks: which activation is taken, and what is refused by name. That their numbers agree with the
 * frameworks' own is tests/golden's; the folders here are copies of its small ones, changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/core/memory.h"
#include "base/io/file.h"
#include "encoders/encoders.h"
#include "tests/support/assert_ok.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODELS TL_SOURCE_DIR "/tests/golden/fixtures/models/"

static void write_file(const char *directory, const char *name, tl_slice bytes)
{
    tl_error error;
    char *path = tl_path_join(directory, name, &error);
    assert_non_null(path);
    assert_ok(tl_file_replace(path, bytes, err));
    tl_memory_free(path);
}

/* The file of the source folder, with the first `from` in it replaced by `to` (from NULL: as it is). */
static void copy_file(const char *source, const char *directory, const char *name, const char *from, const char *to)
{
    tl_error error;
    tl_string bytes, changed;
    tl_string_init(&bytes, 1 << 24);
    tl_string_init(&changed, 1 << 24);
    char *path = tl_path_join(source, name, &error);
    assert_non_null(path);
    assert_ok(tl_file_read(path, &bytes, err));
    tl_slice head = tl_string_slice(&bytes), tail = {NULL, 0};
    if (from != NULL) {
        const char *at = strstr(bytes.data, from);
        if (at == NULL)
            fail_msg("%s: expected '%s' in it, found none", path, from);
        head.size = (size_t)(at - bytes.data);
        tail = (tl_slice){at + strlen(from), bytes.size - head.size - strlen(from)};
    }
    assert_ok(tl_string_append(&changed, head.data, head.size, err) &&
              tl_string_append_text(&changed, from != NULL ? to : "", err) &&
              (tail.size == 0 || tl_string_append(&changed, tail.data, tail.size, err)));
    write_file(directory, name, tl_string_slice(&changed));
    tl_string_clear(&changed);
    tl_string_clear(&bytes);
    tl_memory_free(path);
}

static void make_folder(const char *directory)
{
    tl_error error;
    assert_ok(tl_directory_create(directory, err));
    static const char *const files[] = {"fingerprint.json", "twinlens.json", "origin.json", "open_clip_model.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path = tl_path_join(directory, files[i], &error);
        assert_non_null(path);
        unlink(path);
        tl_memory_free(path);
    }
}

static void copy_open_clip(const char *directory, const char *from, const char *to)
{
    make_folder(directory);
    copy_file(MODELS "oc_vit", directory, "open_clip_config.json", from, to);
    copy_file(MODELS "oc_vit", directory, "open_clip_model.safetensors", NULL, NULL);
}

static void copy_transformers(const char *directory, const char *from, const char *to)
{
    make_folder(directory);
    copy_file(MODELS "hf_vit", directory, "config.json", from, to);
    copy_file(MODELS "hf_vit", directory, "preprocessor_config.json", NULL, NULL);
    copy_file(MODELS "hf_vit", directory, "model.safetensors", NULL, NULL);
}

static void expect_activation(const char *directory, tl_activation expected, const char *warning, char fingerprint[33])
{
    tl_model *model;
    assert_ok(tl_model_open(directory, &model, err));
    const tl_model_info *info = tl_model_info_read(model);
    if (info->config.vision.activation != expected || info->config.text.activation != expected)
        fail_msg("%s: expected %s, found %s and %s", directory, tl_activation_name(expected),
                 tl_activation_name(info->config.vision.activation), tl_activation_name(info->config.text.activation));
    if (warning == NULL ? info->warning[0] != '\0' : strstr(info->warning, warning) == NULL)
        fail_msg("%s: expected %s%s%s, found '%s'", directory, warning == NULL ? "no warning" : "a warning with '",
                 warning == NULL ? "" : warning, warning == NULL ? "" : "'", info->warning);
    if (fingerprint != NULL)
        snprintf(fingerprint, 33, "%s", info->fingerprint);
    tl_model_close(model);
}

static const char size_member[] = "\"embed_dim\": 10,";

static void a_name_decides_the_activation(void **state)
{
    (void)state;
    copy_open_clip("some-folder", NULL, NULL);
    expect_activation("some-folder", TL_GELU, "says nothing of the activation", NULL);
    copy_open_clip("some-folder", size_member, "\"embed_dim\": 10, \"quick_gelu\": true,");
    expect_activation("some-folder", TL_QUICK_GELU, NULL, NULL);
    copy_open_clip("laion--CLIP-ViT-B-32-laion2B-s34B-b79K", NULL, NULL);
    expect_activation("laion--CLIP-ViT-B-32-laion2B-s34B-b79K", TL_GELU, NULL, NULL);
    copy_open_clip("CLIP-ViT-B-32-laion2B-s34B-b79K", size_member, "\"embed_dim\": 10, \"quick_gelu\": true,");
    expect_activation("CLIP-ViT-B-32-laion2B-s34B-b79K", TL_GELU, "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", NULL);
    copy_open_clip("apple--DFN2B-CLIP-ViT-B-16", NULL, NULL);
    expect_activation("apple--DFN2B-CLIP-ViT-B-16", TL_QUICK_GELU, "apple/DFN2B-CLIP-ViT-B-16", NULL);
    /* A longer name is another model. */
    copy_open_clip("apple--DFN2B-CLIP-ViT-L-14-39B", NULL, NULL);
    expect_activation("apple--DFN2B-CLIP-ViT-L-14-39B", TL_GELU, NULL, NULL);
    copy_open_clip("models--timm--vit_base_patch32_clip_224.laion400m_e32/snapshots/0123", NULL, NULL);
    expect_activation("models--timm--vit_base_patch32_clip_224.laion400m_e32/snapshots/0123", TL_QUICK_GELU, "laion400m_e32",
                      NULL);
}

static void the_origin_of_a_download_decides_before_the_folder(void **state)
{
    (void)state;
    copy_open_clip("renamed", NULL, NULL);
    write_file("renamed", "origin.json", tl_slice_of("{\"repository\": \"apple/DFN5B-CLIP-ViT-H-14\"}"));
    expect_activation("renamed", TL_QUICK_GELU, "apple/DFN5B-CLIP-ViT-H-14", NULL);
    write_file("renamed", "origin.json", tl_slice_of("{ not json"));
    expect_activation("renamed", TL_GELU, "says nothing", NULL);
}

static void a_choice_decides_before_all(void **state)
{
    (void)state;
    char before[33], after[33];
    tl_error err;
    tl_model *model;
    copy_open_clip("apple--DFN2B-CLIP-ViT-L-14", NULL, NULL);
    expect_activation("apple--DFN2B-CLIP-ViT-L-14", TL_QUICK_GELU, "trained with quick_gelu", before);
    write_file("apple--DFN2B-CLIP-ViT-L-14", "twinlens.json", tl_slice_of("{\"activation\": \"gelu\"}"));
    expect_activation("apple--DFN2B-CLIP-ViT-L-14", TL_GELU, NULL, after);
    assert_string_not_equal(before, after);
    write_file("apple--DFN2B-CLIP-ViT-L-14", "twinlens.json", tl_slice_of("{\"activation\": \"relu\"}"));
    assert_false(tl_model_open("apple--DFN2B-CLIP-ViT-L-14", &model, &err));
    assert_non_null(strstr(err.message, "expected gelu, quick_gelu or gelu_tanh, found 'relu'"));
}

static void a_choice_is_written_and_forgotten(void **state)
{
    (void)state;
    tl_error error;
    char before[33], after[33];
    copy_open_clip("chosen", NULL, NULL);
    expect_activation("chosen", TL_GELU, "says nothing of the activation", before);
    assert_ok(tl_model_choose_activation("chosen", "quick_gelu", err));
    expect_activation("chosen", TL_QUICK_GELU, NULL, NULL);
    assert_ok(tl_model_choose_activation("chosen", "auto", err));
    expect_activation("chosen", TL_GELU, "says nothing of the activation", after);
    assert_string_equal(before, after);                           /* what was indexed before is of this model again */
    assert_ok(tl_model_choose_activation("chosen", "auto", err)); /* nothing to forget */
    assert_false(tl_model_choose_activation("chosen", "relu", &error));
    assert_non_null(strstr(error.message, "found 'relu'"));
    assert_false(tl_model_choose_activation("no-folder", "gelu", &error));
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
}

static void a_choice_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } files[] = {
        {"[\"quick_gelu\"]", "expected an object"},
        {"7", "expected an object"},
        {"\"quick_gelu\"", "expected an object"},
        {"{\"activation\": 7}", "'activation': expected a text, found an integer"},
        {"{\"activation\": [\"gelu\"]}", "a text"},
        {"{\"activation\": \"gelu\"", "not valid json"},
        {"", "not valid json"},
    };
    copy_open_clip("chosen-badly", NULL, NULL);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        tl_error err = {0};
        tl_model *model;
        write_file("chosen-badly", "twinlens.json", tl_slice_of(files[i].text));
        if (tl_model_open("chosen-badly", &model, &err))
            fail_msg("opened with %s", files[i].text);
        if (strstr(err.message, files[i].message) == NULL || strstr(err.message, "chosen-badly/twinlens.json") == NULL)
            fail_msg("with %s: expected '%s' in: %s", files[i].text, files[i].message, err.message);
    }
    write_file("chosen-badly", "twinlens.json", tl_slice_of("{\"activation\": null, \"other\": 1}"));
    expect_activation("chosen-badly", TL_GELU, "says nothing of the activation", NULL);
}

static void a_timm_trunk_keeps_its_activation(void **state)
{
    (void)state;
    tl_model *model;
    make_folder("trunk");
    copy_file(MODELS "oc_siglip2_tanh", "trunk", "open_clip_config.json", NULL, NULL);
    copy_file(MODELS "oc_siglip2_tanh", "trunk", "open_clip_model.safetensors", NULL, NULL);
    for (int i = 0; i < 2; i++) {
        assert_ok(tl_model_open("trunk", &model, err));
        assert_int_equal(tl_model_info_read(model)->config.vision.activation, TL_GELU_TANH);
        assert_int_equal(tl_model_info_read(model)->config.text.activation == TL_QUICK_GELU, i == 1);
        tl_model_close(model);
        assert_ok(tl_model_choose_activation("trunk", "quick_gelu", err));
    }
}

/* The same files under a name that decides the activation make other vectors: an index must not take one for the other. */
static void a_name_that_decides_is_in_the_fingerprint(void **state)
{
    (void)state;
    char plain[33], quick[33], again[33];
    copy_open_clip("plain-name", NULL, NULL);
    expect_activation("plain-name", TL_GELU, "says nothing", plain);
    copy_open_clip("apple--DFN2B-CLIP-ViT-B-16", NULL, NULL);
    expect_activation("apple--DFN2B-CLIP-ViT-B-16", TL_QUICK_GELU, "trained with quick_gelu", quick);
    expect_activation("apple--DFN2B-CLIP-ViT-B-16", TL_QUICK_GELU, "trained with quick_gelu", again); /* now from the file */
    assert_string_not_equal(plain, quick);
    assert_string_equal(quick, again);
    copy_open_clip("CLIP-ViT-L-14-laion2B-s32B-b82K", NULL, NULL); /* a name that says what the configuration says */
    expect_activation("CLIP-ViT-L-14-laion2B-s32B-b82K", TL_GELU, NULL, again);
    assert_string_equal(plain, again);
}

static void transformers_say_their_activation(void **state)
{
    (void)state;
    copy_transformers("some-clip", NULL, NULL);
    tl_model *model;
    assert_ok(tl_model_open("some-clip", &model, err));
    assert_string_equal(tl_model_info_read(model)->warning, "");
    assert_string_equal(tl_model_info_read(model)->family, "CLIP (transformers)");
    tl_model_close(model);
    copy_transformers("clip-vit-base-patch32", NULL, NULL);
    expect_activation("clip-vit-base-patch32", TL_QUICK_GELU, "openai/clip-vit-base-patch32", NULL);
}

typedef struct refusal {
    const char *from, *to, *message;
} refusal;

static void expect_refusal(const char *directory, const refusal *expected)
{
    tl_error err = {0};
    tl_model *model;
    if (tl_model_open(directory, &model, &err))
        fail_msg("opened with '%s', expected '%s'", expected->to, expected->message);
    if (strstr(err.message, expected->message) == NULL || strstr(err.message, directory) == NULL)
        fail_msg("with '%s': expected '%s' and the folder in: %s", expected->to, expected->message, err.message);
}

static void what_open_clip_says_and_is_not_written_is_refused(void **state)
{
    (void)state;
    static const refusal refusals[] = {
        {"\"image_size\": 12", "\"image_size\": 12, \"attentional_pool\": true", "member 'attentional_pool'"},
        {"\"image_size\": 12", "\"image_size\": 12, \"qk_norm\": true", "member 'qk_norm'"},
        {"\"image_size\": 12", "\"image_size\": 12, \"ls_init_value\": 0.1", "member 'ls_init_value'"},
        {"\"image_size\": 12", "\"image_size\": 12, \"from_the_future\": false", "member 'from_the_future'"},
        {"\"image_size\": 12", "\"image_size\": [12, 14]", "expected a square, found 12 x 14"},
        {"\"image_size\": 12", "\"image_size\": 12, \"pool_type\": \"gem\"", "expected 'tok' or 'avg', found 'gem'"},
        {"\"image_size\": 12", "\"image_size\": 12, \"pos_embed_type\": \"sin_cos_2d\"",
         "expected 'learnable', found 'sin_cos_2d'"},
        {"\"image_size\": 12", "\"image_size\": 12, \"act_kwargs\": {\"approximate\": \"no\"}",
         "expected 'tanh' or 'none', found 'no'"},
        {"\"image_size\": 12", "\"image_size\": 12, \"norm_kwargs\": {\"bias\": false}", "member 'bias'"},
        {"\"image_size\": 12", "\"image_size\": 12, \"timm_model_name\": \"convnext_base\"",
         "'convnext_base' is not an image tower"},
        {"\"layers\": 2", "\"layers\": [1, 2, 3]", "a list of 4 for a ResNet"},
        {"\"head_width\": 6", "\"head_width\": 0", "'head_width'"},
        {"\"head_width\": 6", "\"head_width\": 13", "expected 1 to the width 12, found 13"},
        {"\"mlp_ratio\": 2.0", "\"mlp_ratio\": -1", "'mlp_ratio'"},
        {"\"mlp_ratio\": 2.0", "\"mlp_ratio\": 1e30", "'mlp_ratio'"},
        {"\"context_length\": 10", "\"context_length\": 10, \"hf_model_name\": \"roberta-base\"", "member 'hf_model_name'"},
        {"\"context_length\": 10", "\"context_length\": 10, \"pool_type\": \"first\"", "found 'first'"},
        {"\"context_length\": 10", "\"context_length\": 10, \"proj_type\": \"mlp\"", "expected 'linear' or 'none', found 'mlp'"},
        {"\"context_length\": 10", "\"context_length\": 10, \"proj_type\": \"none\"", "'projection'"},
        {"\"context_length\": 10", "\"context_length\": 11", "expected shape [11, 8], found [10, 8]"},
        {"\"embed_dim\": 10", "\"embed_dim\": 10, \"multimodal_cfg\": {\"heads\": 2}", "member 'multimodal_cfg'"},
        {"\"embed_dim\": 10", "\"embed_dim\": 12", "expected shape [12, 12], found [12, 10]"},
        {"\"embed_dim\": 10", "\"embed_dim\": 0", "'embed_dim'"},
        {"\"embed_dim\": 10", "\"embed_dim\": \"ten\"", "'embed_dim'"},
        {"\"embed_dim\": 10", "\"embed_dim\": 10, \"init_logit_bias\": -10", "'logit_bias'"},
        {"\"interpolation\": \"bicubic\"", "\"interpolation\": \"lanczos\"", "interpolation"},
        {"\"model_cfg\"", "\"model_config\"", "config.json"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        copy_open_clip("refused", refusals[i].from, refusals[i].to);
        expect_refusal("refused", &refusals[i]);
    }
}

static void what_transformers_say_and_is_not_written_is_refused(void **state)
{
    (void)state;
    static const refusal refusals[] = {
        {"\"model_type\": \"clip\"", "\"model_type\": \"siglip2\"",
         "expected twinlens, clip, metaclip_2 or siglip, found 'siglip2'"},
        {"\"model_type\": \"clip\"", "\"model_type\": 7", "found none"},
        {"\"hidden_act\": \"", "\"hidden_act\": \"swi", "expected quick_gelu, gelu or gelu_pytorch_tanh, found 'swi"},
        {"\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": 2", "'layer_norm_epsilon'"},
        {"\"vision_config\": {", "\"vision_config\": 7, \"vision\": {", "expected objects"},
        {"\"text_config\": {", "\"text_config\": [], \"text\": {", "expected objects"},
        {"\"num_channels\": 3", "\"num_channels\": 4", "expected 3, found 4"},
        {"\"num_attention_heads\": ", "\"num_attention_heads\": 7", "'heads': expected 1 to 8, found 72"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        copy_transformers("refused-clip", refusals[i].from, refusals[i].to);
        expect_refusal("refused-clip", &refusals[i]);
    }
}

static void a_pickle_is_not_read(void **state)
{
    (void)state;
    tl_error err;
    tl_model *model;
    make_folder("pickled");
    copy_file(MODELS "oc_vit", "pickled", "open_clip_config.json", NULL, NULL);
    write_file("pickled", "open_clip_pytorch_model.bin", tl_slice_of("\x80\x02}q"));
    assert_false(tl_model_open("pickled", &model, &err));
    assert_non_null(strstr(err.message, "open_clip_pytorch_model.bin"));
    assert_non_null(strstr(err.message, "safetensors"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_decides_the_activation),
        cmocka_unit_test(the_origin_of_a_download_decides_before_the_folder),
        cmocka_unit_test(a_choice_decides_before_all),
        cmocka_unit_test(a_choice_is_written_and_forgotten),
        cmocka_unit_test(a_choice_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_timm_trunk_keeps_its_activation),
        cmocka_unit_test(a_name_that_decides_is_in_the_fingerprint),
        cmocka_unit_test(transformers_say_their_activation),
        cmocka_unit_test(what_open_clip_says_and_is_not_written_is_refused),
        cmocka_unit_test(what_transformers_say_and_is_not_written_is_refused),
        cmocka_unit_test(a_pickle_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
