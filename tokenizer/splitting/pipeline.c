/*
 * The way of a text through a compiled table: added tokens are cut out, the rest goes through the table's steps and is split by
 * its model. SentencePiece's way is short (normalizer, model); the tokenizers package's is added_vocabulary.rs, its normalizers
 * and its pre-tokenizers, of which tl_compiled_step lists those that published vocabularies use.
 */
#include "tokenizer/splitting/splitting.h"

#include "base/core/memory.h"
#include "tokenizer/cleanup/reference_characters.h"
#include "tokenizer/cleanup/unicode.h"

static const char meta[] = "\xE2\x96\x81";

enum { META_SIZE = 3 };

typedef struct pipeline {
    const tl_compiled *table;
    tl_piece_ids *out;
    tl_splitting_scratch scratch;
    tl_string text, other, part; /* buffers of the steps, and of a part with its U+2581 */
    tl_code_points points;
} pipeline;

static bool is_ascii(tl_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return true;
}

static bool is_white_ascii(unsigned char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_chinese(uint32_t point)
{
    return (point >= 0x4E00 && point <= 0x9FFF) || (point >= 0x3400 && point <= 0x4DBF) ||
           (point >= 0x20000 && point <= 0x2A6DF) || (point >= 0x2A700 && point <= 0x2B73F) ||
           (point >= 0x2B740 && point <= 0x2B81F) || (point >= 0x2B920 && point <= 0x2CEAF) ||
           (point >= 0xF900 && point <= 0xFAFF) || (point >= 0x2F800 && point <= 0x2FA1F);
}

static bool append_spaced(tl_code_points *out, uint32_t point, tl_error *err)
{
    return tl_unicode__append(out, ' ', err) && tl_unicode__append(out, point, err) && tl_unicode__append(out, ' ', err);
}

/* Steps that look at one character after another: points in place of points. */
static bool change_points(tl_compiled_step step, tl_code_points *points, tl_error *err)
{
    tl_code_points spaced = {0};
    size_t kept = 0;
    switch (step) {
    case TL_STEP_LOWER:
        for (size_t i = 0; i < points->count; i++)
            points->items[i] = tl_reference__young_lower(points->items[i]);
        return tl_unicode__lower(points, false, err);
    case TL_STEP_BERT_CLEAN:
        for (size_t i = 0; i < points->count; i++)
            if (!tl_bert__is_removed(points->items[i]))
                points->items[kept++] = tl_unicode__is_white(points->items[i]) ? ' ' : points->items[i];
        points->count = kept;
        return true;
    case TL_STEP_BERT_ACCENTS:
        if (!tl_unicode__normalize(points, TL_FORM_D, err))
            return false;
        for (size_t i = 0; i < points->count; i++)
            if (!tl_bert__is_mark(points->items[i]))
                points->items[kept++] = points->items[i];
        points->count = kept;
        return true;
    default: /* TL_STEP_BERT_CHINESE */
        for (size_t i = 0; i < points->count; i++) {
            uint32_t point = points->items[i];
            if (!(is_chinese(point) ? append_spaced(&spaced, point, err) : tl_unicode__append(&spaced, point, err))) {
                tl_memory_free(spaced.items);
                return false;
            }
        }
        tl_memory_free(points->items);
        *points = spaced;
        return true;
    }
}

/* The same for text without a byte above 127, in place. */
static void change_ascii(tl_compiled_step step, tl_string *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->size; i++) {
        unsigned char byte = (unsigned char)text->data[i];
        if (step == TL_STEP_LOWER && byte >= 'A' && byte <= 'Z')
            byte = (unsigned char)(byte + 32);
        if (step == TL_STEP_BERT_CLEAN) {
            if (tl_bert__is_removed(byte))
                continue;
            byte = is_white_ascii(byte) ? ' ' : byte;
        }
        text->data[kept++] = (char)byte;
    }
    text->size = kept;
}

static bool change_characters(pipeline *self, tl_compiled_step step, tl_error *err)
{
    size_t bad;
    tl_slice text = tl_string_slice(&self->text);
    if (is_ascii(text)) {
        change_ascii(step, &self->text);
        return true;
    }
    if (!tl_text_is_utf8(text, &bad))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected rules that give UTF-8, found a bad byte at %zu", bad);
    self->points.count = 0;
    if (!tl_unicode__decode(text, &self->points, err) || !change_points(step, &self->points, err))
        return false;
    tl_string_reset(&self->text);
    return tl_unicode__encode(self->points.items, self->points.count, &self->text, err);
}

