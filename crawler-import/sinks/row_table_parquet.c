/*
 * Owns tables of Parquet: a column for each member that some row of the shard has, in the order of their first appearance,
 * img2dataset's first. Rows are held as their JSON until the shard is whole, since only then are the columns and their kinds
 * known: integers, numbers, truth values, else text (arrays and objects as JSON). The columns that every table has are of one
 * kind always, so that the tables of a dataset read as one.
 */
#include "base/core/memory.h"
#include "base/io/json.h"
#include "base/io/parquet/parquet_writer.h"
#include "crawler-import/sinks/row_table.h"

enum { MAX_ROWS_SIZE = 1 << 30, MAX_COLUMNS = 1000 };

typedef struct table_column {
    char *name;
    tl_parquet_written_kind kind;
    bool has_value;
    bool is_fixed;
} table_column;

typedef struct parquet_table {
    char *path;
    tl_string rows; /* JSON texts one after another */
    size_t *ends;
    size_t row_count, end_capacity;
    table_column *columns;
    size_t column_count, column_capacity;
    tl_string text;
    tl_parquet_writer *writer;
    tl_error *err; /* of the call under way, for visits */
} parquet_table;

static const struct {
    const char *name;
    tl_parquet_written_kind kind;
} fixed[] = {
    {"url", TL_PARQUET_WRITE_TEXT},
    {"caption", TL_PARQUET_WRITE_TEXT},
    {"key", TL_PARQUET_WRITE_TEXT},
    {"status", TL_PARQUET_WRITE_TEXT},
    {"error_message", TL_PARQUET_WRITE_TEXT},
    {"width", TL_PARQUET_WRITE_INTEGER},
    {"height", TL_PARQUET_WRITE_INTEGER},
    {"original_width", TL_PARQUET_WRITE_INTEGER},
    {"original_height", TL_PARQUET_WRITE_INTEGER},
    {"exif", TL_PARQUET_WRITE_TEXT},
    {"sha256", TL_PARQUET_WRITE_TEXT},
    {"captions", TL_PARQUET_WRITE_JSON},
    {"split", TL_PARQUET_WRITE_TEXT},
    {"origin", TL_PARQUET_WRITE_TEXT},
    {"xxh128", TL_PARQUET_WRITE_TEXT},
};

static void close_table(void *state)
{
    parquet_table *table = state;
    if (table == NULL)
        return;
    tl_parquet_writer_close(table->writer);
    for (size_t i = 0; i < table->column_count; i++)
        tl_memory_free(table->columns[i].name);
    tl_memory_free(table->columns);
    tl_memory_free(table->ends);
    tl_memory_free(table->path);
    tl_string_clear(&table->rows);
    tl_string_clear(&table->text);
    tl_memory_free(table);
}

static bool add_column(parquet_table *table, const char *name, tl_parquet_written_kind kind, bool is_fixed)
{
    if (table->column_count == MAX_COLUMNS)
        return tl_fail(table->err, TL_ERROR_UNSUPPORTED, "'%s': expected at most %d columns, found more", table->path,
                       (int)MAX_COLUMNS);
    if (!tl_memory_reserve(&table->columns, &table->column_capacity, table->column_count + 1, sizeof *table->columns, table->err))
        return false;
    char *copy = tl_memory_copy_text(name, strlen(name), table->err);
    if (copy == NULL)
        return false;
    table->columns[table->column_count++] = (table_column){copy, kind, is_fixed, is_fixed};
    return true;
}

static bool open_table(const char *path, void **state, tl_error *err)
{
    parquet_table *table = tl_memory_allocate(1, sizeof *table, err);
    if (table == NULL)
        return false;
    tl_string_init(&table->rows, MAX_ROWS_SIZE);
    tl_string_init(&table->text, MAX_ROWS_SIZE);
    table->err = err;
    bool ok = (table->path = tl_memory_copy_text(path, strlen(path), err)) != NULL;
    for (size_t i = 0; ok && i < sizeof fixed / sizeof fixed[0]; i++)
        ok = add_column(table, fixed[i].name, fixed[i].kind, true);
    if (!ok) {
        close_table(table);
        return false;
    }
    *state = table;
    return true;
}

static bool add_row(void *state, tl_slice json, tl_error *err)
{
    parquet_table *table = state;
    if (!tl_memory_reserve(&table->ends, &table->end_capacity, table->row_count + 1, sizeof *table->ends, err))
        return false;
    if (!tl_string_append(&table->rows, json.data, json.size, err))
        return false;
    table->ends[table->row_count++] = table->rows.size;
    return true;
}

