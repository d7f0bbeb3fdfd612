/*
 * A window slides over the chunk: page headers and packed pages are read into it by pread, and values of pages that are not
 * packed are used where they lie there. Sizes of a header are held against the chunk, the ceiling and what the codec can reach
 * before any memory is taken.
 */
#include "base/io/parquet/pages_internal.h"

#include "base/core/memory.h"

enum { READ_SIZE = 1 << 17, FIRST_HEADER = 1 << 12, MAX_HEADER = 1 << 24 };

bool tl_parquet__pages_init(tl_parquet_pages *pages, const tl_parquet_file *file, const tl_parquet_leaf *leaf, size_t max_count,
                            size_t max_page_size, tl_parquet_unpacker *unpacker, tl_error *err)
{
    *pages = (tl_parquet_pages){.file = file, .leaf = leaf, .unpacker = unpacker, .max_page_size = max_page_size};
    pages->unpacked.max_size = max_page_size;
    pages->window.max_size = max_page_size + MAX_HEADER + READ_SIZE;
    return tl_parquet__values_init(&pages->values, leaf, max_count, max_page_size, err);
}

void tl_parquet__pages_clear(tl_parquet_pages *pages)
{
    tl_memory_free(pages->window.data);
    tl_memory_free(pages->unpacked.data);
    tl_parquet__values_clear(&pages->values);
    *pages = (tl_parquet_pages){0};
}

bool tl_parquet__pages_begin(tl_parquet_pages *pages, const tl_parquet_chunk *chunk, tl_error *err)
{
    pages->packing = chunk->packing;
    pages->next = chunk->offset;
    pages->end = chunk->offset + chunk->size;
    pages->values_left = chunk->value_count;
    pages->page_number = UINT32_MAX; /* the first becomes 0 */
    pages->page_left = 0;
    pages->values.dictionary_count = 0;
    return tl_parquet__packing_check(chunk->packing, err);
}

/* The bytes [offset, offset + size) of the file, which lie in the chunk, with padding after them; until the next call. */
static const uint8_t *window_at(tl_parquet_pages *pages, uint64_t offset, size_t size, tl_error *err)
{
    tl_parquet_bytes *window = &pages->window;
    uint64_t window_end = pages->window_offset + window->size;
    if (offset >= pages->window_offset && offset <= window_end && size <= window_end - offset)
        return window->data + (offset - pages->window_offset);
    size_t kept = offset >= pages->window_offset && offset < window_end ? (size_t)(window_end - offset) : 0;
    if (kept != 0)
        memmove(window->data, window->data + (offset - pages->window_offset), kept);
    window->size = kept;
    pages->window_offset = offset;
    uint64_t wanted = size > READ_SIZE ? size : READ_SIZE;
    wanted = wanted < pages->end - offset ? wanted : pages->end - offset;
    if (!tl_parquet__bytes_reserve(window, (size_t)wanted - kept, err) ||
        !tl_parquet__read_at(pages->file, offset + kept, window->data + kept, (size_t)wanted - kept, err))
        return NULL;
    window->size = (size_t)wanted;
    return window->data;
}

/* The header at pages->next; its size is not known before, so it is tried with more bytes until it is whole. */
static bool read_header(tl_parquet_pages *pages, tl_parquet_page *page, tl_error *err)
{
    uint64_t left = pages->end - pages->next;
    for (uint64_t size = FIRST_HEADER;; size *= 8) {
        size = size < left ? size : left;
        const uint8_t *bytes = window_at(pages, pages->next, (size_t)size, err);
        if (bytes == NULL)
            return false;
        tl_thrift_reader in = {bytes, bytes + size, false};
        if (tl_parquet__read_page_header(&in, page, err)) {
            pages->next += (uint64_t)(in.at - bytes);
            return true;
        }
        if (!in.is_cut || size == left || size >= MAX_HEADER)
            return false;
    }
}

