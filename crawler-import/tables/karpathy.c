/*
 * Owns Karpathy splits (dataset_coco.json, dataset_flickr8k.json): {"images": [{"filename", "filepath", "split", "sentences":
 * [{"raw"}, ...], "cocoid", ...}, ...], "dataset": ...}. Beside the members of an image there are the columns
 *   captions   its sentences as they were written
 *   image      filepath/filename (filename alone where there is no filepath)
 *   url        of pictures with a cocoid: where COCO serves them
 */
#include "base/core/memory.h"
#include "crawler-import/tables/json_rows.h"
#include "crawler-import/tables/json_shape.h"

enum { MAX_TEXT_SIZE = 4 * 1024 * 1024 };

typedef struct karpathy_state {
    tl_json_rows *rows;
    size_t first_column; /* captions; image and url after it */
    tl_string captions;
    tl_string image;
    tl_string url;
} karpathy_state;

static bool recognises(tl_slice head, bool *is_of_kind, tl_error *err)
{
    return tl_json_has_shape(head, TL_JSON_SHAPE_KARPATHY, is_of_kind, err);
}

static bool open_split(tl_table *table, tl_slice head, tl_error *err)
{
    (void)head;
    karpathy_state *state = tl_memory_allocate(1, sizeof *state, err);
    table->state = state;
    if (state == NULL)
        return false;
    tl_string_init(&state->captions, 2 * (size_t)MAX_TEXT_SIZE);
    tl_string_init(&state->image, MAX_TEXT_SIZE);
    tl_string_init(&state->url, MAX_TEXT_SIZE);
    if (!tl_json_rows_open(table, "images", &state->rows, err))
        return false;
    state->first_column = table->column_count;
    return tl_table__add_column(table, tl_slice_of("captions"), err) && tl_table__add_column(table, tl_slice_of("image"), err) &&
           tl_table__add_column(table, tl_slice_of("url"), err);
}

static bool write_captions(karpathy_state *state, const tl_json *sentences, tl_error *err)
{
    tl_json *array = tl_json_array_create(err);
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < tl_json_array_size(sentences); i++) {
        const char *raw = tl_json_text_or(tl_json_array_item(sentences, i), "raw", NULL);
        ok = raw == NULL || tl_json_append_text(array, raw, err);
    }
    ok = ok && tl_json_write(array, TL_JSON_COMPACT, &state->captions, err);
    tl_json_free(array);
    return ok;
}

static bool next_image(tl_table *table, tl_table_row *out, bool *done, tl_error *err)
{
    karpathy_state *state = table->state;
    const tl_json *object;
    tl_cell *cells = table->cells + state->first_column;
    if (!tl_json_rows_next(state->rows, out, &object, done, err))
        return false;
    if (*done || out->problem != NULL)
        return true;
    tl_string_reset(&state->captions);
    tl_string_reset(&state->image);
    tl_string_reset(&state->url);
    const char *folder = tl_json_text_or(object, "filepath", "");
    const char *name = tl_json_text_or(object, "filename", NULL);
    bool has_url = name != NULL && folder[0] != '\0' && tl_json_member(object, "cocoid") != NULL;
    if (!write_captions(state, tl_json_member(object, "sentences"), err) ||
        (name != NULL && !tl_string_append_format(&state->image, err, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name)) ||
        (has_url && !tl_string_append_format(&state->url, err, "http://images.cocodataset.org/%s/%s", folder, name)))
        return false;
    cells[0] = (tl_cell){.kind = TL_CELL_JSON, .text = tl_string_slice(&state->captions)};
    cells[1] = (tl_cell){.kind = name != NULL ? TL_CELL_TEXT : TL_CELL_NULL, .text = tl_string_slice(&state->image)};
    cells[2] = (tl_cell){.kind = has_url ? TL_CELL_TEXT : TL_CELL_NULL, .text = tl_string_slice(&state->url)};
    return true;
}

static bool skip_images(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err)
{
    karpathy_state *state = table->state;
    return tl_json_rows_skip(state->rows, count, passed, err);
}

static double progress(const tl_table *table)
{
    const karpathy_state *state = table->state;
    return tl_json_rows_progress(state->rows);
}

static void close_split(tl_table *table)
{
    karpathy_state *state = table->state;
    if (state == NULL)
        return;
    tl_json_rows_close(state->rows);
    tl_string_clear(&state->captions);
    tl_string_clear(&state->image);
    tl_string_clear(&state->url);
    tl_memory_free(state);
}

const tl_table_kind_record tl_table_karpathy = {.name = "karpathy",
                                                .recognises = recognises,
                                                .open = open_split,
                                                .next = next_image,
                                                .skip = skip_images,
                                                .progress = progress,
                                                .close = close_split};
