/*
 * Planning, memory and forward. A chunk aims at some hundred rows: enough that the weights, which come from far, are read for
 * many at a time, few enough that the rows of a layer stay near, and enough chunks to share among threads.
 */
#include "encoders/towers/transformer_internal.h"

#include <string.h>

enum { LEAST_CHUNK_ROWS = 192, MOST_CHUNK_ROWS = 512, WANTED_CHUNKS = 4, MOST_WORKERS = 16 };

bool tl_take_floats(tl_arena *arena, size_t count, float **out, tl_error *err)
{
    *out = tl_arena_allocate(arena, count, sizeof **out, err);
    return *out != NULL;
}

bool tl_chunk_scratch_take(tl_chunk_scratch *scratch, size_t count_each, size_t chunk_count, const tl_thread_pool *pool,
                           tl_arena *arena, tl_error *err)
{
    size_t threads = tl_thread_pool_size(pool);
    scratch->is_by_chunk = chunk_count < threads;
    scratch->count_each = tl_whole_line_floats(count_each);
    return tl_take_floats(arena, scratch->count_each * (scratch->is_by_chunk ? chunk_count : threads), &scratch->floats, err);
}

/* ---- plan ---- */

/* Nearly equal chunks, as many as threads share evenly when they are one, two or four. */
static size_t rows_of_a_chunk(size_t rows)
{
    size_t chunks = rows / LEAST_CHUNK_ROWS < WANTED_CHUNKS ? rows / LEAST_CHUNK_ROWS : WANTED_CHUNKS;
    if (rows > WANTED_CHUNKS * MOST_CHUNK_ROWS)
        chunks = (rows + WANTED_CHUNKS * MOST_CHUNK_ROWS - 1) / (WANTED_CHUNKS * MOST_CHUNK_ROWS) * WANTED_CHUNKS;
    return chunks != 0 ? (rows + chunks - 1) / chunks : LEAST_CHUNK_ROWS;
}

/* The end of the chunk that starts at item `first`: as many items as fit, at least one. */
static size_t end_of_chunk(const tl_batch_shape *batch, size_t first, size_t wanted_rows)
{
    size_t end = first, rows = 0;
    while (end < batch->items && (end == first || rows + batch->lengths[end] <= wanted_rows))
        rows += batch->lengths[end++];
    return end;
}

/* Sets the chunk's items one behind the other: offsets [items + 1], and where the row to pool of each lies. */
static void place_items(const tl_batch_shape *batch, tl_chunk *chunk, size_t *offsets, size_t *pooled_rows)
{
    size_t row = 0;
    for (size_t i = 0; i < chunk->item_count; i++) {
        offsets[i] = row;
        if (batch->pooled_rows != NULL)
            pooled_rows[i] = row + batch->pooled_rows[chunk->first_item + i];
        row += batch->lengths[chunk->first_item + i];
    }
    offsets[chunk->item_count] = row;
    chunk->row_count = row;
    chunk->offsets = offsets;
    chunk->pooled_rows = batch->pooled_rows != NULL ? pooled_rows : NULL;
}

