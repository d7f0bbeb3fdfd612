/* Checkpoints: resumed = unbroken bit for bit, every point at which saving can be killed, damaged files, other runs' checkpoints.
 */
#include "tests/support/training_fixture.h"

#include "encoders/training/trainer_internal.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static tl_training_options sound_options(void)
{
    return (tl_training_options){.seed = 5, .steps = 12, .warmup_steps = 2, .learning_rate = 2e-3, .max_batch = FIXTURE_BATCH};
}

static void run_to(tl_trainer *trainer, const fixture_batches *batches, uint64_t step)
{
    while (tl_trainer_steps_done(trainer) < step) {
        tl_step_metrics metrics;
        tl_training_batch batch = batch_of_step(batches, (size_t)tl_trainer_steps_done(trainer));
        assert_ok(tl_trainer_step(trainer, &batch, &metrics, err));
    }
}

static bool same_weights(tl_trainer *a, tl_trainer *b)
{
    tl_safetensors *names = open_fixture(TRAINING_FIXTURES "/model/model.safetensors");
    bool same = true;
    for (size_t i = 0; i < tl_safetensors_count(names); i++) {
        size_t count = 0;
        const char *name = tl_safetensors_item(names, i)->name;
        const float *ours = tl_trainer_parameter(a, name, &count);
        const float *theirs = tl_trainer_parameter(b, name, &count);
        same = same && memcmp(ours, theirs, count * sizeof(float)) == 0;
    }
    tl_safetensors_close(names);
    return same;
}

static void start_clean(void)
{
    assert_ok(tl_directory_remove("run", err) && tl_directory_remove("run.new", err) && tl_directory_remove("run.old", err));
}

static bool is_there(const char *path)
{
    tl_file_status status;
    assert_ok(tl_file_status_read(path, &status, err));
    return status.kind != TL_FILE_MISSING;
}

/* A checkpoint of this many steps at `name`. */
static void save_at(const char *name, const fixture_batches *batches, uint64_t step)
{
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    run_to(trainer, batches, step);
    assert_ok(tl_trainer_save(trainer, name, err));
    tl_trainer_destroy(trainer);
}

static uint64_t step_after_resume(void)
{
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    assert_ok(tl_trainer_resume(trainer, "run", err));
    uint64_t step = tl_trainer_steps_done(trainer);
    tl_trainer_destroy(trainer);
    return step;
}

static void a_resumed_run_ends_like_an_unbroken_one(void **state)
{
    (void)state;
    fixture_batches batches;
    load_batches(&batches);
    start_clean();
    tl_training_options options = sound_options();
    tl_trainer *unbroken = make_trainer(&options, NULL);
    run_to(unbroken, &batches, 12);
    for (uint64_t stop = 0; stop < 12; stop += 3) {
        save_at("run", &batches, stop);
        assert_false(is_there("run.new"));
        assert_false(is_there("run.old"));
        tl_trainer *resumed = make_trainer(&options, NULL);
        assert_ok(tl_trainer_resume(resumed, "run/", err));
        assert_int_equal(tl_trainer_steps_done(resumed), stop);
        run_to(resumed, &batches, 12);
        assert_true(same_weights(resumed, unbroken));
        /* Saving the end as well: the moments are the same bytes. */
        assert_ok(tl_trainer_save(resumed, "run", err) && tl_trainer_save(unbroken, "run2", err));
        tl_string a;
        tl_string b;
        tl_string_init(&a, 1 << 20);
        tl_string_init(&b, 1 << 20);
        assert_ok(tl_file_read("run/moments.safetensors", &a, err) && tl_file_read("run2/moments.safetensors", &b, err));
        assert_true(tl_slice_equal(tl_string_slice(&a), tl_string_slice(&b)));
        tl_string_clear(&a);
        tl_string_clear(&b);
        tl_trainer_destroy(resumed);
    }
    assert_ok(tl_directory_remove("run2", err));
    tl_trainer_destroy(unbroken);
    tl_safetensors_close(batches.file);
}

