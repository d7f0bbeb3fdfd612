/*
 * CLIP's ResNet (He et al. 2016, as changed by Radford et al. 2021, section 2.4): a stem of three convolutions and an average
 * pool, four stages of bottlenecks that shrink by an average pool before a convolution (Zhang 2019), and attention pooling.
 * Inference only.
 *
 * Pictures lie pixel by pixel, all channels together, so that a 1 x 1 convolution is a product of rows. What a 3 x 3 convolution
 * reads lies in a frame of zeros. A stage takes as many items at once as fill its products with rows: the early ones, with
 * thousands of pixels, a single item whose rows then stay in cache, the last one several. So scratch does not grow with the
 * batch.
 */
#include "base/core/memory.h"
#include "encoders/layers/conv2d.h"
#include "encoders/layers/grid_pool.h"
#include "encoders/towers/vision_internal.h"

#include <stdio.h>
#include <string.h>

enum {
    STAGES = 5, /* the stem and four of bottlenecks */
    STEM = 3,
    EXPANSION = 4,
    REDUCTION = 32,   /* of the side, by all stages */
    WANTED_ROWS = 384 /* of the products of a stage */
};

typedef struct bottleneck {
    tl_conv2d conv1, conv2, conv3;
    tl_conv2d downsample; /* of the first of a stage */
} bottleneck;

typedef struct stage {
    bottleneck *blocks; /* [block_count], owned; none in the stem */
    size_t block_count;
    size_t in_side, side; /* of its pictures; of the stem's convolutions and of its pool */
    size_t channels;
    size_t items; /* at once: a multiple of those of the stage before */
} stage;

typedef struct resnet {
    size_t image_size;
    tl_conv2d stem[STEM];
    stage stages[STAGES];
    tl_grid_pool pool;
} resnet;

static bool is_halving(const stage *at)
{
    return at->side != at->in_side;
}

/* ---- create ---- */

static bool create_stem(size_t width, tl_parameter_table *table, resnet *tower, tl_error *err)
{
    /* The first has a stride, so it is a product with columns laid out; its kernel lies in the file as any other. */
    tower->stem[0] = (tl_conv2d){.in = 3, .out = width / 2, .side = 3};
    tower->stem[1] = (tl_conv2d){.in = width / 2, .out = width / 2, .side = 3};
    tower->stem[2] = (tl_conv2d){.in = width / 2, .out = width, .side = 3};
    if (!tl_conv2d_create("visual.", "conv1", "bn1", table, &tower->stem[0], err) ||
        !tl_conv2d_create("visual.", "conv2", "bn2", table, &tower->stem[1], err) ||
        !tl_conv2d_create("visual.", "conv3", "bn3", table, &tower->stem[2], err))
        return false;
    tower->stem[0].in = TL_STRIDE_COLUMNS;
    tower->stem[0].side = 1;
    return true;
}

static bool create_bottleneck(const char *prefix, size_t in, size_t planes, bool is_first, tl_parameter_table *table,
                              bottleneck *block, tl_error *err)
{
    block->conv1 = (tl_conv2d){.in = in, .out = planes, .side = 1};
    block->conv2 = (tl_conv2d){.in = planes, .out = planes, .side = 3};
    block->conv3 = (tl_conv2d){.in = planes, .out = planes * EXPANSION, .side = 1};
    block->downsample = (tl_conv2d){.in = in, .out = planes * EXPANSION, .side = 1};
    return tl_conv2d_create(prefix, "conv1", "bn1", table, &block->conv1, err) &&
           tl_conv2d_create(prefix, "conv2", "bn2", table, &block->conv2, err) &&
           tl_conv2d_create(prefix, "conv3", "bn3", table, &block->conv3, err) &&
           (!is_first || tl_conv2d_create(prefix, "downsample.0", "downsample.1", table, &block->downsample, err));
}

static bool create_stage(size_t number, size_t in, size_t planes, tl_parameter_table *table, stage *out, tl_error *err)
{
    out->blocks = tl_memory_allocate(out->block_count, sizeof *out->blocks, err);
    if (out->blocks == NULL)
        return false;
    for (size_t i = 0; i < out->block_count; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "visual.layer%zu.%zu.", number, i);
        if (!create_bottleneck(prefix, i == 0 ? in : planes * EXPANSION, planes, i == 0, table, &out->blocks[i], err))
            return false;
    }
    return true;
}

