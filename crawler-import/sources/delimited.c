/*
 * Owns the table source: CSV or TSV with a header, one picture a row. Consecutive rows that name the same picture are one sample
 * with several captions, as the usual five-captions tables are written. Other columns become the sample's metadata.
 *
 * The delimiter is the one under which the header has the columns that are needed; the file's extension says which is tried
 * first. A relative path is meant from the table's folder; an absolute one is taken as it is, since it is the user's own table.
 */
#include "base/core/memory.h"
#include "crawler-import/caption_text.h"
#include "crawler-import/sample_key.h"
#include "crawler-import/sources/csv_rows.h"
#include "crawler-import/sources/source.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

static const char *const image_names[] = {"image", "file", "filename", "filepath", "path", "image_path", NULL};
static const char *const caption_names[] = {"caption", "text", "title", "description", NULL};

enum { NO_COLUMN = INT_MAX };

typedef struct table_state {
    tl_csv_rows *rows;
    char *folder;     /* absolute, of the table */
    char *name;       /* of the table */
    tl_string header; /* names, each with a NUL after it */
    size_t column_count;
    size_t image_column;
    size_t caption_column; /* NO_COLUMN: none */
    tl_csv_row row;        /* read ahead */
    bool has_row;
    tl_string image; /* the cell of the sample at hand */
} table_state;

static bool has_extension(const char *path, const char *extension)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && strcasecmp(dot + 1, extension) == 0;
}

static bool is_tab_separated(const char *path)
{
    return has_extension(path, "tsv") || has_extension(path, "tab");
}

static bool recognises(const char *path, const tl_file_status *status, tl_slice head)
{
    bool is_named_so = has_extension(path, "csv") || is_tab_separated(path) || has_extension(path, "txt");
    return status->kind == TL_FILE_REGULAR && is_named_so && head.size != 0 && memchr(head.data, '\0', head.size) == NULL &&
           (unsigned char)head.data[0] != 0xff && (unsigned char)head.data[0] != 0xfe;
}

static const char *column_name(const table_state *state, size_t column)
{
    const char *name = state->header.data;
    while (column-- != 0)
        name += strlen(name) + 1;
    return name;
}

static size_t find_column(const table_state *state, const char *wanted, const char *const *usual)
{
    const char *only[] = {wanted, NULL};
    for (const char *const *name = wanted != NULL ? only : usual; *name != NULL; name++)
        for (size_t i = 0; i < state->column_count; i++)
            if (strcasecmp(column_name(state, i), *name) == 0)
                return i;
    return NO_COLUMN;
}

/* Opens the rows and reads the header under one delimiter. */
static bool read_header(tl_source *source, char delimiter, tl_error *err)
{
    table_state *state = source->state;
    bool done;
    tl_csv_row row;
    tl_csv_rows_close(state->rows);
    state->rows = NULL;
    tl_string_reset(&state->header);
    state->column_count = 0;
    if (!tl_csv_rows_open(source->path, delimiter, &state->rows, err) || !tl_csv_rows_next(state->rows, &row, &done, err))
        return false;
    if (done)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': no pictures found: the table is empty", source->path);
    for (size_t i = 0; i < row.field_count; i++)
        if (!tl_text_append_readable(row.fields[i], &state->header, err) || !tl_string_append(&state->header, "", 1, err))
            return false;
    state->column_count = row.field_count;
    state->image_column = find_column(state, source->options.image_column, image_names);
    state->caption_column = find_column(state, source->options.caption_column, caption_names);
    return true;
}

static bool needs_caption(const tl_source *source)
{
    return source->options.caption_from == TL_CAPTION_FROM_SIDECAR || source->options.caption_column != NULL;
}

static bool fail_missing_column(const tl_source *source, const char *wanted, const char *const *usual, tl_error *err)
{
    const table_state *state = source->state;
    tl_string columns;
    tl_string names;
    tl_string_init(&columns, 65536);
    tl_string_init(&names, 65536);
    bool ok = true;
    for (size_t i = 0; ok && i < state->column_count && columns.size < 300; i++)
        ok = tl_string_append_format(&columns, err, "%s%.60s", i == 0 ? "" : ", ", column_name(state, i));
    for (const char *const *name = usual; ok && wanted == NULL && *name != NULL; name++)
        ok = tl_string_append_format(&names, err, "%s%s", name == usual ? "" : ", ", *name);
    if (ok)
        tl_fail(err, TL_ERROR_INVALID, "'%s': expected a column %s, found the columns: %s", state->name,
                wanted != NULL ? wanted : names.data, columns.data);
    tl_string_clear(&columns);
    tl_string_clear(&names);
    return false;
}

static bool choose_delimiter(tl_source *source, tl_error *err)
{
    table_state *state = source->state;
    static const char tab_first[] = "\t,;|";
    static const char comma_first[] = ",\t;|";
    const char *delimiters = is_tab_separated(source->path) ? tab_first : comma_first;
    char widest = delimiters[0];
    size_t widest_count = 0;
    for (const char *delimiter = delimiters; *delimiter != '\0'; delimiter++) {
        if (!read_header(source, *delimiter, err))
            return false;
        if (state->image_column != NO_COLUMN && (state->caption_column != NO_COLUMN || !needs_caption(source)))
            return true;
        if (state->column_count > widest_count) {
            widest_count = state->column_count;
            widest = *delimiter;
        }
    }
    if (!read_header(source, widest, err))
        return false;
    if (state->image_column == NO_COLUMN)
        return fail_missing_column(source, source->options.image_column, image_names, err);
    return fail_missing_column(source, source->options.caption_column, caption_names, err);
}

