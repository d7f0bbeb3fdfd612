#include "cli/app/index_admin.h"

#include "base/core/memory.h"
#include "base/io/file.h"

bool tl_index_summarize(const char *index_path, tl_index_summary *out, tl_error *err)
{
    *out = (tl_index_summary){0};
    tl_index *index = NULL;
    bool ok = tl_index_open(index_path, TL_INDEX_READ, &index, err) && tl_index_stats_read(index, &out->stats, err) &&
              tl_index_sets(index, &out->sets, &out->set_count, err);
    tl_index_close(index);
    return ok;
}

bool tl_index_verify(const char *index_path, tl_error *err)
{
    tl_index *index = NULL;
    bool ok = tl_index_open(index_path, TL_INDEX_READ, &index, err) && tl_index_check(index, err);
    tl_index_close(index);
    return ok;
}

/* Bytes of the path without its last name and the slashes before that. */
static size_t without_last_name(const char *path, size_t size)
{
    while (size != 0 && path[size - 1] != '/')
        size--;
    while (size != 0 && path[size - 1] == '/')
        size--;
    return size;
}

/* The first bytes of a path as a folder that is there; NULL: it is not. */
static char *resolve_start(const char *path, size_t size)
{
    const char *none = path[0] == '/' ? "/" : ".";
    char *start = tl_memory_copy_text(size != 0 ? path : none, size != 0 ? size : 1, NULL);
    char *resolved = start != NULL ? tl_path_resolve(start, NULL) : NULL;
    tl_memory_free(start);
    return resolved;
}

/* The path as roots are kept: absolute, without links and a slash at its end. What is not there any more stays as it is written,
 * behind the last folder that is. is_followed: so is the path itself where it is a link. */
static char *absolute_root(const char *path, bool is_followed, tl_error *err)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    size_t end = is_followed ? size : without_last_name(path, size);
    char *start = resolve_start(path, end);
    while (start == NULL && end != 0) {
        end = without_last_name(path, end);
        start = resolve_start(path, end);
    }
    if (start == NULL)
        return tl_path_resolve(".", err);
    while (end < size && path[end] == '/')
        end++;
    char *rest = tl_memory_copy_text(path + end, size - end, err);
    char *whole = rest != NULL && rest[0] != '\0' ? tl_path_join(start, rest, err) : NULL;
    bool is_start = rest != NULL && rest[0] == '\0';
    tl_memory_free(rest);
    if (is_start)
        return start;
    tl_memory_free(start);
    return whole;
}

static bool note_first(void *context, const tl_item *item, tl_error *err)
{
    (void)item;
    *(bool *)context = true;
    return tl_fail(err, TL_ERROR_CANCELLED, "one is enough");
}

static bool has_items(tl_index *index, const char *root, bool *has, tl_error *err)
{
    tl_error reason = {0};
    *has = false;
    return tl_index_each_item(index, root, note_first, has, &reason) || *has || tl_fail_as(err, &reason);
}

/*
 * The root that is meant: the folder of that path, which a link may have taken the place of since, or the name of a data set. Of
 * those the first that has items, else the folder. A new string; NULL with err.
 */
static char *find_root(tl_index *index, const char *path, tl_error *err)
{
    if (path[0] == '\0') {
        tl_fail(err, TL_ERROR_INVALID, "expected a folder, found an empty text");
        return NULL;
    }
    char *meant[3] = {absolute_root(path, true, err), absolute_root(path, false, err),
                      tl_memory_copy_text(path, strlen(path), err)};
    static const size_t order[] = {1, 0, 2};
    bool ok = meant[0] != NULL && meant[1] != NULL && meant[2] != NULL, has = false;
    size_t found = 0;
    for (size_t i = 0; ok && !has && i < 3; i++) {
        ok = has_items(index, meant[order[i]], &has, err);
        found = has ? order[i] : 0;
    }
    for (size_t i = 0; i < 3; i++)
        if (!ok || i != found)
            tl_memory_free(meant[i]);
    return ok ? meant[found] : NULL;
}

typedef struct id_list {
    int64_t *ids;
    size_t count, capacity;
} id_list;

static bool collect_id(void *context, const tl_item *item, tl_error *err)
{
    id_list *list = context;
    if (!tl_memory_reserve(&list->ids, &list->capacity, list->count + 1, sizeof *list->ids, err))
        return false;
    list->ids[list->count++] = item->id;
    return true;
}

bool tl_index_forget_root(const char *index_path, const char *root, uint64_t *removed, tl_error *err)
{
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    id_list list = {0};
    char *whole = NULL;
    bool ok = tl_index_open(index_path, TL_INDEX_WRITE, &index, err) && (whole = find_root(index, root, err)) != NULL &&
              tl_index_each_item(index, whole, collect_id, &list, err) && tl_index_writer_open(index, &writer, err);
    if (ok && list.count == 0)
        ok = tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected pictures of folder '%s', found none", index_path, whole);
    for (size_t i = 0; ok && i < list.count; i++)
        ok = tl_index_writer_remove_item(writer, list.ids[i], err);
    ok = ok && tl_index_writer_commit(writer, err);
    *removed = list.count;
    tl_index_writer_close(writer);
    tl_index_close(index);
    tl_memory_free(list.ids);
    tl_memory_free(whole);
    return ok;
}

bool tl_index_move_root(const char *index_path, const char *old_root, const char *new_root, tl_error *err)
{
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    char *to = tl_path_resolve(new_root, err);
    char *from = NULL;
    bool ok = to != NULL && tl_index_open(index_path, TL_INDEX_WRITE, &index, err) &&
              (from = find_root(index, old_root, err)) != NULL && tl_index_writer_open(index, &writer, err) &&
              tl_index_writer_move_root(writer, from, to, err) && tl_index_writer_commit(writer, err);
    tl_index_writer_close(writer);
    tl_index_close(index);
    tl_memory_free(from);
    tl_memory_free(to);
    return ok;
}

/* Below this many vectors an exact scan takes a few milliseconds. */
enum { LARGE_SET = 50000 };

static bool is_due(const tl_vector_set *set)
{
    return set->count >= LARGE_SET && (set->lists == 0 || set->count / 2 > set->divided || set->count < set->divided / 2);
}

bool tl_index_divide_sets(const char *index_path, bool every, bool is_compact, tl_thread_pool *pool, size_t *divided,
                          tl_error *err)
{
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    tl_vector_set *sets = NULL;
    size_t count = 0;
    *divided = 0;
    bool ok = tl_index_open(index_path, TL_INDEX_WRITE, &index, err) && tl_index_sets(index, &sets, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        if (sets[i].count == 0 || (!every && !is_due(&sets[i])))
            continue;
        ok = (writer != NULL || tl_index_writer_open(index, &writer, err)) &&
             tl_index_writer_divide(writer, sets[i].model, sets[i].kind, 0, pool, err) && tl_index_writer_commit(writer, err);
        ++*divided;
    }
    tl_index_writer_close(writer);
    ok = ok && (!is_compact || tl_index_vacuum(index, err));
    tl_index_close(index);
    tl_memory_free(sets);
    return ok;
}

bool tl_index_back_up(const char *index_path, const char *copy_path, tl_error *err)
{
    tl_index *index = NULL;
    bool ok = tl_index_open(index_path, TL_INDEX_READ, &index, err) && tl_index_backup(index, copy_path, err);
    tl_index_close(index);
    return ok;
}
