/*
 * Owns the writing of roots, items and captions. Paths and texts are stored as the bytes they are: TEXT in SQLite is not checked
 * for UTF-8 and compares bytewise, so a path that is not UTF-8 is found again, and one that is reads well in the sqlite3 shell.
 */
#include "index/catalogue/items.h"

#include "base/core/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool check_text(const char *text, const char *what, size_t max_size, tl_error *err)
{
    size_t size = text != NULL ? strlen(text) : 0;
    return size <= max_size ||
           tl_fail(err, TL_ERROR_INVALID, "item: expected %s of at most %zu bytes, found %zu", what, max_size, size);
}

bool tl_items__check_place(const char *root, const char *path, tl_error *err)
{
    if (root == NULL || root[0] == '\0' || path == NULL || path[0] == '\0')
        return tl_fail(err, TL_ERROR_INVALID, "item: expected a root and a path, found none");
    return check_text(root, "a root", TL_MAX_PATH, err) && check_text(path, "a path", TL_MAX_PATH, err);
}

bool tl_items__check(const tl_item *item, tl_error *err)
{
    if (!tl_items__check_place(item->root, item->path, err))
        return false;
    if (!check_text(item->hash, "a hash", TL_MAX_TEXT, err) || !check_text(item->taken, "a time", TL_MAX_TEXT, err) ||
        !check_text(item->camera, "a camera", TL_MAX_TEXT, err) || !check_text(item->url, "a url", TL_MAX_TEXT, err) ||
        !check_text(item->split, "a split", TL_MAX_TEXT, err))
        return tl_fail_within(err, "'%.200s'", item->path);
    if (item->has_place && (!isfinite(item->latitude) || !isfinite(item->longitude)))
        return tl_fail(err, TL_ERROR_INVALID, "'%.200s': expected a latitude and a longitude, found %g and %g", item->path,
                       item->latitude, item->longitude);
    if (item->size > INT64_MAX)
        return tl_fail(err, TL_ERROR_INVALID, "'%.200s': expected a size in bytes, found %" PRIu64, item->path, item->size);
    if (item->caption_count > TL_MAX_CAPTIONS)
        return tl_fail(err, TL_ERROR_INVALID, "'%.200s': expected at most %d captions, found %zu", item->path, TL_MAX_CAPTIONS,
                       item->caption_count);
    for (size_t i = 0; i < item->caption_count; i++) {
        if (item->captions[i] == NULL)
            return tl_fail(err, TL_ERROR_INVALID, "'%.200s': expected caption %zu, found none", item->path, i + 1);
        if (!check_text(item->captions[i], "a caption", TL_MAX_TEXT, err))
            return tl_fail_within(err, "'%.200s'", item->path);
    }
    return true;
}

/* Binds up to two texts or a number before them, steps once and keeps column 0 when there is a row, else 0. */
static bool read_id(tl_statements *statements, sqlite3_stmt *statement, int64_t *id, tl_error *err)
{
    bool row = false;
    *id = 0;
    if (!tl_statements__step(statements, statement, &row, err))
        return false;
    if (row)
        *id = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return true;
}

bool tl_roots__find(tl_statements *statements, const char *path, int64_t *id, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_ROOT_FIND, err);
    if (statement == NULL)
        return false;
    tl_statements__bind_text(statement, 1, path);
    return read_id(statements, statement, id, err);
}

static bool take_row(const tl_catalogue_writer *writer, tl_summed table, int64_t id, tl_error *err)
{
    return tl_table_sums__take(writer->sums, writer->statements, table, id, err);
}

static bool add_row(const tl_catalogue_writer *writer, tl_summed table, int64_t id, tl_error *err)
{
    return tl_table_sums__add(writer->sums, writer->statements, table, id, err);
}

/* Runs a statement that changes columns of the row with that id. */
static bool change_row(const tl_catalogue_writer *writer, tl_summed table, int64_t id, int which, int64_t value, tl_error *err)
{
    return take_row(writer, table, id, err) && tl_statements__run_integers(writer->statements, which, id, value, err) &&
           add_row(writer, table, id, err);
}

