/* Owns tables of JSON lines: the rows' metadata as it is, a line each. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "crawler-import/sinks/row_table.h"

enum { BUFFER_SIZE = 1 << 16 };

typedef struct jsonl_table {
    tl_file_writer *writer;
    tl_string buffer;
} jsonl_table;

static void close_table(void *state)
{
    jsonl_table *table = state;
    if (table == NULL)
        return;
    tl_file_writer_close(table->writer);
    tl_string_clear(&table->buffer);
    tl_memory_free(table);
}

static bool open_table(const char *path, void **state, tl_error *err)
{
    jsonl_table *table = tl_memory_allocate(1, sizeof *table, err);
    if (table == NULL)
        return false;
    tl_string_init(&table->buffer, (size_t)1 << 30);
    if (!tl_file_writer_open(path, &table->writer, err)) {
        close_table(table);
        return false;
    }
    *state = table;
    return true;
}

static bool empty_buffer(jsonl_table *table, tl_error *err)
{
    bool ok = tl_file_writer_write(table->writer, table->buffer.data, table->buffer.size, err);
    tl_string_reset(&table->buffer);
    return ok;
}

static bool add_row(void *state, tl_slice json, tl_error *err)
{
    jsonl_table *table = state;
    return tl_string_append(&table->buffer, json.data, json.size, err) && tl_string_append(&table->buffer, "\n", 1, err) &&
           (table->buffer.size < BUFFER_SIZE || empty_buffer(table, err));
}

static bool commit_table(void *state, tl_error *err)
{
    jsonl_table *table = state;
    return empty_buffer(table, err) && tl_file_writer_commit(table->writer, err);
}

const tl_row_table_kind tl_row_table_jsonl = {"jsonl", open_table, add_row, commit_table, close_table};
