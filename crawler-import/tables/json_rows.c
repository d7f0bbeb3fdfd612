/*
 * Owns turning JSON objects into cells. A first pass over some rows finds the members that there are; then the document is opened
 * again. An object that is not valid JSON, or no object, is a row with a problem.
 */
#include "crawler-import/tables/json_rows.h"

#include "base/core/memory.h"
#include "crawler-import/tables/csv_rows.h"
#include "crawler-import/tables/json_items.h"

enum { MAX_KEYS = 512, MAX_SAMPLED_SIZE = 4 * 1024 * 1024, MAX_NESTED_SIZE = 64 * 1024 * 1024 };

struct tl_json_rows {
    tl_table *table;
    tl_csv_rows *lines;   /* of a file of lines, else NULL */
    tl_json_items *items; /* of a document, else NULL */
    uint64_t number;      /* of rows so far */
    char **keys;          /* [key_count]: members as they are spelled; the table's columns have readable names */
    size_t key_count;
    size_t key_capacity;
    tl_json *object;
    tl_string nested; /* texts of arrays and objects of the row */
    size_t *nested_starts;
};

static bool start(tl_json_rows *rows, const char *member, tl_error *err)
{
    tl_json_bracket bracket;
    const char *path = rows->table->path;
    tl_csv_rows_close(rows->lines);
    tl_json_items_close(rows->items);
    rows->lines = NULL;
    rows->items = NULL;
    rows->number = 0;
    if (member == NULL)
        return tl_csv_rows_open(path, '\n', TL_CSV_QUOTES_NONE, &rows->lines, err);
    if (!tl_json_items_open(path, &rows->items, err) || (member[0] != '\0' && !tl_json_items_find(rows->items, member, err)) ||
        !tl_json_items_enter(rows->items, &bracket, err))
        return false;
    return bracket == TL_JSON_BRACKET_ARRAY ||
           tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected an array of objects, found an object", path);
}

/* The next row's text, borrowed. */
static bool next_text(tl_json_rows *rows, tl_slice *text, uint64_t *line, bool *too_large, bool *done, tl_error *err)
{
    tl_csv_row row;
    bool ok;
    if (rows->lines != NULL) {
        ok = tl_csv_rows_next(rows->lines, &row, done, err);
        *line = ok ? row.line : 0;
        *too_large = ok && row.is_too_large;
        *text = ok && !*done && !*too_large ? row.fields[0] : (tl_slice){"", 0};
    } else {
        ok = tl_json_items_next(rows->items, text, too_large, done, err);
        *line = rows->number + 1;
    }
    rows->number += ok && !*done ? 1 : 0;
    return ok;
}

static bool add_key(void *context, const char *name, const tl_json *value)
{
    tl_json_rows *rows = context;
    (void)value;
    for (size_t i = 0; i < rows->key_count; i++)
        if (strcmp(rows->keys[i], name) == 0)
            return true;
    if (rows->key_count == MAX_KEYS)
        return true; /* a row of data as names is not to become columns without end */
    if (!tl_memory_reserve(&rows->keys, &rows->key_capacity, rows->key_count + 1, sizeof *rows->keys, NULL))
        return false;
    rows->keys[rows->key_count] = tl_memory_copy_text(name, strlen(name), NULL);
    if (rows->keys[rows->key_count] == NULL)
        return false;
    rows->key_count++;
    return tl_table__add_column(rows->table, tl_slice_of(name), NULL);
}

/* *object is NULL when the text is not one object. */
static bool parse_object(tl_slice text, tl_json **object, tl_error *err)
{
    tl_error reason;
    *object = NULL;
    if (!tl_json_parse(text, "row", object, &reason)) {
        *object = NULL;
        return reason.kind != TL_ERROR_NO_MEMORY || tl_fail_as(err, &reason);
    }
    if (!tl_json_is_object(*object)) {
        tl_json_free(*object);
        *object = NULL;
    }
    return true;
}

static bool sample_keys(tl_json_rows *rows, tl_error *err)
{
    size_t size = 0;
    for (size_t i = 0; i < TL_TABLE_SAMPLED_ROWS && size < MAX_SAMPLED_SIZE; i++) {
        tl_slice text;
        uint64_t line;
        bool too_large;
        bool done;
        tl_json *object = NULL;
        tl_error reason;
        if (!next_text(rows, &text, &line, &too_large, &done, &reason)) {
            if (i == 0 || reason.kind == TL_ERROR_NO_MEMORY)
                return tl_fail_as(err, &reason);
            break; /* the rows before the damage come first */
        }
        if (done)
            break;
        size += text.size;
        if (!parse_object(text, &object, err))
            return false;
        bool ok = tl_json_each_member(object, add_key, rows);
        tl_json_free(object);
        if (!ok && object != NULL)
            return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for the columns of '%s'", rows->table->path);
    }
    return true;
}

