/* Paths and folders as the files of one list. */
#ifndef TL_CRAWLER_IMPORT_LISTS_LIST_FILES_H
#define TL_CRAWLER_IMPORT_LISTS_LIST_FILES_H

#include "base/core/error.h"

#include <stdint.h>

typedef struct tl_list_file {
    char *path;
    const char *name; /* for messages: within path, what was given, or relative to the folder that was */
    uint64_t size;
} tl_list_file;

typedef struct tl_list_files {
    tl_list_file *files;
    size_t count;
    size_t capacity;
} tl_list_files;

/* Adds a file, or the files below a folder that are named as lists are (.parquet, .tsv.gz, ...), sorted by their paths. Must be
 * cleared after a failure too. */
bool tl_list_files_add(tl_list_files *files, const char *path, tl_error *err) TL_MUST_USE;
void tl_list_files_clear(tl_list_files *files);

#endif
