/*
 * Owns a training run: flat blocks of parameters, gradients and two moments, and the step
 *     both towers forward -> symmetric contrastive loss -> both towers backward -> clip -> AdamW -> clamp of the logit scale.
 * The logit scale is one more row of the table (rank 0, no decay, from ln(1 / 0.07), kept within 0 .. ln 100: Radford et al.
 * 2021). Everything is computed before anything is updated, so a failed step leaves the run as it was.
 */
#include "base/core/memory.h"
#include "encoders/objectives/contrastive.h"
#include "encoders/training/schedule.h"
#include "encoders/training/trainer_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const float initial_logit_scale = 2.65926003693278F; /* ln(1 / 0.07) */
static const float max_logit_scale = 4.60517018598809F;     /* ln 100 */
static const double norm_guard = 1e-6;                      /* torch.nn.utils.clip_grad_norm_ adds it to the norm */

/* Scratch of the loss: two logit matrices and two pairs of unit rows with their gradients, with room to spare; the arena may
 * grow. */
static size_t loss_scratch_size(size_t batch, size_t dim)
{
    return (4 * batch * batch + 8 * batch * dim + 4096) * sizeof(float);
}

static bool allocate_blocks(tl_trainer *trainer, tl_error *err)
{
    size_t floats = trainer->table.flat_count;
    size_t rows = trainer->table.count;
    size_t batch = trainer->options.max_batch;
    size_t dim = trainer->config.embedding_dim;
    float **blocks[] = {&trainer->parameters, &trainer->gradients, &trainer->first_moments, &trainer->second_moments};
    float **batches[] = {&trainer->images, &trainer->images_gradient, &trainer->texts, &trainer->texts_gradient};
    for (size_t i = 0; i < 4; i++) {
        *blocks[i] = tl_memory_allocate_aligned(floats, sizeof(float), err);
        *batches[i] = *blocks[i] != NULL ? tl_memory_allocate_aligned(batch, dim * sizeof(float), err) : NULL;
        if (*batches[i] == NULL)
            return false;
    }
    trainer->values = tl_memory_allocate(rows, sizeof *trainer->values, err);
    trainer->weights = trainer->values != NULL ? tl_memory_allocate(rows, sizeof *trainer->weights, err) : NULL;
    trainer->value_gradients = trainer->weights != NULL ? tl_memory_allocate(rows, sizeof *trainer->value_gradients, err) : NULL;
    if (trainer->value_gradients == NULL)
        return false;
    tl_parameter_table_point_weights(&trainer->table, trainer->parameters, trainer->weights);
    tl_parameter_table_point(&trainer->table, trainer->parameters, trainer->values);
    tl_parameter_table_point(&trainer->table, trainer->gradients, trainer->value_gradients);
    size_t scratch = tl_vision_tower_scratch_size(trainer->vision, batch, true) +
                     tl_text_tower_scratch_size(trainer->text, batch, true) + loss_scratch_size(batch, dim);
    return tl_arena_create(scratch, &trainer->arena, err);
}

bool tl_trainer_create(const tl_model_config *config, const tl_image_recipe *recipe, const tl_training_options *options,
                       tl_thread_pool *pool, tl_trainer **out, tl_error *err)
{
    tl_training_options resolved;
    if (!tl_model_config_check(config, err) || !tl_model_config_check_trainable(config, err) ||
        !tl_training_options__resolve(options, &resolved, err))
        return false;
    if (recipe->size != config->vision.image_size)
        return tl_fail(err, TL_ERROR_INVALID, "trainer: expected a recipe for pictures of %" PRIu32 " pixels, found %" PRIu32,
                       config->vision.image_size, recipe->size);
    tl_trainer *trainer = tl_memory_allocate(1, sizeof *trainer, err);
    if (trainer == NULL)
        return false;
    trainer->config = *config;
    trainer->recipe = *recipe;
    trainer->options = resolved;
    trainer->pool = pool;
    if (!tl_vision_tower_create(config, &trainer->table, &trainer->vision, err) ||
        !tl_text_tower_create(config, &trainer->table, &trainer->text, err) ||
        !tl_parameter_table_add(&trainer->table, "logit_scale", 0, NULL, false, TL_INITIALIZE_CONSTANT, initial_logit_scale,
                                &trainer->scale_row, err) ||
        !tl_optimizer_plan_init(&trainer->plan, &trainer->table, err) || !allocate_blocks(trainer, err)) {
        tl_trainer_destroy(trainer);
        return tl_fail_within(err, "trainer");
    }
    tl_parameter_table_initialize(&trainer->table, resolved.seed, trainer->parameters);
    *out = trainer;
    return true;
}

