/*
 * Byte-pair encoding by merges (Sennrich et al. 2016): characters are joined pairwise, best pair first, until no neighbours join.
 *
 * By score, as SentencePiece's bpe_model.cc: two neighbours join when their text is a piece, the better score first, then the one
 * further left; user-defined symbols stay whole. Unknown characters become bytes, or one unknown piece for a run.
 * By rank, as the tokenizers package's bpe: two neighbours join when a merge says so, the first in the list first, then the one
 * further left; characters that are no pieces become bytes or an unknown piece before merging.
 *
 * Candidates wait in a heap; one whose neighbours have changed since is dropped when it comes up. Each join makes at most two new
 * ones, so a part of n characters costs n log n.
 */
#include "tokenizer/splitting/splitting.h"

enum { NONE = -1 };

typedef struct symbol {
    int32_t previous, next;
    int32_t id;     /* by rank */
    uint32_t begin; /* by score: the text is [begin, begin + size) of the part */
    uint32_t size;  /* bytes; 0: joined to the one before */
    bool is_frozen;
    tl_trie_place place; /* by score: where its text leads in the trie */
    bool has_place;
} symbol;

typedef struct candidate {
    uint32_t order; /* lower first */
    int32_t left;
    uint32_t size; /* by score: bytes of both; by rank: the merged id, which tells whether the neighbours are still those */
} candidate;

typedef struct merger {
    const tl_compiled *table;
    tl_slice part;
    tl_splitting_scratch *scratch;
    size_t symbol_count, candidate_count;
    bool by_score;
} merger;

static symbol *symbols_of(const merger *self)
{
    return self->scratch->symbols;
}

static bool is_before(const candidate *a, const candidate *b)
{
    if (a->order != b->order)
        return a->order < b->order;
    return a->left != b->left ? a->left < b->left : a->size < b->size;
}

static bool push_candidate(merger *self, candidate added, tl_error *err)
{
    if (!tl_memory_reserve(&self->scratch->queue, &self->scratch->queue_capacity, self->candidate_count + 1, sizeof added, err))
        return false;
    candidate *heap = self->scratch->queue;
    size_t at = self->candidate_count++;
    for (size_t parent; at != 0 && is_before(&added, &heap[parent = (at - 1) / 2]); at = parent)
        heap[at] = heap[parent];
    heap[at] = added;
    return true;
}

static candidate pop_candidate(merger *self)
{
    candidate *heap = self->scratch->queue, first = heap[0], moved = heap[--self->candidate_count];
    size_t at = 0, count = self->candidate_count;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &moved))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
    return first;
}

/* Higher scores first: the order of floats as the library compares them, where -0 is below 0. */
static uint32_t order_of_score(double score)
{
    float single = (float)score;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    return bits >> 31 != 0 ? bits : ~bits & 0x7FFFFFFF;
}

/* Follows the trie from a place over text; false where it ends. */
static bool follow(const tl_trie *trie, tl_trie_place *place, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!tl_trie__step(trie, place, (unsigned char)text[i]))
            return false;
    return true;
}

static bool is_mergeable(const tl_compiled *table, int32_t id)
{
    if (!tl_compiled__has_piece(table, id))
        return false;
    uint8_t type = table->types[id];
    return type == TL_PIECE_NORMAL || type == TL_PIECE_USER || type == TL_PIECE_UNUSED;
}

/* Queues the join of a symbol with the next one, if there is one. */
static bool consider(merger *self, int32_t left, tl_error *err)
{
    const symbol *symbols = symbols_of(self);
    if (left == NONE || symbols[left].next == NONE)
        return true;
    const symbol *a = &symbols[left], *b = &symbols[a->next];
    if (!self->by_score) {
        const tl_merge *merge = tl_compiled__find_merge(self->table, (uint32_t)a->id, (uint32_t)b->id);
        return merge == NULL || push_candidate(self, (candidate){merge->rank, left, merge->merged - 1}, err);
    }
    tl_trie_place place = a->place;
    if (a->is_frozen || b->is_frozen || !a->has_place ||
        !follow(&self->table->pieces, &place, self->part.data + b->begin, b->size))
        return true;
    int32_t id = tl_trie__value(place);
    return !is_mergeable(self->table, id) ||
           push_candidate(self, (candidate){order_of_score(self->table->scores[id]), left, a->size + b->size}, err);
}

/* Whether the neighbours are still the ones that were queued. */
static bool is_current(const merger *self, const candidate *top)
{
    const symbol *left = &symbols_of(self)[top->left];
    if (left->size == 0 || left->next == NONE)
        return false;
    const symbol *right = &symbols_of(self)[left->next];
    if (self->by_score)
        return left->size + right->size == top->size;
    const tl_merge *merge = tl_compiled__find_merge(self->table, (uint32_t)left->id, (uint32_t)right->id);
    return merge != NULL && merge->merged - 1 == top->size;
}

static bool merge_all(merger *self, tl_error *err)
{
    symbol *symbols = symbols_of(self);
    self->candidate_count = 0;
    for (size_t i = 0; i < self->symbol_count; i++)
        if (!consider(self, (int32_t)i, err))
            return false;
    while (self->candidate_count != 0) {
        candidate top = pop_candidate(self);
        if (!is_current(self, &top))
            continue;
        symbol *left = &symbols[top.left], *right = &symbols[left->next];
        if (self->by_score)
            left->has_place = follow(&self->table->pieces, &left->place, self->part.data + right->begin, right->size);
        else
            left->id = (int32_t)top.size;
        left->size += right->size;
        left->next = right->next;
        right->size = 0;
        if (left->next != NONE)
            symbols[left->next].previous = top.left;
        if (!consider(self, left->previous, err) || !consider(self, top.left, err))
            return false;
    }
    return true;
}

