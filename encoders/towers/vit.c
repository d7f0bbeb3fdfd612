/*
 * The vision transformer (Dosovitskiy et al. 2021) as open_clip's VisionTransformer: patches, class token and positions, ln_pre,
 * blocks, ln_post, pooling, projection. Every picture is a sequence of (S / P)^2 + 1 rows. Patches are of pixels, or of the last
 * map of a convolutional stem.
 */
#include "base/compute/compute.h"
#include "base/core/memory.h"
#include "encoders/layers/patch_embed.h"
#include "encoders/towers/stem.h"
#include "encoders/towers/transformer_create.h"
#include "encoders/towers/vision_internal.h"

#include <math.h>
#include <string.h>

typedef struct vit {
    tl_transformer transformer;
    tl_rotary rotary; /* the blocks' shape points to it, where there is one */
    tl_stem stem;
    size_t image_size, patch_size, tokens, patch_floats; /* patch_floats: 3 P P, or what the stem says */
    bool has_class_token, has_pre_norm, has_patch_bias;
    size_t class_embedding, positional_embedding, conv1_weight, conv1_bias, ln_pre_weight, ln_pre_bias;
} vit;

static bool add_parameters(vit *tower, tl_parameter_table *table, const tl_block_shape *shape, size_t layers, tl_error *err)
{
    const size_t width = shape->width, side = tower->patch_size;
    const size_t vector[1] = {width}, positions[2] = {tower->tokens, width},
                 projection[2] = {width, tower->transformer.output_dim}, kernel[4] = {width, 3, side, side},
                 stem_kernel[2] = {width, tower->patch_floats};
    const bool has_stem = tower->stem.stage_count != 0;
    const float scale = 1.0f / sqrtf((float)width), by_fan_in = 1.0f / sqrtf((float)tower->patch_floats);
    const tl_block_initialization initialization = {.is_normal = false};
    tl_transformer *transformer = &tower->transformer;
    if (tower->has_class_token && !tl_parameter_table_add(table, "visual.class_embedding", 1, vector, false, TL_INITIALIZE_NORMAL,
                                                          scale, &tower->class_embedding, err))
        return false;
    if (!tl_parameter_table_add(table, "visual.positional_embedding", 2, positions, true, TL_INITIALIZE_NORMAL, scale,
                                &tower->positional_embedding, err))
        return false;
    tl_parameter_table_read_as_floats(table, tower->positional_embedding);
    if (!tl_transformer_create_projection("visual.proj", "visual.proj_bias", projection, scale, table, transformer, err) ||
        !tl_parameter_table_add(table, "visual.conv1.weight", has_stem ? 2 : 4, has_stem ? stem_kernel : kernel, true,
                                TL_INITIALIZE_UNIFORM, by_fan_in, &tower->conv1_weight, err))
        return false;
    tl_parameter_table_mark_product(table, tower->conv1_weight);
    if (tower->has_patch_bias && !tl_parameter_table_add(table, "visual.conv1.bias", 1, vector, false, TL_INITIALIZE_UNIFORM,
                                                         by_fan_in, &tower->conv1_bias, err))
        return false;
    if (tower->has_pre_norm && (!tl_parameter_table_add(table, "visual.ln_pre.weight", 1, vector, false, TL_INITIALIZE_CONSTANT,
                                                        1.0f, &tower->ln_pre_weight, err) ||
                                !tl_parameter_table_add(table, "visual.ln_pre.bias", 1, vector, false, TL_INITIALIZE_CONSTANT,
                                                        0.0f, &tower->ln_pre_bias, err)))
        return false;
    if (!tl_transformer_create(shape, layers, "visual.", &initialization, table, transformer, err) ||
        !tl_parameter_table_add(table, "visual.ln_post.weight", 1, vector, false, TL_INITIALIZE_CONSTANT, 1.0f,
                                &transformer->norm_weight, err) ||
        !tl_parameter_table_add(table, "visual.ln_post.bias", 1, vector, false, TL_INITIALIZE_CONSTANT, 0.0f,
                                &transformer->norm_bias, err))
        return false;
    tl_block_shape pool_shape = *shape;
    pool_shape.mlp_width = transformer->attention_pool_mlp_width;
    return transformer->pooling != TL_POOLING_ATTENTION ||
           tl_attention_pool_create(&pool_shape, "visual.attn_pool.", table, &transformer->attention_pool, err);
}

