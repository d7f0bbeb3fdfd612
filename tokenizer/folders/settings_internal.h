/* What tokenizer_config.json, special_tokens_map.json and the post-processor of tokenizer.json say, as plain values. */
#ifndef TL_TOKENIZER_FOLDERS_SETTINGS_INTERNAL_H
#define TL_TOKENIZER_FOLDERS_SETTINGS_INTERNAL_H

#include "base/core/error.h"

#include <stdint.h>

/* The special tokens that have a name of their own, in the order in which transformers adds them: the last one to name a text
 * says how it is found. */
typedef enum tl_token_role {
    TL_ROLE_BOS,
    TL_ROLE_EOS,
    TL_ROLE_UNKNOWN,
    TL_ROLE_SEPARATOR,
    TL_ROLE_PAD,
    TL_ROLE_CLASS,
    TL_ROLE_COUNT
} tl_token_role;

typedef enum tl_answer { TL_ANSWER_MISSING, TL_ANSWER_NO, TL_ANSWER_YES } tl_answer;

enum { TL_MAX_TOKEN_SIZE = 256 };

typedef struct tl_named_token {
    char text[TL_MAX_TOKEN_SIZE]; /* "": not said */
    bool is_normalized;           /* looked for in the cleaned text */
} tl_named_token;

typedef struct tl_tokenizer_settings {
    char class_name[64]; /* without "Fast"; "": not said */
    tl_named_token roles[TL_ROLE_COUNT];
    tl_answer lowers, strips_accents, splits_chinese, adds_bos, adds_eos, pads_left;
    bool has_no_extra_ids; /* T5Tokenizer's extra_ids=0 */
    int64_t max_length;    /* 0: not said, or more than any text has */
    tl_named_token *added; /* of added_tokens_decoder; owned */
    size_t added_count, added_capacity;
} tl_tokenizer_settings;

/* Files that are missing say nothing. Always to be cleared. */
bool tl_tokenizer_settings__read(const char *directory, tl_tokenizer_settings *out, tl_error *err) TL_MUST_USE;
/* The added tokens of a tokenizer.json, which count where tokenizer_config.json has none. */
bool tl_tokenizer_settings__read_added(const char *directory, tl_tokenizer_settings *out, tl_error *err) TL_MUST_USE;
void tl_tokenizer_settings__clear(tl_tokenizer_settings *settings);

/* The tokens that a tokenizer.json puts before and behind every text ("": none). More than one on a side is unsupported. */
bool tl_post_processor__read(const char *path, char first[TL_MAX_TOKEN_SIZE], char last[TL_MAX_TOKEN_SIZE],
                             tl_error *err) TL_MUST_USE;

#endif
