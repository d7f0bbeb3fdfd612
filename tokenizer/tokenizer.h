/*
 * Door of the tokenizer: text to ids and back. An opened tokenizer is immutable and may be shared by threads.
 * Kinds: SentencePiece (Kudo and Richardson 2018), CLIP's byte-level BPE (Radford et al. 2021), WordPiece (Devlin et al. 2019).
 */
#ifndef TL_TOKENIZER_TOKENIZER_H
#define TL_TOKENIZER_TOKENIZER_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_tokenizer tl_tokenizer;

typedef struct tl_tokenizer_options {
    size_t context_length; /* T: ids a text is cut to or padded to, bos and eos counted; at least 3 */
    bool without_bos;      /* default: bos first */
    bool without_eos;      /* default: eos last, kept when the text is cut */
} tl_tokenizer_options;

typedef struct tl_tokenizer_info {
    size_t vocabulary_size;
    size_t context_length;
    int32_t pad_id, unknown_id, bos_id, eos_id; /* -1: the vocabulary has none */
    char fingerprint[33];                       /* hash of the vocabulary's bytes */
} tl_tokenizer_info;

/*
 * Opens the tokenizer of a model folder as the framework that wrote the folder would: the vocabulary files that are there
 * (tokenizer.model, spiece.model, vocab.json with merges.txt, tokenizer.json, vocab.txt) and the dialect that its configurations
 * name (clean-up, added ids, padding). context_length is the text tower's.
 */
bool tl_tokenizer_open_folder(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err) TL_MUST_USE;
/* Opens one vocabulary file (tokenizer.model of a model trained here). */
bool tl_tokenizer_open(const char *path, const tl_tokenizer_options *options, tl_tokenizer **out, tl_error *err) TL_MUST_USE;
void tl_tokenizer_close(tl_tokenizer *tokenizer);
void tl_tokenizer_info_read(const tl_tokenizer *tokenizer, tl_tokenizer_info *out);

/*
 * Encodes count texts: ids [count, T] row by row, padded with pad_id (0 where the vocabulary has none); lengths [count] are the
 * ids before padding, bos and eos counted. A text that is not valid UTF-8 is an error that names its number and the byte.
 */
bool tl_tokenizer_encode(const tl_tokenizer *tokenizer, const tl_slice *texts, size_t count, int32_t *ids, uint32_t *lengths,
                         tl_error *err) TL_MUST_USE;
/* All ids of one text, neither cut nor padded, without bos and eos; *ids is owned by the caller (tl_memory_free). */
bool tl_tokenizer_encode_whole(const tl_tokenizer *tokenizer, tl_slice text, int32_t **ids, size_t *count,
                               tl_error *err) TL_MUST_USE;
/* Appends the text of ids; pad, bos and eos vanish. An id outside the vocabulary is an error. */
bool tl_tokenizer_decode(const tl_tokenizer *tokenizer, const int32_t *ids, size_t count, tl_string *text,
                         tl_error *err) TL_MUST_USE;
/* The piece of one id ("▁fox"), borrowed; NULL outside the vocabulary. */
const char *tl_tokenizer_piece(const tl_tokenizer *tokenizer, int32_t id);

/* Sentences for training, one call each until *text is empty-with-done. The slice is valid until the next call. */
typedef struct tl_text_source {
    void *context;
    bool (*next)(void *context, tl_slice *text, bool *done, tl_error *err);
} tl_text_source;

typedef struct tl_tokenizer_training {
    size_t vocabulary_size; /* wanted; lowered, with the reached size in *vocabulary_size, when the captions do not hold so many
                               pieces */
} tl_tokenizer_training;

/*
 * Trains a unigram model with byte fallback and case folding (nmt_nfkc_cf); pad 0, unknown 1, bos 2, eos 3. The same sentences
 * give the same bytes. Writes path atomically.
 */
bool tl_tokenizer_train(const tl_text_source *sentences, const tl_tokenizer_training *training, const char *path,
                        size_t *vocabulary_size, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
