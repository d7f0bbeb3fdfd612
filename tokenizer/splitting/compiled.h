/*
 * The compiled table of a vocabulary: everything that encoding needs, in one block of bytes that is mapped from a file as it is.
 * docs/FORMATS.md describes the bytes. Nobody vouches for the file: opening checks the header, the sections' places and the
 * small tables; whoever reads the large ones goes through the functions here, which stay inside them whatever they hold.
 */
#ifndef TL_TOKENIZER_SPLITTING_COMPILED_H
#define TL_TOKENIZER_SPLITTING_COMPILED_H

#include "base/core/error.h"
#include "base/core/memory.h"
#include "base/core/slice.h"
#include "base/core/string.h"
#include "base/io/mapping.h"
#include "tokenizer/splitting/trie_internal.h"
#include "tokenizer/vocabulary.h"

#include <stdint.h>

enum {
    TL_COMPILED_MAX_STEPS = 12,
    TL_COMPILED_MAX_PIECES = 1 << 21,
    TL_COMPILED_MAX_SOURCE = 1 << 28, /* bytes of a vocabulary file */
    TL_COMPILED_HEADER_SIZE = 1344    /* bytes before the sections; the last 8 are the hash of those before them */
};

typedef enum tl_compiled_model {
    TL_COMPILED_UNIGRAM = 1,
    TL_COMPILED_MERGES_BY_SCORE = 2, /* SentencePiece's BPE: any two neighbours that make a piece */
    TL_COMPILED_MERGES_BY_RANK = 3,  /* a list of merges in order */
    TL_COMPILED_WORDS = 4,           /* WordPiece */
    TL_COMPILED_CLIP = 5             /* CLIP's byte-level merges, which clip_bpe.c encodes with */
} tl_compiled_model;

enum {
    TL_COMPILED_SENTENCEPIECE = 1 << 0, /* the library's normalizer and single precision, else the tokenizers' pipeline */
    TL_COMPILED_BYTE_FALLBACK = 1 << 1,
    TL_COMPILED_FUSES_UNKNOWN = 1 << 2,
    TL_COMPILED_DUMMY_PREFIX = 1 << 3, /* these four: SentencePiece's normalizer_spec */
    TL_COMPILED_REMOVES_SPACES = 1 << 4,
    TL_COMPILED_ESCAPES_SPACES = 1 << 5,
    TL_COMPILED_SPACE_IS_SUFFIX = 1 << 6,
    TL_COMPILED_IGNORES_MERGES = 1 << 7, /* a text that is a piece is that piece */
    TL_COMPILED_FLAGS_END = 1 << 8
};

/* The pipeline's steps in order: first those on the text, then those that split it. */
typedef enum tl_compiled_step {
    TL_STEP_NONE,
    TL_STEP_RULES,           /* SentencePiece's precompiled rules, as the tokenizers package runs them */
    TL_STEP_LOWER,           /* character by character */
    TL_STEP_SPACE_TO_META,   /* " " to U+2581 */
    TL_STEP_SPACES_TO_SPACE, /* two or more spaces to one */
    TL_STEP_SPACES_TO_META,  /* two or more spaces to one U+2581 */
    TL_STEP_STRIP_LEFT,      /* white space */
    TL_STEP_STRIP_RIGHT,
    TL_STEP_PREPEND_META,
    TL_STEP_BERT_CLEAN,        /* controls out, white space to " " */
    TL_STEP_BERT_CHINESE,      /* spaces around ideographs */
    TL_STEP_BERT_ACCENTS,      /* canonical decomposition without marks */
    TL_STEP_SPLIT_WHITE,       /* at white space, which goes */
    TL_STEP_SPLIT_BERT,        /* and every punctuation by itself */
    TL_STEP_META_ALWAYS,       /* Metaspace: " " to U+2581, one in front of each part, a new part at each */
    TL_STEP_META_ALWAYS_WHOLE, /* the same without new parts */
    TL_STEP_META_FIRST,        /* one in front of the text's first part only */
    TL_STEP_META_FIRST_WHOLE,
    TL_STEP_META_NEVER,
    TL_STEP_META_NEVER_WHOLE,
    TL_STEP_END
} tl_compiled_step;

enum {
    TL_PIECE_NORMAL = 1,
    TL_PIECE_UNKNOWN = 2,
    TL_PIECE_CONTROL = 3,
    TL_PIECE_USER = 4,
    TL_PIECE_UNUSED = 5,
    TL_PIECE_BYTE = 6
};

enum { TL_ADDED_SINGLE_WORD = 1, TL_ADDED_STRIPS_LEFT = 2, TL_ADDED_STRIPS_RIGHT = 4, TL_ADDED_FLAGS_END = 8 };

