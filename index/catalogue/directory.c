/*
 * Owns which items lie in a folder. A root inside the folder gives all its items; a root above it gives those whose path
 * continues with the rest of the folder and a '/', which is one range of the index on (root_id, path), since '0' is the byte
 * after '/'.
 */
#include "index/catalogue/items.h"

#include "base/core/string.h"

#include <string.h>

static tl_slice without_final_slashes(const char *path)
{
    tl_slice slice = tl_slice_of(path);
    while (slice.size > 0 && slice.data[slice.size - 1] == '/')
        slice.size--;
    return slice;
}

/* True when path is folder or lies in it. */
static bool is_within(tl_slice folder, tl_slice path)
{
    return path.size >= folder.size && (folder.size == 0 || memcmp(path.data, folder.data, folder.size) == 0) &&
           (path.size == folder.size || path.data[folder.size] == '/');
}

static bool collect_range(tl_statements *statements, int64_t root_id, const char *first, const char *end, tl_vector_kind kind,
                          tl_ids *ids, tl_error *err)
{
    sqlite3_stmt *statement =
        tl_statements__get(statements, kind == TL_VECTOR_IMAGE ? TL_SQL_ITEM_IDS_IN_RANGE : TL_SQL_CAPTION_IDS_IN_RANGE, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, root_id);
    tl_statements__bind_text(statement, 2, first);
    if (end != NULL)
        tl_statements__bind_text(statement, 3, end);
    else
        sqlite3_bind_zeroblob(statement, 3, 0); /* every text sorts before every blob */
    return tl_statements__collect_ids(statements, statement, ids, err);
}

static bool collect_root(tl_statements *statements, int64_t root_id, tl_slice root, tl_slice directory, tl_vector_kind kind,
                         tl_ids *ids, tl_error *err)
{
    if (is_within(directory, root))
        return collect_range(statements, root_id, "", NULL, kind, ids, err);
    if (!is_within(root, directory))
        return true;
    bool ok = false;
    tl_string first, end;
    tl_string_init(&first, SIZE_MAX / 2);
    tl_string_init(&end, SIZE_MAX / 2);
    tl_slice rest = {directory.data + root.size + 1, directory.size - root.size - 1};
    ok = tl_string_append(&first, rest.data, rest.size, err) && tl_string_append(&first, "/", 1, err) &&
         tl_string_append(&end, rest.data, rest.size, err) && tl_string_append(&end, "0", 1, err) &&
         collect_range(statements, root_id, first.data, end.data, kind, ids, err);
    tl_string_clear(&first);
    tl_string_clear(&end);
    return ok;
}

bool tl_items__ids_in_directory(tl_statements *statements, const char *directory, tl_vector_kind kind, tl_ids *ids, tl_error *err)
{
    if (directory[0] != '/')
        return tl_fail(err, TL_ERROR_INVALID, "expected an absolute folder to search in, found '%s'", directory);
    tl_slice folder = without_final_slashes(directory);
    bool row = true;
    sqlite3_stmt *roots = tl_statements__get(statements, TL_SQL_ROOT_EACH, err);
    if (roots == NULL)
        return false;
    for (;;) {
        if (!tl_statements__step(statements, roots, &row, err))
            return false;
        if (!row)
            break;
        const char *root = (const char *)sqlite3_column_text(roots, 1);
        if (root == NULL || root[0] != '/')
            continue; /* the name of a data set lies in no folder */
        if (!collect_root(statements, sqlite3_column_int64(roots, 0), without_final_slashes(root), folder, kind, ids, err))
            return false;
    }
    sqlite3_reset(roots);
    return tl_ids__sort(ids, err);
}
