/*
 * Backward, one pool job a layer. The job of layer l holds the chunks of layer l (the head's with the last layer, the embedding's
 * with the first) and what layer l + 1 left behind: weight products over all rows, and the sum over chunks of the bias and norm
 * gradients, taken in the chunks' order. The two parts touch different memory. One more job finishes layer 0, the head and the
 * embedding.
 */
#include "encoders/towers/transformer_internal.h"

#include <string.h>

enum { MOST_PRODUCTS = TL_BLOCK_PRODUCTS + TL_ATTENTION_POOL_PRODUCTS + 2 };

typedef struct backward_job {
    const tl_transformer *transformer;
    const tl_weight *values;
    float *const *gradients;
    tl_tower_state *state;
    const tl_embedding_gradient *embedding;
    const float *out_gradient;
    tl_chunk_scratch scratch;
    bool in_bf16;        /* the gradients by weights */
    float *tile_scratch; /* [threads, tl_weight_product_scratch_count] */
    float *vectors;      /* [layers, chunk_count, vector_count] */
    size_t vector_count; /* of a block */
    float *head_vectors; /* [chunk_count, head_vector_count]: the final norm's two, then the attention pooling's */
    size_t head_vector_count;

    /* What this round does. */
    size_t chunk_tasks; /* chunk_count, or 0 in the last round */
    size_t layer;       /* of the chunks */
    tl_weight_product products[MOST_PRODUCTS];
    size_t product_count;
    size_t tile_tasks;
    bool sums_layer; /* one task: vectors of layer + 1 (of layer 0 in the last round) */
    size_t summed_layer;
    size_t embedding_tasks;
} backward_job;

size_t tl_transformer_backward_scratch_count(const tl_transformer *transformer, size_t max_rows, size_t max_items,
                                             size_t max_tokens)
{
    /* The head's rows, an item each and a row each, fit the block's; averaging needs both at once. */
    size_t count = tl_block_scratch_count(&transformer->shape, max_rows, max_tokens) +
                   tl_whole_line_floats(max_items * transformer->shape.width);
    if (transformer->pooling == TL_POOLING_ATTENTION) {
        const tl_block_shape pool = tl_transformer_pool_shape(transformer);
        size_t head = tl_attention_pool_backward_scratch_count(&pool, max_items, max_tokens) +
                      tl_whole_line_floats(max_rows * transformer->shape.width);
        count = count > head ? count : head;
    }
    return count;
}

/* d_pooled [items, W] = the gradient by what pooling gives. */
static void run_projection_backward(const backward_job *job, const tl_chunk *chunk, float *d_pooled)
{
    const tl_transformer *transformer = job->transformer;
    const size_t width = transformer->shape.width, dim = transformer->output_dim;
    const float *out_gradient = job->out_gradient + chunk->first_item * dim;
    if (!transformer->has_projection) {
        memcpy(d_pooled, out_gradient, chunk->item_count * width * sizeof *d_pooled);
        return;
    }
    tl_matmul_call call = {.transpose_b = true,
                           .m = chunk->item_count,
                           .n = width,
                           .k = dim,
                           .alpha = 1.0f,
                           .a = out_gradient,
                           .a_row = dim,
                           .b = tl_weight_floats(&job->values[transformer->projection]),
                           .b_row = dim,
                           .c = d_pooled,
                           .c_row = width};
    tl_matmul(NULL, &call);
}

/* Rows [N, W] of the gradient by those whose means have the gradient d_means [items, W]. */
static void spread_means(const tl_transformer *transformer, const tl_chunk *chunk, const float *d_means, float *rows)
{
    const size_t width = transformer->shape.width, skipped = transformer->unpooled_rows;
    for (size_t i = 0; i < chunk->item_count; i++) {
        size_t start = chunk->offsets[i], length = chunk->offsets[i + 1] - start;
        memset(rows + start * width, 0, skipped * width * sizeof *rows);
        for (size_t t = skipped; t < length; t++)
            tl_scale(d_means + i * width, 1.0f / (float)(length - skipped), rows + (start + t) * width, width);
    }
}

/* Through the final norm of `count` rows from number `first` on; their gradient by the norm's input goes to `target`. */
static void run_norm_backward(const backward_job *job, size_t index, const float *d_normal, const float *input, size_t first,
                              size_t count, float *target)
{
    const tl_transformer *transformer = job->transformer;
    const size_t width = transformer->shape.width;
    float *vectors = job->head_vectors + index * job->head_vector_count;
    memset(vectors, 0, 2 * width * sizeof *vectors);
    tl_layer_norm_backward(d_normal, input, tl_weight_floats(&job->values[transformer->norm_weight]), job->state->mean + first,
                           job->state->inverse + first, NULL, count, width, target, vectors, vectors + width);
}

