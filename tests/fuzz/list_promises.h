/* What every list keeps, whatever bytes it is made of. */
#ifndef TL_TESTS_FUZZ_LIST_PROMISES_H
#define TL_TESTS_FUZZ_LIST_PROMISES_H

#include "crawler-import/lists/list.h"

#include "base/core/string.h"
#include "base/io/file.h"
#include "base/io/json.h"

static inline void check_row(const tl_list_row *row)
{
    TL_ASSERT(tl_text_is_utf8(tl_slice_of(row->origin), NULL) && tl_text_is_utf8(tl_slice_of(row->url), NULL));
    TL_ASSERT(row->skip_reason != NULL || row->url[0] == 'h' || row->url[0] == 'H');
    TL_ASSERT(strpbrk(row->url, " \t\r\n\x1b\x7f") == NULL);
    for (size_t i = 0; i < row->caption_count; i++) {
        tl_slice caption = row->captions[i];
        TL_ASSERT(caption.size != 0 && caption.data[caption.size] == '\0' && tl_text_is_utf8(caption, NULL));
        TL_ASSERT(caption.data[0] != ' ' && caption.data[caption.size - 1] != ' ');
    }
    TL_ASSERT((row->digest == NULL) == (row->digest_kind == TL_LIST_DIGEST_NONE));
    TL_ASSERT(row->digest == NULL || strspn(row->digest, "0123456789abcdef") == strlen(row->digest));
    if (row->kept.size != 0) {
        tl_json *kept = NULL;
        tl_error err = {0};
        if (!tl_json_parse(row->kept, "kept", &kept, &err)) /* names that differ to us and not to jansson cannot be */
            TL_ASSERT(err.kind == TL_ERROR_NO_MEMORY);
        TL_ASSERT(tl_json_is_object(kept));
        tl_json_free(kept);
    }
}

/* Reads the list after passing over `skipped` rows; gives the number of rows from the first on and a sum over their origins. */
static inline bool read_list(const char *path, const tl_list_options *options, uint64_t skipped, uint64_t *end, uint64_t *sum)
{
    tl_list *list = NULL;
    tl_error err = {0};
    bool done = false;
    *end = skipped;
    *sum = 0;
    if (!tl_list_open(&path, 1, options, &list, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_INVALID || err.kind == TL_ERROR_UNSUPPORTED || err.kind == TL_ERROR_CORRUPT);
        return false;
    }
    bool ok = tl_list_skip(list, skipped, &err);
    while (ok) {
        tl_list_row row;
        ok = tl_list_next(list, &row, &done, &err);
        if (!ok || done)
            break;
        TL_ASSERT(row.number >= *end);
        *end = row.number + 1;
        for (const char *at = row.origin; *at != '\0'; at++)
            *sum = *sum * 31 + (unsigned char)*at;
        check_row(&row);
    }
    TL_ASSERT(ok || err.kind == TL_ERROR_CORRUPT);
    TL_ASSERT(ok == done);
    TL_ASSERT(!done || tl_list_progress(list) > 0.999999);
    tl_list_close(list);
    return ok;
}

static inline void check_list(const char *path)
{
    const tl_list_options everything = {.keep = "*"};
    uint64_t end;
    uint64_t after;
    uint64_t sum;
    if (!read_list(path, &everything, 0, &end, &sum))
        return;
    /* Passing over rows counts what reading them counts. */
    for (uint64_t skipped = 1; skipped <= end && skipped <= 2; skipped++) {
        TL_ASSERT(read_list(path, NULL, skipped, &after, &sum));
        TL_ASSERT(after == end);
    }
    (void)read_list(path, &(tl_list_options){.where = "url LIKE '%1%' OR caption > 3"}, 0, &end, &sum);
}

#endif