static bool read_ahead(table_state *state, tl_error *err)
{
    bool done;
    if (!tl_csv_rows_next(state->rows, &state->row, &done, err))
        return tl_fail_within(err, "'%s'", state->name);
    state->has_row = !done;
    return true;
}

static bool open_table(tl_source *source, tl_error *err)
{
    table_state *state = tl_memory_allocate(1, sizeof *state, err);
    source->state = state;
    if (state == NULL)
        return false;
    tl_string_init(&state->header, 4 * 1024 * 1024);
    tl_string_init(&state->image, TL_SOURCE_MAX_PATH_SIZE);
    const char *slash = strrchr(source->path, '/');
    state->folder = tl_memory_copy_text(source->path, slash == source->path ? 1 : (size_t)(slash - source->path), err);
    state->name = state->folder != NULL ? tl_memory_copy_text(slash + 1, strlen(slash + 1), err) : NULL;
    if (state->name == NULL || !choose_delimiter(source, err) || !read_ahead(state, err))
        return false;
    return state->has_row || tl_fail(err, TL_ERROR_INVALID, "'%s': no pictures found: the table has no rows", source->path);
}

static bool is_whole(const table_state *state)
{
    return state->has_row && !state->row.is_too_large && state->row.field_count == state->column_count;
}

static tl_slice cell(const table_state *state, size_t column)
{
    return column < state->row.field_count ? state->row.fields[column] : (tl_slice){"", 0};
}

static bool is_metadata(const table_state *state, size_t column)
{
    return column != state->image_column && column != state->caption_column && column_name(state, column)[0] != '\0' &&
           cell(state, column).size != 0 && tl_text_is_utf8(cell(state, column), NULL);
}

static bool read_metadata(tl_source *source, tl_error *err)
{
    table_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    tl_string text;
    tl_string_init(&text, TL_SOURCE_MAX_TEXT_SIZE);
    bool ok = true;
    for (size_t i = 0; ok && i < state->column_count; i++) {
        if (!is_metadata(state, i))
            continue;
        const char *name = column_name(state, i);
        tl_slice value = cell(state, i);
        tl_string_reset(&text);
        ok = (parts->json != NULL || (parts->json = tl_json_object_create(err)) != NULL) &&
             tl_string_append(&text, value.data, value.size, err) && tl_json_set_text(parts->json, name, text.data, err);
        char *end = text.data;
        long long label = ok && strcmp(name, "label") == 0 ? strtoll(text.data, &end, 10) : -1;
        if (ok && label >= 0 && label < INT64_MAX && end != text.data && *end == '\0') {
            parts->label = label;
            ok = tl_json_set_integer(parts->json, name, label, err);
        }
    }
    tl_string_clear(&text);
    return ok;
}

static bool add_caption(tl_source *source, tl_error *err)
{
    table_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    if (source->options.caption_from == TL_CAPTION_FROM_NAME)
        return parts->caption_count != 0 || tl_sample_parts_read_texts(parts, parts->path.data, TL_CAPTION_FROM_NAME, err);
    return state->caption_column == NO_COLUMN ||
           tl_sample_parts_add_caption(parts, cell(state, state->caption_column), source->options.caption_from, err);
}

/* True when the row read ahead says one more thing about the picture at hand. A bad caption stands alone, so that it is told of.
 */
static bool continues_sample(const tl_source *source)
{
    const table_state *state = source->state;
    if (!is_whole(state) || state->caption_column == NO_COLUMN || source->parts.caption_count >= TL_SOURCE_MAX_CAPTIONS)
        return false;
    tl_slice caption = cell(state, state->caption_column);
    return tl_slice_equal(cell(state, state->image_column), tl_string_slice(&state->image)) && tl_text_is_utf8(caption, NULL) &&
           tl_caption_first_line(caption).size != 0;
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
            return tl_fail(err, reason.kind, "%s", reason.message);
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
    if (!is_whole(state)) {
        return skip_row(source, state->row.is_too_large ? "row too large" : "wrong column count", err) &&
               read_ahead(state, err) && tl_sample_parts_hand_over(parts, source->options.caption_from, out, err);
    }
    tl_slice image = cell(state, state->image_column);
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
    return tl_csv_rows_progress(state->rows);
}

static void close_table(tl_source *source)
{
    table_state *state = source->state;
    if (state == NULL)
        return;
    tl_csv_rows_close(state->rows);
    tl_string_clear(&state->header);
    tl_string_clear(&state->image);
    tl_memory_free(state->folder);
    tl_memory_free(state->name);
    tl_memory_free(state);
}

const tl_source_kind tl_source_table = {
    .name = "table", .recognises = recognises, .open = open_table, .next = next_row, .progress = progress, .close = close_table};
