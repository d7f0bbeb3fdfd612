/*
 * Owns the table source: rows that name a picture file each, in any kind of table (CSV, TSV, JSON, JSONL, Parquet, COCO captions,
 * Karpathy splits). Consecutive rows that name the same picture are one sample with several captions, as the usual five-captions
 * tables are written; a caption that is an array of texts is several captions. Other columns become the sample's metadata.
 *
 * A relative path is meant from the image folder when one is given, else from the table's folder. COCO and Karpathy documents lie
 * beside their pictures, each in its own way, so for them the folders where these usually are get looked into (picture_folder.c).
 * An absolute path is taken as it is, since it is the user's own table.
 */
#include "crawler-import/tables/table.h"
#include "base/core/memory.h"
#include "base/io/json.h"
#include "crawler-import/caption_text.h"
#include "crawler-import/sample_key.h"
#include "crawler-import/sources/picture_folder.h"
#include "crawler-import/sources/source.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

static const char *const image_names[] = {"image", "file", "filename", "filepath", "path", "image_path", "file_name", NULL};
static const char *const caption_names[] = {"caption", "captions", "text", "title", "description", NULL};

enum { NO_COLUMN = INT_MAX };

typedef struct table_state {
    tl_table *table;
    char *folder; /* absolute, that relative paths start from */
    char *name;   /* of the table */
    size_t column_count;
    size_t image_column;
    size_t caption_column; /* NO_COLUMN: none */
    tl_table_row row;      /* read ahead */
    bool has_row;
    tl_string image; /* the cell of the sample at hand */
} table_state;

/* The name's extension is this one, before a ".gz" or ".zst". */
static bool has_extension(const char *path, const char *extension)
{
    size_t size = strlen(path);
    size_t extension_size = strlen(extension);
    if (size > 3 && strcasecmp(path + size - 3, ".gz") == 0)
        size -= 3;
    else if (size > 4 && strcasecmp(path + size - 4, ".zst") == 0)
        size -= 4;
    return size > extension_size && path[size - extension_size - 1] == '.' &&
           strncasecmp(path + size - extension_size, extension, extension_size) == 0;
}

static bool recognises(const char *path, const tl_file_status *status, tl_slice head)
{
    static const char *const extensions[] = {"csv", "tsv", "tab", "txt", "json", "jsonl", "ndjson", "parquet"};
    bool is_parquet = head.size >= 4 && memcmp(head.data, "PAR1", 4) == 0;
    unsigned char first = head.size != 0 ? (unsigned char)head.data[0] : 0;
    if (status->kind != TL_FILE_REGULAR || head.size == 0)
        return false;
    if (is_parquet || first == '{' || first == '[')
        return true;
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (has_extension(path, extensions[i]))
            return memchr(head.data, '\0', head.size) == NULL && first != 0xff && first != 0xfe;
    return false;
}

static size_t find_column(const char *const *names, size_t count, const char *wanted, const char *const *usual)
{
    const char *only[] = {wanted, NULL};
    for (const char *const *name = wanted != NULL ? only : usual; *name != NULL; name++)
        for (size_t i = 0; i < count; i++)
            if (strcasecmp(names[i], *name) == 0)
                return i;
    return NO_COLUMN;
}

static bool needs_caption(const tl_source *source)
{
    return source->options.caption_from == TL_CAPTION_FROM_SIDECAR || source->options.caption_column != NULL;
}

static bool has_columns(void *context, const char *const *names, size_t count)
{
    const tl_source *source = context;
    return find_column(names, count, source->options.image_column, image_names) != NO_COLUMN &&
           (!needs_caption(source) || find_column(names, count, source->options.caption_column, caption_names) != NO_COLUMN);
}

static bool read_ahead(table_state *state, tl_error *err)
{
    bool done;
    if (!tl_table_next(state->table, &state->row, &done, err))
        return false;
    state->has_row = !done;
    return true;
}

static tl_slice cell_text(const table_state *state, size_t column)
{
    const tl_cell *cell = &state->row.cells[column];
    return cell->kind == TL_CELL_TEXT ? cell->text : (tl_slice){"", 0};
}

/* The folder that relative paths start from, once the first row is there to be looked for. */
static bool find_folder(tl_source *source, tl_error *err)
{
    table_state *state = source->state;
    const char *kind = tl_table_kind(state->table);
    bool is_beside = strcmp(kind, "coco") == 0 || strcmp(kind, "karpathy") == 0;
    if (source->options.image_folder != NULL)
        state->folder = tl_path_resolve(source->options.image_folder, err);
    else if (is_beside && state->row.problem == NULL)
        state->folder = tl_picture_folder_find(source->path, cell_text(state, state->image_column), err);
    else
        state->folder = tl_picture_folder_find(source->path, (tl_slice){"", 0}, err);
    return state->folder != NULL;
}