static bool remove_row(const tl_catalogue_writer *writer, tl_summed table, int64_t id, int which, tl_error *err)
{
    return take_row(writer, table, id, err) && tl_statements__run_integers(writer->statements, which, id, 0, err);
}

static bool find_or_add_root(const tl_catalogue_writer *writer, const char *path, int64_t *id, tl_error *err)
{
    if (!tl_roots__find(writer->statements, path, id, err))
        return false;
    if (*id != 0)
        return true;
    sqlite3_stmt *statement = tl_statements__get(writer->statements, TL_SQL_ROOT_ADD, err);
    if (statement == NULL)
        return false;
    tl_statements__bind_text(statement, 1, path);
    if (!tl_statements__run(writer->statements, statement, err))
        return false;
    *id = sqlite3_last_insert_rowid(writer->statements->database);
    return add_row(writer, TL_SUMMED_ROOTS, *id, err);
}

static bool remove_root_if_empty(const tl_catalogue_writer *writer, int64_t id, tl_error *err)
{
    int64_t item;
    sqlite3_stmt *statement = tl_statements__get(writer->statements, TL_SQL_ITEM_IDS_OF_ROOT, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, id);
    return read_id(writer->statements, statement, &item, err) &&
           (item != 0 || remove_row(writer, TL_SUMMED_ROOTS, id, TL_SQL_ROOT_REMOVE, err));
}

bool tl_roots__find_clash(tl_statements *statements, int64_t from, int64_t into, const char **path, tl_error *err)
{
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_ROOT_CLASH, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, from);
    sqlite3_bind_int64(statement, 2, into);
    if (!tl_statements__step(statements, statement, &row, err))
        return false;
    *path = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    return true;
}

bool tl_roots__rename(const tl_catalogue_writer *writer, int64_t id, const char *path, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(writer->statements, TL_SQL_ROOT_RENAME, err);
    if (statement == NULL || !take_row(writer, TL_SUMMED_ROOTS, id, err))
        return false;
    sqlite3_bind_int64(statement, 1, id);
    tl_statements__bind_text(statement, 2, path);
    return tl_statements__run(writer->statements, statement, err) && add_row(writer, TL_SUMMED_ROOTS, id, err);
}

bool tl_roots__merge(const tl_catalogue_writer *writer, int64_t from, int64_t into, tl_error *err)
{
    tl_ids items = {0};
    sqlite3_stmt *statement = tl_statements__get(writer->statements, TL_SQL_ITEM_IDS_OF_ROOT, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, from);
    bool ok = tl_statements__collect_ids(writer->statements, statement, &items, err);
    for (size_t i = 0; ok && i < items.count; i++)
        ok = change_row(writer, TL_SUMMED_ITEMS, items.items[i], TL_SQL_ITEM_CHANGE_ROOT, into, err);
    tl_memory_free(items.items);
    return ok && remove_root_if_empty(writer, from, err);
}

/* *id is 0 when there is no such item; *same_hash says whether its hash is the one given, absent being one too. */
static bool find_item(tl_statements *statements, int64_t root_id, const char *path, const char *hash, int64_t *id,
                      bool *same_hash, tl_error *err)
{
    bool row = false;
    *id = 0;
    *same_hash = true;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_ITEM_FIND, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, root_id);
    tl_statements__bind_text(statement, 2, path);
    if (!tl_statements__step(statements, statement, &row, err))
        return false;
    if (row) {
        *id = sqlite3_column_int64(statement, 0);
        const char *stored = (const char *)sqlite3_column_text(statement, 1);
        *same_hash = stored != NULL && hash != NULL ? strcmp(stored, hash) == 0 : stored == hash;
    }
    sqlite3_reset(statement);
    return true;
}

bool tl_items__find(tl_statements *statements, const char *root, const char *path, int64_t *id, tl_error *err)
{
    int64_t root_id;
    bool same_hash;
    *id = 0;
    return tl_roots__find(statements, root, &root_id, err) &&
           (root_id == 0 || find_item(statements, root_id, path, NULL, id, &same_hash, err));
}

