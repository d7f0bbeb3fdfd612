/* The full check of the table caption_words. */
#ifndef TL_INDEX_CATALOGUE_WORDS_CHECK_H
#define TL_INDEX_CATALOGUE_WORDS_CHECK_H

#include "index/sqlite_api.h"

/* Whether the words are those of the captions. is_read_only: of a connection whose query_only is on, and then on again. */
bool tl_words__check(sqlite3 *database, bool is_read_only, tl_error *err) TL_MUST_USE;

#endif