static void destroy_resnet(void *trunk)
{
    resnet *tower = trunk;
    if (tower == NULL)
        return;
    for (size_t s = 0; s < STAGES; s++)
        tl_memory_free(tower->stages[s].blocks);
    tl_memory_free(tower);
}

/* Sides, channels and items of all stages. */
static void plan_stages(const tl_vision_config *vision, resnet *tower)
{
    size_t side = (tower->image_size + 1) / 2, items = 1;
    for (size_t s = 0; s < STAGES; s++) {
        stage *at = &tower->stages[s];
        at->in_side = side;
        at->side = side = s == 1 ? side : side / 2;
        at->channels = s == 0 ? vision->width : ((size_t)vision->width * EXPANSION) << (s - 1);
        at->block_count = s == 0 ? 0 : vision->stage_layers[s - 1];
        const size_t rows = items * side * side;
        items *= rows < WANTED_ROWS && rows != 0 ? (WANTED_ROWS + rows - 1) / rows : 1;
        at->items = items;
    }
}

static bool create_resnet(const tl_model_config *config, tl_parameter_table *table, void **out, tl_error *err)
{
    const tl_vision_config *vision = &config->vision;
    resnet *tower = tl_memory_allocate(1, sizeof *tower, err);
    if (tower == NULL)
        return false;
    tower->image_size = vision->image_size;
    plan_stages(vision, tower);
    const stage *last = &tower->stages[STAGES - 1];
    const size_t grid = vision->image_size / REDUCTION;
    if (last->side != grid) {
        tl_fail(err, TL_ERROR_INVALID, "'image_size': expected one that five halvings leave at %zu pixels, found %zu (%zu)", grid,
                tower->image_size, last->side);
        goto failed;
    }
    if (!create_stem(vision->width, table, tower, err))
        goto failed;
    for (size_t s = 1; s < STAGES; s++)
        if (!create_stage(s, tower->stages[s - 1].channels, tower->stages[s].channels / EXPANSION, table, &tower->stages[s], err))
            goto failed;
    tower->pool =
        (tl_grid_pool){.width = last->channels, .heads = vision->heads, .pixels = grid * grid, .out = config->embedding_dim};
    if (!tl_grid_pool_create("visual.attnpool.", table, &tower->pool, err))
        goto failed;
    *out = tower;
    return true;
failed:
    destroy_resnet(tower);
    return false;
}

/* ---- scratch ---- */

/* Blocks of floats; those of the stages serve one after the other. */
typedef struct resnet_scratch {
    float *inputs[STAGES + 1]; /* [s]: what stage s reads, [items, in_side^2, channels before]; last: what the pool reads */
    float *framed;             /* what a 3 x 3 convolution reads */
    float *convolved;          /* what it writes; in the stem, framed as well */
    float *halved;             /* that, or the stem's columns */
    float *halved_input;       /* the stage's input, or what the stem's pool reads */
    float *norm;               /* [2, channels] */
    float *pooling, *pooled;
} resnet_scratch;
enum { SCRATCH_BLOCKS = sizeof(resnet_scratch) / sizeof(float *) };

static size_t square(size_t side)
{
    return side * side;
}

/* Floats of each block for a batch, in the order of the record. */
static void count_scratch(const resnet *tower, size_t batch, size_t counts[SCRATCH_BLOCKS])
{
    memset(counts, 0, SCRATCH_BLOCKS * sizeof *counts);
    size_t *work = counts + STAGES + 1; /* framed, convolved, halved, halved_input */
    for (size_t s = 0; s < STAGES; s++) {
        const stage *at = &tower->stages[s];
        const size_t items = at->items < batch ? at->items : batch;
        const size_t in_channels = s == 0 ? 0 : tower->stages[s - 1].channels;
        const size_t planes = s == 0 ? at->channels / 2 : at->channels / EXPANSION;
        counts[s] = items * square(at->in_side) * in_channels;
        work[0] = tl_larger(work[0], items * square(at->in_side + 2) * planes);
        work[1] = tl_larger(work[1], items * square(at->in_side + (s == 0 ? 2 : 0)) * planes);
        if (s == 0) {
            work[2] = items * square(at->in_side) * TL_STRIDE_COLUMNS;
            work[3] = items * square(at->in_side) * at->channels;
        } else if (is_halving(at)) {
            work[2] = tl_larger(work[2], items * square(at->side) * planes);
            work[3] = tl_larger(work[3], items * square(at->side) * in_channels);
        }
    }
    const stage *last = &tower->stages[STAGES - 1];
    const size_t items = last->items < batch ? last->items : batch;
    counts[STAGES] = items * square(last->side) * last->channels;
    work[4] = 2 * last->channels;
    work[5] = tl_grid_pool_scratch_count(&tower->pool, items);
    work[6] = items * last->channels;
}

