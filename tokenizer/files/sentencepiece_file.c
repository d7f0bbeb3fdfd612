/*
 * Reads a SentencePiece model file (sentencepiece_model.proto, checked by tl_model__check before) for the table builder, as one
 * of the readers sees it: the library itself, or the tokenizers package after transformers' converters for XLM-RoBERTa, T5 and
 * Gemma.
 */
#include "tokenizer/files/model_check.h"
#include "tokenizer/files/protocol_buffer_internal.h"
#include "tokenizer/files/table_builder_internal.h"

#include <stdio.h>

enum { MODEL_PIECES = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum {
    TRAINER_MODEL_TYPE = 3,
    TRAINER_SPACE_IS_SUFFIX = 24,
    TRAINER_BYTE_FALLBACK = 35,
    TRAINER_UNKNOWN_ID = 40,
    TRAINER_BOS_TEXT = 46,
    TRAINER_EOS_TEXT = 47,
    TRAINER_PAD_TEXT = 48
};
enum { NORMALIZER_RULES = 2, NORMALIZER_DUMMY_PREFIX = 3, NORMALIZER_REMOVES_SPACES = 4, NORMALIZER_ESCAPES_SPACES = 5 };
enum { TYPE_UNIGRAM = 1, TYPE_BPE = 2 };
enum { EXTRA_ID_COUNT = 100, FAIRSEQ_FIRST_PIECE = 3 };

typedef struct model_file {
    tl_table_builder *out;
    tl_published_reader reader;
    size_t piece_number;
    uint64_t model_type;
    int32_t unknown_id; /* this and the names: of the trainer's options */
    tl_slice bos, eos, pad;
} model_file;

static bool read_piece(model_file *self, tl_slice message, tl_error *err)
{
    tl_slice text = {NULL, 0};
    float score = 0;
    uint8_t type = TL_PIECE_NORMAL;
    tl_protocol_field found;
    for (size_t at = 0; at < message.size;) {
        if (!tl_protocol__next(message, &at, &found, err))
            return false;
        if (found.number == PIECE_TEXT && found.wire == TL_WIRE_BYTES) {
            text = found.bytes;
        } else if (found.number == PIECE_SCORE && found.wire == TL_WIRE_FIXED32) {
            uint32_t bits = (uint32_t)found.value;
            memcpy(&score, &bits, sizeof score);
        } else if (found.number == PIECE_TYPE && found.wire == TL_WIRE_VARINT) {
            type = (uint8_t)found.value;
        }
    }
    size_t number = self->piece_number++;
    if (self->reader == TL_READER_FAIRSEQ && number < FAIRSEQ_FIRST_PIECE)
        return true;
    int32_t id = (int32_t)self->out->count;
    bool is_added = self->reader != TL_READER_T5_BARE &&
                    (type == TL_PIECE_USER || (type == TL_PIECE_CONTROL && self->reader != TL_READER_SENTENCEPIECE));
    if (self->reader == TL_READER_SENTENCEPIECE && type == TL_PIECE_UNKNOWN)
        self->out->settings.unknown = id;
    return tl_table_builder__add_piece(self->out, text, (double)score, type, err) &&
           (!is_added || tl_table_builder__add_token(self->out, text, id, 0, false, err));
}

static void set_flag(tl_table_builder *out, uint32_t flag, bool is_set)
{
    out->settings.flags = is_set ? out->settings.flags | flag : out->settings.flags & ~flag;
}

static void read_trainer_number(model_file *self, const tl_protocol_field *found)
{
    if (found->number == TRAINER_MODEL_TYPE)
        self->model_type = found->value;
    else if (found->number == TRAINER_SPACE_IS_SUFFIX)
        set_flag(self->out, TL_COMPILED_SPACE_IS_SUFFIX, found->value != 0);
    else if (found->number == TRAINER_BYTE_FALLBACK)
        set_flag(self->out, TL_COMPILED_BYTE_FALLBACK, found->value != 0);
    else if (found->number == TRAINER_UNKNOWN_ID)
        self->unknown_id = (int32_t)(uint32_t)found->value;
}

static bool read_trainer(model_file *self, tl_slice message, tl_error *err)
{
    tl_protocol_field found;
    for (size_t at = 0; at < message.size;) {
        if (!tl_protocol__next(message, &at, &found, err))
            return false;
        if (found.wire == TL_WIRE_VARINT)
            read_trainer_number(self, &found);
        if (found.wire != TL_WIRE_BYTES)
            continue;
        if (found.number == TRAINER_BOS_TEXT)
            self->bos = found.bytes;
        else if (found.number == TRAINER_EOS_TEXT)
            self->eos = found.bytes;
        else if (found.number == TRAINER_PAD_TEXT)
            self->pad = found.bytes;
    }
    return true;
}

static bool read_normalizer(model_file *self, tl_slice message, tl_error *err)
{
    tl_protocol_field found;
    for (size_t at = 0; at < message.size;) {
        if (!tl_protocol__next(message, &at, &found, err))
            return false;
        if (found.number == NORMALIZER_RULES && found.wire == TL_WIRE_BYTES)
            self->out->rules = found.bytes;
        if (found.wire != TL_WIRE_VARINT)
            continue;
        if (found.number == NORMALIZER_DUMMY_PREFIX)
            set_flag(self->out, TL_COMPILED_DUMMY_PREFIX, found.value != 0);
        else if (found.number == NORMALIZER_REMOVES_SPACES)
            set_flag(self->out, TL_COMPILED_REMOVES_SPACES, found.value != 0);
        else if (found.number == NORMALIZER_ESCAPES_SPACES)
            set_flag(self->out, TL_COMPILED_ESCAPES_SPACES, found.value != 0);
    }
    return true;
}

/* A piece that the converter puts there, and that a text may hold. */
static bool add_special(model_file *self, const char *text, tl_error *err)
{
    tl_slice kept = tl_slice_of(text);
    int32_t id = (int32_t)self->out->count;
    return tl_table_builder__add_piece(self->out, kept, 0, TL_PIECE_CONTROL, err) &&
           tl_table_builder__add_token(self->out, kept, id, 0, false, err);
}

static bool add_extra_ids(model_file *self, tl_error *err)
{
    for (int i = EXTRA_ID_COUNT - 1; i >= 0; i--) {
        char text[24];
        int size = snprintf(text, sizeof text, "<extra_id_%d>", i);
        const char *kept = tl_arena_copy_text(self->out->arena, text, (size_t)size, err);
        if (kept == NULL || !add_special(self, kept, err))
            return false;
    }
    return true;
}

/* The pieces that stand for the text's end and so on are looked for in texts as well. */
static bool add_named(model_file *self, const char *text, int32_t *id, tl_error *err)
{
    *id = tl_table_builder__find(self->out, tl_slice_of(text));
    return *id < 0 || tl_table_builder__add_token(self->out, tl_slice_of(text), *id, 0, false, err);
}

static bool finish_as_t5(model_file *self, tl_error *err)
{
    tl_compiled_settings *settings = &self->out->settings;
    if ((self->reader == TL_READER_T5 && !add_extra_ids(self, err)) || !tl_table_builder__index(self->out, err) ||
        !add_named(self, "<pad>", &settings->pad, err) || !add_named(self, "</s>", &settings->eos, err) ||
        !add_named(self, "<unk>", &settings->unknown, err))
        return false;
    if (self->unknown_id < 0 || (size_t)self->unknown_id >= self->piece_number)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an unknown piece below %zu, found %d", self->piece_number,
                       (int)self->unknown_id);
    settings->unknown = self->unknown_id;
    return true;
}

