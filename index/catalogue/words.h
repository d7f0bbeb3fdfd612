/* Items and captions by the words of captions. */
#ifndef TL_INDEX_CATALOGUE_WORDS_H
#define TL_INDEX_CATALOGUE_WORDS_H

#include "index/catalogue/statements.h"
#include "index/index.h"

/*
 * Appends the items (kind image) or captions that have any word of the text in a caption, best first by bm25, each once, at most
 * `most`. allowed (NULL: all): ascending ids, the only ones wanted. A text without a word finds nothing.
 */
bool tl_words__find(tl_statements *statements, const char *text, tl_vector_kind kind, const tl_ids *allowed, size_t most,
                    tl_ids *found, tl_error *err) TL_MUST_USE;

#endif
