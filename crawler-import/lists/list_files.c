/* Owns which files a list is made of. */
#include "crawler-import/lists/list_files.h"

#include "base/core/memory.h"
#include "crawler-import/sources/folder_walk.h"

#include <string.h>
#include <strings.h>

static bool ends_with(const char *name, size_t size, const char *ending)
{
    size_t ending_size = strlen(ending);
    return size > ending_size && strncasecmp(name + size - ending_size, ending, ending_size) == 0;
}

static bool is_named_as_list(const char *path)
{
    static const char *const endings[] = {".txt", ".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t size = strlen(name);
    if (ends_with(name, size, ".gz"))
        size -= strlen(".gz");
    else if (ends_with(name, size, ".zst"))
        size -= strlen(".zst");
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (name[0] != '_' && ends_with(name, size, endings[i]))
            return true;
    return false;
}

/* Takes over path, also on failure. */
static bool add_file(tl_list_files *files, char *path, size_t name_offset, uint64_t size, tl_error *err)
{
    if (path == NULL || !tl_memory_reserve(&files->files, &files->capacity, files->count + 1, sizeof *files->files, err)) {
        tl_memory_free(path);
        return false;
    }
    files->files[files->count++] = (tl_list_file){path, path + name_offset, size};
    return true;
}

static bool add_folder(tl_list_files *files, const char *folder, tl_error *err)
{
    tl_folder_walk *walk = NULL;
    tl_folder_item item;
    bool done = false;
    size_t before = files->count;
    bool ok = tl_folder_walk_open(folder, &walk, err);
    while (ok) {
        ok = tl_folder_walk_next(walk, &item, &done, err);
        if (!ok || done)
            break;
        if (item.problem != NULL && (item.kind == TL_FILE_DIRECTORY || is_named_as_list(item.path))) {
            ok = tl_fail(err, TL_ERROR_IO, "'%s/%s': %s", folder, item.path, item.problem);
        } else if (item.kind == TL_FILE_REGULAR && is_named_as_list(item.path)) {
            char *path = tl_path_join(folder, item.path, err);
            ok = add_file(files, path, path != NULL ? strlen(path) - strlen(item.path) : 0, item.size, err);
        }
    }
    tl_folder_walk_close(walk);
    return ok && (files->count > before || tl_fail(err, TL_ERROR_INVALID,
                                                   "'%s': expected lists (.parquet, .tsv, .csv, .json, .jsonl, .txt; also .gz, "
                                                   ".zst), found none in the folder",
                                                   folder));
}

bool tl_list_files_add(tl_list_files *files, const char *path, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind == TL_FILE_DIRECTORY)
        return add_folder(files, path, err);
    if (status.kind != TL_FILE_REGULAR)
        return tl_fail(err, status.kind == TL_FILE_MISSING ? TL_ERROR_NOT_FOUND : TL_ERROR_INVALID,
                       "'%s': expected a list or a folder of lists, found %s", path,
                       status.kind == TL_FILE_MISSING ? "nothing" : "a device or pipe");
    const char *slash = strrchr(path, '/');
    return add_file(files, tl_memory_copy_text(path, strlen(path), err), slash != NULL ? (size_t)(slash + 1 - path) : 0,
                    status.size, err);
}

void tl_list_files_clear(tl_list_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        tl_memory_free(files->files[i].path);
    tl_memory_free(files->files);
    *files = (tl_list_files){0};
}
