/*
 * One step: both towers forward -> objective -> both towers backward -> clip -> AdamW -> clamp of the logit scale -> moving
 * average. Everything is computed before anything is updated, so a failed step leaves the run as it was.
 *
 * Where a part of the batch is more than one chunk, its embeddings come from a first pass that keeps nothing, and the towers run
 * again, chunk by chunk, to hand the loss's gradients back.
 *
 * Of several ranks each runs its share of a part's pairs; embeddings are gathered before the loss, gradients added up once a
 * step, behind everything. Of a clip's norm and all that follows they then hold the same bits.
 */
#include "base/compute/compute.h"
#include "base/core/random.h"
#include "encoders/training/schedule.h"
#include "encoders/training/trainer_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PATCHES_STREAM UINT64_C(0x70617463686573) /* its random numbers are nobody else's */

static const double norm_guard = 1e-6; /* torch.nn.utils.clip_grad_norm_ adds it to the norm */

static bool check_batch(const tl_trainer *trainer, const tl_training_batch *batch, tl_error *err)
{
    const tl_training_options *options = &trainer->options;
    if (batch->pairs == 0 || batch->pairs > options->max_batch)
        return tl_fail(err, TL_ERROR_INVALID, "expected a batch of 1 to %zu pairs, found %zu", options->max_batch, batch->pairs);
    if (batch->pairs % options->parts != 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected a batch of a multiple of %zu pairs, found %zu", options->parts,
                       batch->pairs);
    if (batch->pairs / options->parts < tl_ranks_count(options->ranks))
        return tl_fail(err, TL_ERROR_INVALID, "expected a batch of at least a pair a rank, found %zu for %zu ranks",
                       batch->pairs / options->parts, tl_ranks_count(options->ranks));
    for (size_t i = 0; i < batch->pairs * options->captions_per_picture; i++)
        if (batch->lengths[i] == 0 || batch->lengths[i] > trainer->config.text.context_length)
            return tl_fail(err, TL_ERROR_INVALID, "pair %zu: expected 1 to %" PRIu32 " tokens, found %" PRIu32,
                           i / options->captions_per_picture, trainer->config.text.context_length, batch->lengths[i]);
    return true;
}

static size_t image_floats(const tl_trainer *trainer)
{
    return (size_t)3 * trainer->config.vision.image_size * trainer->config.vision.image_size;
}

/* Pictures first..first + count - 1 of the batch, each time with the same patches where some are dropped; the output is number
 * `to` of the part. */
static bool run_images(tl_trainer *trainer, const tl_training_batch *batch, size_t first, size_t count, size_t to,
                       tl_tower_state **state, tl_error *err)
{
    const float *pixels = NULL;
    if (batch->pixels != NULL)
        pixels = batch->pixels + first * image_floats(trainer);
    else if (!batch->source->make(batch->source->context, first, count, &pixels, err))
        return false;
    const tl_training_options *options = &trainer->options;
    tl_random random = tl_random_stream(options->seed ^ PATCHES_STREAM, trainer->steps_done);
    const tl_patch_dropout dropout = {(float)options->patch_dropout, tl_random_next(&random), first};
    return tl_vision_tower_forward_some(trainer->vision, trainer->weights, pixels, count,
                                        options->patch_dropout > 0.0 && !options->freeze_images ? &dropout : NULL, trainer->pool,
                                        trainer->arena, trainer->images + to * trainer->config.embedding_dim, state, err);
}

static bool run_texts(tl_trainer *trainer, const tl_training_batch *batch, size_t first, size_t count, size_t to,
                      tl_tower_state **state, tl_error *err)
{
    const size_t each = trainer->options.captions_per_picture;
    return tl_text_tower_forward(trainer->text, trainer->weights, batch->ids + first * each * trainer->config.text.context_length,
                                 batch->lengths + first * each, count * each, trainer->pool, trainer->arena, NULL,
                                 trainer->texts + to * each * trainer->config.embedding_dim, state, err);
}

static bool hand_back_images(tl_trainer *trainer, tl_tower_state *state, size_t to, tl_error *err)
{
    return tl_vision_tower_backward(trainer->vision, trainer->weights, trainer->value_gradients, state,
                                    trainer->images_gradient + to * trainer->config.embedding_dim, trainer->pool, trainer->arena,
                                    err);
}

