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

/* The index keeps roots without a slash at the end. */
static char *without_final_slash(const char *path, tl_error *err)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    return tl_memory_copy_text(path, size, err);
}

bool tl_index_move_root(const char *index_path, const char *old_root, const char *new_root, tl_error *err)
{
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    char *to = tl_path_resolve(new_root, err);
    char *from = to != NULL ? without_final_slash(old_root, err) : NULL;
    bool ok = from != NULL && tl_index_open(index_path, TL_INDEX_WRITE, &index, err) &&
              tl_index_writer_open(index, &writer, err) && tl_index_writer_move_root(writer, from, to, err) &&
              tl_index_writer_commit(writer, err);
    tl_index_writer_close(writer);
    tl_index_close(index);
    tl_memory_free(from);
    tl_memory_free(to);
    return ok;
}
