/*
 * The kind "SigLIP SentencePiece", as transformers' SiglipTokenizer (5.24) does it: a text is cut at special tokens ("</s>",
 * which takes the blanks around it along); each stretch between them is cleaned by itself and encoded behind the token for
 * unknown characters, whose pieces are dropped again, so that only the first stretch begins a word.
 */
#include "tokenizer/recipe.h"

#include "base/core/memory.h"
#include "tokenizer/cleanup/unicode.h"

enum { MAX_STRETCH = 1 << 28 };

static const char meta_space[] = "\xE2\x96\x81"; /* U+2581 */

typedef struct special_token {
    char *text;
    int32_t id;
} special_token;

typedef struct siglip {
    tl_vocabulary pieces;
    bool keeps_case;
    char *unknown;
    size_t unknown_count; /* of its pieces */
    int32_t space_id;     /* of the piece U+2581 alone, -1: none */
    special_token *specials;
    size_t special_count;
} siglip;

static void close_state(void *state)
{
    siglip *self = state;
    if (self == NULL)
        return;
    for (size_t i = 0; self->specials != NULL && i < self->special_count; i++)
        tl_memory_free(self->specials[i].text);
    tl_memory_free(self->specials);
    tl_memory_free(self->unknown);
    self->pieces.kind->close(self->pieces.state);
    tl_memory_free(self);
}

/* The longest special token at text[at], NULL: none. */
static const special_token *match_special(const siglip *self, tl_slice text, size_t at)
{
    const special_token *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < self->special_count; i++) {
        size_t size = strlen(self->specials[i].text);
        if (size > best_size && size <= text.size - at && memcmp(text.data + at, self->specials[i].text, size) == 0) {
            best = &self->specials[i];
            best_size = size;
        }
    }
    return best;
}

static bool append_ids(tl_piece_ids *out, const int32_t *ids, size_t count, tl_error *err)
{
    if (!tl_memory_reserve(&out->ids, &out->capacity, out->count + count, sizeof *ids, err))
        return false;
    if (count != 0)
        memcpy(out->ids + out->count, ids, count * sizeof *ids);
    out->count += count;
    return true;
}

/* What is reused from stretch to stretch. */
typedef struct siglip_scratch {
    tl_string stretch;
    tl_piece_ids ids;
} siglip_scratch;

static bool append_stretch(const siglip *self, tl_slice text, siglip_scratch *scratch, tl_piece_ids *out, tl_error *err)
{
    tl_string_reset(&scratch->stretch);
    if (text.size == 0)
        return true;
    tl_cleanup cleanup = self->keeps_case ? TL_CLEANUP_SIGLIP_KEEPS_CASE : TL_CLEANUP_SIGLIP;
    if (!tl_string_append_text(&scratch->stretch, self->unknown, err) ||
        !tl_cleanup__apply(cleanup, text, &scratch->stretch, err) ||
        !self->pieces.kind->encode(self->pieces.state, tl_string_slice(&scratch->stretch), &scratch->ids, err))
        return false;
    size_t dropped = scratch->ids.count >= self->unknown_count ? self->unknown_count : 0;
    return append_ids(out, scratch->ids.ids + dropped, scratch->ids.count - dropped, err);
}

/* Moves past blanks at the start, or takes them from the end. */
static tl_slice trim_blanks(tl_slice text, bool at_start)
{
    while (at_start && text.size != 0) {
        size_t next = 0;
        if (!tl_unicode__is_python_space(tl_unicode__next(text, &next)))
            break;
        text = (tl_slice){text.data + next, text.size - next};
    }
    while (!at_start && text.size != 0) {
        size_t last = text.size - 1;
        while (last > 0 && ((unsigned char)text.data[last] & 0xC0) == 0x80)
            last--;
        size_t at = last;
        if (!tl_unicode__is_python_space(tl_unicode__next(text, &at)))
            break;
        text.size = last;
    }
    return text;
}

/* The text behind U+2581, with a space for each of these in it. */
static bool mark_start(tl_slice text, tl_string *out, tl_error *err)
{
    size_t mark_size = strlen(meta_space), start = 0;
    if (!tl_string_append_text(out, meta_space, err))
        return false;
    for (size_t at = 0; at + mark_size <= text.size;) {
        if (memcmp(text.data + at, meta_space, mark_size) != 0) {
            at++;
            continue;
        }
        if (!tl_string_append(out, text.data + start, at - start, err) || !tl_string_append(out, " ", 1, err))
            return false;
        at += mark_size;
        start = at;
    }
    return tl_string_append(out, text.data + start, text.size - start, err);
}

