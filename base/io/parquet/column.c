/*
 * Rows of one column. A flat column delivers what lies in its open page: values are decoded side by side, then moved apart where
 * rows have none. A list column is put together in memory of its own, level by level, since its rows may cross pages; it stops
 * early when a batch has grown large, and delivers what it has before it goes on.
 */
#include "base/io/parquet/column_internal.h"

#include "base/core/memory.h"

enum { LIST_BATCH_SIZE = 1 << 24 }; /* bytes after which no further row of a list is begun */

bool tl_parquet__column_init(tl_parquet_column_reader *column, const tl_parquet_file *file, const tl_parquet_leaf *leaf,
                             size_t max_rows, size_t max_page_size, tl_parquet_unpacker *unpacker, tl_error *err)
{
    *column = (tl_parquet_column_reader){.max_rows = max_rows};
    column->items.max_size = column->item_present.max_size = column->text.max_size = max_page_size;
    if (!tl_parquet__pages_init(&column->pages, file, leaf, max_rows, max_page_size, unpacker, err))
        return false;
    column->present = tl_memory_allocate(max_rows, 1, err);
    if (column->present == NULL)
        return false;
    if (leaf->max_repetition == 0) {
        column->flat = tl_memory_allocate(max_rows, tl_parquet__value_size(leaf->column.kind), err);
        return column->flat != NULL;
    }
    column->repetitions = tl_memory_allocate(max_rows, sizeof *column->repetitions, err);
    column->definitions = column->repetitions != NULL ? tl_memory_allocate(max_rows, sizeof *column->definitions, err) : NULL;
    column->offsets = column->definitions != NULL ? tl_memory_allocate(max_rows + 1, sizeof *column->offsets, err) : NULL;
    return column->offsets != NULL;
}

void tl_parquet__column_clear(tl_parquet_column_reader *column)
{
    tl_memory_free(column->present);
    tl_memory_free(column->flat);
    tl_memory_free(column->repetitions);
    tl_memory_free(column->definitions);
    tl_memory_free(column->offsets);
    tl_memory_free(column->items.data);
    tl_memory_free(column->item_present.data);
    tl_memory_free(column->text.data);
    tl_parquet__pages_clear(&column->pages);
    *column = (tl_parquet_column_reader){0};
}

bool tl_parquet__column_begin(tl_parquet_column_reader *column, const tl_parquet_chunk *chunk, uint64_t row_count, tl_error *err)
{
    column->level_at = column->level_count = 0;
    column->row_at = column->row_count = 0;
    column->group_rows_left = row_count;
    bool is_flat = column->pages.leaf->max_repetition == 0;
    if (is_flat ? chunk->value_count != row_count : chunk->value_count < row_count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected values for %llu rows, found %llu", (unsigned long long)row_count,
                       (unsigned long long)chunk->value_count);
    return tl_parquet__pages_begin(&column->pages, chunk, err);
}

static bool within_page(const tl_parquet_column_reader *column, tl_error *err)
{
    return tl_fail_within(err, "page %u", (unsigned)column->pages.page_number);
}

/* values[0..count) hold the values that are there, side by side; moves each to its row and clears the others. */
static void spread(void *values, const uint8_t *present, size_t count, size_t there, size_t size)
{
    switch (size) {
    case sizeof(uint8_t):
        for (size_t i = count; i-- > 0;)
            ((uint8_t *)values)[i] = present[i] ? ((uint8_t *)values)[--there] : 0;
        break;
    case sizeof(uint32_t):
        for (size_t i = count; i-- > 0;)
            ((uint32_t *)values)[i] = present[i] ? ((uint32_t *)values)[--there] : 0;
        break;
    case sizeof(uint64_t):
        for (size_t i = count; i-- > 0;)
            ((uint64_t *)values)[i] = present[i] ? ((uint64_t *)values)[--there] : 0;
        break;
    default:
        for (size_t i = count; i-- > 0;)
            ((tl_slice *)values)[i] = present[i] ? ((tl_slice *)values)[--there] : (tl_slice){NULL, 0};
        break;
    }
}

