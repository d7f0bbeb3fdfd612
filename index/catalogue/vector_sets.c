/* Owns the rows of vector_sets and what is said about them. */
#include "index/catalogue/vector_sets.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "index/vectors/block.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *tl_vector_kind__name(tl_vector_kind kind)
{
    return kind == TL_VECTOR_IMAGE ? "image" : "caption";
}

tl_vector_storage tl_vector_storage__read(sqlite3_stmt *row, int column)
{
    const char *name = (const char *)sqlite3_column_text(row, column);
    return name != NULL && strcmp(name, "f32") == 0 ? TL_VECTOR_STORE_F32 : TL_VECTOR_STORE_F16;
}

bool tl_sets__check(const tl_vector_set *set, tl_error *err)
{
    if (set->model[0] == '\0' || memchr(set->model, '\0', sizeof set->model) == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "vector set: expected a model fingerprint of 1 to %zu bytes",
                       sizeof set->model - 1);
    if (memchr(set->model_name, '\0', sizeof set->model_name) == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "vector set: expected a model name of at most %zu bytes",
                       sizeof set->model_name - 1);
    if (set->kind != TL_VECTOR_IMAGE && set->kind != TL_VECTOR_CAPTION)
        return tl_fail(err, TL_ERROR_INVALID, "vector set: expected kind image or caption, found %d", (int)set->kind);
    if (set->storage != TL_VECTOR_STORE_F16 && set->storage != TL_VECTOR_STORE_F32)
        return tl_fail(err, TL_ERROR_INVALID, "vector set: expected storage f16 or f32, found %d", (int)set->storage);
    if (set->dim < 1 || set->dim > TL_MAX_DIM)
        return tl_fail(err, TL_ERROR_INVALID, "vector set: expected a dimension from 1 to %d, found %" PRIu32, TL_MAX_DIM,
                       set->dim);
    return true;
}

static bool check_stored_dim(int64_t id, int64_t dim, int64_t count, int64_t lists, tl_error *err)
{
    if (lists < 0 || lists > TL_MAX_LISTS)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected at most %d lists, found %" PRId64, id,
                       TL_MAX_LISTS, lists);
    if (dim < 1 || dim > TL_MAX_DIM)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected a dimension from 1 to %d, found %" PRId64, id,
                       TL_MAX_DIM, dim);
    if (count < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected a count, found %" PRId64, id, count);
    return true;
}

/* The row of TL_SQL_SET_FIND or TL_SQL_SET_DIVIDED_EACH that the statement stands on. */
static bool read_set(sqlite3_stmt *row, tl_set_row *out, tl_error *err)
{
    int64_t id = sqlite3_column_int64(row, 0), dim = sqlite3_column_int64(row, 1), count = sqlite3_column_int64(row, 2),
            lists = sqlite3_column_int64(row, 4);
    if (!check_stored_dim(id, dim, count, lists, err))
        return false;
    *out = (tl_set_row){.id = id,
                        .dim = (uint32_t)dim,
                        .count = (uint64_t)count,
                        .storage = tl_vector_storage__read(row, 3),
                        .lists = (uint32_t)lists,
                        .divided = (uint64_t)sqlite3_column_int64(row, 5),
                        .generation = (uint64_t)sqlite3_column_int64(row, 6)};
    return true;
}

bool tl_sets__find(tl_statements *statements, const char *model, tl_vector_kind kind, tl_set_row *out, tl_error *err)
{
    *out = (tl_set_row){0};
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SET_FIND, err);
    if (statement == NULL)
        return false;
    tl_statements__bind_text(statement, 1, model);
    tl_statements__bind_text(statement, 2, tl_vector_kind__name(kind));
    bool ok = tl_statements__step(statements, statement, &row, err) && (!row || read_set(statement, out, err));
    sqlite3_reset(statement);
    return ok;
}

bool tl_sets__list_divided(tl_statements *statements, tl_set_row **sets, size_t *count, tl_error *err)
{
    bool ok = false, row = true;
    tl_set_row *list = NULL;
    size_t capacity = 0;
    *count = 0;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SET_DIVIDED_EACH, err);
    if (statement == NULL)
        return false;
    while (row) {
        if (!tl_statements__step(statements, statement, &row, err))
            goto done;
        if (row && (!tl_memory_reserve((void **)&list, &capacity, *count + 1, sizeof *list, err) ||
                    !read_set(statement, &list[(*count)++], err)))
            goto done;
    }
    *sets = list;
    list = NULL;
    ok = true;
