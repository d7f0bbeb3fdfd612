/* Captions documents of arbitrary JSON as a source of samples: COCO, Karpathy, rows of paths. */
#include "crawler-import/import.h"

#include "base/io/file.h"

static const char path[] = "fuzz_coco.json";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_source *source = NULL;
    tl_error err = {0};
    tl_source_options options = {.caption_from = size % 2 == 0 ? TL_CAPTION_FROM_SIDECAR : TL_CAPTION_NONE,
                                 .without_image_bytes = true};
    TL_ASSERT(tl_file_replace(path, (tl_slice){(const char *)data, size}, NULL));
    if (!tl_source_open(path, &options, &source, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_INVALID || err.kind == TL_ERROR_UNSUPPORTED || err.kind == TL_ERROR_CORRUPT);
        return 0;
    }
    for (size_t count = 0;; count++) {
        tl_sample sample;
        bool done = false;
        TL_ASSERT(count <= size);
        if (!tl_source_next(source, &sample, &done, &err)) {
            TL_ASSERT(err.kind == TL_ERROR_CORRUPT);
            break;
        }
        if (done)
            break;
        TL_ASSERT(sample.key[0] != '\0' && sample.key[0] != '/' && strchr(sample.key, '.') == NULL);
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(sample.key), NULL) && tl_text_is_utf8(tl_slice_of(sample.origin), NULL));
        TL_ASSERT(sample.skip_reason != NULL || sample.caption_count != 0 || options.caption_from == TL_CAPTION_NONE);
        for (size_t i = 0; i < sample.caption_count; i++)
            TL_ASSERT(sample.captions[i].size != 0 && tl_text_is_utf8(sample.captions[i], NULL));
    }
    tl_source_close(source);
    return 0;
}
