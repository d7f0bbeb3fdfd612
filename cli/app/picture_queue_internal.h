/*
 * Pictures on their way through the image tower, a batch at a time, in the order in which they came: one batch fills while the
 * other is decoded. What all commands are made of that read many pictures.
 */
#ifndef TL_CLI_APP_PICTURE_QUEUE_INTERNAL_H
#define TL_CLI_APP_PICTURE_QUEUE_INTERNAL_H

#include "base/core/arena.h"
#include "cli/app/embedder.h"

typedef struct tl_picture_queue tl_picture_queue;

/* Row i of rows [count, D] is of pictures[i] and readable where that was decoded; notes[i] came with it. */
typedef struct tl_embedded_batch {
    tl_picture *pictures;
    void **notes;
    float *rows;
    size_t count;
} tl_embedded_batch;

/* Return false with err to stop. A batch may be empty: its arena is about to be. */
typedef bool (*tl_embedded_batch_visit)(void *context, const tl_embedded_batch *batch, tl_error *err);

/* Batches are as large as the embedder takes; it must outlive the queue. */
bool tl_picture_queue__create(tl_embedder *embedder, tl_embedded_batch_visit visit, void *context, tl_picture_queue **out,
                              tl_error *err) TL_MUST_USE;
/* What still waits is not visited. */
void tl_picture_queue__destroy(tl_picture_queue *queue);
/* Of the batch that fills: what is kept there lives until that batch was visited, so notes belong there. */
tl_arena *tl_picture_queue__arena(tl_picture_queue *queue);
/* Copies bytes; visits the batch before when this one is full. */
bool tl_picture_queue__put(tl_picture_queue *queue, tl_slice bytes, void *note, tl_error *err) TL_MUST_USE;
/* Visits both batches, the older first. */
bool tl_picture_queue__drain(tl_picture_queue *queue, tl_error *err) TL_MUST_USE;

#endif
