/*
 * The loop of a run: step, log, and now and then a checkpoint, the exported model after it, and a measurement. A checkpoint is
 * written every minute, before a measurement, when asked to stop and at the end; the model files are exported right after it, so
 * that the folder always holds a usable model of the last checkpoint. Several ranks take the same steps and decide together; the
 * first one alone writes.
 */
#include "cli/app/train_job.h"
#include "cli/app/train_examples_internal.h"
#include "cli/app/train_page.h"

#include "base/core/clock.h"
#include "cli/app/train_setup_internal.h"
#include "cli/app/train_validation_internal.h"
#include "cli/app/training_log_internal.h"

#include <math.h>
#include <stdio.h>

static const double default_checkpoint_seconds = 60;
enum { DENSE_LOG_STEPS = 2000, SPARSE_LOG_INTERVAL = 10 };

/* A run diverges when the mean loss of the last steps is far above the best such mean: twice, and a nat. */
enum { LOSS_WINDOW = 50 };
typedef struct loss_watch {
    double losses[LOSS_WINDOW];
    uint64_t seen; /* by this call */
    double best;
} loss_watch;

typedef struct loop_state {
    tl_train_run run;
    tl_training_log *log;
    tl_train_validation validation;
    tl_embedded_set embedded; /* the validation set by the last model that was measured, after `embedded_at` steps */
    uint64_t embedded_at;
    loss_watch watch;
    double saved_at;
} loop_state;

static bool watch_loss(loop_state *state, const tl_step_metrics *metrics, tl_error *err)
{
    loss_watch *watch = &state->watch;
    double mean = 0.0;
    watch->losses[watch->seen++ % LOSS_WINDOW] = metrics->loss;
    if (watch->seen < LOSS_WINDOW)
        return true;
    for (size_t i = 0; i < LOSS_WINDOW; i++)
        mean += watch->losses[i] / LOSS_WINDOW;
    if (watch->seen == LOSS_WINDOW || mean < watch->best)
        watch->best = mean;
    if (mean <= 2.0 * watch->best + 1.0)
        return true;
    tl_fail(err, TL_ERROR_INVALID, "step %llu: the run diverges: mean loss %.3g after %.3g before",
            (unsigned long long)metrics->step, mean, watch->best);
    return tl_train_run_blame(&state->run, err);
}

/* Of several ranks the first writes, and the others wait for it. */
static bool save(loop_state *state, tl_error *err)
{
    const tl_train_run *run = &state->run;
    if (!tl_trainer_check_ranks(run->trainer, err))
        return false;
    const bool ok = !tl_train_run_leads(run) ||
                    (tl_training_log_sync(state->log, err) && tl_trainer_save(run->trainer, run->checkpoint_path, err) &&
                     tl_trainer_export(run->trainer, run->job->model_directory, err));
    state->saved_at = tl_clock_seconds();
    return tl_ranks_agree(run->job->ranks, ok, err);
}

static bool validate(loop_state *state, uint64_t step, tl_error *err)
{
    const tl_train_job *job = state->run.job;
    if (!save(state, err))
        return false;
    const bool ok = !tl_train_run_leads(&state->run) ||
                    tl_train_validation_run(&state->validation, &state->run.settings, job->model_directory, step, job->pool,
                                            job->progress, state->log, &state->embedded, err);
    state->embedded_at = step;
    return tl_ranks_agree(job->ranks, ok, err) && tl_ranks_tell(job->ranks, &state->validation, sizeof state->validation, err);
}

static bool log_step(const loop_state *state, const tl_step_metrics *metrics, double epoch, double pairs_per_second,
                     tl_error *err)
{
    return !tl_train_run_leads(&state->run) || tl_training_log_add(state->log, metrics, epoch, pairs_per_second, err);
}

/* Whether somebody was told to stop. */
static bool asks_to_stop(const tl_train_job *job, bool *is_asked, tl_error *stop, tl_error *err)
{
    *stop = (tl_error){TL_ERROR_CANCELLED, ""};
    return tl_ranks_any(job->ranks, !tl_progress_continue(job->progress, stop), is_asked, err);
}

/* By the first rank's clock. */
static bool is_save_due(const loop_state *state, double interval, bool *is_due, tl_error *err)
{
    const bool is_late = tl_train_run_leads(&state->run) && tl_clock_seconds() - state->saved_at >= interval;
    return tl_ranks_any(state->run.job->ranks, is_late, is_due, err);
}

