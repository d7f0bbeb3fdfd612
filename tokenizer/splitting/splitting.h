/*
 * How a text becomes ids over a compiled table: the rules that change the text, the pipeline that cuts it into parts, and the
 * three models that split a part into pieces. The table may be hostile (compiled.h), and so may the text be after its
 * rules: none of these trusts either to be UTF-8.
 */
#ifndef TL_TOKENIZER_SPLITTING_SPLITTING_H
#define TL_TOKENIZER_SPLITTING_SPLITTING_H

#include "base/core/error.h"
#include "tokenizer/splitting/compiled.h"

/* Reusable memory of one encoding; starts as {0}, freed by tl_splitting__clear. */
typedef struct tl_splitting_scratch {
    void *nodes, *symbols, *queue;
    size_t node_capacity, symbol_capacity, queue_capacity;
} tl_splitting_scratch;

void tl_splitting__clear(tl_splitting_scratch *scratch);

enum { TL_MAX_NORMALIZED_SIZE = 1 << 25 }; /* bytes */

/* Bytes of the character that starts at `at`, by its first byte, and never beyond the text. */
static inline size_t tl_splitting__character_size(tl_slice text, size_t at)
{
    static const uint8_t sizes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    size_t size = sizes[(unsigned char)text.data[at] >> 4], left = text.size - at;
    return size < left ? size : left;
}

/* Appends the text as SentencePiece's normalizer makes it, by the table's flags, rules and user-defined symbols. */
bool tl_rules__normalize(const tl_compiled *table, tl_slice text, tl_string *out, tl_error *err) TL_MUST_USE;
/* Appends the text as the tokenizers package's Precompiled normalizer makes it. */
bool tl_rules__normalize_graphemes(const tl_compiled *table, tl_slice text, tl_string *out, tl_error *err) TL_MUST_USE;

/* The whole of an encoding: appends the ids of text. */
bool tl_pipeline__encode(const tl_compiled *table, tl_slice text, tl_piece_ids *out, tl_error *err) TL_MUST_USE;

/* Appends the text as the table's steps make it, before it is split. */
bool tl_pipeline__normalize(const tl_compiled *table, tl_slice text, tl_string *out, tl_error *err) TL_MUST_USE;

/* The models: append the ids of one part. */
bool tl_unigram__split(const tl_compiled *table, tl_slice part, tl_splitting_scratch *scratch, tl_piece_ids *out,
                       tl_error *err) TL_MUST_USE;
bool tl_merges__split(const tl_compiled *table, tl_slice part, tl_splitting_scratch *scratch, tl_piece_ids *out,
                      tl_error *err) TL_MUST_USE;
bool tl_word_pieces__split(const tl_compiled *table, tl_slice part, tl_piece_ids *out, tl_error *err) TL_MUST_USE;

/* Appends the text of ids as the vocabulary's own class would show it. */
bool tl_pipeline__decode(const tl_compiled *table, const int32_t *ids, size_t count, tl_string *out, tl_error *err) TL_MUST_USE;

#endif
