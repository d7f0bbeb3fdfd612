/*
 * The kind "SentencePiece": vocabularies trained here, through the SentencePiece library. Files are checked before the library
 * sees them (model_check.c).
 */
#include "tokenizer/recipe.h"

#include "base/core/hash.h"
#include "base/io/file.h"
#include "tokenizer/files/model_check.h"
#include "tokenizer/sentencepiece/sentencepiece_shim.h"

enum { MAX_MODEL_SIZE = 64 << 20 /* bytes */ };

static bool encode_text(const void *state, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    return tl_sentencepiece__encode(state, text, out, err);
}

static bool decode_ids(const void *state, const int32_t *ids, size_t count, tl_string *text, tl_error *err)
{
    return tl_sentencepiece__decode(state, ids, count, text, err);
}

static const char *piece_of(const void *state, int32_t id)
{
    return tl_sentencepiece__piece(state, id);
}

static void close_state(void *state)
{
    tl_sentencepiece__close(state);
}

bool tl_sentencepiece_vocabulary__open(const char *path, tl_vocabulary *out, tl_error *err)
{
    static const tl_vocabulary_kind kind = {"SentencePiece", encode_text, decode_ids, piece_of, close_state};
    bool ok = false;
    tl_sentencepiece *pieces = NULL;
    tl_string model;
    tl_string_init(&model, MAX_MODEL_SIZE);

    if (!tl_file_read(path, &model, err))
        goto done;
    if (!tl_model__check(tl_string_slice(&model), err) || !tl_sentencepiece__open(tl_string_slice(&model), &pieces, err)) {
        tl_fail_within(err, "vocabulary '%s'", path);
        goto done;
    }
    *out = (tl_vocabulary){
        .kind = &kind,
        .state = pieces,
        .count = tl_sentencepiece__count(pieces),
        .special = tl_sentencepiece__special(pieces),
    };
    tl_hash_text(model.data, model.size, out->fingerprint);
    ok = true;
done:
    tl_string_clear(&model);
    return ok;
}
