/* Owns what all kinds of tables share: the names of their columns, which of them are wanted, and the choice of a kind by bytes.
 */
#include "base/core/memory.h"
#include "base/core/utf8.h"
#include "crawler-import/archive/stream.h"
#include "crawler-import/sample_key.h"
#include "crawler-import/tables/table_internal.h"

#include <stdlib.h>
#include <strings.h>

enum { HEAD_SIZE = 64 * 1024, MAX_NAME_SIZE = 256 };

/* Asked in this order; csv is what is left of texts. */
static const tl_table_kind_record *const kinds[] = {&tl_table_parquet,  &tl_table_jsonl, &tl_table_coco,
                                                    &tl_table_karpathy, &tl_table_json,  &tl_table_json_columns,
                                                    &tl_table_lines,    &tl_table_csv};

bool tl_table__is_url(tl_slice text)
{
    return (text.size > 7 && strncasecmp(text.data, "http://", 7) == 0) ||
           (text.size > 8 && strncasecmp(text.data, "https://", 8) == 0);
}

static bool is_taken(const tl_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcasecmp(table->names[i], name) == 0)
            return true;
    return false;
}

bool tl_table__add_column(tl_table *table, tl_slice name, tl_error *err)
{
    tl_string text;
    if (table->column_count == TL_TABLE_MAX_COLUMNS)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d columns, found more", TL_TABLE_MAX_COLUMNS);
    if (!tl_memory_reserve(&table->names, &table->column_capacity, table->column_count + 1, sizeof *table->names, err))
        return false;
    tl_string_init(&text, 4 * MAX_NAME_SIZE);
    size_t size = name.size < MAX_NAME_SIZE ? name.size : MAX_NAME_SIZE;
    bool ok = tl_text_append_readable((tl_slice){name.data, size}, &text, err);
    size_t stem = text.size;
    for (size_t number = 2; ok && is_taken(table, text.data); number = number < 9 ? number + 1 : number + table->column_count) {
        text.size = stem; /* the strides keep a header of thousands of equal names from costing their square */
        ok = tl_string_append_format(&text, err, "_%zu", number);
    }
    char *copy = ok ? tl_memory_copy_text(text.data, text.size, err) : NULL;
    if (copy != NULL)
        table->names[table->column_count++] = copy;
    tl_string_clear(&text);
    return copy != NULL;
}

void tl_table__clear_columns(tl_table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        tl_memory_free((char *)table->names[i]);
    table->column_count = 0;
}

static bool choose_kind(tl_table *table, tl_slice head, tl_error *err)
{
    const char *wanted = table->options.kind;
    if (head.size == 0)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a table, found an empty file", table->path);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bool is_of_kind = wanted != NULL && strcmp(kinds[i]->name, wanted) == 0;
        if (wanted == NULL && !kinds[i]->recognises(head, &is_of_kind, err))
            return tl_fail_within(err, "'%s'", table->path);
        if (is_of_kind) {
            table->kind = kinds[i];
            return true;
        }
    }
    if (wanted != NULL)
        return tl_fail(err, TL_ERROR_INVALID, "expected a kind of table, found '%s'", wanted);
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected CSV, TSV, JSON, JSONL, Parquet or lines of URLs, found other bytes",
                   table->path);
}

static bool open_table(tl_table *table, tl_error *err)
{
    bool ok = false;
    size_t size = 0;
    char *bytes = tl_memory_allocate(HEAD_SIZE, 1, err);
    /* Rows come before any damage, so it is told of when they are read. */
    if (bytes == NULL || !tl_byte_stream_read_head(table->path, bytes, HEAD_SIZE, &size, err))
        goto done;
    const tl_slice head = tl_utf8_without_mark((tl_slice){bytes, size});
    if (!choose_kind(table, head, err) || !table->kind->open(table, head, err))
        goto done;
    table->wanted = tl_memory_allocate(table->column_count, sizeof *table->wanted, err);
    table->cells = tl_memory_allocate(table->column_count, sizeof *table->cells, err);
    ok = table->wanted != NULL && table->cells != NULL;
    for (size_t i = 0; ok && i < table->column_count; i++)
        table->wanted[i] = true;
done:
    tl_memory_free(bytes);
    return ok;
}

bool tl_table_open(const char *path, const tl_table_options *options, tl_table **out, tl_error *err)
{
    tl_table *table = tl_memory_allocate(1, sizeof *table, err);
    if (table == NULL)
        return false;
    if (options != NULL)
        table->options = *options;
    table->path = tl_memory_copy_text(path, strlen(path), err);
    if (table->path == NULL || !open_table(table, err)) {
        tl_table_close(table);
        return false;
    }
    *out = table;
    return true;
}

const char *tl_table_kind(const tl_table *table)
{
    return table->kind->name;
}

size_t tl_table_column_count(const tl_table *table)
{
    return table->column_count;
}

const char *const *tl_table_column_names(const tl_table *table)
{
    return table->names;
}

bool tl_table_find_column(const tl_table *table, const char *name, size_t *index)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcasecmp(table->names[i], name) == 0) {
            *index = i;
            return true;
        }
    char *end;
    unsigned long number = table->is_without_header && name[0] >= '1' && name[0] <= '9' ? strtoul(name, &end, 10) : 0;
    if (number == 0 || *end != '\0' || number > table->column_count)
        return false;
    *index = number - 1;
    return true;
}

void tl_table_select(tl_table *table, const bool *wanted)
{
    if (table->column_count != 0)
        memcpy(table->wanted, wanted, table->column_count * sizeof *wanted);
}

bool tl_table_next(tl_table *table, tl_table_row *out, bool *done, tl_error *err)
{
    *done = false;
    *out = (tl_table_row){.cells = table->cells};
    return table->kind->next(table, out, done, err);
}

bool tl_table_skip(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err)
{
    *passed = 0;
    if (table->kind->skip != NULL)
        return table->kind->skip(table, count, passed, err);
    for (bool done = false; *passed < count; (*passed)++) {
        tl_table_row row;
        if (!tl_table_next(table, &row, &done, err))
            return false;
        if (done)
            break;
    }
    return true;
}

bool tl_table_fail_missing_column(const tl_table *table, const char *wanted, const char *const *usual, tl_error *err)
{
    tl_string names;
    tl_string columns;
    bool ok = true;
    tl_string_init(&names, 65536);
    tl_string_init(&columns, 65536);
    for (const char *const *name = usual; ok && wanted == NULL && *name != NULL; name++)
        ok = tl_string_append_format(&names, err, "%s%s", name == usual ? "" : ", ", *name);
    for (size_t i = 0; ok && i < tl_table_column_count(table) && columns.size < 250; i++)
        ok = tl_string_append_format(&columns, err, "%s%.60s", i == 0 ? "" : ", ", tl_table_column_names(table)[i]);
    if (ok)
        tl_fail(err, TL_ERROR_INVALID, "expected a column %s, found the columns: %s", wanted != NULL ? wanted : names.data,
                columns.data);
    tl_string_clear(&names);
    tl_string_clear(&columns);
    return false;
}

double tl_table_progress(const tl_table *table)
{
    return table->kind->progress(table);
}

void tl_table_close(tl_table *table)
{
    if (table == NULL)
        return;
    if (table->kind != NULL)
        table->kind->close(table);
    tl_table__clear_columns(table);
    tl_memory_free((void *)table->names);
    tl_memory_free(table->wanted);
    tl_memory_free(table->cells);
    tl_memory_free(table->path);
    tl_memory_free(table);
}