static void a_save_killed_at_any_point_loses_nothing(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);

    /* Before any rename, the new one incomplete. */
    start_clean();
    save_at("run", &batches, 2);
    save_at("run.new", &batches, 4);
    assert_int_equal(unlink("run.new/state.json"), 0);
    assert_int_equal(step_after_resume(), 2);

    /* Between the renames: no folder of the name itself. */
    start_clean();
    save_at("run.old", &batches, 2);
    save_at("run.new", &batches, 4);
    assert_int_equal(step_after_resume(), 4);
    assert_true(is_there("run"));

    /* The same, and somebody lost the new one half-way. */
    start_clean();
    save_at("run.old", &batches, 2);
    save_at("run.new", &batches, 4);
    assert_int_equal(unlink("run.new/state.json"), 0);
    assert_int_equal(step_after_resume(), 2);

    /* Before the old one was removed. */
    start_clean();
    save_at("run", &batches, 4);
    save_at("run.old", &batches, 2);
    assert_int_equal(step_after_resume(), 4);

    /* A later save cleans up what such kills leave. */
    save_at("run.new", &batches, 3);
    save_at("run", &batches, 5);
    assert_false(is_there("run.new"));
    assert_false(is_there("run.old"));
    assert_int_equal(step_after_resume(), 5);

    /* First save killed: nothing to resume. */
    start_clean();
    save_at("run.new", &batches, 4);
    assert_int_equal(unlink("run.new/state.json"), 0);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    assert_false(tl_trainer_resume(trainer, "run", &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
    tl_trainer_destroy(trainer);
    start_clean();
    tl_safetensors_close(batches.file);
}

/* Real kills: a child saves again and again, the parent ends it by SIGKILL and resumes. */
static void a_killed_process_leaves_a_checkpoint(void **state)
{
    (void)state;
    tl_error err;
    fixture_batches batches;
    load_batches(&batches);
    start_clean();
    save_at("run", &batches, 1);
    for (unsigned round = 0; round < 12; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            tl_training_options options = sound_options();
            tl_trainer *trainer = make_trainer(&options, NULL);
            if (!tl_trainer_resume(trainer, "run", &err))
                _exit(1);
            for (;;)
                if (!tl_trainer_save(trainer, "run", &err))
                    _exit(1);
        }
        struct timespec pause = {0, 15000000L + (long)round * 3700000L};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it had not failed by itself */
        assert_int_equal(step_after_resume(), 1);
    }
    start_clean();
    tl_safetensors_close(batches.file);
}

/* Flips one bit of the file at a place. */
static void damage(const char *path, size_t place)
{
    tl_string bytes;
    tl_string_init(&bytes, 1 << 20);
    assert_ok(tl_file_read(path, &bytes, err));
    assert_true(place < bytes.size);
    bytes.data[place] ^= 0x10;
    assert_ok(tl_file_replace(path, tl_string_slice(&bytes), err));
    tl_string_clear(&bytes);
}

static void truncate_by(const char *path, size_t count)
{
    tl_string bytes;
    tl_string_init(&bytes, 1 << 20);
    assert_ok(tl_file_read(path, &bytes, err));
    assert_ok(tl_file_replace(path, (tl_slice){bytes.data, bytes.size - count}, err));
    tl_string_clear(&bytes);
}

static void damaged_checkpoints_are_refused_and_change_nothing(void **state)
{
    (void)state;
    tl_error error;
    fixture_batches batches;
    load_batches(&batches);
    tl_training_options options = sound_options();
    tl_trainer *fresh = make_trainer(&options, NULL);
    tl_trainer *trainer = make_trainer(&options, NULL);
    static const char *const files[] = {"run/state.json", "run/parameters.safetensors", "run/moments.safetensors"};
    for (size_t i = 0; i < 3; i++)
        for (size_t how = 0; how < 5; how++) {
            start_clean();
            save_at("run", &batches, 3);
            tl_file_status status;
            assert_ok(tl_file_status_read(files[i], &status, err));
            if (how == 0)
                assert_int_equal(unlink(files[i]), 0);
            else if (how == 1)
                truncate_by(files[i], (size_t)status.size / 2);
            else
                damage(files[i], how == 2 ? 12 : how == 3 ? (size_t)status.size / 2 : (size_t)status.size - 5);
            if (i == 0 && how == 1)
                truncate_by(files[i], 1);
            error = (tl_error){0};
            if (tl_trainer_resume(trainer, "run", &error))
                fail_msg("%s, damage %zu: resumed", files[i], how);
            if (strstr(error.message, "run") == NULL)
                fail_msg("%s, damage %zu: %s", files[i], how, error.message);
            assert_int_equal(tl_trainer_steps_done(trainer), 0);
            assert_true(same_weights(trainer, fresh));
        }
    start_clean();
    tl_trainer_destroy(trainer);
    tl_trainer_destroy(fresh);
    tl_safetensors_close(batches.file);
}