static tl_tower_memory resnet_memory(const void *trunk, size_t batch, bool training, bool in_bf16, double patch_dropout)
{
    (void)training;
    (void)in_bf16;
    (void)patch_dropout;
    enum { LINE = 64 };
    size_t counts[SCRATCH_BLOCKS];
    tl_tower_memory memory = {0};
    count_scratch(trunk, batch, counts);
    for (size_t i = 0; i < SCRATCH_BLOCKS; i++)
        memory.forward += (counts[i] * sizeof(float) + LINE - 1) / LINE * LINE;
    return memory;
}

static bool take_scratch(const resnet *tower, size_t batch, tl_arena *arena, resnet_scratch *out, tl_error *err)
{
    float **const blocks[SCRATCH_BLOCKS] = {
        &out->inputs[0], &out->inputs[1], &out->inputs[2],    &out->inputs[3], &out->inputs[4], &out->inputs[5], &out->framed,
        &out->convolved, &out->halved,    &out->halved_input, &out->norm,      &out->pooling,   &out->pooled};
    size_t counts[SCRATCH_BLOCKS];
    count_scratch(tower, batch, counts);
    for (size_t i = 0; i < SCRATCH_BLOCKS; i++) {
        *blocks[i] = NULL;
        if (counts[i] != 0 && (*blocks[i] = tl_arena_allocate(arena, counts[i], sizeof(float), err)) == NULL)
            return false;
    }
    return true;
}

/* ---- forward ---- */

typedef struct resnet_pass {
    const resnet *tower;
    const tl_weight *values;
    const float *pixels;
    tl_thread_pool *pool;
    const tl_stage_observer *observer;
    resnet_scratch scratch;
} resnet_pass;

static void convolve(const resnet_pass *pass, const tl_conv2d *conv2d, const tl_conv2d_call *call)
{
    tl_conv2d_forward(conv2d, pass->values, call, pass->pool, pass->scratch.norm);
}

static void run_stem(const resnet_pass *pass, size_t first_item, size_t items, float *out)
{
    const resnet *tower = pass->tower;
    const resnet_scratch *scratch = &pass->scratch;
    const size_t side = tower->stages[0].in_side;
    const tl_raster bare = {items, side, side, 0}, framed = {items, side, side, 1};
    tl_stride_columns(pass->pool, pass->pixels + first_item * 3 * square(tower->image_size), items, tower->image_size,
                      scratch->halved);
    tl_raster_clear_border(pass->pool, &framed, tower->stem[0].out, scratch->framed);
    tl_raster_clear_border(pass->pool, &framed, tower->stem[1].out, scratch->convolved);
    convolve(pass, &tower->stem[0],
             &(tl_conv2d_call){.raster = bare, .x = scratch->halved, .y_border = 1, .y = scratch->framed, .rectifies = true});
    convolve(
        pass, &tower->stem[1],
        &(tl_conv2d_call){.raster = framed, .x = scratch->framed, .y_border = 1, .y = scratch->convolved, .rectifies = true});
    convolve(pass, &tower->stem[2],
             &(tl_conv2d_call){.raster = framed, .x = scratch->convolved, .y = scratch->halved_input, .rectifies = true});
    tl_average_halve(pass->pool, &bare, tower->stem[2].out, scratch->halved_input, out);
}