static tl_pooling pooling_of(tl_vision_pooling pooling)
{
    switch (pooling) {
    case TL_POOL_AVERAGE:
        return TL_POOLING_MEAN;
    case TL_POOL_ATTENTION:
        return TL_POOLING_ATTENTION;
    case TL_POOL_CLASS_TOKEN:
        break;
    }
    return TL_POOLING_ROW;
}

static void destroy_vit(void *trunk)
{
    vit *tower = trunk;
    if (tower == NULL)
        return;
    tl_transformer_clear(&tower->transformer);
    tl_stem_clear(&tower->stem);
    tl_rotary_clear(&tower->rotary);
    tl_memory_free(tower);
}

static void configure_transformer(const tl_model_config *config, tl_transformer *transformer)
{
    const tl_vision_config *vision = &config->vision;
    transformer->pooling = pooling_of(vision->pooling);
    transformer->unpooled_rows = !vision->without_class_token;
    transformer->norms_after_pooling = vision->norm_after_pooling;
    transformer->attention_pool_heads = vision->pool_heads;
    transformer->attention_pool_mlp_width = vision->pool_mlp_width != 0 ? vision->pool_mlp_width : vision->mlp_width;
    transformer->has_projection = vision->projection != TL_PROJECTION_NONE;
    transformer->has_projection_bias = vision->projection == TL_PROJECTION_LINEAR;
    transformer->output_dim = config->embedding_dim;
    transformer->stages =
        (tl_stage_names){"visual.embedding", "visual.middle", "visual.block", "visual.pooled", "visual.projected"};
}

static bool create_vit(const tl_model_config *config, tl_parameter_table *table, void **out, tl_error *err)
{
    const tl_vision_config *vision = &config->vision;
    vit *tower = tl_memory_allocate(1, sizeof *tower, err);
    if (tower == NULL)
        return false;
    size_t side = vision->image_size / vision->patch_size;
    tower->image_size = vision->image_size;
    tower->patch_size = vision->patch_size;
    tower->has_class_token = !vision->without_class_token;
    tower->has_pre_norm = !vision->without_pre_norm;
    tower->has_patch_bias = vision->with_patch_bias;
    tower->tokens = side * side + tower->has_class_token;
    tower->patch_floats = (size_t)3 * vision->patch_size * vision->patch_size;
    if (vision->stem_stage_count != 0) {
        if (!tl_stem_init(vision, tl_gelu_kind_of(vision->activation), table, &tower->stem, err)) {
            destroy_vit(tower);
            return false;
        }
        tower->patch_floats = tl_stem_patch_floats(&tower->stem);
    }
    configure_transformer(config, &tower->transformer);
    tl_block_shape shape = {.width = vision->width,
                            .heads = vision->heads,
                            .mlp_width = vision->mlp_width,
                            .activation = tl_gelu_kind_of(vision->activation),
                            .epsilon = vision->layer_norm_epsilon,
                            .is_causal = false,
                            .rotary = vision->rotary.is_used ? &tower->rotary : NULL,
                            .is_gated = vision->with_gated_mlp,
                            .has_inner_norms = vision->with_inner_norms,
                            .norms_last = vision->norms_last};
    if ((vision->rotary.is_used &&
         !tl_rotary_init(&tower->rotary, &vision->rotary, side, vision->width / vision->heads, tower->has_class_token, err)) ||
        !add_parameters(tower, table, &shape, vision->layers, err)) {
        destroy_vit(tower);
        return false;
    }
    *out = tower;
    return true;
}

/* Patches of one row, the row before ln_pre, and what the product takes. */
static size_t embedding_scratch_per_row(const vit *tower)
{
    enum { SLACK = 33 }; /* of a packed row, its scale and rounding up to cache lines */
    return 2 * tower->patch_floats + tower->transformer.shape.width + SLACK;
}

static tl_stem_rows stem_rows(const vit *tower, const tl_tower_state *state)
{
    return (tl_stem_rows){state->tokens, tower->has_class_token, state->patch_numbers};
}

