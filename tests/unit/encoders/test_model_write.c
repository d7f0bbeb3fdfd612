/*
 * Models written as other folders: what each framework's words hold comes back with the same embeddings, what they do not hold is
 * refused by name, smaller numbers are exact where they can be, and memory that runs out is an error.
 */
#include "tests/support/failing_memory.c"

#include "base/io/file.h"
#include "encoders/encoders.h"
#include "encoders/families/family.h"
#include "encoders/weights/weight_files.h"
#include "encoders/writers/writer.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MODELS TL_SOURCE_DIR "/tests/golden/fixtures/models/"
enum { MOST_DIM = 16, MOST_PIXELS = 3 * 64 * 64, MOST_CONTEXT = 16 };

/* On a copy: a model that is opened keeps its fingerprint in its folder. */
static tl_model *open_fixture(const char *name)
{
    static const char *const names[] = {"open_clip_config.json",
                                        "open_clip_model.safetensors",
                                        "config.json",
                                        "model.safetensors",
                                        "preprocessor_config.json",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors"};
    tl_error error;
    tl_model *model;
    assert_ok(tl_directory_create(name, err));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char from[512], to[512];
        tl_string bytes;
        snprintf(from, sizeof from, MODELS "%s/%s", name, names[i]);
        snprintf(to, sizeof to, "%s/%s", name, names[i]);
        tl_string_init(&bytes, 1 << 24);
        if (tl_file_read(from, &bytes, &error))
            assert_ok(tl_file_replace(to, tl_string_slice(&bytes), err));
        tl_string_clear(&bytes);
    }
    assert_ok(tl_model_open(name, &model, err));
    return model;
}

static void encode(const tl_model *model, float out[2 * MOST_DIM])
{
    static float pixels[MOST_PIXELS];
    const tl_text_config *text = &tl_model_info_read(model)->config.text;
    int32_t ids[MOST_CONTEXT];
    tl_model_session *session;
    for (size_t i = 0; i < MOST_PIXELS; i++)
        pixels[i] = (float)(i % 7) - 3.0F;
    for (size_t i = 0; i < MOST_CONTEXT; i++)
        ids[i] = (int32_t)(3 + i);
    const uint32_t length = text->context_length;
    ids[length - 1] = text->pooling == TL_POOL_EOS ? text->eos_id : (int32_t)text->vocabulary_size - 1;
    memset(out, 0, 2 * MOST_DIM * sizeof *out);
    assert_ok(tl_model_session_create(model, 2, NULL, &session, err));
    assert_ok(tl_model_session_encode_pixels(session, pixels, 1, out, err));
    assert_ok(tl_model_session_encode_tokens(session, ids, &length, 1, out + MOST_DIM, err));
    tl_model_session_destroy(session);
}

static double apart(const tl_model *model, const char *folder, const char *family, tl_dtype dtype)
{
    tl_model *written;
    float before[2 * MOST_DIM], after[2 * MOST_DIM];
    double most = 0.0;
    assert_ok(tl_model_open(folder, &written, err));
    assert_string_equal(tl_model_info_read(written)->family, family);
    assert_int_equal(tl_model_info_read(written)->dtype, dtype);
    encode(model, before);
    encode(written, after);
    tl_model_close(written);
    for (size_t i = 0; i < 2 * MOST_DIM; i++) {
        const double difference = (double)before[i] - (double)after[i];
        most = difference > most ? difference : -difference > most ? -difference : most;
    }
    return most;
}

