/*
 * The order of a run: read the pairs, have a tokenizer, make or resume the trainer, write train.json, then step. A checkpoint is
 * written every minute, when asked to stop and at the end; the model files are exported right after it, so that the folder always
 * holds a usable model of the last checkpoint.
 */
#include "cli/app/train_job.h"

#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "cli/app/sample_batches.h"
#include "cli/app/train_settings.h"
#include "cli/app/training_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double default_checkpoint_seconds = 60;
enum { CALIBRATION_WARMUP_STEPS = 2, CALIBRATION_STEPS = 6, DENSE_LOG_STEPS = 2000, SPARSE_LOG_INTERVAL = 10 };

typedef struct run_state {
    const tl_train_job *job;
    tl_train_settings settings;
    tl_train_record record; /* resume: owns the texts of settings */
    tl_image_recipe recipe;
    tl_training_set set;
    tl_tokenizer *tokenizer;
    tl_model_config config;
    tl_sample_batches *batches;
    tl_trainer *trainer;
    tl_training_log *log;
    char *checkpoint_path, *tokenizer_path;
    double text_tokens; /* seen by this call: for the arithmetic of a pair */
} run_state;

/* train.json keeps nine digits: a run starts with what a resumed one will read. */
static void round_settings(tl_train_settings *settings)
{
    double *numbers[] = {&settings->learning_rate, &settings->weight_decay, &settings->min_crop_area, &settings->flip};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.9g", *numbers[i]);
        *numbers[i] = strtod(text, NULL);
    }
}

/* What can be told before the datasets are read and a tokenizer is trained. */
static bool check_settings(const tl_train_settings *settings, tl_error *err)
{
    tl_model_config config;
    tl_file_status status = {.kind = TL_FILE_REGULAR};
    if (!tl_train_model_config(settings, (size_t)settings->vocabulary_size, 3, 0, &config, err))
        return false;
    if (settings->tokenizer != NULL && !tl_file_status_read(settings->tokenizer, &status, err))
        return false;
    return status.kind == TL_FILE_REGULAR ||
           tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a tokenizer.model, found %s", settings->tokenizer,
                   status.kind == TL_FILE_MISSING ? "nothing" : "a folder");
}

static bool prepare_folder(run_state *state, tl_error *err)
{
    const tl_train_job *job = state->job;
    state->checkpoint_path = tl_path_join(job->model_directory, "checkpoint", err);
    state->tokenizer_path = state->checkpoint_path != NULL ? tl_path_join(job->model_directory, "tokenizer.model", err) : NULL;
    if (state->tokenizer_path == NULL)
        return false;
    if (job->resume) {
        if (!tl_train_record_read(job->model_directory, &state->record, err))
            return tl_fail_within(err, "cannot resume '%s'", job->model_directory);
        state->settings = state->record.settings;
        return true;
    }
    /* Nothing that a run would write over: neither a run nor a model made otherwise. */
    static const char *const taken[] = {"train.json", "config.json", "model.safetensors"};
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof taken / sizeof taken[0]; i++) {
        char *path = tl_path_join(job->model_directory, taken[i], err);
        tl_file_status status;
        ok = path != NULL && tl_file_status_read(path, &status, err);
        tl_memory_free(path);
        if (ok && status.kind != TL_FILE_MISSING && i == 0)
            return tl_fail(err, TL_ERROR_INVALID,
                           "'%s' holds a training run already: continue it by --resume or choose another folder",
                           job->model_directory);
        if (ok && status.kind != TL_FILE_MISSING)
            return tl_fail(err, TL_ERROR_INVALID, "'%s' holds a %s already: choose another folder", job->model_directory,
                           taken[i]);
    }
    state->settings = job->settings;
    round_settings(&state->settings);
    return ok && check_settings(&state->settings, err) && tl_directory_create(job->model_directory, err);
}

