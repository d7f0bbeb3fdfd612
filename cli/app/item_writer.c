#include "cli/app/item_writer_internal.h"

#include "base/core/clock.h"
#include "base/core/memory.h"

#include <stdio.h>

enum { DEFAULT_BATCH = 64 };

/* An item whose picture waits; all of it in the queue's arena. */
typedef struct pending_item {
    tl_item item;
    const char *origin;
    void *note;
} pending_item;

static bool embed_waiting_captions(tl_item_writer *writer, tl_error *err)
{
    size_t count = writer->caption_count;
    writer->caption_count = 0;
    return count == 0 || (tl_embedder_texts(writer->embedder, writer->caption_texts, count, writer->caption_vectors, err) &&
                          tl_index_writer_put_vectors(writer->rows, &writer->captions, writer->caption_ids,
                                                      writer->caption_vectors, count, err));
}

/* The item's captions, which are stored, wait for vectors; their texts must live until the batch is stored. */
static bool queue_captions(tl_item_writer *writer, int64_t item_id, const char *const *captions, size_t caption_count,
                           tl_error *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    if (caption_count == 0)
        return true;
    if (!tl_index_writer_caption_ids(writer->rows, item_id, &ids, &count, err))
        return false;
    TL_ASSERT(count == caption_count);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        if (writer->caption_count == TL_ITEM_WRITER_CAPTIONS)
            ok = embed_waiting_captions(writer, err);
        writer->caption_texts[writer->caption_count] = tl_slice_of(captions[i]);
        writer->caption_ids[writer->caption_count++] = ids[i];
    }
    tl_memory_free(ids);
    return ok;
}

static bool store_item(tl_item_writer *writer, pending_item *pending, const tl_picture *picture, int64_t *id, tl_error *err)
{
    const tl_exif *exif = &picture->exif;
    tl_item *item = &pending->item;
    item->width = picture->width;
    item->height = picture->height;
    item->taken = exif->taken[0] != '\0' ? exif->taken : NULL;
    item->camera = exif->camera[0] != '\0' ? exif->camera : NULL;
    item->has_place = exif->has_place;
    item->latitude = exif->latitude;
    item->longitude = exif->longitude;
    return (tl_index_writer_put_item(writer->rows, item, id, err) &&
            queue_captions(writer, *id, item->captions, item->caption_count, err)) ||
           tl_fail_within(err, "'%s'", pending->origin);
}

static bool commit_rows(tl_item_writer *writer, tl_error *err)
{
    writer->last_commit = tl_clock_seconds();
    return tl_index_writer_commit(writer->rows, err);
}

/* Rows of one set go in together: switching sets for every item would rewrite blocks. */
static bool store_batch(void *context, const tl_embedded_batch *batch, tl_error *err)
{
    tl_item_writer *writer = context;
    const tl_item_writer_options *options = &writer->options;
    const size_t dim = tl_embedder_dim(writer->embedder);
    size_t stored = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const tl_picture *picture = &batch->pictures[i];
        pending_item *pending = batch->notes[i];
        if (!picture->decoded && picture->error.kind == TL_ERROR_NO_MEMORY)
            return tl_fail(err, picture->error.kind, "'%s': %s", pending->origin, picture->error.message);
        if (!picture->decoded) {
            tl_picture_count_skipped(picture, pending->origin, options->skipped);
        } else if (store_item(writer, pending, picture, &writer->item_ids[stored], err)) {
            memmove(batch->rows + stored * dim, batch->rows + i * dim, dim * sizeof *batch->rows);
            stored++;
        } else {
            return false;
        }
        if (options->settled != NULL)
            options->settled(options->context, pending->note, picture->decoded);
    }
    if ((stored != 0 &&
         !tl_index_writer_put_vectors(writer->rows, &writer->images, writer->item_ids, batch->rows, stored, err)) ||
        !embed_waiting_captions(writer, err))
        return false;
    bool is_due = options->commit_seconds > 0 && tl_clock_seconds() - writer->last_commit >= options->commit_seconds;
    return !is_due || commit_rows(writer, err);
}