static void what_fits_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        tl_model_format format;
        const char *family;
        tl_dtype dtype;
    } cases[] = {
        {"hf_vit", TL_MODEL_OPEN_CLIP, "open_clip", TL_F32},
        {"hf_vit_sharded", TL_MODEL_OPEN_CLIP, "open_clip", TL_F32},
        {"hf_vit_f16", TL_MODEL_OPEN_CLIP, "open_clip", TL_F16},
        {"hf_vit_f16", TL_MODEL_TWINLENS, "twinlens", TL_F16},
        {"hf_metaclip2", TL_MODEL_OPEN_CLIP, "open_clip", TL_F32},
        {"hf_siglip", TL_MODEL_TWINLENS, "twinlens", TL_F32},
        {"oc_vit", TL_MODEL_TRANSFORMERS, "CLIP (transformers)", TL_F32},
        {"oc_vit_bf16", TL_MODEL_TRANSFORMERS, "CLIP (transformers)", TL_BF16},
        {"oc_vit_quickgelu", TL_MODEL_TRANSFORMERS, "CLIP (transformers)", TL_F32},
        {"oc_siglip", TL_MODEL_TRANSFORMERS, "SigLIP (transformers)", TL_F32},
        {"oc_siglip2", TL_MODEL_TRANSFORMERS, "SigLIP (transformers)", TL_F32},
        {"oc_resnet", TL_MODEL_TWINLENS, "twinlens", TL_F16},
        {"oc_pe_core", TL_MODEL_TWINLENS, "twinlens", TL_F32},
        {"tl_vit", TL_MODEL_TRANSFORMERS, "CLIP (transformers)", TL_F32},
        {"tl_vit", TL_MODEL_OPEN_CLIP, "open_clip", TL_F32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char folder[64];
        tl_model *model = open_fixture(cases[i].name);
        const tl_model_write_options options = {.format = cases[i].format};
        snprintf(folder, sizeof folder, "%s-%d", cases[i].name, (int)cases[i].format);
        assert_ok(tl_model_write(model, NULL, &options, folder, err));
        const double found = apart(model, folder, cases[i].family, cases[i].dtype);
        if (found > 1e-6)
            fail_msg("%s: expected the same embeddings, found %g", folder, found);
        tl_model_close(model);
    }
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        tl_model_format format;
        const char *message;
    } cases[] = {
        {"oc_resnet", TL_MODEL_TRANSFORMERS, "CLIPModel has no place for a ResNet"},
        {"tl_vit_quickgelu", TL_MODEL_TRANSFORMERS, "CLIPModel has no place for"},
        {"oc_pe_core", TL_MODEL_TRANSFORMERS, "has no place for blocks of another kind"},
        {"hf_siglip", TL_MODEL_OPEN_CLIP, "class CLIP has no place for attention pooling"},
        {"oc_siglip_i18n", TL_MODEL_OPEN_CLIP, "class CLIP has no place for attention pooling"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_error err = {TL_ERROR_NONE, ""};
        tl_model *model = open_fixture(cases[i].name);
        const tl_model_write_options options = {.format = cases[i].format};
        tl_file_status status;
        assert_false(tl_model_write(model, NULL, &options, "refused", &err));
        assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].name, err.message);
        assert_true(tl_file_status_read("refused", &status, NULL));
        assert_int_equal(status.kind, TL_FILE_MISSING);
        tl_model_close(model);
    }
}

/* open_clip makes int(width * mlp_ratio) of what the file says in nine digits: bigG, g, EVA's and SO400M's widths. */
static void a_width_survives_as_a_ratio(void **state)
{
    (void)state;
    static const uint32_t cases[][2] = {{1664, 8192}, {1408, 6144}, {1024, 2730}, {1152, 4304},
                                        {768, 3072},  {64, 1},      {8192, 32768}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_model_info info = {.recipe = tl_image_recipe_default(32)};
        tl_model_config read;
        tl_json *json;
        double ratio;
        info.config.vision = (tl_vision_config){.width = cases[i][0], .mlp_width = cases[i][1], .heads = 1, .image_size = 32};
        info.config.text = (tl_text_config){.width = cases[i][0], .mlp_width = cases[i][1], .heads = 1};
        assert_ok(tl_directory_create("ratio", err) && tl_writer_open_clip.write_config(&info, TL_F32, NULL, "ratio", err));
        assert_ok(tl_json_read_file("ratio/open_clip_config.json", 1 << 16, &json, err));
        assert_ok(tl_family_open_clip.read_config(json, &read, err));
        const tl_json *vision = tl_json_member(tl_json_member(json, "model_cfg"), "vision_cfg");
        assert_ok(tl_json_get_number(vision, "mlp_ratio", &ratio, err));
        assert_int_equal((uint32_t)(cases[i][0] * ratio), cases[i][1]);
        assert_int_equal(read.vision.mlp_width, cases[i][1]);
        assert_int_equal(read.text.mlp_width, cases[i][1]);
        tl_json_free(json);
    }
}

