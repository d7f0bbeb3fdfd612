/*
 * Owns three kinds of JSON tables: rows that are objects, one a line or in an array of a document, and columns that are arrays.
 * The arrays of columns are walked side by side, each by a reader of its own, so that a document of any size takes little memory.
 */
#include "base/core/memory.h"
#include "crawler-import/tables/json_items.h"
#include "crawler-import/tables/json_rows.h"
#include "crawler-import/tables/json_shape.h"

enum { MAX_NAME_SIZE = 4096, MAX_ARRAYS = 64, MAX_NESTED_SIZE = 64 * 1024 * 1024 };

static bool recognises_lines(tl_slice head, bool *is_of_kind, tl_error *err)
{
    return tl_json_has_shape(head, TL_JSON_SHAPE_LINES, is_of_kind, err);
}

static bool recognises_rows(tl_slice head, bool *is_of_kind, tl_error *err)
{
    return tl_json_has_shape(head, TL_JSON_SHAPE_ROWS, is_of_kind, err);
}

static bool recognises_columns(tl_slice head, bool *is_of_kind, tl_error *err)
{
    return tl_json_has_shape(head, TL_JSON_SHAPE_COLUMNS, is_of_kind, err);
}

static bool open_lines(tl_table *table, tl_slice head, tl_error *err)
{
    (void)head;
    tl_json_rows *rows = NULL;
    bool ok = tl_json_rows_open(table, NULL, &rows, err);
    table->state = rows;
    return ok;
}

static bool open_rows(tl_table *table, tl_slice head, tl_error *err)
{
    tl_json_shape shape;
    tl_json_rows *rows = NULL;
    tl_string member;
    tl_string_init(&member, MAX_NAME_SIZE);
    bool ok = tl_json_shape_of(head, &shape, &member, err) && tl_json_rows_open(table, member.data, &rows, err);
    tl_string_clear(&member);
    table->state = rows;
    return ok;
}

static bool next_object(tl_table *table, tl_table_row *out, bool *done, tl_error *err)
{
    const tl_json *object;
    return tl_json_rows_next(table->state, out, &object, done, err);
}

static bool skip_objects(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err)
{
    return tl_json_rows_skip(table->state, count, passed, err);
}

static double rows_progress(const tl_table *table)
{
    return tl_json_rows_progress(table->state);
}

static void close_rows(tl_table *table)
{
    tl_json_rows_close(table->state);
}

const tl_table_kind_record tl_table_jsonl = {.name = "jsonl",
                                             .recognises = recognises_lines,
                                             .open = open_lines,
                                             .next = next_object,
                                             .skip = skip_objects,
                                             .progress = rows_progress,
                                             .close = close_rows};

const tl_table_kind_record tl_table_json = {.name = "json",
                                            .recognises = recognises_rows,
                                            .open = open_rows,
                                            .next = next_object,
                                            .skip = skip_objects,
                                            .progress = rows_progress,
                                            .close = close_rows};

typedef struct columns_state {
    tl_json_items *arrays[MAX_ARRAYS];
    tl_json *values[MAX_ARRAYS]; /* of the row at hand */
    tl_string nested[MAX_ARRAYS];
    size_t count;
    uint64_t number;
} columns_state;

/* Adds the member as a column, walked by a reader of its own, unless it is empty. */
static bool add_array(tl_table *table, const tl_string *name, tl_error *err)
{
    columns_state *state = table->state;
    tl_json_items **array = &state->arrays[state->count];
    tl_json_bracket bracket;
    char first;
    if (!tl_json_items_open(table->path, array, err) || !tl_json_items_find(*array, name->data, err) ||
        !tl_json_items_enter(*array, &bracket, err) || !tl_json_items_peek(*array, &first, err)) {
        tl_json_items_close(*array);
        *array = NULL;
        return false;
    }
    if (first == '\0') {
        tl_json_items_close(*array);
        *array = NULL;
        return true;
    }
    tl_string_init(&state->nested[state->count++], MAX_NESTED_SIZE);
    return tl_table__add_column(table, tl_string_slice(name), err);
}

