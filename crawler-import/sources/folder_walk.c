/*
 * Owns the walk: a stack of sorted listings, one for each folder on the way down. Names of folders are kept with a '/' at their
 * end, so that sorting names sorts whole paths ("a.png" before "a/b.png", since '.' < '/'), and the memory in use is that of the
 * open listings.
 *
 * What the system will not tell of is not gone: a folder in which a name could not be looked at gets one more item with a
 * problem, so that nobody takes its listing for whole.
 *
 * Loops: a folder that is on the stack already (same device and inode) is not entered. A linked folder is entered once: without
 * that, n folders of links to each other would be n! paths.
 */
#include "crawler-import/sources/folder_walk.h"

#include "base/core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 256, MAX_PATH_BYTES = 65536 };
static const size_t max_listing_bytes = (size_t)1 << 32;

typedef struct listed {
    size_t name_offset;
    const char *name; /* set once the listing is complete; ends in '/' for a folder */
    tl_file_kind kind;
    bool is_link;
    bool is_unreadable; /* its kind is not known: it may be a folder */
    uint64_t size;
    int64_t modified_ns;
} listed;

typedef struct place {
    dev_t device;
    ino_t inode;
} place;

typedef struct level {
    tl_string names;
    listed *items;
    size_t count;
    size_t capacity;
    size_t next;
    bool told_unreadable; /* once: one more item for each name of a locked folder would say no more */
    size_t path_size;     /* of the walk's path up to and with the '/' of this folder */
    place where;
} level;

struct tl_folder_walk {
    char *root;
    level *levels;
    size_t depth;
    size_t level_capacity;
    tl_string path; /* relative */
    place *linked;  /* folders entered through links */
    size_t linked_count;
    size_t linked_capacity;
};

static int compare_listed(const void *a, const void *b)
{
    return strcmp(((const listed *)a)->name, ((const listed *)b)->name);
}

static const char unreadable_folder[] = "unreadable folder";