static bool finish_as_fairseq(model_file *self, tl_error *err)
{
    tl_compiled_settings *settings = &self->out->settings;
    settings->bos = 0;
    settings->pad = 1;
    settings->eos = 2;
    settings->unknown = 3;
    return add_special(self, "<mask>", err) && tl_table_builder__index(self->out, err);
}

/* Bytes of the character that starts with this one. */
static size_t character_size(unsigned char first)
{
    return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Every way to make a piece of two others, by the piece's id, shorter beginnings first: transformers' generate_merges. */
static bool add_implied_merges(tl_table_builder *out, tl_error *err)
{
    for (size_t id = 0; id < out->count; id++) {
        tl_slice text = out->texts[id];
        for (size_t cut = 0; cut < text.size;) {
            cut += character_size((unsigned char)text.data[cut]);
            if (cut >= text.size)
                break;
            tl_slice left = {text.data, cut}, right = {text.data + cut, text.size - cut};
            if (tl_table_builder__find(out, left) >= 0 && tl_table_builder__find(out, right) >= 0 &&
                !tl_table_builder__add_merge(out, left, right, err))
                return false;
        }
    }
    return true;
}

/* GemmaTokenizer knows its named tokens by their texts, and falls back to bytes whatever the file says. */
static bool finish_as_gemma(model_file *self, tl_error *err)
{
    tl_table_builder *out = self->out;
    tl_compiled_settings *settings = &out->settings;
    if (self->model_type != TYPE_BPE)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a BPE model for this kind of tokenizer, found type %u",
                       (unsigned)self->model_type);
    out->last_wins = true;
    out->rules = (tl_slice){NULL, 0};
    settings->model = TL_COMPILED_MERGES_BY_RANK;
    settings->flags = TL_COMPILED_BYTE_FALLBACK | TL_COMPILED_FUSES_UNKNOWN;
    return (self->reader != TL_READER_SIGLIP2 || tl_table_builder__add_step(out, TL_STEP_LOWER, err)) &&
           tl_table_builder__add_step(out, TL_STEP_SPACE_TO_META, err) && tl_table_builder__index(out, err) &&
           add_implied_merges(out, err) && add_named(self, "<pad>", &settings->pad, err) &&
           add_named(self, "<bos>", &settings->bos, err) && add_named(self, "<eos>", &settings->eos, err) &&
           add_named(self, "<unk>", &settings->unknown, err) &&
           (tl_table_builder__find(out, tl_slice_of("<mask>")) >= 0 || add_special(self, "<mask>", err));
}

