/*
 * The door: opens a vocabulary, and turns texts into rows of T ids and back. Owns bos and eos, cutting and padding, and the check
 * that a text is UTF-8; the pieces themselves are the SentencePiece library's. Nothing here changes after opening.
 */
#include "tokenizer/tokenizer.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tokenizer/model_check_internal.h"
#include "tokenizer/sentencepiece_shim.h"

enum {
    MAX_MODEL_SIZE = 64 << 20, /* bytes */
    MAX_TEXT_SIZE = 1 << 20,   /* bytes; the library counts in int, and a rule may lengthen a byte to 128 */
    MIN_CONTEXT_LENGTH = 3,
    MAX_CONTEXT_LENGTH = 1 << 20
};

struct tl_tokenizer {
    tl_sentencepiece *pieces;
    tl_tokenizer_info info;
    int32_t first_id, last_id; /* bos and eos to add, -1: none */
};

static bool check_options(const tl_tokenizer_options *options, tl_error *err)
{
    size_t length = options->context_length;
    if (length < MIN_CONTEXT_LENGTH || length > MAX_CONTEXT_LENGTH)
        return tl_fail(err, TL_ERROR_INVALID, "expected a context length of %d to %d ids, found %zu", MIN_CONTEXT_LENGTH,
                       MAX_CONTEXT_LENGTH, length);
    return true;
}

bool tl_tokenizer_open(const char *path, const tl_tokenizer_options *options, tl_tokenizer **out, tl_error *err)
{
    bool ok = false;
    tl_tokenizer *self = NULL;
    tl_string model;
    tl_string_init(&model, MAX_MODEL_SIZE);

    if (!check_options(options, err) || !tl_file_read(path, &model, err))
        goto done;
    self = tl_memory_allocate(1, sizeof *self, err);
    if (self == NULL)
        goto done;
    if (!tl_model__check(tl_string_slice(&model), err) || !tl_sentencepiece__open(tl_string_slice(&model), &self->pieces, err)) {
        tl_fail_within(err, "vocabulary '%s'", path);
        goto done;
    }
    tl_special_ids special = tl_sentencepiece__special(self->pieces);
    self->info = (tl_tokenizer_info){
        .vocabulary_size = tl_sentencepiece__count(self->pieces),
        .context_length = options->context_length,
        .pad_id = special.pad,
        .unknown_id = special.unknown,
        .bos_id = special.bos,
        .eos_id = special.eos,
    };
    tl_hash_text(model.data, model.size, self->info.fingerprint);
    self->first_id = options->without_bos ? -1 : special.bos;
    self->last_id = options->without_eos ? -1 : special.eos;
    *out = self;
    ok = true;
done:
    if (!ok)
        tl_tokenizer_close(self);
    tl_string_clear(&model);
    return ok;
}

void tl_tokenizer_close(tl_tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    tl_sentencepiece__close(tokenizer->pieces);
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
    return tl_sentencepiece__encode(self->pieces, text, out, err);
}

/* Writes one row of T ids; returns how many come before the padding. */
static uint32_t fill_row(const tl_tokenizer *self, const tl_piece_ids *pieces, int32_t *row)
{
    size_t used = 0, length = self->info.context_length;
    size_t room = length - (self->first_id >= 0) - (self->last_id >= 0);
    size_t kept = pieces->count < room ? pieces->count : room;

    if (self->first_id >= 0)
        row[used++] = self->first_id;
    if (kept != 0)
        memcpy(row + used, pieces->ids, kept * sizeof *row);
    used += kept;
    if (self->last_id >= 0)
        row[used++] = self->last_id;
    for (size_t i = used; i < length; i++)
        row[i] = self->info.pad_id >= 0 ? self->info.pad_id : 0;
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
    if (!tl_memory_reserve((void **)&pieces.ids, &pieces.capacity, 1, sizeof *pieces.ids, err))
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
    if (!tl_sentencepiece__decode(tokenizer->pieces, kept, kept_count, text, err))
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
    return is_outside(&tokenizer->info, id) ? NULL : tl_sentencepiece__piece(tokenizer->pieces, id);
}
