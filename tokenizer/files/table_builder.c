/*
 * Owns a vocabulary on its way from a file to a compiled table: pieces by id, added tokens, merges by rank. Finishing finds the
 * ids of bytes and the score of unknown characters, builds the tries and the hash of merges, and hands all to tl_compiled__make.
 */
#include "tokenizer/files/table_builder_internal.h"

#include "base/core/memory.h"
#include "tokenizer/splitting/splitting.h"

#include <math.h>

enum { MAX_PIECE_SIZE = 4096, FIRST_ARENA_SIZE = 1 << 16, MAX_ADDED = 1 << 16, MAX_MERGES = 1 << 23 };

static const double UNKNOWN_PENALTY = 10;

bool tl_table_builder__init(tl_table_builder *self, tl_error *err)
{
    *self = (tl_table_builder){.settings = {.pad = -1, .unknown = -1, .bos = -1, .eos = -1}};
    return tl_arena_create(FIRST_ARENA_SIZE, &self->arena, err);
}

void tl_table_builder__clear(tl_table_builder *self)
{
    tl_arena_destroy(self->arena);
    tl_memory_free(self->texts);
    tl_memory_free(self->scores);
    tl_memory_free(self->types);
    tl_memory_free(self->added);
    tl_memory_free(self->added_texts);
    tl_memory_free(self->added_is_normalized);
    tl_memory_free(self->merges);
    tl_memory_free(self->pieces.units);
    *self = (tl_table_builder){0};
}

bool tl_table_builder__add_piece(tl_table_builder *self, tl_slice text, double score, uint8_t type, tl_error *err)
{
    size_t needed = self->count + 1, bad;
    if (self->count == TL_COMPILED_MAX_PIECES)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d pieces, found more", TL_COMPILED_MAX_PIECES);
    if (text.size > MAX_PIECE_SIZE || !tl_text_is_utf8(text, &bad))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected pieces of UTF-8 of at most %d bytes, found another: %zu", MAX_PIECE_SIZE,
                       self->count);
    if (!isfinite(score) || fabs(score) > 1e9)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected scores between -1e9 and 1e9, found %g for piece %zu", score, self->count);
    if (!tl_memory_reserve(&self->texts, &self->text_capacity, needed, sizeof *self->texts, err) ||
        !tl_memory_reserve(&self->scores, &self->score_capacity, needed, sizeof *self->scores, err) ||
        !tl_memory_reserve(&self->types, &self->type_capacity, needed, sizeof *self->types, err))
        return false;
    self->texts[self->count] = text;
    self->scores[self->count] = score;
    self->types[self->count++] = type;
    return true;
}

bool tl_table_builder__add_token(tl_table_builder *self, tl_slice text, int32_t id, uint32_t flags, bool is_normalized,
                                 tl_error *err)
{
    size_t needed = self->added_count + 1;
    if (self->added_count == MAX_ADDED)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d added tokens, found more", MAX_ADDED);
    if (text.size == 0 || text.size > MAX_PIECE_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected added tokens of 1 to %d bytes, found one of %zu", MAX_PIECE_SIZE,
                       text.size);
    if (!tl_memory_reserve(&self->added, &self->added_capacity, needed, sizeof *self->added, err) ||
        !tl_memory_reserve(&self->added_texts, &self->added_text_capacity, needed, sizeof *self->added_texts, err) ||
        !tl_memory_reserve(&self->added_is_normalized, &self->added_normalized_capacity, needed,
                           sizeof *self->added_is_normalized, err))
        return false;
    self->added[self->added_count] = (tl_added_token){id, flags};
    self->added_texts[self->added_count] = text;
    self->added_is_normalized[self->added_count++] = is_normalized;
    return true;
}

bool tl_table_builder__add_step(tl_table_builder *self, tl_compiled_step step, tl_error *err)
{
    if (self->step_count == TL_COMPILED_MAX_STEPS)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d steps before the model, found more",
                       TL_COMPILED_MAX_STEPS);
    self->settings.steps[self->step_count++] = (uint8_t)step;
    return true;
}

