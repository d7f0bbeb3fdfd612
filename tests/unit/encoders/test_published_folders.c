/*
 * Folders of other frameworks on a bad day: memory that runs out while one is opened, packed or used; names with spaces and
 * letters of all kinds; a folder in which nothing can be written; weights that are replaced under an open model; configurations
 * that are huge, deep or absurd.
 */
#include "tests/support/failing_memory.c"
#include "tests/support/model_folder.h"

#include "base/io/file.h"
#include "encoders/encoders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODELS TL_SOURCE_DIR "/tests/golden/fixtures/models/"
enum { MOST_DIM = 16, MOST_PIXELS = 3 * 64 * 64, MOST_CONTEXT = 16 };

/* The embedding of a grey picture and of a text of ones. */
static bool encode(const tl_model *model, float out[2 * MOST_DIM], tl_error *err)
{
    static float pixels[MOST_PIXELS];
    const tl_model_config *config = &tl_model_info_read(model)->config;
    int32_t ids[MOST_CONTEXT];
    const uint32_t length = config->text.context_length;
    tl_model_session *session;
    for (size_t i = 0; i < MOST_PIXELS; i++)
        pixels[i] = (float)(i % 7) - 3.0F;
    for (size_t i = 0; i < MOST_CONTEXT; i++)
        ids[i] = 1;
    memset(out, 0, 2 * MOST_DIM * sizeof *out);
    if (!tl_model_session_create(model, 2, NULL, &session, err))
        return false;
    bool ok = tl_model_session_encode_pixels(session, pixels, 1, out, err) &&
              tl_model_session_encode_tokens(session, ids, &length, 1, out + MOST_DIM, err);
    tl_model_session_destroy(session);
    return ok;
}

/* ---- memory ---- */

static bool open_pack_and_encode(const char *directory, tl_precision precision, bool is_quick, tl_error *err)
{
    float out[2 * MOST_DIM];
    char kept[256];
    tl_model *model;
    snprintf(kept, sizeof kept, "%s/fingerprint.json", directory);
    unlink(kept);
    if (!tl_model_open(directory, &model, err))
        return false;
    bool ok = tl_model_pack(model, TL_TOWER_IMAGE, precision, NULL, err) &&
              tl_model_pack(model, TL_TOWER_TEXT, precision, NULL, err) && encode(model, out, err);
    /* Its name says so; that there is no memory to look at it is no answer. */
    if (is_quick && tl_model_info_read(model)->config.text.activation != TL_QUICK_GELU)
        fail_msg("expected quick_gelu of '%s', found another", directory);
    tl_model_close(model);
    return ok;
}

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    static const char named[] = "apple--DFN2B-CLIP-ViT-B-16";
    static const char *const models[] = {"oc_vit",      "oc_siglip",      "oc_pe_core", "oc_resnet",
                                         "oc_vit_bf16", "hf_vit_sharded", "hf_siglip",  "hf_vit_f16"};
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char source[256];
        snprintf(source, sizeof source, MODELS "%s", models[i]);
        copy_model_folder(source, named);
        /* The fingerprint need not be kept. */
        failing_memory_sweep sweep = {.job = models[i], .least_failures = 40, .may_do_without = true};
        while (failing_memory_next(&sweep)) {
            const bool is_quick = strstr(models[i], "vit") != NULL;
            failing_memory_judge(&sweep, open_pack_and_encode(named, (tl_precision)(i % 3), is_quick, &sweep.err));
        }
    }
}

/* ---- folders ---- */

