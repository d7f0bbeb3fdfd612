/*
 * A run that starts from somebody's model keeps that model's configuration and vocabulary in MODEL, so that resuming needs the
 * model itself only before the first checkpoint. They come once all else is ready, so that a run that could not start leaves no
 * model's files in the way of the next try; train.json is written last: where it is, all the rest is.
 */
#include "cli/app/train_setup_internal.h"

#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "cli/app/train_folder_internal.h"
#include "cli/app/weight_list_internal.h"
#include "encoders/encoders.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CALIBRATION_WARMUP_STEPS = 2, CALIBRATION_STEPS = 6, NAMED_KEYS = 6, COOLDOWN_SHARE = 5 };
static const double default_epochs = 20, gibibyte = 1024.0 * 1024.0 * 1024.0;

size_t tl_train_run_pictures(const tl_train_run *run)
{
    return (size_t)run->settings.batch * (size_t)run->settings.accumulate;
}

bool tl_train_run_leads(const tl_train_run *run)
{
    return tl_ranks_number(run->job->ranks) == 0;
}

/* ---- settings and folder ---- */

static bool is_given(const tl_train_run *run, size_t setting)
{
    return run->job->given != NULL && run->job->given[setting];
}

/* A setting that a person asks for is never passed over: of a model the sizes are its own. */
static bool check_beside_init(const tl_train_run *run, tl_error *err)
{
    for (size_t i = TL_TRAIN_SETTING_size; run->settings.init != NULL && i <= TL_TRAIN_SETTING_context; i++)
        if (is_given(run, i))
            return tl_fail(err, TL_ERROR_INVALID,
                           "--%s: expected none beside --init, since sizes and vocabulary are that model's",
                           tl_train_settings_name(i));
    return true;
}

/* Nor one beside --resume, but for what was settled when the run began: its length in steps, and a batch no larger than the set.
 */
static bool check_beside_resume(const tl_train_run *run, tl_error *err)
{
    const tl_train_settings *own = &run->settings;
    tl_train_settings asked = run->job->settings;
    tl_train_settings_round(&asked);
    asked.epochs = own->epochs;
    asked.minutes = own->minutes;
    if (asked.batch > own->batch)
        asked.batch = own->batch;
    for (size_t i = 0; i < TL_TRAIN_SETTING_COUNT; i++)
        if (is_given(run, i) && !tl_train_settings_agree(&asked, own, i))
            return tl_fail(err, TL_ERROR_INVALID, "--%s: expected what the run in '%s' was started with, found another value",
                           tl_train_settings_name(i), run->job->model_directory);
    return true;
}