/* The same tensors, but a GELU that is another. */
static void what_computes_otherwise_is_not_mixed(void **state)
{
    (void)state;
    tl_model *model = open_fixture("oc_vit"), *same = open_fixture("oc_vit_bf16"), *other = open_fixture("oc_vit_quickgelu");
    const tl_model_write_options options = {.format = TL_MODEL_TWINLENS, .weight = 0.5};
    tl_error error = {TL_ERROR_NONE, ""};
    assert_ok(tl_model_write(model, same, &options, "mixed", err));
    assert_false(tl_model_write(model, other, &options, "not-mixed", &error));
    assert_int_equal(error.kind, TL_ERROR_INVALID);
    assert_non_null(strstr(error.message, "the same activation"));
    tl_model_close(other);
    tl_model_close(same);
    tl_model_close(model);
}

static void smaller_numbers(void **state)
{
    (void)state;
    tl_model *model = open_fixture("hf_siglip");
    assert_ok(tl_model_rewrite(model, TL_F16, "half", err) && tl_model_rewrite(model, TL_BF16, "brain", err));
    const double half = apart(model, "half", "SigLIP (transformers)", TL_F16);
    const double brain = apart(model, "brain", "SigLIP (transformers)", TL_BF16);
    assert_true(half > 0.0 && half < 2e-3 && brain > half && brain < 2e-2);
    tl_model_close(model);
}

static void compare_files(const char *directory, const char *other, const char *name)
{
    tl_weight_files *a, *b;
    assert_ok(tl_weight_files_open(directory, name, &a, err) && tl_weight_files_open(other, name, &b, err));
    assert_int_equal(tl_weight_files_count(a), tl_weight_files_count(b));
    for (size_t i = 0; i < tl_weight_files_count(a); i++) {
        const tl_tensor_view *one = tl_weight_files_item(a, i), *same = tl_weight_files_find(b, one->name);
        assert_non_null(same);
        assert_string_equal(one->type_name, same->type_name);
        assert_int_equal(one->bytes.size, same->bytes.size);
        assert_memory_equal(one->bytes.data, same->bytes.data, one->bytes.size);
    }
    tl_weight_files_close(b);
    tl_weight_files_close(a);
}

/* Wider and back, there and back: bit for bit. */
static void what_is_small_already_stays(void **state)
{
    (void)state;
    tl_model *model = open_fixture("hf_vit_f16"), *wide, *theirs;
    const tl_model_write_options to_open_clip = {.format = TL_MODEL_OPEN_CLIP, .has_dtype = true, .dtype = TL_F32};
    const tl_model_write_options back = {.format = TL_MODEL_TRANSFORMERS, .has_dtype = true, .dtype = TL_F16};
    assert_int_equal(tl_model_exact_dtype(model), TL_F16);
    assert_ok(tl_model_rewrite(model, TL_F16, "same", err) && tl_model_rewrite(model, TL_F32, "wide", err));
    compare_files("hf_vit_f16", "same", "model.safetensors");
    assert_ok(tl_model_open("wide", &wide, err) && tl_model_rewrite(wide, TL_F16, "narrow", err));
    compare_files("hf_vit_f16", "narrow", "model.safetensors");
    assert_ok(tl_model_write(model, NULL, &to_open_clip, "theirs", err) && tl_model_open("theirs", &theirs, err));
    assert_ok(tl_model_write(theirs, NULL, &back, "back", err));
    compare_files("hf_vit_f16", "back", "model.safetensors");
    tl_model_close(theirs);
    tl_model_close(wide);
    tl_model_close(model);
}