bool tl_transformer_plan(const tl_transformer *transformer, const tl_batch_shape *batch, tl_arena *arena, tl_tower_state **out,
                         tl_error *err)
{
    const size_t heads = transformer->shape.heads;
    tl_tower_state *state = tl_arena_allocate(arena, 1, sizeof *state, err);
    if (state == NULL)
        return false;
    memset(state, 0, sizeof *state);
    state->items = batch->items;
    for (size_t i = 0; i < batch->items; i++)
        state->rows += batch->lengths[i];
    size_t wanted_rows = rows_of_a_chunk(state->rows);
    for (size_t first = 0; first < batch->items; first = end_of_chunk(batch, first, wanted_rows))
        state->chunk_count++;

    state->chunks = tl_arena_allocate(arena, state->chunk_count, sizeof *state->chunks, err);
    size_t *offsets = tl_arena_allocate(arena, batch->items + state->chunk_count, sizeof *offsets, err);
    size_t *pooled_offsets = tl_arena_allocate(arena, batch->items + 1, sizeof *pooled_offsets, err);
    size_t *pooled_rows = tl_arena_allocate(arena, batch->items, sizeof *pooled_rows, err);
    state->probability_starts = tl_arena_allocate(arena, state->chunk_count + 1, sizeof(size_t), err);
    state->pooled_probability_starts = tl_arena_allocate(arena, state->chunk_count + 1, sizeof(size_t), err);
    if (state->chunks == NULL || offsets == NULL || pooled_offsets == NULL || pooled_rows == NULL ||
        state->probability_starts == NULL || state->pooled_probability_starts == NULL)
        return false;
    for (size_t i = 0; i <= batch->items; i++)
        pooled_offsets[i] = i;

    size_t first = 0, first_row = 0, probabilities = 0, pooled_probabilities = 0;
    for (size_t c = 0; c < state->chunk_count; c++) {
        const size_t end = end_of_chunk(batch, first, wanted_rows);
        tl_chunk *chunk = &state->chunks[c];
        *chunk =
            (tl_chunk){.first_item = first, .item_count = end - first, .first_row = first_row, .pooled_offsets = pooled_offsets};
        place_items(batch, chunk, offsets + first + c, pooled_rows + first);
        state->probability_starts[c] = probabilities;
        state->pooled_probability_starts[c] = pooled_probabilities;
        for (size_t i = first; i < end; i++) {
            probabilities += tl_attention_probability_count(heads, batch->lengths[i], batch->lengths[i]);
            pooled_probabilities += tl_attention_probability_count(heads, 1, batch->lengths[i]);
            state->max_tokens = tl_larger(state->max_tokens, batch->lengths[i]);
        }
        state->max_rows = tl_larger(state->max_rows, chunk->row_count);
        state->max_items = tl_larger(state->max_items, chunk->item_count);
        first_row += chunk->row_count;
        first = end;
    }
    state->probability_starts[state->chunk_count] = probabilities;
    state->pooled_probability_starts[state->chunk_count] = pooled_probabilities;
    *out = state;
    return true;
}

static bool keep_attention_pool(const tl_transformer *transformer, tl_tower_state *state, tl_arena *arena, tl_error *err)
{
    const tl_block_shape shape = tl_transformer_pool_shape(transformer);
    size_t *starts = tl_arena_allocate(arena, state->chunk_count + 1, sizeof *starts, err);
    if (starts == NULL)
        return false;
    starts[0] = 0;
    for (size_t c = 0; c < state->chunk_count; c++) {
        const tl_chunk *chunk = &state->chunks[c];
        starts[c + 1] = starts[c];
        for (size_t i = 0; i < chunk->item_count; i++)
            starts[c + 1] += tl_attention_probability_count(shape.heads, 1, chunk->offsets[i + 1] - chunk->offsets[i]);
    }
    state->attention_pool_starts = starts;
    return tl_attention_pool_keep(&shape, state->items, state->rows, starts[state->chunk_count], arena, &state->attention_pool,
                                  err);
}

static bool take_kept(tl_arena *arena, tl_dtype kept, size_t count, void **out, tl_error *err)
{
    *out = tl_arena_allocate(arena, count, tl_dtype_size(kept), err);
    return *out != NULL;
}

