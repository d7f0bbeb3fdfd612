/* Owns finding columns by their names: those of an option, else those of the format. */
#include "crawler-import/lists/list_columns.h"

#include "base/core/memory.h"
#include "base/core/string.h"

#include <strings.h>

/* The column called wanted, which must be there; without one the first there is of the usual names, or none. */
static bool find_column(const tl_table *table, const char *wanted, const char *const *usual, size_t *index, tl_error *err)
{
    *index = TL_LIST_NO_COLUMN;
    if (wanted != NULL)
        return tl_table_find_column(table, wanted, index) || tl_table_fail_missing_column(table, wanted, NULL, err);
    for (const char *const *name = usual; *name != NULL; name++)
        if (tl_table_find_column(table, *name, index))
            break;
    return true;
}

bool tl_list_columns_has_url(const tl_list_format *format, const tl_list_options *options, const char *const *names, size_t count)
{
    const char *const only[] = {options->url_column, NULL};
    for (const char *const *name = only[0] != NULL ? only : format->urls; *name != NULL; name++)
        for (size_t i = 0; i < count; i++)
            if (strcasecmp(*name, names[i]) == 0)
                return true;
    return false;
}

static bool keep_column(tl_list_columns *columns, const tl_table *table, tl_slice name, tl_error *err)
{
    tl_string text;
    size_t index = 0;
    tl_string_init(&text, 4096);
    bool ok = tl_string_append(&text, name.data, name.size, err) && find_column(table, text.data, NULL, &index, err);
    tl_string_clear(&text);
    bool is_new = ok;
    for (size_t i = 0; is_new && i < columns->kept_count; i++)
        is_new = columns->kept[i] != index;
    if (is_new)
        columns->kept[columns->kept_count++] = index;
    return ok;
}

static bool find_kept(tl_list_columns *columns, const tl_table *table, const char *keep, tl_error *err)
{
    size_t count = tl_table_column_count(table);
    columns->kept = tl_memory_allocate(count, sizeof *columns->kept, err);
    if (columns->kept == NULL)
        return false;
    for (size_t i = 0; keep != NULL && strcmp(keep, "*") == 0 && i < count; i++)
        if (i != columns->url && i != columns->caption && i != columns->digest)
            columns->kept[columns->kept_count++] = i;
    if (keep == NULL || strcmp(keep, "*") == 0)
        return true;
    for (const char *at = keep; *at != '\0';) {
        size_t size = strcspn(at, ",");
        tl_slice name = {at, size};
        while (name.size != 0 && name.data[0] == ' ')
            name = (tl_slice){name.data + 1, name.size - 1};
        while (name.size != 0 && name.data[name.size - 1] == ' ')
            name.size--;
        if (name.size != 0 && !keep_column(columns, table, name, err))
            return tl_fail_within(err, "keep");
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return true;
}

bool tl_list_columns_find(tl_list_columns *columns, const tl_table *table, const tl_list_format *format,
                          const tl_list_options *options, tl_error *err)
{
    *columns = (tl_list_columns){.url = TL_LIST_NO_COLUMN};
    if (!find_column(table, options->url_column, format->urls, &columns->url, err) ||
        !find_column(table, options->caption_column, format->captions, &columns->caption, err) ||
        !find_column(table, options->digest_column, format->digests, &columns->digest, err))
        return false;
    if (columns->url == TL_LIST_NO_COLUMN)
        return tl_table_fail_missing_column(table, NULL, format->urls, err);
    columns->wanted = tl_memory_allocate(tl_table_column_count(table), sizeof *columns->wanted, err);
    if (columns->wanted == NULL || !find_kept(columns, table, options->keep, err))
        return false;
    columns->wanted[columns->url] = true;
    if (columns->caption != TL_LIST_NO_COLUMN)
        columns->wanted[columns->caption] = true;
    if (columns->digest != TL_LIST_NO_COLUMN)
        columns->wanted[columns->digest] = true;
    for (size_t i = 0; i < columns->kept_count; i++)
        columns->wanted[columns->kept[i]] = true;
    return true;
}

void tl_list_columns_clear(tl_list_columns *columns)
{
    tl_memory_free(columns->kept);
    tl_memory_free(columns->wanted);
    *columns = (tl_list_columns){0};
}