static bool check_page(const tl_parquet_pages *pages, const tl_parquet_page *page, tl_error *err)
{
    if (page->packed_size > pages->end - pages->next)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected at most the %llu bytes that are left of the column, found a page of %u",
                       (unsigned long long)(pages->end - pages->next), (unsigned)page->packed_size);
    if (page->packed_size > pages->max_page_size || page->unpacked_size > pages->max_page_size)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a page of at most %zu bytes, found %u that unpack to %u",
                       pages->max_page_size, (unsigned)page->packed_size, (unsigned)page->unpacked_size);
    uint64_t levels = (uint64_t)page->definition_size + page->repetition_size;
    if (levels > page->packed_size || levels > page->unpacked_size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected levels within the page's %u bytes, found %llu",
                       (unsigned)page->packed_size, (unsigned long long)levels);
    bool is_data = page->type == TL_PAGE_DATA || page->type == TL_PAGE_DATA_2;
    if (is_data && page->value_count > pages->values_left)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected at most %llu more values in the column, found %u",
                       (unsigned long long)pages->values_left, (unsigned)page->value_count);
    return true;
}

static bool unpack_into(tl_parquet_pages *pages, tl_slice packed, size_t size, tl_parquet_bytes *out, tl_error *err)
{
    out->size = 0;
    if (!tl_parquet__packing_can_reach(pages->packing, packed, size))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu bytes that unpack to %zu, found bytes that do not", packed.size,
                       size);
    if (!tl_parquet__bytes_reserve(out, size, err))
        return false;
    out->size = size;
    if (pages->packing != TL_PACKING_NONE)
        return tl_parquet__unpack(pages->unpacker, pages->packing, packed, out->data, size, err);
    memcpy(out->data, packed.data, size);
    return true;
}

static bool open_dictionary(tl_parquet_pages *pages, const tl_parquet_page *page, tl_slice body, tl_error *err)
{
    if (page->encoding != TL_ENCODING_PLAIN && page->encoding != TL_ENCODING_PLAIN_DICTIONARY)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a dictionary in PLAIN, found %s (%d)",
                       tl_parquet__encoding_name(page->encoding), (int)page->encoding);
    pages->values.dictionary_count = 0;
    if (page->unpacked_size == 0)
        return page->value_count == 0 ||
               tl_fail(err, TL_ERROR_CORRUPT, "expected %u entries, found no bytes", (unsigned)page->value_count);
    return unpack_into(pages, body, page->unpacked_size, &pages->values.dictionary_bytes, err) &&
           tl_parquet__values_set_dictionary(&pages->values, page->value_count, err);
}

static unsigned bits_of(uint32_t most)
{
    unsigned bits = 0;
    for (; most != 0; most >>= 1)
        bits++;
    return bits;
}

/* Levels of a page of version 1: their size stands before them, or follows from their number. */
static bool open_levels(tl_hybrid *levels, int32_t encoding, uint32_t max_level, uint32_t count, tl_slice *body, tl_error *err)
{
    if (max_level == 0)
        return true;
    unsigned width = bits_of(max_level);
    uint64_t size;
    if (encoding == TL_ENCODING_RLE) {
        if (body->size < 4)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected the size of levels, found the end of the page");
        size = tl_little_endian_32((const uint8_t *)body->data);
        *body = (tl_slice){body->data + 4, body->size - 4};
    } else if (encoding == TL_ENCODING_BIT_PACKED) {
        size = ((uint64_t)count * width + 7) / 8;
    } else {
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected levels in RLE or BIT_PACKED, found %s (%d)",
                       tl_parquet__encoding_name(encoding), (int)encoding);
    }
    if (size > body->size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected levels within %zu bytes, found %llu", body->size,
                       (unsigned long long)size);
    if (encoding == TL_ENCODING_RLE)
        tl_hybrid__begin(levels, (const uint8_t *)body->data, (size_t)size, width);
    else
        tl_hybrid__begin_bit_packed(levels, (const uint8_t *)body->data, width, count);
    *body = (tl_slice){body->data + size, body->size - (size_t)size};
    return true;
}

