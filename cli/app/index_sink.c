/* Owns the way of a download's samples into the index. */
#include "cli/app/index_sink_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "cli/app/item_writer_internal.h"

struct tl_index_sink {
    tl_sample_receiver receiver;
    tl_item_writer writer;
    char *root;
};

static bool add_sample(void *context, const tl_received_sample *sample, tl_error *err)
{
    tl_index_sink *sink = context;
    char hash[TL_HASH_TEXT_SIZE];
    tl_hash_text(sample->picture.data, sample->picture.size, hash);
    const tl_item item = {.root = sink->root,
                          .path = sample->path,
                          .size = sample->picture.size,
                          .hash = hash,
                          .url = sample->url,
                          .split = sample->split};
    return tl_item_writer__put(&sink->writer, &item, sample->captions, sample->caption_count, sample->picture, sample->path, NULL,
                               err);
}

static bool end_shard(void *context, tl_error *err)
{
    tl_index_sink *sink = context;
    return tl_item_writer__commit(&sink->writer, err);
}

bool tl_index_sink_open(const char *index_path, const char *root, const tl_model_bundle *bundle, tl_thread_pool *pool,
                        tl_reasons *skipped, tl_index_sink **out, tl_error *err)
{
    tl_index_sink *sink = tl_memory_allocate(1, sizeof *sink, err);
    if (sink == NULL)
        return false;
    const tl_item_writer_options options = {.index_path = index_path, .bundle = bundle, .pool = pool, .skipped = skipped};
    sink->receiver = (tl_sample_receiver){sink, add_sample, end_shard};
    sink->root = tl_memory_copy_text(root, strlen(root), err);
    if (sink->root == NULL || !tl_item_writer__open(&sink->writer, &options, err)) {
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

void tl_index_sink_close(tl_index_sink *sink)
{
    if (sink == NULL)
        return;
    tl_item_writer__close(&sink->writer);
    tl_memory_free(sink->root);
    tl_memory_free(sink);
}
