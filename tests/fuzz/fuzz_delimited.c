/* Captions tables of arbitrary bytes: rows in order and within their limits, and samples that keep the promises of the door. */
#include "crawler-import/import.h"
#include "crawler-import/tables/csv_rows.h"

#include "base/io/file.h"

#include <string.h>

static const char table_path[] = "fuzz_table.csv";

static void read_rows(char delimiter, size_t size)
{
    tl_csv_rows *rows = NULL;
    tl_csv_row row;
    bool done = false;
    uint64_t before = 0;
    size_t bytes = 0;
    TL_ASSERT(tl_csv_rows_open(table_path, delimiter, TL_CSV_QUOTES_SPAN_LINES, &rows, NULL));
    for (;;) {
        TL_ASSERT(tl_csv_rows_next(rows, &row, &done, NULL));
        if (done)
            break;
        TL_ASSERT(row.line >= 1 && row.line >= before && row.line <= size + 1);
        before = row.line;
        for (size_t i = 0; i < row.field_count; i++)
            bytes += row.fields[i].size;
        TL_ASSERT(bytes <= size);
    }
    TL_ASSERT(tl_csv_rows_progress(rows) == 1);
    tl_csv_rows_close(rows);
}

static void check_sample(const tl_sample *sample, tl_caption_from caption_from)
{
    TL_ASSERT(sample->key[0] != '\0' && sample->key[0] != '/' && strchr(sample->key, '.') == NULL);
    TL_ASSERT(tl_text_is_utf8(tl_slice_of(sample->key), NULL) && tl_text_is_utf8(tl_slice_of(sample->origin), NULL));
    TL_ASSERT(sample->skip_reason != NULL || sample->caption_count != 0 || caption_from == TL_CAPTION_NONE);
    for (size_t i = 0; i < sample->caption_count; i++) {
        tl_slice caption = sample->captions[i];
        TL_ASSERT(caption.size != 0 && tl_text_is_utf8(caption, NULL) && caption.data[caption.size] == '\0');
        TL_ASSERT(caption.data[0] != ' ' && caption.data[caption.size - 1] != ' ');
        for (size_t at = 0; at + 1 < caption.size; at++)
            TL_ASSERT(caption.data[at] != '\n' && !(caption.data[at] == ' ' && caption.data[at + 1] == ' '));
    }
}

static void read_samples(tl_caption_from caption_from, size_t size)
{
    tl_source *source = NULL;
    tl_error err = {0};
    tl_source_options options = {.caption_from = caption_from, .without_image_bytes = true};
    if (!tl_source_open(table_path, &options, &source, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_INVALID || err.kind == TL_ERROR_UNSUPPORTED || err.kind == TL_ERROR_CORRUPT);
        return;
    }
    for (size_t count = 0;; count++) {
        tl_sample sample;
        bool done = false;
        TL_ASSERT(count <= size);
        TL_ASSERT(tl_source_next(source, &sample, &done, &err));
        if (done)
            break;
        check_sample(&sample, caption_from);
    }
    tl_source_close(source);
}

/* Such files are unpacked first, which may fail, and have other sizes than their bytes; fuzz_list_text has them. */
static bool looks_compressed(const uint8_t *data, size_t size)
{
    return size >= 4 && (memcmp(data, "\x1f\x8b\x08", 3) == 0 || memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0 ||
                         ((data[0] & 0xf0) == 0x50 && memcmp(data + 1, "\x2a\x4d\x18", 3) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (looks_compressed(data, size))
        return 0;
    tl_slice bytes = {(const char *)data, size};
    TL_ASSERT(tl_file_replace(table_path, bytes, NULL));
    read_rows(',', size);
    read_rows('\t', size);
    read_samples(TL_CAPTION_FROM_SIDECAR, size);
    read_samples(TL_CAPTION_FROM_NAME, size);
    read_samples(TL_CAPTION_NONE, size);
    return 0;
}