static bool open_table(tl_source *source, tl_error *err)
{
    table_state *state = tl_memory_allocate(1, sizeof *state, err);
    tl_table_options options = {.header = TL_TABLE_HEADER_IS_THERE, .has_columns = has_columns, .context = source};
    source->state = state;
    if (state == NULL)
        return false;
    tl_string_init(&state->image, TL_SOURCE_MAX_PATH_SIZE);
    const char *slash = strrchr(source->path, '/');
    state->name = tl_memory_copy_text(slash + 1, strlen(slash + 1), err);
    if (state->name == NULL || !tl_table_open(source->path, &options, &state->table, err))
        return false;
    const char *const *names = tl_table_column_names(state->table);
    state->column_count = tl_table_column_count(state->table);
    state->image_column = find_column(names, state->column_count, source->options.image_column, image_names);
    state->caption_column = find_column(names, state->column_count, source->options.caption_column, caption_names);
    if (state->image_column == NO_COLUMN)
        return tl_table_fail_missing_column(state->table, source->options.image_column, image_names, err) ||
               tl_fail_within(err, "'%s'", state->name);
    if (state->caption_column == NO_COLUMN && needs_caption(source))
        return tl_table_fail_missing_column(state->table, source->options.caption_column, caption_names, err) ||
               tl_fail_within(err, "'%s'", state->name);
    if (!read_ahead(state, err))
        return false;
    if (!state->has_row)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected pictures, found a table without rows", source->path);
    return find_folder(source, err);
}

static bool is_metadata(const table_state *state, size_t column)
{
    const tl_cell *cell = &state->row.cells[column];
    return column != state->image_column && column != state->caption_column && cell->kind != TL_CELL_NULL &&
           tl_table_column_names(state->table)[column][0] != '\0' &&
           (cell->kind != TL_CELL_TEXT || tl_text_is_utf8(cell->text, NULL));
}

static bool set_member(tl_sample_parts *parts, const char *name, const tl_cell *cell, tl_string *text, tl_error *err)
{
    tl_json *nested = NULL;
    tl_error reason;
    char *end;
    long long label;
    switch (cell->kind) {
    case TL_CELL_INTEGER:
        if (strcmp(name, "label") == 0 && cell->number.integer >= 0)
            parts->label = cell->number.integer;
        return tl_json_set_integer(parts->json, name, cell->number.integer, err);
    case TL_CELL_REAL:
        return tl_json_set_number(parts->json, name, cell->number.real, err);
    case TL_CELL_BOOL:
        return tl_json_set_bool(parts->json, name, cell->number.integer != 0, err);
    case TL_CELL_JSON:
        if (tl_json_parse(cell->text, name, &nested, &reason))
            return tl_json_set(parts->json, name, nested, err);
        return reason.kind != TL_ERROR_NO_MEMORY || tl_fail_as(err, &reason);
    case TL_CELL_TEXT:
        tl_string_reset(text);
        if (!tl_string_append(text, cell->text.data, cell->text.size, err) ||
            !tl_json_set_text(parts->json, name, text->data, err))
            return false;
        label = strcmp(name, "label") == 0 ? strtoll(text->data, &end, 10) : -1;
        if (label < 0 || label == INT64_MAX || end == text->data || *end != '\0')
            return true;
        parts->label = label;
        return tl_json_set_integer(parts->json, name, label, err);
    case TL_CELL_NULL:
        break;
    }
    return true;
}

static bool read_metadata(tl_source *source, tl_error *err)
{
    table_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    tl_string text;
    tl_string_init(&text, TL_SOURCE_MAX_TEXT_SIZE);
    bool ok = true;
    for (size_t i = 0; ok && i < state->column_count; i++)
        if (is_metadata(state, i))
            ok = (parts->json != NULL || (parts->json = tl_json_object_create(err)) != NULL) &&
                 set_member(parts, tl_table_column_names(state->table)[i], &state->row.cells[i], &text, err);
    tl_string_clear(&text);
    return ok;
}

static bool add_captions(tl_source *source, tl_slice json, tl_error *err)
{
    tl_json *array = NULL;
    tl_error reason;
    if (!tl_json_parse(json, "captions", &array, &reason)) {
        tl_sample_parts_skip(&source->parts, "broken json"); /* a column that a Parquet file calls JSON */
        return reason.kind != TL_ERROR_NO_MEMORY || tl_fail_as(err, &reason);
    }
    bool ok = true;
    for (size_t i = 0; ok && i < tl_json_array_size(array); i++) {
        const char *text = tl_json_text(tl_json_array_item(array, i));
        ok = text == NULL || tl_sample_parts_add_caption(&source->parts, tl_slice_of(text), source->options.caption_from, err);
    }
    tl_json_free(array);
    return ok;
}

