/*
 * Owns the customs: beside the table or above it, in "images" there, or, for "captions_val2017.json" and its like, in the folder
 * called as the part after the last '_' ("val2017").
 */
#include "crawler-import/sources/picture_folder.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"

enum { MAX_PATH_SIZE = 65536 };

/* "val2017" of ".../captions_val2017.json". */
static tl_slice split_name(const char *table_path)
{
    const char *name = strrchr(table_path, '/') + 1;
    size_t end = strcspn(name, ".");
    size_t start = end;
    while (start != 0 && name[start - 1] != '_')
        start--;
    return (tl_slice){name + start, end - start};
}

/* Sets *folder to the candidate, made absolute, when the picture is in it. */
static bool look_in(tl_slice table_folder, const char *above, tl_slice sub_folder, tl_slice picture, char **folder, tl_error *err)
{
    tl_string path;
    tl_file_status status;
    tl_string_init(&path, 4 * (size_t)MAX_PATH_SIZE);
    bool ok = tl_string_append(&path, table_folder.data, table_folder.size, err) && tl_string_append_text(&path, above, err) &&
              tl_string_append_text(&path, "/", err) && tl_string_append(&path, sub_folder.data, sub_folder.size, err);
    size_t folder_size = path.size;
    ok = ok && tl_string_append_text(&path, "/", err) && tl_string_append(&path, picture.data, picture.size, err);
    if (ok && tl_file_status_read(path.data, &status, NULL) && status.kind == TL_FILE_REGULAR) {
        path.data[folder_size] = '\0';
        *folder = tl_path_resolve(path.data, err);
        ok = *folder != NULL;
    }
    tl_string_clear(&path);
    return ok;
}

char *tl_picture_folder_find(const char *table_path, tl_slice picture, tl_error *err)
{
    char *folder = NULL;
    const char *slash = strrchr(table_path, '/');
    tl_slice own = {table_path, (size_t)(slash - table_path)};
    const char *const above[] = {"", "/.."};
    const tl_slice below[] = {{"", 0}, split_name(table_path), {"images", 6}, {"Images", 6}};
    bool is_relative = picture.size != 0 && picture.size < MAX_PATH_SIZE && picture.data[0] != '/' &&
                       memchr(picture.data, '\0', picture.size) == NULL;
    for (size_t i = 0; is_relative && folder == NULL && i < sizeof above / sizeof above[0]; i++)
        for (size_t j = 0; folder == NULL && j < sizeof below / sizeof below[0]; j++)
            if (!look_in(own, above[i], below[j], picture, &folder, err))
                return NULL;
    return folder != NULL ? folder : tl_memory_copy_text(own.size != 0 ? table_path : "/", own.size != 0 ? own.size : 1, err);
}