bool tl_json_rows_open(tl_table *table, const char *member, tl_json_rows **out, tl_error *err)
{
    tl_json_rows *rows = tl_memory_allocate(1, sizeof *rows, err);
    if (rows == NULL)
        return false;
    rows->table = table;
    tl_string_init(&rows->nested, MAX_NESTED_SIZE);
    if (!start(rows, member, err) || !sample_keys(rows, err) || !start(rows, member, err))
        goto failed;
    rows->nested_starts = tl_memory_allocate(rows->key_count, sizeof *rows->nested_starts, err);
    if (rows->nested_starts == NULL)
        goto failed;
    *out = rows;
    return true;
failed:
    tl_json_rows_close(rows);
    return false;
}

bool tl_json_cell_of(const tl_json *value, tl_string *nested, tl_cell *cell, tl_error *err)
{
    const char *text = tl_json_text(value);
    bool flag;
    *cell = (tl_cell){.kind = TL_CELL_NULL};
    if (text != NULL) {
        *cell = (tl_cell){.kind = TL_CELL_TEXT, .text = tl_slice_of(text)};
    } else if (tl_json_integer(value, &cell->number.integer)) {
        cell->kind = TL_CELL_INTEGER;
    } else if (tl_json_number(value, &cell->number.real)) {
        cell->kind = TL_CELL_REAL;
    } else if (tl_json_bool(value, &flag)) {
        *cell = (tl_cell){.kind = TL_CELL_BOOL, .number.integer = flag};
    } else if (tl_json_is_object(value) || tl_json_is_array(value)) {
        size_t start = nested->size;
        if (!tl_json_write(value, TL_JSON_COMPACT, nested, err))
            return false;
        *cell = (tl_cell){.kind = TL_CELL_JSON, .text = {nested->data + start, nested->size - start}};
    }
    return true;
}

static bool read_cells(tl_json_rows *rows, tl_error *err)
{
    tl_cell *cells = rows->table->cells;
    tl_string_reset(&rows->nested);
    for (size_t i = 0; i < rows->key_count; i++) {
        const tl_json *value = rows->table->wanted[i] ? tl_json_member(rows->object, rows->keys[i]) : NULL;
        rows->nested_starts[i] = rows->nested.size;
        if (!tl_json_cell_of(value, &rows->nested, &cells[i], err))
            return false;
    }
    for (size_t i = 0; i < rows->key_count; i++) /* now that the texts have stopped moving */
        if (cells[i].kind == TL_CELL_JSON)
            cells[i].text.data = rows->nested.data + rows->nested_starts[i];
    return true;
}

bool tl_json_rows_next(tl_json_rows *rows, tl_table_row *row, const tl_json **object, bool *done, tl_error *err)
{
    tl_slice text;
    bool too_large;
    *object = NULL;
    tl_json_free(rows->object);
    rows->object = NULL;
    if (!next_text(rows, &text, &row->line, &too_large, done, err))
        return false;
    if (*done)
        return true;
    if (!too_large && !parse_object(text, &rows->object, err))
        return false;
    if (rows->object == NULL) {
        row->problem = too_large ? "row too large" : "broken json";
        return true;
    }
    if (!read_cells(rows, err))
        return false;
    *object = rows->object;
    return true;
}

bool tl_json_rows_skip(tl_json_rows *rows, uint64_t count, uint64_t *passed, tl_error *err)
{
    tl_slice text;
    uint64_t line;
    bool too_large;
    for (bool done = false; *passed < count; (*passed)++) {
        if (!next_text(rows, &text, &line, &too_large, &done, err))
            return false;
        if (done)
            break;
    }
    return true;
}

double tl_json_rows_progress(const tl_json_rows *rows)
{
    return rows->lines != NULL ? tl_csv_rows_progress(rows->lines) : tl_json_items_progress(rows->items);
}

void tl_json_rows_close(tl_json_rows *rows)
{
    if (rows == NULL)
        return;
    tl_csv_rows_close(rows->lines);
    tl_json_items_close(rows->items);
    for (size_t i = 0; i < rows->key_count; i++)
        tl_memory_free(rows->keys[i]);
    tl_memory_free((void *)rows->keys);
    tl_json_free(rows->object);
    tl_memory_free(rows->nested_starts);
    tl_string_clear(&rows->nested);
    tl_memory_free(rows);
}
