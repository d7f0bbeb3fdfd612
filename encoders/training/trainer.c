/*
 * Owns a training run's memory: flat blocks of parameters, gradients and two moments, the towers over them, and scratch for what
 * is computed at a time. The scalars of the objective (scale, and bias where it has one) are rows of the table as any other.
 */
#include "base/compute/packed.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "encoders/layers/weight_products.h"
#include "encoders/training/trainer_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Pairs of a part that a rank may have to run. */
static size_t largest_share(const tl_training_options *options)
{
    return tl_ranks_share(options->ranks, 0, options->max_batch / options->parts).count;
}

/* Arena bytes of a step. A part that is one chunk keeps the activations of both towers at once, until the texts' have been handed
 * back. A frozen tower leaves nothing. */
static size_t step_scratch_size(const tl_vision_tower *vision, const tl_text_tower *text, const tl_training_options *options,
                                size_t dim, size_t chunk, size_t threads)
{
    const size_t pairs = options->max_batch / options->parts, each = options->captions_per_picture;
    chunk = tl_smaller(chunk, largest_share(options));
    const size_t loss = tl_objective_scratch_size(pairs, pairs * each, dim, threads);
    const size_t for_tiles = threads * tl_weight_product_scratch_count() * sizeof(float);
    const size_t first_pass =
        tl_larger(tl_vision_tower_scratch_size(vision, chunk, false), tl_text_tower_scratch_size(text, chunk * each, false));
    tl_tower_memory images = {.forward = first_pass}, texts = {.forward = first_pass};
    if (!options->freeze_images)
        images = tl_vision_tower_training_memory(vision, chunk, options->in_bf16, (double)(float)options->patch_dropout);
    if (!options->freeze_texts)
        texts = tl_text_tower_training_memory(text, chunk * each, options->in_bf16);
    images.backward += for_tiles;
    texts.backward += for_tiles;
    if (chunk != largest_share(options))
        return tl_larger(tl_larger(tl_tower_memory_most(&images), tl_tower_memory_most(&texts)), tl_larger(first_pass, loss));
    const size_t beside_texts = tl_larger(tl_larger(texts.forward, texts.backward), loss);
    return images.kept + tl_larger(tl_larger(images.forward, images.backward), texts.kept + beside_texts);
}

static bool create_towers(const tl_model_config *config, tl_parameter_table *table, tl_vision_tower **vision,
                          tl_text_tower **text, tl_error *err)
{
    return tl_vision_tower_create(config, table, vision, err) && tl_text_tower_create(config, table, text, err);
}

bool tl_training_choose_chunk(const tl_model_config *config, const tl_training_options *options, uint64_t bytes, size_t *chunk,
                              tl_error *err)
{
    enum { STEP = 16 };
    tl_parameter_table table = {0};
    tl_vision_tower *vision = NULL;
    tl_text_tower *text = NULL;
    tl_training_options resolved;
    bool ok = tl_model_config_check(config, err) && tl_training_options__resolve(options, &resolved, err) &&
              create_towers(config, &table, &vision, &text, err);
    if (ok) {
        const size_t pairs = resolved.max_batch / resolved.parts, dim = config->embedding_dim;
        const size_t share = largest_share(&resolved);
        tl_training_options alone = resolved; /* a batch that fits one rank stays whole: the run may go on with one */
        alone.ranks = NULL;
        *chunk = pairs;
        if (step_scratch_size(vision, text, &alone, dim, pairs, 1) > bytes)
            *chunk = share;
        if (*chunk == share && step_scratch_size(vision, text, &resolved, dim, share, 1) > bytes) {
            *chunk = STEP;
            while (*chunk + STEP < share && step_scratch_size(vision, text, &resolved, dim, *chunk + STEP, 1) <= bytes / 3)
                *chunk += STEP;
            *chunk = tl_smaller(*chunk, share);
        }
    }
    tl_text_tower_destroy(text);
    tl_vision_tower_destroy(vision);
    tl_parameter_table_clear(&table);
    return ok;
}