void tl_trainer_destroy(tl_trainer *trainer)
{
    if (trainer == NULL)
        return;
    tl_arena_destroy(trainer->arena);
    float *blocks[] = {trainer->parameters, trainer->gradients,       trainer->first_moments, trainer->second_moments,
                       trainer->images,     trainer->images_gradient, trainer->texts,         trainer->texts_gradient};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
    tl_memory_free(trainer->values);
    tl_memory_free(trainer->weights);
    tl_memory_free(trainer->value_gradients);
    tl_optimizer_plan_clear(&trainer->plan);
    tl_text_tower_destroy(trainer->text);
    tl_vision_tower_destroy(trainer->vision);
    tl_parameter_table_clear(&trainer->table);
    tl_memory_free(trainer);
}

static bool check_batch(const tl_trainer *trainer, const tl_training_batch *batch, tl_error *err)
{
    if (batch->pairs == 0 || batch->pairs > trainer->options.max_batch)
        return tl_fail(err, TL_ERROR_INVALID, "expected a batch of 1 to %zu pairs, found %zu", trainer->options.max_batch,
                       batch->pairs);
    for (size_t i = 0; i < batch->pairs; i++)
        if (batch->lengths[i] == 0 || batch->lengths[i] > trainer->config.text.context_length)
            return tl_fail(err, TL_ERROR_INVALID, "pair %zu: expected 1 to %" PRIu32 " tokens, found %" PRIu32, i,
                           trainer->config.text.context_length, batch->lengths[i]);
    return true;
}

/* Fills the gradient block from zero. */
static bool forward_backward(tl_trainer *trainer, const tl_training_batch *batch, tl_contrastive_result *result, tl_error *err)
{
    const tl_weight *values = trainer->weights;
    float **gradients = trainer->value_gradients;
    tl_arena *arena = trainer->arena;
    tl_tower_state *vision_state = NULL;
    tl_tower_state *text_state = NULL;
    if (!check_batch(trainer, batch, err))
        return false;
    memset(trainer->gradients, 0, trainer->table.flat_count * sizeof(float));
    tl_arena_reset(arena);
    if (!tl_vision_tower_forward(trainer->vision, values, batch->pixels, batch->pairs, trainer->pool, arena, NULL,
                                 trainer->images, &vision_state, err) ||
        !tl_text_tower_forward(trainer->text, values, batch->ids, batch->lengths, batch->pairs, trainer->pool, arena, NULL,
                               trainer->texts, &text_state, err))
        return false;
    tl_arena_mark mark = tl_arena_save(arena);
    if (!tl_contrastive_loss(trainer->images, trainer->texts, batch->pairs, trainer->config.embedding_dim,
                             trainer->values[trainer->scale_row][0], trainer->pool, arena, result, trainer->images_gradient,
                             trainer->texts_gradient, gradients[trainer->scale_row], err))
        return false;
    if (!isfinite(result->loss))
        return tl_fail(err, TL_ERROR_INVALID, "expected a finite loss, found %g", result->loss);
    tl_arena_rewind(arena, mark);
    return tl_text_tower_backward(trainer->text, values, gradients, text_state, trainer->texts_gradient, trainer->pool, arena,
                                  err) &&
           tl_vision_tower_backward(trainer->vision, values, gradients, vision_state, trainer->images_gradient, trainer->pool,
                                    arena, err);
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
    tl_schedule schedule = {trainer->options.learning_rate, trainer->options.steps, trainer->options.warmup_steps,
                            trainer->options.constant_rate || trainer->options.plain_sgd};
    return tl_schedule_rate(&schedule, trainer->steps_done);
}

