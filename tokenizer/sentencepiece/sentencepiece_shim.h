/*
 * The C face of the SentencePiece C++ library: what sentencepiece_shim.cc implements and the rest of this folder calls.
 * No exception crosses it: a failed status, a thrown exception and exhausted memory all come back as a tl_error.
 * The library ends the process on some malformed models and corpora, so callers check both first (model_check, training).
 */
#ifndef TL_TOKENIZER_SENTENCEPIECE_SENTENCEPIECE_SHIM_H
#define TL_TOKENIZER_SENTENCEPIECE_SENTENCEPIECE_SHIM_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"
#include "tokenizer/vocabulary.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_sentencepiece tl_sentencepiece;

/* Opens a serialized model that tl_model__check has accepted; the bytes are copied. */
bool tl_sentencepiece__open(tl_slice model, tl_sentencepiece **out, tl_error *err) TL_MUST_USE;
void tl_sentencepiece__close(tl_sentencepiece *pieces);
size_t tl_sentencepiece__count(const tl_sentencepiece *pieces);
tl_special_ids tl_sentencepiece__special(const tl_sentencepiece *pieces);
/* The piece of an id below tl_sentencepiece__count, borrowed. */
const char *tl_sentencepiece__piece(const tl_sentencepiece *pieces, int32_t id);

/* Replaces out's ids by those of the text (UTF-8, below 2 GiB). */
bool tl_sentencepiece__encode(const tl_sentencepiece *pieces, tl_slice text, tl_piece_ids *out, tl_error *err) TL_MUST_USE;
/* Appends the text of ids, each below tl_sentencepiece__count. */
bool tl_sentencepiece__decode(const tl_sentencepiece *pieces, const int32_t *ids, size_t count, tl_string *text,
                              tl_error *err) TL_MUST_USE;

/*
 * Trains on count sentences and appends the serialized model to `model`. *too_small is true when the failure is that the
 * vocabulary cannot hold the alphabet that character_coverage ("0.98" to "1") asks for.
 */
bool tl_sentencepiece__train(const tl_slice *sentences, size_t count, size_t vocabulary_size, const char *character_coverage,
                             tl_string *model, bool *too_small, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
