/* Options of a run: defaults, ranges, and the description that a checkpoint keeps and a resumed run must equal. */
#include "encoders/training/trainer_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PAIRS = 1 << 20 /* of a part */, MOST_PARTS = 4096 };

static bool fill(const char *name, double fallback, double minimum, double maximum, double *value, tl_error *err)
{
    if (*value == 0.0)
        *value = fallback;
    if (*value >= minimum && *value <= maximum) /* false for NaN */
        return true;
    return tl_fail(err, TL_ERROR_INVALID, "training option '%s': expected %g to %g, found %g", name, minimum, maximum, *value);
}

/* How a batch is divided. */
static bool resolve_batch(tl_training_options *out, tl_error *err)
{
    if (out->captions_per_picture == 0)
        out->captions_per_picture = 1;
    if (out->parts == 0)
        out->parts = 1;
    if (out->captions_per_picture > 64)
        return tl_fail(err, TL_ERROR_INVALID, "training option 'captions_per_picture': expected 1 to 64, found %zu",
                       out->captions_per_picture);
    if (out->parts > MOST_PARTS || out->parts > out->max_batch || out->max_batch % out->parts != 0)
        return tl_fail(err, TL_ERROR_INVALID, "training option 'parts': expected a divisor of the batch %zu, up to %d, found %zu",
                       out->max_batch, MOST_PARTS, out->parts);
    const size_t pairs = out->max_batch / out->parts;
    if (pairs > MOST_PAIRS)
        return tl_fail(err, TL_ERROR_INVALID, "training option 'max_batch': expected at most %d pairs a part, found %zu",
                       MOST_PAIRS, pairs);
    if (out->chunk == 0 || out->chunk > pairs)
        out->chunk = pairs;
    return true;
}

void tl_training_replans_add(char *text, tl_training_replan replan)
{
    const size_t used = strlen(text);
    snprintf(text + used, TL_TRAINING_REPLANS_TEXT - used, "%s%" PRIu64 ":%" PRIu64, used != 0 ? "," : "", replan.step,
             replan.steps);
}

bool tl_training_options__check_replans(const tl_training_options *options, tl_error *err)
{
    uint64_t steps = options->steps, least = 0;
    if (options->replan_count > TL_TRAINING_MOST_REPLANS)
        return tl_fail(err, TL_ERROR_INVALID, "training option 'replans': expected at most %d, found %zu",
                       TL_TRAINING_MOST_REPLANS, options->replan_count);
    for (size_t i = 0; i < options->replan_count; i++) {
        const tl_training_replan *replan = &options->replans[i];
        if (replan->step < least || replan->step >= steps)
            return tl_fail(err, TL_ERROR_INVALID,
                           "training option 'replans': expected step %" PRIu64 " to %" PRIu64 ", found %" PRIu64, least,
                           steps - 1, replan->step);
        if (replan->steps <= replan->step)
            return tl_fail(err, TL_ERROR_INVALID,
                           "training option 'replans': expected more than the %" PRIu64 " steps done, found %" PRIu64,
                           replan->step, replan->steps);
        least = replan->step + 1;
        steps = replan->steps;
    }
    return true;
}

bool tl_training_options__resolve(const tl_training_options *given, tl_training_options *out, tl_error *err)
{
    *out = *given;
    if (out->steps == 0)
        return tl_fail(err, TL_ERROR_INVALID, "training option 'steps': expected 1 or more, found 0");
    if (out->max_batch == 0)
        return tl_fail(err, TL_ERROR_INVALID, "training option 'max_batch': expected 1 or more, found 0");
    if (out->warmup_steps == 0 && !out->without_warmup)
        out->warmup_steps = out->steps / 20;
    if (out->warmup_steps > out->steps)
        return tl_fail(err, TL_ERROR_INVALID,
                       "training option 'warmup_steps': expected at most %" PRIu64 " steps, found %" PRIu64, out->steps,
                       out->warmup_steps);
    if (!fill("learning_rate", 1e-3, 1e-12, 1e3, &out->learning_rate, err) ||
        !fill("weight_decay", 0.1, 0.0, 1e3, &out->weight_decay, err) || !fill("beta1", 0.9, 0.0, 0.999999, &out->beta1, err) ||
        !fill("beta2", 0.98, 0.0, 0.9999999, &out->beta2, err) || !fill("epsilon", 1e-6, 1e-30, 1.0, &out->epsilon, err))
        return false;
    if (!fill("image_learning_rate", out->learning_rate, 1e-12, 1e3, &out->image_learning_rate, err) ||
        !fill("text_learning_rate", out->learning_rate, 1e-12, 1e3, &out->text_learning_rate, err) ||
        !fill("patch_dropout", 0.0, 0.0, 0.95, &out->patch_dropout, err) ||
        !fill("average_decay", 0.0, 0.0, 0.9999999, &out->average_decay, err) || !resolve_batch(out, err))
        return false;
    const tl_objective *objective = tl_objective_find(out->loss, err);
    if (objective == NULL || !tl_training_options__check_replans(out, err))
        return false;
    out->loss = objective->name;
    if (out->freeze_images && out->freeze_texts)
        return tl_fail(err, TL_ERROR_INVALID, "training option 'freeze': expected one of the towers at most, found both");
    if (out->cooldown_steps > out->steps - out->warmup_steps)
        return tl_fail(err, TL_ERROR_INVALID,
                       "training option 'cooldown_steps': expected at most %" PRIu64 " steps, found %" PRIu64,
                       out->steps - out->warmup_steps, out->cooldown_steps);
    if (out->gradient_clip == 0.0)
        out->gradient_clip = 1.0;
    if (!isfinite(out->gradient_clip))
        return tl_fail(err, TL_ERROR_INVALID, "training option 'gradient_clip': expected a finite number, found %g",
                       out->gradient_clip);
    return true;
}

