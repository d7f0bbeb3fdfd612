/* What surrounds a vocabulary: how a text is cleaned for it and how its ids become a row. Folders (folder.c) say it by data. */
#ifndef TL_TOKENIZER_RECIPE_H
#define TL_TOKENIZER_RECIPE_H

#include "tokenizer/cleanup/cleanup.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

typedef struct tl_tokenizer_recipe {
    tl_cleanup cleanup;
    size_t context_length; /* T: ids of a row */
    size_t limit;          /* ids before padding at most, bos and eos counted; 0: context_length */
    int32_t first_id;      /* put before the text, -1: nothing */
    int32_t last_id;       /* put behind it, also when it is cut; -1: nothing */
    int32_t pad_id;        /* fills the row; -1: 0 does, and the vocabulary has no pad */
    bool pads_left;        /* the row's beginning is filled, not its end */
    int32_t removed_id;    /* becomes 0 wherever it stands in a row (open_clip's strip_sep_token); -1: none */
    int32_t class_id;      /* ends the row, behind the padding (open_clip's mode "clips"); -1: none */
} tl_tokenizer_recipe;

/* No clean-up, nothing added, and -1 in every id. */
tl_tokenizer_recipe tl_tokenizer_recipe__plain(size_t context_length);
/* The tokenizer over a vocabulary, which it takes over, also on failure. */
bool tl_tokenizer__create(tl_vocabulary *vocabulary, const tl_tokenizer_recipe *recipe, tl_tokenizer **out,
                          tl_error *err) TL_MUST_USE;

/* The SentencePiece file of a model trained here, through the SentencePiece library. */
bool tl_sentencepiece_vocabulary__open(const char *path, tl_vocabulary *out, tl_error *err) TL_MUST_USE;

/*
 * SiglipTokenizer over a SentencePiece vocabulary, which it takes over, also on failure: the special tokens in a text are found
 * first, what lies between is cleaned and split. unknown is the text of the token for unknown characters.
 */
bool tl_siglip__open(tl_vocabulary *pieces, bool keeps_case, const char *unknown, const char *const *specials, const int32_t *ids,
                     size_t special_count, tl_vocabulary *out, tl_error *err) TL_MUST_USE;

#endif
