/* Groups are small: one picture where its last map has rows enough for a product. Maps of a group lie one after the other, so
 * that a product takes the rows of all its pictures. */
#include "encoders/towers/stem.h"

#include "base/core/memory.h"
#include "encoders/layers/patch_embed.h"
#include "encoders/layers/weight_products.h"
#include "encoders/towers/transformer_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WANTED_ROWS = 128, MOST_PICTURES = 4, MOST_SHARES = 16, MOST_WORKERS = 16 };

/* ---- making ---- */

static const tl_stem_stage *last_stage(const tl_stem *stem)
{
    return &stem->stages[stem->stage_count - 1];
}

size_t tl_stem_patch_floats(const tl_stem *stem)
{
    return stem->last_patch * stem->last_patch * last_stage(stem)->shape.width;
}

static bool add_vector(tl_parameter_table *table, const char *prefix, const char *suffix, size_t width, tl_initialization rule,
                       float value, size_t *number, tl_error *err)
{
    return tl_parameter_table_add_under(table, prefix, suffix, 1, &width, false, rule, value, number, err);
}

/* The first stage's kernel is a convolution's, [W, 3, P, P], as its patches are of planes; the others' are [W, P P channels]. */
static bool add_stage(tl_stem_stage *stage, size_t number, tl_parameter_table *table, tl_error *err)
{
    char prefix[TL_PARAMETER_NAME_SIZE], name[2 * TL_PARAMETER_NAME_SIZE];
    const size_t width = stage->shape.width, pixels[4] = {width, 3, stage->patch, stage->patch},
                 rows[2] = {width, stage->patch_floats};
    const float by_fan_in = 1.0f / sqrtf((float)stage->patch_floats);
    snprintf(prefix, sizeof prefix, "visual.stem.%zu.", number);
    if (!tl_parameter_table_add_under(table, prefix, "patch.weight", number == 0 ? 4 : 2, number == 0 ? pixels : rows, true,
                                      TL_INITIALIZE_UNIFORM, by_fan_in, &stage->patch_weight, err))
        return false;
    tl_parameter_table_mark_product(table, stage->patch_weight);
    if (!add_vector(table, prefix, "patch.bias", width, TL_INITIALIZE_UNIFORM, by_fan_in, &stage->patch_bias, err) ||
        !add_vector(table, prefix, "ln_patch.weight", width, TL_INITIALIZE_CONSTANT, 1.0f, &stage->norm_weight, err) ||
        !add_vector(table, prefix, "ln_patch.bias", width, TL_INITIALIZE_CONSTANT, 0.0f, &stage->norm_bias, err))
        return false;
    stage->blocks = tl_memory_allocate(stage->layers, sizeof *stage->blocks, err);
    if (stage->blocks == NULL)
        return false;
    for (size_t i = 0; i < stage->layers; i++) {
        snprintf(name, sizeof name, "%sblocks.%zu.", prefix, i);
        if (!tl_convolution_block_create(&stage->shape, name, table, &stage->blocks[i], err))
            return false;
    }
    return true;
}

bool tl_stem_init(const tl_vision_config *config, tl_gelu_kind activation, tl_parameter_table *table, tl_stem *stem,
                  tl_error *err)
{
    size_t side = config->image_size, channels = 3;
    stem->image_size = config->image_size;
    stem->last_patch = config->patch_size;
    stem->first_parameter = table->count;
    for (size_t i = 0; i < config->stem_stage_count; i++) {
        const tl_stem_stage_config *given = &config->stem_stages[i];
        tl_stem_stage *stage = &stem->stages[i];
        side /= given->patch_size;
        stem->last_patch /= given->patch_size;
        *stage = (tl_stem_stage){.shape = {.side = side,
                                           .width = given->width,
                                           .mlp_width = given->mlp_width,
                                           .kernel = config->stem_kernel,
                                           .activation = activation,
                                           .epsilon = config->layer_norm_epsilon},
                                 .patch = given->patch_size,
                                 .patch_floats = given->patch_size * given->patch_size * channels,
                                 .layers = given->layers};
        channels = given->width;
        stem->stage_count++;
        if (!add_stage(stage, i, table, err))
            return false;
    }
    stem->last_parameter = table->count;
    const size_t count = stem->last_parameter - stem->first_parameter;
    stem->parameter_counts = count != 0 ? tl_memory_allocate(count, sizeof *stem->parameter_counts, err) : NULL;
    for (size_t i = 0; stem->parameter_counts != NULL && i < count; i++)
        stem->parameter_counts[i] = table->items[stem->first_parameter + i].count;
    return count == 0 || stem->parameter_counts != NULL;
}