static bool prepare_tokenizer(run_state *state, tl_error *err)
{
    const tl_train_settings *settings = &state->settings;
    if (!state->job->resume && settings->tokenizer != NULL) {
        tl_string bytes;
        tl_string_init(&bytes, (size_t)64 << 20);
        bool ok = tl_file_read(settings->tokenizer, &bytes, err) &&
                  tl_file_replace(state->tokenizer_path, tl_string_slice(&bytes), err);
        tl_string_clear(&bytes);
        if (!ok)
            return false;
    } else if (!state->job->resume) {
        tl_caption_cursor cursor = {&state->set, state->job->progress, 0, 0};
        tl_text_source captions = tl_training_set_captions(&cursor);
        tl_tokenizer_training training = {(size_t)settings->vocabulary_size};
        size_t reached;
        if (!tl_tokenizer_train(&captions, &training, state->tokenizer_path, &reached, err))
            return tl_fail_within(err, "training the tokenizer");
    }
    tl_tokenizer_options options = {.context_length = (size_t)settings->context_length};
    if (!tl_tokenizer_open(state->tokenizer_path, &options, &state->tokenizer, err))
        return false;
    tl_tokenizer_info info;
    tl_tokenizer_info_read(state->tokenizer, &info);
    if (info.eos_id < 0)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a vocabulary with an end-of-text piece, found none",
                       state->tokenizer_path);
    return tl_train_model_config(settings, info.vocabulary_size, info.eos_id, info.pad_id < 0 ? 0 : info.pad_id, &state->config,
                                 err);
}

static bool make_trainer(run_state *state, uint64_t steps, tl_error *err)
{
    const tl_train_settings *settings = &state->settings;
    tl_training_options options = {.seed = (uint64_t)settings->seed,
                                   .steps = steps,
                                   .learning_rate = settings->learning_rate,
                                   .weight_decay = settings->weight_decay,
                                   .max_batch = (size_t)settings->batch};
    tl_trainer_destroy(state->trainer);
    state->trainer = NULL;
    return tl_trainer_create(&state->config, &state->recipe, &options, state->job->pool, &state->trainer, err);
}

static bool one_step(run_state *state, uint64_t step, tl_step_metrics *metrics, tl_error *err)
{
    tl_training_batch batch;
    if (!tl_sample_batches_make(state->batches, step, &batch, err) || !tl_trainer_step(state->trainer, &batch, metrics, err))
        return false;
    for (size_t i = 0; i < batch.pairs; i++)
        state->text_tokens += batch.lengths[i];
    return true;
}

/* Turns a time budget into a number of steps by timing the first few; the budget counts steps, not reading and tokenizer
 * training. */
static bool measure_steps(run_state *state, tl_error *err)
{
    tl_step_metrics metrics;
    double started = 0;
    if (!make_trainer(state, CALIBRATION_WARMUP_STEPS + CALIBRATION_STEPS, err))
        return false;
    for (uint64_t step = 0; step < CALIBRATION_WARMUP_STEPS + CALIBRATION_STEPS; step++) {
        if (step == CALIBRATION_WARMUP_STEPS)
            started = tl_clock_seconds();
        if (!one_step(state, step, &metrics, err) || !tl_progress_continue(state->job->progress, err))
            return false;
    }
    double seconds_per_step = (tl_clock_seconds() - started) / CALIBRATION_STEPS;
    double steps = state->settings.minutes * 60 / seconds_per_step;
    state->settings.steps = steps < 1 ? 1 : steps < 1e15 ? (int64_t)steps : (int64_t)1e15;
    state->text_tokens = 0;
    return true;
}

static bool prepare_run(run_state *state, tl_error *err)
{
    tl_train_settings *settings = &state->settings;
    const tl_train_job *job = state->job;
    if ((uint64_t)settings->batch > state->set.count)
        settings->batch = (int64_t)state->set.count;
    if (settings->batch < 2)
        return tl_fail(err, TL_ERROR_INVALID, "expected at least 2 captioned pictures to contrast, found %zu", state->set.count);
    const tl_sample_options samples = {
        .augment = {.min_area = (float)settings->min_crop_area, .aspect = 4.0f / 3.0f, .flip = (float)settings->flip},
        .seed = (uint64_t)settings->seed,
        .batch = (size_t)settings->batch};
    if (!tl_sample_batches_create(&state->set, state->tokenizer, &samples, job->pool, &state->batches, err))
        return false;
    if (job->resume) {
        if (state->record.set_fingerprint != state->set.fingerprint)
            return tl_fail(err, TL_ERROR_INVALID, "cannot resume '%s': the datasets are not those it was started with",
                           job->model_directory);
        if (!make_trainer(state, (uint64_t)settings->steps, err))
            return false;
        /* Stopped before the first checkpoint: the run starts again from its seed, to the same end. */
        tl_error reason;
        if (tl_trainer_resume(state->trainer, state->checkpoint_path, &reason) || reason.kind == TL_ERROR_NOT_FOUND)
            return true;
        return tl_fail(err, reason.kind, "%s", reason.message);
    }
    if (settings->minutes > 0) {
        if (!measure_steps(state, err))
            return false;
    } else if (settings->epochs > 0) {
        settings->steps = (int64_t)ceil(settings->epochs * (double)state->set.count / (double)settings->batch);
    }
    return make_trainer(state, (uint64_t)settings->steps, err) &&
           tl_train_record_write(job->model_directory, settings, state->set.fingerprint, err);
}