static bool take_flat(tl_parquet_column_reader *column, size_t count, tl_parquet_vector *out, tl_error *err)
{
    tl_parquet_pages *pages = &column->pages;
    const tl_parquet_leaf *leaf = pages->leaf;
    size_t there = count;
    bool ok = leaf->max_definition == 0 ||
              tl_hybrid__read_flags(&pages->definitions, leaf->max_definition, column->present, count, &there, err);
    if (!ok || !tl_parquet__values_read(&pages->values, there, column->flat, err))
        return within_page(column, err);
    if (there != count)
        spread(column->flat, column->present, count, there, tl_parquet__value_size(leaf->column.kind));
    pages->page_left -= (uint32_t)count;
    *out = (tl_parquet_vector){.present = there != count ? column->present : NULL, .values.booleans = column->flat};
    return true;
}

/* Reads levels of the open page, or of the next. level_count 0: the chunk has ended. */
static bool read_levels(tl_parquet_column_reader *column, uint64_t *skipped, tl_error *err)
{
    tl_parquet_pages *pages = &column->pages;
    column->level_at = column->level_count = 0;
    if (pages->page_left == 0 && !tl_parquet__pages_next(pages, skipped, err))
        return false;
    size_t count = pages->page_left < column->max_rows ? pages->page_left : column->max_rows;
    if (!tl_hybrid__read(&pages->repetitions, column->repetitions, count, err) ||
        !tl_hybrid__read(&pages->definitions, column->definitions, count, err))
        return within_page(column, err);
    pages->page_left -= (uint32_t)count;
    column->level_count = count;
    return true;
}

/* The values of items first..end-1, of which `there` are there. */
static bool read_items(tl_parquet_column_reader *column, size_t first, size_t end, size_t there, tl_error *err)
{
    tl_parquet_kind kind = column->pages.leaf->column.kind;
    size_t size = tl_parquet__value_size(kind);
    if (!tl_parquet__bytes_reserve(&column->items, (end - first) * size, err))
        return false;
    uint8_t *values = column->items.data + first * size;
    if (!tl_parquet__values_read(&column->pages.values, there, values, err))
        return false;
    if (kind == TL_PARQUET_TEXT || kind == TL_PARQUET_BYTES) {
        for (size_t i = 0; i < there; i++) {
            tl_slice text = ((tl_slice *)values)[i];
            if (!tl_parquet__bytes_reserve(&column->text, text.size, err))
                return false;
            if (text.size != 0)
                memcpy(column->text.data + column->text.size, text.data, text.size);
            column->text.size += text.size;
        }
    }
    spread(values, column->item_present.data + first, end - first, there, size);
    column->items.size = end * size;
    return true;
}

/* Goes over the levels that were read, up to the first row too many. */
static bool take_levels(tl_parquet_column_reader *column, size_t most, bool *is_full, tl_error *err)
{
    const tl_parquet_leaf *leaf = column->pages.leaf;
    size_t first = column->item_present.size, items = first, there = 0;
    if (!tl_parquet__bytes_reserve(&column->item_present, column->level_count - column->level_at, err))
        return false;
    for (; column->level_at < column->level_count; column->level_at++) {
        uint32_t definition = column->definitions[column->level_at];
        if (definition > leaf->max_definition)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected definition levels of at most %u, found %u",
                           (unsigned)leaf->max_definition, (unsigned)definition);
        if (column->repetitions[column->level_at] == 0) {
            *is_full =
                column->row_count == most || (column->row_count != 0 && column->items.size + column->text.size > LIST_BATCH_SIZE);
            if (*is_full)
                break;
            if (column->group_rows_left == 0)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected lists for the rows of the row group, found more");
            column->group_rows_left--;
            column->offsets[column->row_count] = (uint32_t)items;
            column->present[column->row_count++] = definition + 1 >= leaf->list_definition;
        } else if (column->row_count == 0 || definition < leaf->list_definition ||
                   items == column->offsets[column->row_count - 1]) {
            return tl_fail(err, TL_ERROR_CORRUPT, "expected the start of a row, found what continues no list");
        }
        if (definition >= leaf->list_definition)
            there += column->item_present.data[items++] = definition == leaf->max_definition;
    }
    column->item_present.size = items;
    return read_items(column, first, items, there, err);
}

