/*
 * The kind "CLIP byte-level BPE". A word's bytes become pieces, the last one with its mark of the word's end; then the two
 * neighbours with the lowest rank are merged, leftmost first, until no two of them are in the list of merges. Short words look
 * for that pair in a row, long ones keep a heap, so that a word of n bytes costs n log n.
 */
#include "tokenizer/clip_bpe_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "tokenizer/cleanup_internal.h"
#include "tokenizer/unicode_internal.h"

enum {
    SHORT_WORD = 40, /* bytes, up to which a row is quicker than a heap */
    MAX_TEXT_BYTES = 64 << 20,
    MAX_CLEANED = 1 << 28,
    FIRST_SLOTS = 1 << 17, /* CLIP's 49,408 pieces and their merges fit without growing */
    BYTE_CHARACTERS = 324  /* code points up to the last that stands for a byte */
};

static const char word_end[] = "</w>";
static const uint32_t no_rank = UINT32_MAX;

typedef struct piece_place {
    uint32_t start, size; /* in the texts */
    bool is_there;
} piece_place;

typedef struct merge_slot {
    int32_t left, right; /* left < 0: empty */
    uint32_t rank;
    int32_t merged;
} merge_slot;

struct tl_clip {
    tl_clip_dialect dialect;
    tl_string texts; /* of all pieces, a NUL after each */
    piece_place *pieces;
    size_t count, piece_capacity; /* count: the highest id and one */
    size_t added;
    uint32_t *by_text; /* id and one by hash of text; 0: empty */
    size_t text_slots;
    merge_slot *merges;
    size_t merge_slots, merge_count;
    int32_t inner[256], last[256];    /* pieces of a byte within a word and at its end */
    int16_t byte_of[BYTE_CHARACTERS]; /* -1: the character stands for no byte */
    tl_clip_special *specials;
    size_t special_count, special_capacity;
};