/* Spaces (at least `least` in a row) to `put`, into self->other. */
static bool replace_spaces(pipeline *self, size_t least, const char *put, tl_error *err)
{
    tl_slice text = tl_string_slice(&self->text);
    for (size_t at = 0, end; at < text.size; at = end) {
        for (end = at; end < text.size && text.data[end] == ' ';)
            end++;
        size_t run = end - at;
        if (run >= least && run != 0) {
            for (size_t i = 0; i < (least == 1 ? run : 1); i++)
                if (!tl_string_append_text(&self->other, put, err))
                    return false;
            continue;
        }
        while (end < text.size && text.data[end] != ' ')
            end++;
        if (!tl_string_append(&self->other, text.data + at, end - at, err))
            return false;
    }
    return true;
}

/* Bytes of white space at the beginning of text; 0: none. */
static size_t white_size(tl_slice text, size_t at)
{
    size_t next = at;
    if (at >= text.size)
        return 0;
    if ((unsigned char)text.data[at] < 0x80)
        return is_white_ascii((unsigned char)text.data[at]) ? 1 : 0;
    size_t size = tl_splitting__character_size(text, at);
    static const size_t needed[16] = {1, 1, 1, 1, 1, 1, 1, 1, 9, 9, 9, 9, 2, 2, 3, 4};
    if (size != needed[(unsigned char)text.data[at] >> 4])
        return 0;
    return tl_unicode__is_white(tl_unicode__next(text, &next)) ? size : 0;
}

static size_t leading_white(tl_slice text)
{
    size_t at = 0;
    for (size_t size; (size = white_size(text, at)) != 0;)
        at += size;
    return at;
}

/* Where the white space at the end of text begins. */
static size_t trailing_white(tl_slice text)
{
    size_t end = text.size;
    while (end != 0) {
        size_t at = end - 1;
        while (at != 0 && end - at < 4 && ((unsigned char)text.data[at] & 0xC0) == 0x80)
            at--;
        if (white_size((tl_slice){text.data, end}, at) != end - at)
            break;
        end = at;
    }
    return end;
}

/* One step on the whole text, self->text to self->text. */
static bool run_step(pipeline *self, tl_compiled_step step, tl_error *err)
{
    tl_slice text = tl_string_slice(&self->text);
    bool ok;
    tl_string_reset(&self->other);
    switch (step) {
    case TL_STEP_RULES:
        ok = tl_rules__normalize_graphemes(self->table, text, &self->other, err);
        break;
    case TL_STEP_SPACE_TO_META:
        ok = replace_spaces(self, 1, meta, err);
        break;
    case TL_STEP_SPACES_TO_SPACE:
        ok = replace_spaces(self, 2, " ", err);
        break;
    case TL_STEP_SPACES_TO_META:
        ok = replace_spaces(self, 2, meta, err);
        break;
    case TL_STEP_STRIP_LEFT: {
        size_t white = leading_white(text);
        ok = tl_string_append(&self->other, text.data + white, text.size - white, err);
        break;
    }
    case TL_STEP_STRIP_RIGHT:
        ok = tl_string_append(&self->other, text.data, trailing_white(text), err);
        break;
    case TL_STEP_PREPEND_META:
        ok = (text.size == 0 || tl_string_append_text(&self->other, meta, err)) &&
             tl_string_append(&self->other, text.data, text.size, err);
        break;
    default:
        return change_characters(self, step, err);
    }
    tl_string swapped = self->text;
    self->text = self->other;
    self->other = swapped;
    return ok;
}

static bool split_by_model(pipeline *self, tl_slice part, tl_error *err)
{
    switch (self->table->settings->model) {
    case TL_COMPILED_UNIGRAM:
        return tl_unigram__split(self->table, part, &self->scratch, self->out, err);
    case TL_COMPILED_WORDS:
        return tl_word_pieces__split(self->table, part, self->out, err);
    default:
        return tl_merges__split(self->table, part, &self->scratch, self->out, err);
    }
}

typedef bool part_splitter(pipeline *self, size_t step, tl_slice part, bool is_first, tl_error *err);