bool tl_transformer_keep(const tl_transformer *transformer, const tl_weight *values, tl_tower_state *state, tl_arena *arena,
                         tl_error *err)
{
    const size_t width = transformer->shape.width, mlp = transformer->shape.mlp_width, rows = state->rows;
    state->blocks = tl_arena_allocate(arena, transformer->layers, sizeof *state->blocks, err);
    if (state->blocks == NULL)
        return false;
    memset(state->blocks, 0, transformer->layers * sizeof *state->blocks);
    const tl_dtype kept = tl_block_kept_dtype(&transformer->shape, tl_transformer_trains_in_bf16(transformer, values));
    state->kept = kept;
    size_t read = rows;
    for (size_t layer = 0; layer < transformer->layers; layer++) {
        tl_block_state *block = &state->blocks[layer];
        bool is_pooled = tl_transformer_is_pooled_layer(transformer, layer);
        size_t probabilities = (is_pooled ? state->pooled_probability_starts : state->probability_starts)[state->chunk_count];
        read = is_pooled ? state->items : rows;
        if (layer == 0) {
            if (!tl_take_floats(arena, rows * width, &block->input, err))
                return false;
        } else {
            block->input = state->blocks[layer - 1].output;
        }
        block->kept = kept;
        if (!tl_take_floats(arena, rows, &block->mean_1, err) || !tl_take_floats(arena, rows, &block->inverse_1, err) ||
            !tl_take_floats(arena, rows * width * (is_pooled ? 2 : 3), &block->qkv, err) ||
            !tl_take_floats(arena, probabilities, &block->probabilities, err) ||
            !take_kept(arena, kept, read * width, &block->attended, err) ||
            !tl_take_floats(arena, read * width, &block->middle, err) || !tl_take_floats(arena, read, &block->mean_2, err) ||
            !tl_take_floats(arena, read, &block->inverse_2, err) || !take_kept(arena, kept, read * mlp, &block->before, err) ||
            !tl_take_floats(arena, read * width, &block->output, err))
            return false;
        if (is_pooled && (!tl_take_floats(arena, read * width, &block->query_input, err) ||
                          !take_kept(arena, kept, read * width, &block->query_normal, err) ||
                          !tl_take_floats(arena, read * width, &block->query, err)))
            return false;
    }
    if (transformer->pooling == TL_POOLING_ATTENTION && !keep_attention_pool(transformer, state, arena, err))
        return false;
    return tl_take_floats(arena, state->items * width, &state->pooled, err) && tl_take_floats(arena, read, &state->mean, err) &&
           tl_take_floats(arena, read, &state->inverse, err);
}

bool tl_transformer_keep_again(const tl_transformer *transformer, tl_tower_state *state, tl_arena *arena, tl_error *err)
{
    const size_t width = transformer->shape.width, mlp = transformer->shape.mlp_width, rows = state->rows;
    void *after[2], *normal_1[2], *normal_2[2];
    for (size_t i = 0; i < 2; i++)
        if (!take_kept(arena, state->kept, rows * mlp, &after[i], err) ||
            !take_kept(arena, state->kept, rows * width, &normal_1[i], err) ||
            !take_kept(arena, state->kept, rows * width, &normal_2[i], err))
            return false;
    for (size_t layer = 0; layer < transformer->layers; layer++) {
        state->blocks[layer].after = after[layer % 2];
        state->blocks[layer].normal_1 = normal_1[layer % 2];
        state->blocks[layer].normal_2 = normal_2[layer % 2];
    }
    return true;
}

tl_chunk tl_transformer_view_chunk(const tl_transformer *transformer, const tl_tower_state *state, size_t layer, size_t chunk)
{
    tl_chunk view = state->chunks[chunk];
    if (!tl_transformer_is_pooled_layer(transformer, layer))
        view.pooled_rows = NULL;
    return view;
}

/* What is not there stays NULL. */
static void *advance(tl_dtype dtype, void *numbers, size_t count)
{
    return numbers != NULL ? (char *)numbers + count * tl_dtype_size(dtype) : NULL;
}

