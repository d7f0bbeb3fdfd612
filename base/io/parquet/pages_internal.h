/* The pages of one column chunk, one after another: read, checked, unpacked, and cut into levels and values. */
#ifndef TL_BASE_IO_PARQUET_PAGES_INTERNAL_H
#define TL_BASE_IO_PARQUET_PAGES_INTERNAL_H

#include "base/io/parquet/codec_internal.h"
#include "base/io/parquet/values_internal.h"

typedef struct tl_parquet_pages {
    const tl_parquet_file *file;
    const tl_parquet_leaf *leaf;
    tl_parquet_unpacker *unpacker; /* of the reader: columns take turns */
    size_t max_page_size;
    tl_parquet_packing packing;
    uint64_t next, end;     /* in the file: the next page, the end of the chunk */
    uint64_t values_left;   /* of the chunk, in pages to come */
    uint32_t page_number;   /* of data pages, of the open one */
    uint64_t window_offset; /* in the file, of window.data[0] */
    tl_parquet_bytes window;
    tl_parquet_bytes unpacked;
    uint32_t page_left; /* values (levels) of the open page that were not read: whoever reads them counts down */
    tl_hybrid repetitions, definitions;
    tl_parquet_value_reader values;
} tl_parquet_pages;

bool tl_parquet__pages_init(tl_parquet_pages *pages, const tl_parquet_file *file, const tl_parquet_leaf *leaf, size_t max_count,
                            size_t max_page_size, tl_parquet_unpacker *unpacker, tl_error *err) TL_MUST_USE;
void tl_parquet__pages_clear(tl_parquet_pages *pages);
bool tl_parquet__pages_begin(tl_parquet_pages *pages, const tl_parquet_chunk *chunk, tl_error *err) TL_MUST_USE;
/* Opens the next page that has values. page_left 0: the chunk has ended. Pages whose rows all are among the next *skipped ones
 * are passed over unread, and *skipped counts down. */
bool tl_parquet__pages_next(tl_parquet_pages *pages, uint64_t *skipped, tl_error *err) TL_MUST_USE;

#endif
