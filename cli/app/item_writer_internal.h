/* Items on their way into an index: what is seen and said of each is embedded, and it is stored with its vectors, a batch at a
 * time. */
#ifndef TL_CLI_APP_ITEM_WRITER_INTERNAL_H
#define TL_CLI_APP_ITEM_WRITER_INTERNAL_H

#include "cli/app/picture_queue_internal.h"
#include "index/index.h"

enum { TL_ITEM_WRITER_CAPTIONS = 256 }; /* that are embedded together */

typedef struct tl_item_writer_options {
    const char *index_path; /* made when missing */
    const tl_model_bundle *bundle;
    tl_thread_pool *pool;
    size_t batch;          /* pictures at once; 0: 64 */
    double commit_seconds; /* after a batch there is a commit if the last is longer ago; 0: only when asked for */
    tl_reasons *skipped;   /* counts pictures that cannot be decoded */
    /* Once for each item that was put: it is stored, or its picture was broken. May be NULL. */
    void (*settled)(void *context, void *note, bool is_stored);
    void *context;
} tl_item_writer_options;

typedef struct tl_item_writer {
    tl_item_writer_options options;
    tl_index *index;
    tl_index_writer *rows; /* the transaction; for moves and removals as well */
    tl_vector_set images, captions;
    tl_embedder *embedder;
    tl_picture_queue *queue;
    int64_t *item_ids;                               /* [batch] */
    tl_slice caption_texts[TL_ITEM_WRITER_CAPTIONS]; /* stored, waiting for their vectors; texts in the queue's arenas */
    int64_t caption_ids[TL_ITEM_WRITER_CAPTIONS];
    float *caption_vectors; /* [TL_ITEM_WRITER_CAPTIONS, D] */
    size_t caption_count;
    double last_commit;
} tl_item_writer;

/* bundle and pool must outlive it. To be closed after a failure as well. */
bool tl_item_writer__open(tl_item_writer *writer, const tl_item_writer_options *options, tl_error *err) TL_MUST_USE;
/* What was not committed is lost. */
void tl_item_writer__close(tl_item_writer *writer);
/* Copies all; captions are given apart from the item. origin: for messages. */
bool tl_item_writer__put(tl_item_writer *writer, const tl_item *item, const tl_slice *captions, size_t caption_count,
                         tl_slice picture, const char *origin, void *note, tl_error *err) TL_MUST_USE;
/* Stores an item again whose picture is as it was, with these captions, and embeds them. */
bool tl_item_writer__put_words(tl_item_writer *writer, const tl_item *item, const tl_slice *captions, size_t caption_count,
                               tl_error *err) TL_MUST_USE;
/* Embeds the captions that an item is stored with. */
bool tl_item_writer__embed_words(tl_item_writer *writer, int64_t item_id, const tl_slice *captions, size_t caption_count,
                                 tl_error *err) TL_MUST_USE;
/* Stores all that waits, in the order in which it came. */
bool tl_item_writer__flush(tl_item_writer *writer, tl_error *err) TL_MUST_USE;
/* Flushes, and commits. */
bool tl_item_writer__commit(tl_item_writer *writer, tl_error *err) TL_MUST_USE;

#endif
