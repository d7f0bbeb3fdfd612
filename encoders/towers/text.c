/*
 * The text transformer as open_clip's (Radford et al. 2021): token and position embeddings, blocks, ln_final, the row of the end
 * of text, projection. Under a causal mask nothing after that row can change it, so a caption ends there; without a mask all T
 * rows count.
 */
#include "encoders/towers/towers.h"

#include "base/core/memory.h"
#include "encoders/layers/token_embed.h"
#include "encoders/towers/transformer_create.h"

#include <math.h>

struct tl_text_tower {
    tl_transformer transformer;
    size_t context_length, vocabulary_size;
    tl_text_pooling pooling;
    int32_t eos_id;
    size_t positional_embedding, token_embedding;
};

static bool add_parameters(tl_text_tower *tower, tl_parameter_table *table, const tl_block_shape *shape, size_t layers,
                           tl_error *err)
{
    const size_t width = shape->width;
    const size_t vector[1] = {width}, positions[2] = {tower->context_length, width}, tokens[2] = {tower->vocabulary_size, width},
                 projection[2] = {width, tower->transformer.output_dim};
    const float by_width = 1.0f / sqrtf((float)width);
    const tl_block_initialization initialization = {.is_normal = true,
                                                    .attention = by_width,
                                                    .projection = by_width / sqrtf(2.0f * (float)layers),
                                                    .fully_connected = 1.0f / sqrtf(2.0f * (float)width)};
    if (!tl_parameter_table_add(table, "positional_embedding", 2, positions, true, TL_INITIALIZE_NORMAL, 0.01f,
                                &tower->positional_embedding, err))
        return false;
    tl_parameter_table_read_as_floats(table, tower->positional_embedding);
    return tl_transformer_create_projection("text_projection", "text_projection_bias", projection, by_width, table,
                                            &tower->transformer, err) &&
           tl_parameter_table_add(table, "token_embedding.weight", 2, tokens, true, TL_INITIALIZE_NORMAL, 0.02f,
                                  &tower->token_embedding, err) &&
           tl_transformer_create(shape, layers, "", &initialization, table, &tower->transformer, err) &&
           tl_parameter_table_add(table, "ln_final.weight", 1, vector, false, TL_INITIALIZE_CONSTANT, 1.0f,
                                  &tower->transformer.norm_weight, err) &&
           tl_parameter_table_add(table, "ln_final.bias", 1, vector, false, TL_INITIALIZE_CONSTANT, 0.0f,
                                  &tower->transformer.norm_bias, err);
}

bool tl_text_tower_create(const tl_model_config *config, tl_parameter_table *table, tl_text_tower **out, tl_error *err)
{
    const tl_text_config *text = &config->text;
    tl_text_tower *tower = tl_memory_allocate(1, sizeof *tower, err);
    if (tower == NULL)
        return false;
    tower->context_length = text->context_length;
    tower->vocabulary_size = text->vocabulary_size;
    tower->pooling = text->pooling;
    tower->eos_id = text->eos_id;
    tower->transformer.pooling = TL_POOLING_ROW;
    tower->transformer.has_projection = text->projection != TL_PROJECTION_NONE;
    tower->transformer.has_projection_bias = text->projection == TL_PROJECTION_LINEAR;
    tower->transformer.output_dim = config->embedding_dim;
    tower->transformer.stages = (tl_stage_names){"text.embedding", "text.middle", "text.block", "text.pooled", "text.projected"};
    tl_block_shape shape = {.width = text->width,
                            .heads = text->heads,
                            .mlp_width = text->mlp_width,
                            .activation = tl_gelu_kind_of(text->activation),
                            .epsilon = text->layer_norm_epsilon,
                            .is_causal = !text->without_causal_mask};
    if (!add_parameters(tower, table, &shape, text->layers, err)) {
        tl_text_tower_destroy(tower);
        return false;
    }
    *out = tower;
    return true;
}

void tl_text_tower_destroy(tl_text_tower *tower)
{
    if (tower == NULL)
        return;
    tl_transformer_clear(&tower->transformer);
    tl_memory_free(tower);
}

static tl_tower_memory memory_of(const tl_text_tower *tower, size_t batch, bool training, tl_dtype kept)
{
    tl_tower_memory memory = tl_transformer_memory(&tower->transformer, batch, tower->context_length, 0, training, kept);
    memory.kept += (2 * batch + batch * tower->context_length + 64) * sizeof(size_t);
    return memory;
}

size_t tl_text_tower_scratch_size(const tl_text_tower *tower, size_t batch, bool training)
{
    const tl_tower_memory memory = memory_of(tower, batch, training, TL_F32);
    return tl_tower_memory_most(&memory);
}

tl_tower_memory tl_text_tower_training_memory(const tl_text_tower *tower, size_t batch, bool in_bf16)
{
    return memory_of(tower, batch, true, tl_block_kept_dtype(&tower->transformer.shape, in_bf16));
}

/* The row that pooling reads, as open_clip's text_global_pool: the first of equals, and row 0 where there is no end of text. */
static size_t row_to_read(const tl_text_tower *tower, const int32_t *ids)
{
    const size_t tokens = tower->context_length;
    size_t row = 0;
    switch (tower->pooling) {
    case TL_POOL_LAST:
        return tokens - 1;
    case TL_POOL_ARGMAX:
        for (size_t t = 1; t < tokens; t++)
            if (ids[t] > ids[row])
                row = t;
        return row;
    case TL_POOL_EOS:
        for (size_t t = 0; t < tokens; t++)
            if (ids[t] == tower->eos_id)
                return t;
        break;
    }
    return row;
}