/* As the library does: the control piece of that name, -1: none. */
static int32_t find_control(const tl_table_builder *out, tl_slice name)
{
    for (size_t id = 0; id < out->count; id++)
        if (out->types[id] == TL_PIECE_CONTROL && tl_slice_equal(out->texts[id], name))
            return (int32_t)id;
    return -1;
}

static bool finish_as_library(model_file *self, tl_error *err)
{
    tl_compiled_settings *settings = &self->out->settings;
    set_flag(self->out, TL_COMPILED_SENTENCEPIECE, true);
    settings->pad = find_control(self->out, self->pad);
    settings->bos = find_control(self->out, self->bos);
    settings->eos = find_control(self->out, self->eos);
    if (settings->unknown < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an unknown piece, found none");
    return tl_table_builder__index(self->out, err);
}

/* XLMRobertaTokenizer and T5Tokenizer build the same pipeline around a Unigram model of the tokenizers package. */
static bool set_pipeline(model_file *self, tl_error *err)
{
    self->out->last_wins = true;
    self->out->settings.flags = TL_COMPILED_FUSES_UNKNOWN;
    if (self->model_type != TYPE_UNIGRAM)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a unigram model for this kind of tokenizer, found type %u",
                       (unsigned)self->model_type);
    return (self->out->rules.size == 0 || tl_table_builder__add_step(self->out, TL_STEP_RULES, err)) &&
           tl_table_builder__add_step(self->out, TL_STEP_SPLIT_WHITE, err) &&
           tl_table_builder__add_step(self->out, TL_STEP_META_ALWAYS, err);
}

static bool add_fairseq_pieces(model_file *self, tl_error *err)
{
    return add_special(self, "<s>", err) && add_special(self, "<pad>", err) && add_special(self, "</s>", err) &&
           add_special(self, "<unk>", err);
}

bool tl_sentencepiece_file__read(tl_slice bytes, tl_published_reader reader, tl_table_builder *out, tl_error *err)
{
    model_file self = {
        .out = out,
        .reader = reader,
        .model_type = TYPE_UNIGRAM,
        .bos = tl_slice_of("<s>"),
        .eos = tl_slice_of("</s>"),
        .pad = tl_slice_of("<pad>"),
    };
    tl_protocol_field part;
    if (!tl_model__check(bytes, err))
        return false;
    out->settings.flags = TL_COMPILED_DUMMY_PREFIX | TL_COMPILED_REMOVES_SPACES | TL_COMPILED_ESCAPES_SPACES;
    if (reader == TL_READER_FAIRSEQ && !add_fairseq_pieces(&self, err))
        return false;
    for (size_t at = 0; at < bytes.size;) {
        if (!tl_protocol__next(bytes, &at, &part, err))
            return false;
        if (part.wire != TL_WIRE_BYTES)
            continue;
        if ((part.number == MODEL_PIECES && !read_piece(&self, part.bytes, err)) ||
            (part.number == MODEL_TRAINER && !read_trainer(&self, part.bytes, err)) ||
            (part.number == MODEL_NORMALIZER && !read_normalizer(&self, part.bytes, err)))
            return false;
    }
    if (self.model_type != TYPE_UNIGRAM && self.model_type != TYPE_BPE)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a unigram or BPE model, found type %u", (unsigned)self.model_type);
    out->settings.model = self.model_type == TYPE_UNIGRAM ? TL_COMPILED_UNIGRAM : TL_COMPILED_MERGES_BY_SCORE;
    if (reader == TL_READER_SENTENCEPIECE)
        return finish_as_library(&self, err);
    if (reader == TL_READER_GEMMA || reader == TL_READER_SIGLIP2)
        return finish_as_gemma(&self, err);
    if (!set_pipeline(&self, err))
        return false;
    if (reader == TL_READER_FAIRSEQ)
        return finish_as_fairseq(&self, err);
    return finish_as_t5(&self, err);
}