/* x [items, side, side, in] -> y; of a block that is not the first of its stage they are the same memory. */
static void run_bottleneck(const resnet_pass *pass, const stage *at, const bottleneck *block, bool is_first, size_t items,
                           const float *x, float *y)
{
    const resnet_scratch *scratch = &pass->scratch;
    const size_t side = is_first ? at->in_side : at->side;
    const tl_raster bare = {items, side, side, 0}, framed = {items, side, side, 1}, out = {items, at->side, at->side, 0};
    const bool halves = is_first && is_halving(at);
    tl_raster_clear_border(pass->pool, &framed, block->conv1.out, scratch->framed);
    convolve(pass, &block->conv1,
             &(tl_conv2d_call){.raster = bare, .x = x, .y_border = 1, .y = scratch->framed, .rectifies = true});
    convolve(pass, &block->conv2,
             &(tl_conv2d_call){.raster = framed, .x = scratch->framed, .y = scratch->convolved, .rectifies = true});
    const float *convolved = scratch->convolved;
    if (halves) {
        tl_average_halve(pass->pool, &bare, block->conv2.out, scratch->convolved, scratch->halved);
        tl_average_halve(pass->pool, &bare, block->conv1.in, x, scratch->halved_input);
        convolved = scratch->halved;
        x = scratch->halved_input;
    }
    if (is_first)
        convolve(pass, &block->downsample, &(tl_conv2d_call){.raster = out, .x = x, .y = y});
    convolve(pass, &block->conv3, &(tl_conv2d_call){.raster = out, .x = convolved, .y = y, .residual = y, .rectifies = true});
}

/* out [items, side^2, channels] of a stage for so many of its items at most, through all stages before. */
static void run_stages(const resnet_pass *pass, size_t number, size_t first_item, size_t items, float *out)
{
    const stage *at = &pass->tower->stages[number];
    if (number == 0) {
        run_stem(pass, first_item, items, out);
    } else {
        const stage *before = at - 1;
        float *in = pass->scratch.inputs[number];
        for (size_t item = 0; item < items; item += before->items)
            run_stages(pass, number - 1, first_item + item, items - item < before->items ? items - item : before->items,
                       in + item * square(before->side) * before->channels);
        for (size_t i = 0; i < at->block_count; i++)
            run_bottleneck(pass, at, &at->blocks[i], i == 0, items, i == 0 ? in : out, out);
    }
    if (pass->observer != NULL)
        pass->observer->visit(pass->observer->context, "visual.block", number, out, items * square(at->side), at->channels);
}

static bool forward_resnet(const void *trunk, const tl_weight *values, const float *pixels, size_t batch,
                           const tl_patch_dropout *dropout, tl_thread_pool *pool, tl_arena *arena,
                           const tl_stage_observer *observer, float *out, tl_tower_state **state, tl_error *err)
{
    const resnet *tower = trunk;
    const stage *last = &tower->stages[STAGES - 1];
    (void)dropout;
    const size_t width = last->channels, dim = tower->pool.out;
    if (state != NULL)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "image tower: a ResNet can be used here but not trained");
    resnet_pass pass = {.tower = tower, .values = values, .pixels = pixels, .pool = pool, .observer = observer};
    if (!take_scratch(tower, batch, arena, &pass.scratch, err))
        return false;
    float *rows = pass.scratch.inputs[STAGES], *pooled = pass.scratch.pooled;
    for (size_t item = 0; item < batch; item += last->items) {
        const size_t items = batch - item < last->items ? batch - item : last->items;
        run_stages(&pass, STAGES - 1, item, items, rows);
        tl_grid_pool_forward(&tower->pool, values, rows, items, pool, pass.scratch.pooling, pooled, out + item * dim);
        if (observer != NULL) {
            observer->visit(observer->context, "visual.pooled", 0, pooled, items, width);
            observer->visit(observer->context, "visual.projected", 0, out + item * dim, items, dim);
        }
    }
    return true;
}

static bool backward_resnet(const void *trunk, const tl_weight *values, float *const *gradients, tl_tower_state *state,
                            const float *out_gradient, tl_thread_pool *pool, tl_arena *arena, tl_error *err)
{
    (void)trunk, (void)values, (void)gradients, (void)state, (void)out_gradient, (void)pool, (void)arena;
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "image tower: a ResNet can be used here but not trained");
}

const tl_vision_kind tl_vision_kind_resnet = {create_resnet, destroy_resnet, resnet_memory, forward_resnet, backward_resnet};