tl_block_state tl_transformer_view_block(const tl_transformer *transformer, const tl_tower_state *state, size_t layer,
                                         size_t chunk)
{
    const size_t width = transformer->shape.width, mlp = transformer->shape.mlp_width;
    const bool is_pooled = tl_transformer_is_pooled_layer(transformer, layer);
    const size_t row = state->chunks[chunk].first_row, read = is_pooled ? state->chunks[chunk].first_item : row;
    const tl_block_state *whole = &state->blocks[layer];
    const tl_dtype kept = whole->kept;
    tl_block_state view = {.kept = kept,
                           .input = whole->input + row * width,
                           .normal_1 = advance(kept, whole->normal_1, row * width),
                           .mean_1 = whole->mean_1 + row,
                           .inverse_1 = whole->inverse_1 + row,
                           .qkv = whole->qkv + row * width * (is_pooled ? 2 : 3),
                           .attended = advance(kept, whole->attended, read * width),
                           .middle = whole->middle + read * width,
                           .normal_2 = advance(kept, whole->normal_2, read * width),
                           .mean_2 = whole->mean_2 + read,
                           .inverse_2 = whole->inverse_2 + read,
                           .before = advance(kept, whole->before, read * mlp),
                           .after = advance(kept, whole->after, read * mlp),
                           .output = whole->output + read * width};
    view.probabilities = whole->probabilities + (is_pooled ? state->pooled_probability_starts : state->probability_starts)[chunk];
    if (is_pooled) {
        view.query_input = whole->query_input + read * width;
        view.query_normal = advance(kept, whole->query_normal, read * width);
        view.query = whole->query + read * width;
    }
    return view;
}

/* ---- forward ---- */

/* Scratch of one worker without a kept state: one block's activations, reused from block to block. */
typedef struct worker_layout {
    size_t rows, normal, wide, query_input, query_normal, query, scratch, total;
} worker_layout;

static worker_layout lay_out_worker(const tl_transformer *transformer, size_t max_rows, size_t max_items, size_t max_tokens,
                                    size_t embedding_scratch_per_row, size_t shares, bool is_kept, tl_dtype kept)
{
    const size_t width = transformer->shape.width, mlp = transformer->shape.mlp_width;
    const size_t hidden = transformer->shape.is_gated ? 2 * mlp : mlp;
    const size_t wide_rows = max_rows * (3 * width > hidden ? 3 * width : hidden);
    const size_t pool_wide = transformer->pooling == TL_POOLING_ATTENTION ? max_items * transformer->attention_pool_mlp_width : 0;
    worker_layout layout = {0};
    size_t at = 0;
    layout.normal = at; /* the head's as well, in training too */
    at += tl_whole_line_floats(max_rows * width);
    layout.wide = at; /* in training, of what the activation gives */
    at += tl_whole_line_floats(is_kept ? max_rows * mlp : wide_rows > pool_wide ? wide_rows : pool_wide);
    if (!is_kept) {
        layout.rows = at;
        at += tl_whole_line_floats(max_rows * width);
        layout.query_input = at;
        at += tl_whole_line_floats(max_items * width);
        layout.query_normal = at;
        at += tl_whole_line_floats(max_items * width);
        layout.query = at;
        at += tl_whole_line_floats(max_items * width);
    }
    size_t scratch = tl_block_forward_scratch_count(&transformer->shape, kept, max_rows, max_tokens, shares);
    const size_t embedding = max_rows * embedding_scratch_per_row;
    if (scratch < embedding)
        scratch = embedding;
    if (transformer->pooling == TL_POOLING_ATTENTION) {
        const size_t pool_mlp = transformer->attention_pool_mlp_width;
        size_t pooling = tl_attention_scratch_count(1, max_tokens, width / transformer->attention_pool_heads);
        size_t product =
            tl_linear_scratch_count(max_items, pool_mlp > width ? pool_mlp : width); /* or of all rows: the block's */
        scratch = scratch < pooling ? pooling : scratch;
        scratch = scratch < product ? product : scratch;
    }
    layout.scratch = at;
    layout.total = at + tl_whole_line_floats(scratch);
    return layout;
}

