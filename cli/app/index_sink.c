/* Owns the batches of a download's samples on their way into the index. Texts and bytes of a batch live in an arena until it is
 * stored. */
#include "cli/app/index_sink.h"

#include "base/core/arena.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "index/index.h"

#include <stdio.h>

enum { BATCH = 64, CAPTION_BATCH = 256 };

struct tl_index_sink {
    tl_sample_receiver receiver;
    tl_index *index;
    tl_index_writer *writer;
    tl_embedder *embedder;
    tl_arena *arena;
    char *root;
    tl_vector_set images, captions;
    tl_item items[BATCH];
    tl_picture pictures[BATCH];
    int64_t ids[BATCH];
    size_t count;
    float *vectors; /* [CAPTION_BATCH, D]: of pictures, then of captions */
    tl_slice texts[CAPTION_BATCH];
    int64_t text_ids[CAPTION_BATCH];
    size_t text_count;
    tl_reasons skipped;
};

static const char *keep(tl_index_sink *sink, const char *text, tl_error *err)
{
    return tl_arena_copy_text(sink->arena, text, strlen(text), err);
}

static bool keep_captions(tl_index_sink *sink, const tl_received_sample *sample, tl_item *item, tl_error *err)
{
    const char **captions = tl_arena_allocate(sink->arena, sample->caption_count, sizeof *captions, err);
    for (size_t i = 0; captions != NULL && i < sample->caption_count; i++)
        if ((captions[i] = tl_arena_copy_text(sink->arena, sample->captions[i].data, sample->captions[i].size, err)) == NULL)
            return false;
    item->captions = captions;
    item->caption_count = sample->caption_count;
    return captions != NULL;
}

static bool embed_captions(tl_index_sink *sink, tl_error *err)
{
    size_t count = sink->text_count;
    sink->text_count = 0;
    return count == 0 || (tl_embedder_texts(sink->embedder, sink->texts, count, sink->vectors, err) &&
                          tl_index_writer_put_vectors(sink->writer, &sink->captions, sink->text_ids, sink->vectors, count, err));
}

static bool queue_captions(tl_index_sink *sink, int64_t item_id, const tl_item *item, tl_error *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    if (item->caption_count == 0)
        return true;
    bool ok = tl_index_writer_caption_ids(sink->writer, item_id, &ids, &count, err);
    for (size_t i = 0; ok && i < count && i < item->caption_count; i++) {
        ok = sink->text_count < CAPTION_BATCH || embed_captions(sink, err);
        sink->texts[sink->text_count] = tl_slice_of(item->captions[i]);
        sink->text_ids[sink->text_count++] = ids[i];
    }
    tl_memory_free(ids);
    return ok;
}

static bool store_item(tl_index_sink *sink, tl_item *item, const tl_picture *picture, int64_t *id, tl_error *err)
{
    item->width = picture->width;
    item->height = picture->height;
    item->taken = picture->exif.taken[0] != '\0' ? picture->exif.taken : NULL;
    item->camera = picture->exif.camera[0] != '\0' ? picture->exif.camera : NULL;
    item->has_place = picture->exif.has_place;
    item->latitude = picture->exif.latitude;
    item->longitude = picture->exif.longitude;
    return tl_index_writer_put_item(sink->writer, item, id, err) || tl_fail_within(err, "'%s'", item->path);
}

static bool store_batch(tl_index_sink *sink, tl_error *err)
{
    size_t dim = tl_embedder_dim(sink->embedder);
    size_t stored = 0;
    size_t places[BATCH]; /* in the batch, of those stored */
    if (sink->count != 0 && !tl_embedder_pictures(sink->embedder, sink->pictures, sink->count, sink->vectors, err))
        return false;
    for (size_t i = 0; i < sink->count; i++) {
        const tl_picture *picture = &sink->pictures[i];
        if (!picture->decoded && picture->error.kind == TL_ERROR_NO_MEMORY)
            return tl_fail(err, picture->error.kind, "'%s': %s", sink->items[i].path, picture->error.message);
        if (!picture->decoded) {
            tl_picture_count_skipped(picture, sink->items[i].path, &sink->skipped);
            continue;
        }
        if (!store_item(sink, &sink->items[i], picture, &sink->ids[stored], err))
            return false;
        memmove(sink->vectors + stored * dim, sink->vectors + i * dim, dim * sizeof *sink->vectors);
        places[stored++] = i;
    }
    if (stored != 0 && !tl_index_writer_put_vectors(sink->writer, &sink->images, sink->ids, sink->vectors, stored, err))
        return false;
    for (size_t i = 0; i < stored; i++)
        if (!queue_captions(sink, sink->ids[i], &sink->items[places[i]], err))
            return false;
    if (!embed_captions(sink, err))
        return false;
    sink->count = 0;
    tl_arena_reset(sink->arena);
    return true;
}