done:
    sqlite3_reset(statement);
    tl_memory_free(list);
    return ok;
}

bool tl_sets__find_or_add(tl_statements *statements, const tl_vector_set *set, tl_set_row *out, tl_error *err)
{
    if (!tl_sets__find(statements, set->model, set->kind, out, err))
        return false;
    if (out->id != 0)
        return out->dim == set->dim ||
               tl_fail(err, TL_ERROR_INVALID,
                       "%s vectors of model '%s': expected dimension %" PRIu32 " as those in the index, found %" PRIu32,
                       tl_vector_kind__name(set->kind), set->model_name, out->dim, set->dim);
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SET_ADD, err);
    if (statement == NULL)
        return false;
    tl_statements__bind_text(statement, 1, set->model);
    tl_statements__bind_text(statement, 2, tl_vector_kind__name(set->kind));
    tl_statements__bind_text(statement, 3, set->model_name);
    sqlite3_bind_int64(statement, 4, set->dim);
    tl_statements__bind_text(statement, 5, set->storage == TL_VECTOR_STORE_F32 ? "f32" : "f16");
    if (!tl_statements__run(statements, statement, err))
        return false;
    *out = (tl_set_row){.id = sqlite3_last_insert_rowid(statements->database), .dim = set->dim, .storage = set->storage};
    return true;
}

static void copy_column(char *out, size_t size, sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text != NULL ? text : "");
}

bool tl_sets__list(tl_statements *statements, tl_vector_set **sets, tl_ids *ids, size_t *count, tl_error *err)
{
    bool ok = false, row = true;
    tl_vector_set *list = NULL;
    size_t capacity = 0, used = 0;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SET_EACH, err);
    if (statement == NULL || !tl_memory_reserve((void **)&list, &capacity, 1, sizeof *list, err))
        goto done;
    while (row) {
        if (!tl_statements__step(statements, statement, &row, err))
            goto done;
        if (!row)
            break;
        int64_t id = sqlite3_column_int64(statement, 0), dim = sqlite3_column_int64(statement, 4),
                vectors = sqlite3_column_int64(statement, 5), lists = sqlite3_column_int64(statement, 7);
        const char *kind = (const char *)sqlite3_column_text(statement, 2);
        if (!check_stored_dim(id, dim, vectors, lists, err))
            goto done;
        if (!tl_memory_reserve((void **)&list, &capacity, used + 1, sizeof *list, err) ||
            (ids != NULL && !tl_ids__append(ids, id, err)))
            goto done;
        tl_vector_set *set = &list[used++];
        copy_column(set->model, sizeof set->model, statement, 1);
        copy_column(set->model_name, sizeof set->model_name, statement, 3);
        set->kind = kind != NULL && strcmp(kind, "image") == 0 ? TL_VECTOR_IMAGE : TL_VECTOR_CAPTION;
        set->dim = (uint32_t)dim;
        set->count = (uint64_t)vectors;
        set->storage = tl_vector_storage__read(statement, 6);
        set->lists = (uint32_t)lists;
        set->divided = (uint64_t)sqlite3_column_int64(statement, 8);
    }
    *sets = list;
    *count = used;
    list = NULL;
    ok = true;
done:
    if (statement != NULL)
        sqlite3_reset(statement);
    tl_memory_free(list);
    return ok;
}

bool tl_sets__fail_not_found(tl_statements *statements, const char *model, tl_vector_kind kind, tl_error *err)
{
    tl_vector_set *sets = NULL;
    size_t count = 0;
    tl_string there;
    tl_string_init(&there, TL_ERROR_MESSAGE_SIZE);
    if (!tl_sets__list(statements, &sets, NULL, &count, err))
        goto done;
    for (size_t i = 0; i < count; i++) /* a list that grows too long for a message ends there */
        if (!tl_string_append_format(&there, NULL, "%s%" PRIu64 " %s vectors of '%s'", i == 0 ? "" : ", ", sets[i].count,
                                     tl_vector_kind__name(sets[i].kind),
                                     sets[i].model_name[0] != '\0' ? sets[i].model_name : sets[i].model))
            break;
    tl_fail(err, TL_ERROR_NOT_FOUND, "expected %s vectors of model '%s' in the index, found %s", tl_vector_kind__name(kind),
            model, there.size != 0 ? there.data : "none of any model");
done:
    tl_memory_free(sets);
    tl_string_clear(&there);
    return false;
}
