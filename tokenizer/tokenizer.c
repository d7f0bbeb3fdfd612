/*
 * The door: opens a vocabulary, and turns texts into rows of T ids and back. Owns the recipe around the vocabulary (clean-up,
 * added ids, cutting, padding) and the check that a text is UTF-8; the pieces are the vocabulary's own. Nothing here changes
 * after opening.
 */
#include "tokenizer/tokenizer.h"

#include "base/core/memory.h"
#include "tokenizer/recipe.h"

enum {
    MAX_TEXT_SIZE = 1 << 20,     /* bytes; kinds count in int, and a rule may lengthen a byte to 128 */
    MAX_CLEANED_SIZE = 16 << 20, /* no clean-up makes a text this much longer */
    MIN_CONTEXT_LENGTH = 3,
    MAX_CONTEXT_LENGTH = 1 << 20
};

struct tl_tokenizer {
    tl_vocabulary vocabulary;
    tl_tokenizer_recipe recipe;
    tl_tokenizer_info info;
};

static bool check_length(size_t length, tl_error *err)
{
    if (length < MIN_CONTEXT_LENGTH || length > MAX_CONTEXT_LENGTH)
        return tl_fail(err, TL_ERROR_INVALID, "expected a context length of %d to %d ids, found %zu", MIN_CONTEXT_LENGTH,
                       MAX_CONTEXT_LENGTH, length);
    return true;
}

tl_tokenizer_recipe tl_tokenizer_recipe__plain(size_t context_length)
{
    return (tl_tokenizer_recipe){
        .cleanup = TL_CLEANUP_NONE,
        .context_length = context_length,
        .first_id = -1,
        .last_id = -1,
        .pad_id = -1,
        .removed_id = -1,
        .class_id = -1,
    };
}

bool tl_tokenizer__create(tl_vocabulary *vocabulary, const tl_tokenizer_recipe *recipe, tl_tokenizer **out, tl_error *err)
{
    tl_tokenizer *self = check_length(recipe->context_length, err) ? tl_memory_allocate(1, sizeof *self, err) : NULL;
    if (self == NULL) {
        vocabulary->kind->close(vocabulary->state);
        return false;
    }
    self->vocabulary = *vocabulary;
    self->recipe = *recipe;
    if (recipe->limit < MIN_CONTEXT_LENGTH || recipe->limit > recipe->context_length)
        self->recipe.limit = recipe->context_length;
    self->info = (tl_tokenizer_info){
        .vocabulary_size = vocabulary->count,
        .context_length = recipe->context_length,
        .pad_id = recipe->pad_id,
        .unknown_id = vocabulary->special.unknown,
        .bos_id = vocabulary->special.bos,
        .eos_id = vocabulary->special.eos,
    };
    memcpy(self->info.fingerprint, vocabulary->fingerprint, sizeof self->info.fingerprint);
    *out = self;
    return true;
}

bool tl_tokenizer_open(const char *path, const tl_tokenizer_options *options, tl_tokenizer **out, tl_error *err)
{
    tl_vocabulary vocabulary;
    if (!check_length(options->context_length, err) || !tl_sentencepiece_vocabulary__open(path, &vocabulary, err))
        return false;
    tl_tokenizer_recipe recipe = tl_tokenizer_recipe__plain(options->context_length);
    recipe.first_id = options->without_bos ? -1 : vocabulary.special.bos;
    recipe.last_id = options->without_eos ? -1 : vocabulary.special.eos;
    recipe.pad_id = vocabulary.special.pad;
    return tl_tokenizer__create(&vocabulary, &recipe, out, err);
}

void tl_tokenizer_close(tl_tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    tokenizer->vocabulary.kind->close(tokenizer->vocabulary.state);
    tl_memory_free(tokenizer);
}

void tl_tokenizer_info_read(const tl_tokenizer *tokenizer, tl_tokenizer_info *out)
{
    *out = tokenizer->info;
}

static bool encode_text(const tl_tokenizer *self, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    size_t bad;
    if (text.size > MAX_TEXT_SIZE)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %d bytes, found %zu", MAX_TEXT_SIZE, text.size);
    if (!tl_text_is_utf8(text, &bad))
        return tl_fail(err, TL_ERROR_INVALID, "expected UTF-8 without NUL, found byte 0x%02x at %zu",
                       (unsigned)(unsigned char)text.data[bad], bad);
    if (self->recipe.cleanup == TL_CLEANUP_NONE)
        return self->vocabulary.kind->encode(self->vocabulary.state, text, out, err);
    tl_string cleaned;
    tl_string_init(&cleaned, MAX_CLEANED_SIZE);
    bool ok = tl_cleanup__apply(self->recipe.cleanup, text, &cleaned, err) &&
              self->vocabulary.kind->encode(self->vocabulary.state, tl_string_slice(&cleaned), out, err);
    tl_string_clear(&cleaned);
    return ok;
}

