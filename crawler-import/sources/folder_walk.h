/*
 * Walks a folder and all below it, in the order of the bytes of the relative paths. Hidden names are left out. Links are
 * followed, but never into a folder that the walk is inside of, nor a second time into the same folder.
 */
#ifndef TL_CRAWLER_IMPORT_SOURCES_FOLDER_WALK_H
#define TL_CRAWLER_IMPORT_SOURCES_FOLDER_WALK_H

#include "base/core/error.h"
#include "base/io/file.h"

typedef struct tl_folder_walk tl_folder_walk;

typedef struct tl_folder_item {
    const char *path;    /* relative to the root; borrowed until the next call */
    const char *problem; /* NULL, or why it cannot be looked at: "missing file"; "unreadable folder": more may be there than is
                            told of, and the path may be that of a file of which the system tells nothing */
    tl_file_kind kind;   /* links followed; a folder is only told of when it has a problem */
    uint64_t size;
    int64_t modified_ns;
} tl_folder_item;

bool tl_folder_walk_open(const char *root, tl_folder_walk **out, tl_error *err) TL_MUST_USE;
bool tl_folder_walk_next(tl_folder_walk *walk, tl_folder_item *out, bool *done, tl_error *err) TL_MUST_USE;
/* True when a file of exactly this name lies beside the item last handed out. */
bool tl_folder_walk_has_sibling(const tl_folder_walk *walk, const char *name);
double tl_folder_walk_progress(const tl_folder_walk *walk);
void tl_folder_walk_close(tl_folder_walk *walk);

#endif