/* Which pieces a text can be split into: SentencePiece's unigram does not look for those of its own making. */
static bool is_looked_for(const tl_table_builder *self, size_t id)
{
    if (self->texts[id].size == 0)
        return false;
    if ((self->settings.flags & TL_COMPILED_SENTENCEPIECE) == 0 || self->settings.model != TL_COMPILED_UNIGRAM)
        return true;
    return self->types[id] == TL_PIECE_NORMAL || self->types[id] == TL_PIECE_USER || self->types[id] == TL_PIECE_UNUSED;
}

bool tl_table_builder__index(tl_table_builder *self, tl_error *err)
{
    size_t used = 0;
    tl_trie_key *keys = tl_memory_allocate(self->count, sizeof *keys, err);
    if (keys == NULL)
        return false;
    for (size_t id = 0; id < self->count; id++)
        if (is_looked_for(self, id))
            keys[used++] = (tl_trie_key){self->texts[id], (uint32_t)id};
    bool ok = tl_trie__build(keys, used, self->last_wins, &self->pieces, err);
    tl_memory_free(keys);
    self->in_text_end = self->count;
    return ok;
}

static tl_trie trie_of(const tl_trie_units *units)
{
    return (tl_trie){units->units, (uint32_t)units->count};
}

int32_t tl_table_builder__find(const tl_table_builder *self, tl_slice text)
{
    tl_trie trie = trie_of(&self->pieces);
    return tl_trie__find(&trie, text);
}

bool tl_table_builder__add_merge(tl_table_builder *self, tl_slice left, tl_slice right, tl_error *err)
{
    char joined[2 * MAX_PIECE_SIZE];
    int32_t left_id = tl_table_builder__find(self, left), right_id = tl_table_builder__find(self, right), merged = -1;
    if (left_id >= 0 && right_id >= 0) {
        memcpy(joined, left.data, left.size);
        memcpy(joined + left.size, right.data, right.size);
        merged = tl_table_builder__find(self, (tl_slice){joined, left.size + right.size});
    }
    if (merged < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected merges of pieces to a piece, found '%.*s' '%.*s' as merge %zu",
                       (int)(left.size < 64 ? left.size : 64), left.data, (int)(right.size < 64 ? right.size : 64), right.data,
                       self->merge_count);
    if (self->merge_count == MAX_MERGES)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d merges, found more", MAX_MERGES);
    if (!tl_memory_reserve(&self->merges, &self->merge_capacity, self->merge_count + 1, sizeof *self->merges, err))
        return false;
    self->merges[self->merge_count] =
        (tl_merge){(uint32_t)left_id, (uint32_t)right_id, (uint32_t)self->merge_count, (uint32_t)merged + 1};
    self->merge_count++;
    return true;
}