/* As text: seventeen digits give a double back, base/io/json's numbers nine; and a 64-bit seed fits no JSON integer. */
static bool set_exact(tl_json *json, const char *name, double value, tl_error *err)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return tl_json_set_text(json, name, text, err);
}

static bool set_whole(tl_json *json, const char *name, uint64_t value, tl_error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return tl_json_set_text(json, name, text, err);
}

/* Replans of the steps that are done: those of later ones have shaped nothing yet. */
static bool set_replans(tl_json *json, const tl_training_options *options, uint64_t steps_done, tl_error *err)
{
    char text[TL_TRAINING_REPLANS_TEXT] = "";
    for (size_t i = 0; i < options->replan_count && options->replans[i].step < steps_done; i++)
        tl_training_replans_add(text, options->replans[i]);
    return text[0] == '\0' || tl_json_set_text(json, "replans", text, err);
}

/* max_batch is missing on purpose: it sizes scratch, not the run. A chunk shapes sums, so it is there. */
static tl_json *describe_options(const tl_training_options *options, uint64_t steps_done, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && set_whole(json, "seed", options->seed, err) && set_whole(json, "steps", options->steps, err) &&
        set_replans(json, options, steps_done, err) && set_whole(json, "warmup_steps", options->warmup_steps, err) &&
        set_exact(json, "learning_rate", options->learning_rate, err) &&
        set_exact(json, "weight_decay", options->weight_decay, err) && set_exact(json, "beta1", options->beta1, err) &&
        set_exact(json, "beta2", options->beta2, err) && set_exact(json, "epsilon", options->epsilon, err) &&
        set_exact(json, "gradient_clip", options->gradient_clip, err) &&
        tl_json_set_bool(json, "plain_sgd", options->plain_sgd, err) &&
        tl_json_set_bool(json, "constant_rate", options->constant_rate, err) &&
        tl_json_set_text(json, "precision", options->in_bf16 ? "bf16" : "f32", err) &&
        tl_json_set_text(json, "loss", options->loss, err) &&
        tl_json_set_text(json, "schedule", options->schedule == TL_SCHEDULE_CONSTANT ? "constant" : "cosine", err) &&
        set_whole(json, "cooldown_steps", options->cooldown_steps, err) &&
        set_exact(json, "image_learning_rate", options->image_learning_rate, err) &&
        set_exact(json, "text_learning_rate", options->text_learning_rate, err) &&
        tl_json_set_bool(json, "freeze_images", options->freeze_images, err) &&
        tl_json_set_bool(json, "freeze_texts", options->freeze_texts, err) &&
        set_exact(json, "average_decay", options->average_decay, err) &&
        (options->patch_dropout == 0.0 || set_exact(json, "patch_dropout", options->patch_dropout, err)) &&
        tl_json_set_bool(json, "equals_are_positives", options->equals_are_positives, err) &&
        set_whole(json, "captions_per_picture", options->captions_per_picture, err) &&
        set_whole(json, "parts", options->parts, err) &&
        set_whole(json, "chunk", options->chunk < options->max_batch / options->parts ? options->chunk : 0, err))
        return json;
    tl_json_free(json);
    return NULL;
}

bool tl_trainer__describe(const tl_trainer *trainer, uint64_t steps_done, tl_json **out, tl_error *err)
{
    tl_json *config = NULL;
    tl_json *recipe = NULL;
    tl_json *json = tl_json_object_create(err);
    if (json == NULL || !tl_json_set(json, "options", describe_options(&trainer->options, steps_done, err), err) ||
        !tl_model_config_write(&trainer->config, &config, err) || !tl_json_set(json, "config", config, err) ||
        !tl_image_recipe_write(&trainer->recipe, &recipe, err) || !tl_json_set(json, "recipe", recipe, err)) {
        tl_json_free(json);
        return false;
    }
    *out = json;
    return true;
}
