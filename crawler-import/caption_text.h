/* What people wrote, made fit to learn from: one line, single spaces, no surrounding space, valid UTF-8. */
#ifndef TL_CRAWLER_IMPORT_CAPTION_TEXT_H
#define TL_CRAWLER_IMPORT_CAPTION_TEXT_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

/* Appends text with every run of Unicode white space and control characters as one space and none at its ends, and without
 * overrides of the writing direction. Nothing may be left. text must be valid UTF-8. */
bool tl_caption_append_clean(tl_slice text, tl_string *out, tl_error *err) TL_MUST_USE;
/* The first line with something in it that is no translation in Tux Paint's manner ("de.utf8=Fuchs"); empty when there is none.
 */
tl_slice tl_caption_first_line(tl_slice text);
/* Appends the file name without folder, extension and trailing counters, '_' and '-' as spaces: "a/red_fox-01.png" gives "red
 * fox". */
bool tl_caption_append_from_name(const char *path, tl_string *out, tl_error *err) TL_MUST_USE;

#endif
