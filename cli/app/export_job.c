#include "cli/app/export_job.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "base/core/utf8.h"
#include "base/io/json.h"
#include "base/io/npy.h"
#include "base/io/parquet/parquet_writer.h"
#include "index/index.h"

#include <math.h>
#include <stdio.h>

enum { MAX_LINE = 1 << 24 };

/* Columns of the metadata; image_path is clip-retrieval's name of it. */
static const tl_parquet_written_column columns[] = {
    {.name = "id", .kind = TL_PARQUET_WRITE_INTEGER},
    {.name = "image_path", .kind = TL_PARQUET_WRITE_TEXT},
    {.name = "caption", .kind = TL_PARQUET_WRITE_TEXT, .is_nullable = true},
    {.name = "url", .kind = TL_PARQUET_WRITE_TEXT, .is_nullable = true},
    {.name = "width", .kind = TL_PARQUET_WRITE_INTEGER},
    {.name = "height", .kind = TL_PARQUET_WRITE_INTEGER},
    {.name = "embedding", .kind = TL_PARQUET_WRITE_FLOATS},
};
enum { ID, PATH, CAPTION, URL, WIDTH, HEIGHT, EMBEDDING, COLUMN_COUNT };

typedef struct export_state {
    const tl_export_job *job;
    tl_index *index;
    tl_vector_set set;
    tl_file_writer *vectors; /* .npy or .jsonl */
    tl_parquet_writer *table;
    uint16_t *halves; /* [dim] */
    tl_string path, clean, line;
    uint64_t rows;
} export_state;

/* Paths need not be UTF-8. */
static bool clean_text(export_state *state, const char *text, tl_error *err)
{
    tl_string_reset(&state->clean);
    return tl_utf8_append(&state->clean, tl_slice_of(text), err);
}

static bool set_text(export_state *state, size_t column, const char *text, tl_error *err)
{
    return text == NULL || (clean_text(state, text, err) &&
                            tl_parquet_writer_set_text(state->table, column, tl_string_slice(&state->clean), err));
}

static bool write_table_row(export_state *state, int64_t owner, const tl_item *item, const char *caption, const float *vector,
                            tl_error *err)
{
    tl_parquet_writer *table = state->table;
    return tl_parquet_writer_set_integer(table, ID, owner, err) && set_text(state, PATH, state->path.data, err) &&
           set_text(state, CAPTION, caption, err) && set_text(state, URL, item->url, err) &&
           tl_parquet_writer_set_integer(table, WIDTH, item->width, err) &&
           tl_parquet_writer_set_integer(table, HEIGHT, item->height, err) &&
           (state->job->format != TL_EXPORT_PARQUET || tl_parquet_writer_set_floats(table, EMBEDDING, vector, err)) &&
           tl_parquet_writer_end_row(table, err);
}

static bool set_json_text(export_state *state, tl_json *json, const char *name, const char *text, tl_error *err)
{
    return text == NULL || (clean_text(state, text, err) && tl_json_set_text(json, name, state->clean.data, err));
}

static bool write_json_row(export_state *state, int64_t owner, const tl_item *item, const char *caption, const float *vector,
                           tl_error *err)
{
    tl_json *json = tl_json_object_create(err), *numbers = NULL;
    bool ok = json != NULL && tl_json_set_integer(json, "id", owner, err) &&
              set_json_text(state, json, "image_path", state->path.data, err) &&
              set_json_text(state, json, "caption", caption, err) && set_json_text(state, json, "url", item->url, err) &&
              tl_json_set_integer(json, "width", item->width, err) && tl_json_set_integer(json, "height", item->height, err) &&
              (numbers = tl_json_array_create(err)) != NULL;
    for (uint32_t i = 0; ok && i < state->set.dim; i++)
        ok = tl_json_append_number(numbers, (double)vector[i], err);
    if (ok) {
        ok = tl_json_set(json, "embedding", numbers, err);
        numbers = NULL;
    }
    tl_string_reset(&state->line);
    ok = ok && tl_json_write(json, TL_JSON_COMPACT, &state->line, err) && tl_string_append_text(&state->line, "\n", err) &&
         tl_file_writer_write(state->vectors, state->line.data, state->line.size, err);
    tl_json_free(numbers);
    tl_json_free(json);
    return ok;
}

static bool write_npy_row(export_state *state, const float *vector, tl_error *err)
{
    if (state->set.storage == TL_VECTOR_STORE_F32)
        return tl_file_writer_write(state->vectors, vector, state->set.dim * sizeof *vector, err);
    tl_narrow_to_f16(vector, state->halves, state->set.dim);
    return tl_file_writer_write(state->vectors, state->halves, state->set.dim * sizeof *state->halves, err);
}