static table_column *find_column(parquet_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

/* False: null, which every kind has. */
static bool kind_of(const tl_json *value, tl_parquet_written_kind *kind)
{
    int64_t integer;
    double number;
    bool truth;
    if (tl_json_text(value) != NULL)
        *kind = TL_PARQUET_WRITE_TEXT;
    else if (tl_json_integer(value, &integer))
        *kind = TL_PARQUET_WRITE_INTEGER;
    else if (tl_json_number(value, &number))
        *kind = TL_PARQUET_WRITE_DOUBLE;
    else if (tl_json_bool(value, &truth))
        *kind = TL_PARQUET_WRITE_BOOLEAN;
    else if (tl_json_is_null(value))
        return false;
    else
        *kind = TL_PARQUET_WRITE_JSON;
    return true;
}

/* The kind that holds values of both. */
static tl_parquet_written_kind join_kinds(tl_parquet_written_kind a, tl_parquet_written_kind b)
{
    if (a == b)
        return a;
    bool are_numbers = (a == TL_PARQUET_WRITE_INTEGER || a == TL_PARQUET_WRITE_DOUBLE) &&
                       (b == TL_PARQUET_WRITE_INTEGER || b == TL_PARQUET_WRITE_DOUBLE);
    return are_numbers ? TL_PARQUET_WRITE_DOUBLE : TL_PARQUET_WRITE_TEXT;
}

static bool learn_member(void *context, const char *name, const tl_json *value)
{
    parquet_table *table = context;
    tl_parquet_written_kind kind = TL_PARQUET_WRITE_TEXT;
    bool has_value = kind_of(value, &kind);
    table_column *column = find_column(table, name);
    if (column == NULL) {
        if (name[0] == '\0' || !add_column(table, name, kind, false))
            return name[0] == '\0';
        column = &table->columns[table->column_count - 1];
        column->has_value = has_value;
    } else if (has_value && !column->is_fixed) {
        column->kind = column->has_value ? join_kinds(column->kind, kind) : kind;
        column->has_value = true;
    }
    return true;
}

static bool write_text(parquet_table *table, size_t column, const tl_json *value)
{
    const char *text = tl_json_text(value);
    if (text != NULL && table->columns[column].kind != TL_PARQUET_WRITE_JSON)
        return tl_parquet_writer_set_text(table->writer, column, (tl_slice){text, strlen(text)}, table->err);
    tl_string_reset(&table->text);
    return tl_json_write(value, TL_JSON_COMPACT, &table->text, table->err) &&
           tl_parquet_writer_set_text(table->writer, column, tl_string_slice(&table->text), table->err);
}

static bool write_member(void *context, const char *name, const tl_json *value)
{
    parquet_table *table = context;
    int64_t integer = 0;
    double number = 0;
    bool truth = false;
    const table_column *found = find_column(table, name);
    if (found == NULL || tl_json_is_null(value))
        return true;
    size_t column = (size_t)(found - table->columns);
    switch (found->kind) {
    case TL_PARQUET_WRITE_INTEGER:
        return !tl_json_integer(value, &integer) || tl_parquet_writer_set_integer(table->writer, column, integer, table->err);
    case TL_PARQUET_WRITE_DOUBLE:
        return !tl_json_number(value, &number) || tl_parquet_writer_set_double(table->writer, column, number, table->err);
    case TL_PARQUET_WRITE_BOOLEAN:
        return !tl_json_bool(value, &truth) || tl_parquet_writer_set_boolean(table->writer, column, truth, table->err);
    default:
        return write_text(table, column, value);
    }
}

static bool each_row(parquet_table *table, bool (*visit)(void *context, const char *name, const tl_json *value), bool writes)
{
    size_t start = 0;
    for (size_t i = 0; i < table->row_count; i++) {
        tl_json *row = NULL;
        if (!tl_json_parse((tl_slice){table->rows.data + start, table->ends[i] - start}, table->path, &row, table->err))
            return false;
        bool ok = tl_json_each_member(row, visit, table) && (!writes || tl_parquet_writer_end_row(table->writer, table->err));
        tl_json_free(row);
        if (!ok)
            return false;
        start = table->ends[i];
    }
    return true;
}

static bool commit_table(void *state, tl_error *err)
{
    parquet_table *table = state;
    table->err = err;
    if (!each_row(table, learn_member, false))
        return false;
    tl_parquet_written_column *columns = tl_memory_allocate(table->column_count, sizeof *columns, err);
    if (columns == NULL)
        return false;
    for (size_t i = 0; i < table->column_count; i++)
        columns[i] =
            (tl_parquet_written_column){.name = table->columns[i].name, .kind = table->columns[i].kind, .is_nullable = true};
    bool ok = tl_parquet_writer_open(table->path, columns, table->column_count, NULL, &table->writer, err) &&
              each_row(table, write_member, true) && tl_parquet_writer_commit(table->writer, err);
    tl_memory_free(columns);
    return ok;
}

const tl_row_table_kind tl_row_table_parquet = {"parquet", open_table, add_row, commit_table, close_table};