/* Replaces the packed body by the unpacked one of this size. */
static bool unpack_body(tl_parquet_pages *pages, size_t size, bool is_packed, tl_slice *body, tl_error *err)
{
    if (size == 0) { /* codecs make something of nothing */
        body->size = 0;
        return true;
    }
    if (pages->packing == TL_PACKING_NONE || !is_packed)
        return body->size == size || tl_fail(err, TL_ERROR_CORRUPT, "expected %zu bytes, found %zu", size, body->size);
    if (!unpack_into(pages, *body, size, &pages->unpacked, err))
        return false;
    *body = (tl_slice){(const char *)pages->unpacked.data, size};
    return true;
}

static bool open_data(tl_parquet_pages *pages, const tl_parquet_page *page, tl_slice body, tl_error *err)
{
    const tl_parquet_leaf *leaf = pages->leaf;
    if (page->type == TL_PAGE_DATA) {
        if (!unpack_body(pages, page->unpacked_size, true, &body, err) ||
            !open_levels(&pages->repetitions, page->repetition_encoding, leaf->max_repetition, page->value_count, &body, err) ||
            !open_levels(&pages->definitions, page->definition_encoding, leaf->max_definition, page->value_count, &body, err))
            return false;
    } else {
        const uint8_t *at = (const uint8_t *)body.data;
        uint32_t levels = page->repetition_size + page->definition_size;
        tl_hybrid__begin(&pages->repetitions, at, page->repetition_size, bits_of(leaf->max_repetition));
        tl_hybrid__begin(&pages->definitions, at + page->repetition_size, page->definition_size, bits_of(leaf->max_definition));
        body = (tl_slice){body.data + levels, body.size - levels};
        if (!unpack_body(pages, page->unpacked_size - levels, page->is_packed, &body, err))
            return false;
    }
    if (!tl_parquet__values_begin(&pages->values, page->encoding, (const uint8_t *)body.data, body.size, page->value_count, err))
        return false;
    pages->page_left = page->value_count;
    return true;
}

/* The page whose header was read; leaves pages->next behind it. */
static bool open_page(tl_parquet_pages *pages, const tl_parquet_page *page, uint64_t *skipped, tl_error *err)
{
    bool is_data = page->type == TL_PAGE_DATA || page->type == TL_PAGE_DATA_2;
    if (!check_page(pages, page, err))
        return false;
    uint64_t offset = pages->next;
    pages->next += page->packed_size;
    if (is_data) {
        pages->values_left -= page->value_count;
        /* Pages of version 2 begin with a row; those of version 1 may go on with a list of the page before. */
        bool has_rows = pages->leaf->max_repetition == 0 || page->type == TL_PAGE_DATA_2;
        uint32_t row_count = pages->leaf->max_repetition == 0 ? page->value_count : page->row_count;
        if (page->value_count == 0 || (has_rows && *skipped != 0 && row_count <= *skipped)) {
            *skipped -= page->value_count == 0 ? 0 : row_count;
            return true;
        }
    } else if (page->type == TL_PAGE_INDEX) {
        return true;
    }
    const uint8_t *bytes = window_at(pages, offset, page->packed_size, err);
    if (bytes == NULL)
        return false;
    tl_slice body = {(const char *)bytes, page->packed_size};
    if (page->has_crc && tl_parquet__crc(bytes, body.size) != page->crc)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected bytes of CRC %08x, found %08x", (unsigned)page->crc,
                       (unsigned)tl_parquet__crc(bytes, body.size));
    return is_data ? open_data(pages, page, body, err) : open_dictionary(pages, page, body, err);
}

bool tl_parquet__pages_next(tl_parquet_pages *pages, uint64_t *skipped, tl_error *err)
{
    pages->page_left = 0;
    while (pages->page_left == 0 && pages->values_left != 0) {
        tl_parquet_page page;
        if (pages->next == pages->end)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected %llu more values, found the end of the column",
                           (unsigned long long)pages->values_left);
        bool has_header = read_header(pages, &page, err);
        if (has_header && (page.type == TL_PAGE_DATA || page.type == TL_PAGE_DATA_2))
            pages->page_number++;
        if (has_header && open_page(pages, &page, skipped, err))
            continue;
        if (has_header && page.type == TL_PAGE_DICTIONARY)
            return tl_fail_within(err, "dictionary page");
        return tl_fail_within(err, "page %u", (unsigned)(has_header ? pages->page_number : pages->page_number + 1));
    }
    return true;
}