/* The columns that add and update share; positions are those of both statements. */
static void bind_details(sqlite3_stmt *statement, const tl_item *item)
{
    sqlite3_bind_int64(statement, 3, (int64_t)item->size);
    sqlite3_bind_int64(statement, 4, item->modified_ns);
    tl_statements__bind_text(statement, 5, item->hash);
    sqlite3_bind_int64(statement, 6, item->width);
    sqlite3_bind_int64(statement, 7, item->height);
    tl_statements__bind_text(statement, 8, item->taken);
    tl_statements__bind_text(statement, 9, item->camera);
    if (item->has_place) {
        sqlite3_bind_double(statement, 10, item->latitude);
        sqlite3_bind_double(statement, 11, item->longitude);
    }
    tl_statements__bind_text(statement, 12, item->url);
    tl_statements__bind_text(statement, 13, item->split);
}

static bool write_item_row(const tl_catalogue_writer *writer, const tl_item *item, int64_t root_id, int64_t *id, tl_error *err)
{
    bool is_new = *id == 0;
    sqlite3_stmt *statement = tl_statements__get(writer->statements, is_new ? TL_SQL_ITEM_ADD : TL_SQL_ITEM_UPDATE, err);
    if (statement == NULL || (!is_new && !take_row(writer, TL_SUMMED_ITEMS, *id, err)))
        return false;
    sqlite3_bind_int64(statement, 1, is_new ? root_id : *id);
    if (is_new)
        tl_statements__bind_text(statement, 2, item->path);
    bind_details(statement, item);
    if (!tl_statements__run(writer->statements, statement, err))
        return false;
    if (is_new)
        *id = sqlite3_last_insert_rowid(writer->statements->database);
    return add_row(writer, TL_SUMMED_ITEMS, *id, err);
}

typedef struct old_caption {
    int64_t id;
    int64_t position;
    size_t text_at; /* in old_captions.texts */
    bool is_kept;
} old_caption;

typedef struct old_captions {
    old_caption *items;
    size_t count, capacity;
    tl_string texts;
} old_captions;

static bool read_old_captions(tl_statements *statements, int64_t item_id, old_captions *old, tl_error *err)
{
    bool row = true;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_CAPTION_OF_ITEM, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, item_id);
    for (;;) {
        if (!tl_statements__step(statements, statement, &row, err))
            return false;
        if (!row)
            break;
        const char *text = (const char *)sqlite3_column_text(statement, 1);
        if (!tl_memory_reserve(&old->items, &old->capacity, old->count + 1, sizeof *old->items, err))
            return false;
        old->items[old->count++] =
            (old_caption){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 2), old->texts.size, false};
        if (!tl_string_append_text(&old->texts, text != NULL ? text : "", err) || !tl_string_append(&old->texts, "", 1, err))
            return false;
    }
    sqlite3_reset(statement);
    return true;
}

static bool add_caption(const tl_catalogue_writer *writer, int64_t item_id, size_t position, const char *text, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(writer->statements, TL_SQL_CAPTION_ADD, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, item_id);
    sqlite3_bind_int64(statement, 2, (int64_t)position);
    tl_statements__bind_text(statement, 3, text);
    if (!tl_statements__run(writer->statements, statement, err))
        return false;
    int64_t id = sqlite3_last_insert_rowid(writer->statements->database);
    return add_row(writer, TL_SUMMED_CAPTIONS, id, err) &&
           tl_statements__run_integers(writer->statements, TL_SQL_WORDS_ADD, id, 0, err);
}

static old_caption *find_kept(const old_captions *old, size_t position, const char *text)
{
    /* Mostly nothing changed: look where it should be first. */
    for (size_t i = 0; i < old->count; i++) {
        old_caption *candidate = &old->items[(position + i) % old->count];
        if (!candidate->is_kept && strcmp(old->texts.data + candidate->text_at, text) == 0)
            return candidate;
    }
    return NULL;
}

static bool remove_caption(const tl_catalogue_writer *writer, int64_t id, tl_error *err)
{
    return tl_sets__remove_owner(writer->statements, writer->store, TL_VECTOR_CAPTION, id, err) &&
           tl_statements__run_integers(writer->statements, TL_SQL_WORDS_REMOVE, id, 0, err) &&
           remove_row(writer, TL_SUMMED_CAPTIONS, id, TL_SQL_CAPTION_REMOVE, err);
}

