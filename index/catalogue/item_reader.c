/*
 * Owns how an item lies in memory: [caption ids][caption pointers][texts]. The texts are gathered first, as offsets, since the
 * block may move while it grows; the arrays go before them once the number of captions is known.
 */
#include "index/catalogue/item_reader.h"

#include "base/core/memory.h"

#include <string.h>

enum { TEXT_COLUMN_COUNT = 7 };

/* Columns of the item row that are texts, and where they go. */
static const struct {
    int column;
    size_t member; /* offset of the const char * in tl_item */
} text_columns[TEXT_COLUMN_COUNT] = {
    {1, offsetof(tl_item, root)},   {2, offsetof(tl_item, path)}, {5, offsetof(tl_item, hash)},   {8, offsetof(tl_item, taken)},
    {9, offsetof(tl_item, camera)}, {12, offsetof(tl_item, url)}, {13, offsetof(tl_item, split)},
};

/* Appends the text and a NUL at *used; a NUL inside a text ends it, as it does in C. */
static bool append_text(tl_item_block *block, size_t *used, const char *text, tl_error *err)
{
    size_t size = strlen(text) + 1;
    if (!tl_memory_reserve(&block->block, &block->capacity, *used + size, 1, err))
        return false;
    memcpy(block->block + *used, text, size);
    *used += size;
    return true;
}

static bool count_captions(tl_statements *statements, int64_t item_id, size_t *count, sqlite3_stmt **captions, tl_error *err)
{
    bool row = true;
    *captions = tl_statements__get(statements, TL_SQL_CAPTION_OF_ITEM, err);
    if (*captions == NULL)
        return false;
    sqlite3_bind_int64(*captions, 1, item_id);
    for (*count = 0;; ++*count) {
        if (!tl_statements__step(statements, *captions, &row, err))
            return false;
        if (!row)
            break;
    }
    sqlite3_reset(*captions);
    return true;
}

static uint32_t clamp_to_u32(int64_t value)
{
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void read_numbers(sqlite3_stmt *row, tl_item *item)
{
    int64_t size = sqlite3_column_int64(row, 3);
    item->size = size > 0 ? (uint64_t)size : 0;
    item->modified_ns = sqlite3_column_int64(row, 4);
    item->width = clamp_to_u32(sqlite3_column_int64(row, 6));
    item->height = clamp_to_u32(sqlite3_column_int64(row, 7));
    item->has_place = sqlite3_column_type(row, 10) != SQLITE_NULL && sqlite3_column_type(row, 11) != SQLITE_NULL;
    item->latitude = sqlite3_column_double(row, 10);
    item->longitude = sqlite3_column_double(row, 11);
}

bool tl_item_block__read(tl_item_block *block, tl_statements *statements, sqlite3_stmt *row, tl_item *item, tl_error *err)
{
    size_t caption_count, text_offsets[TEXT_COLUMN_COUNT] = {0}; /* 0: absent */
    sqlite3_stmt *captions;
    *item = (tl_item){.id = sqlite3_column_int64(row, 0)};
    if (!count_captions(statements, item->id, &caption_count, &captions, err))
        return false;
    /* At least a byte, so that no text lies at offset 0. */
    size_t arrays_size = caption_count * (sizeof(int64_t) + sizeof(char *)), used = arrays_size + 1;
    if (!tl_memory_reserve(&block->block, &block->capacity, used, 1, err))
        return false;
    for (size_t i = 0; i < TEXT_COLUMN_COUNT; i++) {
        const char *text = (const char *)sqlite3_column_text(row, text_columns[i].column);
        if (text == NULL)
            continue;
        text_offsets[i] = used;
        if (!append_text(block, &used, text, err))
            return false;
    }
    size_t first_caption = used;
    for (size_t i = 0; i < caption_count; i++) {
        bool has_row = false;
        if (!tl_statements__step(statements, captions, &has_row, err))
            return false;
        const char *text = has_row ? (const char *)sqlite3_column_text(captions, 1) : NULL;
        int64_t id = has_row ? sqlite3_column_int64(captions, 0) : 0;
        if (!append_text(block, &used, text != NULL ? text : "", err))
            return false;
        memcpy(block->block + i * sizeof id, &id, sizeof id);
    }
    sqlite3_reset(captions);

    char *text = block->block + first_caption;
    const char **pointers = (const char **)(void *)(block->block + caption_count * sizeof(int64_t));
    for (size_t i = 0; i < caption_count; i++, text += strlen(text) + 1)
        pointers[i] = text;
    for (size_t i = 0; i < TEXT_COLUMN_COUNT; i++)
        if (text_offsets[i] != 0) {
            const char *found = block->block + text_offsets[i];
            memcpy((char *)item + text_columns[i].member, &found, sizeof found);
        }
    if (item->root == NULL || item->path == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "item %lld: expected a root and a path, found none", (long long)item->id);
    read_numbers(row, item);
    item->captions = caption_count != 0 ? pointers : NULL;
    item->caption_ids = caption_count != 0 ? (const int64_t *)(const void *)block->block : NULL;
    item->caption_count = caption_count;
    return true;
}