/* A token that is found in a text before it is split. */
typedef struct tl_added_token {
    int32_t id;
    uint32_t flags;
} tl_added_token;

/* One place of the open-addressed hash of merges; merged is the id + 1, 0: free. */
typedef struct tl_merge {
    uint32_t left, right, rank, merged;
} tl_merge;

/* What the header holds besides places and checks. */
typedef struct tl_compiled_settings {
    uint32_t model, flags;
    uint32_t variant; /* how the source was read: a table made for another reading is not used */
    uint32_t piece_count;
    int32_t pad, unknown, bos, eos;
    uint32_t max_word_characters; /* WordPiece: longer words are unknown */
    uint32_t merge_probes;        /* the longest search in the hash of merges */
    double unknown_score;
    int32_t byte_ids[256];
    uint8_t steps[TL_COMPILED_MAX_STEPS];
    char continuing[12]; /* WordPiece's prefix of pieces within a word, "##" */
    char fingerprint[40];
} tl_compiled_settings;

typedef struct tl_compiled {
    const tl_compiled_settings *settings;
    tl_slice texts;          /* each piece ended by a NUL */
    const uint32_t *offsets; /* [piece_count + 1] into texts */
    const double *scores;    /* [piece_count] */
    const uint8_t *types;    /* [piece_count] */
    tl_trie pieces;          /* of those a text can be split into */
    tl_slice rules;          /* SentencePiece's precompiled rules; of CLIP tl_clip_byte_ids */
    const tl_merge *merges;
    uint32_t merge_count; /* places, a power of two */
    const tl_added_token *added;
    uint32_t added_count;
    tl_trie added_raw;        /* values count in added; with SentencePiece: user-defined symbols */
    tl_trie added_normalized; /* those looked for after the steps on the text */
    tl_mapping mapping;       /* or */
    tl_string block;
} tl_compiled;

/* Parts of a table to be made; all borrowed. */
typedef struct tl_compiled_parts {
    tl_compiled_settings settings;
    const tl_slice *texts; /* [piece_count] */
    const double *scores;
    const uint8_t *types;
    tl_trie pieces, added_raw, added_normalized;
    tl_slice rules;
    const tl_merge *merges;
    size_t merge_count;
    const tl_added_token *added;
    size_t added_count;
} tl_compiled_parts;

/* The file that a table is made from; of several: the sum of the sizes, the hash of the times. */
typedef struct tl_compiled_source {
    uint64_t size;
    int64_t modified_ns;
} tl_compiled_source;

/* As the files are now. One that is missing is an error. count: 1 to 4. */
bool tl_compiled__source_read(const char *const *paths, size_t count, tl_compiled_source *out, tl_error *err) TL_MUST_USE;
/*
 * Opens the table at path if it was made from files of these sizes and times, or by hash from their bytes in this order, with
 * this variant. *found is false, and nothing is an error, when there is none that fits.
 */
bool tl_compiled__open_kept(const char *path, const char *const *sources, size_t source_count, uint32_t variant, tl_compiled *out,
                            bool *found, tl_error *err) TL_MUST_USE;
/* Makes the table of parts and keeps it at path, or in memory where it cannot be written. */
bool tl_compiled__make(const tl_compiled_parts *parts, const char *path, const tl_compiled_source *source, tl_compiled *out,
                       tl_error *err) TL_MUST_USE;
/* Checks bytes (8-byte aligned, borrowed) and points out into them. */
bool tl_compiled__view(tl_slice bytes, tl_compiled *out, tl_error *err) TL_MUST_USE;
void tl_compiled__close(tl_compiled *compiled);

/* The text of a piece, empty where the table is wrong or id is outside. */
tl_slice tl_compiled__text(const tl_compiled *self, int32_t id);
/* The merge of two neighbours, NULL: there is none. */
const tl_merge *tl_compiled__find_merge(const tl_compiled *self, uint32_t left, uint32_t right);
/* Fills the hash `places` [place_count, a power of two, zeroed] with merges; of equal pairs the last wins. */
void tl_compiled__hash_merges(const tl_merge *merges, size_t count, tl_merge *places, size_t place_count, uint32_t *probes);

static inline bool tl_compiled__has_piece(const tl_compiled *self, int32_t id)
{
    return id >= 0 && (uint32_t)id < self->settings->piece_count;
}

/* Appends one id. */
static inline bool tl_piece_ids__append(tl_piece_ids *out, int32_t id, tl_error *err)
{
    if (out->count == out->capacity && !tl_memory_reserve(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids, err))
        return false;
    out->ids[out->count++] = id;
    return true;
}

#endif