static bool hand_back_texts(tl_trainer *trainer, tl_tower_state *state, size_t to, tl_error *err)
{
    const size_t each = trainer->options.captions_per_picture;
    return tl_text_tower_backward(trainer->text, trainer->weights, trainer->value_gradients, state,
                                  trainer->texts_gradient + to * each * trainer->config.embedding_dim, trainer->pool,
                                  trainer->arena, err);
}

/* The other ranks' embeddings of the part. */
static bool gather_embeddings(const tl_trainer *trainer, size_t pairs, tl_error *err)
{
    const tl_training_options *options = &trainer->options;
    const size_t row = trainer->config.embedding_dim * sizeof(float);
    return tl_ranks_gather(options->ranks, trainer->images, row, pairs, err) &&
           tl_ranks_gather(options->ranks, trainer->texts, options->captions_per_picture * row, pairs, err);
}

/* The loss of the part's embeddings and its gradients by them, each a share of the step's. */
static bool run_loss(tl_trainer *trainer, const tl_training_batch *batch, size_t first, size_t pairs, tl_objective_result *result,
                     tl_error *err)
{
    const tl_training_options *options = &trainer->options;
    const size_t each = options->captions_per_picture, dim = trainer->config.embedding_dim;
    const float part = 1.0f / (float)options->parts;
    const tl_rank_share own = tl_ranks_my_share(options->ranks, pairs);
    float by_scale = 0.0f, by_bias = 0.0f;
    const tl_objective_input input = {.pictures = pairs,
                                      .captions_per_picture = each,
                                      .dim = dim,
                                      .images = trainer->images,
                                      .texts = trainer->texts,
                                      .caption_keys = batch->caption_keys != NULL ? batch->caption_keys + first * each : NULL,
                                      .picture_keys = batch->picture_keys != NULL ? batch->picture_keys + first : NULL,
                                      .known_keys = batch->known_keys,
                                      .known_starts = batch->known_keys != NULL ? batch->known_starts + first : NULL,
                                      .equals_are_positives = options->equals_are_positives,
                                      .logit_scale = trainer->values[trainer->scale_row][0],
                                      .logit_bias =
                                          trainer->objective->has_logit_bias ? trainer->values[trainer->bias_row][0] : 0.0f,
                                      .ranks = options->ranks};
    const tl_objective_gradients gradients = {trainer->images_gradient, trainer->texts_gradient, &by_scale, &by_bias};
    if (!gather_embeddings(trainer, pairs, err) ||
        !trainer->objective->run(&input, trainer->pool, trainer->arena, result, &gradients, err))
        return false;
    if (!isfinite(result->loss))
        return tl_fail(err, TL_ERROR_INVALID, "expected a finite loss, found %g", result->loss);
    if (options->parts > 1) {
        float *images = trainer->images_gradient + own.first * dim, *texts = trainer->texts_gradient + own.first * each * dim;
        tl_scale(images, part, images, own.count * dim);
        tl_scale(texts, part, texts, own.count * each * dim);
    }
    trainer->value_gradients[trainer->scale_row][0] += part * by_scale;
    if (trainer->objective->has_logit_bias)
        trainer->value_gradients[trainer->bias_row][0] += part * by_bias;
    return true;
}

/* All of the rank's share at once: activations of both towers stay, the texts' on top until they have been handed back. */
static bool run_part_at_once(tl_trainer *trainer, const tl_training_batch *batch, size_t first, size_t pairs, tl_rank_share own,
                             tl_objective_result *result, tl_error *err)
{
    const bool trains_images = !trainer->options.freeze_images, trains_texts = !trainer->options.freeze_texts;
    tl_tower_state *images = NULL, *texts = NULL;
    tl_arena_reset(trainer->arena);
    if (!run_images(trainer, batch, first + own.first, own.count, own.first, trains_images ? &images : NULL, err))
        return false;
    const tl_arena_mark mark = tl_arena_save(trainer->arena);
    if (!run_texts(trainer, batch, first + own.first, own.count, own.first, trains_texts ? &texts : NULL, err) ||
        !run_loss(trainer, batch, first, pairs, result, err) ||
        (trains_texts && !hand_back_texts(trainer, texts, own.first, err)))
        return false;
    tl_arena_rewind(trainer->arena, mark);
    return !trains_images || hand_back_images(trainer, images, own.first, err);
}