static tl_block_state view_scratch(const worker_layout *layout, float *scratch, bool is_pooled)
{
    float *wide = scratch + layout->wide, *normal = scratch + layout->normal, *rows = scratch + layout->rows;
    tl_block_state view = {.input = rows,
                           .normal_1 = normal,
                           .qkv = wide,
                           .attended = normal,
                           .middle = rows,
                           .normal_2 = normal,
                           .before = wide,
                           .after = wide,
                           .output = rows};
    if (is_pooled) {
        view.query_input = scratch + layout->query_input;
        view.query_normal = scratch + layout->query_normal;
        view.query = scratch + layout->query;
        view.middle = view.output = view.query_input;
    }
    return view;
}

typedef struct forward_job {
    const tl_transformer *transformer;
    const tl_weight *values;
    tl_tower_state *state;
    const tl_embedding *embedding;
    tl_thread_pool *inner_pool; /* for the products of an only chunk */
    const tl_stage_observer *observer;
    worker_layout layout;
    tl_chunk_scratch scratch;
    float *out;
} forward_job;

static void show(const forward_job *job, const char *stage, size_t index, const float *rows, size_t row_count, size_t width)
{
    if (job->observer != NULL)
        job->observer->visit(job->observer->context, stage, index, rows, row_count, width);
}

static void run_norm(const forward_job *job, const float *rows, size_t first, size_t count, float *target)
{
    const tl_transformer *transformer = job->transformer;
    const tl_tower_state *state = job->state;
    const bool is_kept = state->blocks != NULL;
    tl_layer_norm(rows, tl_weight_floats(&job->values[transformer->norm_weight]),
                  tl_weight_floats(&job->values[transformer->norm_bias]), count, transformer->shape.width,
                  transformer->shape.epsilon, target, is_kept ? state->mean + first : NULL,
                  is_kept ? state->inverse + first : NULL);
}

/* rows [N, W] -> means [items, W], which may lie at the start of rows: an item's mean comes no later than its rows. */
static void average(const tl_transformer *transformer, const tl_chunk *chunk, float *rows, float *means)
{
    const size_t width = transformer->shape.width, skipped = transformer->unpooled_rows;
    for (size_t i = 0; i < chunk->item_count; i++) {
        size_t first = chunk->offsets[i] + skipped, count = chunk->offsets[i + 1] - first;
        float *sum = rows + first * width; /* its first row takes the sum */
        tl_column_sums(sum + width, count - 1, width, sum);
        tl_scale(sum, 1.0f / (float)count, sum, width);
        memmove(means + i * width, sum, width * sizeof *sum);
    }
}

/* The chunk's kept activations, or the worker's scratch where nothing is kept. */
static tl_attention_pool_state view_attention_pool(const forward_job *job, const tl_chunk *chunk, float *scratch)
{
    const tl_tower_state *state = job->state;
    const tl_block_shape shape = tl_transformer_pool_shape(job->transformer);
    if (state->blocks != NULL)
        return tl_attention_pool_view(&shape, &state->attention_pool, chunk, state->attention_pool_starts[chunk - state->chunks]);
    float *wide = scratch + job->layout.wide, *query = scratch + job->layout.query, *attended = scratch + job->layout.query_input;
    return (tl_attention_pool_state){.rows = scratch + job->layout.normal,
                                     .key_value = wide,
                                     .query = query,
                                     .attended = attended,
                                     .middle = query,
                                     .normal = attended,
                                     .before = wide,
                                     .after = wide,
                                     .pooled = scratch + job->layout.query_normal};
}

