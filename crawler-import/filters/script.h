/* Which script a text is written in (Unicode's blocks of letters): a cheap stand-in for its language. */
#ifndef TL_CRAWLER_IMPORT_FILTERS_SCRIPT_H
#define TL_CRAWLER_IMPORT_FILTERS_SCRIPT_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

/* A set has a bit for each script: "latin,cyrillic" gives two. An unknown name is an error that lists all. */
bool tl_scripts_parse(const char *names, uint32_t *set, tl_error *err) TL_MUST_USE;
/* True when more than half of the letters of valid UTF-8 are of the scripts in set; a text without letters is of none. */
bool tl_text_is_of_scripts(tl_slice text, uint32_t set);
/* Characters of valid UTF-8. */
size_t tl_text_length(tl_slice text);

#endif