/* Patches of a picture that are left. */
static size_t kept_patches(const vit *tower, double dropout)
{
    const size_t patches = tower->tokens - tower->has_class_token, kept = (size_t)((double)patches * (1.0 - dropout));
    return kept < 1 ? 1 : kept;
}

static tl_tower_memory vit_memory(const void *trunk, size_t batch, bool training, bool in_bf16, double patch_dropout)
{
    const vit *tower = trunk;
    const size_t tokens = kept_patches(tower, patch_dropout) + tower->has_class_token;
    tl_tower_memory memory = tl_transformer_memory(&tower->transformer, batch, tokens, embedding_scratch_per_row(tower), training,
                                                   tl_block_kept_dtype(&tower->transformer.shape, in_bf16));
    memory.kept += (2 * batch + 64) * sizeof(size_t) + (batch * tokens + 64) * sizeof(uint32_t);
    if (tower->stem.stage_count != 0) {
        const tl_stem_rows rows = {.tokens = tokens};
        const tl_tower_memory stem = tl_stem_memory(&tower->stem, batch, &rows, tower->transformer.shape.width, training);
        memory.kept += stem.kept + batch * tokens * tower->patch_floats * sizeof(float);
        memory.forward = tl_larger(memory.forward, stem.forward);
        memory.backward = tl_larger(memory.backward, stem.backward);
    }
    return memory;
}

/* Every item has the same length and, for the class token, is read at its first row. */
static bool plan_batch(const vit *tower, size_t batch, const tl_patch_dropout *dropout, tl_arena *arena, tl_tower_state **state,
                       tl_error *err)
{
    const size_t patches = tower->tokens - tower->has_class_token;
    const size_t kept = kept_patches(tower, dropout != NULL ? (double)dropout->share : 0.0);
    size_t *lengths = tl_arena_allocate(arena, batch, sizeof *lengths, err);
    size_t *first_rows = tl_arena_allocate(arena, batch, sizeof *first_rows, err);
    if (lengths == NULL || first_rows == NULL)
        return false;
    for (size_t i = 0; i < batch; i++) {
        lengths[i] = kept + tower->has_class_token;
        first_rows[i] = 0;
    }
    tl_batch_shape shape = {batch, lengths, tower->transformer.pooling == TL_POOLING_ROW ? first_rows : NULL};
    if (!tl_transformer_plan(&tower->transformer, &shape, arena, state, err))
        return false;
    tl_tower_state *planned = *state;
    planned->tokens = kept + tower->has_class_token;
    if (kept == patches)
        return true;
    planned->patch_numbers = tl_arena_allocate(arena, batch * kept, sizeof *planned->patch_numbers, err);
    if (planned->patch_numbers != NULL)
        tl_patches_choose(dropout->seed, dropout->first_item, batch, patches, kept, planned->patch_numbers);
    return planned->patch_numbers != NULL;
}

/* The numbers of item `item`'s patches, NULL: all. */
static const uint32_t *patch_numbers(const vit *tower, const tl_tower_state *state, size_t item)
{
    return state->patch_numbers != NULL ? state->patch_numbers + item * (state->tokens - tower->has_class_token) : NULL;
}

typedef struct embed_context {
    const vit *tower;
    const tl_weight *values;
    const float *pixels;
} embed_context;

/* The chunk's patches of pixels, a row of zeros for a class token before each picture's. */
static void lay_out_patches(const embed_context *work, const tl_chunk *chunk, const tl_tower_state *state, float *patches)
{
    const vit *tower = work->tower;
    const size_t image_floats = 3 * tower->image_size * tower->image_size;
    for (size_t i = 0; i < chunk->item_count; i++) {
        const tl_patch_list list = {patch_numbers(tower, state, chunk->first_item + i), state->tokens - tower->has_class_token};
        float *item = patches + i * state->tokens * tower->patch_floats;
        if (tower->has_class_token) {
            memset(item, 0, tower->patch_floats * sizeof *item);
            item += tower->patch_floats;
        }
        tl_patches_lay_out(work->pixels + (chunk->first_item + i) * image_floats, tower->image_size, tower->patch_size, &list,
                           item);
    }
}