static bool check_ids(const tl_text_tower *tower, const int32_t *ids, const uint32_t *lengths, size_t batch, tl_error *err)
{
    for (size_t i = 0; i < batch; i++) {
        if (lengths[i] > tower->context_length)
            return tl_fail(err, TL_ERROR_INVALID, "text %zu: expected at most %zu tokens, found %u", i, tower->context_length,
                           lengths[i]);
        for (size_t t = 0; t < tower->context_length; t++) {
            int32_t id = ids[i * tower->context_length + t];
            if (id < 0 || (size_t)id >= tower->vocabulary_size)
                return tl_fail(err, TL_ERROR_INVALID, "text %zu, token %zu: expected an id in 0..%zu, found %d", i, t,
                               tower->vocabulary_size - 1, (int)id);
        }
    }
    return true;
}

/* Plans the batch and writes the ids and positions of its packed rows. */
static bool plan_batch(const tl_text_tower *tower, const int32_t *ids, size_t batch, tl_arena *arena, tl_tower_state **state,
                       tl_error *err)
{
    const size_t tokens = tower->context_length;
    size_t *lengths = tl_arena_allocate(arena, batch, sizeof *lengths, err);
    size_t *rows = tl_arena_allocate(arena, batch, sizeof *rows, err);
    if (lengths == NULL || rows == NULL)
        return false;
    for (size_t i = 0; i < batch; i++) {
        rows[i] = row_to_read(tower, ids + i * tokens);
        lengths[i] = tower->transformer.shape.is_causal ? rows[i] + 1 : tokens;
    }
    tl_batch_shape shape = {batch, lengths, rows};
    if (!tl_transformer_plan(&tower->transformer, &shape, arena, state, err))
        return false;
    tl_tower_state *planned = *state;
    planned->row_ids = tl_arena_allocate(arena, planned->rows, sizeof *planned->row_ids, err);
    planned->row_positions = tl_arena_allocate(arena, planned->rows, sizeof *planned->row_positions, err);
    if (planned->row_ids == NULL || planned->row_positions == NULL)
        return false;
    size_t row = 0;
    for (size_t i = 0; i < batch; i++)
        for (size_t t = 0; t < lengths[i]; t++, row++) {
            planned->row_ids[row] = ids[i * tokens + t];
            planned->row_positions[row] = (int32_t)t;
        }
    return true;
}

typedef struct embed_context {
    const tl_text_tower *tower;
    const tl_weight *values;
} embed_context;

static void embed(const void *context, const tl_chunk *chunk, const tl_tower_state *state, float *scratch, float *rows)
{
    (void)scratch;
    const embed_context *work = context;
    tl_token_embed(state->row_ids + chunk->first_row, state->row_positions + chunk->first_row, chunk->row_count,
                   &work->values[work->tower->token_embedding],
                   tl_weight_floats(&work->values[work->tower->positional_embedding]), work->tower->transformer.shape.width,
                   rows);
}

bool tl_text_tower_forward(const tl_text_tower *tower, const tl_weight *values, const int32_t *ids, const uint32_t *lengths,
                           size_t batch, tl_thread_pool *pool, tl_arena *arena, const tl_stage_observer *observer, float *out,
                           tl_tower_state **state, tl_error *err)
{
    tl_tower_state *planned;
    if (!check_ids(tower, ids, lengths, batch, err) || !plan_batch(tower, ids, batch, arena, &planned, err))
        return false;
    if (state != NULL && !tl_transformer_keep(&tower->transformer, values, planned, arena, err))
        return false;
    embed_context context = {tower, values};
    tl_embedding embedding = {&context, embed, 0};
    if (!tl_transformer_forward(&tower->transformer, values, planned, &embedding, pool, arena, observer, out, err))
        return false;
    if (state != NULL)
        *state = planned;
    return true;
}

/* ---- backward ---- */

enum { COLUMNS_OF_A_TASK = 64 };

typedef struct gradient_context {
    const tl_text_tower *tower;
    float *const *gradients;
    const tl_tower_state *state;
} gradient_context;

static void run_task(const void *context, size_t index)
{
    const gradient_context *work = context;
    const tl_tower_state *state = work->state;
    const size_t width = work->tower->transformer.shape.width, first = index * COLUMNS_OF_A_TASK;
    const size_t columns = width - first < COLUMNS_OF_A_TASK ? width - first : COLUMNS_OF_A_TASK;
    tl_token_embed_backward(state->row_ids, state->row_positions, state->rows, state->blocks[0].input, width, first, columns,
                            work->gradients[work->tower->token_embedding], work->gradients[work->tower->positional_embedding]);
}

bool tl_text_tower_backward(const tl_text_tower *tower, const tl_weight *values, float *const *gradients, tl_tower_state *state,
                            const float *out_gradient, tl_thread_pool *pool, tl_arena *arena, tl_error *err)
{
    gradient_context context = {tower, gradients, state};
    tl_embedding_gradient embedding = {.context = &context,
                                       .task_count = (tower->transformer.shape.width + COLUMNS_OF_A_TASK - 1) / COLUMNS_OF_A_TASK,
                                       .run_task = run_task};
    return tl_transformer_backward(&tower->transformer, values, gradients, state, &embedding, out_gradient, pool, arena, err);
}
