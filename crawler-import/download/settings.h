/* What of a download's options decides its bytes, as the ledger keeps it: another run of the same list must say the same. */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_SETTINGS_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_SETTINGS_H

#include "crawler-import/download/download.h"

/* A new object, released by tl_json_free; NULL with err. */
tl_json *tl_download_settings(const tl_download_options *options, size_t rows_per_shard, tl_error *err) TL_MUST_USE;
/* The list's files and folders: absolute paths, and of files size and time, as compact JSON appended to out. */
bool tl_download_sources(const char *const *sources, size_t count, tl_string *out, tl_error *err) TL_MUST_USE;

#endif