static bool run_part_by_chunks(tl_trainer *trainer, const tl_training_batch *batch, size_t first, size_t pairs, tl_rank_share own,
                               tl_objective_result *result, tl_error *err)
{
    const size_t chunk = trainer->options.chunk, end = own.first + own.count;
    for (size_t at = own.first; at < end; at += chunk) {
        size_t count = end - at < chunk ? end - at : chunk;
        tl_arena_reset(trainer->arena);
        if (!run_images(trainer, batch, first + at, count, at, NULL, err))
            return false;
        tl_arena_reset(trainer->arena);
        if (!run_texts(trainer, batch, first + at, count, at, NULL, err))
            return false;
    }
    tl_arena_reset(trainer->arena);
    if (!run_loss(trainer, batch, first, pairs, result, err))
        return false;
    for (size_t at = own.first; at < end; at += chunk) {
        size_t count = end - at < chunk ? end - at : chunk;
        tl_tower_state *state;
        tl_arena_reset(trainer->arena);
        if (!trainer->options.freeze_texts &&
            (!run_texts(trainer, batch, first + at, count, at, &state, err) || !hand_back_texts(trainer, state, at, err)))
            return false;
        tl_arena_reset(trainer->arena);
        if (!trainer->options.freeze_images &&
            (!run_images(trainer, batch, first + at, count, at, &state, err) || !hand_back_images(trainer, state, at, err)))
            return false;
    }
    return true;
}

/* Fills the gradient block from zero; result: the parts' mean. */
static bool forward_backward(tl_trainer *trainer, const tl_training_batch *batch, tl_objective_result *result, tl_error *err)
{
    if (!check_batch(trainer, batch, err))
        return false;
    const size_t parts = trainer->options.parts, pairs = batch->pairs / parts;
    const tl_rank_share own = tl_ranks_my_share(trainer->options.ranks, pairs);
    *result = (tl_objective_result){0};
    memset(trainer->gradients, 0, trainer->table.flat_count * sizeof(float));
    tl_repacked_weights_update(trainer->repacked, trainer->pool);
    for (size_t part = 0; part < parts; part++) {
        tl_objective_result found;
        bool ok = trainer->runs_at_once ? run_part_at_once(trainer, batch, part * pairs, pairs, own, &found, err)
                                        : run_part_by_chunks(trainer, batch, part * pairs, pairs, own, &found, err);
        if (!ok)
            return false;
        result->loss += found.loss / (double)parts;
        result->accuracy += found.accuracy / (double)parts;
        result->mutual_information += found.mutual_information / (double)parts;
    }
    return tl_ranks_sum(trainer->options.ranks, trainer->gradients, trainer->table.flat_count, err);
}

/* Row with the first gradient that is not finite, for the message. */
static const char *worst_row(const tl_trainer *trainer)
{
    for (size_t row = 0; row < trainer->table.count; row++)
        for (size_t i = 0; i < trainer->table.items[row].count; i++)
            if (!isfinite(trainer->value_gradients[row][i]))
                return trainer->table.items[row].name;
    return "the norm";
}

static double rate_of_next_step(const tl_trainer *trainer)
{
    const tl_training_options *options = &trainer->options;
    tl_schedule schedule = {.peak = options->learning_rate,
                            .steps = options->steps,
                            .warmup_steps = options->warmup_steps,
                            .is_constant = options->constant_rate || options->plain_sgd,
                            .has_cooldown = options->schedule == TL_SCHEDULE_CONSTANT,
                            .cooldown_steps = options->cooldown_steps};
    return tl_schedule_rate(&schedule,
                            tl_schedule_place(options->steps, options->replans, options->replan_count, trainer->steps_done));
}

static void read_similarity(const tl_trainer *trainer, tl_step_metrics *out)
{
    out->logit_scale = exp((double)trainer->values[trainer->scale_row][0]);
    out->logit_bias = trainer->bias_row != SIZE_MAX ? (double)trainer->values[trainer->bias_row][0] : 0.0;
}

