/*
 * The kind "CLIP byte-level BPE". A word's bytes become pieces, the last one with its mark of the word's end; then the two
 * neighbours with the lowest rank are merged, leftmost first, until no two of them are in the list of merges. Short words look
 * for that pair in a row, long ones keep a heap, so that a word of n bytes costs n log n.
 */
#include "tokenizer/clip/clip_bpe.h"

#include "base/core/memory.h"
#include "base/core/utf8.h"
#include "tokenizer/cleanup/cleanup.h"
#include "tokenizer/cleanup/unicode.h"

enum {
    SHORT_WORD = 40, /* bytes, up to which a row is quicker than a heap */
    MAX_CLEANED = 1 << 28,
    BYTE_CHARACTERS = 324 /* code points up to the last that stands for a byte */
};

static const char word_end[] = "</w>";
static const uint32_t no_rank = UINT32_MAX;

struct tl_clip {
    tl_clip_dialect dialect;
    tl_compiled table;
    const tl_clip_byte_ids *bytes;    /* in the table */
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

bool tl_clip__open(tl_clip_dialect dialect, const tl_clip_source *files, tl_clip **out, char fingerprint[33], tl_error *err)
{
    tl_clip *self = tl_memory_allocate(1, sizeof *self, err);
    if (self == NULL)
        return false;
    self->dialect = dialect;
    for (size_t i = 0; i < BYTE_CHARACTERS; i++)
        self->byte_of[i] = -1;
    for (unsigned byte = 0; byte < 256; byte++)
        self->byte_of[tl_clip__character_of(byte)] = (int16_t)byte;
    if (!tl_clip_table__open(files, &self->table, err)) {
        tl_memory_free(self);
        return false;
    }
    self->bytes = tl_clip_table__bytes(&self->table);
    memcpy(fingerprint, self->table.settings->fingerprint, 32);
    fingerprint[32] = '\0';
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
    tl_compiled__close(&clip->table);
    tl_memory_free(clip);
}

int32_t tl_clip__find(const tl_clip *clip, tl_slice text)
{
    int32_t id = tl_trie__find(&clip->table.pieces, text);
    return tl_compiled__has_piece(&clip->table, id) ? id : -1;
}

bool tl_clip__add_special(tl_clip *clip, const char *text, int32_t id, bool is_normalized, tl_error *err)
{
    for (size_t i = 0; i < clip->special_count; i++)
        if (strcmp(clip->specials[i].text, text) == 0) {
            clip->specials[i].is_normalized = is_normalized;
            return true;
        }
    if (!tl_memory_reserve(&clip->specials, &clip->special_capacity, clip->special_count + 1, sizeof *clip->specials, err))
        return false;
    char *copy = tl_memory_copy_text(text, strlen(text), err);
    if (copy == NULL)
        return false;
    clip->specials[clip->special_count++] = (tl_clip_special){copy, id, is_normalized};
    return true;
}

/* The longest of the tokens to be found in a text that is cleaned (or not) at text[at]; NULL: none. */
static const tl_clip_special *match_special(const tl_clip *clip, bool is_normalized, tl_slice text, size_t at)
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
static const tl_merge *find_merge(const tl_clip *self, int32_t left, int32_t right)
{
    return tl_compiled__find_merge(&self->table, (uint32_t)left, (uint32_t)right);
}

static int32_t piece_of_byte(const tl_clip *self, tl_slice word, size_t at)
{
    return (at + 1 < word.size ? self->bytes->inner : self->bytes->last)[(unsigned char)word.data[at]];
}

/* Ranks of the pairs stand beside the pieces; each merge renews two of them. */
static bool encode_short(const tl_clip *self, tl_slice word, tl_piece_ids *out, tl_error *err)
{
    int32_t ids[SHORT_WORD];
    const tl_merge *pairs[SHORT_WORD];
    size_t count = word.size;
    for (size_t i = 0; i < count; i++)
        ids[i] = piece_of_byte(self, word, i);
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
        ids[best] = (int32_t)pairs[best]->merged - 1;
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
        if (!tl_piece_ids__append(out, ids[i], err))
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
    const tl_merge *merge = find_merge(self, word->symbols[place].id, word->symbols[next].id);
    if (merge == NULL)
        return;
    candidate added = {merge->rank, place, (int32_t)merge->left, (int32_t)merge->right, (int32_t)merge->merged - 1};
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
        word.symbols[i] = (symbol){piece_of_byte(self, text, i), i == 0 ? no_rank : (uint32_t)i - 1,
                                   i + 1 < text.size ? (uint32_t)i + 1 : no_rank};
    for (size_t i = 0; i < text.size; i++)
        push_pair(self, &word, (uint32_t)i);
    merge_all(self, &word);
    for (size_t i = 0; i < text.size; i++)
        if (word.symbols[i].id >= 0 && !tl_piece_ids__append(out, word.symbols[i].id, err))
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
            self->dialect == TL_CLIP_OPEN_CLIP && word.data[0] == '<' ? match_special(self, false, word, 0) : NULL;
        bool ok = mark != NULL && strlen(mark->text) == word.size ? tl_piece_ids__append(out, mark->id, err)
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
        const tl_clip_special *special = match_special(self, is_normalized, text, at);
        if (special == NULL) {
            at++;
            continue;
        }
        if (!encode(self, (tl_slice){text.data + start, at - start}, out, err) || !tl_piece_ids__append(out, special->id, err))
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

/* Appends bytes as text, without trailing spaces. */
static bool append_as_text(tl_slice bytes, tl_string *text, tl_error *err)
{
    while (bytes.size != 0 && bytes.data[bytes.size - 1] == ' ')
        bytes.size--;
    return tl_utf8_append(text, bytes, err);
}

static bool decode_ids(const void *state, const int32_t *ids, size_t count, tl_string *text, tl_error *err)
{
    const tl_clip *self = state;
    bool ok = false;
    tl_string bytes;
    tl_string_init(&bytes, MAX_CLEANED);
    for (size_t i = 0; i < count; i++)
        if (!append_piece(self, tl_compiled__text(&self->table, ids[i]), &bytes, err))
            goto done;
    ok = append_as_text(tl_string_slice(&bytes), text, err);
done:
    tl_string_clear(&bytes);
    return ok;
}

static const char *piece_of(const void *state, int32_t id)
{
    const tl_clip *self = state;
    return tl_compiled__text(&self->table, id).data;
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
    out->count = clip->table.settings->piece_count;
}