void tl_stem_clear(tl_stem *stem)
{
    for (size_t i = 0; i < stem->stage_count; i++)
        tl_memory_free(stem->stages[i].blocks);
    tl_memory_free(stem->parameter_counts);
    *stem = (tl_stem){0};
}

/* ---- memory ---- */

static size_t map_floats(const tl_stem_stage *stage)
{
    return stage->shape.side * stage->shape.side * stage->shape.width;
}

static size_t pictures_of_a_group(const tl_stem *stem)
{
    const size_t side = last_stage(stem)->shape.side, wanted = (WANTED_ROWS + side * side - 1) / (side * side);
    return wanted < MOST_PICTURES ? wanted : MOST_PICTURES;
}

/* Of a picture: each block's input, and each stage's output but the last one's. */
static size_t kept_floats(const tl_stem *stem)
{
    size_t count = 0;
    for (size_t i = 0; i < stem->stage_count; i++)
        count += map_floats(&stem->stages[i]) * (stem->stages[i].layers + (i + 1 < stem->stage_count));
    return count;
}

/* Where the parts of a worker's scratch start: a map, patches (of any stage, or for the transformer), rows before a norm. */
typedef struct scratch_layout {
    size_t patches, rows, mean, inverse, block, total;
} scratch_layout;

static scratch_layout lay_out(const tl_stem *stem, size_t pictures, const tl_stem_rows *rows, size_t width, bool is_backward)
{
    size_t map = 0, patches = is_backward ? rows->tokens * tl_stem_patch_floats(stem) : 0, lines = 0, block = 0;
    for (size_t i = 0; i < stem->stage_count; i++) {
        const tl_stem_stage *stage = &stem->stages[i];
        const size_t side = stage->shape.side, count = pictures * side * side;
        map = tl_larger(map, map_floats(stage));
        lines = tl_larger(lines, count);
        patches = tl_larger(patches, side * side * stage->patch_floats);
        block = tl_larger(block, tl_linear_scratch_count(count, tl_larger(stage->patch_floats, stage->shape.width)));
        block = tl_larger(block, is_backward ? tl_convolution_block_backward_scratch_count(&stage->shape, pictures)
                                             : tl_convolution_block_forward_scratch_count(&stage->shape, pictures));
    }
    if (is_backward) {
        block = tl_larger(block, tl_linear_scratch_count(pictures * rows->tokens, width));
        block = tl_larger(block, tl_weight_product_scratch_count());
    }
    scratch_layout layout = {.patches = tl_whole_line_floats(pictures * map)};
    layout.rows = layout.patches + tl_whole_line_floats(pictures * patches);
    layout.mean = layout.rows + (is_backward ? tl_whole_line_floats(pictures * map) : 0);
    layout.inverse = layout.mean + (is_backward ? tl_whole_line_floats(lines) : 0);
    layout.block = layout.inverse + (is_backward ? tl_whole_line_floats(lines) : 0);
    layout.total = layout.block + tl_whole_line_floats(block);
    return layout;
}

/* ---- what both directions share ---- */

typedef struct stem_job {
    const tl_stem *stem;
    const tl_weight *values;
    const float *pixels;
    size_t items, group, group_count;
    tl_stem_rows rows;
    float *kept; /* [items, kept_floats], groups one after the other; NULL in inference */
    scratch_layout layout;
    tl_chunk_scratch scratch;

    float *patches;             /* forward */
    tl_thread_pool *inner_pool; /* for the products of an only group */

    const tl_stem_gradient *gradient; /* backward */
    float *const *gradients;
    size_t share_count, share_size;
    float *shares;          /* [share_count, share_size] */
    float **share_pointers; /* [share_count, last_parameter] */
} stem_job;

static size_t group_pictures(const stem_job *job, size_t group)
{
    const size_t left = job->items - group * job->group;
    return left < job->group ? left : job->group;
}

/* The wanted patches of picture number `item`. */
static tl_patch_list wanted_patches(const stem_job *job, size_t item)
{
    const size_t count = job->rows.tokens - job->rows.skipped;
    return (tl_patch_list){job->rows.numbers != NULL ? job->rows.numbers + item * count : NULL, count};
}

