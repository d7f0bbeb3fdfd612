/*
 * Every allocation of opening a model, of packing its weights, of a session, of a trainer with one step, and of saving, resuming
 * and exporting fails in turn: each time there is an error and no leak (the sanitizer of the dev preset sees to that), and the
 * same call then works.
 */
#include "tests/support/failing_memory.c"

#include "encoders/encoders.h"
#include "tests/support/training_fixture.h"

#include <unistd.h>

static const char model_folder[] = "oom-model";

static bool open_once(tl_error *err)
{
    tl_model *model;
    if (!tl_model_open(model_folder, &model, err))
        return false;
    tl_model_close(model);
    return true;
}

/* Opening may do without memory to keep the fingerprint. Returns how many failures there were. */
static size_t sweep_opening(void)
{
    copy_model_folder(model_folder);
    failing_memory_sweep sweep = {.job = "open", .least_failures = 20, .may_do_without = true};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, open_once(&sweep.err));
    return sweep.failures;
}

static void opening_a_model(void **state)
{
    (void)state;
    sweep_opening();
    failing_memory_sweep sweep = {.job = "open and hash", .least_failures = 20, .may_do_without = true};
    while (failing_memory_next(&sweep)) {
        unlink("oom-model/fingerprint.json");
        failing_memory_judge(&sweep, open_once(&sweep.err));
    }
}

static bool encode_once(const tl_model *model, const fixture_batches *batches, tl_error *err)
{
    tl_model_session *session;
    float out[FIXTURE_BATCH * FIXTURE_DIM];
    if (!tl_model_session_create(model, 4, NULL, &session, err))
        return false;
    bool ok = tl_model_session_encode_pixels(session, batches->pixels, FIXTURE_BATCH, out, err) &&
              tl_model_session_encode_tokens(session, batches->ids, batches->lengths, FIXTURE_BATCH, out, err);
    tl_model_session_destroy(session);
    return ok;
}

static void encoding(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    tl_model *model;
    load_batches(&batches);
    copy_model_folder(model_folder);
    assert_true(tl_model_open(model_folder, &model, &err));
    failing_memory_sweep sweep = {.job = "session", .least_failures = 3};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, encode_once(model, &batches, &sweep.err));
    tl_model_close(model);
    tl_safetensors_close(batches.file);
}

/* Both towers, from the weights and, where they were kept, from their files. */
static bool pack_once(tl_precision precision, tl_error *err)
{
    tl_model *model;
    if (!tl_model_open(model_folder, &model, err))
        return false;
    bool ok =
        tl_model_pack(model, TL_TOWER_IMAGE, precision, NULL, err) && tl_model_pack(model, TL_TOWER_TEXT, precision, NULL, err);
    tl_model_close(model);
    return ok;
}

static void packing(void **state)
{
    (void)state;
    static const tl_precision precisions[] = {TL_PRECISION_F32, TL_PRECISION_BF16, TL_PRECISION_INT8};
    const size_t opened = sweep_opening();
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        failing_memory_sweep sweep = {.job = "pack", .least_failures = opened + 4, .may_do_without = true};
        while (failing_memory_next(&sweep))
            failing_memory_judge(&sweep, pack_once(precisions[i], &sweep.err));
    }
}

typedef struct trainer_job {
    tl_model_config config;
    tl_image_recipe recipe;
    const fixture_batches *batches;
    bool also_files;
    bool saw_checkpoint;
} trainer_job;

static bool train_once(const trainer_job *work, tl_error *err)
{
    tl_trainer *trainer;
    tl_step_metrics metrics;
    tl_training_options options = {.steps = 4, .max_batch = FIXTURE_BATCH};
    tl_training_batch batch = batch_of_step(work->batches, 0);
    if (!tl_trainer_create(&work->config, &work->recipe, &options, NULL, &trainer, err))
        return false;
    bool ok = tl_trainer_step(trainer, &batch, &metrics, err);
    if (ok && work->also_files)
        ok = tl_trainer_save(trainer, "oom-run", err) && tl_trainer_resume(trainer, "oom-run", err) &&
             tl_trainer_export(trainer, "oom-exported", err);
    tl_trainer_destroy(trainer);
    return ok;
}

/* Whatever failed: once there is a checkpoint, there always is one. */
static void expect_whole_checkpoint(trainer_job *work)
{
    tl_error err;
    tl_trainer *trainer;
    tl_training_options options = {.steps = 4, .max_batch = FIXTURE_BATCH};
    assert_true(tl_trainer_create(&work->config, &work->recipe, &options, NULL, &trainer, &err));
    bool is_there = tl_trainer_resume(trainer, "oom-run", &err);
    if (!is_there && (work->saw_checkpoint || err.kind != TL_ERROR_NOT_FOUND))
        fail_msg("%s", err.message);
    work->saw_checkpoint = is_there;
    tl_trainer_destroy(trainer);
}

static void training(void **state)
{
    (void)state;
    fixture_batches batches;
    load_batches(&batches);
    trainer_job work = {fixture_config(), tl_image_recipe_default(FIXTURE_SIDE), &batches, false, false};
    failing_memory_sweep sweep = {.job = "trainer", .least_failures = 20};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, train_once(&work, &sweep.err));
    work.also_files = true;
    tl_error err;
    assert_true(tl_directory_remove("oom-run", &err));
    sweep = (failing_memory_sweep){.job = "trainer with files", .least_failures = 80, .may_do_without = true};
    while (failing_memory_next(&sweep)) {
        failing_memory_judge(&sweep, train_once(&work, &sweep.err));
        expect_whole_checkpoint(&work);
    }
    tl_safetensors_close(batches.file);
}

/* What the arena was sized for: after the first step the hot loop asks for no memory. The sanitizer's gaps are not planned for.
 */
static void a_step_allocates_nothing(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = {.steps = 4, .max_batch = FIXTURE_BATCH};
    tl_trainer *trainer = make_trainer(&options, NULL);
    for (size_t step = 0; step < 3; step++) {
        tl_step_metrics metrics;
        tl_training_batch batch = batch_of_step(&batches, step);
        failing_memory_arm(0);
        bool ok = tl_trainer_step(trainer, &batch, &metrics, &err);
        assert_int_equal(failing_memory_disarm(), 0);
        assert_true(ok);
    }
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_a_model),
        cmocka_unit_test(encoding),
        cmocka_unit_test(packing),
        cmocka_unit_test(training),
        cmocka_unit_test(a_step_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