static void embed(const void *context, const tl_chunk *chunk, const tl_tower_state *state, float *scratch, float *rows)
{
    const embed_context *work = context;
    const vit *tower = work->tower;
    const size_t width = tower->transformer.shape.width;
    const bool is_kept = state->blocks != NULL;
    float *patches = state->patches != NULL ? state->patches + chunk->first_row * tower->patch_floats : scratch;
    float *embedded = rows;
    if (tower->has_pre_norm)
        embedded = is_kept ? state->embedded + chunk->first_row * width : scratch + chunk->row_count * tower->patch_floats;
    if (tower->stem.stage_count == 0)
        lay_out_patches(work, chunk, state, patches);
    const tl_weight *values = work->values;
    const tl_patch_weights weights = {
        .kernel = &values[tower->conv1_weight],
        .positions = tl_weight_floats(&values[tower->positional_embedding]),
        .class_embedding = tower->has_class_token ? tl_weight_floats(&values[tower->class_embedding]) : NULL,
        .bias = tower->has_patch_bias ? tl_weight_floats(&values[tower->conv1_bias]) : NULL,
        .numbers = patch_numbers(tower, state, chunk->first_item),
    };
    tl_patch_embed(patches, chunk->item_count, state->tokens, tower->patch_floats, &weights, width,
                   is_kept ? scratch : scratch + chunk->row_count * (tower->patch_floats + width), embedded);
    if (tower->has_pre_norm)
        tl_layer_norm(embedded, tl_weight_floats(&values[tower->ln_pre_weight]), tl_weight_floats(&values[tower->ln_pre_bias]),
                      chunk->row_count, width, tower->transformer.shape.epsilon, rows,
                      is_kept ? state->embedded_mean + chunk->first_row : NULL,
                      is_kept ? state->embedded_inverse + chunk->first_row : NULL);
}

static bool forward_vit(const void *trunk, const tl_weight *values, const float *pixels, size_t batch,
                        const tl_patch_dropout *dropout, tl_thread_pool *pool, tl_arena *arena, const tl_stage_observer *observer,
                        float *out, tl_tower_state **state, tl_error *err)
{
    const vit *tower = trunk;
    const size_t width = tower->transformer.shape.width;
    tl_tower_state *planned;
    if (!plan_batch(tower, batch, dropout, arena, &planned, err))
        return false;
    const bool has_stem = tower->stem.stage_count != 0;
    if ((state != NULL && !tl_transformer_keep(&tower->transformer, values, planned, arena, err)) ||
        ((state != NULL || has_stem) && !tl_take_floats(arena, planned->rows * tower->patch_floats, &planned->patches, err)))
        return false;
    if (state != NULL && tower->has_pre_norm &&
        (!tl_take_floats(arena, planned->rows * width, &planned->embedded, err) ||
         !tl_take_floats(arena, planned->rows, &planned->embedded_mean, err) ||
         !tl_take_floats(arena, planned->rows, &planned->embedded_inverse, err)))
        return false;
    if (has_stem) {
        const tl_stem_rows rows = stem_rows(tower, planned);
        planned->pixels = pixels;
        if (!tl_stem_forward(&tower->stem, values, pixels, batch, &rows, observer != NULL ? NULL : pool, arena, planned->patches,
                             state != NULL ? &planned->stem_maps : NULL, err))
            return false;
        if (observer != NULL)
            observer->visit(observer->context, "visual.stem", 0, planned->patches, planned->rows, tower->patch_floats);
    }
    embed_context context = {tower, values, pixels};
    tl_embedding embedding = {&context, embed, embedding_scratch_per_row(tower)};
    if (!tl_transformer_forward(&tower->transformer, values, planned, &embedding, pool, arena, observer, out, err))
        return false;
    if (state != NULL)
        *state = planned;
    return true;
}

/* ---- backward ---- */

enum { POSITIONS_OF_A_TASK = 16 };

typedef struct gradient_context {
    const vit *tower;
    const tl_weight *values;
    float *const *gradients;
    const tl_tower_state *state;
    const float *embedded; /* [N, W]: the gradient by the rows that the patches became */
    float *vectors;        /* [chunk_count, 2, W] of ln_pre */
} gradient_context;

