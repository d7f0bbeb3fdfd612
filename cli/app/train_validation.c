/*
 * The score: the mean of recall at 1, 5 and 10 in both directions, or zero-shot accuracy where the classes are named. The best
 * model is a copy of the exported files; a run killed between the copy and the line of the log measures again and copies the
 * same bytes.
 */
#include "cli/app/train_validation_internal.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "cli/app/evaluate_job.h"
#include "cli/app/train_folder_internal.h"

#include <string.h>

enum { DEFAULT_SHARE = 10 }; /* of the run between two measurements */

static void take_score(tl_train_validation *validation, uint64_t step, double score)
{
    validation->last_step = step;
    validation->without_better++;
    if (score > validation->best_score) {
        validation->best_score = score;
        validation->best_step = step;
        validation->without_better = 0;
    }
}

static bool take_line(void *context, uint64_t step, const tl_json *line)
{
    double score = tl_json_number_or(line, "validation_score", -1.0);
    if (score >= 0.0)
        take_score(context, step, score);
    return true;
}

bool tl_train_validation_start(const tl_train_settings *settings, const char *model_directory, uint64_t steps,
                               tl_train_validation *out, tl_error *err)
{
    *out = (tl_train_validation){.best_score = -1.0};
    if (settings->validate == NULL)
        return true;
    out->every = settings->validate_every > 0 ? (uint64_t)settings->validate_every : (steps + DEFAULT_SHARE - 1) / DEFAULT_SHARE;
    return tl_training_log_each(model_directory, take_line, out, err);
}

bool tl_train_validation_is_due(const tl_train_validation *validation, uint64_t step, uint64_t steps)
{
    return validation->every != 0 && step != 0 && step > validation->last_step &&
           (step % validation->every == 0 || step == steps);
}

bool tl_train_validation_is_over(const tl_train_validation *validation, const tl_train_settings *settings)
{
    return settings->patience > 0 && validation->without_better >= (uint64_t)settings->patience;
}

static bool add_direction(tl_json *line, const char *name, const tl_retrieval_direction *direction, tl_error *err)
{
    const double recalls[] = {direction->recall_at_1.value, direction->recall_at_5.value, direction->recall_at_10.value};
    static const int at[] = {1, 5, 10};
    for (size_t i = 0; i < 3; i++) {
        char member[64];
        snprintf(member, sizeof member, "validation_%s_recall_at_%d", name, at[i]);
        if (!tl_json_set_number(line, member, recalls[i], err))
            return false;
    }
    return true;
}

static double sum_of(const tl_retrieval_direction *direction)
{
    return direction->recall_at_1.value + direction->recall_at_5.value + direction->recall_at_10.value;
}

static bool measure_retrieval(const tl_evaluate_job *job, double *score, tl_json *line, tl_error *err)
{
    tl_retrieval_report report;
    if (!tl_evaluate_retrieval_job_run(job, &report, err))
        return false;
    *score = (sum_of(&report.text_to_image) + sum_of(&report.image_to_text)) / 6.0;
    return add_direction(line, "text_to_image", &report.text_to_image, err) &&
           add_direction(line, "image_to_text", &report.image_to_text, err);
}

static bool measure_zero_shot(const tl_evaluate_job *job, double *score, tl_json *line, tl_error *err)
{
    tl_zero_shot_report report;
    if (!tl_evaluate_zero_shot_job_run(job, &report, err))
        return false;
    *score = report.result.top_1.value;
    bool ok = tl_json_set_number(line, "validation_zero_shot_top_1", report.result.top_1.value, err) &&
              tl_json_set_number(line, "validation_zero_shot_top_5", report.result.top_5.value, err);
    tl_zero_shot_report_clear(&report);
    return ok;
}

static bool measure(const tl_train_settings *settings, const char *model_directory, tl_thread_pool *pool,
                    const tl_progress *progress, tl_embedded_set *embedded, double *score, tl_json *line, tl_error *err)
{
    tl_model_bundle bundle = {0};
    if (!tl_model_bundle_open(model_directory, &bundle, err))
        return false;
    const tl_evaluate_job job = {.dataset = settings->validate,
                                 .bundle = &bundle,
                                 .pool = pool,
                                 .progress = progress,
                                 .split = settings->validate_split,
                                 .labels_file = settings->validate_labels,
                                 .templates = settings->templates.items,
                                 .template_count = settings->templates.count,
                                 .embedded = embedded};
    bool ok =
        settings->validate_labels != NULL ? measure_zero_shot(&job, score, line, err) : measure_retrieval(&job, score, line, err);
    tl_model_bundle_close(&bundle);
    return ok;
}

static bool keep_best(const char *model_directory, tl_error *err)
{
    static const char *const files[] = {"config.json", "preprocessor_config.json", "model.safetensors"};
    char *best = tl_path_join(model_directory, "best", err);
    bool ok = best != NULL && tl_train_folder_copy_tokenizer(model_directory, best, err);
    for (size_t i = 0; ok && i < sizeof files / sizeof files[0]; i++) {
        char *from = tl_path_join(model_directory, files[i], err);
        char *to = from != NULL ? tl_path_join(best, files[i], err) : NULL;
        ok = to != NULL && tl_train_folder_copy_weights(from, to, err);
        tl_memory_free(to);
        tl_memory_free(from);
    }
    tl_memory_free(best);
    return ok;
}

bool tl_train_validation_run(tl_train_validation *validation, const tl_train_settings *settings, const char *model_directory,
                             uint64_t step, tl_thread_pool *pool, const tl_progress *progress, tl_training_log *log,
                             tl_embedded_set *embedded, tl_error *err)
{
    double score = -1.0;
    tl_embedded_set_clear(embedded);
    tl_json *line = tl_json_object_create(err);
    bool ok = line != NULL && tl_json_set_integer(line, "step", (int64_t)step, err) &&
              measure(settings, model_directory, pool, progress, embedded, &score, line, err) &&
              tl_json_set_number(line, "validation_score", score, err) &&
              (score <= validation->best_score || keep_best(model_directory, err)) && tl_training_log_write(log, line, err) &&
              tl_training_log_sync(log, err);
    tl_json_free(line);
    if (!ok)
        return tl_fail_within(err, "validation after step %llu", (unsigned long long)step);
    take_score(validation, step, score);
    tl_progress_begin(progress, "steps");
    return true;
}