/* Final norm and pooling. rows: [R, W] of the last block; scratch: the worker's; returns [items, W]. */
static float *pool_rows(const forward_job *job, const tl_chunk *chunk, float *rows, float *scratch)
{
    const tl_transformer *transformer = job->transformer;
    const tl_tower_state *state = job->state;
    float *normal = scratch + job->layout.normal;
    float *pooled = state->blocks != NULL ? state->pooled + chunk->first_item * transformer->shape.width : normal;
    switch (transformer->pooling) {
    case TL_POOLING_ROW:
        run_norm(job, rows, chunk->first_item, chunk->item_count, pooled);
        break;
    case TL_POOLING_MEAN:
        if (transformer->norms_after_pooling) {
            average(transformer, chunk, rows, rows);
            run_norm(job, rows, chunk->first_item, chunk->item_count, pooled);
        } else {
            run_norm(job, rows, chunk->first_row, chunk->row_count, normal);
            average(transformer, chunk, normal, pooled);
        }
        break;
    case TL_POOLING_ATTENTION: {
        const tl_block_shape shape = tl_transformer_pool_shape(transformer);
        const tl_attention_pool_state pool = view_attention_pool(job, chunk, scratch);
        run_norm(job, rows, chunk->first_row, chunk->row_count, pool.rows);
        tl_attention_pool_forward(&shape, &transformer->attention_pool, job->values, chunk, job->inner_pool, pool.rows, &pool,
                                  scratch + job->layout.scratch);
        if (state->blocks == NULL)
            pooled = pool.pooled;
        else /* whose place its gradient will take */
            memcpy(pooled, pool.pooled, chunk->item_count * shape.width * sizeof *pooled);
        break;
    }
    }
    return pooled;
}

static void run_head(const forward_job *job, const tl_chunk *chunk, float *rows, float *scratch)
{
    const tl_transformer *transformer = job->transformer;
    const size_t width = transformer->shape.width, dim = transformer->output_dim;
    const float *pooled = pool_rows(job, chunk, rows, scratch);
    float *out = job->out + chunk->first_item * dim;
    show(job, transformer->stages.pooled, 0, pooled, chunk->item_count, width);
    if (transformer->has_projection) {
        tl_weight weight = job->values[transformer->projection]; /* of shape [W, D], where a product takes [D, W] */
        weight.is_transposed = !weight.is_transposed;
        tl_linear(NULL, pooled, chunk->item_count, width, &weight,
                  transformer->has_projection_bias ? tl_weight_floats(&job->values[transformer->projection_bias]) : NULL, NULL,
                  dim, out);
    } else {
        memcpy(out, pooled, chunk->item_count * dim * sizeof *out);
    }
    show(job, transformer->stages.projected, 0, out, chunk->item_count, dim);
}

static void run_chunk(void *context, size_t index, size_t worker)
{
    const forward_job *job = context;
    const tl_transformer *transformer = job->transformer;
    float *scratch = tl_chunk_scratch_of(&job->scratch, index, worker);
    float *block_scratch = scratch + job->layout.scratch;
    const bool is_kept = job->state->blocks != NULL;
    tl_block_state view = {0};
    for (size_t layer = 0; layer < transformer->layers; layer++) {
        tl_chunk chunk = tl_transformer_view_chunk(transformer, job->state, layer, index);
        view = is_kept ? tl_transformer_view_block(transformer, job->state, layer, index)
                       : view_scratch(&job->layout, scratch, chunk.pooled_rows != NULL);
        if (is_kept) { /* what backward makes again */
            view.normal_1 = view.normal_2 = scratch + job->layout.normal;
            view.after = scratch + job->layout.wide;
        }
        if (layer == 0) {
            job->embedding->embed(job->embedding->context, &chunk, job->state, block_scratch, view.input);
            show(job, transformer->stages.embedding, 0, view.input, chunk.row_count, transformer->shape.width);
        }
        const size_t rows = chunk.pooled_rows != NULL ? chunk.item_count : chunk.row_count, width = transformer->shape.width;
        tl_block_forward_attention(&transformer->shape, &transformer->blocks[layer], job->values, &chunk, job->inner_pool, &view,
                                   block_scratch);
        show(job, transformer->stages.middle, layer, view.middle, rows, width);
        tl_block_forward_mlp(&transformer->shape, &transformer->blocks[layer], job->values, &chunk, job->inner_pool, &view,
                             block_scratch);
        show(job, transformer->stages.block, layer, view.output, rows, width);
    }
    run_head(job, &job->state->chunks[index], view.output, scratch);
}

