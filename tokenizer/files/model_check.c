/*
 * Reads a SentencePiece model file (a protocol buffer, sentencepiece_model.proto) far enough to know that the library can be
 * given it. The library trusts such files: it follows the table of normalization rules without bounds, keeps matches in arrays of
 * fixed size, and ends the process on some contradictions. So everything that it would trust is checked here first; what it
 * checks by itself (duplicate pieces, missing bytes, no unknown piece) is left to it.
 */
#include "tokenizer/files/model_check.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "tokenizer/files/protocol_buffer_internal.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { MODEL_PIECES = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3, MODEL_SELF_TEST = 4, MODEL_DENORMALIZER = 5 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3, NORMALIZER_RULES = 2 };
enum { TYPE_NORMAL = 1, TYPE_USER_DEFINED = 4, TYPE_BYTE = 6 };

enum {
    MAX_PIECES = 1 << 21,
    MAX_PIECE_SIZE = 4096, /* bytes; the trainer allows 512 characters */
    MAX_OTHER_FIELDS = 64, /* of the whole model, pieces apart */
    MAX_INNER_FIELDS = 65536,
    MAX_SELF_TESTS = 1000, /* the trainer's own limit */
    MAX_SELF_TEST_SIZE = 65536,
    MAX_NESTED_SYMBOLS = 64 /* the library's array of user-defined symbols that match at one place */
};

/* Scores are log probabilities, or minus the rank in BPE models; sums over a long text must stay finite. */
static const float MAX_SCORE = 1e9F;

typedef struct checker {
    tl_slice *symbols; /* user-defined pieces, owned array of borrowed texts */
    size_t symbol_count, symbol_capacity;
    size_t piece_count;
    bool has_normalizer;
} checker;

