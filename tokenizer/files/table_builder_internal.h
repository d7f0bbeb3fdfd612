/* Gathers what a vocabulary file says, whatever its format, and compiles it. */
#ifndef TL_TOKENIZER_FILES_TABLE_BUILDER_INTERNAL_H
#define TL_TOKENIZER_FILES_TABLE_BUILDER_INTERNAL_H

#include "base/core/arena.h"
#include "base/core/error.h"
#include "tokenizer/files/published.h"
#include "tokenizer/splitting/compiled.h"

typedef struct tl_table_builder {
    tl_compiled_settings settings; /* set by the reader, but for the counts */
    tl_arena *arena;               /* of texts that the file does not hold as they are */
    tl_slice *texts;               /* by id; borrowed from the file or the arena */
    double *scores;
    uint8_t *types;
    size_t count, text_capacity, score_capacity, type_capacity;
    tl_added_token *added;
    tl_slice *added_texts;
    bool *added_is_normalized;
    size_t added_count, added_capacity, added_text_capacity, added_normalized_capacity;
    tl_merge *merges;
    size_t merge_count, merge_capacity;
    tl_slice rules;
    size_t step_count;
    bool last_wins;       /* of pieces with the same text, else an error */
    size_t in_text_end;   /* pieces from here on (added ones) are not looked for by the model */
    tl_trie_units pieces; /* after tl_table_builder__index */
} tl_table_builder;

bool tl_table_builder__init(tl_table_builder *self, tl_error *err) TL_MUST_USE;
void tl_table_builder__clear(tl_table_builder *self);

/* Adds the piece of the next id. The text must outlive the builder. */
bool tl_table_builder__add_piece(tl_table_builder *self, tl_slice text, double score, uint8_t type, tl_error *err) TL_MUST_USE;
bool tl_table_builder__add_token(tl_table_builder *self, tl_slice text, int32_t id, uint32_t flags, bool is_normalized,
                                 tl_error *err) TL_MUST_USE;
bool tl_table_builder__add_step(tl_table_builder *self, tl_compiled_step step, tl_error *err) TL_MUST_USE;
/* Builds the trie of the pieces so far; those added later are found by no text. */
bool tl_table_builder__index(tl_table_builder *self, tl_error *err) TL_MUST_USE;
/* The id of an indexed text, -1: none. */
int32_t tl_table_builder__find(const tl_table_builder *self, tl_slice text);
/* The merge of two indexed pieces to the piece of their joined text. */
bool tl_table_builder__add_merge(tl_table_builder *self, tl_slice left, tl_slice right, tl_error *err) TL_MUST_USE;
/* Compiles and keeps the table. */
bool tl_table_builder__finish(tl_table_builder *self, const char *path, const tl_compiled_source *source, tl_compiled *out,
                              tl_error *err) TL_MUST_USE;

/* Readers of the formats; bytes outlive the builder. */
bool tl_sentencepiece_file__read(tl_slice bytes, tl_published_reader reader, tl_table_builder *out, tl_error *err) TL_MUST_USE;
bool tl_pipeline_json__read(tl_slice bytes, tl_table_builder *out, tl_error *err) TL_MUST_USE;
bool tl_word_list__read(tl_slice bytes, const tl_word_list_options *options, tl_table_builder *out, tl_error *err) TL_MUST_USE;

#endif
