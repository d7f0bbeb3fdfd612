/*
 * Reads a tokenizer.json of the tokenizers package for the table builder: the models Unigram, BPE without byte-level letters and
 * WordPiece, with the normalizers and pre-tokenizers that published SentencePiece, Gemma and BERT vocabularies have. A part that
 * is not among these would change ids if it were passed over, so it is refused by name.
 */
#include "tokenizer/files/table_builder_internal.h"

#include "base/core/memory.h"
#include "base/io/json.h"

enum { MAX_DEPTH = 4 };

static const char meta[] = "\xE2\x96\x81";

static bool is_type(const tl_json *part, const char *type)
{
    return strcmp(tl_json_text_or(part, "type", ""), type) == 0;
}

static bool is_text(const tl_json *object, const char *name, const char *text)
{
    const char *found = tl_json_text_or(object, name, NULL);
    return found != NULL && strcmp(found, text) == 0;
}

static bool refuse(const char *kind, const tl_json *part, tl_error *err)
{
    return tl_fail(err, TL_ERROR_UNSUPPORTED,
                   "expected a %s that published SentencePiece, Gemma and BERT vocabularies have, found '%s'", kind,
                   tl_json_text_or(part, "type", "none"));
}

static int base64_digit(char digit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = digit != '\0' ? strchr(digits, digit) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* Into the builder's arena. */
static bool decode_base64(tl_table_builder *out, const char *text, tl_error *err)
{
    size_t size = strlen(text), used = 0, padding = 0;
    if (size % 4 != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected rules in base64, found %zu digits", size);
    unsigned char *bytes = tl_arena_allocate(out->arena, size / 4 * 3 + 1, 1, err);
    if (bytes == NULL)
        return false;
    while (padding < 2 && size > padding && text[size - 1 - padding] == '=')
        padding++;
    for (size_t at = 0; at < size; at += 4) {
        uint32_t group = 0;
        for (size_t i = at; i < at + 4; i++) {
            int digit = i >= size - padding ? 0 : base64_digit(text[i]);
            if (digit < 0)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected rules in base64, found another character at %zu", i);
            group = group << 6 | (uint32_t)digit;
        }
        bytes[used++] = (unsigned char)(group >> 16);
        bytes[used++] = (unsigned char)(group >> 8);
        bytes[used++] = (unsigned char)group;
    }
    out->rules = (tl_slice){(const char *)bytes, used - padding};
    return true;
}

static bool read_replace(const tl_json *part, tl_table_builder *out, tl_error *err)
{
    const tl_json *pattern = tl_json_member(part, "pattern");
    if (is_text(pattern, "String", " ") && is_text(part, "content", meta))
        return tl_table_builder__add_step(out, TL_STEP_SPACE_TO_META, err);
    if (is_text(pattern, "Regex", " {2,}") && is_text(part, "content", " "))
        return tl_table_builder__add_step(out, TL_STEP_SPACES_TO_SPACE, err);
    if (is_text(pattern, "Regex", " {2,}") && is_text(part, "content", meta))
        return tl_table_builder__add_step(out, TL_STEP_SPACES_TO_META, err);
    return refuse("replacement of spaces", part, err);
}

static bool read_strip(const tl_json *part, tl_table_builder *out, tl_error *err)
{
    return (!tl_json_bool_or(part, "strip_left", true) || tl_table_builder__add_step(out, TL_STEP_STRIP_LEFT, err)) &&
           (!tl_json_bool_or(part, "strip_right", true) || tl_table_builder__add_step(out, TL_STEP_STRIP_RIGHT, err));
}

static bool read_bert_normalizer(const tl_json *part, tl_table_builder *out, tl_error *err)
{
    bool lowers = tl_json_bool_or(part, "lowercase", true);
    return (!tl_json_bool_or(part, "clean_text", true) || tl_table_builder__add_step(out, TL_STEP_BERT_CLEAN, err)) &&
           (!tl_json_bool_or(part, "handle_chinese_chars", true) || tl_table_builder__add_step(out, TL_STEP_BERT_CHINESE, err)) &&
           (!tl_json_bool_or(part, "strip_accents", lowers) || tl_table_builder__add_step(out, TL_STEP_BERT_ACCENTS, err)) &&
           (!lowers || tl_table_builder__add_step(out, TL_STEP_LOWER, err));
}

static bool read_normalizer(const tl_json *part, tl_table_builder *out, unsigned depth, tl_error *err)
{
    if (part == NULL)
        return true;
    if (is_type(part, "Sequence") && depth < MAX_DEPTH) {
        const tl_json *parts = tl_json_member(part, "normalizers");
        for (size_t i = 0; i < tl_json_array_size(parts); i++)
            if (!read_normalizer(tl_json_array_item(parts, i), out, depth + 1, err))
                return false;
        return true;
    }
    if (is_type(part, "Precompiled")) {
        const char *rules;
        if (out->rules.size != 0)
            return refuse("single table of rules", part, err);
        return tl_json_get_text(part, "precompiled_charsmap", &rules, err) && decode_base64(out, rules, err) &&
               tl_table_builder__add_step(out, TL_STEP_RULES, err);
    }
    if (is_type(part, "Lowercase"))
        return tl_table_builder__add_step(out, TL_STEP_LOWER, err);
    if (is_type(part, "Replace"))
        return read_replace(part, out, err);
    if (is_type(part, "Strip"))
        return read_strip(part, out, err);
    if (is_type(part, "Prepend") && is_text(part, "prepend", meta))
        return tl_table_builder__add_step(out, TL_STEP_PREPEND_META, err);
    if (is_type(part, "BertNormalizer"))
        return read_bert_normalizer(part, out, err);
    return refuse("normalizer", part, err);
}

static bool read_metaspace(const tl_json *part, tl_table_builder *out, tl_error *err)
{
    bool splits = tl_json_bool_or(part, "split", true);
    /* Files older than prepend_scheme have add_prefix_space. */
    const char *scheme =
        tl_json_text_or(part, "prepend_scheme", tl_json_bool_or(part, "add_prefix_space", true) ? "always" : "never");
    if (!is_text(part, "replacement", meta))
        return refuse("Metaspace of U+2581", part, err);
    if (strcmp(scheme, "always") == 0)
        return tl_table_builder__add_step(out, splits ? TL_STEP_META_ALWAYS : TL_STEP_META_ALWAYS_WHOLE, err);
    if (strcmp(scheme, "first") == 0)
        return tl_table_builder__add_step(out, splits ? TL_STEP_META_FIRST : TL_STEP_META_FIRST_WHOLE, err);
    if (strcmp(scheme, "never") == 0)
        return tl_table_builder__add_step(out, splits ? TL_STEP_META_NEVER : TL_STEP_META_NEVER_WHOLE, err);
    return refuse("Metaspace that prepends always, first or never", part, err);
}

static bool read_pre_tokenizer(const tl_json *part, tl_table_builder *out, unsigned depth, tl_error *err)
{
    if (part == NULL)
        return true;
    if (out->step_count != 0 && out->settings.steps[out->step_count - 1] >= TL_STEP_META_ALWAYS)
        return refuse("pre-tokenizer that ends with Metaspace", part, err);
    if (is_type(part, "Sequence") && depth < MAX_DEPTH) {
        const tl_json *parts = tl_json_member(part, "pretokenizers");
        for (size_t i = 0; i < tl_json_array_size(parts); i++)
            if (!read_pre_tokenizer(tl_json_array_item(parts, i), out, depth + 1, err))
                return false;
        return true;
    }
    if (is_type(part, "WhitespaceSplit"))
        return tl_table_builder__add_step(out, TL_STEP_SPLIT_WHITE, err);
    if (is_type(part, "Metaspace"))
        return read_metaspace(part, out, err);
    if (is_type(part, "BertPreTokenizer"))
        return tl_table_builder__add_step(out, TL_STEP_SPLIT_BERT, err);
    /* Gemma's: the normalizer has left no space to split at. */
    if (is_type(part, "Split") && is_text(tl_json_member(part, "pattern"), "String", " ") && out->step_count != 0 &&
        out->settings.steps[out->step_count - 1] == TL_STEP_SPACE_TO_META)
        return true;
    return refuse("pre-tokenizer", part, err);
}

/* The document goes before the table is compiled, so the builder keeps its own copies. */
static bool keep_text(tl_table_builder *out, const char *text, tl_slice *kept, tl_error *err)
{
    size_t size = strlen(text);
    const char *copy = tl_arena_copy_text(out->arena, text, size, err);
    *kept = (tl_slice){copy, size};
    return copy != NULL;
}

static bool read_scored_pieces(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    const tl_json *pieces = tl_json_member(model, "vocab");
    size_t count = tl_json_array_size(pieces);
    for (size_t i = 0; i < count; i++) {
        const tl_json *pair = tl_json_array_item(pieces, i);
        const char *text = tl_json_text(tl_json_array_item(pair, 0));
        double score;
        tl_slice kept;
        if (text == NULL || !tl_json_number(tl_json_array_item(pair, 1), &score))
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a text and a score as piece %zu, found another value", i);
        if (!keep_text(out, text, &kept, err) || !tl_table_builder__add_piece(out, kept, score, TL_PIECE_NORMAL, err))
            return false;
    }
    return true;
}

/* Pieces by the ids that their object gives them. */
typedef struct numbered_pieces {
    tl_slice *texts; /* [count] */
    size_t count;
    tl_table_builder *out;
    tl_error *err;
} numbered_pieces;

static bool find_count(void *context, const char *name, const tl_json *value)
{
    numbered_pieces *self = context;
    int64_t id;
    if (!tl_json_integer(value, &id) || id < 0 || id >= TL_COMPILED_MAX_PIECES)
        return tl_fail(self->err, TL_ERROR_CORRUPT, "expected an id below %d for piece '%s', found another value",
                       TL_COMPILED_MAX_PIECES, name);
    if ((size_t)id >= self->count)
        self->count = (size_t)id + 1;
    return true;
}

static bool place_piece(void *context, const char *name, const tl_json *value)
{
    numbered_pieces *self = context;
    int64_t id = 0;
    (void)tl_json_integer(value, &id);
    if (self->texts[id].data != NULL)
        return tl_fail(self->err, TL_ERROR_CORRUPT, "expected ids that differ, found %d for '%s' and another piece", (int)id,
                       name);
    return keep_text(self->out, name, &self->texts[id], self->err);
}

static bool read_numbered_pieces(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    bool ok = false;
    const tl_json *pieces = tl_json_member(model, "vocab");
    numbered_pieces self = {.out = out, .err = err};
    if (!tl_json_is_object(pieces) || tl_json_object_size(pieces) == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected pieces in the member 'vocab', found none");
    if (!tl_json_each_member(pieces, find_count, &self))
        return false;
    self.texts = tl_memory_allocate(self.count, sizeof *self.texts, err);
    if (self.texts == NULL || !tl_json_each_member(pieces, place_piece, &self))
        goto done;
    for (size_t id = 0; id < self.count; id++)
        if (!tl_table_builder__add_piece(out, self.texts[id].data != NULL ? self.texts[id] : tl_slice_of(""), 0, TL_PIECE_NORMAL,
                                         err))
            goto done;
    ok = true;
done:
    tl_memory_free(self.texts);
    return ok;
}

static bool read_merges(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    const tl_json *merges = tl_json_member(model, "merges");
    size_t count = tl_json_array_size(merges);
    for (size_t i = 0; i < count; i++) {
        const tl_json *item = tl_json_array_item(merges, i);
        const char *joined = tl_json_text(item), *space = joined != NULL ? strchr(joined, ' ') : NULL;
        tl_slice left = tl_slice_of(tl_json_text(tl_json_array_item(item, 0)));
        tl_slice right = tl_slice_of(tl_json_text(tl_json_array_item(item, 1)));
        if (space != NULL) {
            left = (tl_slice){joined, (size_t)(space - joined)};
            right = tl_slice_of(space + 1);
        }
        if (left.size == 0 || right.size == 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected two pieces as merge %zu, found another value", i);
        if (!tl_table_builder__add_merge(out, left, right, err))
            return false;
    }
    return true;
}

static void set_flag(tl_table_builder *out, uint32_t flag, bool is_set)
{
    if (is_set)
        out->settings.flags |= flag;
}

/* A prefix or suffix that marks the places of pieces in words would have to be known to the merges. */
static bool has_affix(const tl_json *model)
{
    return tl_json_text_or(model, "continuing_subword_prefix", "")[0] != '\0' ||
           tl_json_text_or(model, "end_of_word_suffix", "")[0] != '\0';
}

static bool find_unknown(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    const char *text = tl_json_text_or(model, "unk_token", NULL);
    if (text == NULL)
        return true;
    out->settings.unknown = tl_table_builder__find(out, tl_slice_of(text));
    return out->settings.unknown >= 0 ||
           tl_fail(err, TL_ERROR_CORRUPT, "expected the unknown token '%s' among the pieces, found it missing", text);
}

static bool read_unigram(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    int64_t unknown = tl_json_integer_or(model, "unk_id", -1);
    out->settings.model = TL_COMPILED_UNIGRAM;
    if (!read_scored_pieces(model, out, err))
        return false;
    if (unknown < -1 || unknown >= (int64_t)out->count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an unk_id below %zu, found another", out->count);
    out->settings.unknown = (int32_t)unknown;
    return tl_table_builder__index(out, err);
}

static bool read_bpe(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    out->settings.model = TL_COMPILED_MERGES_BY_RANK;
    set_flag(out, TL_COMPILED_FUSES_UNKNOWN, tl_json_bool_or(model, "fuse_unk", false));
    set_flag(out, TL_COMPILED_IGNORES_MERGES, tl_json_bool_or(model, "ignore_merges", false));
    if (tl_json_number_or(model, "dropout", 0) > 0 || has_affix(model))
        return refuse("BPE without dropout and without marks of place", model, err);
    return read_numbered_pieces(model, out, err) && tl_table_builder__index(out, err) && read_merges(model, out, err) &&
           find_unknown(model, out, err);
}

static bool read_word_pieces(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    const char *continuing = tl_json_text_or(model, "continuing_subword_prefix", "##");
    int64_t longest = tl_json_integer_or(model, "max_input_chars_per_word", 100);
    out->settings.model = TL_COMPILED_WORDS;
    if (strlen(continuing) >= sizeof out->settings.continuing || longest < 1 || longest > 1 << 20)
        return refuse("WordPiece with a short prefix and words of a known length", model, err);
    memcpy(out->settings.continuing, continuing, strlen(continuing) + 1);
    out->settings.max_word_characters = (uint32_t)longest;
    return read_numbered_pieces(model, out, err) && tl_table_builder__index(out, err) && find_unknown(model, out, err);
}

static bool read_model(const tl_json *model, tl_table_builder *out, tl_error *err)
{
    set_flag(out, TL_COMPILED_BYTE_FALLBACK, tl_json_bool_or(model, "byte_fallback", false));
    if (is_type(model, "Unigram"))
        return read_unigram(model, out, err);
    if (is_type(model, "BPE"))
        return read_bpe(model, out, err);
    if (is_type(model, "WordPiece"))
        return read_word_pieces(model, out, err);
    return refuse("model", model, err);
}

/* Ids as the package gives them: the piece of that text, else the next one behind the pieces. */
static bool read_added(const tl_json *tokens, tl_table_builder *out, tl_error *err)
{
    size_t count = tl_json_array_size(tokens);
    for (size_t i = 0; i < count; i++) {
        const tl_json *token = tl_json_array_item(tokens, i);
        const char *text;
        tl_slice kept;
        int64_t given;
        if (!tl_json_get_text(token, "content", &text, err) || !keep_text(out, text, &kept, err) ||
            !tl_json_get_integer(token, "id", 0, TL_COMPILED_MAX_PIECES - 1, &given, err))
            return tl_fail_within(err, "added token %zu", i);
        if (kept.size == 0)
            continue;
        int32_t id = tl_table_builder__find(out, kept);
        if (id < 0) {
            if ((size_t)given < out->in_text_end || (size_t)given > out->count)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected the id %zu for the added token '%s', found %d", out->count, text,
                               (int)given);
            id = (int32_t)given;
            if ((size_t)id == out->count && !tl_table_builder__add_piece(out, kept, 0, TL_PIECE_CONTROL, err))
                return false;
        }
        if (tl_json_bool_or(token, "special", false))
            out->types[id] = TL_PIECE_CONTROL;
        uint32_t flags = (tl_json_bool_or(token, "single_word", false) ? TL_ADDED_SINGLE_WORD : 0U) |
                         (tl_json_bool_or(token, "lstrip", false) ? TL_ADDED_STRIPS_LEFT : 0U) |
                         (tl_json_bool_or(token, "rstrip", false) ? TL_ADDED_STRIPS_RIGHT : 0U);
        bool is_normalized = tl_json_bool_or(token, "normalized", !tl_json_bool_or(token, "special", false));
        if (!tl_table_builder__add_token(out, kept, id, flags, is_normalized, err))
            return false;
    }
    return true;
}

/* The file says what pads and ends texts elsewhere; the names are those of the families read here. */
static int32_t find_named(const tl_table_builder *out, const char *const names[3])
{
    for (size_t n = 0; n < 3; n++)
        for (size_t i = 0; i < out->added_count; i++)
            if (tl_slice_equal(out->added_texts[i], tl_slice_of(names[n])))
                return out->added[i].id;
    return -1;
}

bool tl_pipeline_json__read(tl_slice bytes, tl_table_builder *out, tl_error *err)
{
    static const char *const pads[3] = {"<pad>", "[PAD]", "<|pad|>"}, *const begins[3] = {"<bos>", "<s>", "[CLS]"};
    static const char *const ends[3] = {"<eos>", "</s>", "[SEP]"};
    bool ok = false;
    tl_json *document = NULL;
    if (!tl_json_parse(bytes, "tokenizer.json", &document, err))
        return false;
    out->last_wins = true;
    ok = read_normalizer(tl_json_member(document, "normalizer"), out, 0, err) &&
         read_pre_tokenizer(tl_json_member(document, "pre_tokenizer"), out, 0, err) &&
         read_model(tl_json_member(document, "model"), out, err) &&
         read_added(tl_json_member(document, "added_tokens"), out, err);
    tl_json_free(document);
    if (!ok)
        return false;
    out->settings.pad = find_named(out, pads);
    out->settings.bos = find_named(out, begins);
    out->settings.eos = find_named(out, ends);
    return true;
}