bool tl_transformer_forward(const tl_transformer *transformer, const tl_weight *values, tl_tower_state *state,
                            const tl_embedding *embedding, tl_thread_pool *pool, tl_arena *arena,
                            const tl_stage_observer *observer, float *out, tl_error *err)
{
    const bool is_kept = state->blocks != NULL;
    forward_job job = {.transformer = transformer, .values = values, .state = state, .embedding = embedding, .out = out};
    if (observer != NULL)
        pool = NULL;
    job.observer = observer;
    job.inner_pool = state->chunk_count == 1 ? pool : NULL;
    const size_t shares = tl_attention_share_count(job.inner_pool, transformer->shape.heads);
    job.layout = lay_out_worker(transformer, state->max_rows, state->max_items, state->max_tokens, embedding->scratch_per_row,
                                shares, is_kept, state->kept);
    tl_arena_mark mark = tl_arena_save(arena);
    if (!tl_chunk_scratch_take(&job.scratch, job.layout.total, state->chunk_count, pool, arena, err))
        return false;
    tl_thread_pool_run(pool, state->chunk_count, run_chunk, &job);
    tl_arena_rewind(arena, mark);
    return true;
}

/* ---- size ---- */

tl_tower_memory tl_transformer_memory(const tl_transformer *transformer, size_t items, size_t max_tokens,
                                      size_t embedding_scratch_per_row, bool training, tl_dtype kept)
{
    const tl_block_shape *shape = &transformer->shape;
    const size_t width = shape->width, mlp = shape->mlp_width, rows = items * max_tokens, slack = 1024;
    /* Of fewer rows than these a chunk may be longer. */
    const size_t most_rows = rows < MOST_CHUNK_ROWS ? rows : MOST_CHUNK_ROWS,
                 chunk_rows = most_rows > max_tokens ? most_rows : max_tokens;
    const size_t chunk_items = chunk_rows / max_tokens, chunks = (items + chunk_items - 1) / chunk_items;
    const size_t workers = items < MOST_WORKERS ? items : MOST_WORKERS, roundings = (transformer->layers + 4) * 20 * 64;
    const worker_layout worker = lay_out_worker(transformer, chunk_rows, chunk_items, max_tokens, embedding_scratch_per_row,
                                                chunks == 1 ? TL_MOST_ATTENTION_SHARES : 1, training, kept);
    tl_tower_memory memory = {.kept = roundings * sizeof(float) + (items * 16 + chunks * 32 + slack) * sizeof(size_t),
                              .forward = workers * (worker.total + slack) * sizeof(float)};
    if (!training)
        return memory;
    /* Of a block: its shared input once; what only products read in its own type. */
    const size_t a_row = 5 * width + 8, a_kept_row = width + mlp;
    size_t floats = rows * (3 * width + embedding_scratch_per_row + 8),
           vectors = transformer->layers * chunks * (tl_block_vector_count(shape) + 4 * width);
    floats += transformer->layers *
              (rows * a_row + 3 * items * width + items * tl_attention_probability_count(shape->heads, max_tokens, max_tokens));
    if (transformer->pooling == TL_POOLING_ATTENTION) {
        const tl_block_shape pool = tl_transformer_pool_shape(transformer);
        floats += rows * 3 * width + items * (7 * width + 2 * pool.mlp_width + 2) +
                  items * tl_attention_probability_count(pool.heads, 1, max_tokens) + slack;
        vectors += chunks * tl_attention_pool_vector_count(&pool);
    }
    memory.kept += floats * sizeof(float) + transformer->layers * rows * a_kept_row * tl_dtype_size(kept);
    memory.backward =
        (vectors + roundings +
         workers * (tl_transformer_backward_scratch_count(transformer, chunk_rows, chunk_items, max_tokens) + slack)) *
            sizeof(float) +
        2 * rows * (2 * width + mlp) * tl_dtype_size(kept);
    return memory;
}