/* Writes one row of T ids; returns how many of them are the text's: all where something stands behind the padding. */
static uint32_t fill_row(const tl_tokenizer *self, const tl_piece_ids *pieces, int32_t *row)
{
    const tl_tokenizer_recipe *recipe = &self->recipe;
    size_t length = recipe->context_length - (recipe->class_id >= 0);
    size_t limit = recipe->limit < length ? recipe->limit : length;
    size_t added = (size_t)(recipe->first_id >= 0) + (recipe->last_id >= 0);
    size_t kept = pieces->count < limit - added ? pieces->count : limit - added;
    size_t used = recipe->pads_left ? length - kept - added : 0;
    int32_t pad = recipe->pad_id >= 0 ? recipe->pad_id : 0;

    for (size_t i = 0; i < used; i++)
        row[i] = pad;
    if (recipe->first_id >= 0)
        row[used++] = recipe->first_id;
    if (kept != 0)
        memcpy(row + used, pieces->ids, kept * sizeof *row);
    used += kept;
    if (recipe->last_id >= 0)
        row[used++] = recipe->last_id;
    for (size_t i = used; i < length; i++)
        row[i] = pad;
    if (recipe->class_id >= 0) {
        row[length] = recipe->class_id;
        used = length + 1;
    }
    for (size_t i = 0; recipe->removed_id >= 0 && i < recipe->context_length; i++)
        if (row[i] == recipe->removed_id)
            row[i] = 0;
    return (uint32_t)used;
}

bool tl_tokenizer_encode(const tl_tokenizer *tokenizer, const tl_slice *texts, size_t count, int32_t *ids, uint32_t *lengths,
                         tl_error *err)
{
    bool ok = false;
    tl_piece_ids pieces = {0};

    for (size_t i = 0; i < count; i++) {
        if (!encode_text(tokenizer, texts[i], &pieces, err)) {
            tl_fail_within(err, "text %zu", i);
            goto done;
        }
        lengths[i] = fill_row(tokenizer, &pieces, ids + i * tokenizer->info.context_length);
    }
    ok = true;
done:
    tl_memory_free(pieces.ids);
    return ok;
}

bool tl_tokenizer_encode_whole(const tl_tokenizer *tokenizer, tl_slice text, int32_t **ids, size_t *count, tl_error *err)
{
    tl_piece_ids pieces = {0};

    /* One id of room, so that an empty text gives a block to free as well. */
    if (!tl_memory_reserve(&pieces.ids, &pieces.capacity, 1, sizeof *pieces.ids, err))
        return false;
    if (!encode_text(tokenizer, text, &pieces, err)) {
        tl_memory_free(pieces.ids);
        return false;
    }
    *ids = pieces.ids;
    *count = pieces.count;
    return true;
}

static bool is_silent(const tl_tokenizer_info *info, int32_t id)
{
    return id >= 0 && (id == info->pad_id || id == info->bos_id || id == info->eos_id);
}

static bool is_outside(const tl_tokenizer_info *info, int32_t id)
{
    return id < 0 || (size_t)id >= info->vocabulary_size;
}

bool tl_tokenizer_decode(const tl_tokenizer *tokenizer, const int32_t *ids, size_t count, tl_string *text, tl_error *err)
{
    bool ok = false;
    const tl_tokenizer_info *info = &tokenizer->info;
    size_t kept_count = 0, size_before = text->size, bad;
    int32_t *kept = tl_memory_allocate(count, sizeof *kept, err);
    if (kept == NULL)
        goto done;
    for (size_t i = 0; i < count; i++) {
        if (is_outside(info, ids[i])) {
            tl_fail(err, TL_ERROR_INVALID, "expected ids below %zu, found %d at place %zu", info->vocabulary_size, (int)ids[i],
                    i);
            goto done;
        }
        if (!is_silent(info, ids[i]))
            kept[kept_count++] = ids[i];
    }
    if (!tokenizer->vocabulary.kind->decode(tokenizer->vocabulary.state, kept, kept_count, text, err))
        goto done;
    /* The vocabulary's text for unknown pieces is the one part that the check at opening leaves unread. */
    if (!tl_text_is_utf8((tl_slice){text->data + size_before, text->size - size_before}, &bad)) {
        tl_fail(err, TL_ERROR_CORRUPT, "expected a vocabulary that gives UTF-8, found a bad byte at %zu of the text", bad);
        goto done;
    }
    ok = true;
done:
    tl_memory_free(kept);
    return ok;
}

const char *tl_tokenizer_piece(const tl_tokenizer *tokenizer, int32_t id)
{
    return is_outside(&tokenizer->info, id) ? NULL : tokenizer->vocabulary.kind->piece(tokenizer->vocabulary.state, id);
}
