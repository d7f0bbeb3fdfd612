/*
 * Training that starts from somebody's model: every small model of tests/golden/fixtures/models is opened, trained for some
 * steps, exported as a model of ours and opened again. Without a step the exported model gives the embeddings of the one it
 * started from; with steps the loss of a repeated batch falls. What has no backward pass is refused by name, and may be trained
 * with its image tower frozen.
 */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "encoders/encoders.h"
#include "encoders/training.h"
#include "tests/support/model_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MODELS TL_SOURCE_DIR "/tests/golden/fixtures/models/"
enum { PAIRS = 6, STEPS = 20 };

typedef struct subject {
    const char *name, *lacks; /* a word of the refusal, NULL: all of it can be trained */
} subject;

static const subject subjects[] = {
    {"hf_metaclip2", NULL},   {"hf_siglip", NULL},        {"hf_siglip2", NULL},       {"hf_tinyclip", NULL},
    {"hf_vit", NULL},         {"hf_vit_f16", NULL},       {"hf_vit_quickgelu", NULL}, {"hf_vit_sharded", NULL},
    {"oc_clipa", NULL},       {"oc_metaclip2", NULL},     {"oc_siglip", NULL},        {"oc_siglip2", NULL},
    {"oc_siglip_i18n", NULL}, {"oc_vit", NULL},           {"oc_vit_bf16", NULL},      {"oc_vit_ratio", NULL},
    {"tl_vit", NULL},         {"tl_vit_quickgelu", NULL}, {"oc_pe_core", "rotary"},   {"oc_siglip2_gopt", NULL},
    {"oc_resnet", "ResNet"},
};

static void copy_folder(const char *name, const char *to)
{
    char source[512];
    snprintf(source, sizeof source, "%s%s", MODELS, name);
    copy_model_folder(source, to);
}

typedef struct made_batch {
    float *pixels;
    int32_t *ids;
    uint32_t lengths[PAIRS];
    tl_training_batch batch;
} made_batch;

static void make_batch(const tl_model_config *config, made_batch *out)
{
    const size_t picture = (size_t)3 * config->vision.image_size * config->vision.image_size;
    const size_t tokens = config->text.context_length;
    tl_error err;
    out->pixels = tl_memory_allocate(PAIRS * picture, sizeof *out->pixels, &err);
    out->ids = tl_memory_allocate(PAIRS * tokens, sizeof *out->ids, &err);
    assert_true(out->pixels != NULL && out->ids != NULL);
    for (size_t i = 0; i < PAIRS * picture; i++)
        out->pixels[i] = sinf((float)(i % picture) * 0.05F * (float)(1 + i / picture));
    for (size_t i = 0; i < PAIRS; i++) {
        out->lengths[i] = (uint32_t)tokens;
        for (size_t t = 0; t < tokens; t++)
            out->ids[i * tokens + t] = (int32_t)((3 + i * 5 + t * (1 + i)) % config->text.vocabulary_size);
        if (config->text.pooling == TL_POOL_EOS)
            out->ids[i * tokens + tokens - 1] = config->text.eos_id;
    }
    out->batch = (tl_training_batch){.pairs = PAIRS, .pixels = out->pixels, .ids = out->ids, .lengths = out->lengths};
}

static void clear_batch(made_batch *batch)
{
    tl_memory_free(batch->pixels);
    tl_memory_free(batch->ids);
}

/* [2, PAIRS, D] of the model's towers; the caller's. */
static float *encode(const char *directory, const made_batch *made, size_t *count)
{
    tl_error error;
    tl_model *model;
    tl_model_session *session;
    assert_ok(tl_model_open(directory, &model, err));
    *count = (size_t)PAIRS * tl_model_info_read(model)->config.embedding_dim;
    float *rows = tl_memory_allocate(2 * *count, sizeof *rows, &error);
    assert_non_null(rows);
    assert_ok(tl_model_session_create(model, PAIRS, NULL, &session, err));
    assert_ok(tl_model_session_encode_pixels(session, made->pixels, PAIRS, rows, err) &&
              tl_model_session_encode_tokens(session, made->ids, made->lengths, PAIRS, rows + *count, err));
    tl_model_session_destroy(session);
    tl_model_close(model);
    return rows;
}

static bool make_trainer_of(const char *directory, bool freezes_images, tl_model_config *config, tl_trainer **out,
                            tl_error *error)
{
    tl_model *model;
    assert_ok(tl_model_open(directory, &model, err));
    const tl_model_info *info = tl_model_info_read(model);
    *config = info->config;
    tl_training_options options = {.steps = STEPS,
                                   .constant_rate = true,
                                   .learning_rate = 2e-3,
                                   .max_batch = PAIRS,
                                   .freeze_images = freezes_images,
                                   .loss = info->config.has_logit_bias ? "sigmoid" : "contrastive"};
    bool ok = tl_trainer_create(&info->config, &info->recipe, &options, NULL, out, error);
    tl_model_close(model);
    return ok;
}

static double furthest(const float *a, const float *b, size_t count)
{
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

static void check_subject(const subject *at)
{
    tl_error error = {0};
    tl_trainer *trainer;
    tl_model_config config;
    made_batch made;
    size_t count = 0;
    copy_folder(at->name, "started");
    if (at->lacks != NULL) {
        assert_false(make_trainer_of("started", false, &config, &trainer, &error));
        if (strstr(error.message, at->lacks) == NULL)
            fail_msg("%s: expected '%s' in: %s", at->name, at->lacks, error.message);
    }
    assert_ok(make_trainer_of("started", at->lacks != NULL, &config, &trainer, err));
    assert_ok(tl_trainer_start_from(trainer, "started", err));
    make_batch(&config, &made);
    assert_ok(tl_directory_remove("exported", err) && tl_trainer_export(trainer, "exported", err));
    float *before = encode("started", &made, &count), *after = encode("exported", &made, &count);
    if (!(furthest(before, after, 2 * count) < 1e-5))
        fail_msg("%s: embeddings %g apart", at->name, furthest(before, after, 2 * count));
    tl_memory_free(after);

    tl_step_metrics first = {0}, last = {0};
    for (size_t step = 0; step < STEPS; step++)
        assert_ok(tl_trainer_step(trainer, &made.batch, step == 0 ? &first : &last, err));
    if (!(last.loss < 0.9 * first.loss))
        fail_msg("%s: loss %g -> %g", at->name, first.loss, last.loss);
    assert_ok(tl_trainer_export(trainer, "exported", err));
    after = encode("exported", &made, &count);
    assert_true(furthest(before + count, after + count, count) > 1e-3); /* captions moved */
    if (at->lacks != NULL)
        assert_true(furthest(before, after, count) < 1e-5); /* and frozen pictures did not */
    tl_memory_free(after);
    tl_memory_free(before);
    clear_batch(&made);
    tl_trainer_destroy(trainer);
}

static void every_family_can_be_trained_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        check_subject(&subjects[i]);
}

static void sizes_must_be_those_of_the_run(void **state)
{
    (void)state;
    tl_error error;
    tl_trainer *trainer;
    tl_model_config config;
    copy_folder("oc_vit", "started");
    assert_ok(make_trainer_of("started", false, &config, &trainer, err));
    copy_folder("hf_tinyclip", "other");
    assert_false(tl_trainer_start_from(trainer, "other", &error));
    assert_non_null(strstr(error.message, "other"));
    tl_trainer_destroy(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_can_be_trained_on),
        cmocka_unit_test(sizes_must_be_those_of_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