static part_splitter split_part;

/* Gives what stands between white space on. */
static bool split_at_white(pipeline *self, size_t step, tl_slice part, bool is_first, part_splitter *split, tl_error *err)
{
    size_t start = 0, at = 0;
    while (at <= part.size) {
        size_t white = white_size(part, at);
        if (white == 0 && at < part.size) {
            at += tl_splitting__character_size(part, at);
            continue;
        }
        if (at != start && !split(self, step, (tl_slice){part.data + start, at - start}, is_first && start == 0, err))
            return false;
        at += white != 0 ? white : 1;
        start = at;
    }
    return true;
}

static bool split_at_punctuation(pipeline *self, size_t step, tl_slice part, bool is_first, tl_error *err)
{
    size_t start = 0;
    for (size_t at = 0, size; at < part.size; at += size) {
        size_t next = at;
        size = tl_splitting__character_size(part, at);
        if (!tl_bert__is_punctuation(tl_unicode__next(part, &next)))
            continue;
        if (at != start && !split_part(self, step, (tl_slice){part.data + start, at - start}, is_first && start == 0, err))
            return false;
        if (!split_part(self, step, (tl_slice){part.data + at, size}, is_first && at == 0, err))
            return false;
        start = at + size;
    }
    return start == part.size ||
           split_part(self, step, (tl_slice){part.data + start, part.size - start}, is_first && start == 0, err);
}

static bool has_meta(tl_slice text, size_t at)
{
    return text.size - at >= META_SIZE && memcmp(text.data + at, meta, META_SIZE) == 0;
}

/* Metaspace is the last step of any pipeline, so its parts go to the model. */
static bool split_meta(pipeline *self, bool prepends, bool splits, tl_slice part, tl_error *err)
{
    tl_string_reset(&self->part);
    if (prepends && !has_meta(part, 0) && part.data[0] != ' ' && !tl_string_append_text(&self->part, meta, err))
        return false;
    for (size_t start = 0, at = 0; at <= part.size; at++) {
        if (at != part.size && part.data[at] != ' ')
            continue;
        if (!tl_string_append(&self->part, part.data + start, at - start, err) ||
            (at != part.size && !tl_string_append_text(&self->part, meta, err)))
            return false;
        start = at + 1;
    }
    tl_slice whole = tl_string_slice(&self->part);
    for (size_t start = 0, end; start < whole.size; start = end) {
        for (end = start + 1; end < whole.size && !(splits && has_meta(whole, end));)
            end++;
        if (!split_by_model(self, (tl_slice){whole.data + start, end - start}, err))
            return false;
    }
    return true;
}

static bool split_part(pipeline *self, size_t step, tl_slice part, bool is_first, tl_error *err)
{
    const uint8_t *steps = self->table->settings->steps;
    while (step < TL_COMPILED_MAX_STEPS && steps[step] < TL_STEP_SPLIT_WHITE)
        step++;
    if (step == TL_COMPILED_MAX_STEPS)
        return split_by_model(self, part, err);
    switch (steps[step]) {
    case TL_STEP_SPLIT_WHITE:
        return split_at_white(self, step + 1, part, is_first, split_part, err);
    case TL_STEP_SPLIT_BERT:
        return split_at_white(self, step + 1, part, is_first, split_at_punctuation, err);
    case TL_STEP_META_ALWAYS:
    case TL_STEP_META_ALWAYS_WHOLE:
        return split_meta(self, true, steps[step] == TL_STEP_META_ALWAYS, part, err);
    case TL_STEP_META_FIRST:
    case TL_STEP_META_FIRST_WHOLE:
        return split_meta(self, is_first, steps[step] == TL_STEP_META_FIRST, part, err);
    default:
        return split_meta(self, false, steps[step] == TL_STEP_META_NEVER, part, err);
    }
}

/* Letters, digits, marks and "_" as the regular expression \w sees them, all but rare letter-like numbers and signs. */
static bool is_word_character(uint32_t point)
{
    return point == '_' || tl_unicode__is_letter(point) || tl_unicode__is_decimal(point) || tl_unicode__is_mark(point);
}