static bool write_row(void *context, int64_t owner, const float *vector, tl_error *err)
{
    export_state *state = context;
    tl_item item;
    void *block = NULL;
    int64_t item_id = owner;
    if ((state->job->captions && !tl_index_caption_item(state->index, owner, &item_id, err)) ||
        !tl_index_item_read(state->index, item_id, &item, &block, err))
        return false;
    const char *caption = item.caption_count != 0 ? item.captions[0] : NULL;
    for (size_t i = 0; state->job->captions && i < item.caption_count; i++)
        if (item.caption_ids[i] == owner)
            caption = item.captions[i];
    tl_string_reset(&state->path);
    bool ok = tl_string_append_format(&state->path, err, "%s/%s", item.root, item.path);
    if (ok && state->job->format == TL_EXPORT_JSONL)
        ok = write_json_row(state, owner, &item, caption, vector, err);
    else
        ok = ok && write_table_row(state, owner, &item, caption, vector, err) &&
             (state->vectors == NULL || write_npy_row(state, vector, err));
    state->rows++;
    tl_memory_free(block);
    return ok;
}

static bool choose_set(export_state *state, tl_error *err)
{
    tl_vector_set *sets = NULL;
    size_t count = 0;
    tl_vector_kind kind = state->job->captions ? TL_VECTOR_CAPTION : TL_VECTOR_IMAGE;
    if (!tl_index_sets(state->index, &sets, &count, err))
        return false;
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) { /* the largest first */
        found = sets[i].kind == kind && (state->job->model == NULL || strcmp(sets[i].model, state->job->model) == 0);
        if (found)
            state->set = sets[i];
    }
    tl_memory_free(sets);
    return found || tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected %s vectors%s to export, found none", state->job->index_path,
                            state->job->captions ? "caption" : "image", state->job->model != NULL ? " of the model" : "");
}

/* Opens FOLDER/NAME/NAME_0.ENDING below the folder, which is made. */
static char *numbered_file(const char *folder, const char *name, const char *ending, tl_error *err)
{
    char file[64];
    snprintf(file, sizeof file, "%s_0.%s", name, ending);
    char *inner = tl_path_join(folder, name, err);
    char *path = inner != NULL && tl_directory_create(inner, err) ? tl_path_join(inner, file, err) : NULL;
    tl_memory_free(inner);
    return path;
}

static bool open_outputs(export_state *state, tl_error *err)
{
    const tl_export_job *job = state->job;
    tl_parquet_written_column wanted[COLUMN_COUNT];
    memcpy(wanted, columns, sizeof wanted);
    wanted[EMBEDDING].list_size = state->set.dim;
    if (job->format == TL_EXPORT_JSONL)
        return tl_file_writer_open(job->out, &state->vectors, err);
    if (job->format == TL_EXPORT_PARQUET)
        return tl_parquet_writer_open(job->out, wanted, COLUMN_COUNT, NULL, &state->table, err);
    const char *name = job->captions ? "text_emb" : "img_emb";
    char *metadata = numbered_file(job->out, "metadata", "parquet", err), *vectors = numbered_file(job->out, name, "npy", err);
    bool ok = metadata != NULL && vectors != NULL &&
              (state->halves = tl_memory_allocate(state->set.dim, sizeof *state->halves, err)) != NULL &&
              tl_parquet_writer_open(metadata, wanted, EMBEDDING, NULL, &state->table, err) &&
              tl_file_writer_open(vectors, &state->vectors, err) &&
              tl_npy_write_header(state->vectors, state->set.storage == TL_VECTOR_STORE_F32 ? TL_NPY_F32 : TL_NPY_F16,
                                  (size_t)state->set.count, state->set.dim, err);
    tl_memory_free(metadata);
    tl_memory_free(vectors);
    return ok;
}

bool tl_export_job_run(const tl_export_job *job, uint64_t *rows, tl_error *err)
{
    export_state state = {.job = job};
    tl_string_init(&state.path, MAX_LINE);
    tl_string_init(&state.clean, MAX_LINE);
    tl_string_init(&state.line, MAX_LINE);
    bool ok = tl_index_open(job->index_path, TL_INDEX_READ, &state.index, err) && choose_set(&state, err) &&
              open_outputs(&state, err) &&
              tl_index_each_vector(state.index, state.set.model, state.set.kind, write_row, &state, err);
    /* The count went into a header before the rows were read. */
    if (ok && job->format == TL_EXPORT_NPY && state.rows != state.set.count)
        ok = tl_fail(err, TL_ERROR_CANCELLED, "'%s': expected %llu vectors, found %llu: it changed meanwhile; try again",
                     job->index_path, (unsigned long long)state.set.count, (unsigned long long)state.rows);
    ok = ok && (state.vectors == NULL || tl_file_writer_commit(state.vectors, err)) &&
         (state.table == NULL || tl_parquet_writer_commit(state.table, err));
    *rows = state.rows;
    tl_file_writer_close(state.vectors);
    tl_parquet_writer_close(state.table);
    tl_index_close(state.index);
    tl_memory_free(state.halves);
    tl_string_clear(&state.path);
    tl_string_clear(&state.clean);
    tl_string_clear(&state.line);
    return ok;
}
