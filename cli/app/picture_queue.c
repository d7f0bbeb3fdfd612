#include "cli/app/picture_queue_internal.h"

#include "base/core/memory.h"

enum { FIRST_ARENA_SIZE = 1 << 20 };

typedef struct waiting_batch {
    tl_arena *arena;
    tl_picture *pictures;
    void **notes;
    size_t count;
} waiting_batch;

struct tl_picture_queue {
    tl_embedder *embedder;
    tl_embedded_batch_visit visit;
    void *context;
    waiting_batch batches[2], *filling; /* the other one is decoded, or empty */
    float *rows;                        /* [batch, D] */
};

bool tl_picture_queue__create(tl_embedder *embedder, tl_embedded_batch_visit visit, void *context, tl_picture_queue **out,
                              tl_error *err)
{
    tl_picture_queue *queue = tl_memory_allocate(1, sizeof *queue, err);
    if (queue == NULL)
        return false;
    const size_t size = tl_embedder_batch(embedder);
    queue->embedder = embedder;
    queue->visit = visit;
    queue->context = context;
    queue->filling = &queue->batches[0];
    queue->rows = tl_memory_allocate(size, tl_embedder_dim(embedder) * sizeof *queue->rows, err);
    bool ok = queue->rows != NULL;
    for (size_t i = 0; ok && i < 2; i++) {
        waiting_batch *batch = &queue->batches[i];
        ok = tl_arena_create(FIRST_ARENA_SIZE, &batch->arena, err) &&
             (batch->pictures = tl_memory_allocate(size, sizeof *batch->pictures, err)) != NULL &&
             (batch->notes = tl_memory_allocate(size, sizeof *batch->notes, err)) != NULL;
    }
    if (!ok) {
        tl_picture_queue__destroy(queue);
        return false;
    }
    *out = queue;
    return true;
}

void tl_picture_queue__destroy(tl_picture_queue *queue)
{
    if (queue == NULL)
        return;
    tl_embedder_forget_prepared(queue->embedder);
    for (size_t i = 0; i < 2; i++) {
        tl_memory_free(queue->batches[i].notes);
        tl_memory_free(queue->batches[i].pictures);
        tl_arena_destroy(queue->batches[i].arena);
    }
    tl_memory_free(queue->rows);
    tl_memory_free(queue);
}

tl_arena *tl_picture_queue__arena(tl_picture_queue *queue)
{
    return queue->filling->arena;
}

/* Turns to the other batch, which is embedded first; this one is decoded meanwhile. */
static bool turn(tl_picture_queue *queue, tl_error *err)
{
    const waiting_batch *filled = queue->filling;
    waiting_batch *other = filled == &queue->batches[0] ? &queue->batches[1] : &queue->batches[0];
    queue->filling = other;
    if (!tl_embedder_prepare(queue->embedder, filled->pictures, filled->count, err) ||
        (other->count != 0 && !tl_embedder_pictures(queue->embedder, other->pictures, other->count, queue->rows, err)))
        return false;
    const tl_embedded_batch batch = {other->pictures, other->notes, queue->rows, other->count};
    if (!queue->visit(queue->context, &batch, err))
        return false;
    other->count = 0;
    tl_arena_reset(other->arena);
    return true;
}

bool tl_picture_queue__put(tl_picture_queue *queue, tl_slice bytes, void *note, tl_error *err)
{
    waiting_batch *batch = queue->filling;
    const char *copy = tl_arena_copy_text(batch->arena, bytes.data, bytes.size, err);
    if (copy == NULL)
        return false;
    batch->pictures[batch->count] = (tl_picture){.bytes = {copy, bytes.size}};
    batch->notes[batch->count++] = note;
    return batch->count < tl_embedder_batch(queue->embedder) || turn(queue, err);
}

bool tl_picture_queue__drain(tl_picture_queue *queue, tl_error *err)
{
    return turn(queue, err) && turn(queue, err);
}