static bool allocate_blocks(tl_trainer *trainer, tl_error *err)
{
    const tl_training_options *options = &trainer->options;
    const size_t floats = trainer->table.flat_count, rows = trainer->table.count, dim = trainer->config.embedding_dim;
    const size_t pairs = options->max_batch / options->parts, texts = pairs * options->captions_per_picture;
    float **blocks[] = {&trainer->parameters, &trainer->gradients, &trainer->first_moments, &trainer->second_moments};
    float **batches[] = {&trainer->images, &trainer->images_gradient, &trainer->texts, &trainer->texts_gradient};
    for (size_t i = 0; i < 4; i++) {
        *blocks[i] = tl_memory_allocate_large(floats, sizeof(float), err);
        *batches[i] = *blocks[i] != NULL ? tl_memory_allocate_aligned(i < 2 ? pairs : texts, dim * sizeof(float), err) : NULL;
        if (*batches[i] == NULL)
            return false;
    }
    if (options->average_decay > 0.0 && (trainer->average = tl_memory_allocate_large(floats, sizeof(float), err)) == NULL)
        return false;
    trainer->values = tl_memory_allocate(rows, sizeof *trainer->values, err);
    trainer->weights = trainer->values != NULL ? tl_memory_allocate(rows, sizeof *trainer->weights, err) : NULL;
    trainer->value_gradients = trainer->weights != NULL ? tl_memory_allocate(rows, sizeof *trainer->value_gradients, err) : NULL;
    trainer->row_rates = trainer->value_gradients != NULL ? tl_memory_allocate(rows, sizeof *trainer->row_rates, err) : NULL;
    if (trainer->row_rates == NULL)
        return false;
    tl_parameter_table_point_weights(&trainer->table, trainer->parameters, trainer->weights);
    if ((options->in_bf16 || tl_packing_pays()) &&
        !tl_repacked_weights_create(options->in_bf16 ? TL_PACKED_BF16 : TL_PACKED_F32, &trainer->table, trainer->weights,
                                    &trainer->repacked, err))
        return false;
    tl_parameter_table_point(&trainer->table, trainer->parameters, trainer->values);
    tl_parameter_table_point(&trainer->table, trainer->gradients, trainer->value_gradients);
    if (!tl_arena_create(
            step_scratch_size(trainer->vision, trainer->text, options, dim, options->chunk, tl_thread_pool_size(trainer->pool)),
            &trainer->arena, err))
        return false;
    tl_arena_use_large_pages(trainer->arena);
    return true;
}

/* The table in the order of tl_model's: image tower, text tower, scale, bias. */
static bool create_table(tl_trainer *trainer, tl_error *err)
{
    const tl_objective *objective = trainer->objective;
    tl_parameter_table *table = &trainer->table;
    trainer->bias_row = SIZE_MAX;
    if (!tl_vision_tower_create(&trainer->config, table, &trainer->vision, err))
        return false;
    trainer->first_text_row = table->count;
    if (!tl_text_tower_create(&trainer->config, table, &trainer->text, err) ||
        !tl_parameter_table_add(table, "logit_scale", 0, NULL, false, TL_INITIALIZE_CONSTANT, objective->initial_logit_scale,
                                &trainer->scale_row, err))
        return false;
    return !trainer->config.has_logit_bias || tl_parameter_table_add(table, "logit_bias", 0, NULL, false, TL_INITIALIZE_CONSTANT,
                                                                     objective->initial_logit_bias, &trainer->bias_row, err);
}

