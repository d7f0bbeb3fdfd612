/*
 * Owns tables of delimited text. The delimiter is the one under which the first row has the columns that are asked for, else the
 * first under which a field of it is a URL among others (there is no header then), else the one that gives the most columns.
 *
 * A table separated by tabs and without a header (CC3M, CC12M) was written without quoting: there a line is a row, and a quote
 * that does not wrap a whole field belongs to the caption.
 */
#include "base/core/memory.h"
#include "crawler-import/tables/csv_rows.h"
#include "crawler-import/tables/table_internal.h"

#include <stdio.h>

typedef struct csv_state {
    tl_csv_rows *rows;
} csv_state;

/* Neither JSON nor UTF-16 nor what no text begins with (a control character, one of Latin-1 too). */
static bool recognises(tl_slice head, bool *is_of_kind, tl_error *err)
{
    (void)err;
    unsigned char first = (unsigned char)head.data[0];
    bool is_control = first < ' ' || (first >= 0x7f && first < 0xa0);
    *is_of_kind = (!is_control || first == '\t' || first == '\n' || first == '\r') && first < 0xfe && first != '{' &&
                  first != '[' && memchr(head.data, '\0', head.size < 4096 ? head.size : 4096) == NULL;
    return true;
}

/* A URL and nothing else. */
static bool is_clean_url(tl_slice field)
{
    if (!tl_table__is_url(field))
        return false;
    for (size_t i = 0; i < field.size; i++)
        if ((unsigned char)field.data[i] <= ' ' || field.data[i] == '"')
            return false;
    return true;
}

static size_t count_urls(const tl_csv_row *row, size_t *last)
{
    size_t count = 0;
    for (size_t i = 0; i < row->field_count; i++)
        if (is_clean_url(row->fields[i])) {
            count++;
            *last = i;
        }
    return count;
}

static bool name_columns(tl_table *table, const tl_csv_row *row, tl_error *err)
{
    size_t url = 0;
    size_t urls = count_urls(row, &url);
    table->is_without_header = urls != 0 && table->options.header == TL_TABLE_HEADER_SNIFFED;
    tl_table__clear_columns(table);
    for (size_t i = 0; i < row->field_count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i + 1);
        const char *name = urls == 1 && i == url ? "url" : urls == 1 && row->field_count == 2 ? "caption" : number;
        if (!tl_table__add_column(table, table->is_without_header ? tl_slice_of(name) : row->fields[i], err))
            return false;
    }
    return true;
}

/* Opens the rows under one delimiter and names the columns after the first row, which is the next one unless it is a header. */
static bool try_delimiter(tl_table *table, char delimiter, tl_error *err)
{
    csv_state *state = table->state;
    tl_csv_row row;
    bool done = false;
    tl_csv_rows_close(state->rows);
    state->rows = NULL;
    if (!tl_csv_rows_open(table->path, delimiter, TL_CSV_QUOTES_SPAN_LINES, &state->rows, err) ||
        !tl_csv_rows_next(state->rows, &row, &done, err))
        return false;
    if (done)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': the table is empty", table->path);
    if (row.is_too_large)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': line %llu: expected names of columns, found a row of more than 1 MiB",
                       table->path, (unsigned long long)row.line);
    if (!name_columns(table, &row, err))
        return tl_fail_within(err, "'%s'", table->path);
    if (!table->is_without_header)
        return true;
    tl_csv_rows_close(state->rows);
    state->rows = NULL;
    return tl_csv_rows_open(table->path, delimiter, delimiter == '\t' ? TL_CSV_QUOTES_IN_LINE : TL_CSV_QUOTES_SPAN_LINES,
                            &state->rows, err);
}

static bool open_csv(tl_table *table, tl_slice head, tl_error *err)
{
    (void)head;
    const tl_table_options *options = &table->options;
    char widest = '\t';
    size_t widest_count = 0;
    bool has_urls = false;
    table->state = tl_memory_allocate(1, sizeof(csv_state), err);
    if (table->state == NULL)
        return false;
    for (const char *delimiter = "\t,;|"; *delimiter != '\0'; delimiter++) {
        if (!try_delimiter(table, *delimiter, err))
            return false;
        if (!table->is_without_header && options->has_columns != NULL &&
            options->has_columns(options->context, table->names, table->column_count))
            return true;
        bool is_better = table->is_without_header ? !has_urls && table->column_count >= 2 : table->column_count > widest_count;
        if (is_better && (table->is_without_header || !has_urls)) {
            widest = *delimiter;
            widest_count = table->column_count;
            has_urls = table->is_without_header;
        }
    }
    return try_delimiter(table, widest, err);
}

static bool next_row(tl_table *table, tl_table_row *out, bool *done, tl_error *err)
{
    csv_state *state = table->state;
    tl_csv_row row;
    if (!tl_csv_rows_next(state->rows, &row, done, err))
        return false;
    if (*done)
        return true;
    out->line = row.line;
    if (row.is_too_large || row.field_count != table->column_count) {
        out->problem = row.is_too_large ? "row too large" : "wrong column count";
        return true;
    }
    for (size_t i = 0; i < row.field_count; i++) {
        table->cells[i].kind = table->wanted[i] && row.fields[i].size != 0 ? TL_CELL_TEXT : TL_CELL_NULL;
        table->cells[i].text = row.fields[i];
    }
    return true;
}

static bool skip_rows(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err)
{
    csv_state *state = table->state;
    return tl_csv_rows_skip(state->rows, count, passed, err);
}

static double progress(const tl_table *table)
{
    const csv_state *state = table->state;
    return tl_csv_rows_progress(state->rows);
}

static void close_csv(tl_table *table)
{
    csv_state *state = table->state;
    if (state == NULL)
        return;
    tl_csv_rows_close(state->rows);
    tl_memory_free(state);
}

const tl_table_kind_record tl_table_csv = {.name = "csv",
                                           .recognises = recognises,
                                           .open = open_csv,
                                           .next = next_row,
                                           .skip = skip_rows,
                                           .progress = progress,
                                           .close = close_csv};

/* A file of URLs, one a line: a table of one column without a header. */
static bool recognises_lines(tl_slice head, bool *is_of_kind, tl_error *err)
{
    enum { LOOKED_AT = 20 };
    (void)err;
    *is_of_kind = false;
    size_t at = 0;
    size_t count = 0;
    while (at < head.size && count < LOOKED_AT) {
        size_t end = at;
        while (end < head.size && head.data[end] != '\n' && head.data[end] != '\r')
            end++;
        tl_slice line = {head.data + at, end - at};
        at = end + 1;
        while (line.size != 0 && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\t'))
            line.size--;
        if (line.size == 0)
            continue;
        if (!is_clean_url(line))
            return true;
        count++;
    }
    *is_of_kind = count != 0;
    return true;
}

static bool open_lines(tl_table *table, tl_slice head, tl_error *err)
{
    (void)head;
    csv_state *state = tl_memory_allocate(1, sizeof *state, err);
    table->state = state;
    table->is_without_header = true;
    return state != NULL && tl_csv_rows_open(table->path, '\n', TL_CSV_QUOTES_NONE, &state->rows, err) &&
           tl_table__add_column(table, tl_slice_of("url"), err);
}

const tl_table_kind_record tl_table_lines = {.name = "lines",
                                             .recognises = recognises_lines,
                                             .open = open_lines,
                                             .next = next_row,
                                             .skip = skip_rows,
                                             .progress = progress,
                                             .close = close_csv};
