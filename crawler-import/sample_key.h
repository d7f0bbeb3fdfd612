/* Keys: the name a sample has inside a shard. No dot (the first dot starts the extension), no leading slash, valid UTF-8, one
 * line. */
#ifndef TL_CRAWLER_IMPORT_SAMPLE_KEY_H
#define TL_CRAWLER_IMPORT_SAMPLE_KEY_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

/* Appends raw as a key: dots, control characters and broken UTF-8 become '_', a leading "./" or '/' goes, "//" becomes '/'. Never
 * empty. */
bool tl_sample_key_append(tl_slice raw, tl_string *key, tl_error *err) TL_MUST_USE;
/* The key of a picture file: its path without the extension. */
bool tl_sample_key_append_path(const char *path, tl_string *key, tl_error *err) TL_MUST_USE;
/* Replaces a key that a ustar header cannot hold (100 bytes of name after 155 bytes of folder) by its start and the hash of all
 * of it. */
bool tl_sample_key_fit(tl_string *key, tl_error *err) TL_MUST_USE;
/*
 * Tux Paint's convention: NAME_mirror.png and NAME_flip.png are NAME.png turned, and NAME.txt speaks for them. Of the first stem
 * bytes of a path or key, how many are NAME.
 */
size_t tl_sample_stem_without_turn(const char *path, size_t stem);
/* Appends bytes as a text for people: control characters and broken UTF-8 become '?'. */
bool tl_text_append_readable(tl_slice bytes, tl_string *out, tl_error *err) TL_MUST_USE;

#endif