/* From out_gradient to the gradient by the last block's output, in its place. */
static void run_head_backward(const backward_job *job, size_t index, float *scratch)
{
    const tl_transformer *transformer = job->transformer;
    const tl_tower_state *state = job->state;
    const tl_chunk *chunk = &state->chunks[index];
    const size_t width = transformer->shape.width, items = chunk->item_count;
    float *output = state->blocks[transformer->layers - 1].output;
    float *rows = output + chunk->first_row * width;
    float *d_pooled = scratch, *d_rows = scratch + tl_whole_line_floats(items * width);
    switch (transformer->pooling) {
    case TL_POOLING_ROW:
        rows = output + chunk->first_item * width;
        run_projection_backward(job, chunk, d_pooled);
        run_norm_backward(job, index, d_pooled, rows, chunk->first_item, items, rows);
        break;
    case TL_POOLING_MEAN:
        run_projection_backward(job, chunk, d_pooled);
        if (transformer->norms_after_pooling) {
            /* Forward has left the means where the chunk's first rows were. */
            run_norm_backward(job, index, d_pooled, rows, chunk->first_item, items, d_pooled);
            spread_means(transformer, chunk, d_pooled, rows);
        } else {
            spread_means(transformer, chunk, d_pooled, d_rows);
            run_norm_backward(job, index, d_rows, rows, chunk->first_row, chunk->row_count, rows);
        }
        break;
    case TL_POOLING_ATTENTION: {
        const tl_block_shape shape = tl_transformer_pool_shape(transformer);
        const tl_attention_pool_state pool =
            tl_attention_pool_view(&shape, &state->attention_pool, chunk, state->attention_pool_starts[index]);
        run_projection_backward(job, chunk, pool.pooled);
        d_rows = scratch + tl_attention_pool_backward_scratch_count(&shape, items, state->max_tokens);
        tl_attention_pool_backward(&shape, &transformer->attention_pool, job->values, chunk, &pool,
                                   job->head_vectors + index * job->head_vector_count + 2 * width, scratch, d_rows);
        run_norm_backward(job, index, d_rows, rows, chunk->first_row, chunk->row_count, rows);
        break;
    }
    }
}

static void run_chunk_backward(const backward_job *job, size_t index, size_t worker)
{
    const tl_transformer *transformer = job->transformer;
    float *scratch = tl_chunk_scratch_of(&job->scratch, index, worker);
    if (job->layer + 1 == transformer->layers)
        run_head_backward(job, index, scratch);
    tl_chunk chunk = tl_transformer_view_chunk(transformer, job->state, job->layer, index);
    tl_block_state view = tl_transformer_view_block(transformer, job->state, job->layer, index);
    float *vectors = job->vectors + (job->layer * job->state->chunk_count + index) * job->vector_count;
    tl_block_backward(&transformer->shape, &transformer->blocks[job->layer], job->values, &chunk, &view, vectors, scratch);
    if (job->layer == 0 && job->embedding->take_chunk != NULL)
        job->embedding->take_chunk(job->embedding->context, index, &chunk, view.input);
}

static void sum_head_vectors(const backward_job *job)
{
    const tl_transformer *transformer = job->transformer;
    const size_t width = transformer->shape.width;
    const tl_block_shape pool = tl_transformer_pool_shape(transformer);
    for (size_t c = 0; c < job->state->chunk_count; c++) {
        const float *head = job->head_vectors + c * job->head_vector_count;
        tl_axpy(1.0f, head, job->gradients[transformer->norm_weight], width);
        tl_axpy(1.0f, head + width, job->gradients[transformer->norm_bias], width);
        if (transformer->pooling == TL_POOLING_ATTENTION)
            tl_attention_pool_add_vectors(&pool, &transformer->attention_pool, head + 2 * width, job->gradients);
    }
    if (transformer->has_projection_bias)
        tl_column_sums(job->out_gradient, job->state->items, transformer->output_dim,
                       job->gradients[transformer->projection_bias]);
}

static void sum_vectors(const backward_job *job)
{
    const tl_transformer *transformer = job->transformer;
    float *first = job->vectors + job->summed_layer * job->state->chunk_count * job->vector_count;
    for (size_t c = 1; c < job->state->chunk_count; c++)
        tl_axpy(1.0f, first + c * job->vector_count, first, job->vector_count);
    tl_block_add_vectors(&transformer->shape, &transformer->blocks[job->summed_layer], first, job->gradients);
    if (job->summed_layer + 1 == transformer->layers)
        sum_head_vectors(job);
}

static void run_task(void *context, size_t index, size_t worker)
{
    const backward_job *job = context;
    if (index < job->chunk_tasks) {
        run_chunk_backward(job, index, worker);
        return;
    }
    index -= job->chunk_tasks;
    if (index < job->tile_tasks) {
        size_t product = 0;
        for (size_t tiles; index >= (tiles = tl_weight_product_tile_count(&job->products[product])); product++)
            index -= tiles;
        tl_weight_product_run_tile(&job->products[product], index,
                                   job->tile_scratch + worker * tl_weight_product_scratch_count());
        return;
    }
    index -= job->tile_tasks;
    if (job->sums_layer) {
        if (index == 0) {
            sum_vectors(job);
            return;
        }
        index--;
    }
    job->embedding->run_task(job->embedding->context, index);
}

