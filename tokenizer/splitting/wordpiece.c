/*
 * WordPiece (Devlin et al. 2019): a word becomes the longest piece it begins with, then the longest "##" pieces, as the
 * tokenizers package's wordpiece does it; a word that cannot be covered so, or is too long, is unknown as a whole.
 */
#include "tokenizer/splitting/splitting.h"

static size_t count_characters(tl_slice word)
{
    size_t count = 0;
    for (size_t i = 0; i < word.size; i++)
        count += ((unsigned char)word.data[i] & 0xC0) != 0x80;
    return count;
}

/* The longest piece after `start` from byte `at`; its size, 0: none. */
static size_t longest_piece(const tl_compiled *table, tl_trie_place start, tl_slice word, size_t at, int32_t *id)
{
    size_t size = 0;
    for (size_t i = at; i < word.size && tl_trie__step(&table->pieces, &start, (unsigned char)word.data[i]); i++) {
        int32_t found = tl_trie__value(start);
        if (tl_compiled__has_piece(table, found)) {
            *id = found;
            size = i + 1 - at;
        }
    }
    return size;
}

bool tl_word_pieces__split(const tl_compiled *table, tl_slice part, tl_piece_ids *out, tl_error *err)
{
    const tl_compiled_settings *settings = table->settings;
    const size_t count_before = out->count;
    const tl_trie_place root = tl_trie__root(&table->pieces);
    tl_trie_place continued = root;
    bool is_covered = count_characters(part) <= settings->max_word_characters, can_continue = true;

    for (const char *at = settings->continuing; *at != '\0' && can_continue; at++)
        can_continue = tl_trie__step(&table->pieces, &continued, (unsigned char)*at);
    for (size_t at = 0, size; is_covered && at < part.size; at += size) {
        int32_t id = -1;
        size = at == 0 || can_continue ? longest_piece(table, at == 0 ? root : continued, part, at, &id) : 0;
        is_covered = size != 0;
        if (is_covered && !tl_piece_ids__append(out, id, err))
            return false;
    }
    if (is_covered)
        return true;
    out->count = count_before;
    if (settings->unknown < 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected words that the vocabulary has pieces for, found '%.*s'",
                       (int)(part.size < 32 ? part.size : 32), part.data);
    return tl_piece_ids__append(out, settings->unknown, err);
}
