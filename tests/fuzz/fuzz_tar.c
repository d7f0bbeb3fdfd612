/* Shards of arbitrary bytes: reading ends, keeps the promises of the door, and finds each picture again by its path. */
#include "crawler-import/import.h"

#include "base/io/file.h"

static const char shard_path[] = "fuzz_shard.tar";

static void read_again(const tl_sample *sample)
{
    tl_string bytes;
    tl_string_init(&bytes, (size_t)1 << 28);
    /* Of equal keys the first one is found, so only that there is something is sure. */
    TL_ASSERT(tl_source_read_image(sample->root, sample->path, &bytes, NULL));
    tl_string_clear(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_source *source = NULL;
    tl_error err = {0};
    tl_slice bytes = {(const char *)data, size};
    TL_ASSERT(tl_file_replace(shard_path, bytes, NULL));
    if (!tl_source_open(shard_path, NULL, &source, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_INVALID || err.kind == TL_ERROR_UNSUPPORTED);
        return 0;
    }
    for (size_t count = 0;; count++) {
        tl_sample sample;
        bool done = false;
        TL_ASSERT(count <= 4096); /* a gzip of so many headers would have to be larger than an input is */
        TL_ASSERT(tl_source_next(source, &sample, &done, &err));
        if (done)
            break;
        TL_ASSERT(sample.key[0] != '\0' && sample.key[0] != '/' && strchr(sample.key, '.') == NULL);
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(sample.key), NULL) && tl_text_is_utf8(tl_slice_of(sample.origin), NULL));
        TL_ASSERT(sample.skip_reason != NULL ||
                  (sample.caption_count != 0 && sample.image.size != 0 && sample.image.size == sample.size));
        for (size_t i = 0; i < sample.caption_count; i++)
            TL_ASSERT(sample.captions[i].size != 0 && tl_text_is_utf8(sample.captions[i], NULL));
        if (sample.skip_reason == NULL && count < 4)
            read_again(&sample);
    }
    tl_source_close(source);
    return 0;
}