static bool encode_text(const void *state, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    const siglip *self = state;
    bool ok = false, is_behind_special = false, starts_special = false;
    siglip_scratch scratch = {.ids = {0}};
    tl_string marked;
    tl_string_init(&scratch.stretch, MAX_STRETCH);
    tl_string_init(&marked, MAX_STRETCH);
    out->count = 0;

    if (!mark_start(text, &marked, err))
        goto done;
    tl_slice whole = tl_string_slice(&marked);
    size_t start = 0;
    for (size_t at = 0;;) {
        const special_token *special = at < whole.size ? match_special(self, whole, at) : NULL;
        if (special == NULL && at < whole.size) {
            at++;
            continue;
        }
        tl_slice stretch = {whole.data + start, at - start};
        if (is_behind_special)
            stretch = trim_blanks(stretch, true);
        if (special != NULL)
            stretch = trim_blanks(stretch, false);
        if (!append_stretch(self, stretch, &scratch, out, err))
            goto done;
        if (special == NULL)
            break;
        starts_special = starts_special || (out->count == 1 && out->ids[0] == self->space_id);
        if (!append_ids(out, &special->id, 1, err))
            goto done;
        is_behind_special = true;
        at += strlen(special->text);
        start = at;
    }
    /* A lone mark of a word's start before a special token goes. */
    if (starts_special && out->count > 1) {
        memmove(out->ids, out->ids + 1, (out->count - 1) * sizeof *out->ids);
        out->count--;
    }
    ok = true;
done:
    tl_memory_free(scratch.ids.ids);
    tl_string_clear(&scratch.stretch);
    tl_string_clear(&marked);
    return ok;
}

static bool decode_ids(const void *state, const int32_t *ids, size_t count, tl_string *text, tl_error *err)
{
    const siglip *self = state;
    return self->pieces.kind->decode(self->pieces.state, ids, count, text, err);
}

static const char *piece_of(const void *state, int32_t id)
{
    const siglip *self = state;
    return self->pieces.kind->piece(self->pieces.state, id);
}

static bool copy_specials(siglip *self, const char *const *specials, const int32_t *ids, size_t count, tl_error *err)
{
    self->specials = tl_memory_allocate(count, sizeof *self->specials, err);
    if (self->specials == NULL)
        return false;
    self->special_count = count;
    for (size_t i = 0; i < count; i++) {
        self->specials[i].id = ids[i];
        self->specials[i].text = tl_memory_copy_text(specials[i], strlen(specials[i]), err);
        if (self->specials[i].text == NULL)
            return false;
    }
    return true;
}

/* How many pieces the token for unknown characters makes, and which one a space is. */
static bool measure_pieces(siglip *self, tl_error *err)
{
    tl_piece_ids ids = {0};
    bool ok = self->pieces.kind->encode(self->pieces.state, tl_slice_of(self->unknown), &ids, err);
    self->unknown_count = ids.count;
    self->space_id = -1;
    for (size_t id = 0; ok && id < self->pieces.count && self->space_id < 0; id++)
        if (strcmp(self->pieces.kind->piece(self->pieces.state, (int32_t)id), meta_space) == 0)
            self->space_id = (int32_t)id;
    tl_memory_free(ids.ids);
    return ok;
}

bool tl_siglip__open(tl_vocabulary *pieces, bool keeps_case, const char *unknown, const char *const *specials, const int32_t *ids,
                     size_t special_count, tl_vocabulary *out, tl_error *err)
{
    static const tl_vocabulary_kind kind = {"SigLIP SentencePiece", encode_text, decode_ids, piece_of, close_state};
    siglip *self = tl_memory_allocate(1, sizeof *self, err);
    if (self == NULL) {
        pieces->kind->close(pieces->state);
        return false;
    }
    self->pieces = *pieces;
    self->keeps_case = keeps_case;
    self->unknown = tl_memory_copy_text(unknown, strlen(unknown), err);
    if (self->unknown == NULL || !copy_specials(self, specials, ids, special_count, err) || !measure_pieces(self, err)) {
        close_state(self);
        return false;
    }
    *out = *pieces;
    out->kind = &kind;
    out->state = self;
    return true;
}