/* The patches of what a stage gets: pixels, or the map of the stage before. */
static void lay_out_stage(const stem_job *job, size_t group, size_t number, const float *map, float *patches)
{
    const tl_stem *stem = job->stem;
    const tl_stem_stage *stage = &stem->stages[number];
    const size_t size = stage->shape.side * stage->shape.side * stage->patch_floats,
                 image = 3 * stem->image_size * stem->image_size;
    const tl_patch_list all = {NULL, stage->shape.side * stage->shape.side};
    for (size_t i = 0; i < group_pictures(job, group); i++)
        if (number == 0)
            tl_patches_lay_out(job->pixels + (group * job->group + i) * image, stem->image_size, stage->patch, &all,
                               patches + i * size);
        else
            tl_map_patches_lay_out(map + i * map_floats(stage - 1), (stage - 1)->shape.side, (stage - 1)->shape.width,
                                   stage->patch, &all, patches + i * size);
}

static void project_patches(const stem_job *job, size_t group, const tl_stem_stage *stage, const float *patches, float *rows,
                            float *scratch)
{
    const tl_linear_call call = {.weight = &job->values[stage->patch_weight],
                                 .rows = group_pictures(job, group) * stage->shape.side * stage->shape.side,
                                 .in = stage->patch_floats,
                                 .out = stage->shape.width,
                                 .x = patches,
                                 .bias = tl_weight_floats(&job->values[stage->patch_bias]),
                                 .y = rows};
    tl_linear_run(job->inner_pool, &call, scratch);
}

static bool take_scratch(stem_job *job, size_t width, bool is_backward, size_t task_count, tl_thread_pool *pool, tl_arena *arena,
                         tl_error *err)
{
    job->layout = lay_out(job->stem, job->group, &job->rows, width, is_backward);
    return tl_chunk_scratch_take(&job->scratch, job->layout.total, task_count, pool, arena, err);
}

/* ---- forward ---- */

/* The maps of a group: in training the next place of what is kept, else one map for all. */
static float *next_map(const stem_job *job, float **place, size_t floats, float *scratch)
{
    float *map = job->kept != NULL ? *place : scratch;
    if (job->kept != NULL)
        *place += floats;
    return map;
}

static void run_group(void *context, size_t group, size_t worker)
{
    const stem_job *job = context;
    const tl_stem *stem = job->stem;
    const size_t pictures = group_pictures(job, group), patch_floats = tl_stem_patch_floats(stem), first = group * job->group;
    float *scratch = tl_chunk_scratch_of(&job->scratch, group, worker), *block_scratch = scratch + job->layout.block,
          *patches = scratch + job->layout.patches;
    float *place = job->kept != NULL ? job->kept + first * kept_floats(stem) : NULL, *map = NULL;
    for (size_t number = 0; number < stem->stage_count; number++) {
        const tl_stem_stage *stage = &stem->stages[number];
        const size_t floats = pictures * map_floats(stage), rows = pictures * stage->shape.side * stage->shape.side;
        lay_out_stage(job, group, number, map, patches);
        map = next_map(job, &place, floats, scratch);
        project_patches(job, group, stage, patches, map, block_scratch);
        tl_layer_norm(map, tl_weight_floats(&job->values[stage->norm_weight]), tl_weight_floats(&job->values[stage->norm_bias]),
                      rows, stage->shape.width, stage->shape.epsilon, map, NULL, NULL);
        for (size_t layer = 0; layer < stage->layers; layer++) {
            const bool is_last = layer + 1 == stage->layers && number + 1 == stem->stage_count;
            float *output = is_last ? scratch : next_map(job, &place, floats, scratch);
            tl_convolution_block_forward(&stage->shape, &stage->blocks[layer], job->values, pictures, job->inner_pool, map,
                                         output, block_scratch);
            map = output;
        }
    }
    const tl_stem_stage *last = last_stage(stem);
    for (size_t i = 0; i < pictures; i++) {
        float *to = job->patches + (first + i) * job->rows.tokens * patch_floats;
        memset(to, 0, job->rows.skipped * patch_floats * sizeof *to);
        const tl_patch_list wanted = wanted_patches(job, first + i);
        tl_map_patches_lay_out(map + i * map_floats(last), last->shape.side, last->shape.width, stem->last_patch, &wanted,
                               to + job->rows.skipped * patch_floats);
    }
}

static void start_job(stem_job *job)
{
    job->group = pictures_of_a_group(job->stem);
    job->group_count = (job->items + job->group - 1) / job->group;
}