/* Puts together up to `most` rows. A row ends where the next begins, so levels of that one are left over. */
static bool fill_lists(tl_parquet_column_reader *column, size_t most, tl_error *err)
{
    uint64_t skipped = 0;
    column->row_at = column->row_count = 0;
    column->items.size = column->item_present.size = column->text.size = 0;
    for (bool is_full = false; !is_full;) {
        if (column->level_at == column->level_count) {
            if (!read_levels(column, &skipped, err))
                return false;
            if (column->level_count == 0)
                break;
        }
        if (!take_levels(column, most, &is_full, err))
            return within_page(column, err);
    }
    column->offsets[column->row_count] = (uint32_t)column->item_present.size;
    tl_parquet_kind kind = column->pages.leaf->column.kind;
    if (kind == TL_PARQUET_TEXT || kind == TL_PARQUET_BYTES)
        tl_parquet__place_texts((tl_slice *)(void *)column->items.data, column->item_present.size, column->text.data);
    return true;
}

static void take_lists(tl_parquet_column_reader *column, size_t count, tl_parquet_vector *out)
{
    out->present = column->present + column->row_at;
    out->offsets = column->offsets + column->row_at;
    out->item_present = column->item_present.data;
    out->values.booleans = column->items.data;
    column->row_at += count;
}

static bool column_ended(size_t rows, tl_error *err)
{
    return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu more rows, found the end of the column", rows);
}

bool tl_parquet__column_ready(tl_parquet_column_reader *column, size_t most, size_t *count, tl_error *err)
{
    uint64_t skipped = 0;
    size_t there;
    if (column->pages.leaf->max_repetition == 0) {
        if (column->pages.page_left == 0 && !tl_parquet__pages_next(&column->pages, &skipped, err))
            return false;
        there = column->pages.page_left;
    } else {
        if (column->row_at == column->row_count && !fill_lists(column, most, err))
            return false;
        there = column->row_count - column->row_at;
    }
    *count = there < most ? there : most;
    return *count != 0 || column_ended(most, err);
}

bool tl_parquet__column_take(tl_parquet_column_reader *column, size_t count, tl_parquet_vector *out, tl_error *err)
{
    if (column->pages.leaf->max_repetition == 0)
        return take_flat(column, count, out, err);
    take_lists(column, count, out);
    return true;
}

static bool skip_flat(tl_parquet_column_reader *column, uint64_t count, tl_error *err)
{
    tl_parquet_pages *pages = &column->pages;
    while (count != 0) {
        if (pages->page_left == 0) {
            if (!tl_parquet__pages_next(pages, &count, err))
                return false;
            if (pages->page_left == 0)
                return count == 0 || column_ended((size_t)count, err);
            continue;
        }
        size_t taken = pages->page_left < column->max_rows ? pages->page_left : column->max_rows;
        tl_parquet_vector unused;
        taken = taken < count ? taken : (size_t)count;
        if (!take_flat(column, taken, &unused, err))
            return false;
        count -= taken;
    }
    return true;
}

static bool skip_lists(tl_parquet_column_reader *column, uint64_t count, tl_error *err)
{
    while (count != 0) {
        size_t there = column->row_count - column->row_at;
        if (there != 0) {
            size_t taken = there < count ? there : (size_t)count;
            column->row_at += taken;
            count -= taken;
            continue;
        }
        if (column->level_at == column->level_count && column->pages.page_left == 0) { /* at the start of the chunk */
            uint64_t before = count;
            if (!read_levels(column, &count, err))
                return false;
            column->group_rows_left -= before - count;
            if (column->level_count == 0)
                return count == 0 || column_ended((size_t)count, err);
            continue;
        }
        size_t most = count < column->max_rows ? (size_t)count : column->max_rows;
        if (!fill_lists(column, most, err))
            return false;
        if (column->row_count == 0)
            return column_ended((size_t)count, err);
    }
    return true;
}

bool tl_parquet__column_skip(tl_parquet_column_reader *column, uint64_t count, tl_error *err)
{
    return column->pages.leaf->max_repetition == 0 ? skip_flat(column, count, err) : skip_lists(column, count, err);
}