/* A change that is good JSON and good sense, and yet not what was saved. */
static void a_state_that_was_edited_is_refused(void **state)
{
    (void)state;
    tl_error error = {0};
    fixture_batches batches;
    load_batches(&batches);
    start_clean();
    save_at("run", &batches, 3);
    tl_string text;
    tl_string_init(&text, 1 << 20);
    assert_ok(tl_file_read("run/state.json", &text, err));
    char *step = strstr(text.data, "\"step\": 3");
    assert_non_null(step);
    step[8] = '4';
    assert_ok(tl_file_replace("run/state.json", tl_string_slice(&text), err));
    tl_string_clear(&text);
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    assert_false(tl_trainer_resume(trainer, "run", &error));
    assert_int_equal(error.kind, TL_ERROR_CORRUPT);
    assert_non_null(strstr(error.message, "checksum"));
    tl_trainer_destroy(trainer);
    start_clean();
    tl_safetensors_close(batches.file);
}

/* Every piece of state that an option brings: chunks, parts, the sigmoid's bias, a moving average, a frozen tower, a cooldown,
 * bf16, a length that changes before and after the checkpoint. */
static void every_kind_of_run_resumes_to_the_same_bits(void **state)
{
    (void)state;
    tl_error error;
    fixture_batches batches;
    load_batches(&batches);
    enum { KINDS = 7 };
    tl_training_options kinds[KINDS];
    for (size_t i = 0; i < KINDS; i++)
        kinds[i] = sound_options();
    kinds[0].average_decay = 0.9;
    kinds[1].loss = "sigmoid";
    kinds[1].chunk = 4;
    kinds[2].parts = 2;
    kinds[2].schedule = TL_SCHEDULE_CONSTANT;
    kinds[2].cooldown_steps = 4;
    kinds[3].freeze_images = true;
    kinds[3].average_decay = 0.5;
    kinds[4].image_learning_rate = 1e-4;
    kinds[5].in_bf16 = true;
    kinds[6].replans[0] = (tl_training_replan){3, 16};
    kinds[6].replans[1] = (tl_training_replan){7, 12};
    kinds[6].replan_count = 2;
    for (size_t i = 0; i < KINDS; i++) {
        start_clean();
        tl_trainer *unbroken = make_trainer(&kinds[i], NULL), *stopped = make_trainer(&kinds[i], NULL),
                   *resumed = make_trainer(&kinds[i], NULL);
        run_to(unbroken, &batches, 12);
        run_to(stopped, &batches, 5);
        assert_ok(tl_trainer_save(stopped, "run", err) && tl_trainer_resume(resumed, "run", err));
        run_to(resumed, &batches, 12);
        assert_true(same_weights(resumed, unbroken));
        assert_false(same_weights(stopped, unbroken));
        /* All files of both ends, byte by byte. */
        static const char *const files[] = {"parameters.safetensors", "moments.safetensors", "average.safetensors"};
        assert_ok(tl_trainer_save(resumed, "run", err) && tl_trainer_save(unbroken, "run2", err));
        for (size_t file = 0; file < (kinds[i].average_decay > 0.0 ? 3 : 2); file++) {
            char path[2][64];
            tl_string bytes[2];
            for (size_t j = 0; j < 2; j++) {
                snprintf(path[j], sizeof path[j], "%s/%s", j == 0 ? "run" : "run2", files[file]);
                tl_string_init(&bytes[j], 1 << 20);
                assert_ok(tl_file_read(path[j], &bytes[j], err));
            }
            assert_true(tl_slice_equal(tl_string_slice(&bytes[0]), tl_string_slice(&bytes[1])));
            tl_string_clear(&bytes[0]);
            tl_string_clear(&bytes[1]);
        }
        /* And none of the kinds continues another. */
        tl_trainer *other = make_trainer(&kinds[(i + 1) % KINDS], NULL);
        assert_false(tl_trainer_resume(other, "run", &error));
        assert_int_equal(error.kind, TL_ERROR_INVALID);
        tl_trainer_destroy(other);
        tl_trainer_destroy(resumed);
        tl_trainer_destroy(stopped);
        tl_trainer_destroy(unbroken);
        assert_ok(tl_directory_remove("run2", err));
    }
    tl_safetensors_close(batches.file);
}