/* 1e5 is a number of f32 and bf16 but none of f16. */
static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    tl_error error = {TL_ERROR_NONE, ""};
    tl_model *model = open_fixture("tl_vit");
    tl_safetensors *file;
    tl_tensor_source tensors[128];
    tl_file_writer *writer;
    static float large[1 << 16];
    assert_ok(tl_directory_create("large", err) && tl_safetensors_open("tl_vit/model.safetensors", &file, err));
    const size_t count = tl_safetensors_count(file);
    for (size_t i = 0; i < count; i++) {
        const tl_tensor_view *view = tl_safetensors_item(file, i);
        tensors[i] = (tl_tensor_source){
            .name = view->name, .rank = view->rank, .shape = view->shape, .values = tl_tensor_view_floats(view)};
        if (strcmp(view->name, "visual.proj") == 0) {
            memcpy(large, view->bytes.data, view->bytes.size);
            large[view->count - 1] = 1e5F;
            tensors[i].values = large;
        }
    }
    assert_ok(tl_file_writer_open("large/model.safetensors", &writer, err) &&
              tl_safetensors_write(writer, tensors, count, NULL, NULL, err) && tl_file_writer_commit(writer, err));
    tl_file_writer_close(writer);
    tl_safetensors_close(file);
    tl_model_close(model);
    static const char *const names[] = {"config.json", "preprocessor_config.json"};
    for (size_t i = 0; i < 2; i++) {
        char from[64], to[64];
        tl_string bytes;
        tl_string_init(&bytes, 1 << 20);
        snprintf(from, sizeof from, "tl_vit/%s", names[i]);
        snprintf(to, sizeof to, "large/%s", names[i]);
        assert_ok(tl_file_read(from, &bytes, err) && tl_file_replace(to, tl_string_slice(&bytes), err));
        tl_string_clear(&bytes);
    }
    assert_ok(tl_model_open("large", &model, err));
    const tl_model_write_options options = {.format = TL_MODEL_OPEN_CLIP, .has_dtype = true, .dtype = TL_F16};
    assert_false(tl_model_rewrite(model, TL_F16, "too-large", &error));
    assert_non_null(strstr(error.message, "'visual.proj': expected numbers that F16 holds, found 100000"));
    assert_false(tl_model_write(model, NULL, &options, "too-large", &error));
    assert_non_null(strstr(error.message, "'visual.proj': expected numbers that F16 holds, found 100000"));
    assert_ok(tl_model_rewrite(model, TL_BF16, "large-enough", err));
    tl_model_close(model);
}

static void memory_runs_out(void **state)
{
    (void)state;
    tl_model *model = open_fixture("hf_vit");
    static const tl_model_format formats[] = {TL_MODEL_OPEN_CLIP, TL_MODEL_TRANSFORMERS};
    size_t failures = 0;
    for (size_t i = 0; i < 2; i++) {
        const tl_model_write_options options = {.format = formats[i]};
        failing_memory_sweep sweep = {.job = "write"};
        while (failing_memory_next(&sweep))
            failing_memory_judge(&sweep, tl_model_write(model, NULL, &options, "swept", &sweep.err));
        failures += sweep.failures;
    }
    failing_memory_sweep sweep = {.job = "rewrite"};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, tl_model_rewrite(model, TL_F16, "swept", &sweep.err));
    assert_true(failures + sweep.failures > 30);
    tl_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_comes_back),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(a_width_survives_as_a_ratio),
        cmocka_unit_test(what_computes_otherwise_is_not_mixed),
        cmocka_unit_test(smaller_numbers),
        cmocka_unit_test(what_is_small_already_stays),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
