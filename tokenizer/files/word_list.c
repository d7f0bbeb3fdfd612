/* Reads BERT's vocab.txt: a piece a line, ids from 0, as BertTokenizer does; and the pipeline that it puts around WordPiece. */
#include "tokenizer/files/table_builder_internal.h"

#include "base/core/lines.h"

enum { MAX_WORD_CHARACTERS = 100 };

static const char unknown_text[] = "[UNK]";

static bool add_lines(tl_slice bytes, tl_table_builder *out, tl_error *err)
{
    tl_slice line;
    while (tl_lines_next(&bytes, &line))
        if (!tl_table_builder__add_piece(out, line, 0, TL_PIECE_NORMAL, err))
            return false;
    return true;
}

static bool add_special(tl_table_builder *out, const char *text, int32_t *id, tl_error *err)
{
    *id = tl_table_builder__find(out, tl_slice_of(text));
    return *id < 0 || tl_table_builder__add_token(out, tl_slice_of(text), *id, 0, false, err);
}

static bool add_steps(const tl_word_list_options *options, tl_table_builder *out, tl_error *err)
{
    const bool strips = options->strips_accents || (!options->keeps_case && !options->keeps_accents);
    return tl_table_builder__add_step(out, TL_STEP_BERT_CLEAN, err) &&
           (options->joins_chinese || tl_table_builder__add_step(out, TL_STEP_BERT_CHINESE, err)) &&
           (!strips || tl_table_builder__add_step(out, TL_STEP_BERT_ACCENTS, err)) &&
           (options->keeps_case || tl_table_builder__add_step(out, TL_STEP_LOWER, err)) &&
           tl_table_builder__add_step(out, TL_STEP_SPLIT_BERT, err);
}

bool tl_word_list__read(tl_slice bytes, const tl_word_list_options *options, tl_table_builder *out, tl_error *err)
{
    tl_compiled_settings *settings = &out->settings;
    int32_t mask;
    settings->model = TL_COMPILED_WORDS;
    settings->max_word_characters = MAX_WORD_CHARACTERS;
    memcpy(settings->continuing, "##", sizeof "##");
    out->last_wins = true;
    if (!add_lines(bytes, out, err) || !tl_table_builder__index(out, err) || !add_special(out, "[PAD]", &settings->pad, err) ||
        !add_special(out, unknown_text, &settings->unknown, err) || !add_special(out, "[CLS]", &settings->bos, err) ||
        !add_special(out, "[SEP]", &settings->eos, err) || !add_special(out, "[MASK]", &mask, err) ||
        !add_steps(options, out, err))
        return false;
    if (settings->unknown < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a line '%s', found none in %zu", unknown_text, out->count);
    return true;
}