/* Told on the way or from the start: the same steps, and one goes on from the other's checkpoint. What only later steps would
 * follow does not matter to it; what its own steps have followed does. */
static void a_length_may_change_on_the_way(void **state)
{
    (void)state;
    tl_error error;
    fixture_batches batches;
    load_batches(&batches);
    start_clean();
    const tl_training_options plain = sound_options();
    tl_training_options told = plain, other = plain, none = plain;
    told.replans[0] = (tl_training_replan){3, 16};
    told.replans[1] = (tl_training_replan){7, 9};
    told.replan_count = 2;
    other.replans[0] = (tl_training_replan){3, 15};
    other.replan_count = 1;
    tl_trainer *from_start = make_trainer(&told, NULL), *on_the_way = make_trainer(&plain, NULL),
               *unchanged = make_trainer(&plain, NULL), *resumed = make_trainer(&told, NULL);
    run_to(on_the_way, &batches, 3);
    assert_true(tl_trainer_steps(on_the_way) == 12 && tl_trainer_steps(from_start) == 9);
    assert_false(tl_trainer_replan(on_the_way, 3, &error));
    assert_non_null(strstr(error.message, "more than the 3 steps"));
    assert_ok(tl_trainer_replan(on_the_way, 16, err));
    assert_false(tl_trainer_replan(on_the_way, 17, &error)); /* once a step */
    run_to(on_the_way, &batches, 5);
    assert_ok(tl_trainer_save(on_the_way, "run", err) && tl_trainer_resume(resumed, "run", err));
    run_to(on_the_way, &batches, 7);
    assert_ok(tl_trainer_replan(on_the_way, 9, err));
    run_to(on_the_way, &batches, 9);
    run_to(from_start, &batches, 9);
    run_to(resumed, &batches, 9);
    run_to(unchanged, &batches, 9);
    assert_true(same_weights(on_the_way, from_start) && same_weights(resumed, from_start));
    assert_false(same_weights(on_the_way, unchanged));
    tl_step_metrics metrics;
    const tl_training_batch batch = batch_of_step(&batches, 0);
    assert_false(tl_trainer_step(from_start, &batch, &metrics, &error)); /* it is over */
    /* Other replans of steps that are done. */
    const tl_training_options *const refused[] = {&other, &none};
    for (size_t i = 0; i < 2; i++) {
        tl_trainer *stranger = make_trainer(refused[i], NULL);
        assert_false(tl_trainer_resume(stranger, "run", &error));
        assert_non_null(strstr(error.message, "replans"));
        tl_trainer_destroy(stranger);
    }
    tl_trainer *stopped = make_trainer(&plain, NULL), *stranger = make_trainer(&other, NULL);
    run_to(stopped, &batches, 5);
    assert_ok(tl_trainer_save(stopped, "run", err));
    assert_false(tl_trainer_resume(stranger, "run", &error));
    assert_non_null(strstr(error.message, "replans"));
    other.replans[0].steps = 2; /* no run at all */
    assert_false(tl_training_options__check_replans(&other, &error));
    tl_trainer *const trainers[] = {from_start, on_the_way, unchanged, resumed, stopped, stranger};
    for (size_t i = 0; i < sizeof trainers / sizeof trainers[0]; i++)
        tl_trainer_destroy(trainers[i]);
    start_clean();
    tl_safetensors_close(batches.file);
}