bool tl_stem_forward(const tl_stem *stem, const tl_weight *values, const float *pixels, size_t items, const tl_stem_rows *rows,
                     tl_thread_pool *pool, tl_arena *arena, float *patches, float **kept, tl_error *err)
{
    stem_job job = {.stem = stem, .values = values, .pixels = pixels, .items = items, .rows = *rows, .patches = patches};
    start_job(&job);
    if (kept != NULL && !tl_take_floats(arena, items * kept_floats(stem), kept, err))
        return false;
    job.kept = kept != NULL ? *kept : NULL;
    job.inner_pool = job.group_count == 1 ? pool : NULL;
    const tl_arena_mark mark = tl_arena_save(arena);
    if (!take_scratch(&job, 0, false, job.group_count, pool, arena, err))
        return false;
    tl_thread_pool_run(pool, job.group_count, run_group, &job);
    tl_arena_rewind(arena, mark);
    return true;
}

/* ---- backward ---- */

/* From the gradient by a stage's first map to that by what the stage gets: `map` becomes the gradient by the map of the stage
 * before. */
static void stage_start_backward(const stem_job *job, size_t group, size_t number, const float *before, float *const *gradients,
                                 float *scratch)
{
    const tl_stem_stage *stage = &job->stem->stages[number];
    const size_t width = stage->shape.width, pictures = group_pictures(job, group),
                 rows = pictures * stage->shape.side * stage->shape.side;
    const float *gain = tl_weight_floats(&job->values[stage->norm_weight]);
    float *map = scratch, *patches = scratch + job->layout.patches, *embedded = scratch + job->layout.rows,
          *mean = scratch + job->layout.mean, *inverse = scratch + job->layout.inverse,
          *block_scratch = scratch + job->layout.block;
    lay_out_stage(job, group, number, before, patches);
    project_patches(job, group, stage, patches, embedded, block_scratch);
    /* Of this norm only the statistics are wanted; the rows go where the products' scratch is idle. */
    tl_layer_norm(embedded, gain, tl_weight_floats(&job->values[stage->norm_bias]), rows, width, stage->shape.epsilon,
                  block_scratch, mean, inverse);
    tl_layer_norm_backward(map, embedded, gain, mean, inverse, NULL, rows, width, embedded, gradients[stage->norm_weight],
                           gradients[stage->norm_bias]);
    const tl_weight_product product = {
        embedded, width, patches, rows, width, stage->patch_floats, gradients[stage->patch_weight], job->gradient->in_bf16,
        TL_F32,   TL_F32};
    tl_weight_product_run(&product, block_scratch);
    tl_column_sums(embedded, rows, width, gradients[stage->patch_bias]);
    if (number == 0)
        return;
    const tl_stem_stage *previous = stage - 1;
    tl_linear_run_backward(NULL, &job->values[stage->patch_weight], TL_F32, embedded, rows, width, stage->patch_floats, patches,
                           block_scratch);
    const tl_patch_list all = {NULL, stage->shape.side * stage->shape.side};
    for (size_t i = 0; i < pictures; i++)
        tl_map_patches_put_back(patches + i * stage->shape.side * stage->shape.side * stage->patch_floats, previous->shape.side,
                                previous->shape.width, stage->patch, &all, map + i * map_floats(previous));
}

static void run_group_backward(const stem_job *job, size_t group, float *const *gradients, float *scratch)
{
    const tl_stem *stem = job->stem;
    const tl_stem_gradient *call = job->gradient;
    const tl_stem_stage *last = last_stage(stem);
    const size_t pictures = group_pictures(job, group), first = group * job->group, tokens = job->rows.tokens,
                 patch_floats = tl_stem_patch_floats(stem);
    float *map = scratch, *patches = scratch + job->layout.patches, *block_scratch = scratch + job->layout.block;
    const float *place = job->kept + (first + pictures) * kept_floats(stem); /* the end of the group's */
    tl_linear_run_backward(NULL, &job->values[call->projection], TL_F32, call->embedded + first * tokens * call->width,
                           pictures * tokens, call->width, patch_floats, patches, block_scratch);
    for (size_t i = 0; i < pictures; i++) {
        const tl_patch_list wanted = wanted_patches(job, first + i);
        tl_map_patches_put_back(patches + (i * tokens + job->rows.skipped) * patch_floats, last->shape.side, last->shape.width,
                                stem->last_patch, &wanted, map + i * map_floats(last));
    }
    for (size_t number = stem->stage_count; number-- > 0;) {
        const tl_stem_stage *stage = &stem->stages[number];
        for (size_t layer = stage->layers; layer-- > 0;) {
            place -= pictures * map_floats(stage); /* the block's input */
            tl_convolution_block_backward(&stage->shape, &stage->blocks[layer], job->values, pictures, call->in_bf16, place, map,
                                          gradients, block_scratch);
        }
        if (number > 0)
            place -= pictures * map_floats(stage - 1); /* the output of the stage before */
        stage_start_backward(job, group, number, place, gradients, scratch);
    }
}