bool tl_item_writer__open(tl_item_writer *writer, const tl_item_writer_options *options, tl_error *err)
{
    const tl_model_bundle *bundle = options->bundle;
    const size_t batch = options->batch != 0 ? options->batch : DEFAULT_BATCH;
    *writer = (tl_item_writer){.options = *options, .last_commit = tl_clock_seconds()};
    if (!tl_index_open(options->index_path, TL_INDEX_CREATE, &writer->index, err) ||
        !tl_index_writer_open(writer->index, &writer->rows, err) ||
        !tl_embedder_create(bundle, batch, options->pool, &writer->embedder, err) ||
        !tl_picture_queue__create(writer->embedder, store_batch, writer, &writer->queue, err))
        return false;
    const uint32_t dim = tl_embedder_dim(writer->embedder);
    writer->images = (tl_vector_set){.kind = TL_VECTOR_IMAGE, .dim = dim};
    snprintf(writer->images.model, sizeof writer->images.model, "%s", bundle->fingerprint);
    snprintf(writer->images.model_name, sizeof writer->images.model_name, "%s", bundle->name);
    writer->captions = writer->images;
    writer->captions.kind = TL_VECTOR_CAPTION;
    writer->item_ids = tl_memory_allocate(batch, sizeof *writer->item_ids, err);
    if (writer->item_ids != NULL)
        writer->caption_vectors = tl_memory_allocate(TL_ITEM_WRITER_CAPTIONS, dim * sizeof *writer->caption_vectors, err);
    return writer->caption_vectors != NULL;
}

void tl_item_writer__close(tl_item_writer *writer)
{
    tl_picture_queue__destroy(writer->queue);
    tl_embedder_destroy(writer->embedder);
    tl_index_writer_close(writer->rows);
    tl_index_close(writer->index);
    tl_memory_free(writer->item_ids);
    tl_memory_free(writer->caption_vectors);
}

/* *copy stays NULL where text is. */
static bool keep_text(tl_arena *arena, const char *text, const char **copy, tl_error *err)
{
    return text == NULL || (*copy = tl_arena_copy_text(arena, text, strlen(text), err)) != NULL;
}

static const char *const *keep_captions(tl_arena *arena, const tl_slice *captions, size_t count, tl_error *err)
{
    const char **copies = tl_arena_allocate(arena, count, sizeof *copies, err);
    for (size_t i = 0; copies != NULL && i < count; i++)
        if ((copies[i] = tl_arena_copy_text(arena, captions[i].data, captions[i].size, err)) == NULL)
            return NULL;
    return copies;
}

bool tl_item_writer__put(tl_item_writer *writer, const tl_item *item, const tl_slice *captions, size_t caption_count,
                         tl_slice picture, const char *origin, void *note, tl_error *err)
{
    tl_arena *arena = tl_picture_queue__arena(writer->queue);
    pending_item *pending = tl_arena_allocate(arena, 1, sizeof *pending, err);
    if (pending == NULL)
        return false;
    *pending = (pending_item){.item = *item, .note = note};
    pending->item.captions = keep_captions(arena, captions, caption_count, err);
    pending->item.caption_count = caption_count;
    return pending->item.captions != NULL && keep_text(arena, origin, &pending->origin, err) &&
           keep_text(arena, item->root, &pending->item.root, err) && keep_text(arena, item->path, &pending->item.path, err) &&
           keep_text(arena, item->hash, &pending->item.hash, err) && keep_text(arena, item->url, &pending->item.url, err) &&
           keep_text(arena, item->split, &pending->item.split, err) &&
           tl_picture_queue__put(writer->queue, picture, pending, err);
}

bool tl_item_writer__flush(tl_item_writer *writer, tl_error *err)
{
    return tl_picture_queue__drain(writer->queue, err);
}

/* Texts without a picture wait in the arena too, which only storing a batch empties. */
static const char *const *keep_words(tl_item_writer *writer, const tl_slice *captions, size_t count, tl_error *err)
{
    if (writer->caption_count + count > TL_ITEM_WRITER_CAPTIONS && !tl_item_writer__flush(writer, err))
        return NULL;
    return keep_captions(tl_picture_queue__arena(writer->queue), captions, count, err);
}

bool tl_item_writer__put_words(tl_item_writer *writer, const tl_item *item, const tl_slice *captions, size_t caption_count,
                               tl_error *err)
{
    int64_t id;
    tl_item stored = *item;
    stored.captions = keep_words(writer, captions, caption_count, err);
    stored.caption_count = caption_count;
    return stored.captions != NULL && tl_index_writer_put_item(writer->rows, &stored, &id, err) &&
           queue_captions(writer, id, stored.captions, caption_count, err);
}

bool tl_item_writer__embed_words(tl_item_writer *writer, int64_t item_id, const tl_slice *captions, size_t caption_count,
                                 tl_error *err)
{
    const char *const *kept = keep_words(writer, captions, caption_count, err);
    return kept != NULL && queue_captions(writer, item_id, kept, caption_count, err);
}

bool tl_item_writer__commit(tl_item_writer *writer, tl_error *err)
{
    return tl_item_writer__flush(writer, err) && commit_rows(writer, err);
}