/* What would do nothing by itself. */
static bool check_companions(const tl_train_settings *settings, tl_error *err)
{
    if (settings->validate == NULL && (settings->validate_split != NULL || settings->validate_labels != NULL ||
                                       settings->validate_every > 0 || settings->patience > 0))
        return tl_fail(err, TL_ERROR_INVALID, "expected --validate beside what is said of validation and patience, found none");
    if (settings->cooldown >= 0 && strcmp(settings->schedule, "constant") != 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected --schedule constant beside --cooldown, found %s", settings->schedule);
    return true;
}

/* That is asked for after a tenth of the run, perhaps hours later. */
static bool check_is_there(const char *path, tl_error *err)
{
    tl_file_status status;
    return path == NULL || (tl_file_status_read(path, &status, err) &&
                            (status.kind != TL_FILE_MISSING ||
                             tl_fail(err, TL_ERROR_NOT_FOUND, "cannot find '%s', which the run is to be measured by", path)));
}

/* What can be told before the datasets are read and a tokenizer is trained. */
static bool check_settings(const tl_train_settings *settings, tl_error *err)
{
    tl_model_config config;
    tl_file_status status = {.kind = TL_FILE_REGULAR};
    int lengths = (settings->epochs > 0) + (settings->steps > 0) + (settings->minutes > 0);
    if (lengths != 1)
        return tl_fail(err, TL_ERROR_INVALID, "expected one of epochs, steps and minutes, found %d", lengths);
    if (settings->replans != NULL && settings->minutes > 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected minutes or replans, found both");
    if (!check_companions(settings, err) || !check_is_there(settings->validate, err) ||
        !check_is_there(settings->validate_labels, err))
        return false;
    if (settings->init == NULL && !tl_train_model_config(settings, (size_t)settings->vocabulary, 3, 0, &config, err))
        return false;
    for (size_t i = 0; i < settings->templates.count; i++)
        if (strstr(settings->templates.items[i], "{}") == NULL)
            return tl_fail(err, TL_ERROR_INVALID, "template '%s': expected {} where the label goes",
                           settings->templates.items[i]);
    if (settings->tokenizer != NULL && !tl_file_status_read(settings->tokenizer, &status, err))
        return false;
    return status.kind == TL_FILE_REGULAR ||
           tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a tokenizer.model, found %s", settings->tokenizer,
                   status.kind == TL_FILE_MISSING ? "nothing" : "a folder");
}

/* The datasets that a run was started with, where none are named. */
static bool recall_datasets(tl_train_run *run, tl_error *err)
{
    const tl_json *list = tl_json_member(run->record.json, "datasets");
    const size_t count = tl_json_array_size(list);
    if (count == 0)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected datasets in train.json, found none", run->job->model_directory);
    run->recorded_datasets = tl_memory_allocate(count, sizeof *run->recorded_datasets, err);
    if (run->recorded_datasets == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if ((run->recorded_datasets[i] = tl_json_text(tl_json_array_item(list, i))) == NULL)
            return tl_fail(err, TL_ERROR_CORRUPT, "'datasets': expected texts, found another value at %zu", i);
    run->datasets = run->recorded_datasets;
    run->dataset_count = count;
    return true;
}

static bool prepare_folder(tl_train_run *run, tl_error *err)
{
    const tl_train_job *job = run->job;
    run->checkpoint_path = tl_path_join(job->model_directory, "checkpoint", err);
    run->tokenizer_path = run->checkpoint_path != NULL ? tl_path_join(job->model_directory, "tokenizer.model", err) : NULL;
    if (run->tokenizer_path == NULL)
        return false;
    run->datasets = job->datasets;
    run->dataset_count = job->dataset_count;
    if (job->resume) {
        if (!tl_train_record_read(job->model_directory, &run->record, err))
            return tl_fail_within(err, "cannot resume '%s'", job->model_directory);
        run->settings = run->record.settings;
        return check_beside_resume(run, err) && (job->dataset_count != 0 || recall_datasets(run, err));
    }
    run->settings = job->settings;
    if (run->settings.epochs <= 0 && run->settings.steps <= 0 && run->settings.minutes <= 0)
        run->settings.epochs = default_epochs;
    tl_train_settings_round(&run->settings);
    if (job->dataset_count == 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected a DATASET to train on, found none");
    return check_beside_init(run, err) && check_settings(&run->settings, err) &&
           (!tl_train_run_leads(run) || tl_train_folder_claim(job->model_directory, err));
}

/* ---- the model ---- */

/* Sizes and recipe of the model that the run starts from. They are not among the settings, whose bounds are those of a fresh one.
 */
static bool take_model(tl_train_run *run, tl_error *err)
{
    tl_model *model;
    if (run->job->resume)
        return tl_train_folder_read_config(run->job->model_directory, &run->config, &run->recipe, err);
    if (!tl_model_open(run->settings.init, &model, err))
        return false;
    const tl_model_info *info = tl_model_info_read(model);
    run->config = info->config;
    run->recipe = info->recipe;
    tl_model_close(model);
    return true;
}

/* Puts that model's vocabulary and configuration into MODEL, where the vocabulary must open as well. */
static bool keep_model(const tl_train_run *run, tl_error *err)
{
    const char *directory = run->job->model_directory;
    tl_tokenizer *copied = NULL;
    bool ok = tl_train_folder_copy_tokenizer(run->settings.init, directory, err) &&
              tl_train_folder_write_config(directory, &run->config, &run->recipe, err) &&
              tl_tokenizer_open_folder(directory, run->config.text.context_length, &copied, err);
    tl_tokenizer_close(copied);
    return ok;
}

static bool make_tokenizer(tl_train_run *run, tl_error *err)
{
    const tl_train_settings *settings = &run->settings;
    if (settings->tokenizer != NULL)
        return tl_train_folder_copy_file(settings->tokenizer, run->tokenizer_path, err);
    tl_caption_cursor cursor = {&run->set, run->job->progress, 0, 0};
    tl_text_source captions = tl_training_set_captions(&cursor);
    tl_tokenizer_training training = {(size_t)settings->vocabulary};
    size_t reached;
    return tl_tokenizer_train(&captions, &training, run->tokenizer_path, &reached, err) ||
           tl_fail_within(err, "training the tokenizer");
}

/* Opens the vocabulary, which a fresh model takes its last sizes from. */
static bool prepare_tokenizer(tl_train_run *run, tl_error *err)
{
    const tl_train_settings *settings = &run->settings;
    tl_tokenizer_info info;
    const bool is_made = settings->init != NULL || run->job->resume || !tl_train_run_leads(run) || make_tokenizer(run, err);
    if (!tl_ranks_agree(run->job->ranks, is_made, err)) /* from here on all may read it */
        return false;
    if (settings->init != NULL)
        return tl_tokenizer_open_folder(run->job->resume ? run->job->model_directory : settings->init,
                                        run->config.text.context_length, &run->tokenizer, err);
    tl_tokenizer_options options = {.context_length = (size_t)settings->context};
    if (!tl_tokenizer_open(run->tokenizer_path, &options, &run->tokenizer, err))
        return false;
    tl_tokenizer_info_read(run->tokenizer, &info);
    if (info.eos_id < 0)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a vocabulary with an end-of-text piece, found none",
                       run->tokenizer_path);
    return tl_train_model_config(settings, info.vocabulary_size, info.eos_id, info.pad_id < 0 ? 0 : info.pad_id, &run->config,
                                 err);
}

/* ---- the trainer ---- */

static bool freezes(const tl_train_settings *settings, const char *tower, double rate)
{
    return strcmp(settings->freeze, tower) == 0 || rate == 0.0;
}

static tl_training_options options_of(const tl_train_run *run, uint64_t steps)
{
    const tl_train_settings *settings = &run->settings;
    tl_training_options options = {.seed = (uint64_t)settings->seed,
                                   .steps = steps,
                                   .warmup_steps = settings->warmup > 0 ? (uint64_t)settings->warmup : 0,
                                   .without_warmup = settings->warmup == 0,
                                   .learning_rate = settings->learning_rate,
                                   .image_learning_rate = settings->image_lr > 0 ? settings->image_lr : 0,
                                   .text_learning_rate = settings->text_lr > 0 ? settings->text_lr : 0,
                                   .freeze_images = freezes(settings, "image", settings->image_lr),
                                   .freeze_texts = freezes(settings, "text", settings->text_lr),
                                   .weight_decay = settings->weight_decay > 0 ? settings->weight_decay
                                                                              : DBL_MIN, /* 0 would mean the default */
                                   .beta2 = settings->beta2,
                                   .gradient_clip = settings->clip > 0 ? settings->clip : -1,
                                   .average_decay = settings->average,
                                   .patch_dropout = settings->patch_dropout,
                                   .loss = settings->loss,
                                   .equals_are_positives = strcmp(settings->equal_captions, "positive") == 0,
                                   .captions_per_picture = (size_t)settings->captions,
                                   .parts = (size_t)settings->accumulate,
                                   .chunk = (size_t)settings->chunk,
                                   .in_bf16 = strcmp(settings->precision, "bf16") == 0,
                                   .max_batch = tl_train_run_pictures(run),
                                   .ranks = run->job->ranks};
    if (strcmp(settings->schedule, "constant") == 0) {
        options.schedule = TL_SCHEDULE_CONSTANT;
        options.cooldown_steps = settings->cooldown >= 0 ? (uint64_t)settings->cooldown : steps / COOLDOWN_SHARE;
    }
    return options;
}

/* The whole run's. */
static bool run_options_of(const tl_train_run *run, tl_training_options *out, tl_error *err)
{
    *out = options_of(run, (uint64_t)run->settings.steps);
    return tl_train_replans_read(run->settings.replans, out, err);
}

/* The same without the parts of a schedule, which a run of another length need not have room for. */
static tl_training_options trial_options_of(const tl_train_run *run, uint64_t steps)
{
    tl_training_options options = options_of(run, steps);
    options.warmup_steps = options.cooldown_steps = 0;
    return options;
}

static bool make_trainer(tl_train_run *run, const tl_training_options *options, tl_error *err)
{
    tl_trainer_destroy(run->trainer);
    run->trainer = NULL;
    return tl_trainer_create(&run->config, &run->recipe, options, run->job->pool, &run->trainer, err);
}

/* Turns a time budget into a first number of steps by timing a few; the time runs from here on, reading and training a tokenizer
 * is not part of it. */
static bool measure_steps(tl_train_run *run, tl_error *err)
{
    tl_step_metrics metrics;
    double started = 0;
    run->budget = (tl_train_budget){.seconds = run->settings.minutes * 60, .started = tl_clock_seconds()};
    const tl_training_options options = trial_options_of(run, CALIBRATION_WARMUP_STEPS + CALIBRATION_STEPS);
    if (!make_trainer(run, &options, err))
        return false;
    for (uint64_t step = 0; step < options.steps; step++) {
        if (step == CALIBRATION_WARMUP_STEPS)
            started = tl_clock_seconds();
        if (!tl_train_run_step(run, step, &metrics, err) || !tl_progress_continue(run->job->progress, err))
            return false; /* which the others hear of */
    }
    const double now = tl_clock_seconds(), seconds_per_step = (now - started) / CALIBRATION_STEPS;
    const double steps = (run->budget.started + run->budget.seconds - now) / seconds_per_step;
    run->budget.marked_at = now;
    run->settings.steps = steps < 1 ? 1 : steps < 1e12 ? (int64_t)steps : (int64_t)1e12;
    run->text_tokens = 0;
    return tl_ranks_tell(run->job->ranks, &run->settings.steps, sizeof run->settings.steps, err);
}

/* The batch, and how much of it is computed at once. */
static bool settle_batch(tl_train_run *run, tl_error *err)
{
    tl_train_settings *settings = &run->settings;
    const size_t pairs = tl_sample_batches_pair_count(&run->set, run->weights);
    if ((uint64_t)settings->batch > pairs)
        settings->batch = (int64_t)pairs;
    if (settings->batch < 2)
        return tl_fail(err, TL_ERROR_INVALID, "expected at least 2 captioned pictures to contrast, found %zu", pairs);
    if (settings->chunk > 0)
        return true;
    size_t chunk;
    const tl_training_options options = trial_options_of(run, 1);
    if (!tl_training_choose_chunk(&run->config, &options, (uint64_t)(settings->memory * gibibyte), &chunk, err))
        return false;
    settings->chunk = (int64_t)chunk;
    return true;
}

static bool make_batches(tl_train_run *run, tl_error *err)
{
    const tl_train_settings *settings = &run->settings;
    const size_t share = tl_ranks_share(run->job->ranks, 0, (size_t)settings->batch).count, chunk = (size_t)settings->chunk;
    const tl_sample_options samples = {
        .augment = {.min_area = (float)settings->crop,
                    .aspect = 4.0f / 3.0f,
                    .flip = (float)settings->flip,
                    .jitter = (float)settings->jitter,
                    .grayscale = (float)settings->grayscale,
                    .blur = (float)settings->blur},
        .seed = (uint64_t)settings->seed,
        .batch = tl_train_run_pictures(run),
        .chunk = chunk < share ? chunk : share,
        .captions_per_picture = (size_t)settings->captions,
        .weights = run->weights,
        .mix = settings->mix,
        .labels = {settings->templates.items, settings->templates.count, (size_t)settings->label_words}};
    return tl_sample_batches_create(&run->set, run->tokenizer, &samples, run->job->pool, &run->batches, err);
}

/* The first rank goes first: it completes a checkpoint whose writing was broken off. */
static bool resume_trainer(tl_train_run *run, bool *found, tl_error *err)
{
    *found = false;
    for (int turn = 0; turn < 2; turn++) {
        bool ok = true;
        tl_error reason = {TL_ERROR_NONE, ""};
        if (tl_train_run_leads(run) == (turn == 0)) {
            *found = tl_trainer_resume(run->trainer, run->checkpoint_path, &reason);
            ok = *found || reason.kind == TL_ERROR_NOT_FOUND || tl_fail_as(err, &reason);
        }
        if (!tl_ranks_agree(run->job->ranks, ok, err))
            return false;
    }
    return true;
}

/* The trainer at the last checkpoint, or where the run starts. */
static bool start_trainer(tl_train_run *run, tl_error *err)
{
    tl_training_options options;
    bool is_resumed = false; /* if not: stopped before the first checkpoint, so it starts again, to the same end */
    return run_options_of(run, &options, err) && make_trainer(run, &options, err) &&
           (!run->job->resume || resume_trainer(run, &is_resumed, err)) &&
           (is_resumed || run->settings.init == NULL || tl_trainer_start_from(run->trainer, run->settings.init, err)) &&
           tl_ranks_same(run->job->ranks, tl_trainer_steps_done(run->trainer), "the same checkpoint", err) &&
           tl_trainer_check_ranks(run->trainer, err);
}

static bool settle_length(tl_train_run *run, tl_error *err)
{
    tl_train_settings *settings = &run->settings;
    if (settings->minutes > 0 && !measure_steps(run, err))
        return false;
    if (settings->epochs > 0)
        settings->steps = (int64_t)ceil(settings->epochs * (double)tl_sample_batches_epoch_size(&run->set, run->weights) /
                                        (double)tl_train_run_pictures(run));
    settings->epochs = settings->minutes = 0; /* from here on the run is so many steps */
    return true;
}

static bool write_record(const tl_train_run *run, tl_error *err)
{
    return tl_train_record_write(run->job->model_directory, &run->settings, run->datasets, run->dataset_count,
                                 run->set.fingerprint, err);
}

/* By the first rank's clock. The record goes first: a run that is killed finds there what the steps to come are made by. */
bool tl_train_run_replan(tl_train_run *run, tl_error *err)
{
    uint64_t steps = 0;
    if (run->budget.seconds <= 0.0)
        return true;
    const uint64_t done = tl_trainer_steps_done(run->trainer);
    if (tl_train_run_leads(run) &&
        !tl_train_budget_replan(&run->budget, tl_clock_seconds(), done, tl_trainer_steps(run->trainer), &steps))
        steps = 0;
    if (!tl_ranks_tell(run->job->ranks, &steps, sizeof steps, err))
        return false;
    if (steps == 0)
        return true;
    tl_training_replans_add(run->replans, (tl_training_replan){done, steps});
    run->settings.replans = run->replans;
    const bool is_written = !tl_train_run_leads(run) || write_record(run, err);
    return tl_ranks_agree(run->job->ranks, is_written, err) && tl_trainer_replan(run->trainer, steps, err);
}

bool tl_train_run_prepare(tl_train_run *run, tl_error *err)
{
    const tl_train_job *job = run->job;
    if (!prepare_folder(run, err))
        return false;
    run->recipe = tl_image_recipe_default((uint32_t)run->settings.image_size);
    if (run->settings.init != NULL && !take_model(run, err))
        return false;
    if (run->settings.weights != NULL) {
        run->weights = tl_memory_allocate(run->dataset_count, sizeof *run->weights, err);
        if (run->weights == NULL ||
            !tl_weight_list_read(run->settings.weights, run->dataset_count, "each DATASET", run->weights, err))
            return false;
    }
    if (!tl_training_set_load(run->datasets, run->dataset_count, &run->recipe, job->pool, job->progress, &run->set, err))
        return false;
    if (!tl_ranks_same(job->ranks, run->set.fingerprint, "the same datasets", err))
        return false;
    if (job->resume && run->record.set_fingerprint != run->set.fingerprint)
        return tl_fail(err, TL_ERROR_INVALID, "cannot resume '%s': the datasets are not those it was started with",
                       job->model_directory);
    if (!prepare_tokenizer(run, err) || !settle_batch(run, err) || !make_batches(run, err) ||
        (!job->resume && !settle_length(run, err)) || !start_trainer(run, err))
        return false;
    if (job->resume || !tl_train_run_leads(run))
        return true;
    return (run->settings.init == NULL || keep_model(run, err)) && write_record(run, err);
}

void tl_train_run_clear(tl_train_run *run)
{
    tl_trainer_destroy(run->trainer);
    tl_sample_batches_destroy(run->batches);
    tl_tokenizer_close(run->tokenizer);
    tl_training_set_clear(&run->set);
    tl_train_record_clear(&run->record);
    tl_memory_free(run->weights);
    tl_memory_free(run->recorded_datasets);
    tl_memory_free(run->checkpoint_path);
    tl_memory_free(run->tokenizer_path);
}

/* ---- a step ---- */

bool tl_train_run_blame(tl_train_run *run, tl_error *err)
{
    const size_t pictures = tl_train_run_pictures(run);
    tl_string all;
    char named[200] = "";
    tl_string_init(&all, (size_t)1 << 28);
    bool ok = true;
    for (size_t i = 0; ok && i < pictures; i++) {
        const char *key = run->set.pairs[tl_sample_batches_pair(run->batches, i)].key;
        size_t used = strlen(named);
        if (i < NAMED_KEYS)
            snprintf(named + used, sizeof named - used, "%s%.24s", i == 0 ? "" : ", ", key);
        ok = tl_string_append_text(&all, key, NULL) && tl_string_append_text(&all, "\n", NULL);
    }
    char *path = tl_path_join(run->job->model_directory, "failed_batch.txt", NULL);
    ok = ok && path != NULL && (!tl_train_run_leads(run) || tl_file_replace(path, tl_string_slice(&all), NULL));
    tl_memory_free(path);
    tl_string_clear(&all);
    tl_error step = err != NULL ? *err : (tl_error){0};
    return tl_fail(err, step.kind, "%s; the batch: %s%s%s", step.message, named, pictures > NAMED_KEYS ? ", ..." : "",
                   ok ? " (all keys: failed_batch.txt)" : "");
}

bool tl_train_run_step(tl_train_run *run, uint64_t step, tl_step_metrics *metrics, tl_error *err)
{
    tl_training_batch batch;
    if (!tl_sample_batches_make(run->batches, step, &batch, err))
        return false;
    if (!tl_trainer_step(run->trainer, &batch, metrics, err))
        return tl_train_run_blame(run, err);
    for (size_t i = 0; i < batch.pairs * (size_t)run->settings.captions; i++)
        run->text_tokens += batch.lengths[i];
    return true;
}
