/*
 * Every allocation of opening a model, of packing its weights, of a session, of a trainer with one step, and of saving, resuming
 * and exporting fails in turn: each time there is an error and no leak (the sanitizer of the dev preset sees to that), and the
 * same call then works.
 */
#include "tests/support/failing_memory.c"

#include "encoders/encoders.h"
#include "tests/support/training_fixture.h"

#include <unistd.h>

typedef struct job {
    bool (*run)(void *context, tl_error *err);
    void *context;
    size_t least_allocations;           /* so that a sweep over nothing cannot pass */
    void (*check_after)(void *context); /* with all memory; may be NULL */
} job;

static size_t last_failed; /* of the last sweep */

/* n = 1, 2, ... until the job no longer asks for an n-th. */
static void sweep(const char *name, const job *swept)
{
    size_t failed = 0;
    for (size_t number = 1;; number++) {
        tl_error err = {0};
        failing_memory_arm(number);
        bool ok = swept->run(swept->context, &err);
        size_t asked = failing_memory_disarm();
        if (asked < number) {
            if (!ok)
                fail_msg("%s failed with all memory: %s", name, err.message);
            break;
        }
        /* It may also do without: the fingerprint need not be kept. */
        if (!ok && err.kind != TL_ERROR_NO_MEMORY)
            fail_msg("%s, allocation %zu: expected out of memory, found %s: %s", name, number, tl_error_kind_name(err.kind),
                     err.message);
        failed += !ok;
        if (swept->check_after != NULL)
            swept->check_after(swept->context);
    }
    print_message("%s: %zu failures\n", name, failed);
    last_failed = failed;
    if (failed < swept->least_allocations)
        fail_msg("%s: expected %zu failures, found %zu: is the twin linked?", name, swept->least_allocations, failed);
}

static bool open_once(void *context, tl_error *err)
{
    tl_model *model;
    if (!tl_model_open(context, &model, err))
        return false;
    tl_model_close(model);
    return true;
}

static bool open_anew(void *context, tl_error *err)
{
    char kept[64];
    snprintf(kept, sizeof kept, "%s/fingerprint.json", (const char *)context);
    unlink(kept);
    return open_once(context, err);
}

static void opening_a_model(void **state)
{
    (void)state;
    char path[] = "oom-model";
    copy_model_folder(path);
    sweep("open", &(job){.run = open_once, .context = path, .least_allocations = 20});
    sweep("open and hash", &(job){.run = open_anew, .context = path, .least_allocations = 20});
}

typedef struct session_job {
    tl_model *model;
    const fixture_batches *batches;
} session_job;

static bool encode_once(void *context, tl_error *err)
{
    session_job *work = context;
    tl_model_session *session;
    float out[FIXTURE_BATCH * FIXTURE_DIM];
    if (!tl_model_session_create(work->model, 4, NULL, &session, err))
        return false;
    bool ok = tl_model_session_encode_pixels(session, work->batches->pixels, FIXTURE_BATCH, out, err) &&
              tl_model_session_encode_tokens(session, work->batches->ids, work->batches->lengths, FIXTURE_BATCH, out, err);
    tl_model_session_destroy(session);
    return ok;
}

static void encoding(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    session_job work = {NULL, &batches};
    load_batches(&batches);
    copy_model_folder("oom-model");
    assert_true(tl_model_open("oom-model", &work.model, &err));
    sweep("session", &(job){.run = encode_once, .context = &work, .least_allocations = 3});
    tl_model_close(work.model);
    tl_safetensors_close(batches.file);
}

/* Both towers, from the weights and, where they were kept, from their files. */
typedef struct pack_job {
    char *path;
    tl_precision precision;
} pack_job;

static bool pack_once(void *context, tl_error *err)
{
    const pack_job *work = context;
    tl_model *model;
    if (!tl_model_open(work->path, &model, err))
        return false;
    bool ok = tl_model_pack(model, TL_TOWER_IMAGE, work->precision, NULL, err) &&
              tl_model_pack(model, TL_TOWER_TEXT, work->precision, NULL, err);
    tl_model_close(model);
    return ok;
}

static void packing(void **state)
{
    (void)state;
    static const tl_precision precisions[] = {TL_PRECISION_F32, TL_PRECISION_BF16, TL_PRECISION_INT8};
    char path[] = "oom-model";
    copy_model_folder(path);
    sweep("open", &(job){.run = open_once, .context = path, .least_allocations = 20});
    const size_t opened = last_failed;
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        pack_job work = {path, precisions[i]};
        sweep("pack", &(job){.run = pack_once, .context = &work, .least_allocations = opened + 4});
    }
}

typedef struct trainer_job {
    tl_model_config config;
    tl_image_recipe recipe;
    const fixture_batches *batches;
    bool also_files;
    bool saw_checkpoint;
} trainer_job;

static bool train_once(void *context, tl_error *err)
{
    trainer_job *work = context;
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
static void checkpoint_is_whole(void *context)
{
    trainer_job *work = context;
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
    sweep("trainer", &(job){.run = train_once, .context = &work, .least_allocations = 20});
    work.also_files = true;
    tl_error err;
    assert_true(tl_directory_remove("oom-run", &err));
    sweep("trainer with files",
          &(job){.run = train_once, .context = &work, .least_allocations = 80, .check_after = checkpoint_is_whole});
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
