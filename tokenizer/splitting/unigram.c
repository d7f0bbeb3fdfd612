/*
 * The unigram model (Kudo 2018): the split of best score by Viterbi, over a trie of pieces.
 *
 * Scores add up as in the reference, since equal splits ("1"+"11", "11"+"1") are told apart by rounding alone. SentencePiece
 * 0.2.3 (EncodeOptimized) adds floats and starts again from 0 where the sum passes 1e5; the tokenizers package (encode_optimized)
 * adds doubles. Both keep the path that was there when a new one is not better, and go from left to right and from short to long.
 * Work is bounded by the text times the longest piece that goes on matching.
 */
#include "tokenizer/splitting/splitting.h"

#include <math.h>

/* The best path that ends at a byte; begin is UNREACHED or the byte where its last piece begins. */
typedef struct path_end {
    double score;
    uint32_t begin;
    int32_t id;
} path_end;

enum { UNREACHED = UINT32_MAX >> 1 };

static const double RESET_AT = 100000;

void tl_splitting__clear(tl_splitting_scratch *scratch)
{
    tl_memory_free(scratch->nodes);
    tl_memory_free(scratch->symbols);
    tl_memory_free(scratch->queue);
    *scratch = (tl_splitting_scratch){0};
}

static void offer_path(path_end *target, double score, size_t begin, int32_t id)
{
    if (target->begin == UNREACHED || score > target->score)
        *target = (path_end){score, (uint32_t)begin, id};
}

/* SentencePiece's bonus, by which a user-defined symbol always wins. */
static double symbol_score(size_t size)
{
    return (float)(0.1 * ((double)size - 1));
}

static void find_paths(const tl_compiled *table, tl_slice part, path_end *ends)
{
    const bool single = (table->settings->flags & TL_COMPILED_SENTENCEPIECE) != 0;
    const double unknown_score = table->settings->unknown_score;
    const int32_t unknown = table->settings->unknown;
    size_t frontier = 0, size;

    for (size_t begin = 0; begin < part.size; begin += size) {
        double before = ends[begin].score;
        if (single && fabs(before) > RESET_AT) {
            for (size_t i = begin; i <= frontier; i++)
                if (i == begin || ends[i].begin != UNREACHED)
                    ends[i].score = (float)(ends[i].score - before);
            before = 0;
        }
        bool has_character = false;
        size = tl_splitting__character_size(part, begin);
        tl_trie_place place = tl_trie__root(&table->pieces);
        for (size_t end = begin; end < part.size && tl_trie__step(&table->pieces, &place, (unsigned char)part.data[end]);) {
            end++;
            int32_t id = tl_trie__value(place);
            if (!tl_compiled__has_piece(table, id))
                continue;
            double score = table->scores[id];
            if (single) {
                if (table->types[id] == TL_PIECE_UNUSED)
                    continue;
                if (table->types[id] == TL_PIECE_USER)
                    score = symbol_score(end - begin);
                score = (float)(score + before);
            } else {
                score += before;
            }
            if (end > frontier)
                frontier = end;
            offer_path(&ends[end], score, begin, id);
            has_character = has_character || end - begin == size;
        }
        if (!has_character) {
            if (begin + size > frontier)
                frontier = begin + size;
            offer_path(&ends[begin + size], single ? (float)(unknown_score + before) : unknown_score + before, begin, unknown);
        }
    }
}

static bool append_bytes(const tl_compiled *table, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    for (size_t i = 0; i < text.size; i++)
        if (!tl_piece_ids__append(out, table->settings->byte_ids[(unsigned char)text.data[i]], err))
            return false;
    return true;
}

static bool has_all_bytes(const tl_compiled *table, tl_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (table->settings->byte_ids[(unsigned char)text.data[i]] < 0)
            return false;
    return true;
}

/* A run of unknown characters: its bytes, or one unknown piece. */
static bool append_unknown(const tl_compiled *table, tl_slice run, tl_piece_ids *out, tl_error *err)
{
    /* The tokenizers package asks for the text of the run, which may be a piece all the same. */
    int32_t id = (table->settings->flags & TL_COMPILED_SENTENCEPIECE) == 0 ? tl_trie__find(&table->pieces, run) : -1;
    if (tl_compiled__has_piece(table, id))
        return tl_piece_ids__append(out, id, err);
    if ((table->settings->flags & TL_COMPILED_BYTE_FALLBACK) != 0 && has_all_bytes(table, run))
        return append_bytes(table, run, out, err);
    if (table->settings->unknown < 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected text that the vocabulary has pieces for, found '%.*s'",
                       (int)(run.size < 32 ? run.size : 32), run.data);
    return tl_piece_ids__append(out, table->settings->unknown, err);
}

bool tl_unigram__split(const tl_compiled *table, tl_slice part, tl_splitting_scratch *scratch, tl_piece_ids *out, tl_error *err)
{
    if (part.size == 0)
        return true;
    if (!tl_memory_reserve(&scratch->nodes, &scratch->node_capacity, part.size + 1, sizeof(path_end), err))
        return false;
    path_end *ends = scratch->nodes;
    for (size_t i = 0; i <= part.size; i++)
        ends[i] = (path_end){0, UNREACHED, -1};
    find_paths(table, part, ends);

    /* Turn the chain around: score and id at a piece's first byte then say where it ends and which it is. */
    int32_t id = ends[part.size].id;
    for (size_t at = part.size, begin; at != 0; at = begin) {
        begin = ends[at].begin;
        int32_t before = ends[begin].id;
        ends[begin].score = (double)at;
        ends[begin].id = id;
        id = before;
    }
    for (size_t at = 0; at < part.size;) {
        size_t end = (size_t)ends[at].score;
        id = ends[at].id;
        if (id != table->settings->unknown) {
            if (!tl_piece_ids__append(out, id, err))
                return false;
            at = end;
            continue;
        }
        size_t begin = at;
        while (at < part.size && ends[at].id == table->settings->unknown)
            at = (size_t)ends[at].score;
        if (!append_unknown(table, (tl_slice){part.data + begin, at - begin}, out, err))
            return false;
    }
    return true;
}