static void another_runs_checkpoint_is_refused_by_the_first_difference(void **state)
{
    (void)state;
    fixture_batches batches;
    load_batches(&batches);
    start_clean();
    save_at("run", &batches, 3);
    struct {
        tl_training_options options;
        const char *named;
    } cases[] = {
        {sound_options(), "seed"},          {sound_options(), "steps"},     {sound_options(), "learning_rate"},
        {sound_options(), "weight_decay"},  {sound_options(), "beta2"},     {sound_options(), "gradient_clip"},
        {sound_options(), "constant_rate"}, {sound_options(), "plain_sgd"}, {sound_options(), "warmup_steps"},
    };
    cases[0].options.seed++;
    cases[1].options.steps++;
    cases[2].options.learning_rate = nextafter(cases[2].options.learning_rate, 1.0);
    cases[3].options.weight_decay = 0.2;
    cases[4].options.beta2 = 0.99;
    cases[5].options.gradient_clip = -1.0;
    cases[6].options.constant_rate = true;
    cases[7].options.plain_sgd = true;
    cases[8].options.warmup_steps = 3;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_error error = {0};
        tl_trainer *trainer = make_trainer(&cases[i].options, NULL);
        assert_false(tl_trainer_resume(trainer, "run", &error));
        if (strstr(error.message, cases[i].named) == NULL)
            fail_msg("expected '%s' in: %s", cases[i].named, error.message);
        assert_int_equal(error.kind, TL_ERROR_INVALID);
        tl_trainer_destroy(trainer);
    }
    /* What the checkpoint's run alone has. */
    tl_training_options dropping = sound_options();
    dropping.patch_dropout = 0.5;
    tl_trainer *dropped = make_trainer(&dropping, NULL);
    tl_training_options sound = sound_options();
    tl_trainer *plain = make_trainer(&sound, NULL);
    tl_error surplus = {0};
    assert_ok(tl_trainer_save(dropped, "dropped", err));
    assert_false(tl_trainer_resume(plain, "dropped", &surplus));
    assert_non_null(strstr(surplus.message, "options 'patch_dropout': expected nothing as in this run, found \"0.5\""));
    tl_trainer_destroy(plain);
    tl_trainer_destroy(dropped);
    assert_ok(tl_directory_remove("dropped", err));
    /* Another model and another recipe. */
    tl_error error = {0};
    tl_trainer *trainer;
    tl_training_options options = sound_options();
    tl_model_config config = fixture_config();
    tl_image_recipe recipe = tl_image_recipe_default(FIXTURE_SIDE);
    config.text.layers++;
    assert_ok(tl_trainer_create(&config, &recipe, &options, NULL, &trainer, err));
    assert_false(tl_trainer_resume(trainer, "run", &error));
    assert_non_null(strstr(error.message, "layers"));
    tl_trainer_destroy(trainer);
    config = fixture_config();
    recipe.mode = TL_RESIZE_SQUASH;
    assert_ok(tl_trainer_create(&config, &recipe, &options, NULL, &trainer, err));
    assert_false(tl_trainer_resume(trainer, "run", &error));
    assert_non_null(strstr(error.message, "resize_mode"));
    tl_trainer_destroy(trainer);
    /* The size of scratch does not shape the run. */
    recipe = tl_image_recipe_default(FIXTURE_SIDE);
    options.max_batch++;
    assert_ok(tl_trainer_create(&config, &recipe, &options, NULL, &trainer, err));
    assert_ok(tl_trainer_resume(trainer, "run", err));
    tl_trainer_destroy(trainer);
    start_clean();
    tl_safetensors_close(batches.file);
}

static void a_folder_that_is_no_checkpoint_is_never_replaced(void **state)
{
    (void)state;
    tl_error error;
    start_clean();
    assert_ok(tl_directory_create("run", err) && tl_file_replace("run/letters.txt", tl_slice_of("dear"), err));
    tl_training_options options = sound_options();
    tl_trainer *trainer = make_trainer(&options, NULL);
    assert_false(tl_trainer_save(trainer, "run", &error));
    assert_non_null(strstr(error.message, "state.json"));
    assert_true(is_there("run/letters.txt"));
    tl_trainer_destroy(trainer);
    start_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_run_ends_like_an_unbroken_one),
        cmocka_unit_test(every_kind_of_run_resumes_to_the_same_bits),
        cmocka_unit_test(a_save_killed_at_any_point_loses_nothing),
        cmocka_unit_test(a_killed_process_leaves_a_checkpoint),
        cmocka_unit_test(damaged_checkpoints_are_refused_and_change_nothing),
        cmocka_unit_test(a_state_that_was_edited_is_refused),
        cmocka_unit_test(a_length_may_change_on_the_way),
        cmocka_unit_test(another_runs_checkpoint_is_refused_by_the_first_difference),
        cmocka_unit_test(a_folder_that_is_no_checkpoint_is_never_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
