/* The check that a file may be handed to the SentencePiece library at all. */
#ifndef TL_TOKENIZER_FILES_MODEL_CHECK_H
#define TL_TOKENIZER_FILES_MODEL_CHECK_H

#include "base/core/error.h"
#include "base/core/slice.h"

/* False with TL_ERROR_CORRUPT (or TL_ERROR_UNSUPPORTED for what is merely beyond our limits) and where it is. */
bool tl_model__check(tl_slice model, tl_error *err) TL_MUST_USE;

/* The table of normalization rules alone: <u32 size of the trie><double-array trie><replacement texts, each ended by a NUL>. */
bool tl_model__check_rules(tl_slice rules, tl_error *err) TL_MUST_USE;

#endif
