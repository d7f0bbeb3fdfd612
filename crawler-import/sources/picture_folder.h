/* Where the pictures lie that a table names by relative paths. */
#ifndef TL_CRAWLER_IMPORT_SOURCES_PICTURE_FOLDER_H
#define TL_CRAWLER_IMPORT_SOURCES_PICTURE_FOLDER_H

#include "base/core/error.h"
#include "base/core/slice.h"

/*
 * The first usual folder in which there is a file `picture`; the table's own when there is none, or picture is empty. A new
 * string owned by the caller, absolute; NULL with err on failure. table_path is absolute.
 */
char *tl_picture_folder_find(const char *table_path, tl_slice picture, tl_error *err) TL_MUST_USE;

#endif
