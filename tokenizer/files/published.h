/*
 * Vocabularies of published models: SentencePiece files of any size, tokenizer.json of the families Unigram, BPE with byte
 * fallback and WordPiece, BERT's vocab.txt. Each opening makes a tl_vocabulary that is encoded here, without the SentencePiece
 * library, from a compiled table (compiled.h) that is kept beside the file it was made from.
 */
#ifndef TL_TOKENIZER_FILES_PUBLISHED_H
#define TL_TOKENIZER_FILES_PUBLISHED_H

#include "base/core/error.h"
#include "tokenizer/vocabulary.h"

/* Who reads a SentencePiece file: the same bytes give other ids to other readers. */
typedef enum tl_published_reader {
    TL_READER_SENTENCEPIECE, /* the library itself (SiglipTokenizer is over it): single precision, user-defined symbols */
    TL_READER_FAIRSEQ,       /* XLMRobertaTokenizer: <s> <pad> </s> <unk> are 0 to 3, piece n is n + 1, <mask> is last */
    TL_READER_T5,            /* T5Tokenizer: double precision, word by word, <extra_id_99> to <extra_id_0> behind the pieces */
    TL_READER_T5_BARE,       /* the same with extra_ids=0, as for mT5: of the pieces only <pad>, </s> and <unk> are found whole */
    TL_READER_GEMMA,         /* GemmaTokenizer: BPE by rank with the merges that the pieces imply, blanks kept */
    TL_READER_SIGLIP2        /* Siglip2Tokenizer: the same in lower case, but for the added tokens */
} tl_published_reader;

typedef struct tl_word_list_options {
    bool keeps_case;     /* BertTokenizer's do_lower_case=False */
    bool keeps_accents;  /* strip_accents=False; BERT strips them when it lowers case */
    bool strips_accents; /* strip_accents=True, whatever the case does */
    bool joins_chinese;  /* tokenize_chinese_chars=False */
} tl_word_list_options;

/*
 * Each opens path, from the compiled table "<path>.compiled" when there is one made from this very file by this version, else
 * from the file, which then leaves such a table behind (in a folder that cannot be written: silently none). What the reader's
 * own class finds in a text before it splits it (added tokens such as "</s>" or "[SEP]") is found by encode too, except with
 * TL_READER_SENTENCEPIECE, which knows only the model's user-defined symbols. encode adds no bos and no eos.
 */
bool tl_published__open_sentencepiece(const char *path, tl_published_reader reader, tl_vocabulary *out,
                                      tl_error *err) TL_MUST_USE;
/*
 * TL_ERROR_UNSUPPORTED for a tokenizer.json of another make (CLIP's byte-level BPE among them). lowers: what lies between the
 * added tokens becomes lower case first, whether the file says so or not, as Siglip2Tokenizer does it.
 */
bool tl_published__open_json(const char *path, bool lowers, tl_vocabulary *out, tl_error *err) TL_MUST_USE;
bool tl_published__open_word_list(const char *path, const tl_word_list_options *options, tl_vocabulary *out,
                                  tl_error *err) TL_MUST_USE;

/* The id of a piece or added token of a vocabulary opened by one of the three; -1: there is none. */
int32_t tl_published__find_piece(const tl_vocabulary *vocabulary, const char *piece);

#endif
