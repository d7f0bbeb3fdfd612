/* Single characters as the tokenizers package sees them, where that is not what utf8proc says. */
#ifndef TL_TOKENIZER_CLEANUP_REFERENCE_CHARACTERS_H
#define TL_TOKENIZER_CLEANUP_REFERENCE_CHARACTERS_H

#include <stdbool.h>
#include <stdint.h>

/* BertNormalizer and BertPreTokenizer: what cleaning drops, what goes with the accents, what stands by itself. */
bool tl_bert__is_removed(uint32_t point);
bool tl_bert__is_mark(uint32_t point);
bool tl_bert__is_punctuation(uint32_t point);

/* Grapheme clusters: what joins the character before it, what the one after it, and what nothing joins (UAX 29). */
bool tl_graphemes__is_extending(uint32_t point);
bool tl_graphemes__is_prepended(uint32_t point);
bool tl_graphemes__is_control(uint32_t point);

/* The lower case of a letter that Unicode 15 did not have; any other letter itself. */
uint32_t tl_reference__young_lower(uint32_t point);

#endif