/* A share: a run of groups, whose gradients by the weights are summed apart from the others'. */
static void run_share(void *context, size_t share, size_t worker)
{
    const stem_job *job = context;
    float **pointers = job->share_pointers + share * job->stem->last_parameter;
    float *at = job->shares + share * job->share_size, *scratch = tl_chunk_scratch_of(&job->scratch, share, worker);
    memset(at, 0, job->share_size * sizeof *at);
    for (size_t row = 0; row < job->stem->last_parameter; row++) {
        pointers[row] = NULL; /* not the stem's */
        if (row < job->stem->first_parameter)
            continue;
        pointers[row] = at;
        at += tl_whole_line_floats(job->stem->parameter_counts[row - job->stem->first_parameter]);
    }
    for (size_t group = share * job->group_count / job->share_count; group < (share + 1) * job->group_count / job->share_count;
         group++)
        run_group_backward(job, group, pointers, scratch);
}

static void add_shares(void *context, size_t index, size_t worker)
{
    (void)worker;
    const stem_job *job = context;
    const size_t row = job->stem->first_parameter + index;
    for (size_t share = 0; share < job->share_count; share++)
        tl_axpy(1.0f, job->share_pointers[share * job->stem->last_parameter + row], job->gradients[row],
                job->stem->parameter_counts[index]);
}

static size_t share_floats(const tl_stem *stem)
{
    size_t count = 0;
    for (size_t i = 0; i < stem->last_parameter - stem->first_parameter; i++)
        count += tl_whole_line_floats(stem->parameter_counts[i]);
    return count;
}

bool tl_stem_backward(const tl_stem *stem, const tl_weight *values, float *const *gradients, const tl_stem_gradient *call,
                      tl_thread_pool *pool, tl_arena *arena, tl_error *err)
{
    stem_job job = {.stem = stem,
                    .values = values,
                    .pixels = call->pixels,
                    .items = call->items,
                    .rows = call->rows,
                    .kept = (float *)(uintptr_t)call->kept,
                    .gradient = call,
                    .gradients = gradients,
                    .share_size = share_floats(stem)};
    start_job(&job);
    job.share_count = job.group_count < MOST_SHARES ? job.group_count : MOST_SHARES;
    const tl_arena_mark mark = tl_arena_save(arena);
    job.share_pointers = tl_arena_allocate(arena, job.share_count * stem->last_parameter, sizeof *job.share_pointers, err);
    if (job.share_pointers == NULL || !tl_take_floats(arena, job.share_count * job.share_size, &job.shares, err) ||
        !take_scratch(&job, call->width, true, job.share_count, pool, arena, err))
        return false;
    tl_thread_pool_run(pool, job.share_count, run_share, &job);
    tl_thread_pool_run(pool, stem->last_parameter - stem->first_parameter, add_shares, &job);
    tl_arena_rewind(arena, mark);
    return true;
}

/* ---- size ---- */

tl_tower_memory tl_stem_memory(const tl_stem *stem, size_t items, const tl_stem_rows *rows, size_t width, bool training)
{
    const size_t slack = 1024, workers = items < MOST_WORKERS ? items : MOST_WORKERS, group = pictures_of_a_group(stem);
    tl_tower_memory memory = {.kept = slack * sizeof(float *),
                              .forward = workers * (lay_out(stem, group, rows, width, false).total + slack) * sizeof(float)};
    if (training) {
        const size_t shares = items < MOST_SHARES ? items : MOST_SHARES;
        memory.kept += items * kept_floats(stem) * sizeof(float);
        memory.backward =
            (workers * (lay_out(stem, group, rows, width, true).total + slack) + shares * share_floats(stem) + slack) *
                sizeof(float) +
            shares * stem->last_parameter * sizeof(float *);
    }
    return memory;
}
