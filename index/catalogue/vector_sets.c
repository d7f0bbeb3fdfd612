/* Owns the rows of vector_sets and what is said about them. */
#include "index/catalogue/vector_sets.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "index/vectors/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *tl_vector_kind__name(tl_vector_kind kind)
{
    return kind == TL_VECTOR_IMAGE ? "image" : "caption";
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

bool tl_sets__find(tl_statements *statements, const char *model, tl_vector_kind kind, tl_stored_set *out, tl_error *err)
{
    *out = (tl_stored_set){0};
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SET_FIND, err);
    if (statement == NULL)
        return false;
    tl_statements__bind_text(statement, 1, model);
    tl_statements__bind_text(statement, 2, tl_vector_kind__name(kind));
    bool ok = tl_statements__step(statements, statement, &row, err) && (!row || tl_stored_set__read(statement, out, err));
    sqlite3_reset(statement);
    return ok;
}

bool tl_sets__remove_owner(tl_statements *statements, tl_vector_store *store, tl_vector_kind kind, int64_t owner, tl_error *err)
{
    for (;;) {
        bool row = false;
        tl_stored_set set;
        sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SET_OF_OWNER, err);
        if (statement == NULL)
            return false;
        tl_statements__bind_text(statement, 1, tl_vector_kind__name(kind));
        sqlite3_bind_int64(statement, 2, owner);
        if (!tl_statements__step(statements, statement, &row, err) || (row && !tl_stored_set__read(statement, &set, err)))
            return false;
        sqlite3_reset(statement);
        if (!row)
            return true;
        if (!tl_vector_store_remove(store, &set, owner, err))
            return false;
    }
}

bool tl_sets__find_or_add(tl_statements *statements, const tl_vector_set *set, tl_stored_set *out, tl_error *err)
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
    tl_statements__bind_text(statement, 5, tl_vector_storage__name(set->storage));
    if (!tl_statements__run(statements, statement, err))
        return false;
    *out = (tl_stored_set){.id = sqlite3_last_insert_rowid(statements->database), .dim = set->dim, .storage = set->storage};
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
    if (statement == NULL || !tl_memory_reserve(&list, &capacity, 1, sizeof *list, err))
        goto done;
    while (row) {
        if (!tl_statements__step(statements, statement, &row, err))
            goto done;
        if (!row)
            break;
        int64_t id = sqlite3_column_int64(statement, 0), dim = sqlite3_column_int64(statement, 4),
                vectors = sqlite3_column_int64(statement, 5), lists = sqlite3_column_int64(statement, 7);
        const char *kind = (const char *)sqlite3_column_text(statement, 2);
        if (!tl_stored_set__check(id, dim, vectors, lists, err))
            goto done;
        if (!tl_memory_reserve(&list, &capacity, used + 1, sizeof *list, err) || (ids != NULL && !tl_ids__append(ids, id, err)))
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