static bool save(run_state *state, tl_error *err)
{
    return tl_training_log_sync(state->log, err) && tl_trainer_save(state->trainer, state->checkpoint_path, err) &&
           tl_trainer_export(state->trainer, state->job->model_directory, err);
}

static bool run_steps(run_state *state, tl_train_report *report, tl_error *err)
{
    const tl_train_job *job = state->job;
    uint64_t steps = (uint64_t)state->settings.steps;
    uint64_t batch = (uint64_t)state->settings.batch;
    double interval = job->checkpoint_seconds > 0 ? job->checkpoint_seconds : default_checkpoint_seconds;
    double saved_at = tl_clock_seconds();
    tl_progress_begin(job->progress, "steps");
    uint64_t log_interval = steps <= DENSE_LOG_STEPS ? 1 : SPARSE_LOG_INTERVAL;
    for (uint64_t step = tl_trainer_steps_done(state->trainer); step < steps; step++) {
        tl_error stop = {TL_ERROR_NONE, ""};
        if (!tl_progress_continue(job->progress, &stop)) {
            if (!save(state, err))
                return false;
            return tl_fail(err, stop.kind, "stopped after step %llu of %llu; --resume goes on from there",
                           (unsigned long long)step, (unsigned long long)steps);
        }
        double started = tl_clock_seconds();
        if (!one_step(state, step, &report->last, err))
            return false;
        double seconds = tl_clock_seconds() - started;
        report->seconds += seconds;
        report->pairs_per_second = (double)((step + 1 - report->first_step) * batch) / report->seconds;
        double epoch = (double)((step + 1) * batch) / (double)state->set.count;
        if (((step + 1) % log_interval == 0 || step + 1 == steps) &&
            !tl_training_log_add(state->log, &report->last, epoch, (double)batch / seconds, err))
            return false;
        char note[96];
        snprintf(note, sizeof note, "loss %.3f, accuracy %.2f, epoch %.1f", report->last.loss, report->last.accuracy, epoch);
        tl_progress_report(job->progress, step + 1, steps, note);
        if (tl_clock_seconds() - saved_at >= interval && step + 1 < steps) {
            if (!save(state, err))
                return false;
            saved_at = tl_clock_seconds();
        }
    }
    return save(state, err);
}

static bool run(run_state *state, tl_train_report *report, tl_error *err)
{
    const tl_train_job *job = state->job;
    if (!prepare_folder(state, err))
        return false;
    state->recipe = tl_image_recipe_default((uint32_t)state->settings.image_size);
    if (!tl_training_set_load(job->datasets, job->dataset_count, &state->recipe, job->pool, job->progress, &state->set, err) ||
        !prepare_tokenizer(state, err) || !prepare_run(state, err))
        return false;
    report->first_step = tl_trainer_steps_done(state->trainer);
    report->pairs = state->set.count;
    report->held_out = state->set.held_out;
    report->skipped = state->set.skipped;
    report->steps = (uint64_t)state->settings.steps;
    report->batch = (uint64_t)state->settings.batch;
    if (!tl_training_log_open(job->model_directory, report->first_step, &state->log, err) || !run_steps(state, report, err))
        return false;
    double pairs = (double)((report->steps - report->first_step) * report->batch);
    if (pairs > 0)
        report->gflops = tl_trainer_flops_per_pair(state->trainer, state->text_tokens / pairs) * report->pairs_per_second * 1e-9;
    return true;
}

bool tl_train_job_run(const tl_train_job *job, tl_train_report *report, tl_error *err)
{
    run_state state = {.job = job};
    *report = (tl_train_report){0};
    bool ok = run(&state, report, err);
    tl_training_log_close(state.log);
    tl_trainer_destroy(state.trainer);
    tl_sample_batches_destroy(state.batches);
    tl_tokenizer_close(state.tokenizer);
    tl_training_set_clear(&state.set);
    tl_train_record_clear(&state.record);
    tl_memory_free(state.checkpoint_path);
    tl_memory_free(state.tokenizer_path);
    return ok;
}