/* Through ln_pre: the gradient by `embedded` takes its place. */
static void take_chunk(const void *context, size_t chunk_index, const tl_chunk *chunk, float *gradient)
{
    const gradient_context *work = context;
    const tl_tower_state *state = work->state;
    const size_t width = work->tower->transformer.shape.width, row = chunk->first_row;
    float *vectors = work->vectors + chunk_index * 2 * width, *embedded = state->embedded + row * width;
    memset(vectors, 0, 2 * width * sizeof *vectors);
    tl_layer_norm_backward(gradient, embedded, tl_weight_floats(&work->values[work->tower->ln_pre_weight]),
                           state->embedded_mean + row, state->embedded_inverse + row, NULL, chunk->row_count, width, embedded,
                           vectors, vectors + width);
}

static size_t position_task_count(const vit *tower)
{
    return (tower->tokens + POSITIONS_OF_A_TASK - 1) / POSITIONS_OF_A_TASK;
}

static void run_task(const void *context, size_t index)
{
    const gradient_context *work = context;
    const vit *tower = work->tower;
    const size_t width = tower->transformer.shape.width;
    if (index < position_task_count(tower)) {
        size_t first = index * POSITIONS_OF_A_TASK;
        size_t count = tower->tokens - first < POSITIONS_OF_A_TASK ? tower->tokens - first : POSITIONS_OF_A_TASK;
        tl_patch_embed_backward_positions(work->embedded, work->state->items, work->state->tokens, width,
                                          work->state->patch_numbers, first, count, work->gradients[tower->positional_embedding],
                                          tower->has_class_token ? work->gradients[tower->class_embedding] : NULL);
        return;
    }
    for (size_t i = 0; tower->has_patch_bias && i < work->state->items; i++)
        tl_column_sums(work->embedded + (i * work->state->tokens + tower->has_class_token) * width,
                       work->state->tokens - tower->has_class_token, width, work->gradients[tower->conv1_bias]);
    for (size_t c = 0; tower->has_pre_norm && c < work->state->chunk_count; c++) {
        tl_axpy(1.0f, work->vectors + c * 2 * width, work->gradients[tower->ln_pre_weight], width);
        tl_axpy(1.0f, work->vectors + c * 2 * width + width, work->gradients[tower->ln_pre_bias], width);
    }
}

static bool backward_vit(const void *trunk, const tl_weight *values, float *const *gradients, tl_tower_state *state,
                         const float *out_gradient, tl_thread_pool *pool, tl_arena *arena, tl_error *err)
{
    const vit *tower = trunk;
    const size_t width = tower->transformer.shape.width;
    float *embedded = tower->has_pre_norm ? state->embedded : state->blocks[0].input;
    gradient_context context = {tower, values, gradients, state, embedded, NULL};
    if (!tl_take_floats(arena, state->chunk_count * 2 * width, &context.vectors, err))
        return false;
    tl_weight_product product = {
        embedded, width,  state->patches, state->rows, width, tower->patch_floats, gradients[tower->conv1_weight],
        false,    TL_F32, TL_F32};
    tl_embedding_gradient embedding = {.context = &context,
                                       .take_chunk = tower->has_pre_norm ? take_chunk : NULL,
                                       .task_count = position_task_count(tower) + 1,
                                       .run_task = run_task,
                                       .product = &product};
    if (!tl_transformer_backward(&tower->transformer, values, gradients, state, &embedding, out_gradient, pool, arena, err))
        return false;
    const tl_stem_gradient stem = {.pixels = state->pixels,
                                   .kept = state->stem_maps,
                                   .embedded = embedded,
                                   .items = state->items,
                                   .width = width,
                                   .projection = tower->conv1_weight,
                                   .rows = stem_rows(tower, state),
                                   .in_bf16 = tl_transformer_trains_in_bf16(&tower->transformer, values)};
    return tower->stem.stage_count == 0 || tl_stem_backward(&tower->stem, values, gradients, &stem, pool, arena, err);
}

const tl_vision_kind tl_vision_kind_vit = {create_vit, destroy_vit, vit_memory, forward_vit, backward_vit};