static bool take_step(loop_state *state, uint64_t step, tl_train_report *report, tl_error *err)
{
    tl_train_run *run = &state->run;
    const uint64_t steps = report->steps, pictures = report->batch;
    const uint64_t log_interval = run->settings.steps <= DENSE_LOG_STEPS ? 1 : SPARSE_LOG_INTERVAL;
    double started = tl_clock_seconds();
    if (!tl_train_run_step(run, step, &report->last, err) || !watch_loss(state, &report->last, err))
        return false;
    double seconds = tl_clock_seconds() - started;
    report->seconds += seconds;
    report->pairs_per_second = (double)((step + 1 - report->first_step) * pictures) / report->seconds;
    double epoch = (double)((step + 1) * pictures) / (double)tl_sample_batches_epoch_size(&run->set, run->weights);
    if (((step + 1) % log_interval == 0 || step + 1 == steps) &&
        !log_step(state, &report->last, epoch, (double)pictures / seconds, err))
        return false;
    char note[96];
    snprintf(note, sizeof note, "loss %.3f, accuracy %.2f, epoch %.1f", report->last.loss, report->last.accuracy, epoch);
    tl_progress_report(run->job->progress, step + 1, steps, note);
    return true;
}

static bool run_steps(loop_state *state, tl_train_report *report, tl_error *err)
{
    const tl_train_job *job = state->run.job;
    double interval = job->checkpoint_seconds > 0 ? job->checkpoint_seconds : default_checkpoint_seconds;
    state->saved_at = tl_clock_seconds();
    tl_progress_begin(job->progress, "steps");
    for (uint64_t step = report->first_step;; step++) {
        tl_error stop;
        bool is_asked, is_due;
        if (!tl_train_run_replan(&state->run, err))
            return false;
        const uint64_t steps = report->steps = tl_trainer_steps(state->run.trainer);
        if (tl_train_validation_is_due(&state->validation, step, steps) && !validate(state, step, err))
            return false;
        if (step == steps)
            return save(state, err);
        if (tl_train_validation_is_over(&state->validation, &state->run.settings)) {
            report->stopped_at = step;
            return true;
        }
        if (!asks_to_stop(job, &is_asked, &stop, err))
            return false;
        if (is_asked) {
            if (!save(state, err))
                return false;
            return tl_fail(err, stop.kind, "stopped after step %llu of %llu; --resume goes on from there",
                           (unsigned long long)step, (unsigned long long)steps);
        }
        if (!take_step(state, step, report, err) || !is_save_due(state, interval, &is_due, err))
            return false;
        if (is_due && step + 1 < steps && !save(state, err))
            return false;
    }
}

static bool run(loop_state *state, tl_train_report *report, tl_error *err)
{
    tl_train_run *ready = &state->run;
    const char *directory = ready->job->model_directory;
    if (!tl_train_run_prepare(ready, err))
        return false;
    report->first_step = tl_trainer_steps_done(ready->trainer);
    report->pairs = ready->set.count;
    report->held_out = ready->set.held_out;
    report->skipped = ready->set.skipped;
    report->steps = tl_trainer_steps(ready->trainer);
    report->batch = tl_train_run_pictures(ready);
    report->chunk = (uint64_t)ready->settings.chunk;
    if ((tl_train_run_leads(ready) &&
         (!tl_training_log_open(directory, report->first_step, &state->log, err) ||
          !tl_train_validation_start(&ready->settings, directory, (uint64_t)ready->settings.steps, &state->validation, err))) ||
        !tl_ranks_tell(ready->job->ranks, &state->validation, sizeof state->validation, err) || !run_steps(state, report, err))
        return false;
    report->has_best = state->validation.best_score >= 0.0;
    report->best_score = state->validation.best_score;
    report->best_step = state->validation.best_step;
    double pairs = report->seconds * report->pairs_per_second;
    if (pairs > 0)
        report->gflops = tl_trainer_flops_per_pair(ready->trainer, ready->text_tokens / pairs) * report->pairs_per_second * 1e-9;
    return true;
}

static bool write_page(loop_state *state, tl_error *err)
{
    const tl_train_run *run = &state->run;
    const tl_train_job *job = run->job;
    if (state->embedded_at != tl_trainer_steps_done(run->trainer))
        tl_embedded_set_clear(&state->embedded);
    return (run->settings.validate == NULL ||
            tl_train_examples_write(&run->settings, job->model_directory, job->pool, job->progress, &state->embedded, err)) &&
           tl_train_page_write(job->model_directory, err);
}

bool tl_train_job_run(const tl_train_job *job, tl_train_report *report, tl_error *err)
{
    loop_state state = {.run = {.job = job}};
    *report = (tl_train_report){0};
    bool ok = run(&state, report, err);
    tl_training_log_close(state.log);
    ok = ok && (!tl_train_run_leads(&state.run) || write_page(&state, err));
    /* Whoever has failed alone says so here. */
    ok = tl_ranks_agree(job->ranks, ok, err);
    tl_embedded_set_clear(&state.embedded);
    tl_train_run_clear(&state.run);
    return ok;
}
