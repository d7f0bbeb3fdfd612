/*
 * Owns tables out of Parquet files: the columns that can be read, a batch at a time and only those that are wanted. Dates and
 * times stay the integers that the file has; a list is a JSON array.
 */
#include "base/io/parquet/parquet.h"

#include "base/core/memory.h"
#include "base/io/json.h"
#include "crawler-import/tables/table_internal.h"

#include <inttypes.h>

enum { MAX_NESTED_SIZE = 64 * 1024 * 1024 };

typedef struct parquet_state {
    tl_parquet_file *file;
    size_t *sources;           /* [columns of the table]: their index in the file */
    tl_parquet_reader *reader; /* made when the first row is asked for */
    size_t *slots;             /* [columns read]: their index in the table */
    size_t slot_count;
    tl_parquet_batch batch;
    size_t at;         /* row of the batch */
    uint64_t position; /* row of the file after the batch */
    tl_string nested;  /* texts of the row's lists */
    size_t *nested_starts;
} parquet_state;

static bool recognises(tl_slice head, bool *is_of_kind, tl_error *err)
{
    (void)err;
    *is_of_kind = head.size >= 4 && memcmp(head.data, "PAR1", 4) == 0;
    return true;
}

static bool open_parquet(tl_table *table, tl_slice head, tl_error *err)
{
    (void)head;
    parquet_state *state = tl_memory_allocate(1, sizeof *state, err);
    table->state = state;
    if (state == NULL)
        return false;
    tl_string_init(&state->nested, MAX_NESTED_SIZE);
    if (!tl_parquet_open(table->path, &state->file, err))
        return false;
    size_t count = tl_parquet_column_count(state->file);
    state->sources = tl_memory_allocate(count, sizeof *state->sources, err);
    state->slots = tl_memory_allocate(count, sizeof *state->slots, err);
    state->nested_starts = tl_memory_allocate(count, sizeof *state->nested_starts, err);
    if (state->sources == NULL || state->slots == NULL || state->nested_starts == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const tl_parquet_column *column = tl_parquet_column_at(state->file, i);
        if (column->kind == TL_PARQUET_UNREADABLE)
            continue;
        state->sources[table->column_count] = i;
        if (!tl_table__add_column(table, tl_slice_of(column->name), err))
            return false;
    }
    return true;
}

static bool make_reader(tl_table *table, tl_error *err)
{
    parquet_state *state = table->state;
    size_t *columns = tl_memory_allocate(table->column_count, sizeof *columns, err);
    if (columns == NULL)
        return false;
    for (size_t i = 0; i < table->column_count; i++)
        if (table->wanted[i]) {
            columns[state->slot_count] = state->sources[i];
            state->slots[state->slot_count++] = i;
        }
    bool ok = state->slot_count != 0 || tl_fail(err, TL_ERROR_INVALID, "'%s': expected columns to read, found none", table->path);
    ok = ok && tl_parquet_reader_create(state->file, columns, state->slot_count, NULL, &state->reader, err);
    tl_memory_free(columns);
    return ok;
}

/* The value at index, an item of a list or not, as a cell. */
static tl_cell cell_of(const tl_parquet_column *column, const tl_parquet_vector *vector, size_t index)
{
    tl_cell cell = {.kind = TL_CELL_NULL};
    switch (column->kind) {
    case TL_PARQUET_BOOLEAN:
        return (tl_cell){.kind = TL_CELL_BOOL, .number.integer = vector->values.booleans[index]};
    case TL_PARQUET_INTEGER:
        return (tl_cell){.kind = TL_CELL_INTEGER, .number.integer = vector->values.integers[index]};
    case TL_PARQUET_NATURAL:
        if (vector->values.naturals[index] <= INT64_MAX)
            return (tl_cell){.kind = TL_CELL_INTEGER, .number.integer = (int64_t)vector->values.naturals[index]};
        return (tl_cell){.kind = TL_CELL_REAL, .number.real = (double)vector->values.naturals[index]};
    case TL_PARQUET_FLOAT:
        return (tl_cell){.kind = TL_CELL_REAL, .number.real = (double)vector->values.floats[index]};
    case TL_PARQUET_DOUBLE:
        return (tl_cell){.kind = TL_CELL_REAL, .number.real = vector->values.doubles[index]};
    case TL_PARQUET_TEXT:
    case TL_PARQUET_BYTES:
        cell.kind = column->is_json ? TL_CELL_JSON : TL_CELL_TEXT;
        cell.text = vector->values.texts[index];
        return cell;
    case TL_PARQUET_UNREADABLE:
        break;
    }
    return cell;
}