static bool find_columns(tl_table *table, tl_error *err)
{
    const columns_state *state = table->state;
    bool done = false;
    char first = '\0';
    tl_json_bracket bracket;
    tl_json_items *items = NULL;
    tl_string name;
    tl_string_init(&name, MAX_NAME_SIZE);
    bool ok = tl_json_items_open(table->path, &items, err) && tl_json_items_enter(items, &bracket, err);
    while (ok) {
        ok = tl_json_items_member(items, &name, &done, err);
        if (!ok || done)
            break;
        ok = tl_json_items_peek(items, &first, err);
        if (ok && (first == '[' || first == '{') && state->count < MAX_ARRAYS && !tl_json_member_describes(name.data))
            ok = add_array(table, &name, err);
        ok = ok && tl_json_items_pass(items, err);
    }
    tl_string_clear(&name);
    tl_json_items_close(items);
    return ok;
}

static bool open_columns(tl_table *table, tl_slice head, tl_error *err)
{
    (void)head;
    table->state = tl_memory_allocate(1, sizeof(columns_state), err);
    return table->state != NULL && find_columns(table, err);
}

/* Reads the next value of one array into its cell. */
static bool next_value(tl_table *table, size_t column, tl_table_row *row, bool *done, tl_error *err)
{
    columns_state *state = table->state;
    tl_cell *cell = &table->cells[column];
    tl_slice text;
    bool too_large;
    tl_error reason;
    *cell = (tl_cell){.kind = TL_CELL_NULL};
    tl_json_free(state->values[column]);
    state->values[column] = NULL;
    if (!tl_json_items_next(state->arrays[column], &text, &too_large, done, err))
        return false;
    if (*done || !table->wanted[column])
        return true;
    if (too_large) {
        row->problem = "row too large";
        return true;
    }
    if (!tl_json_parse(text, "value", &state->values[column], &reason)) {
        state->values[column] = NULL;
        row->problem = "broken json";
        return reason.kind != TL_ERROR_NO_MEMORY || tl_fail_as(err, &reason);
    }
    tl_string_reset(&state->nested[column]);
    return tl_json_cell_of(state->values[column], &state->nested[column], cell, err);
}

static bool next_of_columns(tl_table *table, tl_table_row *out, bool *done, tl_error *err)
{
    columns_state *state = table->state;
    size_t ended = 0;
    out->line = ++state->number;
    for (size_t i = 0; i < state->count; i++) {
        bool has_ended = false;
        if (!next_value(table, i, out, &has_ended, err))
            return false;
        ended += has_ended ? 1 : 0;
    }
    *done = ended == state->count;
    if (ended != 0 && !*done)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': row %llu: expected arrays of equal length, found that %zu of %zu have ended",
                       table->path, (unsigned long long)state->number, ended, state->count);
    return true;
}

static double columns_progress(const tl_table *table)
{
    const columns_state *state = table->state;
    double least = 1;
    for (size_t i = 0; i < state->count; i++) {
        double share = tl_json_items_progress(state->arrays[i]);
        least = share < least ? share : least;
    }
    return least;
}

static void close_columns(tl_table *table)
{
    columns_state *state = table->state;
    if (state == NULL)
        return;
    for (size_t i = 0; i < state->count; i++) {
        tl_json_items_close(state->arrays[i]);
        tl_json_free(state->values[i]);
        tl_string_clear(&state->nested[i]);
    }
    tl_memory_free(state);
}

const tl_table_kind_record tl_table_json_columns = {.name = "json-columns",
                                                    .recognises = recognises_columns,
                                                    .open = open_columns,
                                                    .next = next_of_columns,
                                                    .progress = columns_progress,
                                                    .close = close_columns};
