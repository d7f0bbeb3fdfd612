/*
 * Owns COCO captions: {"images": [{"id", "file_name", "coco_url", ...}, ...], "annotations": [{"image_id", "caption"}, ...]}, in
 * either order. A row is an image; its captions, in the order of the document, are one more column, "captions". Annotations are
 * first put into a temporary SQLite database (a file without a name when it grows), so that memory does not grow with them.
 */
#include "base/core/memory.h"
#include "base/store/database.h"
#include "crawler-import/tables/json_items.h"
#include "crawler-import/tables/json_rows.h"
#include "crawler-import/tables/json_shape.h"

#include <inttypes.h>

enum { MAX_TEXT_SIZE = 16 * 1024 * 1024, MAX_CAPTIONS = 1000 };

typedef struct coco_state {
    tl_json_rows *rows;
    size_t captions_column;
    sqlite3 *database; /* NULL until the first row is asked for */
    sqlite3_stmt *lookup;
    tl_string captions;
} coco_state;

static bool recognises(tl_slice head, bool *is_of_kind, tl_error *err)
{
    return tl_json_has_shape(head, TL_JSON_SHAPE_COCO, is_of_kind, err);
}

static bool open_coco(tl_table *table, tl_slice head, tl_error *err)
{
    (void)head;
    coco_state *state = tl_memory_allocate(1, sizeof *state, err);
    table->state = state;
    if (state == NULL)
        return false;
    tl_string_init(&state->captions, MAX_TEXT_SIZE);
    if (!tl_json_rows_open(table, "images", &state->rows, err))
        return false;
    state->captions_column = table->column_count;
    return tl_table__add_column(table, tl_slice_of("captions"), err);
}

/* Image ids are integers, in datasets after COCO texts too. */
static bool bind_id(sqlite3_stmt *statement, const tl_json *id)
{
    int64_t number;
    const char *text = tl_json_text(id);
    if (tl_json_integer(id, &number))
        return sqlite3_bind_int64(statement, 1, number) == SQLITE_OK;
    return text != NULL && sqlite3_bind_text(statement, 1, text, -1, SQLITE_TRANSIENT) == SQLITE_OK;
}

/* An annotation without image or caption says nothing about any row. */
static bool add_annotation(coco_state *state, sqlite3_stmt *insert, tl_slice text, int64_t number, tl_error *err)
{
    tl_json *annotation = NULL;
    tl_error reason;
    bool row;
    bool ok = true;
    if (!tl_json_parse(text, "annotation", &annotation, &reason))
        return reason.kind != TL_ERROR_NO_MEMORY || tl_fail_as(err, &reason);
    const char *caption = tl_json_text(tl_json_member(annotation, "caption"));
    if (caption != NULL && bind_id(insert, tl_json_member(annotation, "image_id"))) {
        sqlite3_bind_int64(insert, 2, number);
        sqlite3_bind_text(insert, 3, caption, -1, SQLITE_TRANSIENT);
        ok = tl_database_step(state->database, insert, &row, err);
    }
    sqlite3_reset(insert);
    tl_json_free(annotation);
    return ok;
}

static bool read_annotations(tl_table *table, sqlite3_stmt *insert, tl_error *err)
{
    tl_json_items *items = NULL;
    tl_json_bracket bracket;
    bool ok = tl_json_items_open(table->path, &items, err) && tl_json_items_find(items, "annotations", err) &&
              tl_json_items_enter(items, &bracket, err);
    if (ok && bracket != TL_JSON_BRACKET_ARRAY)
        ok = tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected an array 'annotations', found an object", table->path);
    for (int64_t number = 0; ok; number++) {
        tl_slice text;
        bool too_large;
        bool done;
        ok = tl_json_items_next(items, &text, &too_large, &done, err);
        if (!ok || done)
            break;
        ok = too_large || add_annotation(table->state, insert, text, number, err);
    }
    tl_json_items_close(items);
    return ok;
}

static bool gather_captions(tl_table *table, tl_error *err)
{
    coco_state *state = table->state;
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open_v2("", &state->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        return tl_database_fail(state->database, err);
    bool ok = tl_database_execute(state->database,
                                  "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768;"
                                  "CREATE TABLE caption(image, number INTEGER, text TEXT, PRIMARY KEY(image, number))"
                                  " WITHOUT ROWID; BEGIN",
                                  err) &&
              tl_database_prepare(state->database, "INSERT INTO caption VALUES(?1, ?2, ?3)", &insert, err) &&
              read_annotations(table, insert, err);
    sqlite3_finalize(insert);
    return ok && tl_database_execute(state->database, "COMMIT", err) &&
           tl_database_prepare(state->database, "SELECT text FROM caption WHERE image = ?1 ORDER BY number LIMIT ?2",
                               &state->lookup, err);
}

static bool write_captions(coco_state *state, const tl_json *id, tl_error *err)
{
    tl_json *array = tl_json_array_create(err);
    bool ok = array != NULL;
    bool row = ok && bind_id(state->lookup, id);
    sqlite3_bind_int(state->lookup, 2, MAX_CAPTIONS);
    while (ok && row) {
        ok = tl_database_step(state->database, state->lookup, &row, err);
        if (ok && row)
            ok = tl_json_append_text(array, (const char *)sqlite3_column_text(state->lookup, 0), err);
    }
    sqlite3_reset(state->lookup);
    tl_string_reset(&state->captions);
    ok = ok && tl_json_write(array, TL_JSON_COMPACT, &state->captions, err);
    tl_json_free(array);
    return ok;
}

static bool next_image(tl_table *table, tl_table_row *out, bool *done, tl_error *err)
{
    coco_state *state = table->state;
    const tl_json *object;
    if (state->lookup == NULL && !gather_captions(table, err))
        return tl_fail_within(err, "'%s'", table->path);
    if (!tl_json_rows_next(state->rows, out, &object, done, err))
        return false;
    if (*done || out->problem != NULL)
        return true;
    if (!write_captions(state, tl_json_member(object, "id"), err))
        return tl_fail_within(err, "'%s': row %" PRIu64, table->path, out->line);
    table->cells[state->captions_column] = (tl_cell){.kind = TL_CELL_JSON, .text = tl_string_slice(&state->captions)};
    return true;
}

static bool skip_images(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err)
{
    coco_state *state = table->state;
    return tl_json_rows_skip(state->rows, count, passed, err);
}

static double progress(const tl_table *table)
{
    const coco_state *state = table->state;
    return tl_json_rows_progress(state->rows);
}

static void close_coco(tl_table *table)
{
    coco_state *state = table->state;
    if (state == NULL)
        return;
    sqlite3_finalize(state->lookup);
    tl_database_close(state->database);
    tl_json_rows_close(state->rows);
    tl_string_clear(&state->captions);
    tl_memory_free(state);
}

const tl_table_kind_record tl_table_coco = {.name = "coco",
                                            .recognises = recognises,
                                            .open = open_coco,
                                            .next = next_image,
                                            .skip = skip_images,
                                            .progress = progress,
                                            .close = close_coco};