static bool append_item(tl_json *array, const tl_cell *cell, tl_error *err)
{
    bool ok = true;
    char *text;
    switch (cell->kind) {
    case TL_CELL_INTEGER:
    case TL_CELL_BOOL:
        return tl_json_append_integer(array, cell->number.integer, err);
    case TL_CELL_REAL:
        return tl_json_append_number(array, cell->number.real, err);
    case TL_CELL_TEXT:
    case TL_CELL_JSON:
        if (!tl_text_is_utf8(cell->text, NULL))
            return true;
        text = tl_memory_copy_text(cell->text.data != NULL ? cell->text.data : "", cell->text.size, err);
        ok = text != NULL && tl_json_append_text(array, text, err);
        tl_memory_free(text);
        return ok;
    case TL_CELL_NULL:
        break;
    }
    return true;
}

/* A list as a JSON array; absent items and texts that are not UTF-8 are left out. */
static bool write_list(parquet_state *state, const tl_parquet_column *column, const tl_parquet_vector *vector, tl_error *err)
{
    tl_json *array = tl_json_array_create(err);
    bool ok = array != NULL;
    for (size_t i = vector->offsets[state->at]; ok && i < vector->offsets[state->at + 1]; i++) {
        tl_cell item = cell_of(column, vector, i);
        if (vector->item_present == NULL || vector->item_present[i])
            ok = append_item(array, &item, err);
    }
    ok = ok && tl_json_write(array, TL_JSON_COMPACT, &state->nested, err);
    tl_json_free(array);
    return ok;
}

static bool read_cells(tl_table *table, tl_error *err)
{
    parquet_state *state = table->state;
    tl_string_reset(&state->nested);
    for (size_t i = 0; i < state->slot_count; i++) {
        const tl_parquet_vector *vector = &state->batch.vectors[i];
        const tl_parquet_column *column = tl_parquet_column_at(state->file, state->sources[state->slots[i]]);
        tl_cell *cell = &table->cells[state->slots[i]];
        bool is_there = vector->present == NULL || vector->present[state->at];
        state->nested_starts[i] = state->nested.size;
        if (is_there && column->is_list) {
            if (!write_list(state, column, vector, err))
                return false;
            *cell = (tl_cell){.kind = TL_CELL_JSON, .text.size = state->nested.size - state->nested_starts[i]};
        } else {
            *cell = is_there ? cell_of(column, vector, state->at) : (tl_cell){.kind = TL_CELL_NULL};
        }
    }
    for (size_t i = 0; i < state->slot_count; i++) { /* now that the texts have stopped moving */
        tl_cell *cell = &table->cells[state->slots[i]];
        if (tl_parquet_column_at(state->file, state->sources[state->slots[i]])->is_list && cell->kind == TL_CELL_JSON)
            cell->text.data = state->nested.data + state->nested_starts[i];
    }
    return true;
}

static bool next_row(tl_table *table, tl_table_row *out, bool *done, tl_error *err)
{
    parquet_state *state = table->state;
    if (state->reader == NULL && !make_reader(table, err))
        return false;
    if (state->at == state->batch.row_count) {
        if (!tl_parquet_reader_next(state->reader, &state->batch, err))
            return false;
        state->position += state->batch.row_count;
        state->at = 0;
    }
    *done = state->batch.row_count == 0;
    if (*done)
        return true;
    out->line = state->batch.first_row + state->at + 1;
    bool ok = read_cells(table, err);
    state->at++;
    return ok;
}

static bool skip_rows(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err)
{
    parquet_state *state = table->state;
    if (state->reader == NULL && !make_reader(table, err))
        return false;
    size_t here = state->batch.row_count - state->at;
    if (here >= count) {
        state->at += (size_t)count;
        *passed = count;
        return true;
    }
    uint64_t left = tl_parquet_row_count(state->file) - state->position;
    uint64_t beyond = count - here < left ? count - here : left;
    state->at = state->batch.row_count;
    state->position += beyond;
    *passed = here + beyond;
    return tl_parquet_reader_skip(state->reader, beyond, err);
}

static double progress(const tl_table *table)
{
    const parquet_state *state = table->state;
    uint64_t count = tl_parquet_row_count(state->file);
    return count == 0 ? 1 : (double)(state->position - (state->batch.row_count - state->at)) / (double)count;
}

static void close_parquet(tl_table *table)
{
    parquet_state *state = table->state;
    if (state == NULL)
        return;
    tl_parquet_reader_destroy(state->reader);
    tl_parquet_close(state->file);
    tl_memory_free(state->sources);
    tl_memory_free(state->slots);
    tl_memory_free(state->nested_starts);
    tl_string_clear(&state->nested);
    tl_memory_free(state);
}

const tl_table_kind_record tl_table_parquet = {.name = "parquet",
                                               .recognises = recognises,
                                               .open = open_parquet,
                                               .next = next_row,
                                               .skip = skip_rows,
                                               .progress = progress,
                                               .close = close_parquet};
