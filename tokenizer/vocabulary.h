/*
 * What the door needs of any vocabulary: pieces of one text, and back. A kind is a record; opening one fills a tl_vocabulary.
 * The door (tokenizer.c) owns everything around it: clean-up, added ids, cutting, padding, the check that a text is UTF-8.
 */
#ifndef TL_TOKENIZER_VOCABULARY_H
#define TL_TOKENIZER_VOCABULARY_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

/* Growable ids, owned by the caller: starts as {0}, freed with tl_memory_free(ids). */
typedef struct tl_piece_ids {
    int32_t *ids;
    size_t count;
    size_t capacity;
} tl_piece_ids;

typedef struct tl_special_ids {
    int32_t pad, unknown, bos, eos; /* -1: the vocabulary has none */
} tl_special_ids;

typedef struct tl_vocabulary_kind {
    const char *name; /* for people: "SentencePiece", "CLIP byte-level BPE", "WordPiece" */
    /* Replaces out's ids by those of the text (UTF-8 without NUL, cleaned up already), nothing added. Safe from any thread. */
    bool (*encode)(const void *state, tl_slice text, tl_piece_ids *out, tl_error *err);
    /* Appends the text of ids, each below the vocabulary's count. */
    bool (*decode)(const void *state, const int32_t *ids, size_t count, tl_string *text, tl_error *err);
    const char *(*piece)(const void *state, int32_t id); /* borrowed */
    void (*close)(void *state);
} tl_vocabulary_kind;

/* An opened vocabulary; immutable. */
typedef struct tl_vocabulary {
    const tl_vocabulary_kind *kind;
    void *state;
    size_t count;
    tl_special_ids special;
    char fingerprint[33]; /* hash of the bytes it was read from */
} tl_vocabulary;

#endif