uint32_t tl_clip__character_of(unsigned byte)
{
    if ((byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE)
        return byte;
    if (byte <= ' ')
        return 0x100 + byte;
    return byte <= 0xA0 ? 0x121 + byte - 0x7F : 0x143;
}

bool tl_clip__create(tl_clip_dialect dialect, tl_clip **out, tl_error *err)
{
    tl_clip *self = tl_memory_allocate(1, sizeof *self, err);
    if (self == NULL)
        return false;
    self->dialect = dialect;
    tl_string_init(&self->texts, MAX_TEXT_BYTES);
    for (size_t i = 0; i < BYTE_CHARACTERS; i++)
        self->byte_of[i] = -1;
    for (unsigned byte = 0; byte < 256; byte++)
        self->byte_of[tl_clip__character_of(byte)] = (int16_t)byte;
    *out = self;
    return true;
}

void tl_clip__destroy(tl_clip *clip)
{
    if (clip == NULL)
        return;
    for (size_t i = 0; i < clip->special_count; i++)
        tl_memory_free(clip->specials[i].text);
    tl_memory_free(clip->specials);
    tl_memory_free(clip->merges);
    tl_memory_free(clip->by_text);
    tl_memory_free(clip->pieces);
    tl_string_clear(&clip->texts);
    tl_memory_free(clip);
}

static tl_slice piece_text(const tl_clip *self, size_t id)
{
    return (tl_slice){self->texts.data + self->pieces[id].start, self->pieces[id].size};
}

/* The slot of a text, or the empty one where it would go. */
static size_t text_slot(const tl_clip *self, tl_slice text)
{
    size_t slot = (size_t)tl_hash64(text.data, text.size) & (self->text_slots - 1);
    while (self->by_text[slot] != 0 && !tl_slice_equal(piece_text(self, self->by_text[slot] - 1), text))
        slot = (slot + 1) & (self->text_slots - 1);
    return slot;
}

int32_t tl_clip__find(const tl_clip *clip, tl_slice text)
{
    return clip->text_slots == 0 ? -1 : (int32_t)clip->by_text[text_slot(clip, text)] - 1;
}

size_t tl_clip__count(const tl_clip *clip)
{
    return clip->count;
}

tl_clip_dialect tl_clip__dialect(const tl_clip *clip)
{
    return clip->dialect;
}

/* Keeps the table of texts at most half full. */
static bool grow_texts(tl_clip *self, tl_error *err)
{
    if (2 * (self->added + 1) <= self->text_slots)
        return true;
    size_t slots = self->text_slots == 0 ? FIRST_SLOTS : 2 * self->text_slots;
    uint32_t *table = tl_memory_allocate(slots, sizeof *table, err);
    if (table == NULL)
        return false;
    tl_memory_free(self->by_text);
    self->by_text = table;
    self->text_slots = slots;
    for (size_t id = 0; id < self->count; id++)
        if (self->pieces[id].is_there)
            table[text_slot(self, piece_text(self, id))] = (uint32_t)id + 1;
    return true;
}

/* Makes the table of pieces reach to an id. */
static bool grow_pieces(tl_clip *self, size_t id, tl_error *err)
{
    size_t before = self->piece_capacity;
    if (!tl_memory_reserve((void **)&self->pieces, &self->piece_capacity, id + 1, sizeof *self->pieces, err))
        return false;
    if (self->piece_capacity != before)
        memset(self->pieces + before, 0, (self->piece_capacity - before) * sizeof *self->pieces);
    return true;
}

bool tl_clip__add_piece(tl_clip *clip, tl_slice text, int64_t id, tl_error *err)
{
    if (id < 0 || id >= TL_CLIP_MAX_PIECES)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an id of 0 to %d, found %lld", TL_CLIP_MAX_PIECES - 1, (long long)id);
    if (text.size == 0 || text.size > TL_CLIP_MAX_PIECE_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a piece of 1 to %d bytes, found %zu", TL_CLIP_MAX_PIECE_SIZE, text.size);
    if (!grow_pieces(clip, (size_t)id, err) || !grow_texts(clip, err))
        return false;
    size_t slot = text_slot(clip, text);
    if (clip->by_text[slot] != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected each piece once, found '%.*s' with id %u and again with id %lld",
                       (int)text.size, text.data, clip->by_text[slot] - 1, (long long)id);
    if (clip->pieces[id].is_there)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected each id once, found %lld for '%s' and for '%.*s'", (long long)id,
                       piece_text(clip, (size_t)id).data, (int)text.size, text.data);
    clip->pieces[id] = (piece_place){(uint32_t)clip->texts.size, (uint32_t)text.size, true};
    if (!tl_string_append(&clip->texts, text.data, text.size, err) || !tl_string_append(&clip->texts, "", 1, err)) {
        clip->pieces[id].is_there = false;
        return false;
    }
    clip->by_text[slot] = (uint32_t)id + 1;
    clip->added++;
    if (clip->count <= (size_t)id)
        clip->count = (size_t)id + 1;
    return true;
}

/* The pieces of one byte, or those for what is unknown. */
static bool find_byte(tl_clip *self, unsigned byte, int32_t unknown, tl_error *err)
{
    bool ok = false;
    tl_string text;
    tl_string_init(&text, 16);
    uint32_t character = tl_clip__character_of(byte);
    if (!tl_unicode__encode(&character, 1, &text, err))
        goto done;
    self->inner[byte] = tl_clip__find(self, tl_string_slice(&text));
    if (!tl_string_append_text(&text, word_end, err))
        goto done;
    self->last[byte] = tl_clip__find(self, tl_string_slice(&text));
    if (unknown < 0 && (self->inner[byte] < 0 || self->last[byte] < 0)) {
        if (self->inner[byte] < 0)
            text.data[text.size - strlen(word_end)] = '\0';
        tl_fail(err, TL_ERROR_CORRUPT, "expected a piece '%s' for byte 0x%02x, found none", text.data, byte);
        goto done;
    }
    if (self->inner[byte] < 0)
        self->inner[byte] = unknown;
    if (self->last[byte] < 0)
        self->last[byte] = unknown;
    ok = true;
done:
    tl_string_clear(&text);
    return ok;
}

static size_t pair_slot(const merge_slot *merges, size_t slots, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (slots - 1);
    while (merges[slot].left >= 0 && (merges[slot].left != left || merges[slot].right != right))
        slot = (slot + 1) & (slots - 1);
    return slot;
}

/* Keeps the table of merges at most half full. */
static bool grow_merges(tl_clip *self, tl_error *err)
{
    if (2 * (self->merge_count + 1) <= self->merge_slots)
        return true;
    size_t slots = self->merge_slots == 0 ? FIRST_SLOTS : 2 * self->merge_slots;
    merge_slot *table = tl_memory_allocate(slots, sizeof *table, err);
    if (table == NULL)
        return false;
    for (size_t i = 0; i < slots; i++)
        table[i].left = -1;
    for (size_t i = 0; i < self->merge_slots; i++)
        if (self->merges[i].left >= 0)
            table[pair_slot(table, slots, self->merges[i].left, self->merges[i].right)] = self->merges[i];
    tl_memory_free(self->merges);
    self->merges = table;
    self->merge_slots = slots;
    return true;
}

bool tl_clip__seal_pieces(tl_clip *clip, const char *unknown, tl_error *err)
{
    int32_t unknown_id = unknown != NULL ? tl_clip__find(clip, tl_slice_of(unknown)) : -1;
    if (clip->added == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected pieces, found none");
    for (size_t id = 0; id < clip->count; id++)
        if (!clip->pieces[id].is_there)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected ids 0 to %zu, found no piece with id %zu", clip->count - 1, id);
    for (unsigned byte = 0; byte < 256; byte++)
        if (!find_byte(clip, byte, unknown_id, err))
            return false;
    return grow_merges(clip, err);
}

bool tl_clip__add_merge(tl_clip *clip, tl_slice left, tl_slice right, tl_error *err)
{
    char whole[2 * TL_CLIP_MAX_PIECE_SIZE];
    if (left.size > TL_CLIP_MAX_PIECE_SIZE || right.size > TL_CLIP_MAX_PIECE_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected pieces of at most %d bytes, found %zu", TL_CLIP_MAX_PIECE_SIZE,
                       left.size > right.size ? left.size : right.size);
    memcpy(whole, left.data, left.size);
    memcpy(whole + left.size, right.data, right.size);
    tl_slice parts[3] = {left, right, {whole, left.size + right.size}};
    int32_t ids[3];
    for (size_t i = 0; i < 3; i++) {
        ids[i] = tl_clip__find(clip, parts[i]);
        if (ids[i] < 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a merge of pieces of the vocabulary into one, found no piece '%.*s'",
                           (int)parts[i].size, parts[i].data);
    }
    if (!grow_merges(clip, err))
        return false;
    merge_slot *slot = &clip->merges[pair_slot(clip->merges, clip->merge_slots, ids[0], ids[1])];
    if (slot->left >= 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected each merge once, found '%.*s %.*s' as number %u and again",
                       (int)left.size, left.data, (int)right.size, right.data, slot->rank + 1);
    *slot = (merge_slot){ids[0], ids[1], (uint32_t)clip->merge_count++, ids[2]};
    return true;
}

bool tl_clip__add_special(tl_clip *clip, const char *text, int32_t id, bool is_normalized, tl_error *err)
{
    for (size_t i = 0; i < clip->special_count; i++)
        if (strcmp(clip->specials[i].text, text) == 0) {
            clip->specials[i].is_normalized = is_normalized;
            return true;
        }
    if (!tl_memory_reserve((void **)&clip->specials, &clip->special_capacity, clip->special_count + 1, sizeof *clip->specials,
                           err))
        return false;
    char *copy = tl_memory_copy_text(text, strlen(text), err);
    if (copy == NULL)
        return false;
    clip->specials[clip->special_count++] = (tl_clip_special){copy, id, is_normalized};
    return true;
}

const tl_clip_special *tl_clip__match_special(const tl_clip *clip, bool is_normalized, tl_slice text, size_t at)
{
    const tl_clip_special *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < clip->special_count; i++) {
        const tl_clip_special *special = &clip->specials[i];
        size_t size = strlen(special->text);
        if (special->is_normalized == is_normalized && size > best_size && size <= text.size - at &&
            memcmp(text.data + at, special->text, size) == 0) {
            best = special;
            best_size = size;
        }
    }
    return best;
}

/* The merge of two neighbours, NULL: none. */
static const merge_slot *find_merge(const tl_clip *self, int32_t left, int32_t right)
{
    const merge_slot *slot = &self->merges[pair_slot(self->merges, self->merge_slots, left, right)];
    return slot->left >= 0 ? slot : NULL;
}

static bool append_id(tl_piece_ids *out, int32_t id, tl_error *err)
{
    if (out->count == out->capacity &&
        !tl_memory_reserve((void **)&out->ids, &out->capacity, out->count + 1, sizeof *out->ids, err))
        return false;
    out->ids[out->count++] = id;
    return true;
}

/* Ranks of the pairs stand beside the pieces; each merge renews two of them. */
static bool encode_short(const tl_clip *self, tl_slice word, tl_piece_ids *out, tl_error *err)
{
    int32_t ids[SHORT_WORD];
    const merge_slot *pairs[SHORT_WORD];
    size_t count = word.size;
    for (size_t i = 0; i < count; i++)
        ids[i] = (i + 1 < count ? self->inner : self->last)[(unsigned char)word.data[i]];
    for (size_t i = 0; i + 1 < count; i++)
        pairs[i] = find_merge(self, ids[i], ids[i + 1]);
    while (count > 1) {
        size_t best = 0;
        uint32_t best_rank = no_rank;
        for (size_t i = 0; i + 1 < count; i++)
            if (pairs[i] != NULL && pairs[i]->rank < best_rank) {
                best_rank = pairs[i]->rank;
                best = i;
            }
        if (best_rank == no_rank)
            break;
        ids[best] = pairs[best]->merged;
        count--;
        for (size_t i = best + 1; i < count; i++) {
            ids[i] = ids[i + 1];
            pairs[i - 1] = pairs[i];
        }
        if (best > 0)
            pairs[best - 1] = find_merge(self, ids[best - 1], ids[best]);
        if (best + 1 < count)
            pairs[best] = find_merge(self, ids[best], ids[best + 1]);
    }
    for (size_t i = 0; i < count; i++)
        if (!append_id(out, ids[i], err))
            return false;
    return true;
}

/* A piece of a long word, linked to its neighbours by place; id < 0: merged into another. */
typedef struct symbol {
    int32_t id;
    uint32_t previous, next;
} symbol;

typedef struct candidate {
    uint32_t rank, place;
    int32_t left, right, merged;
} candidate;

typedef struct long_word {
    symbol *symbols;
    candidate *heap;
    size_t heap_count;
} long_word;

static bool comes_before(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

static void push_pair(const tl_clip *self, long_word *word, uint32_t place)
{
    uint32_t next = word->symbols[place].next;
    if (next == no_rank)
        return;
    const merge_slot *merge = find_merge(self, word->symbols[place].id, word->symbols[next].id);
    if (merge == NULL)
        return;
    candidate added = {merge->rank, place, merge->left, merge->right, merge->merged};
    size_t at = word->heap_count++;
    for (; at > 0 && comes_before(&added, &word->heap[(at - 1) / 2]); at = (at - 1) / 2)
        word->heap[at] = word->heap[(at - 1) / 2];
    word->heap[at] = added;
}

static candidate pop_pair(long_word *word)
{
    candidate first = word->heap[0], moved = word->heap[--word->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < word->heap_count; child = 2 * at + 1) {
        if (child + 1 < word->heap_count && comes_before(&word->heap[child + 1], &word->heap[child]))
            child++;
        if (!comes_before(&word->heap[child], &moved))
            break;
        word->heap[at] = word->heap[child];
        at = child;
    }
    word->heap[at] = moved;
    return first;
}

static void merge_all(const tl_clip *self, long_word *word)
{
    while (word->heap_count != 0) {
        candidate best = pop_pair(word);
        symbol *left = &word->symbols[best.place];
        /* Pairs that a merge took apart stay in the heap until they come up. */
        if (left->id != best.left || left->next == no_rank || word->symbols[left->next].id != best.right)
            continue;
        symbol *right = &word->symbols[left->next];
        left->id = best.merged;
        left->next = right->next;
        right->id = -1;
        if (left->next != no_rank)
            word->symbols[left->next].previous = best.place;
        if (left->previous != no_rank)
            push_pair(self, word, left->previous);
        push_pair(self, word, best.place);
    }
}

static bool encode_long(const tl_clip *self, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    bool ok = false;
    long_word word = {0};
    word.symbols = tl_memory_allocate(text.size, sizeof *word.symbols, err);
    /* One pair for each two neighbours, and two at most for each of the merges, which are fewer than the bytes. */
    word.heap = word.symbols != NULL ? tl_memory_allocate(3 * text.size, sizeof *word.heap, err) : NULL;
    if (word.heap == NULL)
        goto done;
    for (size_t i = 0; i < text.size; i++)
        word.symbols[i] = (symbol){(i + 1 < text.size ? self->inner : self->last)[(unsigned char)text.data[i]],
                                   i == 0 ? no_rank : (uint32_t)i - 1, i + 1 < text.size ? (uint32_t)i + 1 : no_rank};
    for (size_t i = 0; i < text.size; i++)
        push_pair(self, &word, (uint32_t)i);
    merge_all(self, &word);
    for (size_t i = 0; i < text.size; i++)
        if (word.symbols[i].id >= 0 && !append_id(out, word.symbols[i].id, err))
            goto done;
    ok = true;
done:
    tl_memory_free(word.heap);
    tl_memory_free(word.symbols);
    return ok;
}

/* Appends the ids of a text in which no special token is left. */
static bool encode_words(const tl_clip *self, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    tl_clip_walk walk = {.dialect = self->dialect, .text = text};
    tl_slice word;
    while (tl_clip_words__next(&walk, &word)) {
        /* SimpleTokenizer finds its marks among the words, and only where they are a whole one. */
        const tl_clip_special *mark =
            self->dialect == TL_CLIP_OPEN_CLIP && word.data[0] == '<' ? tl_clip__match_special(self, false, word, 0) : NULL;
        bool ok = mark != NULL && strlen(mark->text) == word.size ? append_id(out, mark->id, err)
                  : word.size <= SHORT_WORD                       ? encode_short(self, word, out, err)
                                                                  : encode_long(self, word, out, err);
        if (!ok)
            return false;
    }
    return true;
}

static bool encode_cleaned(const tl_clip *self, tl_slice text, tl_piece_ids *out, tl_error *err);

/* Cuts the text at the special tokens of one sort and encodes what lies between. */
static bool encode_around(const tl_clip *self, bool is_normalized, tl_slice text,
                          bool (*encode)(const tl_clip *self, tl_slice text, tl_piece_ids *out, tl_error *err), tl_piece_ids *out,
                          tl_error *err)
{
    size_t start = 0;
    for (size_t at = 0; at < text.size;) {
        const tl_clip_special *special = tl_clip__match_special(self, is_normalized, text, at);
        if (special == NULL) {
            at++;
            continue;
        }
        if (!encode(self, (tl_slice){text.data + start, at - start}, out, err) || !append_id(out, special->id, err))
            return false;
        at += strlen(special->text);
        start = at;
    }
    return encode(self, (tl_slice){text.data + start, text.size - start}, out, err);
}

static bool encode_cleaned(const tl_clip *self, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    tl_string cleaned;
    tl_string_init(&cleaned, MAX_CLEANED);
    bool ok = tl_cleanup__apply(TL_CLEANUP_CLIP, text, &cleaned, err) &&
              encode_around(self, true, tl_string_slice(&cleaned), encode_words, out, err);
    tl_string_clear(&cleaned);
    return ok;
}

static bool encode_text(const void *state, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    const tl_clip *self = state;
    out->count = 0;
    if (self->dialect == TL_CLIP_OPEN_CLIP)
        return encode_words(self, text, out, err);
    return encode_around(self, false, text, encode_cleaned, out, err);
}

/* Appends the bytes that a piece stands for; its mark of a word's end is a space. */
static bool append_piece(const tl_clip *self, tl_slice piece, tl_string *bytes, tl_error *err)
{
    size_t end_size = strlen(word_end);
    bool ends_word = piece.size > end_size && memcmp(piece.data + piece.size - end_size, word_end, end_size) == 0;
    if (ends_word)
        piece.size -= end_size;
    for (size_t at = 0; at < piece.size;) {
        size_t start = at;
        uint32_t point = tl_unicode__next(piece, &at);
        int byte = point < BYTE_CHARACTERS ? self->byte_of[point] : -1;
        char value = (char)byte;
        if (!(byte >= 0 ? tl_string_append(bytes, &value, 1, err) : tl_string_append(bytes, piece.data + start, at - start, err)))
            return false;
    }
    return !ends_word || tl_string_append(bytes, " ", 1, err);
}

/* Appends bytes as text: what is no UTF-8 becomes U+FFFD, a byte at a time; trailing spaces go. */
static bool append_as_text(tl_slice bytes, tl_string *text, tl_error *err)
{
    while (bytes.size != 0 && bytes.data[bytes.size - 1] == ' ')
        bytes.size--;
    size_t bad;
    while (!tl_text_is_utf8(bytes, &bad)) {
        if (!tl_string_append(text, bytes.data, bad, err) || !tl_string_append_text(text, "\xEF\xBF\xBD", err))
            return false;
        bytes = (tl_slice){bytes.data + bad + 1, bytes.size - bad - 1};
    }
    return tl_string_append(text, bytes.data, bytes.size, err);
}

static bool decode_ids(const void *state, const int32_t *ids, size_t count, tl_string *text, tl_error *err)
{
    const tl_clip *self = state;
    bool ok = false;
    tl_string bytes;
    tl_string_init(&bytes, MAX_CLEANED);
    for (size_t i = 0; i < count; i++)
        if (!append_piece(self, piece_text(self, (size_t)ids[i]), &bytes, err))
            goto done;
    ok = append_as_text(tl_string_slice(&bytes), text, err);
done:
    tl_string_clear(&bytes);
    return ok;
}

static const char *piece_of(const void *state, int32_t id)
{
    return piece_text(state, (size_t)id).data;
}

static void close_state(void *state)
{
    tl_clip__destroy(state);
}

void tl_clip__publish(tl_clip *clip, tl_vocabulary *out)
{
    static const tl_vocabulary_kind kind = {"CLIP byte-level BPE", encode_text, decode_ids, piece_of, close_state};
    out->kind = &kind;
    out->state = clip;
    out->count = clip->count;
}