static bool add_caption(tl_source *source, tl_error *err)
{
    table_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    if (source->options.caption_from == TL_CAPTION_FROM_NAME)
        return parts->caption_count != 0 || tl_sample_parts_read_texts(parts, parts->path.data, TL_CAPTION_FROM_NAME, err);
    if (state->caption_column == NO_COLUMN)
        return true;
    const tl_cell *cell = &state->row.cells[state->caption_column];
    return cell->kind == TL_CELL_JSON
               ? add_captions(source, cell->text, err)
               : tl_sample_parts_add_caption(parts, cell_text(state, state->caption_column), source->options.caption_from, err);
}

/* True when the row read ahead says one more thing about the picture at hand. A bad caption stands alone, so that it is told of.
 */
static bool continues_sample(const tl_source *source)
{
    const table_state *state = source->state;
    if (!state->has_row || state->row.problem != NULL || state->caption_column == NO_COLUMN ||
        source->parts.caption_count >= TL_SOURCE_MAX_CAPTIONS)
        return false;
    tl_slice caption = cell_text(state, state->caption_column);
    return tl_slice_equal(cell_text(state, state->image_column), tl_string_slice(&state->image)) &&
           tl_text_is_utf8(caption, NULL) && tl_caption_first_line(caption).size != 0;
}

/* The cell as a path: absolute ones count from "/". */
static bool take_path(tl_source *source, tl_error *err)
{
    table_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    tl_slice path = tl_string_slice(&state->image);
    parts->root = state->folder;
    if (path.size != 0 && path.data[0] == '/')
        parts->root = "/";
    while (path.size != 0 && path.data[0] == '/')
        path = (tl_slice){path.data + 1, path.size - 1};
    if (path.size == 0 || memchr(path.data, '\0', path.size) != NULL || path.size >= TL_SOURCE_MAX_PATH_SIZE / 2) {
        tl_sample_parts_skip(parts, "missing file");
        path = (tl_slice){"", 0};
    }
    return tl_string_append(&parts->path, path.data, path.size, err) &&
           tl_sample_key_append_path(parts->path.data, &parts->key, err);
}

static bool look_at_file(tl_source *source, const char *full_path, tl_error *err)
{
    tl_sample_parts *parts = &source->parts;
    tl_file_status status;
    if (parts->skip_reason != NULL)
        return true;
    tl_error reason;
    if (!tl_file_status_read(full_path, &status, &reason)) {
        if (reason.kind == TL_ERROR_NO_MEMORY)
            return tl_fail_as(err, &reason);
        tl_sample_parts_skip(parts, "unreadable file");
        return true;
    }
    if (status.kind != TL_FILE_REGULAR)
        tl_sample_parts_skip(parts, "missing file");
    parts->size = status.size;
    parts->modified_ns = status.modified_ns;
    return true;
}

static bool skip_row(tl_source *source, const char *reason, tl_error *err)
{
    table_state *state = source->state;
    tl_sample_parts_skip(&source->parts, reason);
    source->parts.root = state->folder;
    return tl_string_append_format(&source->parts.key, err, "%" PRIu64, state->row.line);
}

static bool next_row(tl_source *source, tl_sample *out, bool *done, tl_error *err)
{
    table_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    tl_sample_parts_reset(parts);
    if (!state->has_row) {
        *done = true;
        return true;
    }
    if (!tl_text_append_readable(tl_slice_of(state->name), &parts->origin, err) ||
        !tl_string_append_format(&parts->origin, err, ":%" PRIu64, state->row.line))
        return false;
    if (state->row.problem != NULL) {
        return skip_row(source, state->row.problem, err) && read_ahead(state, err) &&
               tl_sample_parts_hand_over(parts, source->options.caption_from, out, err);
    }
    tl_slice image = cell_text(state, state->image_column);
    tl_string_reset(&state->image);
    if (image.size >= TL_SOURCE_MAX_PATH_SIZE)
        image.size = 0;
    if (!tl_string_append(&state->image, image.data, image.size, err) || !take_path(source, err) || !read_metadata(source, err) ||
        !add_caption(source, err) || !read_ahead(state, err))
        return false;
    while (parts->skip_reason == NULL && parts->caption_count != 0 && continues_sample(source))
        if (!add_caption(source, err) || !read_ahead(state, err))
            return false;
    char *full_path = tl_path_join(parts->root, parts->path.data, err);
    bool ok =
        full_path != NULL && look_at_file(source, full_path, err) && tl_source_finish_file_sample(source, full_path, out, err);
    tl_memory_free(full_path);
    return ok;
}

static double progress(const tl_source *source)
{
    const table_state *state = source->state;
    return tl_table_progress(state->table);
}

static void close_table(tl_source *source)
{
    table_state *state = source->state;
    if (state == NULL)
        return;
    tl_table_close(state->table);
    tl_string_clear(&state->image);
    tl_memory_free(state->folder);
    tl_memory_free(state->name);
    tl_memory_free(state);
}

const tl_source_kind tl_source_table = {
    .name = "table", .recognises = recognises, .open = open_table, .next = next_row, .progress = progress, .close = close_table};