static bool measure(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err)
{
    tl_contrastive_result result = {0};
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
                             .learning_rate = rate_of_next_step(trainer),
                             .logit_scale = exp((double)trainer->values[trainer->scale_row][0])};
    return true;
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
        tl_adamw_rule rule = {metrics->learning_rate, options->weight_decay, options->beta1,
                              options->beta2,         options->epsilon,      factor,
                              trainer->steps_done + 1};
        tl_optimizer_adamw(&trainer->plan, &rule, trainer->gradients, trainer->first_moments, trainer->second_moments,
                           trainer->parameters, trainer->pool);
    }
    float *logit_scale = trainer->values[trainer->scale_row];
    *logit_scale = fminf(fmaxf(*logit_scale, 0.0F), max_logit_scale);
    trainer->steps_done++;
}

bool tl_trainer_step(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err)
{
    tl_step_metrics metrics = {0};
    if (trainer->steps_done >= trainer->options.steps)
        return tl_fail(err, TL_ERROR_INVALID, "step %" PRIu64 ": expected a run of %" PRIu64 " steps", trainer->steps_done + 1,
                       trainer->options.steps);
    if (!measure(trainer, batch, &metrics, err))
        return tl_fail_within(err, "step %" PRIu64, trainer->steps_done + 1);
    update(trainer, &metrics);
    metrics.step = trainer->steps_done;
    metrics.logit_scale = fmin(exp((double)trainer->values[trainer->scale_row][0]), 100.0);
    *out = metrics;
    return true;
}

bool tl_trainer_gradients(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err)
{
    return measure(trainer, batch, out, err) || tl_fail_within(err, "gradients after step %" PRIu64, trainer->steps_done);
}

uint64_t tl_trainer_steps_done(const tl_trainer *trainer)
{
    return trainer->steps_done;
}

float *tl_trainer_parameter(tl_trainer *trainer, const char *name, size_t *count)
{
    size_t row = tl_parameter_table_find(&trainer->table, name);
    if (row == SIZE_MAX)
        return NULL;
    *count = trainer->table.items[row].count;
    return trainer->values[row];
}

const float *tl_trainer_gradient(const tl_trainer *trainer, const char *name, size_t *count)
{
    size_t row = tl_parameter_table_find(&trainer->table, name);
    if (row == SIZE_MAX)
        return NULL;
    *count = trainer->table.items[row].count;
    return trainer->value_gradients[row];
}

/* Multiply-adds of one sequence through a stack of blocks; pairs: (query, key) pairs that the mask lets attend. */
static double block_products(double tokens, double pairs, double width, double mlp_width, double layers)
{
    return layers * (tokens * (4.0 * width * width + 2.0 * width * mlp_width) + 2.0 * pairs * width);
}

double tl_trainer_flops_per_pair(const tl_trainer *trainer, double mean_text_length)
{
    /*
     * Two operations a multiply-add; backward is two products (by input, by weight) for each of forward, except that nothing
     * asks for the gradient by the pixels. Norms, activations, softmax, optimizer and the loss are left out: the share of peak
     * that this gives is on the low side.
     */
    const tl_vision_config *vision = &trainer->config.vision;
    const tl_text_config *text = &trainer->config.text;
    uint32_t patches_a_side = vision->image_size / vision->patch_size;
    double patches = (double)patches_a_side * (double)patches_a_side;
    double tokens = patches + 1.0;
    double dim = (double)trainer->config.embedding_dim;
    double patch_products = patches * 3.0 * (double)vision->patch_size * (double)vision->patch_size * (double)vision->width;
    double products =
        block_products(tokens, tokens * tokens, (double)vision->width, (double)vision->mlp_width, (double)vision->layers) +
        (double)vision->width * dim;
    double length = text->without_causal_mask ? (double)text->context_length : mean_text_length;
    double pairs = text->without_causal_mask ? length * length : length * (length + 1.0) / 2.0;
    products += block_products(length, pairs, (double)text->width, (double)text->mlp_width, (double)text->layers) +
                (double)text->width * dim;
    return 2.0 * (3.0 * products + 2.0 * patch_products);
}