/* "<0x0A>" is byte 10, as SentencePiece writes it; -1: another text. */
static int byte_of(tl_slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    if (text.size != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    const char *high = memchr(digits, text.data[3], 16), *low = memchr(digits, text.data[4], 16);
    return high != NULL && low != NULL ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

static void find_byte_ids(tl_table_builder *self)
{
    const bool is_marked = (self->settings.flags & TL_COMPILED_SENTENCEPIECE) != 0;
    for (size_t i = 0; i < 256; i++)
        self->settings.byte_ids[i] = -1;
    for (size_t id = 0; (self->settings.flags & TL_COMPILED_BYTE_FALLBACK) != 0 && id < self->in_text_end; id++) {
        int byte = byte_of(self->texts[id]);
        if (byte < 0 || (is_marked && self->types[id] != TL_PIECE_BYTE))
            continue;
        self->settings.byte_ids[byte] = (int32_t)id;
        self->types[id] = TL_PIECE_BYTE;
    }
}

/* SentencePiece: of normal pieces, in floats; the tokenizers package: of all. */
static void find_unknown_score(tl_table_builder *self)
{
    const bool single = (self->settings.flags & TL_COMPILED_SENTENCEPIECE) != 0;
    double lowest = 3.40282346638528859812e+38; /* FLT_MAX: no piece */
    for (size_t id = 0; id < self->in_text_end; id++)
        if ((!single || self->types[id] == TL_PIECE_NORMAL) && self->scores[id] < lowest)
            lowest = self->scores[id];
    self->settings.unknown_score = single ? (float)(lowest - UNKNOWN_PENALTY) : lowest - UNKNOWN_PENALTY;
}

static bool build_added(tl_table_builder *self, bool normalized, tl_trie_units *out, tl_error *err)
{
    size_t used = 0;
    tl_trie_key *keys = tl_memory_allocate(self->added_count, sizeof *keys, err);
    if (keys == NULL)
        return false;
    for (size_t i = 0; i < self->added_count; i++)
        if (self->added_is_normalized[i] == normalized && self->added_texts[i].size != 0)
            keys[used++] = (tl_trie_key){self->added_texts[i], (uint32_t)i};
    bool ok = used == 0 || tl_trie__build(keys, used, true, out, err);
    tl_memory_free(keys);
    return ok;
}

/* The hash has at least twice as many places as merges. */
static bool hash_merges(tl_table_builder *self, tl_merge **places, size_t *place_count, tl_error *err)
{
    if (self->merge_count == 0)
        return true;
    for (*place_count = 16; *place_count < 2 * self->merge_count;)
        *place_count *= 2;
    *places = tl_memory_allocate(*place_count, sizeof **places, err);
    if (*places == NULL)
        return false;
    tl_compiled__hash_merges(self->merges, self->merge_count, *places, *place_count, &self->settings.merge_probes);
    return true;
}

/* Tokens that are looked for in normalized text are looked for as the pipeline makes them. */
static bool normalize_added(tl_table_builder *self, const tl_compiled_parts *parts, tl_error *err)
{
    bool ok = false, has_any = false;
    tl_compiled steps = {0};
    tl_string changed;
    for (size_t i = 0; i < self->added_count; i++)
        has_any = has_any || self->added_is_normalized[i];
    if (!has_any)
        return true;
    tl_string_init(&changed, TL_MAX_NORMALIZED_SIZE);
    if (!tl_compiled__make(parts, NULL, &(tl_compiled_source){0}, &steps, err))
        goto done;
    for (size_t i = 0; i < self->added_count; i++) {
        if (!self->added_is_normalized[i])
            continue;
        tl_string_reset(&changed);
        if (!tl_pipeline__normalize(&steps, self->added_texts[i], &changed, err))
            goto done;
        const char *kept = tl_arena_copy_text(self->arena, changed.data, changed.size, err);
        if (kept == NULL)
            goto done;
        self->added_texts[i] = (tl_slice){kept, changed.size};
    }
    ok = true;
done:
    tl_compiled__close(&steps);
    tl_string_clear(&changed);
    return ok;
}

bool tl_table_builder__finish(tl_table_builder *self, const char *path, const tl_compiled_source *source, tl_compiled *out,
                              tl_error *err)
{
    bool ok = false;
    tl_trie_units raw = {0}, normalized = {0};
    tl_merge *places = NULL;
    size_t place_count = 0;

    find_byte_ids(self);
    find_unknown_score(self);
    self->settings.piece_count = (uint32_t)self->count;
    if (!hash_merges(self, &places, &place_count, err))
        goto done;
    tl_compiled_parts parts = {
        .settings = self->settings,
        .texts = self->texts,
        .scores = self->scores,
        .types = self->types,
        .pieces = trie_of(&self->pieces),
        .rules = self->rules,
        .merges = places,
        .merge_count = place_count,
    };
    if (!normalize_added(self, &parts, err) || !build_added(self, false, &raw, err) || !build_added(self, true, &normalized, err))
        goto done;
    parts.added = self->added;
    parts.added_count = self->added_count;
    parts.added_raw = trie_of(&raw);
    parts.added_normalized = trie_of(&normalized);
    ok = tl_compiled__make(&parts, path, source, out, err);
done:
    tl_memory_free(raw.units);
    tl_memory_free(normalized.units);
    tl_memory_free(places);
    return ok;
}