static bool append_symbol(merger *self, symbol added, tl_error *err)
{
    tl_splitting_scratch *scratch = self->scratch;
    if (!tl_memory_reserve(&scratch->symbols, &scratch->symbol_capacity, self->symbol_count + 1, sizeof added, err))
        return false;
    symbol *symbols = scratch->symbols;
    added.previous = (int32_t)self->symbol_count - 1;
    added.next = NONE;
    if (self->symbol_count != 0)
        symbols[self->symbol_count - 1].next = (int32_t)self->symbol_count;
    symbols[self->symbol_count++] = added;
    return true;
}

static bool list_symbols_by_score(merger *self, tl_error *err)
{
    const tl_compiled *table = self->table;
    for (size_t at = 0, size; at < self->part.size; at += size) {
        symbol added = {.begin = (uint32_t)at, .place = tl_trie__root(&table->pieces)};
        added.is_frozen = tl_trie__longest(&table->added_raw, self->part, at, &size) >= 0;
        if (!added.is_frozen)
            size = tl_splitting__character_size(self->part, at);
        added.size = (uint32_t)size;
        added.has_place = follow(&table->pieces, &added.place, self->part.data + at, size);
        if (!append_symbol(self, added, err))
            return false;
    }
    return true;
}

static bool append_unknown_by_rank(merger *self, uint32_t size, tl_error *err)
{
    return size == 0 || append_symbol(self, (symbol){.id = self->table->settings->unknown, .size = size}, err);
}

/* In the package's own order: an unknown piece waits for the next known one, past characters that become bytes. */
static bool list_symbols_by_rank(merger *self, tl_error *err)
{
    const tl_compiled *table = self->table;
    const uint32_t flags = table->settings->flags;
    uint32_t waiting = 0; /* bytes of the unknown piece to come */
    for (size_t at = 0, size; at < self->part.size; at += size) {
        size = tl_splitting__character_size(self->part, at);
        tl_slice character = {self->part.data + at, size};
        int32_t id = tl_trie__find(&table->pieces, character);
        if (tl_compiled__has_piece(table, id)) {
            if (!append_unknown_by_rank(self, waiting, err) ||
                !append_symbol(self, (symbol){.id = id, .size = (uint32_t)size}, err))
                return false;
            waiting = 0;
            continue;
        }
        size_t bytes = 0;
        while ((flags & TL_COMPILED_BYTE_FALLBACK) != 0 && bytes < size &&
               table->settings->byte_ids[(unsigned char)character.data[bytes]] >= 0)
            bytes++;
        if (bytes == size) {
            for (size_t i = 0; i < size; i++)
                if (!append_symbol(self, (symbol){.id = table->settings->byte_ids[(unsigned char)character.data[i]], .size = 1},
                                   err))
                    return false;
            continue;
        }
        if (table->settings->unknown < 0)
            continue; /* the package drops it */
        if ((flags & TL_COMPILED_FUSES_UNKNOWN) == 0) {
            if (!append_unknown_by_rank(self, waiting, err))
                return false;
            waiting = 0;
        }
        waiting += (uint32_t)size;
    }
    return append_unknown_by_rank(self, waiting, err);
}

/* A symbol without a piece, when the library finds one: its bytes, or one unknown piece for a run. */
static bool append_unknown_by_score(const merger *self, const symbol *at, bool after_unknown, tl_piece_ids *out, tl_error *err)
{
    const tl_compiled_settings *settings = self->table->settings;
    if ((settings->flags & TL_COMPILED_BYTE_FALLBACK) == 0)
        return after_unknown || tl_piece_ids__append(out, settings->unknown, err);
    for (uint32_t i = 0; i < at->size; i++)
        if (!tl_piece_ids__append(out, settings->byte_ids[(unsigned char)self->part.data[at->begin + i]], err))
            return false;
    return true;
}

static bool append_by_score(const merger *self, tl_piece_ids *out, tl_error *err)
{
    bool after_unknown = false;
    for (int32_t i = self->symbol_count != 0 ? 0 : NONE; i != NONE; i = symbols_of(self)[i].next) {
        const symbol *at = &symbols_of(self)[i];
        int32_t id = at->has_place ? tl_trie__value(at->place) : -1;
        bool is_known = is_mergeable(self->table, id) && self->table->types[id] != TL_PIECE_UNUSED;
        if (!(is_known ? tl_piece_ids__append(out, id, err) : append_unknown_by_score(self, at, after_unknown, out, err)))
            return false;
        after_unknown = !is_known;
    }
    return true;
}

bool tl_merges__split(const tl_compiled *table, tl_slice part, tl_splitting_scratch *scratch, tl_piece_ids *out, tl_error *err)
{
    merger self = {.table = table, .part = part, .scratch = scratch};
    self.by_score = table->settings->model == TL_COMPILED_MERGES_BY_SCORE;
    if (!self.by_score && (table->settings->flags & TL_COMPILED_IGNORES_MERGES) != 0) {
        int32_t id = tl_trie__find(&table->pieces, part);
        if (tl_compiled__has_piece(table, id))
            return tl_piece_ids__append(out, id, err);
    }
    if (!(self.by_score ? list_symbols_by_score(&self, err) : list_symbols_by_rank(&self, err)) || !merge_all(&self, err))
        return false;
    if (self.by_score)
        return append_by_score(&self, out, err);
    for (int32_t i = self.symbol_count != 0 ? 0 : NONE; i != NONE; i = symbols_of(&self)[i].next)
        if (!tl_piece_ids__append(out, symbols_of(&self)[i].id, err))
            return false;
    return true;
}