static void queue_head(backward_job *job)
{
    const tl_transformer *transformer = job->transformer;
    const tl_tower_state *state = job->state;
    const size_t width = transformer->shape.width;
    if (transformer->has_projection)
        job->products[job->product_count++] = (tl_weight_product){state->pooled,
                                                                  width,
                                                                  job->out_gradient,
                                                                  state->items,
                                                                  width,
                                                                  transformer->output_dim,
                                                                  job->gradients[transformer->projection],
                                                                  false,
                                                                  TL_F32,
                                                                  TL_F32};
    if (transformer->pooling == TL_POOLING_ATTENTION) {
        const tl_block_shape shape = tl_transformer_pool_shape(transformer);
        tl_attention_pool_weight_products(&shape, &transformer->attention_pool, &state->attention_pool, state->rows, state->items,
                                          job->gradients, &job->products[job->product_count]);
        job->product_count += TL_ATTENTION_POOL_PRODUCTS;
    }
}

/* Adds what layer `layer` left behind to the round. */
static void queue_leftovers(backward_job *job, size_t layer)
{
    const tl_transformer *transformer = job->transformer;
    const tl_tower_state *state = job->state;
    job->product_count =
        tl_block_weight_products(&transformer->shape, &transformer->blocks[layer], &state->blocks[layer], state->rows,
                                 state->items, tl_transformer_is_pooled_layer(transformer, layer), job->gradients, job->products);
    for (size_t i = 0; i < job->product_count; i++)
        job->products[i].in_bf16 = job->in_bf16;
    if (layer + 1 == transformer->layers)
        queue_head(job);
    job->sums_layer = true;
    job->summed_layer = layer;
}

static void run_round(backward_job *job, tl_thread_pool *pool)
{
    job->tile_tasks = 0;
    for (size_t i = 0; i < job->product_count; i++)
        job->tile_tasks += tl_weight_product_tile_count(&job->products[i]);
    tl_thread_pool_run(pool, job->chunk_tasks + job->tile_tasks + (job->sums_layer ? 1 : 0) + job->embedding_tasks, run_task,
                       job);
}

bool tl_transformer_trains_in_bf16(const tl_transformer *transformer, const tl_weight *values)
{
    const tl_packed_weight *turned = &values[transformer->blocks[0].in_proj_weight].turned;
    return turned->panels != NULL && turned->kind == TL_PACKED_BF16;
}

bool tl_transformer_backward(const tl_transformer *transformer, const tl_weight *values, float *const *gradients,
                             tl_tower_state *state, const tl_embedding_gradient *embedding, const float *out_gradient,
                             tl_thread_pool *pool, tl_arena *arena, tl_error *err)
{
    const size_t width = transformer->shape.width;
    backward_job job = {.transformer = transformer,
                        .values = values,
                        .gradients = gradients,
                        .state = state,
                        .embedding = embedding,
                        .out_gradient = out_gradient,
                        .vector_count = tl_block_vector_count(&transformer->shape)};
    job.in_bf16 = tl_transformer_trains_in_bf16(transformer, values);
    const tl_arena_mark mark = tl_arena_save(arena);
    const tl_block_shape pool_shape = tl_transformer_pool_shape(transformer);
    job.head_vector_count =
        2 * width + (transformer->pooling == TL_POOLING_ATTENTION ? tl_attention_pool_vector_count(&pool_shape) : 0);
    size_t scratch_count =
        tl_transformer_backward_scratch_count(transformer, state->max_rows, state->max_items, state->max_tokens);
    if (!tl_transformer_keep_again(transformer, state, arena, err) ||
        !tl_take_floats(arena, transformer->layers * state->chunk_count * job.vector_count, &job.vectors, err) ||
        !tl_take_floats(arena, state->chunk_count * job.head_vector_count, &job.head_vectors, err) ||
        !tl_chunk_scratch_take(&job.scratch, scratch_count, state->chunk_count, pool, arena, err) ||
        !tl_take_floats(arena, tl_thread_pool_size(pool) * tl_weight_product_scratch_count(), &job.tile_scratch, err))
        return false;

    for (size_t left = transformer->layers; left-- > 0;) {
        job.layer = left;
        job.chunk_tasks = state->chunk_count;
        job.product_count = 0;
        job.sums_layer = false;
        if (left + 1 < transformer->layers)
            queue_leftovers(&job, left + 1);
        run_round(&job, pool);
    }
    job.chunk_tasks = 0;
    queue_leftovers(&job, 0);
    if (embedding->product != NULL) {
        job.products[job.product_count] = *embedding->product;
        job.products[job.product_count++].in_bf16 = job.in_bf16;
    }
    job.embedding_tasks = embedding->task_count;
    run_round(&job, pool);
    tl_arena_rewind(arena, mark);
    return true;
}