static bool measure(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err)
{
    tl_objective_result result = {0};
    if (!forward_backward(trainer, batch, &result, err))
        return false;
    double norm = tl_optimizer_norm(&trainer->plan, trainer->gradients, trainer->pool);
    if (!isfinite(norm))
        return tl_fail(err, TL_ERROR_INVALID, "expected finite gradients, found another in '%s'", worst_row(trainer));
    *out = (tl_step_metrics){.step = trainer->steps_done,
                             .loss = result.loss,
                             .accuracy = result.accuracy,
                             .mutual_information = result.mutual_information,
                             .gradient_norm = norm,
                             .learning_rate = rate_of_next_step(trainer)};
    read_similarity(trainer, out);
    return true;
}

/* The schedule's rate, times what the row's tower has of the peak. */
static void set_row_rates(tl_trainer *trainer, double rate)
{
    const tl_training_options *options = &trainer->options;
    const double of_images = options->freeze_images ? 0.0 : rate * (options->image_learning_rate / options->learning_rate),
                 of_texts = options->freeze_texts ? 0.0 : rate * (options->text_learning_rate / options->learning_rate);
    for (size_t row = 0; row < trainer->table.count; row++)
        trainer->row_rates[row] = (float)(row < trainer->first_text_row ? of_images : row < trainer->scale_row ? of_texts : rate);
}

/* The early weights weigh little: the decay grows to its full value. */
static void update_average(tl_trainer *trainer)
{
    if (trainer->average == NULL)
        return;
    const double step = (double)trainer->steps_done;
    const float decay = (float)fmin(trainer->options.average_decay, (1.0 + step) / (10.0 + step));
    tl_scale(trainer->average, decay, trainer->average, trainer->table.flat_count);
    tl_axpy(1.0f - decay, trainer->parameters, trainer->average, trainer->table.flat_count);
}

static void update(tl_trainer *trainer, const tl_step_metrics *metrics)
{
    const tl_training_options *options = &trainer->options;
    double factor = 1.0;
    if (options->gradient_clip > 0.0 && metrics->gradient_norm > 0.0)
        factor = fmin(1.0, options->gradient_clip / (metrics->gradient_norm + norm_guard));
    if (options->plain_sgd) {
        tl_optimizer_descend(&trainer->plan, metrics->learning_rate, factor, trainer->gradients, trainer->parameters,
                             trainer->pool);
    } else {
        set_row_rates(trainer, metrics->learning_rate);
        tl_adamw_rule rule = {metrics->learning_rate,  options->weight_decay, options->beta1,
                              options->beta2,          options->epsilon,      factor,
                              trainer->steps_done + 1, trainer->row_rates};
        tl_optimizer_adamw(&trainer->plan, &rule, trainer->gradients, trainer->first_moments, trainer->second_moments,
                           trainer->parameters, trainer->pool);
    }
    float *logit_scale = trainer->values[trainer->scale_row];
    *logit_scale = fminf(fmaxf(*logit_scale, 0.0F), trainer->objective->most_logit_scale);
    trainer->steps_done++;
    update_average(trainer);
}

bool tl_trainer_step(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err)
{
    tl_step_metrics metrics = {0};
    if (trainer->steps_done >= tl_trainer_steps(trainer))
        return tl_fail(err, TL_ERROR_INVALID, "step %" PRIu64 ": expected a run of %" PRIu64 " steps", trainer->steps_done + 1,
                       tl_trainer_steps(trainer));
    if (!measure(trainer, batch, &metrics, err))
        return tl_fail_within(err, "step %" PRIu64, trainer->steps_done + 1);
    update(trainer, &metrics);
    metrics.step = trainer->steps_done;
    read_similarity(trainer, &metrics);
    metrics.logit_scale = fmin(metrics.logit_scale, round(exp((double)trainer->objective->most_logit_scale)));
    *out = metrics;
    return true;
}

bool tl_trainer_gradients(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err)
{
    return measure(trainer, batch, out, err) || tl_fail_within(err, "gradients after step %" PRIu64, trainer->steps_done);
}
