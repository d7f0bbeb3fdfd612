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

/* The index keeps roots absolute and without a slash at the end; this one need not exist any more. */
static char *absolute_root(const char *path, tl_error *err)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    tl_file_status status;
    if (tl_file_status_read(path, &status, NULL) && status.kind != TL_FILE_MISSING)
        return tl_path_resolve(path, err);
    char *trimmed = tl_memory_copy_text(path, size, err);
    if (trimmed == NULL || trimmed[0] == '/')
        return trimmed;
    char *here = tl_path_resolve(".", err);
    char *whole = here != NULL ? tl_path_join(here, strncmp(trimmed, "./", 2) == 0 ? trimmed + 2 : trimmed, err) : NULL;
    tl_memory_free(here);
    tl_memory_free(trimmed);
    return whole;
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
    char *whole = absolute_root(root, err);
    bool ok = whole != NULL && tl_index_open(index_path, TL_INDEX_WRITE, &index, err) &&
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
    char *from = to != NULL ? absolute_root(old_root, err) : NULL;
    bool ok = from != NULL && tl_index_open(index_path, TL_INDEX_WRITE, &index, err) &&
              tl_index_writer_open(index, &writer, err) && tl_index_writer_move_root(writer, from, to, err) &&
              tl_index_writer_commit(writer, err);
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