bool tl_trainer_create(const tl_model_config *config, const tl_image_recipe *recipe, const tl_training_options *options,
                       tl_thread_pool *pool, tl_trainer **out, tl_error *err)
{
    tl_training_options resolved;
    if (!tl_model_config_check(config, err) || !tl_training_options__resolve(options, &resolved, err) ||
        !tl_model_config_check_trainable(config, resolved.freeze_images, err))
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
    trainer->runs_at_once = resolved.chunk >= largest_share(&resolved);
    trainer->objective = tl_objective_find(resolved.loss, err);
    TL_ASSERT(trainer->objective != NULL); /* resolving has found it */
    trainer->config.has_logit_bias |= trainer->objective->has_logit_bias;
    if (!create_table(trainer, err) || !tl_optimizer_plan_init(&trainer->plan, &trainer->table, err) ||
        !allocate_blocks(trainer, err)) {
        tl_trainer_destroy(trainer);
        return tl_fail_within(err, "trainer");
    }
    tl_parameter_table_initialize(&trainer->table, resolved.seed, trainer->parameters);
    tl_trainer__start_average(trainer);
    *out = trainer;
    return true;
}

void tl_trainer__start_average(tl_trainer *trainer)
{
    if (trainer->average != NULL)
        memcpy(trainer->average, trainer->parameters, trainer->table.flat_count * sizeof(float));
}

void tl_trainer_destroy(tl_trainer *trainer)
{
    if (trainer == NULL)
        return;
    tl_arena_destroy(trainer->arena);
    float *blocks[] = {trainer->parameters, trainer->gradients,       trainer->first_moments, trainer->second_moments,
                       trainer->images,     trainer->images_gradient, trainer->texts,         trainer->texts_gradient,
                       trainer->average,    trainer->row_rates};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
    tl_memory_free(trainer->values);
    tl_memory_free(trainer->weights);
    tl_repacked_weights_destroy(trainer->repacked);
    tl_memory_free(trainer->value_gradients);
    tl_optimizer_plan_clear(&trainer->plan);
    tl_text_tower_destroy(trainer->text);
    tl_vision_tower_destroy(trainer->vision);
    tl_parameter_table_clear(&trainer->table);
    tl_memory_free(trainer);
}

uint64_t tl_trainer_steps_done(const tl_trainer *trainer)
{
    return trainer->steps_done;
}

uint64_t tl_trainer_steps(const tl_trainer *trainer)
{
    const tl_training_options *options = &trainer->options;
    return options->replan_count != 0 ? options->replans[options->replan_count - 1].steps : options->steps;
}

bool tl_trainer_replan(tl_trainer *trainer, uint64_t steps, tl_error *err)
{
    tl_training_options changed = trainer->options;
    if (changed.replan_count < TL_TRAINING_MOST_REPLANS)
        changed.replans[changed.replan_count] = (tl_training_replan){trainer->steps_done, steps};
    changed.replan_count++;
    if (!tl_training_options__check_replans(&changed, err))
        return false;
    trainer->options = changed;
    return true;
}

float *tl_trainer_parameter(tl_trainer *trainer, const char *name, size_t *count)
{
    size_t row = tl_parameter_table_find(&trainer->table, name);
    if (row == SIZE_MAX)
        return NULL;
    *count = trainer->table.items[row].count;
    return trainer->values[row];
}

bool tl_trainer_check_ranks(const tl_trainer *trainer, tl_error *err)
{
    return tl_ranks_same(trainer->options.ranks, tl_hash64(trainer->parameters, trainer->table.flat_count * sizeof(float)),
                         "the same weights", err);
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
    double kept = fmax(1.0, floor(patches * (1.0 - trainer->options.patch_dropout))), tokens = kept + 1.0;
    /* The stem makes all patches, the transformer embeds those that are kept. */
    double dim = (double)trainer->config.embedding_dim;
    double pixel_products, embedding_products = tl_vision_config_embedding_products(vision, &pixel_products);
    double products =
        block_products(tokens, tokens * tokens, (double)vision->width, (double)vision->mlp_width, (double)vision->layers) +
        (double)vision->width * dim + embedding_products - pixel_products;
    double length = text->without_causal_mask ? (double)text->context_length : mean_text_length;
    double pairs = text->without_causal_mask ? length * length : length * (length + 1.0) / 2.0;
    products += block_products(length, pairs, (double)text->width, (double)text->mlp_width, (double)text->layers) +
                (double)text->width * dim;
    return 2.0 * (3.0 * products + 2.0 * pixel_products);
}