static bool touches_word(tl_slice text, size_t start, size_t end)
{
    size_t at = start, next = end;
    while (at != 0 && ((unsigned char)text.data[--at] & 0xC0) == 0x80)
        continue;
    return (start != 0 && is_word_character(tl_unicode__next(text, &at))) ||
           (end != text.size && is_word_character(tl_unicode__next(text, &next)));
}

typedef bool part_visitor(pipeline *self, tl_slice part, bool is_first, tl_error *err);

/* Cuts the added tokens of a trie out of text; what lies between them goes to visit. */
static bool split_at_added(pipeline *self, const tl_trie *trie, tl_slice text, bool is_first, part_visitor *visit, tl_error *err)
{
    size_t done = 0, size = 0;
    for (size_t at = 0; at < text.size;) {
        int32_t number = tl_trie__longest(trie, text, at, &size);
        if (number < 0 || (uint32_t)number >= self->table->added_count) {
            at += tl_splitting__character_size(text, at);
            continue;
        }
        tl_added_token added = self->table->added[number];
        size_t start = at, end = at + size;
        at = end;
        if ((added.flags & TL_ADDED_SINGLE_WORD) != 0 && touches_word(text, start, end))
            continue;
        if ((added.flags & TL_ADDED_STRIPS_LEFT) != 0)
            start = trailing_white((tl_slice){text.data, start});
        if (start < done)
            start = done;
        if ((added.flags & TL_ADDED_STRIPS_RIGHT) != 0)
            end += leading_white((tl_slice){text.data + end, text.size - end});
        if (start > done && !visit(self, (tl_slice){text.data + done, start - done}, is_first && done == 0, err))
            return false;
        if (!tl_piece_ids__append(self->out, added.id, err))
            return false;
        done = end;
    }
    return done >= text.size || visit(self, (tl_slice){text.data + done, text.size - done}, is_first && done == 0, err);
}

static bool split_first_part(pipeline *self, tl_slice part, bool is_first, tl_error *err)
{
    return split_part(self, 0, part, is_first, err);
}

static bool normalize(pipeline *self, tl_slice text, tl_error *err)
{
    const uint8_t *steps = self->table->settings->steps;
    size_t bad;
    tl_string_reset(&self->text);
    if (!tl_string_append(&self->text, text.data, text.size, err))
        return false;
    for (size_t i = 0; i < TL_COMPILED_MAX_STEPS && steps[i] < TL_STEP_SPLIT_WHITE; i++)
        if (steps[i] != TL_STEP_NONE && !run_step(self, steps[i], err))
            return false;
    if (!tl_text_is_utf8(tl_string_slice(&self->text), &bad))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected rules that give UTF-8, found a bad byte at %zu", bad);
    return true;
}

static bool normalize_and_split(pipeline *self, tl_slice text, bool is_first, tl_error *err)
{
    return normalize(self, text, err) &&
           split_at_added(self, &self->table->added_normalized, tl_string_slice(&self->text), is_first, split_first_part, err);
}

static void open_pipeline(pipeline *self)
{
    tl_string_init(&self->text, TL_MAX_NORMALIZED_SIZE);
    tl_string_init(&self->other, TL_MAX_NORMALIZED_SIZE);
    tl_string_init(&self->part, TL_MAX_NORMALIZED_SIZE);
}

static void close_pipeline(pipeline *self)
{
    tl_string_clear(&self->text);
    tl_string_clear(&self->other);
    tl_string_clear(&self->part);
    tl_memory_free(self->points.items);
    tl_splitting__clear(&self->scratch);
}

bool tl_pipeline__normalize(const tl_compiled *table, tl_slice text, tl_string *out, tl_error *err)
{
    pipeline self = {.table = table};
    open_pipeline(&self);
    bool ok = normalize(&self, text, err) && tl_string_append(out, self.text.data, self.text.size, err);
    close_pipeline(&self);
    return ok;
}

bool tl_pipeline__encode(const tl_compiled *table, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    bool ok;
    pipeline self = {.table = table, .out = out};
    open_pipeline(&self);
    if ((table->settings->flags & TL_COMPILED_SENTENCEPIECE) != 0)
        ok = tl_rules__normalize(table, text, &self.text, err) && split_by_model(&self, tl_string_slice(&self.text), err);
    else
        ok = split_at_added(&self, &table->added_raw, text, true, normalize_and_split, err);
    close_pipeline(&self);
    return ok;
}