static bool check_piece(checker *self, tl_slice message, tl_error *err)
{
    tl_slice text = {NULL, 0};
    float score = 0;
    int32_t type = TYPE_NORMAL;
    size_t fields = 0;
    for (size_t at = 0; at < message.size;) {
        tl_protocol_field found;
        if (!tl_protocol__next(message, &at, &found, err))
            return false;
        if (++fields > MAX_OTHER_FIELDS)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected text, score and type, found more than %d fields", MAX_OTHER_FIELDS);
        if (found.number == PIECE_TEXT && found.wire == TL_WIRE_BYTES) {
            text = found.bytes;
        } else if (found.number == PIECE_SCORE && found.wire == TL_WIRE_FIXED32) {
            uint32_t bits = (uint32_t)found.value;
            memcpy(&score, &bits, sizeof score);
        } else if (found.number == PIECE_TYPE && found.wire == TL_WIRE_VARINT) {
            int32_t value = (int32_t)(uint32_t)found.value; /* as the library narrows it */
            if (value < TYPE_NORMAL || value > TYPE_BYTE)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected a type of 1 to 6, found %d", (int)value);
            type = value;
        }
    }
    size_t bad;
    if (text.size == 0 || text.size > MAX_PIECE_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a text of 1 to %d bytes, found %zu", MAX_PIECE_SIZE, text.size);
    if (!tl_text_is_utf8(text, &bad))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected UTF-8 text, found a bad byte at %zu", bad);
    if (!isfinite(score) || fabsf(score) > MAX_SCORE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a score between -1e9 and 1e9, found %g", (double)score);
    if (type == TYPE_USER_DEFINED) {
        if (!tl_memory_reserve(&self->symbols, &self->symbol_capacity, self->symbol_count + 1, sizeof *self->symbols, err))
            return false;
        self->symbols[self->symbol_count++] = text;
    }
    return true;
}

static bool check_normalizer(tl_slice message, tl_error *err)
{
    size_t fields = 0;
    for (size_t at = 0; at < message.size;) {
        tl_protocol_field found;
        if (!tl_protocol__next(message, &at, &found, err))
            return false;
        if (++fields > MAX_OTHER_FIELDS)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a few fields, found more than %d", MAX_OTHER_FIELDS);
        if (found.number == NORMALIZER_RULES && found.wire == TL_WIRE_BYTES && found.bytes.size != 0 &&
            !tl_model__check_rules(found.bytes, err))
            return tl_fail_within(err, "normalization rules");
    }
    return true;
}

/* The library encodes each sample while it loads. */
static bool check_self_test(tl_slice message, tl_error *err)
{
    size_t fields = 0;
    for (size_t at = 0; at < message.size;) {
        tl_protocol_field found;
        if (!tl_protocol__next(message, &at, &found, err))
            return false;
        if (++fields > MAX_SELF_TESTS || (found.wire == TL_WIRE_BYTES && found.bytes.size > MAX_SELF_TEST_SIZE))
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d samples of at most %d bytes", MAX_SELF_TESTS,
                           MAX_SELF_TEST_SIZE);
        size_t inner_at = 0;
        while (found.wire == TL_WIRE_BYTES && inner_at < found.bytes.size) {
            tl_protocol_field inner;
            if (!tl_protocol__next(found.bytes, &inner_at, &inner, err))
                return false;
        }
    }
    return true;
}

static bool check_trainer(tl_slice message, tl_error *err)
{
    size_t fields = 0;
    for (size_t at = 0; at < message.size;) {
        tl_protocol_field found;
        if (!tl_protocol__next(message, &at, &found, err))
            return false;
        if (++fields > MAX_INNER_FIELDS)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d fields, found more", MAX_INNER_FIELDS);
    }
    return true;
}

static int compare_texts(const void *left, const void *right)
{
    const tl_slice *a = left, *b = right;
    size_t shared = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->data, b->data, shared);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static bool starts_with(tl_slice text, tl_slice prefix)
{
    return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

/* In sorted order the symbols that begin a symbol form a stack just before it. */
static bool check_symbol_nesting(checker *self, tl_error *err)
{
    tl_slice nested[MAX_NESTED_SYMBOLS];
    size_t depth = 0;
    if (self->symbol_count > 1)
        qsort(self->symbols, self->symbol_count, sizeof *self->symbols, compare_texts);
    for (size_t i = 0; i < self->symbol_count; i++) {
        while (depth > 0 && !starts_with(self->symbols[i], nested[depth - 1]))
            depth--;
        if (depth == MAX_NESTED_SYMBOLS)
            return tl_fail(err, TL_ERROR_UNSUPPORTED,
                           "expected at most %d user-defined symbols that begin one another, found more", MAX_NESTED_SYMBOLS);
        nested[depth++] = self->symbols[i];
    }
    return true;
}

static bool check_part(checker *self, const tl_protocol_field *part, tl_error *err)
{
    switch (part->number) {
    case MODEL_PIECES:
        if (self->piece_count == MAX_PIECES)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d pieces, found more", MAX_PIECES);
        if (!check_piece(self, part->bytes, err))
            return tl_fail_within(err, "piece %zu", self->piece_count);
        self->piece_count++;
        return true;
    case MODEL_TRAINER:
        return check_trainer(part->bytes, err) || tl_fail_within(err, "training options");
    case MODEL_NORMALIZER:
        self->has_normalizer = true;
        return check_normalizer(part->bytes, err) || tl_fail_within(err, "normalizer");
    case MODEL_DENORMALIZER:
        return check_normalizer(part->bytes, err) || tl_fail_within(err, "denormalizer");
    case MODEL_SELF_TEST:
        return check_self_test(part->bytes, err) || tl_fail_within(err, "self test");
    default:
        return true;
    }
}

bool tl_model__check(tl_slice model, tl_error *err)
{
    bool ok = false;
    checker self = {0};
    size_t others = 0;

    for (size_t at = 0; at < model.size;) {
        tl_protocol_field part;
        if (!tl_protocol__next(model, &at, &part, err))
            goto done;
        if (part.number != MODEL_PIECES && ++others > MAX_OTHER_FIELDS) {
            tl_fail(err, TL_ERROR_CORRUPT, "expected pieces and a few other parts, found more than %d others", MAX_OTHER_FIELDS);
            goto done;
        }
        if (part.wire == TL_WIRE_BYTES && !check_part(&self, &part, err))
            goto done;
    }
    if (self.piece_count == 0) {
        tl_fail(err, TL_ERROR_CORRUPT, "expected a sentencepiece model, found no pieces in %zu bytes", model.size);
        goto done;
    }
    /* Trainers write it behind the pieces; without this a file cut between two pieces would open. */
    if (!self.has_normalizer) {
        tl_fail(err, TL_ERROR_CORRUPT, "expected pieces and a normalizer, found no normalizer after %zu pieces",
                self.piece_count);
        goto done;
    }
    ok = check_symbol_nesting(&self, err);
done:
    tl_memory_free(self.symbols);
    return ok;
}
