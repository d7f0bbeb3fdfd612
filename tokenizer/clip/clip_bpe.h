/*
 * CLIP's byte-level byte-pair encoding (Radford et al. 2021, after Sennrich et al. 2016): reading the vocabulary's files
 * (clip_files.c), building its table of pieces and ranked merges (clip_builder.c), which is kept beside them like other compiled
 * vocabularies, and the kind that encodes with it (clip_bpe.c). The cutting into words is in clip_words.c.
 */
#ifndef TL_TOKENIZER_CLIP_CLIP_BPE_H
#define TL_TOKENIZER_CLIP_CLIP_BPE_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "tokenizer/splitting/compiled.h"
#include "tokenizer/vocabulary.h"

/* Whose words: the two disagree about marks of begin and end in a text, contractions in capitals and a few letters. */
typedef enum tl_clip_dialect {
    TL_CLIP_OPEN_CLIP,   /* SimpleTokenizer: the text comes cleaned; "<end_of_text>" in it is the mark */
    TL_CLIP_TRANSFORMERS /* CLIPTokenizer: cleans the text itself (TL_CLEANUP_CLIP), around the special tokens that it finds */
} tl_clip_dialect;

/* A token that is found in a text before words are cut. */
typedef struct tl_clip_special {
    char *text; /* owned */
    int32_t id;
    bool is_normalized; /* looked for in the cleaned text, not in the given one */
} tl_clip_special;

enum { TL_CLIP_MAX_PIECES = 1 << 21, TL_CLIP_MAX_PIECE_SIZE = 4096 };

/* The character that stands for a byte in files: itself where it can be seen, else one from U+0100 on (Radford et al. 2019). */
uint32_t tl_clip__character_of(unsigned byte);

/* ---- the table ---- */

/* Pieces of a byte within a word and at its end: the table's rules. */
typedef struct tl_clip_byte_ids {
    int32_t inner[256], last[256];
} tl_clip_byte_ids;

typedef struct tl_clip_builder tl_clip_builder;

/* Adds a piece as it is written in vocab.json (bytes as the 256 characters of GPT-2, "</w>" at the end of a word). A text or an
 * id that was added before is an error. */
bool tl_clip_builder__add_piece(tl_clip_builder *builder, tl_slice text, int64_t id, tl_error *err) TL_MUST_USE;
/* After all pieces: ids must be 0 to n - 1. What no piece stands for becomes `unknown`; NULL: every byte must have its pieces. */
bool tl_clip_builder__seal_pieces(tl_clip_builder *builder, const char *unknown, tl_error *err) TL_MUST_USE;
/* Adds the next merge; both pieces and their concatenation must be there, and no merge of the same two. */
bool tl_clip_builder__add_merge(tl_clip_builder *builder, tl_slice left, tl_slice right, tl_error *err) TL_MUST_USE;
/* -1: none. */
int32_t tl_clip_builder__find(const tl_clip_builder *builder, tl_slice text);
size_t tl_clip_builder__count(const tl_clip_builder *builder);

/* The files of one vocabulary and how they are read: into the builder, sealed, and the hash of their bytes. */
typedef struct tl_clip_source {
    const char *paths[2];
    size_t path_count;
    const char *unknown; /* the piece for what no piece stands for; NULL: that is an error */
    bool (*read)(const struct tl_clip_source *files, tl_clip_builder *builder, char fingerprint[33], tl_error *err);
} tl_clip_source;

/* Of "<paths[0]>.compiled" when it was made from these files, else by reading them, which leaves it there if they are large. */
bool tl_clip_table__open(const tl_clip_source *files, tl_compiled *out, tl_error *err) TL_MUST_USE;
/* NULL where the table is none of CLIP's. */
const tl_clip_byte_ids *tl_clip_table__bytes(const tl_compiled *table);

/*
 * Readers, for tl_clip_source.read. pair: vocab.json and merges.txt. json: a tokenizer.json of the model BPE with the suffix
 * "</w>". list: bpe_simple_vocab_16e6.txt.gz.
 */
bool tl_clip_files__read_pair(const tl_clip_source *files, tl_clip_builder *builder, char fingerprint[33],
                              tl_error *err) TL_MUST_USE;
bool tl_clip_files__read_json(const tl_clip_source *files, tl_clip_builder *builder, char fingerprint[33],
                              tl_error *err) TL_MUST_USE;
bool tl_clip_files__read_list(const tl_clip_source *files, tl_clip_builder *builder, char fingerprint[33],
                              tl_error *err) TL_MUST_USE;

/* ---- the vocabulary ---- */

typedef struct tl_clip tl_clip;

bool tl_clip__open(tl_clip_dialect dialect, const tl_clip_source *files, tl_clip **out, char fingerprint[33],
                   tl_error *err) TL_MUST_USE;
void tl_clip__destroy(tl_clip *clip);
/* -1: none. */
int32_t tl_clip__find(const tl_clip *clip, tl_slice text);
/* A token to be found in texts, and the id that it gets; a text that is there already is only found in the new way. */
bool tl_clip__add_special(tl_clip *clip, const char *text, int32_t id, bool is_normalized, tl_error *err) TL_MUST_USE;
/* The vocabulary over it, which takes it over. */
void tl_clip__publish(tl_clip *clip, tl_vocabulary *out);

/* A walk over the words of a cleaned text. */
typedef struct tl_clip_walk {
    tl_clip_dialect dialect;
    tl_slice text;
    size_t at;
    size_t mark_end; /* CLIPTokenizer's marks are cut once more, but nothing behind them joins their last part */
} tl_clip_walk;

/* The next word; false at the end. */
bool tl_clip_words__next(tl_clip_walk *walk, tl_slice *word);

#endif