/* Looks at a name, links followed. False: gone since it was listed. */
static bool look_at(int directory, const char *name, listed *item, struct stat *status)
{
    struct stat target;
    int problem = fstatat(directory, name, status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
    if (problem == ENOENT)
        return false;
    item->is_link = problem == 0 && S_ISLNK(status->st_mode);
    if (item->is_link) {
        problem = fstatat(directory, name, &target, 0) == 0 ? 0 : errno;
        if (problem == 0)
            *status = target;
        else
            status->st_mode = 0;
        if (problem == ENOENT || problem == ELOOP)
            problem = 0; /* leads nowhere */
    }
    if (problem != 0)
        *status = (struct stat){0};
    item->is_unreadable = problem != 0;
    return true;
}

static bool list_one(level *folder, int directory, const char *name, tl_error *err)
{
    struct stat status;
    listed item = {.name_offset = folder->names.size};
    if (!look_at(directory, name, &item, &status))
        return true;
    item.kind = item.is_unreadable        ? TL_FILE_DIRECTORY
                : S_ISREG(status.st_mode) ? TL_FILE_REGULAR
                : S_ISDIR(status.st_mode) ? TL_FILE_DIRECTORY
                : status.st_mode == 0     ? TL_FILE_MISSING
                                          : TL_FILE_OTHER;
    item.size = status.st_size > 0 ? (uint64_t)status.st_size : 0;
    item.modified_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    if (!tl_memory_reserve(&folder->items, &folder->capacity, folder->count + 1, sizeof *folder->items, err))
        return false;
    folder->items[folder->count++] = item;
    const char *end = item.kind == TL_FILE_DIRECTORY ? "/" : "";
    return tl_string_append_text(&folder->names, name, err) && tl_string_append(&folder->names, end, strlen(end), err) &&
           tl_string_append(&folder->names, "", 1, err);
}

static void clear_level(level *folder)
{
    tl_string_clear(&folder->names);
    tl_memory_free(folder->items);
}

static bool is_on_stack(const tl_folder_walk *walk, place where)
{
    for (size_t i = 0; i < walk->depth; i++)
        if (walk->levels[i].where.device == where.device && walk->levels[i].where.inode == where.inode)
            return true;
    return false;
}

static bool enter_link(tl_folder_walk *walk, place where, bool *is_new, tl_error *err)
{
    for (size_t i = 0; i < walk->linked_count; i++)
        if (walk->linked[i].device == where.device && walk->linked[i].inode == where.inode) {
            *is_new = false;
            return true;
        }
    if (!tl_memory_reserve(&walk->linked, &walk->linked_capacity, walk->linked_count + 1, sizeof *walk->linked, err))
        return false;
    walk->linked[walk->linked_count++] = where;
    *is_new = true;
    return true;
}

/* Lists one folder in order. *problem says why the system did not let us; running out of memory is the only error. */
static bool read_folder(const char *full_path, level *folder, const char **problem, tl_error *err)
{
    struct stat status;
    tl_directory_listing listing;
    if (!tl_directory_open(full_path, &listing, NULL)) {
        *problem = unreadable_folder;
        return true;
    }
    const int directory = tl_directory_descriptor(&listing);
    bool ok = true;
    bool is_open = fstat(directory, &status) == 0;
    if (is_open)
        folder->where = (place){status.st_dev, status.st_ino};
    for (const char *name; ok && is_open && (name = tl_directory_next(&listing)) != NULL;)
        ok = name[0] == '.' || list_one(folder, directory, name, err);
    if (!tl_directory_close(&listing, is_open, NULL))
        *problem = unreadable_folder;
    for (size_t i = 0; ok && i < folder->count; i++)
        folder->items[i].name = folder->names.data + folder->items[i].name_offset;
    if (ok && folder->count != 0)
        qsort(folder->items, folder->count, sizeof *folder->items, compare_listed);
    return ok;
}

/* Puts the folder at walk->path on the stack; leaves it alone when it would be a loop. */
static bool enter_folder(tl_folder_walk *walk, bool is_link, const char **problem, tl_error *err)
{
    level folder = {.path_size = walk->path.size};
    tl_string_init(&folder.names, max_listing_bytes);
    bool entered = false;
    bool ok = false;
    char *full_path = NULL;
    if (walk->depth == MAX_DEPTH) {
        *problem = unreadable_folder;
        return true;
    }
    full_path = tl_path_join(walk->root, walk->path.data, err);
    if (full_path == NULL || !tl_memory_reserve(&walk->levels, &walk->level_capacity, walk->depth + 1, sizeof *walk->levels, err))
        goto done;
    if (!read_folder(full_path, &folder, problem, err))
        goto done;
    bool is_new = true;
    if (*problem == NULL && is_on_stack(walk, folder.where))
        is_new = false;
    else if (*problem == NULL && is_link && !enter_link(walk, folder.where, &is_new, err))
        goto done;
    entered = *problem == NULL && is_new;
    if (entered)
        walk->levels[walk->depth++] = folder;
    ok = true;
done:
    if (!entered)
        clear_level(&folder);
    tl_memory_free(full_path);
    return ok;
}

bool tl_folder_walk_open(const char *root, tl_folder_walk **out, tl_error *err)
{
    tl_folder_walk *walk = tl_memory_allocate(1, sizeof *walk, err);
    if (walk == NULL)
        return false;
    tl_string_init(&walk->path, MAX_PATH_BYTES);
    const char *problem = NULL;
    walk->root = tl_memory_copy_text(root, strlen(root), err);
    if (walk->root == NULL || !enter_folder(walk, false, &problem, err)) {
        tl_folder_walk_close(walk);
        return false;
    }
    if (problem != NULL) {
        tl_folder_walk_close(walk);
        return tl_fail(err, TL_ERROR_IO, "'%s': expected a folder that can be read, found an %s", root, problem);
    }
    *out = walk;
    return true;
}

bool tl_folder_walk_next(tl_folder_walk *walk, tl_folder_item *out, bool *done, tl_error *err)
{
    *done = false;
    while (walk->depth != 0) {
        level *folder = &walk->levels[walk->depth - 1];
        walk->path.size = folder->path_size;
        if (walk->path.capacity != 0)
            walk->path.data[folder->path_size] = '\0';
        if (folder->next == folder->count) {
            clear_level(folder);
            walk->depth--;
            continue;
        }
        const listed *item = &folder->items[folder->next++];
        *out = (tl_folder_item){.kind = item->kind, .size = item->size, .modified_ns = item->modified_ns};
        bool is_folder = item->kind == TL_FILE_DIRECTORY;
        if (item->is_unreadable && folder->told_unreadable)
            continue;
        folder->told_unreadable = folder->told_unreadable || item->is_unreadable;
        if (strlen(item->name) >= walk->path.max_size - walk->path.size)
            continue; /* no system opens so long a path */
        if (!tl_string_append_text(&walk->path, item->name, err))
            return false;
        out->problem = item->is_unreadable ? unreadable_folder : item->kind == TL_FILE_MISSING ? "missing file" : NULL;
        if (is_folder && !item->is_unreadable && !enter_folder(walk, item->is_link, &out->problem, err))
            return false;
        out->path = walk->path.data;
        if (!is_folder || out->problem != NULL)
            return true;
    }
    *done = true;
    return true;
}

bool tl_folder_walk_has_sibling(const tl_folder_walk *walk, const char *name)
{
    if (walk->depth == 0)
        return false;
    const level *folder = &walk->levels[walk->depth - 1];
    listed wanted = {.name = name};
    const listed *found = bsearch(&wanted, folder->items, folder->count, sizeof wanted, compare_listed);
    return found != NULL && found->kind == TL_FILE_REGULAR;
}

double tl_folder_walk_progress(const tl_folder_walk *walk)
{
    double share = walk->depth == 0 ? 1 : 0;
    double width = 1;
    for (size_t i = 0; i < walk->depth && walk->levels[i].count != 0; i++) {
        bool has_deeper = i + 1 < walk->depth;
        width /= (double)walk->levels[i].count;
        share += width * (double)(walk->levels[i].next - (has_deeper ? 1 : 0));
    }
    return share;
}

void tl_folder_walk_close(tl_folder_walk *walk)
{
    if (walk == NULL)
        return;
    for (size_t i = 0; i < walk->depth; i++)
        clear_level(&walk->levels[i]);
    tl_memory_free(walk->levels);
    tl_memory_free(walk->linked);
    tl_string_clear(&walk->path);
    tl_memory_free(walk->root);
    tl_memory_free(walk);
}
