/*
 * Captions that are only labels ("goldfish, Carassius auratus") become sentences: one of the names between commas, within one of
 * the templates ("a photo of a {}"), drawn anew each time. A caption is a label when every part between its commas has at most
 * so many words.
 */
#ifndef TL_CLI_APP_LABEL_TEXT_INTERNAL_H
#define TL_CLI_APP_LABEL_TEXT_INTERNAL_H

#include "base/core/arena.h"
#include "base/core/random.h"
#include "base/core/slice.h"

typedef struct tl_label_texts {
    const char *const *templates; /* each holds {} */
    size_t count;
    size_t most_words; /* 0: 3 */
} tl_label_texts;

/* Freed with tl_memory_free(items). */
typedef struct tl_label_keys {
    uint64_t *items;
    size_t count, capacity;
} tl_label_keys;

/* A caption as it is, or a label's sentence in the arena; takes two draws from random where it is a label. *key is that of the
 * name in the sentence, or of the caption. */
bool tl_label_text_make(const tl_label_texts *labels, tl_slice caption, tl_random *random, tl_arena *arena, tl_slice *out,
                        uint64_t *key, tl_error *err) TL_MUST_USE;
/* Adds the keys that a caption may get, each once or more. */
bool tl_label_text_add_keys(const tl_label_texts *labels, tl_slice caption, tl_label_keys *keys, tl_error *err) TL_MUST_USE;

#endif