/* A caption whose text stays keeps its id and so its vectors, wherever it now stands. */
static bool replace_captions(const tl_catalogue_writer *writer, int64_t item_id, const tl_item *item, tl_error *err)
{
    bool ok = false;
    old_captions old = {0};
    tl_string_init(&old.texts, (size_t)TL_MAX_CAPTIONS * 4 * TL_MAX_TEXT);
    if (!read_old_captions(writer->statements, item_id, &old, err))
        goto done;
    for (size_t i = 0; i < item->caption_count; i++) {
        old_caption *kept = find_kept(&old, i, item->captions[i]);
        if (kept != NULL)
            kept->is_kept = true;
        if (kept == NULL ? !add_caption(writer, item_id, i, item->captions[i], err)
                         : kept->position != (int64_t)i &&
                               !change_row(writer, TL_SUMMED_CAPTIONS, kept->id, TL_SQL_CAPTION_PLACE, (int64_t)i, err))
            goto done;
    }
    for (size_t i = 0; i < old.count; i++)
        if (!old.items[i].is_kept && !remove_caption(writer, old.items[i].id, err))
            goto done;
    ok = true;
done:
    tl_memory_free(old.items);
    tl_string_clear(&old.texts);
    return ok;
}

bool tl_items__put(const tl_catalogue_writer *writer, const tl_item *item, int64_t *id, tl_error *err)
{
    int64_t root_id, item_id;
    bool same_hash;
    if (!find_or_add_root(writer, item->root, &root_id, err) ||
        !find_item(writer->statements, root_id, item->path, item->hash, &item_id, &same_hash, err))
        return false;
    /* The vectors show a picture that is no longer there. */
    if (item_id != 0 && !same_hash && !tl_sets__remove_owner(writer->statements, writer->store, TL_VECTOR_IMAGE, item_id, err))
        return false;
    if (!write_item_row(writer, item, root_id, &item_id, err) || !replace_captions(writer, item_id, item, err))
        return false;
    *id = item_id;
    return true;
}

bool tl_items__find_root_of(tl_statements *statements, int64_t id, int64_t *root_id, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_ITEM_PLACE, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, id);
    return read_id(statements, statement, root_id, err);
}

bool tl_items__move(const tl_catalogue_writer *writer, int64_t id, int64_t old_root_id, const char *root, const char *path,
                    tl_error *err)
{
    int64_t root_id;
    if (!find_or_add_root(writer, root, &root_id, err))
        return false;
    sqlite3_stmt *statement = tl_statements__get(writer->statements, TL_SQL_ITEM_MOVE, err);
    if (statement == NULL || !take_row(writer, TL_SUMMED_ITEMS, id, err))
        return false;
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, root_id);
    tl_statements__bind_text(statement, 3, path);
    return tl_statements__run(writer->statements, statement, err) && add_row(writer, TL_SUMMED_ITEMS, id, err) &&
           remove_root_if_empty(writer, old_root_id, err);
}

bool tl_items__touch(const tl_catalogue_writer *writer, int64_t id, int64_t modified_ns, tl_error *err)
{
    return change_row(writer, TL_SUMMED_ITEMS, id, TL_SQL_ITEM_TOUCH, modified_ns, err);
}

bool tl_captions__ids(tl_statements *statements, int64_t item_id, tl_ids *ids, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_CAPTION_OF_ITEM, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, item_id);
    return tl_statements__collect_ids(statements, statement, ids, err);
}

bool tl_items__remove(const tl_catalogue_writer *writer, int64_t id, int64_t root_id, tl_error *err)
{
    tl_ids captions = {0};
    bool ok = tl_captions__ids(writer->statements, id, &captions, err);
    for (size_t i = 0; ok && i < captions.count; i++)
        ok = remove_caption(writer, captions.items[i], err);
    ok = ok && tl_sets__remove_owner(writer->statements, writer->store, TL_VECTOR_IMAGE, id, err) &&
         remove_row(writer, TL_SUMMED_ITEMS, id, TL_SQL_ITEM_REMOVE, err) && remove_root_if_empty(writer, root_id, err);
    tl_memory_free(captions.items);
    return ok;
}