static bool add_sample(void *context, const tl_received_sample *sample, tl_error *err)
{
    tl_index_sink *sink = context;
    tl_item *item = &sink->items[sink->count];
    char hash[TL_HASH_TEXT_SIZE];
    tl_hash_text(sample->picture.data, sample->picture.size, hash);
    *item = (tl_item){.root = sink->root, .size = sample->picture.size};
    char *bytes = tl_arena_copy_text(sink->arena, sample->picture.data, sample->picture.size, err);
    if (bytes == NULL || !keep_captions(sink, sample, item, err) || (item->path = keep(sink, sample->path, err)) == NULL ||
        (item->hash = keep(sink, hash, err)) == NULL || (item->url = keep(sink, sample->url, err)) == NULL ||
        (sample->split != NULL && (item->split = keep(sink, sample->split, err)) == NULL))
        return false;
    sink->pictures[sink->count++] = (tl_picture){.bytes = {bytes, sample->picture.size}};
    return sink->count < BATCH || store_batch(sink, err);
}

static bool end_shard(void *context, tl_error *err)
{
    tl_index_sink *sink = context;
    return store_batch(sink, err) && tl_index_writer_commit(sink->writer, err);
}

bool tl_index_sink_open(const char *index_path, const char *root, const tl_model_bundle *bundle, tl_thread_pool *pool,
                        tl_index_sink **out, tl_error *err)
{
    tl_index_sink *sink = tl_memory_allocate(1, sizeof *sink, err);
    if (sink == NULL)
        return false;
    sink->receiver = (tl_sample_receiver){sink, add_sample, end_shard};
    bool ok =
        (sink->root = tl_memory_copy_text(root, strlen(root), err)) != NULL &&
        tl_arena_create((size_t)1 << 20, &sink->arena, err) && tl_embedder_create(bundle, BATCH, pool, &sink->embedder, err) &&
        tl_index_open(index_path, TL_INDEX_CREATE, &sink->index, err) && tl_index_writer_open(sink->index, &sink->writer, err);
    if (ok) {
        size_t dim = tl_embedder_dim(sink->embedder);
        sink->images = (tl_vector_set){.kind = TL_VECTOR_IMAGE, .dim = (uint32_t)dim};
        snprintf(sink->images.model, sizeof sink->images.model, "%s", bundle->fingerprint);
        snprintf(sink->images.model_name, sizeof sink->images.model_name, "%s", bundle->name);
        sink->captions = sink->images;
        sink->captions.kind = TL_VECTOR_CAPTION;
        ok = (sink->vectors = tl_memory_allocate(CAPTION_BATCH, dim * sizeof *sink->vectors, err)) != NULL;
    }
    if (!ok) {
        tl_index_sink_close(sink);
        return false;
    }
    *out = sink;
    return true;
}

const tl_sample_receiver *tl_index_sink_receiver(const tl_index_sink *sink)
{
    return &sink->receiver;
}

const tl_reasons *tl_index_sink_skipped(const tl_index_sink *sink)
{
    return &sink->skipped;
}

void tl_index_sink_close(tl_index_sink *sink)
{
    if (sink == NULL)
        return;
    tl_index_writer_close(sink->writer);
    tl_index_close(sink->index);
    tl_embedder_destroy(sink->embedder);
    tl_arena_destroy(sink->arena);
    tl_memory_free(sink->vectors);
    tl_memory_free(sink->root);
    tl_memory_free(sink);
}