static void any_name_and_no_leave_to_write(void **state)
{
    (void)state;
    static const char directory[] = "a b/m\xc3\xb6"
                                    "del '\xe6\xa8\xa1\xe5\x9e\x8b' \xf0\x9f\x98\x80 \"q\" %s";
    tl_error error;
    tl_model *model;
    float first[2 * MOST_DIM], next[2 * MOST_DIM];
    char fingerprint[33], path[512];
    assert_ok(tl_directory_create("a b", err));
    copy_model_folder(MODELS "oc_vit", directory);
    assert_ok(tl_model_open(directory, &model, err) && encode(model, first, err));
    memcpy(fingerprint, tl_model_info_read(model)->fingerprint, sizeof fingerprint);
    tl_model_close(model);
    /* Not even root can put a file where there is a folder. */
    snprintf(path, sizeof path, "%s/fingerprint.json", directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_ok(tl_model_open(directory, &model, err) && encode(model, next, err));
    assert_string_equal(fingerprint, tl_model_info_read(model)->fingerprint);
    assert_memory_equal(first, next, sizeof first);
    tl_model_close(model);
    /* A choice is something that a user asked for. */
    snprintf(path, sizeof path, "%s/twinlens.json", directory);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_false(tl_model_choose_activation(directory, "gelu", &error));
    assert_false(tl_model_choose_activation(directory, "auto", &error));
    assert_false(tl_model_open(directory, &model, &error));
    assert_non_null(strstr(error.message, "expected a file, found a folder"));
}

static void an_open_model_is_not_what_its_folder_becomes(void **state)
{
    (void)state;
    tl_error error;
    tl_model *model, *other;
    float first[2 * MOST_DIM], next[2 * MOST_DIM];
    copy_model_folder(MODELS "oc_vit", "replaced");
    assert_ok(tl_model_open("replaced", &model, err) && encode(model, first, err));
    copy_model_folder(MODELS "hf_vit_sharded", "replaced"); /* the folder is removed first */
    assert_ok(tl_model_open("replaced", &other, err));
    assert_string_equal(tl_model_info_read(other)->family, "CLIP (transformers)");
    assert_string_not_equal(tl_model_info_read(other)->fingerprint, tl_model_info_read(model)->fingerprint);
    assert_ok(encode(model, next, err) && tl_model_pack(model, TL_TOWER_IMAGE, TL_PRECISION_F32, NULL, err));
    assert_memory_equal(first, next, sizeof first);
    tl_model_close(other);
    tl_model_close(model);
    /* By rename, as a download does it. */
    copy_model_folder(MODELS "oc_vit", "replaced");
    assert_ok(tl_model_open("replaced", &model, err));
    write_file("replaced", "open_clip_model.safetensors", tl_slice_of("short"));
    assert_ok(encode(model, next, err));
    assert_memory_equal(first, next, sizeof first);
    tl_model_close(model);
    assert_false(tl_model_open("replaced", &model, &error));
    assert_non_null(strstr(error.message, "replaced/open_clip_model.safetensors"));
}

/* ---- configurations ---- */

static void expect_refusal(const char *name, tl_slice config, const char *message)
{
    tl_error err = {0};
    tl_model *model;
    write_file("absurd", name, config);
    if (tl_model_open("absurd", &model, &err))
        fail_msg("opened, expected '%s'", message);
    if (strstr(err.message, message) == NULL || strstr(err.message, "absurd") == NULL)
        fail_msg("expected '%s' in: %s", message, err.message);
}

static void repeat(tl_string *text, const char *piece, size_t count)
{
    while (count-- > 0)
        assert_ok(tl_string_append_text(text, piece, err));
}

static void huge_and_deep_configurations_are_refused(void **state)
{
    (void)state;
    tl_string text;
    copy_model_folder(MODELS "hf_vit", "absurd");
    tl_string_init(&text, 8 << 20);
    repeat(&text, "[", 100000);
    expect_refusal("config.json", tl_string_slice(&text), "not valid json");
    tl_string_clear(&text);
    repeat(&text, "{\"text_config\":", 100000);
    expect_refusal("config.json", tl_string_slice(&text), "not valid json");
    tl_string_clear(&text);
    repeat(&text, "                ", (4 << 20) / 16);
    assert_ok(tl_string_append_text(&text, "{}", err));
    expect_refusal("config.json", tl_string_slice(&text), "4194304");
    tl_string_clear(&text);
    /* 100,000 members that nobody asks for, in a tower of open_clip's, which knows all of its own. */
    copy_model_folder(MODELS "oc_vit", "absurd");
    assert_ok(tl_string_append_text(&text, "{\"model_cfg\":{\"embed_dim\":4,\"vision_cfg\":{", err));
    for (size_t i = 0; i < 100000; i++)
        assert_ok(tl_string_append_format(&text, err, "\"layers%zu\":1,", i));
    assert_ok(tl_string_append_text(&text, "\"layers\":1},\"text_cfg\":{}}}", err));
    expect_refusal("open_clip_config.json", tl_string_slice(&text), "member 'layers0'");
    tl_string_clear(&text);
}

static void sizes_of_another_world_are_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *vision, *text, *message;
    } configs[] = {
        /* The largest of all: half a million million numbers, of which the file has none. */
        {"\"width\":16384,\"layers\":256,\"mlp_ratio\":4,\"head_width\":1,\"image_size\":4096,\"patch_size\":32",
         "\"width\":16384,\"layers\":256,\"heads\":16384,\"context_length\":8192,\"vocab_size\":4194304", "expected shape"},
        {"\"width\":2147483647,\"head_width\":1,\"mlp_ratio\":1", "\"width\":4", "'width': expected 1 to 16384"},
        {"\"width\":2147483648", "\"width\":4", "'width'"},
        {"\"width\":-4", "\"width\":4", "'width'"},
        {"\"width\":1e3", "\"width\":4", "'width': expected an integer, found a number"},
        {"\"width\":\"64\"", "\"width\":4", "'width': expected an integer, found a text"},
        {"\"mlp_ratio\":1e999", "\"width\":4", "not valid json"},
        {"\"mlp_ratio\":NaN", "\"width\":4", "not valid json"},
        {"\"mlp_ratio\":true", "\"width\":4", "'mlp_ratio': expected a number"},
        {"\"mlp_ratio\":0", "\"width\":4", "'mlp_ratio'"},
        {"\"layers\":0", "\"width\":4", "'layers': expected 1 to 256"},
        {"\"layers\":[]", "\"width\":4", "'layers'"},
        {"\"layers\":[1,1,1,1],\"width\":65536", "\"width\":4", "'width'"},
        {"\"layers\":[1,1,1,1],\"width\":0", "\"width\":4", "'head_width'"},
        {"\"layers\":[1,1,1,1],\"image_size\":31", "\"width\":4", "'patches'"},
        {"\"layers\":[1,1,1,1],\"width\":2,\"image_size\":63", "\"width\":4",
         "expected one that five halvings leave at 1 pixels, found 63 (2)"},
        {"\"image_size\":15,\"patch_size\":16", "\"width\":4", "'patches': expected 1 to 16384, found 0"},
        {"\"patch_size\":0", "\"width\":4", "'patch_size'"},
        {"\"image_size\":[224,224,224]", "\"width\":4", "'image_size'"},
        {"\"image_size\":[224,\"224\"]", "\"width\":4", "'image_size': expected a number or a pair"},
        {"\"timm_model_name\":7", "\"width\":4", "'timm_model_name': expected a text"},
        {"\"timm_model_name\":\"vit_base_patch16_siglip_224\",\"timm_pool\":true", "\"width\":4", "'timm_pool': expected a text"},
        {"\"timm_model_name\":\"vit_base_patch16_siglip_224\",\"timm_pool\":\"map\",\"timm_proj\":0", "\"width\":4",
         "'timm_proj'"},
        {"\"timm_model_name\":\"vit_base_patch16_siglip_224\",\"timm_pool\":\"map\",\"timm_proj_bias\":1", "\"width\":4",
         "'timm_proj_bias': expected true or false"},
        {"\"timm_model_name\":\"vit_base_patch16_siglip_224\",\"timm_pool\":\"map\",\"width\":2147483647", "\"width\":4",
         "'mlp_ratio'"},
        {"\"timm_model_name\":\"vit_pe_core_tiny_patch16_384\",\"timm_pool\":\"map\",\"patch_size\":0,\"layers\":1",
         "\"width\":4", "'patch_size'"},
        {"\"width\":64", "\"pool_type\":\"eos\",\"vocab_size\":10,\"eos_id\":10", "'eos_id': expected 0 to 9, found 10"},
        {"\"width\":64", "\"eos_id\":-1", "'eos_id'"},
        {"\"width\":64", "\"vocab_size\":10,\"pad_id\":10", "'pad_id': expected 0 to 9, found 10"},
        {"\"width\":64", "\"pad_id\":-1", "'pad_id'"},
        {"\"width\":64", "\"heads\":0", "'heads'"},
        {"\"width\":64", "\"norm_kwargs\":{\"eps\":0}", "'layer_norm_epsilon'"},
        {"\"width\":64", "\"norm_kwargs\":[]", "expected an object"},
        {"\"width\":64", "\"vocab_size\":4194305", "'vocab_size'"},
    };
    copy_model_folder(MODELS "oc_vit", "absurd");
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "{\"model_cfg\":{\"embed_dim\":10,\"vision_cfg\":{%s},\"text_cfg\":{%s}}}", configs[i].vision,
                 configs[i].text);
        expect_refusal("open_clip_config.json", tl_slice_of(text), configs[i].message);
    }
    static const char *const others[] = {"{\"model_cfg\":{\"embed_dim\":10,\"vision_cfg\":[],\"text_cfg\":{}}}",
                                         "{\"model_cfg\":{\"embed_dim\":10,\"vision_cfg\":{},\"text_cfg\":null}}",
                                         "{\"model_cfg\":{\"embed_dim\":10}}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        expect_refusal("open_clip_config.json", tl_slice_of(others[i]), "expected an object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_in_turn),
        cmocka_unit_test(any_name_and_no_leave_to_write),
        cmocka_unit_test(an_open_model_is_not_what_its_folder_becomes),
        cmocka_unit_test(huge_and_deep_configurations_are_refused),
        cmocka_unit_test(sizes_of_another_world_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
